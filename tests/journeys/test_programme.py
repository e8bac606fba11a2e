"""From four passed modules to a programme certificate, and to its revocation: the pages of the people who sign.

What is read and answered in the quizzes is made by the factories; that has journeys of its own.
"""

import re
from datetime import timedelta

import pytest
from django.test import Client

from certificates.badges import issuing, verifying
from certificates.models import Certificate
from staff import clock
from tests import factories
from tests.certificates.strangers import independently, ours
from tests.journeys.conftest import axe, expect, overflow
from tests.people import PASSWORD
from training import observing
from training.models import Observation

pytestmark = pytest.mark.browser


def sign(page, person, button):
    password = page.get_by_label("Your password, to sign")
    expect(password).to_be_visible()
    email = page.get_by_label("Your e-mail")
    if email.count():
        email.fill(person.email)
    password.fill(PASSWORD)
    page.get_by_role("button", name=button, exact=True).click()


def test_learner_passes_physician_observes_signs_and_revokes(cast, visitor):
    maya, elena = cast.aesthetician, cast.physician
    for course in factories.make_modules(by=cast.pinpoint, adopted_by=elena).values():
        factories.make_finished(person=maya, course=course)
    rest = [code for code in factories.ALL_PRACTICALS if code != "P6"]
    factories.pass_practicals(learner=maya, by=elena, codes=rest)
    factories.licence(person=maya)
    factories.licence(person=elena, type="Physician")
    factories.sign_rule(by=elena)

    # Beside the couch, on a phone: taps are kept, also while the connection is away.
    phone = visitor(viewport={"width": 390, "height": 844})
    page = phone.sign_in(elena)
    page.goto("/practicals/")
    page.get_by_role("link", name=maya.full_name).first.click()
    page.get_by_text("Supervised: on a patient").click()
    page.get_by_label("P6 Depth").check()
    for label, text in (("Device, maker", "Example pen"), ("Serial number", "21-0447"), ("Lot of", "LOT-1")):
        page.get_by_label(label).fill(text)
    page.get_by_label("Expiry of the cartridge").fill("2030-01-31")
    page.get_by_label("Cheeks and jaw").select_option("1.0")
    page.get_by_role("button", name="Begin the sheet").click()
    expect(page.locator("#tally")).to_have_text("0 of 3 scored")
    twos = page.locator("label.btn", has_text=re.compile("^2"))
    twos.nth(0).click()
    expect(page.locator("#saved")).to_contain_text("Saved")
    with phone.offline():
        twos.nth(1).click()
        expect(page.locator("#offline")).to_be_visible()
        expect(page.locator("#saved")).to_contain_text("1 not sent yet")
    expect(page.locator("#saved")).to_contain_text("Saved")
    twos.nth(2).click()
    expect(page.locator("#tally")).to_have_text("3 of 3 scored")
    axe(page)
    assert overflow(page) == 0
    page.get_by_role("button", name="Continue to sign").click()
    sign(page, elena, "Sign the sheet")
    expect(page.get_by_role("heading", name=f"Supervised procedure of {maya.full_name}")).to_be_visible()
    sheet = Observation.objects.get(lines__practical__code="P6", lines__position=1)
    assert [line.score for line in sheet.lines.all()] == [2, 2, 2]

    # She scores herself, sees the scores and has read them.
    learner = visitor()
    mine = learner.sign_in(maya)
    mine.goto(sheet.get_absolute_url())
    for line in range(3):
        mine.locator(f"label[for=self-P6-{line}-2]").click()
    mine.get_by_role("button", name="Keep my scores").click()
    mine.get_by_label("I have read it and agree").check()
    mine.get_by_role("button", name="I have read this").click()
    expect(mine.get_by_text("Agrees", exact=True)).to_be_visible()
    assert observing.Acknowledgement.objects.filter(observation=sheet).exists()

    # The programme waits on her physician's home, and is signed.
    desk = visitor()
    page = desk.sign_in(elena)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"Sign the programme of {maya.full_name}")
    page.get_by_role("link", name="Read and sign").click()
    axe(page)
    sign(page, elena, "Sign and issue")
    certificate = Certificate.objects.get(kind="programme")
    expect(page.get_by_role("heading", level=1)).to_have_text(certificate.title)

    stranger = visitor()
    public = stranger.page
    public.goto(f"/verify/{certificate.code}/")
    expect(public.get_by_role("heading", level=1)).to_have_text("Valid")
    expect(public.get_by_text(elena.full_name).first).to_be_visible()

    # The badge in the picture, by software that others wrote and by ours.
    asking = Client()
    with factories.badges():
        issuing.bake(certificate)
        picture = asking.get(f"/verify/{certificate.code}/badge.png").content
        heard = independently(asking, picture)
        assert (heard.valid, heard.trusted, heard.reason) == (True, True, None)
        assert ours(asking, picture) == verifying.Verdict(True, "valid")

    page.get_by_role("link", name="Revoke").click()
    page.get_by_text("Re-training required", exact=True).click()
    page.get_by_label("In one sentence, for the public").fill("Re-training required.")
    sign(page, elena, "Sign and revoke")
    page.wait_for_url(f"**{certificate.get_absolute_url()}")
    expect(page.get_by_role("link", name="Revoke")).to_have_count(0)
    public.reload()
    expect(public.get_by_role("heading", level=1)).to_have_text("Revoked")
    expect(public.get_by_text("Re-training required.").first).to_be_visible()
    with factories.badges(), clock.at(clock.now() + timedelta(days=1)):  # the list is published once a day
        heard = independently(asking, picture)
        assert not heard.valid
        assert "revocation" in heard.reason
        assert ours(asking, picture) == verifying.Verdict(True, "revoked")
