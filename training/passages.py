"""What is searched: a module cut into passages, a typed text cut into terms, and where the terms stand. Pure.

Both engines index `fold(text)`: as long as the text, letter for letter, so that what an engine marks in the one can be marked
in the other. It holds letters, digits and spaces only, so both cut it into the same words and nothing typed is an operator.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from training import markdown

LEAST_LETTERS, MOST_LETTERS, MOST_TERMS = 2, 200, 12
EXCERPT, LEAD = 260, 60
# PostgreSQL's list of English words too common to be indexed: SQLite has none, and both are to find the same.
COMMON = frozenset(
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its "
    "itself they them their theirs themselves what which who whom this that these those am is are was were be been being have "
    "has had having do does did doing a an the and but if or because as until while of at by for with about against between "
    "into through during before after above below to from up down in out on off over under again further then once here there "
    "when where why how all any both each few more most other some such no nor not only own same so than too very s t can will "
    "just don should now".split()
)
# The course is written in British spelling and read in American clinics too; "-ize" is seen to by `fold`.
SPELT = {
    "anesth": "anaesth",
    "color": "colour",
    "discolor": "discolour",
    "edema": "oedema",
    "esthetic": "aesthetic",
    "fiber": "fibre",
    "hemo": "haemo",
    "hemato": "haemato",
    "tumor": "tumour",
}
MARKS = "[]"


@dataclass(frozen=True)
class Piece:
    """A passage before it has a row. `kind` is module, section, point, heading, prose or picture."""

    kind: str
    text: str
    anchor: str = ""
    code: str = ""
    critical: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", unicodedata.normalize("NFC", self.text))  # an accent has no place of its own

    @property
    def tier(self) -> int:
        """The order of results: what can harm at once, titles, key points, headings, the rest."""
        if self.critical:
            return 0
        return {"module": 1, "section": 1, "point": 2, "heading": 3}.get(self.kind, 4)


def of_section(title: str, source: str, pictures: dict[str, str]) -> list[Piece]:
    """A section's passages in order; `pictures` has the title and caption of each by its code."""
    found = [Piece("section", title)]
    blocks = markdown.blocks(source)
    for anchor, block in zip(markdown.anchors(blocks), blocks, strict=True):
        if block.kind == "point":
            found.append(Piece("point", markdown.plain(block.text), anchor, block.code, block.critical))
        elif block.kind == "prose":
            found.append(
                Piece("heading" if block.text.startswith("#") else "prose", markdown.plain(block.text), anchor)
            )
        elif block.kind == "picture" and block.code in pictures:
            found.append(Piece("picture", pictures[block.code], anchor))
    return found


def fold(text: str) -> str:
    """Lower case, without accents and punctuation, "-ize" as "-ise"; every letter keeps its place."""
    return re.sub(r"(?<=[iy])z", "s", "".join(_folded(letter) for letter in text))


def _folded(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0].lower()
    return base if len(base) == 1 and base.isalnum() else " "


def terms(typed: str) -> list[tuple[str, ...]]:
    """What was typed, term by term. A term of several words, such as nd-17, is looked for as it stands."""
    text = unicodedata.normalize("NFC", typed[:MOST_LETTERS])
    chunks = [re.sub(r"['’]s\b", "", chunk) for chunk in text.split()]
    found = [tuple(_spelt(word) for word in fold(chunk).split()) for chunk in chunks]
    found = [term for term in dict.fromkeys(found) if term]
    telling = [term for term in found if not COMMON.issuperset(term)]
    return telling[:MOST_TERMS] if sum(len(word) for term in telling for word in term) >= LEAST_LETTERS else []


def _spelt(word: str) -> str:
    for american, british in SPELT.items():
        if word.startswith(american):
            return british + word.removeprefix(american)
    return word


def marked(text: str) -> list[tuple[int, int]]:
    """Where an engine put its marks, counted without them."""
    spans, start, at = [], 0, 0
    for letter in text:
        if letter == MARKS[0]:
            start = at
        elif letter == MARKS[1]:
            spans.append((start, at))
        else:
            at += 1
    return spans


def begun(folded: str, term: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where words begin as the last term does: the engines mark stems only."""
    pattern = r"\b" + r"\s+".join(map(re.escape, term)) + r"\w*"
    return [match.span() for match in re.finditer(pattern, folded)]


def parts(text: str, spans: Iterable[tuple[int, int]], most: int = EXCERPT) -> list[tuple[str, bool]]:
    """The text in pieces, each marked or not; of a long one the part around the first mark, cut between words."""
    spans = _joined(spans)
    start, end = 0, len(text)
    if end > most:
        first = spans[0][0] if spans else 0
        start = text.rfind(" ", 0, max(first - LEAD, 0) + 1) + 1 if first > LEAD else 0
        if end - start > most:
            end = max(text.rfind(" ", start, start + most), spans[0][1] if spans else start + 1)
    found = [("… ", False)] if start else []
    at = start
    for begins, ends in spans:
        if begins < start or ends > end:
            continue
        found += [(text[at:begins], False), (text[begins:ends], True)]
        at = ends
    found += [(text[at:end], False), (" …" if end < len(text) else "", False)]
    return [(piece, is_marked) for piece, is_marked in found if piece]


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(ends, found[-1][1]))
        else:
            found.append((begins, ends))
    return found
