"""Drafts of items from the material itself: gaps for numbers and terms, a number, steps in order, matching. Pure.

No network and no model. A draft is a beginning for somebody who writes items: it asks for recall, its wrong answers are what
other key points say, and it names the passage that it was made from.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from training.glossary import Word

UNITS = r"mm|cm|hours?|days?|weeks?|months?|years?|minutes?|seconds?|%|°C|passes|times"
NUMBER = re.compile(rf"(?<![\w.,-])(\d+(?:\.\d+)?)[ \u00a0-]?({UNITS})(?!\w)")
MOST_DISTRACTORS = 3
SAID = re.compile(r"^(?P<left>[^.:;]{3,60}?)(?::| means| is| are)\s+(?P<right>[^.]{8,120})\.")
LISTED = re.compile(r"^\s*\d+[.)]\s+(.+)$")
SENTENCE = re.compile(r"[.!?][\"”]?\s+(?=[A-Z\"“])")
STEP = re.compile(r"(?:[,;.]\s+|\s+)(?:and\s+)?then\s+", re.I)


@dataclass(frozen=True)
class Statement:
    """A key point as it reads now."""

    code: str
    text: str
    critical: bool
    section: str


@dataclass(frozen=True)
class Span:
    """Where a draft comes from: a key point's text from `start` to `end`, or a section's where `point` is empty."""

    point: str
    start: int
    end: int
    quote: str

    def plain(self) -> dict[str, Any]:
        return {"point": self.point, "start": self.start, "end": self.end, "quote": self.quote}


@dataclass(frozen=True)
class Suggestion:
    """`row` has the fields of our files but the code and the bank."""

    title: str
    row: dict[str, Any]
    span: Span


def suggest(
    point: Statement, others: Sequence[Statement], section_text: str, words: Sequence[Word] = ()
) -> list[Suggestion]:
    """Every draft that the key point allows, always in the same order. `others` are the module's other key points."""
    near = sorted(others, key=lambda other: (other.section != point.section, other.code))
    found = [*_number_gaps(point, near), *_term_gaps(point, near, words)]
    if not point.critical:  # what is critical is asked as single best answer
        found += [*_numbers(point), *_steps(point, section_text), *_matching(point, near)]
    return found


def _gap(text: str, start: int, end: int, *, unit: str = "") -> str:
    """The sentence around it: the rest of the key point may say what the gap asks."""
    first = max((match.end() for match in SENTENCE.finditer(text, 0, start)), default=0)
    after = SENTENCE.search(text, end)
    last = after.start() + 1 if after else len(text)
    asked = "Which number belongs in the gap?" if unit else "Which belongs in the gap?"
    return f"{asked} “{text[first:start]}_____{unit and f' {unit}'}{text[end:last].rstrip()}”"


def _row(point: Statement, kind: str, stem: str, **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "level": "recall", "points": [point.code], "depends": [], "stem": stem, **fields}


def _options(point: Statement, right: str, wrong: Sequence[tuple[str, Statement]]) -> list[dict[str, Any]]:
    options = [{"text": right, "key": True, "rationale": f"{point.code}: {point.text}"}]
    return options + [
        {"text": text, "rationale": f"That is said of something else, in {other.code}: {other.text}"}
        for text, other in wrong
    ]


def _unit(unit: str) -> str:
    return unit.rstrip("s") if unit != "passes" else unit


def _number_gaps(point: Statement, others: Sequence[Statement]) -> Iterator[Suggestion]:
    """Wrong numbers are those that sibling points give in the same unit."""
    for match in NUMBER.finditer(point.text):
        number, unit = match[1], match[2]
        wrong: dict[Decimal, tuple[str, Statement]] = {}
        own = {Decimal(one[1]) for one in NUMBER.finditer(point.text) if _unit(one[2]) == _unit(unit)}
        for other in others:
            for one in NUMBER.finditer(other.text):
                if _unit(one[2]) == _unit(unit) and Decimal(one[1]) not in own:
                    wrong.setdefault(Decimal(one[1]), (f"{one[1]} {unit}", other))
        if len(wrong) < 2:
            continue
        options = _options(point, f"{number} {unit}", list(wrong.values())[:MOST_DISTRACTORS])
        options.sort(key=lambda option: Decimal(option["text"].split()[0]))
        row = _row(point, "single", _gap(point.text, match.start(), match.end()), options=options, order="fixed")
        yield Suggestion(f"Gap for {number} {unit}", row, Span(point.code, match.start(), match.end(), match[0]))


def _numbers(point: Statement) -> Iterator[Suggestion]:
    for match in NUMBER.finditer(point.text):
        number, unit = match[1], match[2]
        if Decimal(number) >= 1000:
            continue
        stem = _gap(point.text, match.start(), match.end(), unit=unit)
        row = _row(
            point, "numeric", stem, answer=number, tolerance="0", unit=unit, label="The missing number",
            rationale=f"{point.code}: {point.text}",
        )  # fmt: skip
        yield Suggestion(f"Number: {number} {unit}", row, Span(point.code, match.start(), match.end(), match[0]))


def _found(text: str, word: Word) -> re.Match[str] | None:
    forms = sorted(word.forms, key=len, reverse=True)
    return next((m for form in forms if (m := re.search(rf"(?<![\w-]){re.escape(form)}(?![\w-])", text, re.I))), None)


def _term_gaps(point: Statement, others: Sequence[Statement], words: Sequence[Word]) -> Iterator[Suggestion]:
    """Wrong terms are those that sibling points use and this one does not."""
    here = {word.code: match for word in words if (match := _found(point.text, word))}
    elsewhere: dict[str, tuple[str, Statement]] = {}
    for other in others:
        for word in words:
            match = _found(other.text, word)
            if match and word.code not in here:
                elsewhere.setdefault(
                    word.code, (match[0].lower() if word.term == word.term.lower() else match[0], other)
                )
    if len(elsewhere) < 2:
        return
    for match in here.values():
        wrong = list(elsewhere.values())[:MOST_DISTRACTORS]
        options = _options(point, match[0], wrong)
        row = _row(point, "single", _gap(point.text, match.start(), match.end()), options=options, order="shuffled")
        yield Suggestion(f"Gap for “{match[0]}”", row, Span(point.code, match.start(), match.end(), match[0]))


def _steps(point: Statement, section_text: str) -> Iterator[Suggestion]:
    """A key point that says then, or a numbered list in its section."""
    for sentence in re.finditer(r"[^.]+\.", point.text):
        steps = [step.strip(" ,;.") for step in STEP.split(sentence[0])]
        steps = [
            part for n, step in enumerate(steps) for part in (re.split(r",\s+", step) if n == 0 else [step]) if part
        ]
        if len(steps) > 2 and STEP.search(sentence[0]):
            yield _ordered(point, steps, Span(point.code, sentence.start(), sentence.end(), sentence[0].strip()))
    place = 0
    listed: list[tuple[str, int, int]] = []
    for line in [*section_text.splitlines(keepends=True), "\n"]:
        match = LISTED.match(line)
        if match:
            listed.append((match[1].strip().rstrip("."), place, place + len(line)))
        elif (listed and line.strip()) or len(listed) >= 3:
            break
        place += len(line)
    if 3 <= len(listed) <= 6:
        span = Span("", listed[0][1], listed[-1][2], section_text[listed[0][1] : listed[-1][2]].strip())
        yield _ordered(point, [text for text, _, _ in listed], span)


def _ordered(point: Statement, steps: Sequence[str], span: Span) -> Suggestion:
    lines = [step[0].upper() + step[1:] for step in steps[:6]]
    row = _row(point, "order", "Put the steps in their order.", steps=lines, rationale=f"{point.code}: {point.text}")
    return Suggestion(f"{len(lines)} steps in order", row, span)


def _matching(point: Statement, others: Sequence[Statement]) -> Iterator[Suggestion]:
    """What a section says of several things: what each is, with one from elsewhere that fits none."""
    own = SAID.match(point.text)
    if not own:
        return
    said = [(point, own)]
    extra = ""
    for other in others:
        match = SAID.match(other.text)
        if match and other.section == point.section and not other.critical and len(said) < 5:
            said.append((other, match))
        elif match and not extra and other.section != point.section:
            extra = match["right"]
    if len(said) < 3 or not extra:
        return
    pairs = [
        {"left": match["left"].strip(), "right": match["right"].strip(), "rationale": f"{one.code}: {one.text}"}
        for one, match in said
    ]
    row = _row(point, "match", "Match each with what the section says of it.", pairs=pairs, others=[extra.strip()])
    row["points"] = [one.code for one, _ in said]
    yield Suggestion(f"{len(pairs)} pairs across the section", row, Span(point.code, own.start(), own.end(), own[0]))
