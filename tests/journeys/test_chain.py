"""The main job from sign-in to a stranger's check, in a browser, as each person does it."""

import io
import re
import zipfile

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from certificates.models import Certificate
from quizzes.models import Attempt, AttemptItem, Review
from staff.models import Signature
from tests import factories, people
from tests.journeys.conftest import in_every_look, overflow, sign_in

pytestmark = pytest.mark.browser


def fits(page: Page):
    """A check for `in_every_look`: nothing is wider than the window."""

    def check(look: str) -> None:
        assert overflow(page) == 0, f"{page.url} is too wide at {look}"

    return check


def look_at(page: Page, *paths: str) -> None:
    for path in paths:
        page.goto(path)
        in_every_look(page, fits(page))


def right_text(item: AttemptItem) -> str:
    return next(str(option["text"]) for option in item.question_version.content["options"] if option["key"])


def read_everything(page: Page) -> None:
    """From home, follow the one next step until the quiz is offered. What is looked for is looked for on the new page."""
    page.goto("/")
    confirm = page.get_by_role("button", name=re.compile("^I have read this"))
    onward = page.locator(".next .btn-primary").first
    with page.expect_navigation():
        onward.click()
    for _ in range(20):
        if page.get_by_role("button", name="Start the quiz").count():
            return
        with page.expect_navigation():
            (confirm if confirm.count() else onward).click()
    raise AssertionError(f"no quiz after twenty steps, but {page.url}")


def start(page: Page) -> Attempt:
    page.get_by_label("I answer alone, without the material.").check()
    page.get_by_role("button", name="Start the quiz").click()
    page.wait_for_url(re.compile("/attempts/"))
    return Attempt.objects.get(state="open")


def items(attempt: Attempt) -> list[AttemptItem]:
    return list(AttemptItem.objects.filter(attempt=attempt).select_related("question_version").order_by("position"))


def test_aesthetician_reads_loses_her_connection_passes_and_downloads(visitor, cast, module):
    maya = visitor()
    page = maya.page
    sign_in(page, cast.aesthetician)
    read_everything(page)
    attempt = start(page)
    for item in items(attempt):
        if item.position == 3:
            with maya.offline():
                page.get_by_label(right_text(item), exact=True).check()
                expect(page.get_by_text("No connection since")).to_be_visible()
            expect(page.get_by_text("No connection since")).to_be_hidden()
        else:
            page.get_by_label(right_text(item), exact=True).check()
        expect(page.locator("#saved")).to_contain_text("Saved")
        page.wait_for_timeout(400)  # a press within 350 ms of the question's appearance counts as a double press
        page.get_by_role("button", name=re.compile("^Save and")).click()
    expect(page.get_by_text("Every question is answered.")).to_be_visible()
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("passed$"))
    page.get_by_role("link", name="See the certificate").click()
    with page.expect_download() as paper:
        page.get_by_role("link", name="Download PDF").click()
    certificate = Certificate.objects.get()
    assert paper.value.suggested_filename == f"{certificate.number}.pdf"
    assert paper.value.path().read_bytes().startswith(b"%PDF-1.7")
    look_at(page, "/", f"/attempts/{attempt.public_id}/result/", certificate.get_absolute_url(), "/certificates/")


def test_the_same_without_javascript(visitor, cast, module):
    page = visitor(java_script_enabled=False).page
    sign_in(page, cast.aesthetician)
    read_everything(page)
    attempt = start(page)
    for item in items(attempt):
        page.get_by_label(right_text(item), exact=True).check()
        page.locator("section.item:not([hidden])").get_by_role("button", name=re.compile("^Save and")).click()
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("passed$"))
    assert Certificate.objects.get().attempt == attempt


def test_physician_reviews_every_answer_and_signs(visitor, cast, module):
    done = factories.make_finished(person=cast.colleague, course=module, critical_wrong=1)
    elena = visitor()
    elena.forgive("status of 400")
    page = elena.sign_in(cast.physician)
    page.goto("/")
    page.locator(".next .btn-primary").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Danielle Osei")
    in_every_look(page, fits(page))
    page.get_by_label("Return with what to re-study").check()
    page.get_by_label("Note to Danielle Osei").fill("Read this one again before Thursday.")
    page.get_by_label("Your e-mail").fill(cast.physician.email)
    page.get_by_label("Your password, to sign").fill("not-the-password")
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("The password is not right.")).to_be_visible()
    assert not Review.objects.exists()
    page.get_by_label("Return with what to re-study").check()
    page.get_by_label("Note to Danielle Osei").fill("Read this one again before Thursday.")
    page.get_by_label("Your e-mail").fill(cast.physician.email)
    page.get_by_label("Your password, to sign").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign", exact=True).click()
    page.wait_for_url(re.compile("/reviews/$"))
    review = Review.objects.get()
    assert review.attempt == done.attempt
    assert review.signature == Signature.objects.get(meaning_code="return")
    look_at(
        page,
        "/",
        "/reviews/",
        "/protocol/",
        "/protocol/adopt/needle-depth/",
        f"/reviews/{done.attempt.public_id}/talk/",
    )


def test_manager_downloads_every_certificate_as_zip(visitor, cast, module):
    for person in (cast.aesthetician, cast.colleague):
        factories.make_finished(person=person, course=module)
    page = visitor().sign_in(cast.manager)
    page.goto("/compliance/")
    page.get_by_role("button", name="ZIP").click()
    with page.expect_download() as packed:
        page.locator("main .btn-primary").click()
    with zipfile.ZipFile(packed.value.path()) as archive:
        papers = [name for name in archive.namelist() if name.endswith(".pdf")]
        assert len(papers) == 2
        assert all(archive.read(name).startswith(b"%PDF") for name in papers)
    look_at(
        page,
        "/",
        "/compliance/",
        "/compliance/sheet/",
        "/people/",
        "/people/add/",
        f"/people/{cast.colleague.public_id}/",
    )


def test_stranger_verifies_by_the_qr_on_the_picture(visitor, cast, module):
    certificate = factories.make_finished(person=cast.aesthetician, course=module).certificate
    page = visitor().sign_in(cast.aesthetician)
    page.goto(certificate.get_absolute_url())
    with page.expect_download() as picture:
        page.get_by_role("link", name="PNG").click()
    codes = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.value.path().read_bytes())))
    address = codes[0].text
    stranger = visitor().page
    stranger.goto(address)
    expect(stranger.get_by_role("heading", level=1)).to_have_text("Valid")
    expect(stranger.get_by_text("Maya Lindqvist")).to_be_visible()
    in_every_look(stranger, fits(stranger))


@pytest.mark.one_engine
def test_pages_of_the_house_and_the_public(visitor, cast, module):
    stranger = visitor()
    stranger.forgive("status of 404")
    look_at(stranger.page, "/accounts/login/", "/accounts/password/reset/", "/verify/", "/verify/NOT-A-CODE/")
    page = visitor().sign_in(cast.author)
    look_at(
        page,
        "/",
        "/styleguide/",
        "/modules/",
        "/modules/needle-depth/",
        "/modules/needle-depth/technique-and-endpoint/",
    )
    look_at(
        page,
        "/modules/needle-depth/print/",
        "/modules/needle-depth/critical-points/",
        "/modules/needle-depth/practice/",
    )
    look_at(page, "/modules/needle-depth/quiz/", "/accounts/display/")
