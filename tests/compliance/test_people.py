"""The list, the page of a person, and what a manager may change."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from certificates.actions import end_membership
from compliance import actions
from quizzes.models import Attempt
from staff import actions as staff_actions
from staff import clock, returning
from staff.models import AuditEvent, Licence, Membership, MembershipRole, OutgoingMail, StaffMember
from tests import factories
from tests.people import PASSWORD, make_person

NEW = {
    "full_name": "Nia Newcomer",
    "latin_name": "",
    "email": "Nia@Lakeside.example",
    "job_title": "Aesthetician",
    "hired_on": "2026-11-01",
    "roles": ["aesthetician"],
}


@pytest.fixture(autouse=True)
def _only_shipped_fonts(settings):
    settings.CERTIFICATE_FONTS = ""


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def add(client, cast, **changed):
    return client.post("/people/add/", {**NEW, "clinic": cast.lakeside.public_id, **changed})


def text(response) -> str:
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def page_of(client, person) -> str:
    return text(client.get(reverse("compliance:person-detail", args=[person.public_id])))


def last_mail(person) -> OutgoingMail:
    return OutgoingMail.objects.filter(person=person).latest("pk")


# The list


def test_list(manager, cast, module):
    page = text(manager.get("/people/"))
    assert "5 people work at Lakeside Skin Clinic" in page
    assert "Danielle Osei" in page
    assert "Noor Haddad" not in page
    assert "Lea Leaver" not in page


@pytest.mark.parametrize(("q", "found"), [("osei", True), ("NURSE", True), ("danielle.osei@", True), ("xyz", False)])
def test_search(manager, cast, q, found):
    assert ("Danielle Osei" in text(manager.get("/people/", {"q": q}))) == found


def test_who_left(manager, cast):
    page = text(manager.get("/people/?who=left"))
    assert "Lea Leaver" in page
    assert "Danielle Osei" not in page


def test_nobody_left(client, cast):
    client.force_login(cast.other_manager)
    assert "Nobody has left" in text(client.get("/people/?who=left"))


# The page of a person


def test_page_shows_score_and_no_answers(manager, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    page = page_of(manager, cast.aesthetician)
    assert "5 of 6, passed" in page
    assert done.certificate.number in page
    assert "/reviews/" not in page
    stems = [item.question_version.content["stem"] for item in done.attempt.items.all()]
    assert not [stem for stem in stems if stem[:30] in page]


def test_page_leads_a_physician_to_the_answers(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.physician)
    page = page_of(client, cast.aesthetician)
    assert f"/reviews/{done.attempt.public_id}/" in page
    assert "Correct the name" not in page
    assert "End this membership" not in page


def test_page_of_a_leaver_offers_nothing(manager, cast):
    page = page_of(manager, cast.leaver)
    assert "Left" in page
    assert "Correct the name" not in page
    assert manager.get(reverse("compliance:person-rename", args=[cast.leaver.public_id])).status_code == 403


def test_page_hides_what_another_clinic_holds(client, cast, module):
    """Working in two clinics: each sees its own membership and attempts, and that the certificate exists."""
    done = factories.make_finished(person=cast.aesthetician, course=module)
    membership = staff_actions.add_member(
        clinic=cast.harbour, email=cast.aesthetician.email, full_name="", job_title="Locum", hired_on=date(2026, 10, 1),
        roles=["aesthetician"], by=cast.other_manager,
    )  # fmt: skip
    client.force_login(cast.other_manager)
    page = page_of(client, cast.aesthetician)
    assert "Locum" in page
    assert "issued by Lakeside Skin Clinic" in page
    assert f"/certificates/{done.certificate.number}/" not in page
    assert "6 of 6" not in page
    end_membership(membership=membership, reason="left", by=cast.other_manager)
    assert done.certificate.number not in page_of(client, cast.aesthetician)


# Adding


def test_add_invites(manager, cast):
    response = add(manager, cast)
    person = StaffMember.objects.get(email="nia@lakeside.example")
    assert response["Location"] == reverse("compliance:person-detail", args=[person.public_id])
    membership = person.membership_set.get()
    assert (membership.clinic, membership.began_by) == (cast.lakeside, cast.manager)
    assert not person.has_usable_password()
    body = last_mail(person).body
    assert "https://training.example.com/accounts/password/reset/key/" in body
    assert "Invited, no password chosen yet" in page_of(manager, person)
    assert AuditEvent.objects.filter(action="invitation.queued").count() == 1


def test_the_link_of_an_invitation_works_once(manager, cast, client):
    add(manager, cast)
    person = StaffMember.objects.get(email="nia@lakeside.example")
    (link,) = re.findall(r"https://training\.example\.com(/\S+)", last_mail(person).body)
    client.logout()
    form = client.get(link, follow=True)
    done = client.post(form.redirect_chain[-1][0], {"password1": PASSWORD, "password2": PASSWORD})
    assert done.status_code == 302
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert "This link no longer works" in client.get(link, follow=True).text


def test_a_second_invitation(manager, cast, now):
    add(manager, cast)
    person = StaffMember.objects.get(email="nia@lakeside.example")
    again = reverse("compliance:person-invite", args=[person.public_id, cast.lakeside.public_id])
    manager.post(again)
    assert OutgoingMail.objects.filter(person=person).count() == 1, "pressed within the minute"
    with clock.at(now + timedelta(minutes=2)):
        manager.post(again)
        manager.post(again)
    assert OutgoingMail.objects.filter(person=person).count() == 2


def test_no_invitation_for_who_has_a_password(manager, cast):
    again = reverse("compliance:person-invite", args=[cast.colleague.public_id, cast.lakeside.public_id])
    assert "has chosen a password already" in manager.post(again, follow=True).text
    assert not OutgoingMail.objects.filter(person=cast.colleague).exists()


def test_add_who_works_here_already(manager, cast):
    response = add(manager, cast, email=cast.colleague.email.upper())
    assert "Danielle Osei, Registered nurse, already works at Lakeside Skin Clinic" in text(response)
    assert Membership.objects.filter(person=cast.colleague).count() == 1


def test_add_in_a_race_says_the_same(cast):
    details = {
        "clinic": cast.lakeside, "full_name": "Nia", "latin_name": "", "email": "nia@lakeside.example",
        "job_title": "Nurse", "hired_on": date(2026, 11, 1), "roles": ["aesthetician"], "by": cast.manager,
    }  # fmt: skip
    first = actions.add_person(**details)
    with pytest.raises(actions.AlreadyMember) as refused:
        actions.add_person(**details)
    assert refused.value.membership == first
    assert OutgoingMail.objects.filter(person=first.person).count() == 1


def test_add_keeps_nothing_when_the_invitation_fails(cast, monkeypatch):
    def broken(**asked):
        raise RuntimeError("no mail")

    monkeypatch.setattr(actions, "invite", broken)
    with pytest.raises(RuntimeError):
        actions.add_person(
            clinic=cast.lakeside, full_name="Nia", latin_name="", email="nia@lakeside.example", job_title="Nurse",
            hired_on=date(2026, 11, 1), roles=["aesthetician"], by=cast.manager,
        )  # fmt: skip
    assert not StaffMember.objects.filter(email="nia@lakeside.example").exists()


def test_add_somebody_known_elsewhere(manager, cast):
    response = manager.post(
        "/people/add/", {**NEW, "clinic": cast.lakeside.public_id, "email": cast.other_aesthetician.email}, follow=True
    )
    assert "the name on record stays" in response.text
    assert Membership.objects.filter(person=cast.other_aesthetician, ended_at=None).count() == 2
    body = last_mail(cast.other_aesthetician).body
    assert "the password you have" in body
    assert "/reset/key/" not in body


def test_add_says_first_that_a_leaver_comes_back(manager, cast):
    """As a reader compares names: neither case nor order nor accents make another person of her."""
    written = f" {cast.leaver.full_name.upper()} "
    said = text(add(manager, cast, email=cast.leaver.email, full_name=written))
    assert "was here before under this address and works nowhere now" in said
    assert not StaffMember.objects.get(pk=cast.leaver.pk).is_active
    add(manager, cast, email=cast.leaver.email, full_name=written, same_person="on")
    assert StaffMember.objects.get(pk=cast.leaver.pk).is_active


def test_a_leavers_address_is_not_given_to_another(manager, cast):
    before = cast.leaver.full_name
    said = text(add(manager, cast, email=cast.leaver.email, full_name="Bo Ek"))
    assert f"{before} is on record under this address" in said
    assert "you typed “Bo Ek”" in said
    leaver = StaffMember.objects.get(pk=cast.leaver.pk)
    assert (leaver.is_active, leaver.full_name) == (False, before)
    details = {
        "clinic": cast.lakeside, "full_name": "Bo Ek", "latin_name": "", "email": cast.leaver.email, "job_title": "Nurse",
        "hired_on": date(2026, 11, 1), "roles": ["aesthetician"], "by": cast.manager,
    }  # fmt: skip
    with pytest.raises(returning.AnotherName):
        actions.add_person(**details)
    assert actions.add_person(**details, same_person=True).person.full_name == before


def test_an_address_tells_no_other_clinics_people(manager, cast):
    gone = make_person(cast.harbour, "Ines Marsh", "aesthetician", by=cast.administrator)
    staff_actions.close_membership(membership=gone.membership_set.get(), by=cast.administrator)
    said = text(add(manager, cast, email=gone.email, full_name="Bo Ek"))
    assert "Somebody under another name is on record" in said
    assert "Ines Marsh" not in said


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("maría josé  núñez-øst", True),
        ("Nunez Ost, Maria Jose", True),
        ("Mary Nunez", False),
        ("María José", False),
        ("", False),
    ],
)
def test_names_are_compared_as_a_reader_would(typed, same):
    assert returning.is_named(StaffMember(full_name="María José Núñez Øst"), typed) == same


def test_add_into_another_clinic_is_refused(manager, cast):
    assert add(manager, cast, clinic=cast.harbour.public_id).status_code == 200
    assert not StaffMember.objects.filter(email="nia@lakeside.example").exists()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"email": "pinpoint@system.invalid"}, "belongs to the site itself"),
        ({"hired_on": "0026-11-01"}, "cannot be right. Check the year"),
        ({"full_name": ""}, "This is still empty"),
        ({"roles": []}, "Choose at least one role"),
        ({"full_name": "何小龍"}, "enter the name's Latin form as well"),
        ({"full_name": "何小龍", "latin_name": "李"}, "cannot be printed either"),
        ({"full_name": "Nia\u202eNew"}, "holds signs that cannot be printed"),
        ({"full_name": "Nia\u202eNew", "latin_name": "Nia"}, "holds signs that cannot be printed"),
    ],
)
def test_add_refused(manager, cast, changed, sentence):
    assert sentence in text(add(manager, cast, **changed))
    assert not StaffMember.objects.filter(full_name__startswith="Nia").exists()


def test_add_with_a_latin_form(manager, cast):
    add(manager, cast, full_name="何小龍", latin_name="He Xiaolong")
    assert StaffMember.objects.get(email="nia@lakeside.example").latin_name == "He Xiaolong"


# Changing


def test_rename_keeps_issued_papers(manager, cast, module):
    certificate = factories.make_finished(person=cast.aesthetician, course=module).certificate
    path = reverse("compliance:person-rename", args=[cast.aesthetician.public_id])
    assert "1 certificate issued before" in text(manager.get(path))
    refused = manager.post(path, {"full_name": "Maya Berg", "latin_name": "", "reason": ""})
    assert refused.status_code == 200
    manager.post(path, {"full_name": "Maya Berg", "latin_name": "", "reason": "marriage"})
    cast.aesthetician.refresh_from_db()
    certificate.refresh_from_db()
    assert (cast.aesthetician.full_name, certificate.holder_name) == ("Maya Berg", "Maya Lindqvist")
    assert AuditEvent.objects.get(action="person.renamed").reason == "marriage"


def test_licence(manager, cast):
    path = reverse("compliance:licence-add", args=[cast.colleague.public_id])
    licence = {"type": "Registered nurse", "number": "RN-1", "authority": "Board", "expires_on": "2027-05-01"}
    manager.post(path, licence)
    assert Licence.objects.get().person == cast.colleague
    assert "RN-1" in page_of(manager, cast.colleague)
    again = text(manager.post(path, {**licence, "number": "rn-1"}))
    assert "on record already" in again
    assert Licence.objects.count() == 1


def new_physician(cast, person=None) -> Membership:
    return staff_actions.add_member(
        clinic=cast.lakeside, email=person.email if person else "new@lakeside.example", full_name="Nora New",
        job_title="Physician", hired_on=date(2026, 11, 1), roles=["physician", "manager"], by=cast.pinpoint,
    )  # fmt: skip


def test_identity_check(manager, cast):
    membership = new_physician(cast)
    path = reverse("compliance:identity-check", args=[membership.person.public_id, cast.lakeside.public_id])
    assert "Record the identity check" in page_of(manager, membership.person)
    manager.post(path, {"how": "passport seen"})
    role = MembershipRole.objects.get(membership=membership, role="physician")
    assert (role.identity_checked_by, role.identity_checked_how) == (cast.manager, "passport seen")
    assert "no identity left to check" in manager.get(path, follow=True).text


def test_who_gave_the_role_does_not_check_the_identity(manager, cast):
    person = staff_actions.add_member(
        clinic=cast.lakeside, email="new@lakeside.example", full_name="Nora New", job_title="Physician",
        hired_on=date(2026, 11, 1), roles=["physician"], by=cast.manager,
    ).person  # fmt: skip
    path = reverse("compliance:identity-check", args=[person.public_id, cast.lakeside.public_id])
    shown = page_of(manager, person)
    assert "Record the identity check" not in shown
    assert "another manager or the administrator records the identity check" in shown
    assert "another manager or the administrator has checked" in text(manager.get("/"))
    assert "somebody else records the identity check" in manager.post(path, {"how": "me"}, follow=True).text
    assert MembershipRole.objects.get(membership__person=person).identity_checked_at is None


def test_nobody_checks_their_own_identity(client, cast):
    membership = new_physician(cast)
    client.force_login(membership.person)
    path = reverse("compliance:identity-check", args=[membership.person.public_id, cast.lakeside.public_id])
    assert "Nobody checks their own identity" in client.post(path, {"how": "me"}, follow=True).text
    assert MembershipRole.objects.get(membership=membership, role="physician").identity_checked_at is None


def test_end_membership_scores_what_is_open(manager, cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    path = reverse("compliance:membership-end", args=[cast.aesthetician.public_id, cast.lakeside.public_id])
    assert "1 open attempt is scored as stored" in text(manager.get(path))
    assert Attempt.objects.get(pk=attempt.pk).state == "open", "looking changes nothing"
    response = manager.post(path, {"reason": "left"}, follow=True)
    assert "Maya Lindqvist no longer belongs to Lakeside Skin Clinic" in response.text
    assert Attempt.objects.get(pk=attempt.pk).state == "expired"
    cast.aesthetician.refresh_from_db()
    assert not cast.aesthetician.is_active
    assert manager.post(path, {"reason": "again"}).status_code == 403


def test_end_membership_needs_a_reason(manager, cast):
    path = reverse("compliance:membership-end", args=[cast.colleague.public_id, cast.lakeside.public_id])
    assert manager.post(path, {"reason": ""}).status_code == 200
    assert Membership.objects.get(person=cast.colleague).ended_at is None


def test_nobody_ends_their_own_membership(manager, cast):
    path = reverse("compliance:membership-end", args=[cast.manager.public_id, cast.lakeside.public_id])
    assert "Nobody ends their own membership" in manager.post(path, {"reason": "x"}, follow=True).text
    assert Membership.objects.get(person=cast.manager).ended_at is None


def test_a_manager_here_and_physician_there_changes_only_here(client, cast):
    both = make_person(cast.lakeside, "Bea Both", "manager", by=cast.pinpoint)
    staff_actions.add_member(
        clinic=cast.harbour, email=both.email, full_name="", job_title="Physician", hired_on=date(2026, 1, 1),
        roles=["physician"], by=cast.pinpoint,
    )  # fmt: skip
    client.force_login(both)
    there = cast.other_aesthetician.public_id
    assert client.get(reverse("compliance:person-detail", args=[there])).status_code == 200
    assert client.get(reverse("compliance:person-rename", args=[there])).status_code == 403
    assert client.get(reverse("compliance:membership-end", args=[there, cast.harbour.public_id])).status_code == 403
    here = cast.aesthetician.public_id
    assert client.get(reverse("compliance:membership-end", args=[here, cast.harbour.public_id])).status_code == 404


# Invitations for many


def unaccepted(cast, *names) -> list[Membership]:
    return [
        staff_actions.add_member(
            clinic=cast.lakeside, email=f"{name}@lakeside.example", full_name=name.title(), job_title="Nurse",
            hired_on=date(2026, 11, 1), roles=["aesthetician"], by=cast.manager,
        )
        for name in names
    ]  # fmt: skip


def test_everybody_is_invited_once(manager, cast, now):
    unaccepted(cast, "ann", "bob")
    page = text(manager.get("/people/?who=waiting"))
    assert "2 people have not chosen a password yet" in page
    assert page.count("not invited yet") == 2
    assert "Danielle Osei" not in page
    done = manager.post("/people/invite/", {"do": "new"}, follow=True)
    assert "2 invitations go out" in text(done)
    assert "invited 2 November 2026 at 08:00" in text(done)
    with clock.at(now + timedelta(hours=1)):
        assert "none was sent" in text(manager.post("/people/invite/", {"do": "new"}, follow=True))
    assert OutgoingMail.objects.count() == 2


def test_who_is_ticked_is_invited_again(manager, cast, now):
    ann, bob = unaccepted(cast, "ann", "bob")
    manager.post("/people/invite/", {"do": "new"})
    key = f"{ann.person.public_id}:{cast.lakeside.public_id}"
    with clock.at(now + timedelta(hours=1)):
        manager.post("/people/invite/", {"do": "ticked", "p": [key]})
    assert [row.person for row in OutgoingMail.objects.order_by("pk")] == [ann.person, bob.person, ann.person]


def test_a_change_of_work_is_no_reason_to_invite_again(manager, cast):
    (ann,) = unaccepted(cast, "ann")
    manager.post("/people/invite/", {"do": "new"})
    staff_actions.change_member(
        membership=ann,
        job_title="Lead",
        staff_number="",
        hired_on=ann.hired_on,
        roles=["aesthetician"],
        by=cast.manager,
    )
    assert "none was sent" in text(manager.post("/people/invite/", {"do": "new"}, follow=True))


def test_a_stranger_is_not_invited(client, cast):
    (ann,) = unaccepted(cast, "ann")
    client.force_login(cast.other_manager)
    key = f"{ann.person.public_id}:{cast.lakeside.public_id}"
    assert client.post("/people/invite/", {"p": [key]}).status_code == 404
    client.post("/people/invite/", {"do": "new"})
    assert not OutgoingMail.objects.exists()


def test_a_physician_sees_who_has_not_accepted_and_invites_nobody(client, cast):
    unaccepted(cast, "ann")
    client.force_login(cast.physician)
    page = text(client.get("/people/?who=waiting"))
    assert "not invited yet" in page
    assert "Invite those ticked" not in page
    assert client.post("/people/invite/", {"do": "new"}).status_code == 403


def test_the_waiting_list_asks_as_much_for_one_as_for_many(manager, cast):
    manager.get("/people/")
    counted = []
    for names in (["ann"], ["bob", "cid", "dan", "eve"]):
        unaccepted(cast, *names)
        with CaptureQueriesContext(connection) as asked:
            manager.get("/people/?who=waiting")
        counted.append(len(asked))
    assert counted[0] == counted[1]
