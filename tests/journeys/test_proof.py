"""From the holder's page to a stranger's browser: a badge taken along, initials, a file that was altered."""

import pytest
from playwright.sync_api import expect

from certificates import drawing, papers
from certificates.badges import issuing
from certificates.models import Certificate
from tests import factories
from tests.journeys.conftest import in_every_look
from tests.journeys.test_chain import fits

pytestmark = pytest.mark.browser


@pytest.mark.one_engine
def test_a_stranger_checks_what_a_holder_shows(visitor, cast, module, settings):
    paper = factories.make_finished(person=cast.aesthetician, course=module).certificate
    with factories.badges():
        issuing.bake(paper)
        page = visitor().sign_in(cast.aesthetician)
        page.goto(paper.get_absolute_url())
        in_every_look(page, fits(page))
        with page.expect_download() as badge:
            page.get_by_role("link", name="Open Badge, for a wallet").click()
        page.get_by_role("button", name="Mail it to me").click()
        expect(page.get_by_text("is on its way to")).to_be_visible()
        page.get_by_role("link", name="Change that").click()
        in_every_look(page, fits(page))
        page.get_by_label("Initials: M. L.").check()
        page.get_by_role("button", name="Issue it again").click()
        expect(page.get_by_text("is issued and replaces PP-")).to_be_visible()
        page.goto("/certificates/")
        expect(page.get_by_text("Replaced by PP-")).to_be_visible()
        in_every_look(page, fits(page))

        newer = Certificate.objects.get(supersedes=paper)
        stranger = visitor(java_script_enabled=False).page
        stranger.goto(f"/verify/{newer.code}/")
        stranger.get_by_label("Type the name to compare").fill("lindqvist, maya")
        stranger.get_by_role("button", name="Compare").click()
        expect(stranger.get_by_text("Yes.")).to_be_visible()

        seeing = visitor().page
        seeing.goto(f"/verify/{newer.code}/")
        in_every_look(seeing, fits(seeing))
        forged = drawing.Paper(**(vars(papers.paper_of(newer)) | {"title": "Laser safety"}))
        altered = drawing.pdf(forged, fonts=papers.fonts.load(settings.CERTIFICATE_FONTS))
        sent = [
            ("altered.pdf", "application/pdf", altered, "This PDF was altered"),
            ("badge.png", "image/png", badge.value.path().read_bytes(), "This badge is ours, byte for byte"),
            ("notes.txt", "text/plain", b"nothing", "This file cannot be checked"),
        ]
        for name, kind, data, said in sent:
            seeing.get_by_label("PDF or PNG that you were given").set_input_files(
                {"name": name, "mimeType": kind, "buffer": data}
            )
            seeing.get_by_role("button", name="Check the file").click()
            expect(seeing.get_by_role("heading", name=said)).to_be_visible()
            in_every_look(seeing, fits(seeing))
        # The badge names the certificate that was replaced.
        seeing.goto(f"/verify/{paper.code}/")
        expect(seeing.get_by_role("heading", name="Superseded")).to_be_visible()
