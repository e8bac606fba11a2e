"""Two texts of a section beside each other: by paragraph and by key point, and within each by word. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from training.markdown import Block

ALIKE = 0.4  # below this, a paragraph is another one and not the same one changed
NAMES = {"point": "Key point", "protocol": "Protocol item", "picture": "Picture", "prose": "Paragraph"}


@dataclass(frozen=True)
class Part:
    """A piece of text: `mark` is same, added or removed."""

    text: str
    mark: str = "same"


@dataclass(frozen=True)
class Row:
    """One block in both texts. `mark` is same, changed, added or removed; `notes` say what else than words changed."""

    mark: str
    name: str
    code: str = ""
    critical: bool = False
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


def compare(before: Sequence[Block], after: Sequence[Block]) -> list[Row]:
    """Every block of both, in the order of the new text, what was taken out where it stood."""
    rows: list[Row] = []
    left = [_name(block) for block in before]
    right = [_name(block) for block in after]
    moved = {name for name in left if name[1] and name in right}
    for what, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if what == "equal":
            rows += [_row(old, new) for old, new in zip(before[a:b], after[c:d], strict=True)]
            continue
        rows += _replaced(before, [block for block in before[a:b] if _name(block) not in moved], after[c:d])
    return rows


def _replaced(before: Sequence[Block], gone: list[Block], came: Sequence[Block]) -> list[Row]:
    """Blocks that came where others went: the same one changed, where it is, and what went before what came."""
    left, rows = list(gone), []
    pairs: dict[int, Block] = {}
    for place, new in enumerate(came):
        same = next((block for block in before if _name(block) == _name(new)), None) if new.code else None
        old = same or next((block for block in left if _alike(block, new)), None)
        if old:
            pairs[place] = old
            left = [block for block in left if block is not old]
    waiting = [block for block in gone if block in left]
    for place, new in enumerate(came):
        old = pairs.get(place)
        until = gone.index(old) if old in gone else len(gone)
        while waiting and gone.index(waiting[0]) < until:
            rows.append(_row(waiting.pop(0), None))
        rows.append(_row(old, new))
    return rows + [_row(block, None) for block in waiting]


def changed(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.mark != "same"]


def words(before: str, after: str) -> tuple[Part, ...]:
    """The new text with the words marked that came and went."""
    left, right = re.findall(r"\S+", before), re.findall(r"\S+", after)
    parts: list[Part] = []
    for what, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if what == "equal":
            parts.append(Part(" ".join(left[a:b])))
            continue
        if a < b:
            parts.append(Part(" ".join(left[a:b]), "removed"))
        if c < d:
            parts.append(Part(" ".join(right[c:d]), "added"))
    return tuple(parts)


def same_words(before: str, after: str) -> bool:
    """Whether they differ in nothing that is spoken: only in punctuation, case and spaces."""
    return _spoken(before) == _spoken(after)


def _spoken(text: str) -> list[str]:
    return re.findall(r"\d+(?:[.,]\d+)?|[^\W\d_]+", text.lower())


def _name(block: Block) -> tuple[str, str]:
    """A block with a code stays itself however it reads; any other is its text."""
    return (block.kind, block.code) if block.code else (block.text, "")


def _alike(old: Block, new: Block) -> bool:
    if old.kind != new.kind or old.code != new.code:
        return False
    return SequenceMatcher(None, old.text.split(), new.text.split(), autojunk=False).ratio() >= ALIKE


def _row(old: Block | None, new: Block | None) -> Row:
    shown = new or old
    assert shown is not None
    name, code, critical = NAMES.get(shown.kind, shown.kind), shown.code, shown.critical
    if shown.kind == "prose" and shown.text.startswith("#"):
        name = "Heading"
    if old is None or new is None:
        mark = "added" if old is None else "removed"
        return Row(mark, name, code, critical, (Part(shown.text, mark),))
    notes = _notes(old, new)
    if old.text == new.text:
        return Row("changed" if notes else "same", name, code, critical, (Part(new.text),), notes)
    return Row("changed", name, code, critical, words(old.text, new.text), notes)


def _notes(old: Block, new: Block) -> tuple[str, ...]:
    notes = []
    if old.critical != new.critical:
        notes.append("is safety-critical now" if new.critical else "is no longer safety-critical")
    for name, left, right in (("source", old.cites, new.cites), ("dependence on", old.depends, new.depends)):
        more = [code for code in right if code not in left]
        less = [code for code in left if code not in right]
        if more:
            notes.append(f"{name} added: {', '.join(more)}")
        if less:
            notes.append(f"{name} taken out: {', '.join(less)}")
    return tuple(notes)
