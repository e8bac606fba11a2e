import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.apps import apps

from certificates import actions
from certificates.models import Certificate, CertificateEvent
from certificates.queries import state_of
from quizzes import actions as sitting
from quizzes import scoring
from quizzes.models import Attempt, AttemptGrant, Candidacy, Review, Seal
from quizzes.queries import standing
from staff import audit, canonical, clock, mail, signing
from staff.models import AuditEvent, Membership, OutgoingMail, Signature
from tests import factories
from training.models import KeyPoint

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Broken(Exception):
    pass


def broken(*args, **kwargs):
    raise Broken


def break_record_of(monkeypatch, action: str) -> None:
    """The audit trail fails at this one action: everything before it has been written by then."""
    real = audit.record
    monkeypatch.setattr(audit, "record", lambda **event: broken() if event["action"] == action else real(**event))


def rows() -> dict[str, list]:
    """Every row that an action here could change."""
    tables = [model for app in ("staff", "quizzes", "certificates") for model in apps.get_app_config(app).get_models()]
    tables += [apps.get_model("training", name) for name in ("Adoption", "ProtocolValue", "ReadingConfirmation")]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in tables}


@pytest.fixture
def attempt(cast, module) -> Attempt:
    return factories.make_attempt(person=cast.aesthetician, course=module)


@pytest.fixture
def passed(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module)


@pytest.fixture
def certificate(passed):
    return passed.certificate


def by_physician(cast, record_sha256: str, *, by=None) -> dict:
    """What every signed action takes."""
    signer = by or cast.physician
    return {
        "seen": factories.seen(record_sha256, signer),
        "by": signer,
    }


def give_back(cast, attempt: Attempt, *, suspend: bool = True, points=("nd-17",), **changes) -> Review:
    fields = {
        "attempt": attempt,
        "decision": "returned",
        "text": "Look at bleeding again.",
        "restudy": list(KeyPoint.objects.filter(code__in=points)),
        "suspend": suspend,
        **by_physician(cast, attempt.seal_sha256),
    }
    return actions.review(**(fields | changes))


def revoke(cast, certificate: Certificate, **changes) -> CertificateEvent:
    fields = {
        "certificate": certificate,
        "reason_class": "retraining",
        "public_text": "Re-training required",
        "private_note": "",
        **by_physician(cast, certificate.facts_sha256),
    }
    return actions.revoke(**(fields | changes))


def talk(cast, candidacy: Candidacy, **changes):
    last = candidacy.attempts.order_by("-number")[0]
    fields = {"candidacy": candidacy, "text": "We went through it.", **by_physician(cast, last.seal_sha256)}
    return actions.record_talk(**(fields | changes))


# Handing in


def test_submit_passing_issues_one_certificate(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    assert done.outcome.passed
    assert done.certificate is not None
    assert done.certificate.number == "PP-2026-000001"
    assert Certificate.objects.count() == 1
    assert Attempt.objects.get().state == "submitted"


def test_submit_with_one_critical_miss_fails(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    assert not done.outcome.passed
    assert done.outcome.points == 5
    assert done.certificate is None


def test_submit_nothing_answered(cast, attempt):
    done = actions.submit(attempt=attempt, by=cast.aesthetician)
    assert (done.outcome.passed, done.outcome.points, done.outcome.max_points) == (False, 0, 6)
    assert [clause["met"] for clause in done.outcome.decided] == [False, False]


def test_submit_twice_changes_nothing(cast, passed):
    before = rows()
    again = actions.submit(attempt=passed.attempt, by=cast.aesthetician)
    assert (again.outcome, again.certificate) == (passed.outcome, passed.certificate)
    assert rows() == before


def test_submit_of_a_page_opened_before_the_first_submit(cast, attempt):
    """A second press arrives with the attempt as it was loaded: still open."""
    factories.answer(attempt=attempt)
    stale = Attempt.objects.select_related("quiz_version").get(pk=attempt.pk)
    done = actions.submit(attempt=attempt, by=cast.aesthetician)
    before = rows()
    assert actions.submit(attempt=stale, by=cast.aesthetician).outcome == done.outcome
    assert rows() == before


@pytest.mark.parametrize(
    ("after", "state"),
    [
        pytest.param(timedelta(0), "submitted", id="at the deadline"),
        pytest.param(59 * SECOND, "submitted", id="59 s after"),
        pytest.param(60 * SECOND, "submitted", id="60 s after"),
        pytest.param(61 * SECOND, "expired", id="61 s after"),
        pytest.param(DAY, "expired", id="a day after"),
    ],
)
def test_submit_around_the_deadline(cast, attempt, after, state):
    """In time, it ended when it was handed in; late, what is stored is scored and it ended at the deadline."""
    factories.answer(attempt=attempt)
    with clock.at(attempt.deadline_at + after):
        done = actions.submit(attempt=attempt, by=cast.aesthetician)
    assert done.attempt.state == state
    assert done.attempt.ended_at == attempt.deadline_at + (after if state == "submitted" else timedelta(0))
    assert (done.outcome.passed, done.outcome.points) == (True, 6)
    assert done.certificate is not None
    assert AuditEvent.objects.filter(action=f"attempt.{state}").count() == 1


def test_submit_after_the_clock_was_put_back(cast, attempt):
    """No attempt ends before it was started."""
    with clock.at(attempt.started_at - MINUTE):
        done = actions.submit(attempt=attempt, by=cast.aesthetician)
    assert (done.attempt.state, done.attempt.ended_at) == ("submitted", attempt.started_at)


def test_late_submit_scores_as_stored(cast, attempt):
    item = attempt.items.order_by("position")[0]
    key = next(option["id"] for option in item.question_version.content["options"] if option["key"])
    token = next(token for token, option in item.shown if option == key)
    sitting.save_answer(
        attempt_id=attempt.public_id,
        person=cast.aesthetician,
        position=1,
        answer=token,
        base_revision=0,
        client_key="k",
    )
    with clock.at(attempt.deadline_at + 61 * SECOND):
        done = actions.submit(attempt=attempt, by=cast.aesthetician)
    assert (done.outcome.points, done.outcome.passed) == (1, False)
    sealed = json.loads(Seal.objects.get().text)
    assert (sealed["state"], sealed["ended_at"]) == ("expired", sealed["deadline_at"])
    assert scoring.score_sealed(sealed).total == 1


def test_settle_waits_for_the_grace_to_pass(attempt):
    for after in (-DAY, timedelta(0), 60 * SECOND):
        with clock.at(attempt.deadline_at + after):
            assert actions.settle(attempt=attempt) is None
    with clock.at(attempt.deadline_at + 61 * SECOND):
        done = actions.settle(attempt=attempt)
    assert (done.attempt.state, done.attempt.ended_at) == ("expired", attempt.deadline_at)
    assert AuditEvent.objects.get(action="attempt.expired").actor.email == "pinpoint@system.invalid"


def test_settle_overdue_scores_what_is_over_and_nothing_else(cast, module, attempt, now):
    with clock.at(now + MINUTE):
        later = factories.make_attempt(person=cast.colleague, course=module)
    with clock.at(attempt.deadline_at + 61 * SECOND):
        assert actions.settle_overdue() == 1
        assert actions.settle_overdue() == 0
    assert list(Attempt.objects.order_by("pk").values_list("state", flat=True)) == ["expired", "open"]
    with clock.at(later.deadline_at + DAY):
        assert actions.settle_overdue() == 1


def test_submit_broken_at_its_last_step_keeps_nothing(cast, attempt, monkeypatch):
    """The mail about the certificate is the last thing a pass writes."""
    factories.answer(attempt=attempt)
    before = rows()
    monkeypatch.setattr(mail, "queue", broken)
    with pytest.raises(Broken):
        actions.submit(attempt=attempt, by=cast.aesthetician)
    assert rows() == before


def test_submit_without_its_certificate_keeps_nothing(cast, attempt, monkeypatch):
    factories.answer(attempt=attempt)
    before = rows()
    break_record_of(monkeypatch, "certificate.issued")
    with pytest.raises(Broken):
        actions.submit(attempt=attempt, by=cast.aesthetician)
    assert rows() == before


# What a certificate says


def test_certificate_freezes_what_it_prints(cast, module, passed):
    paper = passed.certificate
    assert (paper.holder_name, paper.printed_name) == ("Maya Lindqvist", "Maya Lindqvist")
    assert (paper.title, paper.clinic_name, paper.zone) == ("Needle depth", "Lakeside Skin Clinic", "America/Denver")
    assert paper.scope == "Mechanical microneedling; radiofrequency not included"
    assert paper.disclaimer == "Knowledge quiz completed, unproctored. Not a permit to treat."
    assert paper.rule_line == (
        "Rule: 5 of 6 right and every safety-critical question right. Cut score provisional: no panel has rated it."
    )
    assert (paper.passed_on, paper.valid_from_on, paper.valid_until_on) == (
        date(2026, 11, 2), date(2026, 11, 2), date(2027, 11, 1),
    )  # fmt: skip
    assert paper.site_url == "https://training.example.com"
    assert paper.attempt == passed.attempt


def test_certificate_keeps_the_name_it_was_issued_with(cast, certificate):
    from staff.actions import correct_name

    correct_name(
        person=cast.aesthetician,
        full_name="Maya Berg",
        latin_name="",
        clinic=cast.lakeside,
        reason="married",
        by=cast.manager,
    )
    assert Certificate.objects.get().holder_name == "Maya Lindqvist"


def test_certificate_day_is_the_clinics(cast, module, attempt):
    """05:30 UTC on the 3rd is still the evening of the 2nd in Denver."""
    factories.answer(attempt=attempt)
    with clock.at(datetime(2026, 11, 3, 5, 30, tzinfo=UTC)):
        paper = actions.submit(attempt=attempt, by=cast.aesthetician).certificate
    assert (paper.valid_from_on, paper.issued_on) == (date(2026, 11, 2), date(2026, 11, 2))


def test_numbers_rise_within_a_year_and_begin_again(cast, module, now):
    numbers = []
    for days, person in ((0, cast.aesthetician), (0, cast.colleague), (60, cast.support)):
        with clock.at(now + days * DAY):
            numbers.append(factories.make_finished(person=person, course=module).certificate.number)
    assert numbers == ["PP-2026-000001", "PP-2026-000002", "PP-2027-000001"]


def test_holder_is_told_once(cast, passed):
    actions.submit(attempt=passed.attempt, by=cast.aesthetician)
    letter = OutgoingMail.objects.get(person=cast.aesthetician)
    assert letter.subject == "Your certificate: Needle depth"
    assert "https://training.example.com/certificates/PP-2026-000001/" in letter.body


# Locked, and the talk


@pytest.fixture
def locked(cast, module, now) -> Attempt:
    return factories.make_locked(person=cast.aesthetician, course=module)


def test_three_attempts_then_locked(cast, module, locked, now):
    with clock.at(now + 10 * DAY):
        factories.read_all(person=cast.aesthetician, course=module)
        with pytest.raises(sitting.NotOpen) as refusal:
            sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside)
    assert refusal.value.verdict.code == "locked"
    letter = OutgoingMail.objects.get(dedupe_key__startswith="locked:")
    assert letter.person == cast.physician
    assert letter.subject == "Maya Lindqvist needs a talk before another attempt"


def test_talk_opens_two_more(cast, module, locked, now):
    with clock.at(now + 4 * DAY):
        granted = talk(cast, locked.candidacy)
        where = standing(cast.aesthetician, module.quiz, cast.lakeside)
    assert (where.attempts_used, where.attempts_allowed) == (3, 5)
    assert (granted.extra, granted.reason, granted.signature.meaning_code) == (2, "We went through it.", "talk")
    for day in (5, 6):
        with clock.at(now + day * DAY):
            factories.read_all(person=cast.aesthetician, course=module)
        with clock.at(now + day * DAY + MINUTE):
            last = factories.make_finished(person=cast.aesthetician, course=module, wrong=4, read=False)
    assert last.attempt.number == 5
    with clock.at(now + 8 * DAY), pytest.raises(sitting.NotOpen) as refusal:
        sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside)
    assert refusal.value.verdict.code == "locked"


def test_talk_is_refused(cast, module, locked):
    """While attempts are left, from another clinic, for an older page: nothing is written."""
    before = rows()
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        talk(cast, locked.candidacy, seen=factories.seen("0" * 64, cast.physician))
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        talk(cast, locked.candidacy, **by_physician(cast, locked.seal_sha256, by=cast.other_physician))
    assert rows() == before
    talk(cast, locked.candidacy)
    with pytest.raises(signing.SigningRefused, match="Attempts are still open here"):
        talk(cast, locked.candidacy)


def test_talk_while_the_last_attempt_runs_is_refused(cast, module, now):
    """It may yet be passed."""
    for day in range(3):
        with clock.at(now + day * DAY):
            factories.read_all(person=cast.aesthetician, course=module)
            last = factories.make_attempt(person=cast.aesthetician, course=module, read=False)
            if day < 2:
                done = actions.submit(attempt=last, by=cast.aesthetician).attempt
    with clock.at(now + 2 * DAY), pytest.raises(signing.SigningRefused, match="Attempts are still open here"):
        talk(cast, last.candidacy, **by_physician(cast, done.seal_sha256))
    assert not AttemptGrant.objects.exists()


def test_talk_broken_at_its_last_step_keeps_nothing(cast, locked, monkeypatch):
    before = rows()
    monkeypatch.setattr(mail, "queue", broken)
    with pytest.raises(Broken):
        talk(cast, locked.candidacy)
    assert rows() == before


# Opening an attempt early


def open_early(cast, attempt: Attempt, **changes):
    fields = {
        "candidacy": attempt.candidacy,
        "text": "She treats tomorrow morning.",
        **by_physician(cast, attempt.seal_sha256),
    }
    return actions.open_early(**(fields | changes))


@pytest.fixture
def failed(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=2).attempt


def test_open_early(cast, module, failed, now):
    """The same morning, once the passage is confirmed again; the number of attempts stays."""
    with clock.at(now + MINUTE):
        granted = open_early(cast, failed)
        with pytest.raises(sitting.NotOpen) as refusal:
            sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside)
        assert refusal.value.verdict.code == "reread"
        factories.read_all(person=cast.aesthetician, course=module)
        assert sitting.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside).number == 2
    assert (granted.kind, granted.extra, granted.signature.meaning_code) == ("early", 0, "open-early")
    assert standing(cast.aesthetician, module.quiz, cast.lakeside).attempts_allowed == 3


def test_open_early_is_refused(cast, failed):
    before = rows()
    with pytest.raises(signing.SigningRefused, match="Nobody opens their own attempt early"):
        open_early(cast, failed, **by_physician(cast, failed.seal_sha256, by=cast.aesthetician))
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        open_early(cast, failed, **by_physician(cast, failed.seal_sha256, by=cast.other_physician))
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        open_early(cast, failed, seen=factories.seen("0" * 64, cast.physician))
    assert rows() == before


def test_open_early_where_nothing_waits(cast, module, locked):
    passed = factories.make_finished(person=cast.colleague, course=module).attempt
    for attempt in (passed, locked):
        before = rows()
        with pytest.raises(signing.SigningRefused, match="No further attempt waits for its time here"):
            open_early(cast, attempt)
        assert rows() == before


def test_open_early_broken_at_its_last_step_keeps_nothing(cast, failed, monkeypatch):
    before = rows()
    break_record_of(monkeypatch, "attempts.granted.early")
    with pytest.raises(Broken):
        open_early(cast, failed)
    assert rows() == before


# Review


def test_endorse(cast, passed):
    row = give_back(cast, passed.attempt, decision="endorsed", text="", restudy=[])
    assert (row.reviewer, row.candidate, row.decision) == (cast.physician, cast.aesthetician, "endorsed")
    assert row.signature.meaning_code == "endorse"
    terms = json.loads(AuditEvent.objects.get(action="review.endorsed").body)
    assert terms["seal_sha256"] == passed.attempt.seal_sha256
    assert row.signature.record_sha256 == canonical.sha256_of(terms)
    assert state_of(passed.certificate) == "valid"


def test_returned_pass_suspends_and_restudy_lifts(cast, module, passed, now):
    with clock.at(now + DAY):
        give_back(cast, passed.attempt)
        assert state_of(Certificate.objects.get()) == "suspended"
        assert actions.lift_restudied() == 0
    with clock.at(now + 2 * DAY):
        factories.read_all(person=cast.aesthetician, course=module)
        assert actions.lift_restudied(cast.aesthetician) == 1
        assert actions.lift_restudied() == 0
        assert state_of(Certificate.objects.get()) == "valid"
    assert AuditEvent.objects.get(action="certificate.lifted").actor.email == "pinpoint@system.invalid"


def test_returned_pass_may_keep_its_certificate(cast, passed):
    give_back(cast, passed.attempt, suspend=False)
    assert state_of(passed.certificate) == "valid"
    assert not CertificateEvent.objects.exists()


def test_returned_again_asks_for_reading_again(cast, module, passed, now):
    """What was read after the first return does not lift the suspension of the second."""
    with clock.at(now + DAY):
        give_back(cast, passed.attempt)
    with clock.at(now + 2 * DAY):
        factories.read_all(person=cast.aesthetician, course=module)
        actions.lift_restudied()
    with clock.at(now + 3 * DAY):
        give_back(cast, passed.attempt)
        assert actions.lift_restudied() == 0
        assert state_of(Certificate.objects.get()) == "suspended"


def test_reading_again_does_not_lift_another_suspension(cast, module, passed, now):
    """The manager holds the certificate for conduct; that is hers or a physician's to lift."""
    with clock.at(now + DAY):
        give_back(cast, passed.attempt)
    with clock.at(now + 2 * DAY):
        factories.read_all(person=cast.aesthetician, course=module)
        actions.lift_restudied()
    with clock.at(now + 3 * DAY):
        actions.suspend(
            certificate=Certificate.objects.get(),
            reason_class="conduct",
            public_text="Under inquiry",
            private_note="",
            by=cast.manager,
        )
        assert actions.lift_restudied() == 0
        assert state_of(Certificate.objects.get()) == "suspended"


def test_review_is_refused(cast, passed):
    before = rows()
    wrong = factories.seen(passed.attempt.seal_sha256, cast.physician, password="wrong")
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        give_back(cast, passed.attempt, seen=factories.seen("0" * 64, cast.physician))
    with pytest.raises(signing.SigningRefused, match="The password is not right"):
        give_back(cast, passed.attempt, seen=wrong)
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        give_back(cast, passed.attempt, **by_physician(cast, passed.attempt.seal_sha256, by=cast.other_physician))
    with pytest.raises(signing.SigningRefused, match="Nobody reviews their own attempt"):
        give_back(cast, passed.attempt, **by_physician(cast, passed.attempt.seal_sha256, by=cast.aesthetician))
    assert rows() == before


def test_review_of_an_open_attempt_is_refused(cast, attempt):
    with pytest.raises(signing.SigningRefused, match="not handed in yet"):
        give_back(cast, attempt)


def test_review_broken_at_its_last_step_keeps_nothing(cast, passed, monkeypatch):
    before = rows()
    monkeypatch.setattr(mail, "queue", broken)
    with pytest.raises(Broken):
        give_back(cast, passed.attempt)
    assert rows() == before


# Suspend, lift, revoke


def hold(certificate: Certificate, by) -> None:
    actions.suspend(
        certificate=certificate, reason_class="conduct", public_text="Under inquiry", private_note="secret", by=by
    )


def test_suspend_and_lift(cast, certificate):
    hold(certificate, cast.manager)
    assert state_of(Certificate.objects.get()) == "suspended"
    before = rows()
    hold(Certificate.objects.get(), cast.manager)
    assert rows() == before
    actions.lift(certificate=Certificate.objects.get(), private_note="cleared", by=cast.physician)
    assert state_of(Certificate.objects.get()) == "valid"
    before = rows()
    with pytest.raises(actions.LiftRefused, match="is not suspended"):
        actions.lift(certificate=Certificate.objects.get(), private_note="again", by=cast.physician)
    assert rows() == before


def test_revoke(cast, module, certificate):
    event = revoke(cast, certificate)
    assert state_of(Certificate.objects.get()) == "revoked"
    assert (event.by, event.public_text, event.signature.meaning_code) == (
        cast.physician, "Re-training required", "revoke",
    )  # fmt: skip
    assert OutgoingMail.objects.get(dedupe_key="revoked:PP-2026-000001").person == cast.aesthetician


def test_revoke_reopens_in_a_new_cycle(cast, module, certificate, now):
    revoke(cast, certificate)
    again = Candidacy.objects.get(closed_at=None)
    assert (again.cycle, again.reason, again.person, again.clinic) == (2, "incident", cast.aesthetician, cast.lakeside)
    with clock.at(now + 30 * DAY):
        done = factories.make_finished(person=cast.aesthetician, course=module)
    assert done.attempt.number == 1
    assert (done.certificate.valid_from_on, done.certificate.valid_until_on) == (date(2026, 12, 2), date(2027, 12, 1))
    assert state_of(Certificate.objects.get(pk=certificate.pk)) == "revoked"


def test_revoked_stays_revoked(cast, certificate):
    revoke(cast, certificate)
    before = rows()
    hold(Certificate.objects.get(), cast.manager)
    with pytest.raises(actions.LiftRefused, match="is not suspended"):
        actions.lift(certificate=Certificate.objects.get(), private_note="", by=cast.manager)
    with pytest.raises(signing.SigningRefused, match="PP-2026-000001 is revoked already"):
        revoke(cast, certificate)
    assert rows() == before


def test_revoke_is_refused(cast, certificate):
    before = rows()
    with pytest.raises(signing.SigningRefused, match="Nobody revokes their own certificate"):
        revoke(cast, certificate, **by_physician(cast, certificate.facts_sha256, by=cast.aesthetician))
    with pytest.raises(signing.SigningRefused, match="not a supervising physician of Lakeside"):
        revoke(cast, certificate, **by_physician(cast, certificate.facts_sha256, by=cast.other_physician))
    assert rows() == before


def test_revoke_of_a_leavers_certificate_opens_no_cycle(cast, certificate):
    actions.end_membership(membership=Membership.objects.get(person=cast.aesthetician), reason="moved", by=cast.manager)
    revoke(cast, certificate)
    assert not Candidacy.objects.filter(closed_at=None).exists()


def test_decisions_broken_at_their_last_step_keep_nothing(cast, certificate, monkeypatch):
    hold(certificate, cast.manager)
    before = rows()
    break_record_of(monkeypatch, "certificate.lifted")
    with pytest.raises(Broken):
        actions.lift(certificate=Certificate.objects.get(), private_note="", by=cast.manager)
    monkeypatch.undo()
    monkeypatch.setattr(mail, "queue", broken)
    with pytest.raises(Broken):
        revoke(cast, Certificate.objects.get())
    assert rows() == before


def test_suspend_broken_at_its_last_step_keeps_nothing(cast, certificate, monkeypatch):
    before = rows()
    break_record_of(monkeypatch, "certificate.suspended")
    with pytest.raises(Broken):
        hold(certificate, cast.manager)
    assert rows() == before


# Leaving


def test_leaving_closes_the_open_attempt_as_stored(cast, attempt, now):
    factories.answer(attempt=attempt, wrong=2)
    with clock.at(now + MINUTE):
        membership = Membership.objects.get(person=cast.aesthetician)
        assert actions.end_membership(membership=membership, reason="moved away", by=cast.manager)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.ended_at) == ("expired", now + MINUTE)
    assert (attempt.outcome.points, attempt.outcome.passed) == (4, False)
    assert not Candidacy.objects.filter(closed_at=None).exists()
    cast.aesthetician.refresh_from_db()
    assert not cast.aesthetician.is_active


def test_leaving_twice(cast, attempt):
    membership = Membership.objects.get(person=cast.aesthetician)
    assert actions.end_membership(membership=membership, reason="", by=cast.manager)
    before = rows()
    assert not actions.end_membership(membership=membership, reason="", by=cast.manager)
    assert rows() == before


def test_leaving_one_clinic_leaves_the_other_alone(cast, module, attempt):
    from staff.actions import add_member

    other = add_member(
        clinic=cast.harbour,
        email=cast.aesthetician.email,
        full_name="Maya Lindqvist",
        job_title="Aesthetician",
        hired_on=date(2026, 10, 1),
        roles=["aesthetician"],
        by=cast.other_manager,
    )
    actions.end_membership(membership=other, reason="", by=cast.other_manager)
    attempt.refresh_from_db()
    assert attempt.state == "open"
    cast.aesthetician.refresh_from_db()
    assert cast.aesthetician.is_active


def test_leaving_broken_at_its_last_step_keeps_nothing(cast, attempt, monkeypatch):
    before = rows()
    break_record_of(monkeypatch, "membership.ended")
    with pytest.raises(Broken):
        actions.end_membership(membership=Membership.objects.get(person=cast.aesthetician), reason="", by=cast.manager)
    assert rows() == before


# Renewal: Maya's certificate ends on 1 November 2027; 60 days before is 2 September, 00:00 in Denver

OPENS = datetime(2027, 9, 2, 6, 0, tzinfo=UTC)


def test_renewal_opens_sixty_days_before(cast, certificate):
    with clock.at(OPENS - SECOND):
        assert actions.open_renewals() == 0
    with clock.at(OPENS):
        assert actions.open_renewals(cast.colleague) == 0
        assert actions.open_renewals(cast.aesthetician) == 1
        assert actions.open_renewals() == 0
    again = Candidacy.objects.get(closed_at=None)
    assert (again.cycle, again.reason, again.opened_by.email) == (2, "renewal", "pinpoint@system.invalid")


def test_renewal_in_time_counts_from_the_old_end(cast, module, certificate):
    with clock.at(OPENS + DAY):
        actions.open_renewals()
        done = factories.make_finished(person=cast.aesthetician, course=module, read=False)
    assert (done.certificate.valid_from_on, done.certificate.valid_until_on) == (date(2027, 9, 3), date(2028, 11, 1))


def test_renewal_supersedes_the_old_one(cast, module, certificate):
    with clock.at(OPENS + DAY):
        actions.open_renewals()
        done = factories.make_finished(person=cast.aesthetician, course=module, read=False)
        old = Certificate.objects.get(pk=certificate.pk)
        assert done.certificate.supersedes == old
        assert (state_of(old), state_of(done.certificate)) == ("superseded", "valid")
        assert actions.submit(attempt=done.attempt, by=cast.aesthetician).certificate == done.certificate
    assert state_of(old, OPENS) == "expiring", "as it was then"
    assert json.loads(done.certificate.facts)["supersedes"] == old.number


def test_a_revoked_one_is_not_superseded_and_its_forerunner_stays_so(cast, module, certificate):
    with clock.at(OPENS + DAY):
        actions.open_renewals()
        second = factories.make_finished(person=cast.aesthetician, course=module, read=False).certificate
        revoke(cast, second)
        third = factories.make_finished(person=cast.aesthetician, course=module).certificate
        assert third.supersedes is None
        states = [state_of(row) for row in Certificate.objects.order_by("pk")]
    assert states == ["superseded", "revoked", "valid"]


def test_renewal_after_expiry_counts_from_passing(cast, module, certificate):
    with clock.at(datetime(2027, 12, 1, 18, tzinfo=UTC)):
        assert actions.open_renewals() == 1
        done = factories.make_finished(person=cast.aesthetician, course=module, read=False)
    assert (done.certificate.valid_from_on, done.certificate.valid_until_on) == (date(2027, 12, 1), date(2028, 11, 30))


def test_renewed_certificate_opens_no_second_renewal(cast, module, certificate):
    with clock.at(OPENS + DAY):
        actions.open_renewals()
        factories.make_finished(person=cast.aesthetician, course=module, read=False)
        assert actions.open_renewals() == 0
    with clock.at(datetime(2027, 11, 5, tzinfo=UTC)):
        assert actions.open_renewals() == 0


def test_renewal_needs_a_member(cast, certificate):
    actions.end_membership(membership=Membership.objects.get(person=cast.aesthetician), reason="", by=cast.manager)
    with clock.at(OPENS):
        assert actions.open_renewals() == 0


def test_signatures_stand_for_what_was_signed(cast, passed):
    """Every signature of a review and a revocation is genuine and names the hash of all that was decided."""
    give_back(cast, passed.attempt)
    revoke(cast, passed.certificate)
    signed = {s.meaning_code: s for s in Signature.objects.all()}
    row = Review.objects.get()
    terms = actions.review_terms(
        attempt=passed.attempt,
        decision="returned",
        text=row.text,
        restudy=[point.code for point in row.restudy.order_by("code")],
        fate="suspend",
    )
    assert signed["return"].record_sha256 == canonical.sha256_of(terms)
    assert signed["revoke"].record_sha256 == passed.certificate.facts_sha256
    assert all(signing.is_genuine(signature) for signature in signed.values())
