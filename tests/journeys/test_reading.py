"""Reading between patients: search from any page, a word explained, the paragraph remembered."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import in_every_look, overflow, shown, small_targets
from training.models import Reading

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]

SECTION = "/modules/needle-depth/technique-and-endpoint/"
PHONE = {"width": 390, "height": 844}


def looks(page: Page) -> None:
    def check(look: str) -> None:
        assert overflow(page) == 0, f"{page.url} is too wide at {look}"
        small = [line for line in small_targets(page) if "stretched-link" not in line]
        assert not small, f"{page.url} in {look}: {small}"

    in_every_look(page, check)


def top_of(page: Page, anchor: str) -> float:
    return float(shown(page, "id => document.getElementById(id).getBoundingClientRect().top", anchor))


def kept_place(place: str, page: Page) -> None:
    for _ in range(50):
        if Reading.objects.get().place == place:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the place is {Reading.objects.get().place!r}, not {place!r}")


@pytest.mark.parametrize("script", [True, False], ids=["script", "bare"])
def test_search_from_home_by_keyboard_to_the_passage(visitor, cast, module, script):
    page = visitor(java_script_enabled=script).sign_in(cast.aesthetician)
    page.goto("/")
    field = page.get_by_role("search").get_by_role("searchbox")
    field.fill("eyelid")
    field.press("Enter")
    expect(page.get_by_text("2 passages found.")).to_be_visible()
    expect(page.locator("mark").first).to_have_text("eyelids")
    page.get_by_role("link", name="Technique and endpoint").first.click()
    page.wait_for_url(re.compile("#nd-18$"))
    expect(page.locator("#nd-18")).to_be_in_viewport()


def test_search_on_a_phone(visitor, cast, module):
    """The button in the frame leads to the page that has the field."""
    page = visitor(viewport=PHONE, has_touch=True).sign_in(cast.aesthetician)
    page.goto("/")
    expect(page.get_by_role("searchbox")).to_have_count(0)
    page.get_by_role("search").get_by_role("button", name="Search").tap()
    expect(page.get_by_role("heading", name="What are you looking for?")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("zebra")
    page.get_by_role("button", name="Search").tap()
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()


def test_search_and_glossary_in_every_look(visitor, cast, module):
    page = visitor().sign_in(cast.physician)
    for path in ("/search/", "/search/?q=zebra", "/search/?q=depth", "/glossary/"):
        page.goto(path)
        looks(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "bare"])
def test_a_word_is_explained_by_keyboard(visitor, cast, module, script):
    page = visitor(java_script_enabled=script).sign_in(cast.aesthetician)
    page.goto(SECTION)
    word = page.get_by_role("button", name="orbital rim")
    meaning = page.locator("#word-orbital-rim")
    expect(meaning).to_be_hidden()
    word.focus()
    page.keyboard.press("Enter")
    expect(meaning).to_be_visible()
    expect(meaning).to_contain_text("The bony edge of the eye socket")
    page.keyboard.press("Tab")
    expect(meaning.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    expect(word).to_be_focused()


def test_a_word_is_explained_by_touch(visitor, cast, module):
    page = visitor(viewport=PHONE, has_touch=True).sign_in(cast.aesthetician)
    page.goto(SECTION)
    page.get_by_role("button", name="orbital rim").tap()
    meaning = page.locator("#word-orbital-rim")
    expect(meaning).to_be_in_viewport(ratio=1)
    in_every_look(page, lambda look: None)
    meaning.get_by_role("button", name="Close").tap()
    expect(meaning).to_be_hidden()
    page.get_by_text("Words on this page (3)").tap()
    expect(page.locator("dl.words").get_by_text("The bony edge of the eye socket")).to_be_visible()


def test_section_in_every_look_with_its_words_open(visitor, cast, module):
    page = visitor().sign_in(cast.aesthetician)
    page.goto(SECTION)
    page.get_by_text("Words on this page (3)").click()
    in_every_look(page, lambda look: None)


def test_the_paragraph_is_remembered(visitor, cast, module):
    page = visitor(viewport=PHONE).sign_in(cast.aesthetician)
    page.goto(SECTION)
    page.evaluate("document.getElementById('nd-20').scrollIntoView({behavior: 'instant'})")
    page.wait_for_timeout(200)
    page.goto("/")
    kept_place("nd-20", page)
    page.goto("/")
    page.get_by_role("link", name=re.compile("reading$")).first.click()
    page.wait_for_url(f"**{SECTION}#nd-20")
    assert abs(top_of(page, "nd-20")) < 100
    page.goto(SECTION)  # opened at its beginning and left at once: nothing is forgotten
    page.goto("/modules/needle-depth/")
    page.wait_for_timeout(500)
    kept_place("nd-20", page)
    page.goto(SECTION)
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(200)
    page.mouse.wheel(0, -4000)
    page.wait_for_timeout(200)
    page.goto("/")
    kept_place("", page)
