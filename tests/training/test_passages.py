import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.passages import COMMON, Piece, begun, fold, marked, of_section, parts, terms

TEXT = """---
title: A section
---
First **paragraph** of
two lines. [@S0-08]

## A heading

::: point nd-17 critical
Blood that flows means stop.
Sources: S0-21
:::

::: picture skin
:::

::: protocol depth-order
:::

- one
- two
"""


def test_a_section_in_passages():
    assert of_section("A section", TEXT, {"skin": "Skin. Four layers."}) == [
        Piece("section", "A section"),
        Piece("prose", "First paragraph of two lines.", "p1"),
        Piece("heading", "A heading", "p2"),
        Piece("point", "Blood that flows means stop.", "nd-17", "nd-17", critical=True),
        Piece("picture", "Skin. Four layers.", "p4"),
        Piece("prose", "one two", "p6"),
    ]


def test_what_can_harm_and_titles_come_before_prose():
    found = of_section("A section", TEXT, {"skin": "Skin."})
    assert [piece.kind for piece in sorted(found, key=lambda piece: piece.tier)] == [
        "point", "section", "heading", "prose", "picture", "prose",
    ]  # fmt: skip
    assert Piece("point", "x").tier < Piece("heading", "x").tier


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Naïve ÉPIDERMIS", "naive epidermis"),
        ("0.25 mm (nd-03)", "0 25 mm  nd 03 "),
        ("sterilization, analyze", "sterilisation  analyse"),
        ("zygoma zone", "zygoma zone"),
        ("İ µm ½", "i µm ½"),
    ],
)
def test_fold(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_folded_is_as_long_as_the_text(text):
    folded = fold(text)
    assert len(folded) == len(text)
    assert all(letter.isalnum() or letter == " " for letter in folded)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", []),
        ("  ", []),
        ("a", []),
        ("x", []),
        ("the and when", []),
        ('"* ( :', []),
        ("uv", [("uv",)]),
        ("bleeding", [("bleeding",)]),
        ("the bleeding", [("bleeding",)]),
        ("nd-17", [("nd", "17")]),
        ('"pinpoint bleeding" OR stop*', [("pinpoint",), ("bleeding",), ("stop",)]),
        ("bleeding bleeding", [("bleeding",)]),
        ("the physician's order", [("physician",), ("order",)]),
        ("topical anesthetic", [("topical",), ("anaesthetic",)]),
        ("e\u0301piderme", [("epiderme",)]),
    ],
)
def test_terms(typed, expected):
    assert terms(typed) == expected


def test_terms_are_bounded():
    assert len(terms(" ".join(f"word{n}" for n in range(1000)))) <= 12


@given(st.text())
def test_terms_of_anything_are_words(typed):
    for term in terms(typed):
        assert term
        assert all(word.isalnum() and word == fold(word) for word in term)


def test_common_words_are_folded():
    assert {fold(word) for word in COMMON} == set(COMMON)


def test_marks_are_counted_without_themselves():
    assert marked("[ab] c [d]") == [(0, 2), (5, 6)]


def test_begun_words():
    assert begun("bleeding unbled bled", ("bl",)) == [(0, 8), (16, 20)]
    assert begun("see nd 17 and nd 1", ("nd", "1")) == [(4, 9), (14, 18)]


def test_parts_keep_the_text():
    assert parts("abc def", [(4, 7)]) == [("abc ", False), ("def", True)]
    assert parts("abc", []) == [("abc", False)]
    assert parts("abcdef", [(0, 3), (2, 5)]) == [("abcde", True), ("f", False)]


def test_a_long_text_is_cut_around_its_mark():
    text = "word " * 100 + "needle" + " word" * 100
    found = parts(text, [(500, 506)])
    assert ("needle", True) in found
    assert (found[0], found[-1]) == (("… ", False), (" …", False))
    shown = "".join(piece for piece, _ in found)
    assert len(shown) < 280
    assert shown.strip("… ").startswith("word ")
    assert shown.strip("… ").endswith("word")


@given(st.text(alphabet="ab <", max_size=600), st.integers(0, 599), st.integers(1, 20))
def test_parts_never_lose_the_mark(text, start, length):
    if start + length <= len(text):
        found = parts(text, [(start, start + length)])
        assert text[start : start + length] in [piece for piece, is_marked in found if is_marked]
