from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import RequestFactory

from certificates import actions as proof
from quizzes.models import Review
from staff import actions, canonical, clock, signing
from staff.models import AuditEvent, Membership, MembershipRole, OutgoingMail, Signature, SigningAcceptance, StaffMember
from staff.signing import Evidence, Seen, SigningRefused
from tests import factories
from tests.people import PASSWORD, make_person

HASH = canonical.sha256("the record")
FIELDS = [
    ("public_id", "another"),
    ("signer_id", 1),
    ("signer_name", "Somebody Else"),
    ("credentials", "MD 1"),
    ("role", "manager"),
    ("clinic_id", 987654),
    ("meaning_code", "return"),
    ("meaning_text", "I have read nothing."),
    ("subject_type", "quizzes.candidacy"),
    ("subject_id", "987654"),
    ("record_sha256", "0" * 64),
    ("opened_at", datetime(2026, 1, 1, tzinfo=UTC)),
    ("signed_at", datetime(2026, 1, 1, tzinfo=UTC)),
    ("zone", "UTC"),
    ("nonce", "0" * 64),
    ("auth_method", "password"),
    ("session_hash", "0" * 64),
    ("ip", "192.0.2.1"),
    ("agent", "another"),
    ("key_id", "older"),
]


def sign(
    by: StaffMember,
    clinic,
    subject,
    *,
    evidence: Evidence | None = None,
    shown: str = HASH,
    opened_at=None,
    accepts: bool = False,
) -> Signature:
    return signing.sign(
        by=by,
        clinic=clinic,
        meaning="endorse",
        subject=subject,
        record_sha256=HASH,
        seen=Seen(shown, opened_at or clock.now() - timedelta(minutes=3), evidence or factories.evidence(by), accepts),
    )


@pytest.fixture
def signature(cast) -> Signature:
    return sign(cast.physician, cast.lakeside, cast.aesthetician)


def refused(match: str, *arguments, **named) -> None:
    """Refused with this sentence, and nothing was written."""
    before = (Signature.objects.count(), AuditEvent.objects.count())
    with pytest.raises(SigningRefused, match=match):
        sign(*arguments, **named)
    assert (Signature.objects.count(), AuditEvent.objects.count()) == before


def test_sign_records_who_when_and_what_it_means(signature, cast, now):
    row = Signature.objects.get()
    assert (row.signer, row.signer_name, row.role) == (cast.physician, "Elena Ruiz", "physician")
    assert (row.signed_at, row.zone) == (now, "America/Denver")
    assert row.opened_at == now - timedelta(minutes=3)
    assert row.meaning_text == signing.MEANINGS["endorse"]
    assert row.auth_method == "email+password"
    assert signing.is_genuine(row)
    event = AuditEvent.objects.get(action="signature.endorse")
    assert event.subject_id == str(row.pk)
    assert HASH in event.body


# What a signature is


def newcomer(cast) -> StaffMember:
    """A physician who has never signed."""
    person = make_person(cast.lakeside, "Ines Moreau", "physician", by=cast.pinpoint, accepts=False)
    assert not signing.has_accepted(person)
    return person


def test_nobody_signs_who_has_not_accepted_what_that_is(cast):
    person = newcomer(cast)
    refused("Tick first that you accept", person, cast.lakeside, cast.aesthetician)


def test_accepting_is_on_record_once_for_each_wording(cast, monkeypatch):
    person = newcomer(cast)
    for _ in range(2):
        sign(person, cast.lakeside, cast.aesthetician, accepts=True)
    row = SigningAcceptance.objects.get(person=person)
    assert (row.wording, row.text, row.clinic) == (signing.WORDING, signing.ACCEPTANCES[signing.WORDING], cast.lakeside)
    event = AuditEvent.objects.get(action="signing.accepted", actor=person)
    assert event.subject_id == str(row.pk)
    monkeypatch.setitem(signing.ACCEPTANCES, 2, "I accept other words.")
    monkeypatch.setattr(signing, "WORDING", 2)
    refused("Tick first", person, cast.lakeside, cast.aesthetician)
    sign(person, cast.lakeside, cast.aesthetician, accepts=True)
    assert SigningAcceptance.objects.filter(person=person).count() == 2


def test_database_takes_no_signature_of_whoever_has_not_accepted(cast, signature):
    person = newcomer(cast)
    row = Signature.objects.get()
    row.pk, row.public_id, row.nonce, row.signer = None, "another", "1" * 64, person
    with pytest.raises(DatabaseError, match="has first accepted"), transaction.atomic():
        row.save(force_insert=True)


def test_sign_keeps_the_licences_in_force(cast, now):
    for number, expires_on in (("old", now.date() - timedelta(days=1)), ("MD-1", now.date())):
        actions.record_licence(
            person=cast.physician, type="MD", number=number, authority="Board", expires_on=expires_on,
            clinic=cast.lakeside, by=cast.manager,
        )  # fmt: skip
    assert sign(cast.physician, cast.lakeside, cast.aesthetician).credentials == "MD MD-1, Board"


def test_sign_again_in_a_continuous_session_takes_the_password_alone(cast):
    row = sign(cast.physician, cast.lakeside, cast.aesthetician, evidence=Evidence(password=PASSWORD, continuous=True))
    assert row.auth_method == "password"


def test_sign_takes_the_e_mail_in_any_case(cast):
    evidence = Evidence(password=PASSWORD, email=f" {cast.physician.email.upper()} ")
    assert sign(cast.physician, cast.lakeside, cast.aesthetician, evidence=evidence)


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (Evidence(password="wrong", email="elena.ruiz@lakeside.example"), "The password is not right"),
        (Evidence(password="", email="elena.ruiz@lakeside.example"), "The password is not right"),
        (Evidence(password=PASSWORD), "The e-mail address is not the one you sign in with"),
        (Evidence(password=PASSWORD, email="priya.raman@lakeside.example"), "The e-mail address is not the one"),
        (Evidence(password="", continuous=True), "The password is not right"),
    ],
    ids=[
        "wrong password",
        "a live session and no password",
        "no e-mail",
        "another's e-mail",
        "continuous, no password",
    ],
)
def test_sign_without_both_parts_is_refused(cast, evidence, sentence):
    refused(sentence, cast.physician, cast.lakeside, cast.aesthetician, evidence=evidence)


def test_sign_with_anothers_password_is_refused(cast):
    cast.other_physician.set_password("another-long-password-9")
    evidence = Evidence(password="another-long-password-9", email=cast.physician.email)
    refused("The password is not right", cast.physician, cast.lakeside, cast.aesthetician, evidence=evidence)


def test_sign_for_another_clinic_is_refused(cast):
    refused("not a supervising physician of Harbour Aesthetics", cast.physician, cast.harbour, cast.aesthetician)


@pytest.mark.parametrize("who", ["manager", "aesthetician", "author", "administrator"])
def test_sign_by_who_is_no_physician_is_refused(cast, who):
    refused("not a supervising physician", getattr(cast, who), cast.lakeside, cast.aesthetician)


def test_sign_after_the_role_ended_is_refused(cast):
    MembershipRole.objects.filter(membership__person=cast.physician).update(ended_at=clock.now(), ended_by=cast.manager)
    refused("any more, so nothing was signed", cast.physician, cast.lakeside, cast.aesthetician)


def test_sign_after_leaving_is_refused(cast):
    """By another request, while hers is under way."""
    actions.close_membership(membership=Membership.objects.get(person=cast.physician), by=cast.manager)
    refused("any more, so nothing was signed", cast.physician, cast.lakeside, cast.aesthetician)


def test_sign_before_identity_is_checked_is_refused(cast):
    MembershipRole.objects.filter(membership__person=cast.physician).update(
        identity_checked_at=None, identity_checked_by=None, identity_checked_how=""
    )
    refused("your identity was checked", cast.physician, cast.lakeside, cast.aesthetician)


def test_nobody_checks_their_own_identity(cast):
    with pytest.raises(ValueError, match="Nobody checks their own identity"):
        actions.check_identity(membership=cast.physician.membership_set.get(), how="mirror", by=cast.physician)


def test_sign_what_changed_since_it_was_shown_is_refused(cast):
    refused("changed while it was on your screen", cast.physician, cast.lakeside, cast.aesthetician, shown="0" * 64)


def test_sign_without_a_shown_hash_is_refused(cast):
    refused("changed while it was on your screen", cast.physician, cast.lakeside, cast.aesthetician, shown="")


def test_opened_in_the_future_counts_as_now(cast, now):
    row = sign(cast.physician, cast.lakeside, cast.aesthetician, opened_at=now + timedelta(hours=1))
    assert row.opened_at == row.signed_at == now


def test_mac_is_over_every_field():
    assert {field.attname for field in Signature._meta.concrete_fields} == {name for name, _ in FIELDS} | {"id", "mac"}


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=[name for name, _ in FIELDS])
def test_mac_breaks_when_a_field_changes(signature, name, value):
    row = Signature.objects.get()
    assert signing.is_genuine(row)
    assert getattr(row, name) != value
    setattr(row, name, value)
    assert not signing.is_genuine(row)


def test_mac_breaks_when_it_is_changed(signature):
    signature.mac = ("0" if signature.mac[0] != "0" else "1") + signature.mac[1:]
    assert not signing.is_genuine(signature)


def test_an_older_key_still_authenticates(signature, settings):
    settings.SIGNING_KEYS = {"new": "f" * 64, **settings.SIGNING_KEYS}
    assert signing.is_genuine(Signature.objects.get())


def test_an_unknown_key_does_not(signature, settings):
    settings.SIGNING_KEYS = {"new": "f" * 64}
    assert not signing.is_genuine(Signature.objects.get())


def test_an_empty_key_authenticates_nothing(signature, settings):
    """Whoever writes rows but has no key cannot name one that is not there."""
    signature.key_id = "missing"
    signature.mac = signing.mac_of(signature)
    assert not signing.is_genuine(signature)


def test_a_nonce_signs_once(signature):
    copy = Signature.objects.get()
    copy.pk, copy.public_id = None, "another"
    with pytest.raises(IntegrityError), transaction.atomic():
        copy.save(force_insert=True)


def test_own_attempt_is_refused(cast, module):
    """The physician sat the quiz herself; another physician of the clinic reviews it."""
    done = factories.make_finished(person=cast.physician, course=module)
    before = Signature.objects.count()
    with pytest.raises(SigningRefused, match="Nobody reviews their own attempt"):
        _review(done.attempt, cast.physician)
    with pytest.raises(SigningRefused, match="Nobody revokes their own certificate"):
        proof.revoke(
            certificate=done.certificate,
            reason_class="error",
            public_text="x",
            private_note="",
            seen=factories.seen(done.certificate.facts_sha256, cast.physician),
            by=cast.physician,
        )
    assert Signature.objects.count() == before


def test_an_open_attempt_is_refused(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    with pytest.raises(SigningRefused, match="not handed in yet"):
        _review(attempt, cast.physician)


def test_another_clinics_physician_is_refused(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    with pytest.raises(SigningRefused, match="not a supervising physician of Lakeside"):
        _review(done.attempt, cast.other_physician)
    assert not Review.objects.exists()


def test_what_fails_after_the_signature_undoes_it(cast, module, monkeypatch):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    before = (Signature.objects.count(), AuditEvent.objects.count())

    def broken(**fields: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Review.objects, "create", broken)
    with pytest.raises(ZeroDivisionError):
        _review(done.attempt, cast.physician)
    assert (Signature.objects.count(), AuditEvent.objects.count()) == before


def _review(attempt, by: StaffMember) -> Review:
    return proof.review(
        attempt=attempt,
        decision="endorsed",
        text="",
        restudy=[],
        suspend=False,
        seen=factories.seen(attempt.seal_sha256, by),
        by=by,
    )


@pytest.mark.parametrize(("minutes", "continuous"), [(0, True), (14, True), (15, False), (-1, False)])
def test_a_session_is_continuous_for_15_minutes_after_signing(now, minutes, continuous):
    request = RequestFactory().get("/")
    request.session = {}
    assert not signing.is_continuous(request)
    signing.signed(request)
    with clock.at(now + timedelta(minutes=minutes)):
        assert signing.is_continuous(request) is continuous


def test_the_third_wrong_password_tells_signer_and_managers_once(cast):
    for count in (1, 2, 3, 3, 4):
        signing.report_failed_signing(signer=cast.physician, count=count)
    mails = OutgoingMail.objects.filter(subject="Three failed attempts to sign")
    assert {mail.person for mail in mails} == {cast.physician, cast.manager}
    assert mails.count() == 2
