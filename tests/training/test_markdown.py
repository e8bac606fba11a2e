import pytest

from training import markdown
from training.markdown import Block, anchored, anchors, blocks, html, inline, minutes, plain, words

TEXT = """---
title: A section
---
First paragraph of
two lines. [@S0-08; @V12.1]

## A heading

::: point nd-17 critical
Blood that flows
means stop.
Sources: S0-21, D25
Depends: depth-order
:::

- one
- two [@D17]

::: picture skin
:::

::: protocol depth-order
:::
"""


def test_blocks():
    assert blocks(TEXT) == [
        Block("prose", 4, "First paragraph of\ntwo lines.", cites=("S0-08", "V12.1")),
        Block("prose", 7, "## A heading"),
        Block(
            "point",
            9,
            "Blood that flows means stop.",
            code="nd-17",
            critical=True,
            cites=("S0-21", "D25"),
            depends=("depth-order",),
        ),
        Block("prose", 16, "- one\n- two", cites=("D17",)),
        Block("picture", 19, "", code="skin"),
        Block("protocol", 22, "", code="depth-order"),
    ]


def test_anchors():
    """A key point has its code; any other block its place among all."""
    assert anchors(blocks(TEXT)) == ["p1", "p2", "nd-17", "p4", "p5", "p6"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**One** and\n*two*", "One and two"),
        ("- a\n- b", "a b"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"),
        ("[page](https://example.com) &amp; <b>", "page & <b>"),
        ("", ""),
    ],
)
def test_plain(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize("text", ["text", "## Title", "- a\n- b", "| a |\n|---|\n| 1 |", "> said"])
def test_anchored(text):
    shown = anchored(html(text), "p3")
    assert shown.count(' id="p3"') == 1
    assert shown.replace(' id="p3"', "", 1) == html(text)


def test_point_with_a_colon_in_its_text():
    (point,) = blocks("::: point nd-19\nExpected: small dots.\nSources: S0-21\n:::\n")
    assert (point.text, point.cites, point.critical) == ("Expected: small dots.", ("S0-21",), False)


def test_empty_text():
    assert blocks("") == []
    assert (words(""), minutes("")) == (0, 1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one two three", 3),
        ("don't stop at once", 4),
        ("a follow-up visit", 3),
        ("1.0 mm", 3),
        ("text [@S0-08; @D25]", 1),
        ("::: point nd-17\nfour words of text\nSources: S0-08\n:::", 4),
        ("::: picture skin\n:::", 0),
        ("---\ntitle: Not counted\n---\ncounted", 1),
    ],
)
def test_words(text, count):
    assert words(text) == count


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (200, 1), (201, 2), (400, 2), (450, 3)])
def test_minutes_are_rounded_up(count, expected):
    assert minutes("word " * count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**bold** and *slanted*", "<p><strong>bold</strong> and <em>slanted</em></p>"),
        ("## Title", "<h2>Title</h2>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("[page](https://example.com)", '<p><a href="https://example.com" rel="noopener noreferrer">page</a></p>'),
    ],
)
def test_html(text, expected):
    assert html(text).strip() == expected


def test_html_of_a_table():
    shown = html("| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<table>" in shown
    assert "<td>1</td>" in shown


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "<p style='color:red' onclick=x()>text</p>",
    "[x](data:text/html,x)",
    "<iframe src=//evil.example></iframe>",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("render", [html, inline])
def test_nothing_hostile_is_rendered(render, text):
    shown = render(text)
    for piece in ("<script", "<img", "<iframe", "<p ", 'href="javascript', 'href="data', 'evil.example/x.png"'):
        assert piece not in shown, shown


def test_inline_has_no_paragraph():
    assert inline("Stop **now**.") == "Stop <strong>now</strong>."


def test_every_tag_let_through_is_harmless():
    assert not markdown.TAGS & {"script", "style", "img", "iframe", "svg", "form", "input", "object"}
