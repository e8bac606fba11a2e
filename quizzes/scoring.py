"""Scores and passes. Pure and whole: points are integers, an item is right or wrong, nothing is divided.

What right means for an item is its kind's to say (`quizzes.kinds`); what a form of them is worth is said here.

`docs/scoring.md` has the worked tables that the tests read. A sealed attempt (a dict, see `quizzes.sealing`) is scored by
the same functions, so that every score can be derived again from the seal alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quizzes import kinds

RULE = "whole-1"


@dataclass(frozen=True)
class Answered:
    """One item as answered: `key` as its kind has it, `answer` in the item's own ids, empty where none was given."""

    position: int
    key: Any
    answer: str
    critical: bool
    kind: str = "single"


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
    points: tuple[int, ...]
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
    return int(kinds.of(item.kind).is_right(item.key, item.answer))


def score(items: Sequence[Answered], rules: Rules) -> Scored:
    """Score a form. A form without items passes nobody."""
    if rules.rule != RULE:
        raise ValueError(f"scoring rule is {rules.rule!r}, this module knows {RULE!r}")
    points = tuple(points_of(item) for item in items)
    total = sum(points)
    right = {item.position for item, point in zip(items, points, strict=True) if point}
    critical = [item.position for item in items if item.critical]
    missed = tuple(position for position in critical if position not in right)
    clauses = (
        Clause("cut", total >= rules.cut and bool(items), total, rules.cut),
        Clause("critical", not missed, len(critical) - len(missed), len(critical), missed),
    )
    return Scored(points, total, len(items), all(clause.met for clause in clauses), clauses)


def score_sealed(sealed: dict[str, Any]) -> Scored:
    """Score the seal of an attempt again."""
    items = [
        Answered(
            position=item["position"],
            key=item["key"],
            answer=kinds.of(item["kind"]).in_ids(item["answer"], item["shown"]),
            critical=any(point["critical"] for point in item["points"]),
            kind=item["kind"],
        )
        for item in sealed["items"]
    ]
    quiz = sealed["quiz"]
    return score(items, Rules(cut=quiz["cut"], critical=quiz["critical_rule"], rule=quiz["scoring_rule"]))
