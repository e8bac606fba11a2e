"""The bank in a browser: an item written without script and with it, and its pages in every look."""

import pytest

from quizzes import standard
from quizzes.models import QuestionVersion
from tests.journeys.conftest import expect, in_every_look, overflow, small_targets

pytestmark = pytest.mark.browser


def looks_right(page) -> None:
    def check(look: str) -> None:
        assert overflow(page) == 0, f"too wide at {look}"
        # A stretched link is as large as its row.
        assert [target for target in small_targets(page) if "stretched-link" not in target] == []

    in_every_look(page, check)


@pytest.mark.one_engine
def test_an_author_writes_an_item_and_a_physician_rates(visitor, cast, module):
    """As one writes, the rules speak; what is proposed waits."""
    page = visitor().sign_in(cast.author)
    page.goto("/bank/needle-depth/")
    looks_right(page)
    page.get_by_role("link", name="A new item").click()
    page.get_by_label("Key point").select_option("nd-19")
    page.get_by_role("button", name="Write it").click()
    page.get_by_label("What is asked").fill("You see separate dots. What is not to be done?")
    for number, text in enumerate(("Leave this area", "Go deeper now", "Make two passes"), start=1):
        page.locator(f"#option{number}-text").fill(text)
        page.locator(f"#option{number}-rationale").fill("Pinpoint bleeding is the endpoint.")
    page.locator("#option-key-1").check()
    said = page.locator("#checked")
    expect(said).to_contain_text("The stem is negative: ask for what is right.")
    page.get_by_label("What is asked").fill("You see separate dots. What do you do?")
    expect(said).to_contain_text("Can be proposed")
    expect(said).to_contain_text("As it will be asked")
    looks_right(page)
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status")).to_contain_text("waits for a second person")
    assert QuestionVersion.objects.get(state="draft").question.code == "nd-19-q2"
    standard.open_panel(quiz=module.quiz, by=cast.author)
    page = visitor(java_script_enabled=False).sign_in(cast.physician)
    page.goto("/bank/needle-depth/cut-score/")
    page.get_by_role("link", name="Rate the items").click()
    page.get_by_label("Of a hundred, right").first.fill("85")
    page.get_by_role("button", name="Keep these ratings").click()
    expect(page.get_by_role("status")).to_contain_text("1 rating was kept.")
