import re
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from certificates.actions import end_membership
from staff import clock
from staff.models import Membership, OutgoingMail
from staff.models.people import public_id
from tests import factories
from tests.people import PASSWORD

LOGIN = "/accounts/login/"
HOUR = timedelta(hours=1)


def sign_in(client: Client, person, password: str = PASSWORD, **extra):
    return client.post(LOGIN, {"login": person.email, "password": password}, **extra)


def signed_in(client: Client) -> bool:
    return client.get("/certificates/").status_code == 200


def test_sign_in_by_e_mail(client, cast):
    got = sign_in(client, cast.aesthetician)
    assert (got.status_code, got["Location"]) == (302, "/")
    assert signed_in(client)


def test_sign_in_forgives_case_and_spaces_in_the_address(client, cast):
    client.post(LOGIN, {"login": f" {cast.aesthetician.email.upper()} ", "password": PASSWORD})
    assert signed_in(client)


def test_sign_in_goes_on_to_the_page_asked_for(client, cast):
    asked = client.get("/modules/")
    assert asked["Location"] == f"{LOGIN}?next=/modules/"
    assert sign_in(client, cast.aesthetician, QUERY_STRING="next=/modules/")["Location"] == "/modules/"


def test_sign_in_never_leads_to_another_site(client, cast):
    got = client.post(f"{LOGIN}?next=https://evil.example/", {"login": cast.aesthetician.email, "password": PASSWORD})
    assert got["Location"] == "/"


def test_wrong_password_and_unknown_address_read_alike(client, cast):
    sentence = "The e-mail or the password is not right. Type both again, or choose a new password."
    wrong = sign_in(client, cast.aesthetician, "not-the-password")
    unknown = client.post(LOGIN, {"login": "nobody@lakeside.example", "password": "not-the-password"})
    for got in (wrong, unknown):
        assert got.status_code == 200
        assert sentence in got.text
    assert not signed_in(client)


def test_five_wrong_passwords_slow_one_account_and_nobody_else(client, cast):
    for _ in range(5):
        sign_in(client, cast.aesthetician, "not-the-password")
    got = sign_in(client, cast.aesthetician)
    assert "Five tries failed. Wait five minutes, or choose a new password; the account is not locked." in got.text
    assert not signed_in(client)
    sign_in(client, cast.colleague)
    assert signed_in(client)


def test_leaver_cannot_sign_in(client, cast):
    sign_in(client, cast.leaver)
    assert not signed_in(client)


def test_leaving_ends_the_sessions_too(client, cast):
    sign_in(client, cast.aesthetician)
    assert signed_in(client)
    end_membership(membership=Membership.objects.get(person=cast.aesthetician), reason="", by=cast.manager)
    assert client.get("/certificates/").status_code == 302


def test_pinpoint_itself_cannot_sign_in(client, cast):
    for password in ("", PASSWORD, "!"):
        sign_in(client, cast.pinpoint, password)
        assert not signed_in(client)


def test_sign_up_is_closed(client, db):
    path = reverse("account_signup")
    assert "<form" not in client.get(path).text.replace("verify", "").split("<main")[1].split("</main")[0]
    client.post(path, {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD})
    from staff.models import StaffMember

    assert not StaffMember.objects.filter(email="new@example.com").exists()


# A new password


def ask(client: Client, email: str, **extra):
    return client.post(reverse("account_reset_password"), {"email": email}, **extra)


def link_in(letter):
    return re.search(r"https?://\S+", letter.body).group()


def test_reset_link_comes_from_site_url_and_never_from_the_host(client, cast):
    for host in ("localhost", "127.0.0.1"):
        ask(client, cast.aesthetician.email, HTTP_HOST=host)
    letters = OutgoingMail.objects.filter(person=cast.aesthetician)
    assert letters.count() == 2
    for letter in letters:
        assert link_in(letter).startswith("https://training.example.com/accounts/password/reset/key/")
        assert "localhost" not in letter.body + letter.subject
        assert "127.0.0.1" not in letter.body + letter.subject


def test_reset_refuses_a_host_that_is_not_ours(client, cast):
    assert ask(client, cast.aesthetician.email, HTTP_HOST="evil.example").status_code == 400
    assert not OutgoingMail.objects.exists()


def test_reset_answers_everybody_alike_and_writes_to_staff_only(client, cast):
    answers = [ask(client, email) for email in (cast.aesthetician.email, cast.leaver.email, "nobody@example.com")]
    assert {(got.status_code, got["Location"]) for got in answers} == {(302, reverse("account_reset_password_done"))}
    assert list(OutgoingMail.objects.values_list("person", flat=True)) == [cast.aesthetician.pk]


def test_reset_link_works_once(client, cast):
    ask(client, cast.aesthetician.email)
    path = link_in(OutgoingMail.objects.get()).removeprefix("https://training.example.com")
    form = client.get(path, follow=True)
    new = "a-green-chair-by-the-door-4"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert signed_in(client) or sign_in(client, cast.aesthetician, new).status_code == 302
    assert cast.aesthetician.__class__.objects.get(pk=cast.aesthetician.pk).check_password(new)
    again = Client().get(path, follow=True).text
    assert 'name="password1"' not in again


# Cookies and sessions


def test_cookies_are_closed_to_scripts_and_other_sites(client, cast):
    sign_in(client, cast.aesthetician)
    session = client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"], session["path"]) == (True, "Lax", "/")
    assert session["max-age"] == 12 * 60 * 60
    client.get(LOGIN)
    token = Client().get(LOGIN).cookies["csrftoken"]
    assert (token["httponly"], token["samesite"]) == (True, "Lax")


def test_cookies_are_secure_with_tls(client, cast, settings):
    """SECURE_TLS is off in the tests; on, as by default, all three follow it."""
    assert site.SESSION_COOKIE_SECURE is site.CSRF_COOKIE_SECURE is site.SECURE_SSL_REDIRECT is site.SECURE_TLS
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    sign_in(client, cast.aesthetician)
    assert client.cookies["sessionid"]["secure"]


def test_session_slides_and_is_written_every_ten_minutes_at_most(client, cast, now):
    client.force_login(cast.aesthetician)
    assert "sessionid" in client.get("/certificates/").cookies
    for minutes, written in ((5, False), (9, False), (10, True), (15, False), (20, True)):
        with clock.at(now + timedelta(minutes=minutes)):
            got = client.get("/certificates/")
        assert ("sessionid" in got.cookies) is written, minutes


def test_signing_out(client, cast):
    sign_in(client, cast.aesthetician)
    client.post(reverse("account_logout"))
    assert not signed_in(client)


def test_signing_out_takes_a_post(client, cast):
    sign_in(client, cast.aesthetician)
    client.get(reverse("account_logout"))
    assert signed_in(client)


# Headers

PUBLIC = [
    "/healthz",
    "/readyz",
    "/verify/",
    "/verify/unknown/",
    LOGIN,
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/inactive/",
    "/no/such/page/",
]


@pytest.fixture
def code(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate.code


def test_every_public_page_has_a_strict_policy(client, code):
    for path in [*PUBLIC, f"/verify/{code}/"]:
        got = client.get(path)
        policy = dict(part.strip().split(" ", 1) for part in got["Content-Security-Policy"].split(";") if part.strip())
        assert policy["default-src"] == "'none'", path
        assert policy["script-src"] == policy["style-src"] == "'self'", path
        assert policy["base-uri"] == policy["object-src"] == policy["frame-ancestors"] == "'none'", path
        assert "unsafe" not in got["Content-Security-Policy"], path
        assert got["X-Content-Type-Options"] == "nosniff", path
        assert got["X-Frame-Options"] == "DENY", path
        assert got["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert "camera=()" in got["Permissions-Policy"], path
        assert "no-store" in got["Cache-Control"], path
        assert got["X-Request-ID"], path


def test_public_pages_obey_the_policy(client, code):
    """No script or style inside a page, no handler, nothing from another host."""
    for path in [*PUBLIC, f"/verify/{code}/"]:
        page = client.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path
        assert not re.search(r'(src|href|action)="(https?:)?//', page), path


def test_no_public_id_begins_with_a_hyphen(monkeypatch):
    drawn = iter(["-looks-like-a-formula", "_fine"])
    monkeypatch.setattr("staff.models.people.secrets.token_urlsafe", lambda _: next(drawn))
    assert public_id() == "_fine"
