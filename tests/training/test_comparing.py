from training import comparing, markdown

BEFORE = """## Read the bleeding

Pinpoint bleeding is expected.

::: point nd-01 critical
Stop at once. Press gently.
Sources: S0-21
:::

It will be taken out.

::: point nd-02
Log the depth.
Sources: V12.2
:::
"""


def rows(after: str) -> list[comparing.Row]:
    return comparing.compare(markdown.blocks(BEFORE), markdown.blocks(after))


def said(after: str) -> list[tuple[str, str, str]]:
    return [(row.mark, row.name, row.code) for row in comparing.changed(rows(after))]


def test_the_same_text_has_no_difference():
    assert said(BEFORE) == []


def test_words_are_marked():
    (row,) = comparing.changed(rows(BEFORE.replace("Stop at once", "Stop now")))
    assert [(part.text, part.mark) for part in row.parts] == [
        ("Stop", "same"),
        ("at once.", "removed"),
        ("now.", "added"),
        ("Press gently.", "same"),
    ]
    assert (row.mark, row.name, row.code, row.critical) == ("changed", "Key point", "nd-01", True)


def test_a_point_stays_itself_however_it_reads():
    after = BEFORE.replace("Stop at once. Press gently.", "Entirely other words stand here now, all of them.")
    assert said(after) == [("changed", "Key point", "nd-01")]


def test_what_came_and_went():
    after = BEFORE.replace("It will be taken out.\n\n", "").replace("## Read", "New beginning here.\n\n## Read")
    assert said(after) == [("added", "Paragraph", ""), ("removed", "Paragraph", "")]
    after = BEFORE.replace("nd-02", "nd-03")
    assert said(after) == [("removed", "Key point", "nd-02"), ("added", "Key point", "nd-03")]


def test_a_changed_paragraph_is_no_other_one():
    assert said(BEFORE.replace("bleeding is expected", "bleeding is normal")) == [("changed", "Paragraph", "")]


def test_a_point_that_moved_reads_the_same():
    start = BEFORE.index("::: point nd-02")
    after = BEFORE[start:] + "\n" + BEFORE[:start]
    assert "nd-02" not in [row.code for row in comparing.changed(rows(after))]


def test_what_else_changed_is_said():
    after = BEFORE.replace("nd-01 critical", "nd-01").replace("Sources: S0-21", "Sources: D25\nDepends: depth-order")
    (row,) = comparing.changed(rows(after))
    assert row.notes == (
        "is no longer safety-critical",
        "source added: D25",
        "source taken out: S0-21",
        "dependence on added: depth-order",
    )


def test_same_words():
    assert comparing.same_words("Stop: press gently.", "stop, press  gently")
    assert not comparing.same_words("Stop at 1.5 mm", "Stop at 15 mm")
    assert not comparing.same_words("Stop at once", "Stop at last")
