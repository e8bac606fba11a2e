"""How states look, and the colours of the dark scheme."""

import re

from django.conf import settings

from staff.templatetags.look import STATES

TOKEN = re.compile(r"(--pp-[\w-]+|color-scheme): ([^;]+);")


def test_only_overdue_and_revoked_are_filled():
    assert {name for name, (_, _, tone) in STATES.items() if "solid" in tone} == {"overdue", "revoked"}


def test_the_dark_colours_are_the_same_by_the_systems_wish_and_by_the_persons():
    """The list stands twice, since neither selector can take in the other."""
    css = (settings.BASE_DIR / "static" / "pinpoint.css").read_text()
    wished = css.partition("@media (prefers-color-scheme: dark) {\n")[2].partition("}\n}")[0]
    chosen = css.partition('\n[data-bs-theme="dark"] {\n')[2].partition("}\n")[0]
    assert TOKEN.findall(wished) == TOKEN.findall(chosen)
    assert len(TOKEN.findall(chosen)) > 30
