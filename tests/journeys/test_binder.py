"""What is printed, as the browser prints it: how many pages, and what stands on each. And the pages around it, in every look."""

import io

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from tests import factories
from tests.journeys.conftest import in_every_look, overflow

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]


def printed(page: Page, path: str, sheet: str) -> list[str]:
    """The text of each printed page."""
    page.goto(path)
    reader = PdfReader(io.BytesIO(page.pdf(format=sheet, prefer_css_page_size=True)))
    return [" ".join(leaf.extract_text().split()) for leaf in reader.pages]


def test_on_paper(visitor, cast):
    """Cards are one page; every critical point of four modules stands whole on a page under its module's heading."""
    factories.make_modules(by=cast.pinpoint, adopted_by=cast.physician)
    page = visitor(color_scheme="dark").sign_in(cast.aesthetician)
    for sheet in ("A4", "Letter"):
        for card in ("aftercare-clock", "escalation-ladder"):
            (only,) = printed(page, f"/binder/{card}/", sheet)
            assert "A printed copy is not controlled" in only
            assert "Physician, signature, date" in only
        leaves = printed(page, "/binder/", sheet)
        assert len(leaves) <= 2
        for prefix in ("st", "nd", "ci", "cm"):
            (leaf,) = [leaf for leaf in leaves if f"{prefix}-17" in leaf]
            assert "needle no more until it has been reviewed." in leaf.partition(f"{prefix}-17")[2]
            assert "version 1, published" in leaf.partition(f"{prefix}-17")[0]
        assert all("Printed copies are not controlled." in leaf for leaf in leaves)
        assert "To print" not in leaves[0]
        module = printed(page, "/modules/needle-depth/print/", sheet)
        assert f"Page 1 of {len(module)}" in module[0]
        assert "Needle depth, version 1, published" in module[0]


def test_in_every_look(visitor, cast):
    factories.make_modules(by=cast.pinpoint, slugs=("sterilisation", "complications"))
    page = visitor().sign_in(cast.support)

    def fits(look: str) -> None:
        assert overflow(page) == 0, f"{page.url} is too wide at {look}"

    for path in ("/", "/programmes/", "/programmes/mechanical-microneedling/", "/binder/", "/binder/aftercare-clock/"):
        page.goto(path)
        in_every_look(page, fits)
