"""Authenticator apps, passkeys and recovery codes: at sign-in, and on the page that changes them."""

import html
import json
import re
import time
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.core.management import call_command
from django.test import Client, override_settings
from django.urls import reverse

from compliance import records
from staff import actions, clock, factors, sealing
from staff.models import AuditEvent, Clinic, Membership, OutgoingMail, Signature, StaffMember
from staff.signing import Evidence, SigningRefused, check_evidence
from tests import factories
from tests.passkeys import Phone
from tests.people import PASSWORD
from tests.threads import at_once

LOGIN = "/accounts/login/"
STEP = "/accounts/2fa/authenticate/"
PAGE = "/accounts/signing-in/"
HALF = timedelta(seconds=30)


code_of = factories.app_shows


def with_app(person: StaffMember) -> str:
    return factories.give_app(person=person)


def with_passkey(client: Client, name: str = "My phone", **phone: Any) -> Phone:
    """Added on the page, by whoever is signed in and has just typed her password again."""
    held = Phone(**phone)
    page = client.get(reverse("staff:passkey-add"))
    client.post(reverse("staff:passkey-add"), {"name": name, "credential": held.make(options_in(page.text))})
    return held


def options_in(page: str) -> dict[str, Any]:
    (written,) = re.findall(r'data-options="([^"]+)"', page)
    found: dict[str, Any] = json.loads(html.unescape(written))
    return found


def first_step(client: Client, person: StaffMember) -> str:
    got = client.post(LOGIN, {"login": person.email, "password": PASSWORD})
    assert got.status_code == 302
    return str(got["Location"])


def signed_in(client: Client) -> bool:
    return client.get("/certificates/").status_code == 200


def again(client: Client, person: StaffMember) -> Client:
    """Signed in, with the password typed once more."""
    client.force_login(person)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def acts() -> list[str]:
    rows = AuditEvent.objects.filter(action__startswith="factor.").order_by("pk")
    return list(rows.values_list("action", flat=True))


def mails(person: StaffMember) -> list[str]:
    return list(OutgoingMail.objects.filter(person=person).order_by("pk").values_list("subject", flat=True))


# Signing in


def test_code_of_the_app_is_asked_for_after_the_password_and_taken_once(client, cast):
    secret = with_app(cast.physician)
    assert first_step(client, cast.physician) == STEP
    assert not signed_in(client)
    wrong = client.post(STEP, {"code": "000000" if code_of(secret) != "000000" else "111111"})
    assert "The code is not right, or it was used already." in wrong.text
    assert not signed_in(client)
    code = code_of(secret)
    assert client.post(STEP, {"code": f" {code[:3]} {code[3:]}"}).status_code == 302
    assert signed_in(client)
    other = Client()
    first_step(other, cast.physician)
    for later in range(4):
        with clock.at(clock.now() + later * HALF):
            other.post(STEP, {"code": code})
            assert not signed_in(other)


def test_code_before_the_last_one_taken_is_refused(cast):
    secret = with_app(cast.physician)
    before, now = code_of(secret, -1), code_of(secret)
    assert factors.take_code(person=cast.physician, code=now)
    assert factors.take_code(person=cast.physician, code=before) is None


def test_code_is_taken_half_a_minute_early_or_late_and_no_more(cast):
    secret = factors.new_secret()
    shown = {steps: factors.step_of(secret, code_of(secret, steps)) is not None for steps in range(-2, 3)}
    assert shown == {-2: False, -1: True, 0: True, 1: True, 2: False}


def test_recovery_code_lets_in_once_and_says_so_by_mail(client, cast):
    with_app(cast.physician)
    first, *others = factors.make_codes(person=cast.physician)
    first_step(client, cast.physician)
    client.post(STEP, {"code": first})
    assert signed_in(client)
    assert acts()[-1] == "factor.code-used"
    assert mails(cast.physician)[-1] == "A recovery code was used"
    other = Client()
    first_step(other, cast.physician)
    other.post(STEP, {"code": first})
    assert not signed_in(other)
    assert factors.held_by(cast.physician).codes_left == len(others)


def test_ten_wrong_codes_an_hour_whichever_door_and_nobody_else(client, cast):
    secret, hers = with_app(cast.physician), with_app(cast.manager)
    for wrong in (4, 6):  # a right one between them forgives nothing
        first_step(client, cast.physician)
        for _ in range(wrong):
            client.post(STEP, {"code": "12345"})
        if wrong == 4:
            client.post(STEP, {"code": code_of(secret, -1)})
            client.post("/accounts/logout/")
    refused = client.post(STEP, {"code": code_of(secret)})
    assert "Ten codes were wrong within an hour" in refused.text
    with pytest.raises(factors.TooManyCodes):
        factors.prove_by_code(person=cast.physician, code=code_of(secret))
    assert mails(cast.physician).count("Three wrong codes for your account") == 1
    other = Client()
    first_step(other, cast.manager)
    other.post(STEP, {"code": code_of(hers)})
    assert signed_in(other)
    with clock.at(clock.now() + timedelta(hours=1)):
        assert factors.prove_by_code(person=cast.physician, code=code_of(secret))


@pytest.mark.django_db(transaction=True)
def test_one_code_typed_in_two_windows_at_once_is_taken_once(cast):
    secret = with_app(cast.physician)
    code = code_of(secret)
    taken = at_once(*[lambda: factors.take_code(person=cast.physician, code=code)] * 4)
    assert sum(isinstance(one, Authenticator) for one in taken) == 1
    assert taken.count(None) == 3


def test_showing_once_more_who_one_is_has_ten_tries_an_hour(client, cast):
    secret = with_app(cast.physician)
    client.force_login(cast.physician)
    answers = [client.post("/accounts/reauthenticate/", {"password": "not-the-password"}).status_code for _ in range(5)]
    answers += [client.post("/accounts/2fa/reauthenticate/", {"code": "12345"}).status_code for _ in range(5)]
    assert set(answers) == {200}
    assert client.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret)}).status_code == 429
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 429


def test_present_password_is_tried_ten_times_an_hour_where_it_is_changed(client, cast):
    client.force_login(cast.physician)
    path, typed = (
        reverse("account_change_password"),
        {"oldpassword": "not-the-password", "password1": "x", "password2": "x"},
    )
    assert [client.post(path, typed).status_code for _ in range(10)] == [200] * 10
    later = time.time() + 30 * 60
    with mock.patch("time.time", return_value=later):
        assert client.post(path, typed).status_code == 429


def test_new_password_by_mail_does_not_go_around_the_second_step(client, cast):
    with_app(cast.physician)
    client.post(reverse("account_reset_password"), {"email": cast.physician.email})
    (letter,) = OutgoingMail.objects.filter(person=cast.physician, subject__icontains="password")
    path = re.search(r"https?://[^/]+(/\S+)", letter.body).group(1)
    form = client.get(path, follow=True).redirect_chain[-1][0]
    new = "a-green-chair-by-the-door-4"
    client.post(form, {"password1": new, "password2": new})
    assert not signed_in(client)
    client.post(LOGIN, {"login": cast.physician.email, "password": new})
    assert not signed_in(client)


def test_password_alone_signs_in_whoever_has_no_factor(client, cast):
    assert first_step(client, cast.aesthetician) == "/"
    assert signed_in(client)


# Passkeys


def signing_in_by_passkey(client: Client, phone: Phone):
    path = reverse("mfa_login_webauthn")
    asked = client.get(path, headers={"Accept": "application/json"}).json()["request_options"]
    return client.post(path, {"credential": phone.answer(asked)})


def test_passkey_signs_in_without_a_password_and_after_one(client, cast):
    phone = with_passkey(again(client, cast.physician))
    assert acts() == ["factor.passkey-added", "factor.codes-made"]
    assert mails(cast.physician)[0] == "A passkey was added to your account"
    fresh = Client()
    assert signing_in_by_passkey(fresh, phone)["Location"] == "/"
    assert signed_in(fresh)
    other = Client()
    assert first_step(other, cast.physician) == STEP
    other.post(STEP, {"credential": phone.answer(options_in(other.get(STEP).text))})
    assert signed_in(other)


def test_passkey_of_a_subdomain_of_another_site_or_without_a_finger_is_refused(client, cast):
    again(client, cast.physician)
    for phone in (
        {"origin": "https://evil.training.example.com"},
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"verifies": False},
    ):
        with_passkey(client, **phone)
    assert not Authenticator.objects.exists()
    phone = with_passkey(client)
    for name, value in (("origin", "https://evil.training.example.com"), ("flags", Phone(verifies=False).flags)):
        right, fresh = getattr(phone, name), Client()
        setattr(phone, name, value)
        signing_in_by_passkey(fresh, phone)
        assert not signed_in(fresh)
        setattr(phone, name, right)


def test_answer_to_one_question_is_no_answer_to_the_next(client, cast):
    phone, path = with_passkey(again(client, cast.physician)), reverse("mfa_login_webauthn")
    one, other = Client(), Client()
    asked = one.get(path, headers={"Accept": "application/json"}).json()["request_options"]
    answer = {"credential": phone.answer(asked)}
    other.get(path, headers={"Accept": "application/json"})
    other.post(path, answer)
    assert not signed_in(other)
    one.post(path, answer)
    assert signed_in(one)
    one.post("/accounts/logout/")
    one.post(path, answer)
    assert not signed_in(one)


@pytest.mark.parametrize(
    "junk", ["", "1", "[]", "{}", '"x"', '{"id": 1}', '{"response": null}', '{"id": "a", "rawId": "a", "response": {}}']
)
def test_junk_for_a_passkey_is_refused_in_words(client, cast, junk):
    path = reverse("mfa_login_webauthn")
    client.get(path, headers={"Accept": "application/json"})
    assert client.post(path, {"credential": junk}).status_code == 302
    again(client, cast.physician)
    client.get(reverse("staff:passkey-add"))
    assert client.post(reverse("staff:passkey-add"), {"credential": junk}).status_code == 400
    assert not Authenticator.objects.exists()


def test_leaver_gets_in_by_no_passkey(client, cast):
    phone = with_passkey(again(client, cast.aesthetician))
    StaffMember.objects.filter(pk=cast.aesthetician.pk).update(is_active=False)
    fresh = Client()
    signing_in_by_passkey(fresh, phone)
    assert not signed_in(fresh)


@pytest.mark.parametrize(
    ("site", "possible"),
    [
        ("https://training.example.com", True),
        ("http://localhost:8000", True),
        ("http://training.example.com", False),
        ("http://127.0.0.1:8000", False),
        ("https://192.0.2.7", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_passkeys_need_a_host_name_and_https(site, possible):
    with override_settings(SITE_URL=site):
        assert factors.passkeys_possible() is possible


# The page


def test_changing_how_one_signs_in_asks_for_the_password_again(client, cast):
    with_app(cast.aesthetician)
    factor = Authenticator.objects.get()
    client.force_login(cast.aesthetician)
    for path in ("staff:passkey-add", "staff:factor-remove", "staff:passkey-rename"):
        args = [] if "add" in path else [factor.pk]
        for got in (client.get(reverse(path, args=args)), client.post(reverse(path, args=args))):
            assert got["Location"].startswith("/accounts/reauthenticate/")
    client.post(reverse("staff:recovery-codes-make"))
    assert list(Authenticator.objects.all()) == [factor]


def test_codes_made_in_another_browser_since_are_not_shown_in_the_one_that_made_the_old(client, cast):
    with_app(cast.aesthetician)
    path = reverse("staff:recovery-codes")
    other = again(Client(), cast.aesthetician)
    for browser in (again(client, cast.aesthetician), other):
        assert browser.post(reverse("staff:recovery-codes-make"))["Location"] == path
        assert browser.get(path).status_code == 200
    assert client.get(path).status_code == client.get(reverse("staff:recovery-codes-file")).status_code == 302
    assert other.get(path).status_code == 200


def test_app_is_set_up_with_its_own_code_and_recovery_codes_come_with_it(client, cast):
    again(client, cast.aesthetician)
    page = client.get(reverse("staff:app-add"))
    typed = re.search(r'class="mono text-break">([A-Z2-7 ]+)<', page.text).group(1)
    assert all(len(group) == 4 for group in typed.split())
    secret = typed.replace(" ", "")
    assert f"secret={secret}" in html.unescape(page.text)
    assert secret not in str(dict(client.session))
    assert client.post(reverse("staff:app-add"), {"code": "12"}).status_code == 400
    assert not Authenticator.objects.exists()
    done = client.post(reverse("staff:app-add"), {"code": code_of(secret)}, follow=True)
    shown = re.findall(r"<li>(\d{4} \d{4})</li>", done.text)
    assert len(set(shown)) == 10
    file = client.get(reverse("staff:recovery-codes-file"))
    assert "attachment" in file["Content-Disposition"]
    assert all(code in file.text for code in shown)
    assert acts() == ["factor.app-added", "factor.codes-made"]
    assert mails(cast.aesthetician) == [
        "An authenticator app was set up for your account",
        "Recovery codes were made for your account",
    ]
    with clock.at(clock.now() + timedelta(minutes=15)):
        assert client.get(reverse("staff:recovery-codes")).status_code == 302
        assert client.get(reverse("staff:recovery-codes-file")).status_code == 302
    overview = client.get(PAGE).text
    assert "10\u00a0codes left" in overview
    assert shown[0] not in overview


def test_new_codes_end_the_old_and_stand_for_nothing_alone(client, cast):
    again(client, cast.aesthetician)
    assert client.post(reverse("staff:recovery-codes-make"))["Location"] == PAGE
    with_app(cast.aesthetician)
    old = factors.make_codes(person=cast.aesthetician)
    client.post(reverse("staff:recovery-codes-make"))
    new = factors.unused_codes(cast.aesthetician)
    assert len(new) == 10
    assert not set(old) & set(new)


def test_with_the_last_factor_go_the_codes(client, cast):
    with_app(cast.aesthetician)
    factors.make_codes(person=cast.aesthetician)
    again(client, cast.aesthetician)
    path = reverse("staff:factor-remove", args=[Authenticator.objects.get(type="totp").pk])
    assert "It is the last one" in client.get(path).text
    client.post(path)
    assert not Authenticator.objects.exists()
    assert acts()[-1] == "factor.app-removed"
    assert mails(cast.aesthetician)[-1] == "Your authenticator app was removed from your account"
    assert first_step(Client(), cast.aesthetician) == "/"


@pytest.mark.parametrize("name", ["factor-remove", "passkey-rename"])
def test_nobody_changes_what_is_anothers(client, cast, name):
    holder = Client()
    again(holder, cast.colleague)
    with_passkey(holder)
    again(client, cast.aesthetician)
    path = reverse(f"staff:{name}", args=[Authenticator.objects.get(type="webauthn").pk])
    assert client.get(path).status_code == client.post(path, {"name": "Mine"}).status_code == 404
    assert Authenticator.objects.get(type="webauthn").data["name"] == "My phone"


def test_a_passkey_is_given_another_name(client, cast):
    again(client, cast.aesthetician)
    with_passkey(client)
    passkey = Authenticator.objects.get(type="webauthn")
    path = reverse("staff:passkey-rename", args=[passkey.pk])
    assert 'value="My phone"' in client.get(path).text
    for wrong, sentence in (("  ", "Say what you call it"), ("x" * 61, "Use 60 characters or fewer")):
        got = client.post(path, {"name": wrong})
        assert got.status_code == 400
        assert sentence in got.text
    before = len(acts())
    page = client.post(path, {"name": " Clinic tablet "}, follow=True).text
    assert "The passkey is called “Clinic tablet” now." in page
    assert 'Rename<span class="visually-hidden"> Clinic tablet</span>' in page
    client.post(path, {"name": "Clinic tablet"})
    assert acts()[before:] == ["factor.passkey-renamed"]
    passkey.refresh_from_db()
    assert passkey.data["name"] == "Clinic tablet"
    assert passkey.data["credential"]
    with mock.patch.object(factors, "rename_passkey", return_value=False):
        assert "was removed in another window" in client.post(path, {"name": "Gone"}, follow=True).text
    Authenticator.objects.filter(pk=passkey.pk).delete()
    assert factors.rename_passkey(number=passkey.pk, name="Gone", person=cast.aesthetician) is False


def test_an_app_has_no_name_to_change(client, cast):
    with_app(cast.aesthetician)
    again(client, cast.aesthetician)
    assert (
        client.get(reverse("staff:passkey-rename", args=[Authenticator.objects.get(type="totp").pk])).status_code == 404
    )


def test_what_fails_leaves_neither_factor_nor_event_nor_mail(cast, monkeypatch):
    monkeypatch.setattr(factors.mail, "queue", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        with_app(cast.physician)
    assert not Authenticator.objects.exists()
    assert not acts()


def test_leaving_and_merging_take_the_factors_along(cast):
    for person in (cast.aesthetician, cast.colleague):
        with_app(person)
    actions.close_membership(membership=Membership.objects.get(person=cast.aesthetician), by=cast.manager)
    actions.make_alias(alias=cast.colleague, of=cast.support, clinic=cast.lakeside, by=cast.manager)
    assert not Authenticator.objects.exists()


def test_list_of_passkeys_is_one_statement_however_many(client, cast, django_assert_num_queries):
    again(client, cast.aesthetician)
    with_passkey(client, "One")
    client.get(PAGE)
    with django_assert_num_queries(9):
        assert "One" in client.get(PAGE).text
    for name in ("Two", "Three"):
        with_passkey(client, name)
    with django_assert_num_queries(9):
        assert "Three" in client.get(PAGE).text


# What lies in the database


def test_administrator_is_not_shown_factors():
    assert not admin.site.is_registered(Authenticator)


def test_secrets_lie_sealed_and_open_after_the_key_was_changed(cast, settings):
    secret = with_app(cast.physician)
    factors.make_codes(person=cast.physician)
    stored = {row.type: row.data for row in Authenticator.objects.all()}
    name = next(iter(settings.SIGNING_KEYS))
    assert stored["totp"]["secret"].startswith(f"{name}:")
    assert secret not in json.dumps(stored)
    codes = factors.unused_codes(cast.physician)
    settings.SIGNING_KEYS = {"newer": "ab" * 32, **settings.SIGNING_KEYS}
    assert factors.unused_codes(cast.physician) == codes
    assert factors.take_code(person=cast.physician, code=code_of(secret))
    assert sealing.seal("x").startswith("newer:")


def test_without_its_key_no_code_is_taken_and_the_log_names_the_key(cast, settings, caplog):
    secret = with_app(cast.physician)
    name = next(iter(settings.SIGNING_KEYS))
    settings.SIGNING_KEYS = {"another": "ab" * 32}
    assert factors.take_code(person=cast.physician, code=code_of(secret)) is None
    assert f"SIGNING_KEYS has no key named {name}" in caplog.text
    settings.SIGNING_KEYS = {name: "cd" * 32}
    assert factors.take_code(person=cast.physician, code=code_of(secret)) is None
    assert "it was altered, or the key was" in caplog.text


def test_sealed_text_that_was_altered_does_not_open(cast):
    sealed = sealing.seal("a secret")
    assert sealing.open_sealed(sealed) == "a secret"
    with pytest.raises(sealing.NotOpened):
        sealing.open_sealed(sealed[:-6] + "AAAAA=")


# Signing


def signing(client: Client, person: StaffMember, clinic: Clinic) -> dict[str, str]:
    """What the page of a manager's reset asks for, filled but for what shows who she is."""
    path = reverse("compliance:factor-reset", args=[person.public_id, clinic.public_id])
    page = client.get(path).context
    asked = {"shown_sha256": page["shown_sha256"], "opened_at": page["opened_at"].isoformat(), "reason": "Phone lost."}
    return {"path": path, **asked}


def post(client: Client, typed: dict[str, str], **more: str) -> str:
    """The refusal, or nothing where it was signed."""
    data = {name: value for name, value in typed.items() if name != "path"} | more
    got = client.post(typed["path"], data)
    return "" if got.status_code == 302 else got.context["signing_error"]


def test_code_signs_in_place_of_the_password_and_the_signature_says_so(client, cast):
    with_app(cast.physician)
    secret = with_app(cast.manager)
    client.force_login(cast.manager)
    typed = signing(client, cast.physician, cast.lakeside)
    assert "Or the six digits" in client.get(typed["path"]).text
    assert post(client, typed, email=cast.manager.email).startswith("Type your password to sign.")
    assert "The e-mail address is not the one" in post(client, typed, email="x@y.example", code=code_of(secret))
    assert "The code is not right" in post(client, typed, email=cast.manager.email, code="12345")
    assert not Signature.objects.exists()
    assert post(client, typed, email=cast.manager.email, code=code_of(secret)) == ""
    with_app(cast.physician)
    typed = signing(client, cast.physician, cast.lakeside)
    assert "or it was used already" in post(client, typed, code=code_of(secret))
    with clock.at(clock.now() + HALF):
        assert post(client, typed, code=code_of(secret)) == ""
    assert list(Signature.objects.order_by("pk").values_list("auth_method", flat=True)) == ["email+code", "code"]
    assert records.verify().clean


def test_recovery_code_signs_nothing(client, cast):
    with_app(cast.physician)
    with_app(cast.manager)
    codes = factors.make_codes(person=cast.manager)
    client.force_login(cast.manager)
    typed = signing(client, cast.physician, cast.lakeside)
    assert "The code is not right" in post(client, typed, email=cast.manager.email, code=codes[0])


def test_wrong_codes_and_passwords_are_one_count_and_one_alarm(client, cast):
    with_app(cast.physician)
    secret = with_app(cast.manager)
    client.force_login(cast.manager)
    typed = signing(client, cast.physician, cast.lakeside) | {"email": cast.manager.email}
    for turn in range(10):
        post(client, typed, **({"code": "12345"} if turn % 2 else {"password": "not-the-password"}))
    assert mails(cast.manager).count("Three failed attempts to sign") == 1
    assert "Ten signings failed within an hour" in post(client, typed, code=code_of(secret))
    assert "Ten signings failed within an hour" in post(client, typed, password=PASSWORD)


def test_failed_signings_count_for_their_hour_in_the_cache_that_is_shipped(client, cast, settings, monkeypatch):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "counted"}}
    call_command("createcachetable")
    with_app(cast.physician)
    client.force_login(cast.manager)
    typed = signing(client, cast.physician, cast.lakeside) | {"email": cast.manager.email}
    for _ in range(10):
        assert "The password is not right" in post(client, typed, password="not-the-password")
    later = clock.now() + timedelta(minutes=30)
    monkeypatch.setattr("django.core.cache.backends.db.tz_now", lambda: later)
    assert "Ten signings failed within an hour" in post(client, typed, password=PASSWORD)


def test_passkey_signs_what_was_on_screen_and_nothing_else(client, cast):
    with_app(cast.physician)
    phone = with_passkey(again(client, cast.manager))
    typed = signing(client, cast.physician, cast.lakeside) | {"email": cast.manager.email}

    def asked(over: str) -> dict[str, Any]:
        found: dict[str, Any] = client.get(reverse("staff:sign-options"), {"over": over}).json()["request_options"]
        return found

    elsewhere = phone.answer(asked("f" * 64))
    assert "The passkey was not accepted" in post(client, typed, credential=elsewhere)
    options = asked(typed["shown_sha256"])
    phone.flags = Phone(verifies=False).flags
    assert "The passkey was not accepted" in post(client, typed, credential=phone.answer(options))
    phone.flags = Phone().flags
    assert "The passkey was not accepted" in post(client, typed, credential=phone.answer(options))
    for junk in ("{}", "x", "[1]", '{"id": 1}'):
        asked(typed["shown_sha256"])
        assert "The passkey was not accepted" in post(client, typed, credential=junk)
    assert not Signature.objects.exists()
    answer = phone.answer(asked(typed["shown_sha256"]))
    assert post(client, typed, credential=answer) == ""
    assert Signature.objects.get().auth_method == "email+passkey"
    with_app(cast.physician)
    typed = signing(client, cast.physician, cast.lakeside)
    assert "The passkey was not accepted" in post(client, typed, credential=answer)


def test_anothers_passkey_signs_nothing(client, cast):
    with_app(cast.physician)
    theirs = with_passkey(again(Client(), cast.physician))
    with_passkey(again(client, cast.manager))
    typed = signing(client, cast.physician, cast.lakeside) | {"email": cast.manager.email}
    asked = client.get(reverse("staff:sign-options"), {"over": typed["shown_sha256"]}).json()["request_options"]
    assert "The passkey was not accepted" in post(client, typed, credential=theirs.answer(asked))


def test_proof_is_hers_and_of_this_minute(cast):
    with clock.at(clock.now()):
        mine = factors.Proof(cast.physician.pk, "code", clock.now())
        evidence = Evidence(password="", continuous=True, proof=mine)
        check_evidence(cast.physician, evidence)
        with pytest.raises(SigningRefused):
            check_evidence(cast.manager, evidence)
        with clock.at(clock.now() + timedelta(minutes=1)), pytest.raises(SigningRefused):
            check_evidence(cast.physician, evidence)


@pytest.mark.parametrize(
    ("site", "offered"),
    [("https://clinic.example", True), ("http://localhost:8000", True), ("http://127.0.0.1:8000", False)],
)
def test_sign_in_offers_a_passkey_where_browsers_make_one(client, db, settings, site, offered):
    settings.SITE_URL = site
    assert ("Sign in with a passkey" in client.get(reverse("account_login")).text) is offered
