import pytest

from training import markdown, points

TEXT = """---
title: Here
---
Before.

::: point nd-01 critical
Stop. Press gently. Tell the physician.
Sources: S0-21, D25
:::

Between.

::: point nd-02
Log the depth.
Sources: V12.2, S0-21
Depends: depth-order
:::
"""


def codes(text: str) -> list[str]:
    return [block.code for block in markdown.blocks(text) if block.kind == "point"]


def point(text: str, code: str) -> markdown.Block:
    return next(block for block in markdown.blocks(text) if block.code == code)


def test_a_new_code_was_never_used():
    assert points.next_code("nd", ["nd-02", "nd-07", "st-40", "nd-x"]) == "nd-08"
    assert points.next_code("cm", []) == "cm-01"
    with pytest.raises(points.NotPossible, match="no code left"):
        points.next_code("nd", ["nd-99"])


def test_added_behind_another_or_at_the_end():
    assert codes(points.add(TEXT, "nd-03", "nd-01")) == ["nd-01", "nd-03", "nd-02"]
    assert codes(points.add(TEXT, "nd-03")) == ["nd-01", "nd-02", "nd-03"]


def test_split_keeps_the_code_and_the_sources():
    text = points.split(TEXT, "nd-01", "nd-03", 3)
    first, second = point(text, "nd-01"), point(text, "nd-03")
    assert (first.text, second.text) == ("Stop. Press gently.", "Tell the physician.")
    assert first.cites == second.cites == ("S0-21", "D25")
    assert first.critical
    assert second.critical
    for sentence in (1, 4):
        with pytest.raises(points.NotPossible, match="has 3 sentences"):
            points.split(TEXT, "nd-01", "nd-03", sentence)


def test_merged_says_cites_and_is_what_either_was():
    text = points.merge(TEXT, "nd-02", "nd-01")
    whole = point(text, "nd-02")
    assert codes(text) == ["nd-02"]
    assert whole.text == "Log the depth. Stop. Press gently. Tell the physician."
    assert whole.cites == ("V12.2", "S0-21", "D25")
    assert whole.critical
    assert whole.depends == ("depth-order",)
    with pytest.raises(points.NotPossible, match="with itself"):
        points.merge(TEXT, "nd-01", "nd-01")
    with pytest.raises(points.NotPossible, match="does not stand"):
        points.merge(TEXT, "nd-01", "nd-09")


def test_retired_leaves_the_rest_letter_by_letter():
    text = points.retire(TEXT, "nd-01")
    assert text == TEXT[: TEXT.index("::: point nd-01")] + TEXT[TEXT.index("Between.") :]


def test_a_long_point_is_wrapped_and_reads_the_same():
    block = point(TEXT, "nd-01")
    long = points._changed(block, text=" ".join(["word"] * 60))
    written = points.written(long)
    assert max(map(len, written.splitlines())) <= points.WIDTH
    assert point(f"{written}\n", "nd-01").text == long.text
