"""The total over several quizzes and how far a repetition might stray from it. Pure; whole numbers and Decimal."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal


@dataclass(frozen=True)
class Total:
    """`error` is one standard error in points, rounded up to a tenth; None where there are too few items to say."""

    points: int
    items: int
    error: Decimal | None

    @property
    def words(self) -> str:
        said = f"{self.points} of {self.items}"
        return f"{said}, give or take {self.error}" if self.error is not None else said


def total(scores: Iterable[tuple[int, int]]) -> Total:
    """Lord's binomial error of a number right: the root of x(n - x) / (n - 1)."""
    rows = list(scores)
    points, items = sum(x for x, _ in rows), sum(n for _, n in rows)
    if items < 2:
        return Total(points, items, None)
    error = (Decimal(points * (items - points)) / Decimal(items - 1)).sqrt()
    return Total(points, items, error.quantize(Decimal("0.1"), rounding=ROUND_CEILING))
