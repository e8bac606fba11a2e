"""What is on record of sign-ins and passwords, what follows from a reset, and what a signer is told of a day."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from compliance.actions import set_password_url
from compliance.keeping import erasing
from compliance.management.commands import tick
from staff import actions, clock, notices, security, signing
from staff.models import AuditEvent, OutgoingMail, SecurityEvent, Signature
from tests import factories
from tests.people import PASSWORD
from tests.staff import test_second_factor as factors_tests

NEW = "a-rather-long-new-one-7"


def kinds(person):
    return list(SecurityEvent.objects.filter(person=person).order_by("pk").values_list("kind", flat=True))


def sign_in(client, person, password):
    return client.post(
        reverse("account_login"), {"login": person.email, "password": password}, HTTP_USER_AGENT="Probe/1"
    )


def reset(client, person, password=NEW):
    page = client.get(set_password_url(person).removeprefix("http://testserver"), follow=True)
    where = page.redirect_chain[-1][0] if page.redirect_chain else page.request["PATH_INFO"]
    return client.post(where, {"password1": password, "password2": password})


def test_sign_ins_and_wrong_passwords_are_on_record(client, cast):
    sign_in(client, cast.physician, "wrong")
    client.post(reverse("account_login"), {"login": "nobody@nowhere.example", "password": "wrong"})
    sign_in(client, cast.physician, PASSWORD)
    assert kinds(cast.physician) == ["sign-in-failed", "signed-in"]
    assert SecurityEvent.objects.count() == 2, "of a stranger's address nothing is kept"
    row = SecurityEvent.objects.latest("pk")
    assert (row.ip, row.agent) == ("127.0.0.1", "Probe/1")
    page = client.get(reverse("staff:signing-in")).text
    assert "A wrong password was typed" in page
    assert "Probe/1" in page


def test_a_wait_is_on_record_once(client, cast):
    for _ in range(7):
        sign_in(client, cast.physician, "wrong")
    assert kinds(cast.physician) == ["sign-in-failed"] * 5 + ["locked-out"]


def test_a_wrong_code_after_the_right_password_is_on_record(client, cast):
    secret = factors_tests.with_app(cast.physician)
    factors_tests.first_step(client, cast.physician)
    client.post(factors_tests.STEP, {"code": "12345"})
    client.post(factors_tests.STEP, {"credential": '{"id": "made up"}'})
    client.post(factors_tests.STEP, {"code": factors_tests.code_of(secret)})
    assert kinds(cast.physician) == ["factor-failed", "factor-failed", "signed-in"]
    assert "the code or passkey after it was not" in client.get(reverse("staff:signing-in")).text


def test_a_change_tells_and_signs_on(client, cast):
    client.force_login(cast.physician)
    client.post(
        reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    )  # fmt: skip
    assert kinds(cast.physician) == ["password-changed"]
    assert OutgoingMail.objects.get(person=cast.physician).subject == "Your password was changed"
    event = AuditEvent.objects.get(action="password.changed")
    assert (event.chain.clinic, event.actor) == (cast.lakeside, cast.physician)
    assert security.may_sign_from(cast.physician) is None


def test_a_reset_tells_and_signs_a_day_later(client, cast):
    person = cast.physician
    reset(client, person)
    person.refresh_from_db()
    assert person.check_password(NEW)
    assert kinds(person) == ["password-reset"]
    assert AuditEvent.objects.filter(action="password.reset", chain__clinic=cast.lakeside, actor=person).count() == 1
    assert "nothing can be signed in your name" in OutgoingMail.objects.get(person=person).body
    evidence = factories.evidence(person, password=NEW)
    with pytest.raises(signing.SigningRefused, match="Your password was reset"):
        signing.check_evidence(person, evidence)
    client.force_login(person)
    assert "nothing can be signed in your name until" in client.get(reverse("staff:signing-in")).text
    with clock.at(clock.now() + timedelta(hours=24, minutes=1)):
        signing.check_evidence(person, evidence)


def test_waiting_after_a_reset_is_no_failed_signing(client, cast):
    """The right password, four times: neither counted nor told as a wrong one."""
    manager = cast.manager
    factors_tests.with_app(cast.physician)
    security.note(person=manager, kind="password-reset", ip="", agent="")
    client.force_login(manager)
    typed = factors_tests.signing(client, cast.physician, cast.lakeside)
    for _ in range(4):
        said = factors_tests.post(client, typed, email=manager.email, password=PASSWORD)
        assert said.startswith("Your password was reset")
    assert not OutgoingMail.objects.filter(subject="Three failed attempts to sign").exists()
    with clock.at(clock.now() + timedelta(hours=24, minutes=1)):
        typed = factors_tests.signing(client, cast.physician, cast.lakeside)
        assert factors_tests.post(client, typed, email=manager.email, password=PASSWORD) == ""


def test_a_first_password_is_no_reset(client, cast):
    person = cast.physician
    person.set_unusable_password()
    person.save()
    reset(client, person)
    assert kinds(person) == ["password-chosen"]
    assert security.may_sign_from(person) is None


def test_nobody_sets_somebody_elses_password(cast):
    with pytest.raises(CommandError, match="Nobody sets somebody else's password"):
        call_command("changepassword", cast.physician.email)


def test_events_go_after_a_year_and_not_before(cast):
    assert security.forget_old in tick.PARTS.values()
    for days in (370, 100):
        with clock.at(clock.now() - timedelta(days=days)):
            security.note(person=cast.physician, kind="signed-in", ip="", agent="")
    young = SecurityEvent.objects.order_by("-at")[0]
    with pytest.raises(DatabaseError), transaction.atomic():
        SecurityEvent.objects.filter(pk=young.pk).delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        SecurityEvent.objects.filter(pk=young.pk).update(kind="locked-out")
    assert security.forget_old() == 1
    assert list(SecurityEvent.objects.all()) == [young]


def test_events_go_with_the_account(cast):
    security.note(person=cast.leaver, kind="signed-in", ip="192.0.2.7", agent="Probe/1")
    erasing.erase(person=cast.leaver, by=cast.manager)
    assert not SecurityEvent.objects.filter(person=cast.leaver).exists()


def test_a_signer_is_told_of_the_day_once(cast):
    """In the morning after it, by the clinic's days; nobody who has left."""
    assert notices.tell_of_signatures in tick.PARTS.values()
    person, now = cast.physician, clock.now()
    factories.approve_observer(person=cast.colleague, by=person)
    factories.approve_observer(person=cast.aesthetician, by=person)
    assert Signature.objects.filter(signer=person).count() == 2
    assert notices.tell_of_signatures() == 0, "the day is not over"
    for hours in (25, 26, 49):
        with clock.at(now + timedelta(hours=hours)):
            assert notices.tell_of_signatures() == (1 if hours == 25 else 0)
    mail = OutgoingMail.objects.get(dedupe_key__startswith="signed:")
    assert (mail.person, mail.subject.split(": ")[1]) == (person, "2 records")
    assert mail.body.count("approve her to observe practicals") == 2
    assert "If you did not" in mail.body


def test_who_left_is_told_nothing(cast):
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    actions.close_membership(membership=cast.physician.membership_set.get(), by=cast.manager)
    with clock.at(clock.now() + timedelta(hours=25)):
        assert notices.tell_of_signatures() == 0
