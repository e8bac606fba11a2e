"""A clinic that requires a second factor, and a manager who resets one."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import records
from staff import actions, clock, factors, resetting, signing
from staff.models import AuditEvent, FactorReset, FactorRule, Membership, OutgoingMail, Signature
from tests import factories
from tests.conftest import NOW
from tests.people import PASSWORD

PAGE = "/accounts/signing-in/"
DAY = timedelta(days=1)


def required(cast, *, physicians: bool = True, managers: bool = False, days: int = 0, clinic=None) -> FactorRule:
    clinic = clinic or cast.lakeside
    return factors.set_rule(
        clinic=clinic,
        of_physicians=physicians,
        of_managers=managers,
        holds_on=clock.today(clinic.zone) + days * DAY,
        by=cast.manager,
    )


def of(person, client: Client | None = None) -> Client:
    client = client or Client()
    client.force_login(person)
    return client


# What is required


def test_from_its_day_on_nothing_else_is_open_to_whoever_has_none(cast, module):
    required(cast, days=1)
    client = of(cast.physician)
    home = client.get("/")
    assert "your clinic asks for a second step when you sign in" in home.text
    assert client.get("/reviews/").status_code == 200
    with clock.at(NOW + 2 * DAY):
        for path in ("/", "/reviews/", "/modules/", "/people/", "/accounts/display/", "/admin/"):
            assert client.get(path)["Location"] == PAGE, path
            assert client.post(path)["Location"] == PAGE, path
        assert client.get("/verify/").status_code == client.get("/accounts/logout/").status_code == 200
        page = client.get(PAGE)
        assert "until then the rest of the site stays closed" in page.text
        assert client.get(reverse("staff:app-add"))["Location"].startswith("/accounts/reauthenticate/")
        factories.give_app(person=cast.physician)
        assert client.get("/reviews/").status_code == 200


@pytest.mark.parametrize(
    ("physicians", "managers", "led"),
    [
        (True, False, {"physician"}),
        (False, True, {"manager"}),
        (True, True, {"physician", "manager"}),
        (False, False, set()),
    ],
)
def test_of_whom_the_clinic_says_in_that_clinic_alone(cast, physicians, managers, led):
    required(cast, physicians=physicians, managers=managers)
    found = {
        name
        for name in ("physician", "manager", "aesthetician", "other_physician", "other_manager", "administrator")
        if of(getattr(cast, name)).get("/modules/").status_code == 302
    }
    assert found == led


def test_those_who_are_asked_and_have_none_are_told_by_mail_once(cast):
    factories.give_app(person=cast.manager)
    OutgoingMail.objects.all().delete()
    for _ in range(2):
        required(cast, managers=True, days=14)
    (told,) = OutgoingMail.objects.all()
    assert told.person == cast.physician
    assert "requires a second step of its physicians and managers from 16 November 2026 on" in told.body
    assert f"{PAGE}\n" in told.body


def test_last_rule_counts_and_may_ask_it_of_nobody(cast):
    required(cast)
    client = of(cast.physician)
    assert client.get("/modules/").status_code == 302
    required(cast, physicians=False)
    assert client.get("/modules/").status_code == 200
    required(cast, days=1)
    assert client.get("/modules/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(cast):
    factories.give_app(person=cast.physician)
    factors.make_codes(person=cast.physician)
    Authenticator.objects.filter(type="totp").delete()
    required(cast)
    assert of(cast.physician).get("/modules/").status_code == 302


def test_running_attempt_loses_no_answer(cast, module):
    actions.change_member(
        membership=Membership.objects.get(person=cast.aesthetician),
        job_title="Aesthetician",
        staff_number="",
        hired_on=Membership.objects.get(person=cast.aesthetician).hired_on,
        roles=["aesthetician", "manager"],
        by=cast.manager,
    )
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    client = of(cast.aesthetician)
    required(cast, managers=True)
    assert client.get("/modules/").status_code == 302
    for name in ("attempt-take", "attempt-check", "attempt-clock"):
        assert client.get(reverse(f"quizzes:{name}", args=[attempt.public_id])).status_code == 200
    for path in (
        reverse("quizzes:attempt-save", args=[attempt.public_id, 1]),
        reverse("certificates:attempt-submit", args=[attempt.public_id]),
    ):
        assert client.post(path, {}).get("Location") != PAGE


def test_last_factor_stays_while_it_is_required(client, cast):
    factories.give_app(person=cast.physician)
    required(cast)
    app = Authenticator.objects.get(type="totp")
    of(cast.physician, client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    got = client.post(reverse("staff:factor-remove", args=[app.pk]), follow=True)
    assert "requires a second step of its physicians, and this is your last one" in got.text
    required(cast, days=1)
    client.post(reverse("staff:factor-remove", args=[app.pk]))
    assert not Authenticator.objects.exists()


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def test_asking_costs_no_statement_of_its_own(client, cast):
    of(cast.physician, client).get("/accounts/display/")
    before = statements(client, "/accounts/display/")
    required(cast, days=1)
    assert statements(client, "/accounts/display/") == before


@pytest.mark.parametrize("path", ["/people/", "/people/?who=no-factor", "/compliance/second-step/"])
@pytest.mark.one_engine  # as many statements on both
def test_lists_take_as_many_statements_for_one_as_for_many(client, cast, path):
    factories.give_app(person=cast.physician)
    required(cast, days=1)
    of(cast.manager, client).get(path)
    before = statements(client, path)
    for person in (cast.aesthetician, cast.support):
        factories.give_app(person=person)
    for days in (2, 3):
        required(cast, days=days)
    assert statements(client, path) == before


# The manager's page


def test_manager_sets_it_two_weeks_ahead_and_it_is_on_record(client, cast):
    of(cast.manager, client)
    path = reverse("compliance:factor-rule")
    day = clock.today(cast.lakeside.zone) + 14 * DAY
    assert f'value="{day.isoformat()}"' in client.get(path).text
    typed = {"clinic": cast.lakeside.public_id, "of_physicians": "on", "holds_on": day.isoformat()}
    assert client.post(path, typed | {"holds_on": (day - 15 * DAY).isoformat()}).status_code == 400
    assert client.post(path, typed | {"clinic": cast.harbour.public_id}).status_code == 400
    for _ in range(2):
        assert client.post(path, typed).status_code == 302
    (row,) = FactorRule.objects.all()
    assert (row.of_physicians, row.of_managers, row.set_by) == (True, False, cast.manager)
    event = AuditEvent.objects.get(action="factor.required")
    assert (event.actor, event.chain.clinic) == (cast.manager, cast.lakeside)
    shown = client.get(path)
    assert "Required of physicians" in shown.text
    assert shown.context["form"]["of_physicians"].value() is True
    assert shown.context["form"]["holds_on"].value() == day


def test_manager_sees_who_has_one_in_her_clinic_alone(client, cast):
    factories.give_app(person=cast.physician)
    of(cast.manager, client)
    listed = client.get("/people/").text
    assert listed.count("· second step set up") == 1
    assert listed.count("· no second step") == 1  # her own; nobody requires one of those who treat
    bare = client.get("/people/?who=no-factor").text
    assert cast.physician.full_name not in bare
    assert cast.aesthetician.full_name in bare
    assert "Set up" in client.get(f"/people/{cast.physician.public_id}/").text
    for viewer in (cast.physician, cast.other_manager):
        text = of(viewer).get("/people/").text
        assert "second step set up" not in text


# Resetting


def path_of(person, clinic) -> str:
    return reverse("compliance:factor-reset", args=[person.public_id, clinic.public_id])


def test_manager_resets_with_her_signature(client, cast):
    hers = Client()
    hers.post("/accounts/login/", {"login": cast.physician.email, "password": PASSWORD})
    assert hers.get("/reviews/").status_code == 200
    factories.give_app(person=cast.physician)
    factors.make_codes(person=cast.physician)
    of(cast.manager, client)
    path = path_of(cast.physician, cast.lakeside)
    page = client.get(path)
    typed = {
        "shown_sha256": page.context["shown_sha256"],
        "opened_at": page.context["opened_at"].isoformat(),
        "email": cast.manager.email,
        "password": "not-the-password",
        "reason": "Phone lost, spoke with her.",
    }
    assert "The password is not right" in client.post(path, typed).text
    assert "The reason is missing." in client.post(path, typed | {"reason": "", "password": PASSWORD}).text
    assert Authenticator.objects.exists()
    assert client.post(path, typed | {"password": PASSWORD}).status_code == 302
    row = FactorReset.objects.get()
    assert (row.person, row.clinic, row.reset_by) == (cast.physician, cast.lakeside, cast.manager)
    assert signing.is_genuine(row.signature)
    assert (row.signature.meaning_code, row.signature.role) == ("reset-factors", "manager")
    assert not Authenticator.objects.exists()
    assert not UserSession.objects.filter(user=cast.physician).exists()
    assert hers.get("/reviews/").status_code == 302
    assert OutgoingMail.objects.get(person=cast.physician, subject="Your second step was reset")
    event = AuditEvent.objects.get(action="factor.reset")
    assert (event.chain.clinic, event.reason) == (cast.lakeside, row.reason)
    assert "second" in client.get(path).text
    assert "Nothing was signed" in client.post(path, typed | {"password": PASSWORD}).text


def test_nobody_resets_her_own_nor_one_of_another_clinic(client, cast):
    for person in (cast.manager, cast.other_physician):
        factories.give_app(person=person)
    of(cast.manager, client)
    assert client.get(path_of(cast.manager, cast.lakeside))["Location"].startswith("/people/")
    assert client.get(path_of(cast.other_physician, cast.harbour)).status_code == 404
    membership = Membership.objects.get(person=cast.manager)
    with pytest.raises(signing.SigningRefused, match="Nobody resets her own"):
        resetting.reset(
            membership=membership,
            reason="Mine.",
            seen=factories.seen(resetting.before_sha256(cast.lakeside, cast.manager), cast.manager),
            by=cast.manager,
        )
    membership = Membership.objects.select_related("clinic").get(person=cast.other_physician)
    with pytest.raises(signing.SigningRefused, match="You are not a manager of Harbour"):
        resetting.reset(
            membership=membership,
            reason="Hers.",
            seen=factories.seen(resetting.before_sha256(cast.harbour, cast.other_physician), cast.manager),
            by=cast.manager,
        )
    assert Authenticator.objects.count() == 2
    assert not Signature.objects.filter(meaning_code="reset-factors").exists()


def joins(clinic, person, by, **more) -> Membership:
    known = {"email": person.email, "full_name": person.full_name, "job_title": "Locum", "hired_on": clock.today("UTC")}
    return actions.add_member(clinic=clinic, roles=["support"], by=by, **known, **more)


def test_manager_who_added_her_to_another_clinic_does_not_free_her_there(client, cast):
    factories.give_app(person=cast.physician)
    theirs = joins(cast.harbour, cast.physician, cast.other_manager)
    of(cast.other_manager, client)
    told = client.get(path_of(cast.physician, cast.harbour), follow=True)
    assert "worked at another clinic, or for the installation, before she came to Harbour" in told.text
    over = resetting.before_sha256(cast.harbour, cast.physician)
    with pytest.raises(signing.SigningRefused, match="Ask the manager there"):
        resetting.reset(
            membership=theirs, reason="Hers.", seen=factories.seen(over, cast.other_manager), by=cast.other_manager
        )
    assert Authenticator.objects.exists()
    assert of(cast.manager, client).get(path_of(cast.physician, cast.lakeside)).status_code == 200


def test_where_she_has_worked_longest_is_told_without_a_break(cast):
    here, hers = cast.lakeside, Membership.objects.get(person=cast.physician)
    there = joins(cast.harbour, cast.physician, cast.other_manager, began_at=hers.began_at - 9 * DAY)
    assert resetting.answers_for(cast.harbour, cast.physician)
    actions.close_membership(membership=there, by=cast.other_manager)
    assert resetting.answers_for(here, cast.physician)
    with clock.at(clock.now() + DAY):
        joins(cast.harbour, cast.physician, cast.other_manager)
        joins(cast.harbour, cast.author, cast.other_manager)
    assert not resetting.answers_for(cast.harbour, cast.physician)
    assert not resetting.answers_for(cast.harbour, cast.author)
    with clock.at(clock.now() + 2 * DAY):
        work = {"staff_number": "7", "hired_on": hers.hired_on, "roles": ["physician"]}
        actions.change_member(membership=hers, job_title="Director", by=cast.manager, **work)
    assert resetting.answers_for(here, cast.physician)


def test_administrator_frees_a_single_manager(cast, capsys):
    factories.give_app(person=cast.manager)
    wanted = {"how": "seen, passport", "by": cast.administrator.email}
    with pytest.raises(CommandError, match="is not an administrator"):
        call_command("reset_second_factor", cast.manager.email, **wanted | {"by": cast.author.email})
    with pytest.raises(CommandError, match="Nobody signs in as"):
        call_command("reset_second_factor", "nobody@lakeside.example", **wanted)
    with pytest.raises(CommandError, match="--how is empty"):
        call_command("reset_second_factor", cast.manager.email, **wanted | {"how": " "})
    with pytest.raises(CommandError, match="Nobody resets their own"):
        call_command("reset_second_factor", cast.administrator.email, **wanted)
    assert Authenticator.objects.exists()
    call_command("reset_second_factor", cast.manager.email, **wanted)
    assert not Authenticator.objects.exists()
    event = AuditEvent.objects.get(action="factor.reset")
    assert (event.chain.house, event.actor) == (True, cast.administrator)
    call_command("reset_second_factor", cast.manager.email, **wanted)
    assert "has no second factor; nothing was changed" in capsys.readouterr().out


def test_records_of_it_add_up(cast):
    required(cast, days=3)
    factories.reset_factor(person=cast.colleague, by=cast.manager)
    report = records.verify()
    assert report.clean, report.findings
    assert report.checked["resets of second factors"] == report.checked["rules of second factors"] == 1
