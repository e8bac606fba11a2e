"""What arrives after the end is kept beside the attempt, shown to its person and her physician, and never scored."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from certificates import actions as proof
from certificates.results import result_of
from compliance import records
from compliance.waiting import waiting_for
from quizzes import actions, late
from quizzes.models import Attempt, AttemptItem, LateAnswer, Response, Seal
from staff import clock
from staff.models import AuditEvent
from tests import emptied, factories
from tests.quizzes.test_statements import getting

MINUTE = timedelta(minutes=1)


@pytest.fixture
def attempt(cast, module) -> Attempt:
    """Open, with the first question answered."""
    made = factories.make_attempt(person=cast.aesthetician, course=module, seed="a seed")
    item = item_of(made)
    actions.save_answer(
        attempt_id=made.public_id, person=cast.aesthetician, position=1, answer=item.shown[0][0], base_revision=0,
        client_key="in time",
    )  # fmt: skip
    return made


def item_of(attempt: Attempt, position: int = 1) -> AttemptItem:
    return attempt.items.get(position=position)


def keep(attempt: Attempt, *, position: int = 1, choice: int = 1, key: str = "late", base: int = 1, **more):
    token = item_of(attempt, position).shown[choice][0]
    sent: dict[str, Any] = {
        "attempt_id": attempt.public_id, "person": attempt.candidacy.person, "position": position, "answer": token,
        "base_revision": base, "client_key": key,
    }  # fmt: skip
    return late.keep(**sent | more)


def post(person, attempt: Attempt, *, position: int = 1, script: bool = True, **data):
    client = Client()
    client.force_login(person)
    path = reverse("quizzes:attempt-save", args=[attempt.public_id, position])
    return client, client.post(path, data, headers={"Accept": "application/json" if script else "text/html"})


def over(attempt: Attempt):
    return clock.at(attempt.deadline_at + 61 * timedelta(seconds=1))


def test_what_comes_after_the_end_is_kept_and_counts_for_nothing(cast, attempt, now):
    result = reverse("certificates:attempt-result", args=[attempt.public_id])
    chosen_at = now + timedelta(hours=2)
    item = item_of(attempt)
    data = {"answer": item.shown[1][0], "revision": "1", "key": "late", "at": int(chosen_at.timestamp() * 1000)}
    with over(attempt):
        for _ in range(2):  # the reply was lost, and it is sent again
            _, got = post(cast.aesthetician, attempt, **data)
            assert (got.status_code, got.json()) == (409, {"state": "ended", "url": result, "answer": "kept"})
        row = LateAnswer.objects.get()
        assert (row.item, row.number, row.answer, row.base_revision) == (item, 1, item.shown[1][0], 1)
        assert (row.client_key, row.chosen_at, row.arrived_at) == ("late", chosen_at, clock.now())
        event = AuditEvent.objects.get(action="answer.kept-late")
        assert (event.actor, json.loads(event.body)) == (cast.aesthetician, late.told_of(row))
        done = proof.settle(attempt=attempt)
        assert (done.attempt.state, done.attempt.ended_at) == ("expired", attempt.deadline_at)
        assert item_of(attempt).answer == item.answer == item.shown[0][0]
        assert item.shown[1][0] not in [row["answer"] for row in json.loads(Seal.objects.get().text)["items"]]
        assert [row.payload for row in Response.objects.all()] == [item.answer]
        (told,) = result_of(done.attempt).late
        words = {option["id"]: option["text"] for option in item.question_version.content["options"]}
        assert (told.answer, told.counted) == (words[item.shown[1][1]], words[item.shown[0][1]])
        assert not told.overtaken
        call_command("verify_records")


def test_kept_for_a_week_after_the_end_and_no_longer(attempt):
    for after in (timedelta(0), MINUTE):
        with clock.at(attempt.deadline_at + after), pytest.raises(late.NotKept):  # still in time: it is saved, not kept
            keep(attempt)
    with clock.at(attempt.deadline_at + timedelta(days=7)):
        assert keep(attempt)
    with clock.at(attempt.deadline_at + timedelta(days=7, seconds=1)), pytest.raises(late.NotKept):
        keep(attempt, key="later")


def test_after_handing_in_it_is_kept_before_the_deadline_too(cast, module):
    """Another device was without a connection while she handed in here."""
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item, sealed = item_of(done.attempt), done.attempt.seal.text
    other = next(n for n, (token, _) in enumerate(item.shown) if token != item.answer)
    with clock.at(clock.now() + MINUTE):
        assert keep(done.attempt, choice=other, base=0).base_revision == 0
        (told,) = result_of(done.attempt).late
        assert told.overtaken, "the answer that counted was saved after this one was chosen"
    assert Seal.objects.get().text == sealed
    assert proof.outcome_of(done.attempt) == done.outcome


def test_with_the_clock_put_back_the_trail_says_what_came_first(attempt):
    """An answer after the end, at what the server's corrected clock calls a time before it."""
    with over(attempt):
        proof.settle(attempt=attempt)
    row = keep(attempt)
    assert row.arrived_at < Attempt.objects.get().ended_at
    call_command("verify_records")


def test_an_answer_kept_before_the_end_does_not_add_up(attempt):
    with over(attempt):
        keep(attempt)
    with emptied.unguarded():
        LateAnswer.objects.update(arrived_at=attempt.deadline_at - MINUTE)
    found = [finding.what for finding in records.verify(everything=True).findings]
    assert any("when it arrived" in what for what in found)


def test_what_was_saved_in_time_is_not_kept_again(cast, attempt):
    _, second, *_ = (token for token, _ in item_of(attempt).shown)
    actions.save_answer(
        attempt_id=attempt.public_id, person=cast.aesthetician, position=1, answer=second, base_revision=1, client_key="2"
    )  # fmt: skip
    with over(attempt):
        assert keep(attempt, choice=1, key="another device") is None, "the answer that counts"
        assert keep(attempt, choice=0, key="in time", base=0) is None, "its acknowledgement was lost"
        _, got = post(cast.aesthetician, attempt, answer=second, revision="2", key="again")
        assert got.json()["answer"] == "stored"
    assert not LateAnswer.objects.exists()


def test_few_answers_to_a_question_are_kept(attempt):
    with over(attempt):
        kept = [keep(attempt, choice=n % 2 + 1, key=f"k{n}") for n in range(LateAnswer.MOST)]
        assert [row.number for row in kept] == [1, 2, 3, 4, 5]
        with pytest.raises(late.NotKept):
            keep(attempt, key="one more")
        assert keep(attempt, choice=1, key="k0") == kept[0], "repeated, it is the one that is kept"
        assert keep(attempt, position=2, choice=1, base=0).number == 1


def test_what_cannot_be_an_answer_is_not_kept(cast, attempt):
    with over(attempt):
        for answer in ("a", "x" * 5000, "deadbeefdeadbeef", " ".join(token for token, _ in item_of(attempt).shown)):
            _, got = post(cast.aesthetician, attempt, answer=answer, revision="1", key="k")
            assert (got.status_code, got.json()["answer"]) == (409, "lost")
    assert not LateAnswer.objects.exists()


def test_the_time_of_the_device_is_kept_as_it_says_and_left_out_where_it_is_none(cast, attempt):
    """A clock that runs wrong is told as what it is; a stale revision and a long key do no harm either."""
    token = item_of(attempt).shown[1][0]
    with over(attempt):
        post(cast.aesthetician, attempt, answer=token, revision="9" * 30, key="k" * 300, at="86400000")
        for position, at in enumerate(("", "soon", "-1", "9" * 14, "1e5"), start=2):
            answer = item_of(attempt, position).shown[1][0]
            post(cast.aesthetician, attempt, position=position, answer=answer, revision="0", key="k", at=at)
    first, *rest = LateAnswer.objects.order_by("pk")
    assert (first.chosen_at, first.base_revision, first.client_key) == (datetime(1970, 1, 2, tzinfo=UTC), 1, "k" * 64)
    assert [row.chosen_at for row in rest] == [None] * 5


def test_nobody_elses_attempt_takes_it(cast, attempt):
    with over(attempt):
        for person in (cast.colleague, cast.physician, cast.other_aesthetician):
            _, got = post(person, attempt, answer=item_of(attempt).shown[1][0], revision="1", key="k")
            assert got.status_code in (403, 404)
        with pytest.raises(AttemptItem.DoesNotExist):
            keep(attempt, person=cast.colleague)
    assert not LateAnswer.objects.exists()


def test_the_database_keeps_it_as_it_came(attempt):
    item = item_of(attempt)
    with pytest.raises(DatabaseError, match="an answer is late once its attempt is over"), transaction.atomic():
        LateAnswer.objects.create(item=item, number=1, answer="x", base_revision=0, client_key="k")
    with over(attempt):
        row = keep(attempt)
    for change in (lambda: LateAnswer.objects.update(answer=""), row.delete):
        with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
            change()
    with over(attempt), pytest.raises(DatabaseError, match="lateanswer_few"), transaction.atomic():
        LateAnswer.objects.create(item=item, number=6, answer="x", base_revision=0, client_key="k")


def test_without_javascript_the_result_says_what_became_of_it(cast, attempt):
    token = item_of(attempt).shown[1][0]
    with over(attempt):
        client, got = post(cast.aesthetician, attempt, script=False, answer=token, revision="1", key="k", last="6")
        assert got["Location"] == reverse("certificates:attempt-result", args=[attempt.public_id])
        page = client.get(got["Location"]).text
        assert "Your answer to question 1 arrived after the end of the attempt. It is kept for your physician" in page
        assert "One answer reached the site after this attempt had ended." in page
    with clock.at(attempt.deadline_at + timedelta(days=8)):
        client, got = post(cast.aesthetician, attempt, script=False, answer=token, revision="1", key="k2")
        assert "too long after the end of the attempt to be kept" in client.get(got["Location"]).text


def test_the_physician_sees_it_and_is_asked_until_she_has_decided(cast, attempt):
    client = Client()
    with over(attempt):
        keep(attempt, chosen_at=attempt.started_at)
        client.force_login(cast.physician)
        assert 'id="late"' not in client.get(reverse("certificates:review-queue")).text, "her queue settles it"
        attempt.refresh_from_db()
        path = reverse("certificates:review-detail", args=[attempt.public_id])
        page = client.get(path).text
        assert "Arrived after the end" in page
        assert "by the clock of the device, which nobody has checked" in page
    with clock.at(attempt.deadline_at + timedelta(days=1)):
        _review(attempt, cast.physician)
        assert not waiting_for(cast.physician).critical
    with clock.at(attempt.deadline_at + timedelta(days=2)):
        keep(attempt, position=2, base=0)
        (row,) = waiting_for(cast.physician).critical
        assert (row.attempt, row.late) == (attempt, 2), "one more came after the review"
    with clock.at(attempt.deadline_at + timedelta(days=3)):
        _review(attempt, cast.physician)
        assert not waiting_for(cast.physician).critical


def _review(attempt: Attempt, by) -> None:
    proof.review(
        attempt=attempt,
        decision="returned",
        text="Read it again.",
        restudy=[],
        suspend=True,
        seen=factories.seen(attempt.seal_sha256, by),
        by=by,
    )


def test_a_miss_of_ordinary_points_waits_only_for_its_late_answers(client, cast, module, now):
    """Otherwise such an attempt, with more to come, is nobody's task; and a pass never is."""
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    passed = factories.make_finished(person=cast.colleague, course=module)
    assert not waiting_for(cast.physician).critical
    with clock.at(now + MINUTE):
        for finished in (done, passed):
            item = item_of(finished.attempt, 2)
            other = next(n for n, (token, _) in enumerate(item.shown) if token != item.answer)
            keep(finished.attempt, position=2, choice=other)
        (row,) = waiting_for(cast.physician).critical
        assert (row.attempt, row.critical, row.late_words) == (done.attempt, 0, "1 came late")
        client.force_login(cast.physician)
        home = client.get("/").text
        assert "that came after the end" in home
        assert "1 came late" in home
        queue = client.get(reverse("certificates:review-queue")).text
        assert "Waiting (1)" in queue


def test_result_costs_the_same_with_one_and_with_many(cast, attempt):
    with over(attempt):
        proof.settle(attempt=attempt)
        keep(attempt)
        one = getting(cast.aesthetician, "certificates:attempt-result", attempt.public_id)
        for n in range(4):
            keep(attempt, position=n + 2, base=0)
        assert len(getting(cast.aesthetician, "certificates:attempt-result", attempt.public_id)) == len(one)


def test_a_visit_settles_what_ran_out(client, cast, attempt):
    """Her own home, or her physician's queue: either alone suffices, and tick is not needed."""
    for person, path in ((cast.aesthetician, "/"), (cast.physician, reverse("certificates:review-queue"))):
        with transaction.atomic():
            client.force_login(person)
            with over(attempt):
                assert client.get(path).status_code == 200
            attempt.refresh_from_db()
            assert (attempt.state, attempt.ended_at) == ("expired", attempt.deadline_at)
            transaction.set_rollback(True)
        attempt.refresh_from_db()
