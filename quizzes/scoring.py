"""Scores and passes. Pure and whole: points are integers, an item is right or wrong, nothing is divided.

What right means for an item is its kind's to say (`quizzes.kinds`); what a form of them is worth is said here.

`docs/scoring.md` has the worked tables that the tests read. A sealed attempt (a dict, see `quizzes.sealing`) is scored by
the same functions, so that every score can be derived again from the seal alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quizzes import kinds

RULE = "whole-1"
CREDIT, BOTH, NEW, WITHDRAW = "credit", "both", "new", "withdraw"


@dataclass(frozen=True)
class Correction:
    """How a regrade counts an item: right for everyone, by both keys, by the new key alone, or not at all."""

    option: str
    key: Any = None


@dataclass(frozen=True)
class Answered:
    """One item as answered: `key` as its kind has it, `answer` in the item's own ids, empty where none was given."""

    position: int
    key: Any
    answer: str
    critical: bool
    kind: str = "single"
    correction: Correction | None = None


@dataclass(frozen=True)
class Rules:
    """`cut` is the number of right items needed; `critical` is "all": every critical item must be right."""

    cut: int
    critical: str = "all"
    rule: str = RULE


@dataclass(frozen=True)
class Clause:
    """One condition of passing, met or not, with the numbers behind it and the positions that failed it."""

    code: str
    met: bool
    have: int
    need: int
    missed: tuple[int, ...] = ()

    def plain(self) -> dict[str, Any]:
        return {"code": self.code, "met": self.met, "have": self.have, "need": self.need, "missed": list(self.missed)}


@dataclass(frozen=True)
class Scored:
    """`points` and `worth` item by item; a withdrawn item is worth nothing, every other one point."""

    points: tuple[int, ...]
    worth: tuple[int, ...]
    total: int
    most: int
    passed: bool
    clauses: tuple[Clause, ...]


def opens_retest(clauses: Sequence[dict[str, Any]]) -> int:
    """The position of the one critical item missed where the cut was met, else 0. Takes clauses as an outcome keeps them."""
    found = {clause["code"]: clause for clause in clauses}
    cut, critical = found.get("cut"), found.get("critical")
    if not cut or not critical or not cut["met"] or len(critical["missed"]) != 1:
        return 0
    return int(critical["missed"][0])


def points_of(item: Answered) -> int:
    """1 if wholly right, else 0; no answer is wrong."""
    option = item.correction.option if item.correction else ""
    if option in (CREDIT, WITHDRAW):
        return int(option == CREDIT)
    if option not in ("", BOTH, NEW):
        raise ValueError(f"a regrade's option is {option!r}, this module knows {(CREDIT, BOTH, NEW, WITHDRAW)}")
    keys = {"": [item.key], BOTH: [item.key, _new_key(item)], NEW: [_new_key(item)]}[option]
    return int(any(kinds.of(item.kind).is_right(key, item.answer) for key in keys))


def _new_key(item: Answered) -> Any:
    return item.correction.key if item.correction else None


def worth_of(item: Answered) -> int:
    return int(item.correction is None or item.correction.option != WITHDRAW)


def score(items: Sequence[Answered], rules: Rules, *, follows: bool | None = None) -> Scored:
    """Score a form. A form without items passes nobody.

    Each withdrawn item lowers the cut by one: it asks of nobody more than if the item had been right for everyone.
    `follows` is of a re-test alone, scored anew: whether the attempt before it still opens it.
    """
    if rules.rule != RULE:
        raise ValueError(f"scoring rule is {rules.rule!r}, this module knows {RULE!r}")
    points, worth = tuple(points_of(item) for item in items), tuple(worth_of(item) for item in items)
    total, most = sum(points), sum(worth)
    withdrawn = len(items) - most
    cut = max(rules.cut - withdrawn, 1) if withdrawn else rules.cut
    right = {item.position for item, point in zip(items, points, strict=True) if point}
    critical = [item.position for item in items if item.critical and worth_of(item)]
    missed = tuple(position for position in critical if position not in right)
    clauses = [
        Clause("cut", total >= cut and most > 0, total, cut),
        Clause("critical", not missed, len(critical) - len(missed), len(critical), missed),
    ]
    if follows is not None:
        clauses.append(Clause("follows", follows, int(follows), 1))
    return Scored(points, worth, total, most, all(clause.met for clause in clauses), tuple(clauses))


def score_sealed(
    sealed: dict[str, Any], corrections: Mapping[int, Correction] | None = None, *, follows: bool | None = None
) -> Scored:
    """Score the seal of an attempt again; `corrections` by position, where regrades count items otherwise."""
    items = [
        Answered(
            position=item["position"],
            key=item["key"],
            answer=kinds.of(item["kind"]).in_ids(item["answer"], item["shown"]),
            critical=any(point["critical"] for point in item["points"]),
            kind=item["kind"],
            correction=(corrections or {}).get(item["position"]),
        )
        for item in sealed["items"]
    ]
    quiz = sealed["quiz"]
    rules = Rules(cut=quiz["cut"], critical=quiz["critical_rule"], rule=quiz["scoring_rule"])
    return score(items, rules, follows=follows)


def still_follows(
    retest: dict[str, Any], parent: dict[str, Any], *, passed: bool, clauses: Sequence[dict[str, Any]]
) -> bool:
    """Whether a re-test still has an attempt before it that it completes. Takes both seals, and the parent's outcome.

    It does where the parent passes by itself, or met the cut and missed the point of the re-test, and that one alone.
    """
    if passed:
        return True
    position = opens_retest(clauses)
    missed = [item for item in parent["items"] if item["position"] == position]
    asked = {point for item in retest["items"] for point in critical_points(item)}
    return bool(missed) and asked <= critical_points(missed[0])


def critical_points(item: dict[str, Any]) -> set[str]:
    return {point["code"] for point in item["points"] if point["critical"]}
