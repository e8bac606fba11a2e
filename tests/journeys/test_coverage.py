"""The coverage page in a browser, with all that it folds away."""

import pytest

from tests.journeys.conftest import in_every_look, overflow, shown, small_targets

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]


def open_everything(page) -> None:
    shown(page, "() => document.querySelectorAll('main details').forEach((fold) => fold.open = true)")


@pytest.mark.parametrize("who", ["author", "physician"])
def test_coverage_in_every_look(visitor, cast, module, who):
    """The small course has gaps of facts and of key points."""
    page = visitor().sign_in(getattr(cast, who))
    page.goto("/coverage/")

    def check(look: str) -> None:
        assert overflow(page) == 0, f"too wide at {look}"
        # A stretched link is as large as its row.
        assert [target for target in small_targets(page) if "stretched-link" not in target] == []

    in_every_look(page, check)
    open_everything(page)
    in_every_look(page, check)


def test_narrowing_without_script(visitor, cast, module):
    page = visitor(java_script_enabled=False).sign_in(cast.author)
    page.goto("/coverage/")
    page.get_by_label("Module", exact=True).select_option("needle-depth")
    page.get_by_label("Show", exact=True).select_option("gaps")
    page.get_by_role("button", name="Show").click()
    assert "module=needle-depth" in page.url
    assert "show=gaps" in page.url
    page.get_by_role("link", name="nd-17").click()
    page.wait_for_url("**/modules/needle-depth/technique-and-endpoint/#nd-17")
