"""A passkey in a browser with an authenticator of its own: added, asked for after the password, in its place, and to sign."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from staff.models import Signature
from tests.journeys.conftest import Visitor, in_every_look, sign_in
from tests.journeys.test_chain import fits
from tests.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]


@pytest.fixture
def visitor_by_name(browser: Browser, site: str, settings) -> Iterator[Visitor]:
    """Passkeys belong to a name: 127.0.0.1 has none."""
    named = site.replace("127.0.0.1", "localhost")
    settings.SITE_URL = named
    settings.CSRF_TRUSTED_ORIGINS = [named]
    came = Visitor(browser, named)
    held = came.context.new_cdp_session(came.page)
    held.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    held.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield came
    came.close()


def leave(page: Page) -> None:
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_physician_signs_in_and_signs_with_a_passkey(visitor_by_name, cast):
    page = visitor_by_name.page
    sign_in(page, cast.physician)
    page.goto("/accounts/signing-in/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("What you call it").fill("My phone")
    in_every_look(page, fits(page))
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    in_every_look(page, fits(page))
    page.goto("/accounts/signing-in/app/")
    in_every_look(page, fits(page))
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    in_every_look(page, fits(page))

    leave(page)
    page.get_by_label("Work e-mail").fill(cast.physician.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="The second step")).to_be_visible()
    in_every_look(page, fits(page))
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("link", name="Reviews", exact=True)).to_be_visible()

    leave(page)
    in_every_look(page, fits(page))
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("link", name="Reviews", exact=True)).to_be_visible()

    page.goto(f"/practicals/observers/{cast.lakeside.public_id}/{cast.support.public_id}/")
    page.get_by_label("Your e-mail").fill(cast.physician.email)
    page.get_by_role("button", name="Sign with a passkey").click()
    expect(page.get_by_role("status").filter(has_text=re.compile("Signed|observe"))).to_be_visible()
    assert Signature.objects.get().auth_method == "email+passkey"
