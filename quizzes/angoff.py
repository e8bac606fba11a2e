"""Standard setting by the modified Angoff method: what physicians expect of people who can just do the job. Pure.

Each rates every item: of a hundred such people, how many answer it right? Ratings are whole per cents, results whole thousandths.
A form has one item for each critical point and, from each section, as many others as it has places, so a *cell* is such a
point or such a section, and the mean of a form is the mean of its cells, weighed by their places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from statistics import stdev

LEAST_RATERS = 3
Ratings = Mapping[str, int]  # per cent by item


@dataclass(frozen=True)
class Cell:
    """Items that may fill `places` of a form."""

    name: str
    places: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class Rated:
    """An item as the panel sees it. `spread` is the standard deviation between raters."""

    item: str
    mean: int
    spread: int
    least: int
    most: int


@dataclass(frozen=True)
class Result:
    """`mean` is the form's, `spread` the standard deviation between the raters' own form means, `error` that of the mean."""

    items: tuple[Rated, ...]
    mean: int
    spread: int
    error: int
    raters: int

    def cut(self, places: int) -> int:
        """Right answers of a form that somebody would give who can just do the job."""
        return int((Decimal(self.mean) * places / 1000).to_integral_value(ROUND_CEILING))


def thousandths(value: Decimal | float) -> int:
    return int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP))


def of_form(cells: Sequence[Cell], rating: Mapping[str, Decimal]) -> Decimal:
    """Mean rating of the forms that the cells allow, in thousandths; what is not rated is left out."""
    total, places = Decimal(0), 0
    for cell in cells:
        rated = [rating[item] for item in cell.items if item in rating]
        if rated and cell.places:
            total += cell.places * sum(rated, Decimal(0)) / len(rated)
            places += cell.places
    return total / places if places else Decimal(0)


def result(cells: Sequence[Cell], by_rater: Mapping[str, Ratings]) -> Result:
    """Every rater has rated every item."""
    items = sorted({item for cell in cells for item in cell.items})
    rated = []
    for item in items:
        given = [ratings[item] for ratings in by_rater.values()]
        mean = Decimal(sum(given) * 10) / len(given)
        spread = thousandths(stdev(given) * 10) if len(given) > 1 else 0
        rated.append(Rated(item, thousandths(mean), spread, min(given), max(given)))
    own = [of_form(cells, {item: Decimal(ratings[item] * 10) for item in items}) for ratings in by_rater.values()]
    whole = sum(own, Decimal(0)) / len(own)
    apart = Decimal(stdev(own)) if len(own) > 1 else Decimal(0)
    error = apart / Decimal(len(own)).sqrt()
    return Result(tuple(rated), thousandths(whole), thousandths(apart), thousandths(error), len(own))
