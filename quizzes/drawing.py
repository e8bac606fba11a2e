"""Which items an attempt gets: a seeded exact search over the blueprint. Pure.

The same seed over the same pool draws the same form. Either a form that meets every quota comes back, or Unfillable says
which cell cannot be filled; a learner never meets a form that is short.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import combinations

from quizzes.kinds.base import Group

NEAR = 30  # thousandths that a form's mean rating may be from the bank's
TRIES = 60


@dataclass(frozen=True)
class PoolItem:
    """An item that may be drawn. `critical` are those of its points that are critical; `seen` counts earlier meetings.

    A case takes long to read: a form has one at most. `rating` is a panel's, in thousandths.
    """

    code: str
    section: str
    level: str
    points: frozenset[str]
    critical: frozenset[str] = frozenset()
    seen: int = 0
    case: bool = False
    rating: int | None = None


@dataclass(frozen=True)
class Blueprint:
    """Items from each section, recall items at most, and the critical points, each tested by exactly one item."""

    sections: dict[str, int]
    recall_at_most: int
    critical: frozenset[str]

    @property
    def items(self) -> int:
        return sum(self.sections.values())


class Unfillable(Exception):
    """Says which cell of the blueprint the pool cannot fill."""


@dataclass(frozen=True)
class Lack:
    """A cell that the pool cannot fill. `kind` is section, critical, level, or form: the cells are at odds together."""

    kind: str
    name: str
    sentence: str


def shuffled(seed: str, what: str, codes: Sequence[str]) -> list[str]:
    """The codes in an order that depends on the seed and on nothing else (not on a key, not on the file's order)."""
    return sorted(codes, key=lambda code: hashlib.sha256(f"{seed}|{what}|{code}".encode()).digest())


def token(seed: str, position: int, option: str) -> str:
    """What an option is called in this attempt: 16 characters that tell nothing."""
    return hashlib.sha256(f"{seed}|token|{position}|{option}".encode()).hexdigest()[:16]


def tokens(seed: str, position: int, code: str, groups: Sequence[Group]) -> list[list[str]]:
    """[[token, id], …] of everything in an item that can be answered with, each group in the order shown."""
    rows = []
    for group in groups:
        ids = list(group.ids) if group.fixed else shuffled(seed, code, group.ids)
        rows += [[token(seed, position, name), name] for name in ids]
    return rows


def draw(pool: Sequence[PoolItem], blueprint: Blueprint, seed: str, mean: int | None = None) -> list[PoolItem]:
    """A form in the order it is shown. Unseen items come first, then those met least often.

    Where a panel has rated the items, forms are drawn until one keeps near the `mean`, in an order that follows from the seed
    alone: first with unseen items in front, then without that preference. If none does, the nearest is taken, since whoever
    starts must get a form.
    """
    first = _draw(pool, blueprint, seed)
    if mean is None:
        return first
    nearest = first
    for again in range(2 * TRIES):
        form = first
        if again:
            fair = pool if again < TRIES else [replace(item, seen=0) for item in pool]
            form = _draw(fair, blueprint, f"{seed}|{again}")
        if _apart(form, mean) <= NEAR:
            return form
        nearest = min(nearest, form, key=lambda one: _apart(one, mean))
    return nearest


def _apart(form: Sequence[PoolItem], mean: int) -> Fraction:
    """How far the form's mean rating is from that of the bank; what is not rated counts as the mean."""
    rated = [item.rating for item in form if item.rating is not None]
    return abs(Fraction(sum(rated), len(rated)) - mean) if rated else Fraction(0)


def _draw(pool: Sequence[PoolItem], blueprint: Blueprint, seed: str) -> list[PoolItem]:
    order = {code: place for place, code in enumerate(shuffled(seed, "draw", [item.code for item in pool]))}
    ranked = sorted(pool, key=lambda item: (item.seen, order[item.code]))
    form, lacking = _search(ranked, blueprint, shuffled(seed, "sections", list(blueprint.sections)))
    if lacking:
        raise Unfillable(lacking[0].sentence)
    by_code = {item.code: item for item in form}
    return [by_code[code] for code in shuffled(seed, "order", list(by_code))]


def retest(
    pool: Sequence[PoolItem], *, point: str, without: frozenset[str], met: dict[str, datetime], places: int, seed: str
) -> list[PoolItem]:
    """`places` other items on one critical point: those never met first, then those met the longest ago.

    `met` says when the person was last given an item; `without` are the items of the attempt it follows.
    """
    fitting = [item for item in pool if item.critical == {point} and item.code not in without]
    if len(fitting) < places:
        raise Unfillable(f"critical key point {point} has {len(fitting)} other items for a re-test of {places}")
    order = {code: place for place, code in enumerate(shuffled(seed, "retest", [item.code for item in fitting]))}
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(fitting, key=lambda item: (met.get(item.code, never), order[item.code]))[:places]


def on_point(
    pool: Sequence[PoolItem], *, point: str, met: dict[str, datetime], places: int, seed: str
) -> list[PoolItem]:
    """Up to `places` items on one key point: those never met first, then those met the longest ago. Fewer where there are
    no more."""
    fitting = [item for item in pool if point in item.points]
    order = {code: place for place, code in enumerate(shuffled(seed, "point", [item.code for item in fitting]))}
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(fitting, key=lambda item: (met.get(item.code, never), order[item.code]))[:places]


def lacks(pool: Sequence[PoolItem], blueprint: Blueprint) -> list[Lack]:
    """Every cell that cannot be filled, and not only the first; none if a form can be drawn."""
    return _search(pool, blueprint, list(blueprint.sections))[1]


def _search(ranked: Sequence[PoolItem], blueprint: Blueprint, names: list[str]) -> tuple[list[PoolItem], list[Lack]]:
    """A form, sections filled in the order of `names`, or what stands in its way."""
    by_section = {name: [item for item in ranked if item.section == name] for name in blueprint.sections}
    short, apart, least = [], [], {}
    for name, quota in blueprint.sections.items():
        fewest = _least_recall(by_section[name], blueprint, name)
        if len(by_section[name]) < quota:
            short.append(Lack("section", name, f"section {name} has {len(by_section[name])} items for {quota} places"))
        elif fewest is None:
            sentence = f"section {name} cannot fill {quota} places with its critical points and no key point twice"
            apart.append(Lack("section", name, sentence))
        else:
            least[name] = fewest
    untested = [
        Lack("critical", point, f"critical key point {point} has no item")
        for point in sorted(blueprint.critical)
        if not any(item.critical == {point} for item in ranked)
    ]
    lacking = short + untested + apart
    needed = sum(least.values())
    if needed > blueprint.recall_at_most:
        sentence = f"no form keeps to {blueprint.recall_at_most} recall items: {needed} are needed"
        lacking.append(Lack("level", "recall", sentence))
    form = None if lacking else _fill(names, by_section, blueprint, least, [], frozenset())
    if form is None and not lacking:
        sentence = "no form has one item a critical point, no key point twice and one case at most"
        lacking.append(Lack("form", "", sentence))
    return form or [], lacking


def _critical_of(pool: Sequence[PoolItem], blueprint: Blueprint) -> frozenset[str]:
    return frozenset(point for item in pool for point in item.critical) & blueprint.critical


def _choices(pool: Sequence[PoolItem], blueprint: Blueprint, name: str) -> Iterator[tuple[PoolItem, ...]]:
    """Every set of items that fills a section: its critical points once each, no point twice. Best ranked first."""
    critical = sorted(_critical_of(pool, blueprint))
    ordinary = [item for item in pool if not item.critical]
    places = blueprint.sections[name] - len(critical)
    if places < 0:
        return

    def tests(point: str) -> list[PoolItem]:
        return [item for item in pool if item.critical == {point}]

    def with_critical(left: list[str], chosen: tuple[PoolItem, ...]) -> Iterator[tuple[PoolItem, ...]]:
        if not left:
            for rest in combinations(ordinary, places):
                points = [point for item in (*chosen, *rest) for point in item.points]
                if len(points) == len(set(points)) and _cases(rest) <= 1:
                    yield (*chosen, *rest)
            return
        for item in tests(left[0]):
            yield from with_critical(left[1:], (*chosen, item))

    yield from with_critical(critical, ())


def _cases(items: Sequence[PoolItem]) -> int:
    return sum(item.case for item in items)


def _recall(items: Sequence[PoolItem]) -> int:
    return sum(item.level == "recall" for item in items)


def _least_recall(pool: Sequence[PoolItem], blueprint: Blueprint, name: str) -> int | None:
    """The fewest recall items that fill the section; None if nothing fills it."""
    counts = (_recall(choice) for choice in _choices(pool, blueprint, name))
    best: int | None = None
    for count in counts:
        best = count if best is None else min(best, count)
        if best == 0:
            break
    return best


def _fill(
    names: list[str],
    by_section: dict[str, list[PoolItem]],
    blueprint: Blueprint,
    least: dict[str, int],
    chosen: list[PoolItem],
    points: frozenset[str],
) -> list[PoolItem] | None:
    if not names:
        return chosen
    name, rest = names[0], names[1:]
    room = blueprint.recall_at_most - _recall(chosen) - sum(least[other] for other in rest)
    for choice in _choices(by_section[name], blueprint, name):
        tested = frozenset(point for item in choice for point in item.points)
        if _recall(choice) <= room and not tested & points and _cases((*chosen, *choice)) <= 1:
            form = _fill(rest, by_section, blueprint, least, [*chosen, *choice], points | tested)
            if form is not None:
                return form
    return None
