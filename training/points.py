"""Key points as blocks of a section's text: added, split, merged, retired. Pure: text in, text out.

A code stays for ever: a split keeps it for the first half, a merge for the one that takes in the other, and a new point
takes a code that no key point of the module ever had.
"""

import re
from collections.abc import Collection

from training import markdown
from training.markdown import Block

SENTENCES = re.compile(r"(?<=[.!?])\s+(?=\S)")
WIDTH = 120


class NotPossible(Exception):
    """Says why the text cannot be changed so, and what to do."""


def next_code(prefix: str, used: Collection[str]) -> str:
    """The code after the highest that was ever used."""
    numbers = [int(code.rpartition("-")[2]) for code in used if re.fullmatch(rf"{re.escape(prefix)}-\d+", code)]
    number = max(numbers, default=0) + 1
    if number > 99:
        raise NotPossible(f"{prefix}-99 is used: this module has no code left.")
    return f"{prefix}-{number:02d}"


def sentences(text: str) -> list[str]:
    return SENTENCES.split(text)


def written(block: Block) -> str:
    """A key point as it stands in the file, its lines no longer than WIDTH."""
    lines = [f"::: point {block.code}{' critical' if block.critical else ''}", *_wrapped(block.text)]
    if block.cites:
        lines.append(f"Sources: {', '.join(block.cites)}")
    if block.depends:
        lines.append(f"Depends: {', '.join(block.depends)}")
    return "\n".join([*lines, ":::"])


def add(text: str, code: str, after: str = "") -> str:
    """An empty key point under a new code, behind another one or at the end."""
    fresh = f"::: point {code}\nSay here what must be remembered.\nSources:\n:::"
    if not after:
        return f"{text.rstrip()}\n\n{fresh}\n"
    lines = text.splitlines()
    _, end = _span(text, after)
    return "\n".join([*lines[:end], "", *fresh.splitlines(), *lines[end:]]) + "\n"


def split(text: str, code: str, new_code: str, sentence: int) -> str:
    """From this sentence on (2 is the second) the point becomes a new one with the same sources."""
    point = _point(text, code)
    said = sentences(point.text)
    if not 2 <= sentence <= len(said):
        raise NotPossible(f"{code} has {len(said)} sentences: it can be split before the second or a later one.")
    first = _changed(point, text=" ".join(said[: sentence - 1]))
    second = _changed(point, code=new_code, text=" ".join(said[sentence - 1 :]))
    return _replaced(text, code, f"{written(first)}\n\n{written(second)}")


def merge(text: str, into: str, other: str) -> str:
    """`into` says what both said, cites what both cited and is critical if one of them was; `other` is gone."""
    if into == other:
        raise NotPossible("A key point cannot be merged with itself.")
    kept, taken = _point(text, into), _point(text, other)
    whole = _changed(
        kept,
        text=f"{kept.text} {taken.text}",
        critical=kept.critical or taken.critical,
        cites=tuple(dict.fromkeys([*kept.cites, *taken.cites])),
        depends=tuple(dict.fromkeys([*kept.depends, *taken.depends])),
    )
    return retire(_replaced(text, into, written(whole)), other)


def retire(text: str, code: str) -> str:
    """Without this key point; its code is never used again."""
    lines = text.splitlines()
    start, end = _span(text, code)
    while start > 0 and end < len(lines) and not lines[start - 1].strip() and not lines[end].strip():
        end += 1
    return "\n".join([*lines[:start], *lines[end:]]).rstrip() + "\n"


def _changed(block: Block, **fields: object) -> Block:
    known = {name: getattr(block, name) for name in Block.__dataclass_fields__}
    return Block(**(known | fields))


def _point(text: str, code: str) -> Block:
    found = next((block for block in markdown.blocks(text) if block.kind == "point" and block.code == code), None)
    if found is None:
        raise NotPossible(f"{code} does not stand in this text.")
    return found


def _span(text: str, code: str) -> tuple[int, int]:
    """The lines of a key point, from its first to behind its last."""
    lines = text.splitlines()
    start = _point(text, code).line - 1
    end = start + 1
    while end < len(lines) and lines[end].strip() != ":::":
        end += 1
    return start, min(end + 1, len(lines))


def _replaced(text: str, code: str, new: str) -> str:
    lines = text.splitlines()
    start, end = _span(text, code)
    return "\n".join([*lines[:start], *new.splitlines(), *lines[end:]]) + "\n"


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}".strip()
    return [*lines, line] if line else lines
