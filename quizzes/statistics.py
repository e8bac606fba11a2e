"""Item statistics: how an item did with those who met it. Pure; docs/statistics.md has the formulas and what they rest on.

In a mastery test most people know most things, so a high share of right answers and a low discrimination are no fault. What
points at a bad item is told as a *signal*.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, median

from quizzes.kinds.base import Pick

FACILITY_FROM = 10
DISCRIMINATION_FROM = 50
SLOW = 3  # times the module's median
CRITICAL_MISSED = 5  # one in so many: a safety-critical item is to be answered right by nearly everybody
Z = 1.959964  # of 95 %


@dataclass(frozen=True)
class Answer:
    """One person's first answer to an item. `rest` is the share right of the form's other items, `picked` what was chosen."""

    right: bool
    rest: float
    picked: tuple[str, ...] = ()
    seconds: int | None = None


@dataclass(frozen=True)
class Signal:
    """Something to look at. `code` is for tests and sorting, `sentence` for people."""

    code: str
    sentence: str


@dataclass(frozen=True)
class Tally:
    """How often one thing was chosen."""

    pick: Pick
    count: int
    of: int

    @property
    def percent(self) -> int:
        return round(100 * self.count / self.of) if self.of else 0


@dataclass(frozen=True)
class Statistics:
    """Of one item version. What rests on too few answers is None or empty."""

    answers: int
    right: int
    low: float | None
    high: float | None
    discrimination: float | None
    seconds: int | None
    tallies: tuple[Tally, ...]
    unanswered: int
    objections: int
    signals: tuple[Signal, ...]

    @property
    def told(self) -> bool:
        """Whether there are answers enough to tell anything but objections."""
        return self.answers >= FACILITY_FROM

    @property
    def facility(self) -> float | None:
        return self.right / self.answers if self.told else None


def interval(right: int, of: int) -> tuple[float, float]:
    """Wilson's score interval for a share, 95 %: it stays within 0 to 1 and holds for few answers and for extremes."""
    share, spread = right / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return (middle - half if right else 0.0), (middle + half if right < of else 1.0)


def discrimination(scores: Sequence[float], rest: Sequence[float]) -> float | None:
    """Correlation of the item with the rest of the form, the item itself removed; None where nothing varies."""
    if len(scores) < 2:
        return None
    here, there = mean(scores), mean(rest)
    cov = sum((score - here) * (other - there) for score, other in zip(scores, rest, strict=True))
    spread = sum((score - here) ** 2 for score in scores) * sum((other - there) ** 2 for other in rest)
    return cov / sqrt(spread) if spread > 1e-12 else None


def of_item(
    answers: Sequence[Answer],
    picks: Sequence[Pick],
    named: Callable[[str], Pick],
    objections: int = 0,
    usual_seconds: int | None = None,
    critical: bool = False,
) -> Statistics:
    """`picks` are what may be chosen, `named` says what else was answered, `usual_seconds` is the module's median."""
    number, right = len(answers), sum(answer.right for answer in answers)
    if number < FACILITY_FROM:
        return Statistics(number, right, None, None, None, None, (), 0, objections, _objected(objections))
    low, high = interval(right, number)
    found = None
    if number >= DISCRIMINATION_FROM:
        found = discrimination([float(answer.right) for answer in answers], [answer.rest for answer in answers])
    timed = [answer.seconds for answer in answers if answer.seconds is not None]
    seconds = round(median(timed)) if timed else None
    tallies = _tallies(answers, picks, named)
    signals = [
        *_objected(objections),
        *(_missed(number - right, number) if critical else ()),
        *_against(found),
        *_mistaken(tallies),
        *(_unused(tallies) if number >= DISCRIMINATION_FROM else ()),
        *_slow(seconds, usual_seconds),
    ]
    unanswered = sum(not answer.picked for answer in answers)
    return Statistics(number, right, low, high, found, seconds, tallies, unanswered, objections, tuple(signals))


def _tallies(answers: Sequence[Answer], picks: Sequence[Pick], named: Callable[[str], Pick]) -> tuple[Tally, ...]:
    """Every distractor and key, and what else was chosen, in the bank's order."""
    chosen = Counter(piece for answer in answers for piece in answer.picked)
    known = {pick.piece for pick in picks}
    others = [named(piece) for piece in sorted(chosen) if piece not in known]
    shown = [pick for pick in picks if chosen[pick.piece] or pick.key or pick.distractor]
    return tuple(Tally(pick, chosen[pick.piece], len(answers)) for pick in [*shown, *others])


def _objected(objections: int) -> tuple[Signal, ...]:
    if not objections:
        return ()
    return (Signal("objected", "Questioned once." if objections == 1 else f"Questioned {objections} times."),)


def _missed(wrong: int, of: int) -> tuple[Signal, ...]:
    if wrong * CRITICAL_MISSED <= of:
        return ()
    said = f"Safety-critical, and missed by {wrong} of {of}: is the item at fault, or what the material says of it?"
    return (Signal("critical-missed", said),)


def _against(found: float | None) -> tuple[Signal, ...]:
    if found is None or found >= 0:
        return ()
    return (Signal("negative", "Those who know more answer it worse: is the key right, and is it the only one?"),)


def _mistaken(tallies: Sequence[Tally]) -> tuple[Signal, ...]:
    """A wrong answer that is chosen more often than the right one it stands beside."""
    for tally in tallies:
        keys = [other.count for other in tallies if other.pick.key and other.pick.group == tally.pick.group]
        if tally.pick.distractor and keys and tally.count > max(keys):
            return (Signal("mistaken", f"More people chose “{tally.pick.text}” than the right answer."),)
    return ()


def _unused(tallies: Sequence[Tally]) -> tuple[Signal, ...]:
    unused = [tally.pick.text for tally in tallies if tally.pick.distractor and not tally.count]
    if not unused:
        return ()
    said = "; ".join(f"“{text}”" for text in unused)
    return (Signal("unused", f"Nobody chose {said}."),)


def _slow(seconds: int | None, usual: int | None) -> tuple[Signal, ...]:
    if not seconds or not usual or seconds < SLOW * usual:
        return ()
    return (Signal("slow", f"It takes {seconds} seconds where the module's items take {usual}."),)
