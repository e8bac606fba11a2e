"""Leaving, changing work, moving to another clinic: what shuts at once, what stays."""

import re
from datetime import date, timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core import mail as sent_mail
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from certificates.actions import end_membership
from certificates.queries import state_of
from compliance import actions
from compliance.reminders import feeds
from quizzes import actions as sitting
from quizzes.models import Attempt, Response
from staff import actions as staff_actions
from staff import clock, mail
from staff.models import AuditEvent, Membership, MembershipRole, OutgoingMail
from tests import factories
from tests.people import PASSWORD, make_person

NEW_PASSWORD = "another-lamp-under-the-table-8"


def sign_in(person, password=PASSWORD) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": person.email, "password": password})
    return client


def is_in(client):
    return client.get("/certificates/").status_code == 200


def membership_of(person, clinic=None) -> Membership:
    rows = Membership.objects.filter(person=person, ended_at=None)
    return (rows.filter(clinic=clinic) if clinic else rows).get()


def leave(person, by) -> None:
    end_membership(membership=membership_of(person), reason="left", by=by)
    person.refresh_from_db()


def reset_link(person):
    Client().post(reverse("account_reset_password"), {"email": person.email})
    (link,) = re.findall(
        r"https://training\.example\.com(/\S+)", OutgoingMail.objects.filter(person=person).latest("pk").body
    )
    return link


def chooses(link, password) -> None:
    """As far as the link leads."""
    client = Client()
    form = client.get(link, follow=True)
    last = form.redirect_chain[-1][0] if form.redirect_chain else link
    client.post(last, {"password1": password, "password2": password})


# Every door

BACK = {
    "full_name": "Maya Lindqvist", "latin_name": "", "job_title": "Aesthetician", "hired_on": date(2026, 11, 2),
    "roles": ["aesthetician"],
}  # fmt: skip


@pytest.fixture
def gone(cast, module):
    """Maya, signed in on two devices, with a link to choose a password and a mail that waits; then she leaves."""
    maya = cast.aesthetician
    devices = [sign_in(maya), sign_in(maya)]
    assert all(is_in(device) for device in devices)
    attempt = factories.make_attempt(person=maya, course=module)
    link = reset_link(maya)
    mail.queue(to=maya, subject="Reminder", body="Your module is due.")
    leave(maya, cast.manager)
    return maya, devices, attempt, link


def test_the_next_request_is_refused_and_the_sessions_are_gone(gone):
    maya, devices, _, _ = gone
    assert not UserSession.objects.filter(user=maya).exists()
    assert not Session.objects.filter(
        session_key__in=[device.cookies["sessionid"].value for device in devices]
    ).exists()
    for device in devices:
        for path in ("/", "/certificates/", "/modules/", "/accounts/display/", "/accounts/password/change/"):
            assert device.get(path)["Location"].startswith("/accounts/login/")
        assert device.post("/accounts/display/", {"theme": "dark"}).status_code == 302


def test_an_answer_that_comes_after_is_not_taken(gone):
    maya, devices, attempt, _ = gone
    path = reverse("quizzes:attempt-save", args=[attempt.public_id, 1])
    assert devices[0].post(path, {"answer": "x"}).status_code == 302
    with pytest.raises(sitting.AttemptEnded):
        sitting.save_answer(
            attempt_id=attempt.public_id, person=maya, position=1, answer=attempt.items.first().shown[0][0],
            base_revision=0, client_key="late",
        )  # fmt: skip
    assert not Response.objects.exists()
    assert Attempt.objects.get(pk=attempt.pk).state == "expired"


def test_no_password_and_no_link_lets_her_in(gone):
    maya, _, _, link = gone
    assert not is_in(sign_in(maya))
    chooses(link, NEW_PASSWORD)
    maya.refresh_from_db()
    assert not maya.has_usable_password()
    assert not is_in(sign_in(maya, NEW_PASSWORD))
    asked = OutgoingMail.objects.filter(person=maya).count()
    Client().post(reverse("account_reset_password"), {"email": maya.email})
    assert OutgoingMail.objects.filter(person=maya).count() == asked


def test_no_mail_goes_out_any_more(gone, cast, now):
    """What waited when she left is not sent when she is back either."""
    maya, _, _, _ = gone
    with clock.at(now + timedelta(days=1)):
        mail.send_due()
        actions.add_person(**BACK, email=maya.email, clinic=cast.lakeside, by=cast.manager, invites=False)
        mail.send_due()
    assert not sent_mail.outbox


def test_coming_back_opens_nothing_old(gone, cast):
    maya, devices, _, link = gone
    actions.add_person(**BACK, email=maya.email, clinic=cast.lakeside, by=cast.manager)
    maya.refresh_from_db()
    assert maya.is_active
    assert not any(is_in(device) for device in devices)
    assert not is_in(sign_in(maya))
    chooses(link, NEW_PASSWORD)
    assert not is_in(sign_in(maya, NEW_PASSWORD)), "a link from before she left"
    (invitation,) = re.findall(
        r"https://training\.example\.com(/\S+)", OutgoingMail.objects.filter(person=maya).latest("pk").body
    )
    chooses(invitation, NEW_PASSWORD)
    assert is_in(sign_in(maya, NEW_PASSWORD))


def test_the_calendars_address_is_closed_for_good(cast):
    address = feeds.make(clinic=None, by=cast.aesthetician).removeprefix("https://training.example.com")
    assert Client().get(address).status_code == 200
    leave(cast.aesthetician, cast.manager)
    assert Client().get(address).status_code == 404
    actions.add_person(**BACK, email=cast.aesthetician.email, clinic=cast.lakeside, by=cast.manager)
    assert Client().get(address).status_code == 404


def test_who_works_elsewhere_too_stays_signed_in(cast):
    staff_actions.add_member(
        clinic=cast.harbour, email=cast.aesthetician.email, full_name="", job_title="Locum", hired_on=date(2026, 10, 1),
        roles=["aesthetician"], by=cast.other_manager,
    )  # fmt: skip
    device = sign_in(cast.aesthetician)
    end_membership(membership=membership_of(cast.aesthetician, cast.lakeside), reason="left", by=cast.manager)
    assert is_in(device)


def test_a_role_that_ended_is_refused_at_the_next_request(cast):
    device = sign_in(cast.manager)
    assert device.get("/people/add/").status_code == 200
    staff_actions.change_member(
        membership=membership_of(cast.manager), job_title="Nurse", staff_number="", hired_on=date(2026, 1, 5),
        roles=["aesthetician"], by=cast.pinpoint,
    )  # fmt: skip
    assert device.get("/people/add/").status_code == 403


# Moving


@pytest.fixture
def owner(cast):
    """Manages both clinics."""
    person = make_person(cast.lakeside, "Ora Owner", "manager", by=cast.pinpoint)
    staff_actions.add_member(
        clinic=cast.harbour, email=person.email, full_name="", job_title="Owner", hired_on=date(2026, 1, 1),
        roles=["manager"], by=cast.pinpoint,
    )  # fmt: skip
    return person


MOVE = {
    "job_title": "Senior aesthetician", "staff_number": "H-1", "hired_on": "2026-01-05", "roles": ["aesthetician"],
    "reason": "New branch",
}  # fmt: skip


def move(client, cast, person, **changed):
    path = reverse("compliance:membership-transfer", args=[person.public_id, cast.lakeside.public_id])
    return client.post(path, {**MOVE, "clinic": cast.harbour.public_id, **changed}, follow=True)


def test_moves_in_one_step_and_keeps_her_records(client, cast, module, owner):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    device = sign_in(cast.aesthetician)
    client.force_login(owner)
    assert "now belongs to Harbour Aesthetics, and no longer to Lakeside" in move(client, cast, cast.aesthetician).text
    new = membership_of(cast.aesthetician)
    old = Membership.objects.get(person=cast.aesthetician, clinic=cast.lakeside)
    assert (new.clinic, new.job_title, new.staff_number) == (cast.harbour, "Senior aesthetician", "H-1")
    assert old.ended_by == owner
    assert state_of(done.certificate) == "valid"
    assert is_in(device), "she never stopped working"
    assert AuditEvent.objects.filter(action="membership.transferred").count() == 2
    told = OutgoingMail.objects.get(person=cast.aesthetician, subject__contains="added you to Harbour Aesthetics")
    assert "the password you have" in told.body


def test_the_new_clinic_sees_the_certificate_alone(client, cast, module, owner):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(owner)
    move(client, cast, cast.aesthetician)
    for viewer in (cast.other_physician, cast.other_manager):
        client.force_login(viewer)
        page = client.get(reverse("compliance:person-detail", args=[cast.aesthetician.public_id])).text
        assert "issued by Lakeside Skin Clinic" in page
        assert "6 of 6" not in page
        for name, arg in (("review-detail", done.attempt.public_id), ("certificate-detail", done.certificate.number)):
            assert client.get(reverse(f"certificates:{name}", args=[arg])).status_code in (403, 404)
    client.force_login(cast.physician)
    assert client.get(reverse("certificates:review-detail", args=[done.attempt.public_id])).status_code == 200


def test_what_is_open_is_scored_and_a_physician_is_checked_anew(client, cast, module, owner):
    attempt = factories.make_attempt(person=cast.colleague, course=module)
    client.force_login(owner)
    move(client, cast, cast.colleague)
    assert Attempt.objects.get(pk=attempt.pk).state == "expired"
    move(client, cast, cast.physician, roles=["physician"], staff_number="H-2")
    role = MembershipRole.objects.get(membership__person=cast.physician, ended_at=None)
    assert (role.role, role.identity_checked_at) == ("physician", None)


def test_all_of_it_or_nothing(client, cast, owner, monkeypatch):
    monkeypatch.setattr(actions, "end_membership", lambda **given: False)
    client.force_login(owner)
    with pytest.raises(Membership.DoesNotExist):
        move(client, cast, cast.aesthetician)
    assert membership_of(cast.aesthetician).clinic == cast.lakeside


def test_who_may_not_move(client, cast, owner):
    client.force_login(cast.manager)
    assert "You manage no other clinic" in move(client, cast, cast.aesthetician).text
    client.force_login(owner)
    assert "Nobody transfers themselves" in move(client, cast, owner).text
    given = {
        "job_title": "x", "staff_number": "", "hired_on": date(2026, 1, 5), "roles": ["aesthetician"], "reason": "x",
    }  # fmt: skip
    for by, to in ((cast.manager, cast.harbour), (cast.other_manager, cast.harbour), (owner, cast.lakeside)):
        with pytest.raises(PermissionDenied):
            actions.transfer(membership=membership_of(cast.aesthetician), to=to, by=by, **given)
    assert membership_of(cast.aesthetician).clinic == cast.lakeside


# Changing the work


def work(client, cast, person, **changed):
    path = reverse("compliance:membership-change", args=[person.public_id, cast.lakeside.public_id])
    given = {"job_title": "Lead nurse", "staff_number": "7", "hired_on": "2026-01-05", "roles": ["aesthetician"]}
    return client.post(path, given | changed, follow=True)


def test_the_work_is_changed_and_the_old_kept(client, cast):
    client.force_login(cast.manager)
    assert "is as you wrote it" in work(client, cast, cast.colleague).text
    rows = list(
        Membership.objects.filter(person=cast.colleague).order_by("pk").values_list("job_title", "staff_number")
    )
    assert rows == [("Registered nurse", ""), ("Lead nurse", "7")]
    again = AuditEvent.objects.count()
    work(client, cast, cast.colleague)
    assert AuditEvent.objects.count() == again, "what is as it was is not written twice"
    assert "This is the staff number of Danielle Osei" in work(client, cast, cast.support, roles=["support"]).text


def test_nobody_changes_their_own_roles(client, cast):
    client.force_login(cast.manager)
    assert "Nobody changes their own roles" in work(client, cast, cast.manager, roles=["manager", "physician"]).text
    assert "is as you wrote it" in work(client, cast, cast.manager, roles=["manager"]).text
