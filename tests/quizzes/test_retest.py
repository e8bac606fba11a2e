"""The critical re-test: the cut met and one critical item missed, three others on that point decide. Once a cycle."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse

from certificates import actions as proof
from certificates.models import Certificate
from compliance.waiting import waiting_for
from quizzes import actions, eligibility
from quizzes.drawing import PoolItem, Unfillable, retest
from quizzes.models import Attempt, Candidacy, QuizVersion, Seal
from quizzes.queries import is_locked, standing, with_attempts
from staff import clock
from staff.models import OutgoingMail
from tests import factories

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def course(cast):
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest())


@pytest.fixture
def missed(cast, course, now):
    """An attempt with the cut met and one critical item wrong."""
    return factories.make_finished(person=cast.aesthetician, course=course, critical_wrong=1).attempt


def code_now(cast, course) -> str:
    where = standing(cast.aesthetician, course.quiz, cast.lakeside)
    return eligibility.verdict(where, clock.now()).code


def read_again(cast, course) -> None:
    with clock.at(clock.now() + MINUTE):
        factories.read_all(person=cast.aesthetician, course=course)


def start(cast, course) -> Attempt:
    with clock.at(clock.now() + 2 * MINUTE):
        return actions.start(person=cast.aesthetician, quiz=course.quiz, clinic=cast.lakeside)


def take(cast, course, *, wrong: int = 0):
    again = start(cast, course)
    with clock.at(clock.now() + 3 * MINUTE):
        factories.answer(attempt=again, critical_wrong=wrong)
        return proof.submit(attempt=again, by=cast.aesthetician)


# Drawing, pure


def pool(*codes: str, point: str = "p") -> list[PoolItem]:
    return [PoolItem(code, "s", "apply", frozenset({point}), frozenset({point})) for code in codes]


def drawn(items, *, met=None, without=(), seed="seed", places=2) -> list[str]:
    form = retest(items, point="p", without=frozenset(without), met=met or {}, places=places, seed=seed)
    return [item.code for item in form]


def test_draw_prefers_unseen_then_the_longest_ago():
    monday, tuesday = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    assert drawn(pool("a", "b", "c"), met={"a": tuesday, "b": monday}) == ["c", "b"]


def test_draw_leaves_out_what_the_attempt_had_and_other_points():
    assert set(drawn([*pool("a", "b", "c"), *pool("d", point="q")], without={"a"})) == {"b", "c"}


def test_draw_follows_the_seed():
    forms = {tuple(drawn(pool(*"abcdef"), seed=str(n))) for n in range(30)}
    assert len(forms) > 5
    assert drawn(pool(*"abcdef")) == drawn(list(reversed(pool(*"abcdef"))))


def test_draw_refuses_a_short_pool():
    with pytest.raises(Unfillable, match="p has 1 other items for a re-test of 2"):
        drawn(pool("a", "b"), without={"b"})


# The sitting


def test_opens_when_the_passage_is_read_again(cast, course, missed):
    assert code_now(cast, course) == "retest-read"
    with pytest.raises(actions.NotOpen):
        start(cast, course)
    read_again(cast, course)
    assert code_now(cast, course) == "retest"


def test_three_others_on_the_missed_point(cast, course, missed):
    read_again(cast, course)
    again = start(cast, course)
    assert (again.kind, again.parent, again.number) == ("critical_retest", missed, None)
    codes = {item.question_version.question.code for item in again.items.all()}
    points = {point.point_version.key_point.code for item in again.items.all() for point in item.points.all()}
    wrong = missed.items.get(marks__points=0)
    assert points == {point.point_version.key_point.code for point in wrong.points.all()}
    assert len(codes) == 3
    assert wrong.question_version.question.code not in codes
    assert again.deadline_at - again.started_at == DAY
    assert start(cast, course) == again, "starting again resumes it"


def test_all_right_passes_and_the_certificate_cites_both(cast, course, missed):
    read_again(cast, course)
    done = take(cast, course)
    assert done.outcome.passed
    assert done.certificate.attempt == done.attempt
    assert done.certificate.attempt_line == (
        "Attempt 1 of 2 November 2026 with the critical re-test of 2 November 2026."
    )
    assert Candidacy.objects.get().closed_at is not None
    assert missed.outcomes.get().passed is False, "the attempt stays what it was"
    sealed = json.loads(Seal.objects.get(attempt=done.attempt).text)
    assert (sealed["kind"], sealed["number"], sealed["quiz"]["cut"], sealed["quiz"]["items"]) == (
        "critical_retest", None, 3, 3,
    )  # fmt: skip
    call_command("verify_records")


def test_one_wrong_fails_and_there_is_no_second(cast, course, missed):
    read_again(cast, course)
    done = take(cast, course, wrong=1)
    assert (done.outcome.passed, done.certificate) == (False, None)
    assert code_now(cast, course) == "reread"
    read_again(cast, course)
    assert standing(cast.aesthetician, course.quiz, cast.lakeside).attempts_used == 1
    with clock.at(clock.now() + 5 * MINUTE):
        factories.read_all(person=cast.aesthetician, course=course)
        assert code_now(cast, course) == "wait"
    with clock.at(clock.now() + DAY):
        factories.make_finished(person=cast.aesthetician, course=course, critical_wrong=1)
        factories.read_all(person=cast.aesthetician, course=course)
        assert standing(cast.aesthetician, course.quiz, cast.lakeside).retest is None
    call_command("verify_records")


@pytest.mark.parametrize(
    ("wrong", "critical_wrong"), [pytest.param(0, 2, id="two critical"), pytest.param(1, 1, id="below the cut")]
)
def test_no_retest(cast, course, now, wrong, critical_wrong):
    factories.make_finished(person=cast.aesthetician, course=course, wrong=wrong, critical_wrong=critical_wrong)
    read_again(cast, course)
    with clock.at(clock.now() + 5 * MINUTE):
        assert code_now(cast, course) == "wait"


def test_rules_without_one(cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    assert QuizVersion.objects.get().retest_items == 0
    assert code_now(cast, module) == "reread"


def test_last_attempt_is_no_lock_while_a_retest_is_open(cast, course, now):
    begin = clock.now()
    for day in range(3):
        with clock.at(begin + day * DAY):
            factories.read_all(person=cast.aesthetician, course=course)
            factories.make_finished(
                person=cast.aesthetician, course=course, wrong=0 if day == 2 else 4, critical_wrong=1, read=False
            )

    def locked() -> bool:
        return is_locked(with_attempts(Candidacy.objects.all()).get())

    with clock.at(begin + 2 * DAY):
        assert code_now(cast, course) == "retest-read"
        assert not locked()
        assert not waiting_for(cast.physician).locked
        assert not OutgoingMail.objects.filter(dedupe_key__startswith="locked:").exists()
        read_again(cast, course)
        again = start(cast, course)
        assert not locked(), "it runs"
        with clock.at(clock.now() + 3 * MINUTE):
            factories.answer(attempt=again, critical_wrong=1)
            proof.submit(attempt=again, by=cast.aesthetician)
        assert code_now(cast, course) == "locked"
        assert locked()
        assert [row.attempt.number for row in waiting_for(cast.physician).locked] == [3]
        assert OutgoingMail.objects.filter(dedupe_key__startswith="locked:").exists()


def test_talk_is_refused_while_a_retest_is_open(cast, course, client, now):
    begin = clock.now()
    for day in range(3):
        with clock.at(begin + day * DAY):
            factories.read_all(person=cast.aesthetician, course=course)
            last = factories.make_finished(
                person=cast.aesthetician, course=course, wrong=0 if day == 2 else 4, critical_wrong=1, read=False
            ).attempt
    with clock.at(begin + 2 * DAY), pytest.raises(Exception, match="no talk is needed"):
        proof.record_talk(
            candidacy=last.candidacy,
            text="Talked.",
            seen=factories.seen(last.seal_sha256, cast.physician),
            by=cast.physician,
        )


def test_time_over_is_scored_as_stored(cast, course, missed):
    read_again(cast, course)
    again = start(cast, course)
    with clock.at(again.deadline_at + 2 * MINUTE):
        done = proof.settle(attempt=again)
    assert done is not None
    assert (done.attempt.state, done.outcome.passed) == ("expired", False)


# The pages


def page(client, name: str, *args) -> str:
    response = client.get(reverse(name, args=args), follow=True)
    assert response.status_code == 200
    return " ".join(response.text.split())


def test_pages_lead_through_it(client, cast, course, missed):
    client.force_login(cast.aesthetician)
    result = reverse("certificates:attempt-result", args=[missed.public_id])
    assert "One such miss leads to the critical re-test" in page(
        client, "certificates:attempt-result", missed.public_id
    )
    assert "then a short re-test decides" in page(client, "compliance:home")
    assert "then the re-test opens" in page(client, "quizzes:quiz-detail", "needle-depth")
    read_again(cast, course)
    with clock.at(clock.now() + 2 * MINUTE):
        assert "Take the critical re-test" in page(client, "compliance:home")
        assert "The re-test is open" in client.get(result).text
        assert "Start the re-test" in page(client, "quizzes:quiz-detail", "needle-depth")
        response = client.post(reverse("quizzes:quiz-detail", args=["needle-depth"]), {"declared": "yes"})
        again = Attempt.objects.get(kind="critical_retest")
        assert response.url == reverse("quizzes:attempt-take", args=[again.public_id])
        assert "Critical re-test: " in client.get(response.url).text
        check = page(client, "quizzes:attempt-check", again.public_id)
        assert "3 of 3" in check
        assert "This is the critical re-test." in check
        factories.answer(attempt=again)
        client.post(reverse("certificates:attempt-submit", args=[again.public_id]))
        done = page(client, "certificates:attempt-result", again.public_id)
        assert "Critical re-test after attempt 1" in done
        assert "Your certificate is ready" in done
        assert "Passed with the critical re-test" in client.get(result).text
        paper = Certificate.objects.get()
        assert paper.attempt_line in page(client, "certificates:verify-code", paper.code)
        client.force_login(cast.physician)
        assert "Critical re-test · " in page(client, "certificates:review-detail", again.public_id)
        for name in ("certificates:review-queue", "compliance:matrix"):
            page(client, name)
        assert "Critical re-test" in page(client, "compliance:person-detail", cast.aesthetician.public_id)
