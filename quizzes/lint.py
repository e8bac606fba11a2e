"""Rules of item writing: what gives a key away, what trips the reader, and what a whole bank must keep to. Pure.

An *error* keeps an item out of the shipped bank. A *hint* is for whoever writes to judge: what is true may have to be said so.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

from quizzes import kinds
from quizzes.files import CATCH_ALL, NEGATIVE, ItemFile
from training import reading_level

ALL_OF_THEM = re.compile(r"\b(?i:all|none) of them\b|\b[A-D] and [A-D]\b")
ABSOLUTE = re.compile(r"\b(always|never|all|none|every|only|completely|entirely|impossible|guaranteed)\b", re.I)
WORD = re.compile(r"[a-z]{5,}", re.I)
PLACES = "abcd"
ALIKE = 0.85
LEAST_REASON = 10  # characters


@dataclass(frozen=True)
class Finding:
    """`code` is for tests and sorting, `sentence` for whoever writes."""

    code: str
    sentence: str
    error: bool = False


def of_item(item: ItemFile) -> list[Finding]:
    """Of one item by itself; errors first."""
    kind = kinds.of(item.kind)
    wordings, asked = kind.wordings(item.content), kind.questions(item.stem, item.content)
    found = [*_stem(item, asked), *_catch_all(wordings), *_reasons(kind.rationales(item.content).values())]
    groups = [(item.stem, list(item.options))] if item.options else []
    groups += [(part["stem"], part["options"]) for part in item.content.get("parts", ())]
    for stem, options in groups:
        found += [*_lengths(options), *_absolutes(options), *_echo(stem, options), *_overlap(options)]
    found += _level(item, asked, wordings)
    return sorted(found, key=lambda one: not one.error)


def _stem(item: ItemFile, asked: Sequence[str]) -> Iterable[Finding]:
    if any(NEGATIVE.search(text) for text in asked):
        yield Finding("negative", "The stem is negative: ask for what is right.", error=True)
    if not item.stem.endswith(("?", ".", ":", '"', "”")):
        yield Finding("ending", "The stem ends without ? . or :.", error=True)


def _catch_all(wordings: Sequence[str]) -> Iterable[Finding]:
    if any(CATCH_ALL.search(text) or ALL_OF_THEM.search(text) for text in wordings):
        yield Finding("catch-all", "No option may be all, none or both of the others.", error=True)


def _reasons(reasons: Iterable[str]) -> Iterable[Finding]:
    if any(len(reason) <= LEAST_REASON for reason in reasons):
        yield Finding("reason", "Every option has a reason of more than a word.", error=True)


def key_length(options: Sequence[dict[str, Any]]) -> str:
    """Whether the one key is strictly the longest of the options, or the shortest; else nothing."""
    keys = [len(option["text"]) for option in options if option["key"]]
    others = [len(option["text"]) for option in options if not option["key"]]
    if len(keys) != 1 or not others:
        return ""
    return "longest" if keys[0] > max(others) else "shortest" if keys[0] < min(others) else ""


def _lengths(options: Sequence[dict[str, Any]]) -> Iterable[Finding]:
    """By a fifth or more: a letter gives nothing away."""
    which = key_length(options)
    key = next((len(option["text"]) for option in options if option["key"]), 0)
    others = [len(option["text"]) for option in options if not option["key"]]
    if which == "longest" and 5 * key >= 6 * max(others):
        yield Finding("longest", f"The key is the longest option: {key} characters, the next has {max(others)}.")
    if which == "shortest" and 6 * key <= 5 * min(others):
        yield Finding("shortest", f"The key is the shortest option: {key} characters, the next has {min(others)}.")


def _absolutes(options: Sequence[dict[str, Any]]) -> Iterable[Finding]:
    """Where only wrong options are absolute, whoever knows tests drops them."""
    words = {True: set[str](), False: set[str]()}
    for option in options:
        words[bool(option["key"])] |= {word.lower() for word in ABSOLUTE.findall(option["text"])}
    if bool(words[True]) != bool(words[False]):
        side = "The key" if words[True] else "Only wrong options"
        said = ", ".join(sorted(words[True] or words[False]))
        yield Finding(
            "absolute", f"{side} {'says' if words[True] else 'say'} {said}: what is absolute is told apart by that."
        )


def _content(text: str) -> set[str]:
    return {word.lower().removesuffix("s") for word in WORD.findall(text)}


def _echo(stem: str, options: Sequence[dict[str, Any]]) -> Iterable[Finding]:
    """A word of the stem that only the key has."""
    asked = _content(stem)
    keys = [_content(option["text"]) & asked for option in options if option["key"]]
    others = [_content(option["text"]) & asked for option in options if not option["key"]]
    echoed = set.intersection(*keys) - set.union(set(), *others) if len(keys) == 1 else set()
    if echoed:
        yield Finding("echo", f"Of the options only the key has a word of the stem: {', '.join(sorted(echoed))}.")


def _overlap(options: Sequence[dict[str, Any]]) -> Iterable[Finding]:
    """One option within another: whoever chooses the wider one has said the narrower as well."""
    for one, other in combinations(options, 2):
        short, long = sorted((one["text"].rstrip(".").casefold(), other["text"].casefold()), key=len)
        if re.search(rf"(?<!\w){re.escape(short)}(?!\w)", long):
            yield Finding("overlap", f"“{one['text']}” and “{other['text']}” overlap.")


def _level(item: ItemFile, asked: Sequence[str], wordings: Sequence[str]) -> Iterable[Finding]:
    text = "\n\n".join([item.stem, *asked, *wordings])
    grade = reading_level.grade(text)
    if grade > reading_level.HARDEST_GRADE:
        most = f"{reading_level.HARDEST_GRADE:g}"
        yield Finding("hard", f"It reads at grade {grade}; the text keeps to {most}: shorter sentences, plainer words.")
    if item.level == "recall" and item.bank == "certifying":
        yield Finding("recall", "It asks for recall: at most a fifth of the bank may. Can it ask what one does?")


def is_alike(one: str, other: str) -> bool:
    match = SequenceMatcher(None, one, other, autojunk=False)
    return match.real_quick_ratio() >= ALIKE and match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE


def alike(item: ItemFile, stems: dict[str, str]) -> list[Finding]:
    """Which items of the bank ask nearly the same; `stems` by code, its own left out."""
    near = [code for code, stem in stems.items() if code != item.code and is_alike(item.stem, stem)]
    return [Finding("alike", f"{code} asks nearly the same.", error=True) for code in near]


# A bank


def single(items: Sequence[ItemFile]) -> list[ItemFile]:
    """The certifying single best answers."""
    return [item for item in items if item.bank == "certifying" and item.kind == "single"]


def key_place(item: ItemFile) -> int:
    return next(n for n, option in enumerate(item.options) if option["key"])


def places(items: Sequence[ItemFile]) -> Counter[int]:
    """How often the key stands in each place."""
    return Counter(key_place(item) for item in single(items))


def of_bank(items: Sequence[ItemFile]) -> list[Finding]:
    """Of a module's items together: nothing about a key may follow from its length or its place, and few ask for recall."""
    found = []
    asked = single(items)
    for which in ("longest", "shortest"):
        count = sum(key_length(item.options) == which for item in asked)
        if 3 * count > len(asked):
            found.append(
                Finding(f"keys-{which}", f"The key is the {which} option in {count} of {len(asked)} items.", error=True)
            )
    held = places(items)
    for place, letter in enumerate(PLACES):
        if asked and not 15 * len(asked) <= 100 * held[place] <= 40 * len(asked):
            sentence = f"Place {letter} holds the key in {held[place]} of {len(asked)} items: 15 to 40 % is fair."
            found.append(Finding("places", sentence, error=True))
    bank = [item for item in items if item.bank == "certifying"]
    recall = sum(item.level == "recall" for item in bank)
    if 5 * recall > len(bank):
        found.append(
            Finding("recall", f"{recall} of {len(bank)} certifying items ask for recall, a fifth may.", error=True)
        )
    return found


def pairs_alike(items: Sequence[ItemFile]) -> list[tuple[str, str]]:
    """Codes of items whose stems say nearly the same; every pair is compared, so it takes a while."""
    return [(one.code, other.code) for one, other in combinations(items, 2) if is_alike(one.stem, other.stem)]
