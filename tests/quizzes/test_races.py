"""Many at once, on both engines: SQLite's own queue of writers hides races that PostgreSQL shows."""

import pytest

from certificates import actions as proof
from certificates import regrading
from certificates.models import Certificate
from compliance import records
from quizzes import actions as sitting
from quizzes import asking
from quizzes.models import (
    Attempt,
    AttemptItem,
    Candidacy,
    Enquiry,
    EnquiryAnswer,
    Mark,
    Outcome,
    Regrade,
    Response,
    Seal,
)
from quizzes.regrades import since_regrades
from staff import canonical, clock, signing
from staff.models import AuditEvent, OutgoingMail, Signature
from tests import factories
from tests.threads import at_once
from training.actions import confirm_reading
from training.models import Adoption, ReadingConfirmation
from training.queries import places

pytestmark = pytest.mark.django_db(transaction=True)


def adds_up() -> bool:
    report = records.verify(everything=True)
    assert report.findings == []
    return True


def save(item: AttemptItem, *, token: str, base: int = 0, key: str = "") -> object:
    return sitting.save_answer(
        attempt_id=item.attempt.public_id,
        person=item.attempt.candidacy.person,
        position=item.position,
        answer=token,
        base_revision=base,
        client_key=key or f"key-{token}",
    )


def test_fifty_submits_give_one_certificate_and_the_same_outcome(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    factories.answer(attempt=attempt)
    done = at_once(*[lambda: proof.submit(attempt=attempt, by=cast.aesthetician)] * 50)
    assert {(one.outcome.pk, one.certificate.code) for one in done} == {
        (Outcome.objects.get().pk, Certificate.objects.get().code)
    }
    assert Certificate.objects.get().number == "PP-2026-000001"
    assert Seal.objects.count() == 1
    assert AuditEvent.objects.filter(action="certificate.issued").count() == 1
    assert OutgoingMail.objects.filter(dedupe_key__startswith="certificate:").count() == 1
    assert adds_up()


def test_submits_of_many_people_get_numbers_without_a_gap(cast, module):
    people = [cast.aesthetician, cast.colleague, cast.support]
    attempts = [factories.make_attempt(person=person, course=module) for person in people]
    for attempt in attempts:
        factories.answer(attempt=attempt)
    calls = [lambda a=attempt: proof.submit(attempt=a, by=a.candidacy.person) for attempt in attempts for _ in range(8)]
    done = at_once(*calls)
    assert len({one.certificate.number for one in done}) == 3
    assert sorted(Certificate.objects.values_list("number", flat=True)) == [f"PP-2026-00000{n}" for n in (1, 2, 3)]
    assert adds_up()


def test_twenty_starts_give_one_open_attempt(cast, module):
    factories.read_all(person=cast.aesthetician, course=module)
    start = lambda: sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside)  # noqa: E731
    started = at_once(*[start] * 20)
    assert {attempt.pk for attempt in started} == {Attempt.objects.get().pk}
    assert Candidacy.objects.count() == 1
    assert AttemptItem.objects.count() == 6
    assert AuditEvent.objects.filter(action="attempt.started").count() == 1


def test_starts_never_exceed_what_is_allowed(cast, module):
    """Failed and started again, many at once each time: three attempts, then none."""
    from datetime import timedelta

    begun = clock.now()
    for day in range(5):
        with clock.at(begun + timedelta(days=day)):
            factories.read_all(person=cast.aesthetician, course=module)
            start = lambda: sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside)  # noqa: E731
            results = at_once(*[start] * 8)
            open_now = Attempt.objects.filter(state="open").first()
            if day < 3:
                assert {result.pk for result in results} == {open_now.pk}
                at_once(*[lambda a=open_now: proof.submit(attempt=a, by=cast.aesthetician)] * 4)
            else:
                assert all(
                    isinstance(result, sitting.NotOpen) and result.verdict.code == "locked" for result in results
                )
    assert list(Attempt.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert adds_up()


def test_of_saves_on_the_same_revision_one_wins(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    item = attempt.items.get(position=1)
    calls = [lambda t=token, n=n: save(item, token=t, key=f"tab-{n}") for n, (token, _) in enumerate(item.shown * 4)]
    results = at_once(*calls)
    won = [result for result in results if isinstance(result, sitting.Saved)]
    assert [saved.revision for saved in won] == [1]
    assert all(isinstance(result, sitting.Stale) for result in results if result not in won)
    item.refresh_from_db()
    assert item.revision == 1
    assert Response.objects.get().payload == item.answer


def test_the_same_save_twenty_times_is_one_response(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    item = attempt.items.get(position=1)
    token = item.shown[0][0]
    results = at_once(*[lambda: save(item, token=token, key="once")] * 20)
    assert {result.revision for result in results} == {1}
    assert len({result.saved_at for result in results}) == 1
    assert Response.objects.count() == 1


def test_saves_beside_a_submit_are_in_the_seal_or_refused(cast, module):
    """What was acknowledged is in the seal; what was not is nowhere."""
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    factories.answer(attempt=attempt)
    items = list(attempt.items.order_by("position"))
    saves = [lambda i=item: save(i, token=i.shown[0][0], base=1, key=f"late-{i.pk}") for item in items]
    submits = [lambda: proof.submit(attempt=attempt, by=cast.aesthetician)] * 6
    results = at_once(*[call for pair in zip(saves, submits, strict=True) for call in pair])
    saved = results[0::2]
    assert all(isinstance(result, sitting.Saved | sitting.AttemptEnded) for result in saved)
    kept = dict(Response.objects.filter(revision=2).values_list("item__position", "payload"))
    assert kept == {
        item.position: item.shown[0][0]
        for item, result in zip(items, saved, strict=True)
        if isinstance(result, sitting.Saved)
    }
    assert adds_up()


def test_submit_beside_settle_ends_once(cast, module):
    from datetime import timedelta

    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    factories.answer(attempt=attempt)
    with clock.at(clock.now() + timedelta(days=2)):
        submits = [lambda: proof.submit(attempt=attempt, by=cast.aesthetician)] * 5
        results = at_once(*submits, *[lambda: proof.settle_overdue()] * 5)
    assert not [result for result in results if isinstance(result, Exception)]
    assert Outcome.objects.count() == 1
    assert Attempt.objects.get().state == "expired"
    assert adds_up()


def test_confirming_ten_times_at_once_counts_once(cast, module):
    version = places(module.version)[0].section_version
    results = at_once(*[lambda: confirm_reading(person=cast.aesthetician, version=version)] * 10)
    assert not [result for result in results if isinstance(result, Exception)]
    assert ReadingConfirmation.objects.filter(person=cast.aesthetician).count() == 1


def test_revoking_ten_times_at_once_revokes_once(cast, module):
    certificate = factories.make_finished(person=cast.aesthetician, course=module).certificate

    def revoke() -> object:
        return proof.revoke(
            certificate=certificate,
            reason_class="error",
            public_text="Issued in error",
            private_note="",
            seen=factories.seen(certificate.facts_sha256, cast.physician),
            by=cast.physician,
        )

    results = at_once(*[revoke] * 10)
    assert sum(isinstance(result, signing.SigningRefused) for result in results) == 9
    assert certificate.events.count() == 1
    assert Candidacy.objects.filter(person=cast.aesthetician, closed_at=None).count() == 1
    assert adds_up()


def test_two_talks_at_once_open_two_attempts(cast, module):
    attempt = factories.make_locked(person=cast.aesthetician, course=module)

    def talk() -> object:
        return proof.record_talk(
            candidacy=attempt.candidacy,
            text="Talked.",
            seen=factories.seen(attempt.seal_sha256, cast.physician),
            by=cast.physician,
        )

    from datetime import timedelta

    with clock.at(clock.now() + timedelta(days=4)):
        results = at_once(*[talk] * 6)
    assert sum(isinstance(result, signing.SigningRefused) for result in results) == 5
    assert attempt.candidacy.grants.get().extra == 2
    assert adds_up()


def test_adopting_at_once_adopts_once_and_issues_once(cast):
    course = factories.make_module(by=cast.pinpoint)
    assert factories.make_finished(person=cast.aesthetician, course=course).certificate is None
    adopt = lambda: factories.adopt(course=course, by=cast.physician, clinic=cast.lakeside)  # noqa: E731
    results = at_once(*[adopt] * 6)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert Adoption.objects.count() == 1
    assert Certificate.objects.count() == 1
    assert adds_up()


def test_leaving_beside_a_submit_ends_the_attempt_once(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    factories.answer(attempt=attempt)
    membership = cast.aesthetician.membership_set.get()
    end = lambda: proof.end_membership(membership=membership, reason="left", by=cast.manager)  # noqa: E731
    results = at_once(*[end] * 3, *[lambda: proof.submit(attempt=attempt, by=cast.aesthetician)] * 3)
    assert not [result for result in results if isinstance(result, Exception)]
    assert sum(result is True for result in results) == 1
    assert Outcome.objects.count() == 1
    assert adds_up()


def test_regrades_beside_submits_score_each_attempt_once_or_say_which_is_left(cast, module):
    """An attempt that ends meanwhile is on the list, and the signature refused, or it is offered to be scored anew next."""
    done = factories.make_finished(person=cast.aesthetician, course=module).attempt
    running = factories.make_attempt(person=cast.colleague, course=module)
    factories.answer(attempt=running)
    both = set(running.items.values_list("question_version", flat=True))
    item = done.items.filter(question_version__in=both).select_related("question_version__question").first()
    plan = factories.plan_for(item, "credit", clinic=cast.lakeside)
    shown = canonical.sha256(regrading.listed(plan, regrading.consequences(plan, by=cast.physician)))

    def regrade() -> object:
        return regrading.regrade(
            plan=plan, reason="The key was wrong.", seen=factories.seen(shown, cast.physician), by=cast.physician
        )

    submit = lambda: proof.submit(attempt=running, by=cast.colleague)  # noqa: E731
    results = at_once(*[regrade, submit] * 4)
    signed = [result for result in results[::2] if isinstance(result, Regrade)]
    refused = [result for result in results[::2] if isinstance(result, signing.SigningRefused)]
    assert len(signed) <= 1
    assert len(signed) + len(refused) == 4
    assert not [result for result in results[1::2] if isinstance(result, Exception)]
    assert Regrade.objects.count() == Signature.objects.filter(meaning_code="regrade").count() == len(signed)
    assert Mark.objects.filter(number=2).count() == len(signed)
    left = {row.attempts for row in since_regrades([cast.lakeside], but_of=cast.physician)}
    assert left == ({1} if signed else set())
    assert adds_up()


def test_questions_never_exceed_what_may_wait(cast, module):
    """Each of many different questions sent at once, and each of them twice."""
    section = module.version.sections.get()

    def ask(number: int) -> object:
        try:
            return asking.ask_about(
                section=section, clinic=cast.lakeside, text=f"Question {number}", by=cast.aesthetician
            ).pk
        except asking.Refused:
            return None

    asked = at_once(*[lambda n=number: ask(n) for number in range(15) for _ in range(2)])
    assert Enquiry.objects.count() == asking.MOST_WAITING
    assert set(asked) - {None} == set(Enquiry.objects.values_list("pk", flat=True))
    assert AuditEvent.objects.filter(action="enquiry.asked").count() == asking.MOST_WAITING
    assert adds_up()


def test_an_answer_sent_many_times_at_once_is_one(cast, module):
    section = module.version.sections.get()
    enquiry = asking.ask_about(section=section, clinic=cast.lakeside, text="Why?", by=cast.aesthetician)
    answer = lambda: asking.answer(enquiry=enquiry, text="So.", closes=True, by=cast.physician)  # noqa: E731
    at_once(*[answer] * 20)
    assert EnquiryAnswer.objects.count() == 1
    assert OutgoingMail.objects.filter(dedupe_key__startswith="answered:").count() == 1
    assert adds_up()
