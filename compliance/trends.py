"""How a clinic stands over the months, drawn: what was proven of what was asked, what runs out when, and which key points
are weak. Each with its numbers, so that a table can stand beside it; statements do not grow with people."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Count, IntegerField, Max, Q
from django.db.models.functions import Cast

from certificates import validity
from compliance.queries import Board, proven_on
from compliance.situations import Row
from quizzes.models import Attempt, Mark
from quizzes.statistics import interval
from staff import canonical, clock
from staff.models import Clinic
from training.models import KeyPointVersion

MONTHS = 12
KEPT_SECONDS = 30 * 24 * 60 * 60
FEWEST_PEOPLE = 5
MOST_POINTS = 12
MOST_NAMED = 25  # of a month
TOP, HEIGHT, LABELS = 24, 120, 24


def month_after(first: date, months: int) -> date:
    """The first day of the month that many months on."""
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, 1)


@dataclass(frozen=True)
class Column:
    """A month of a drawing: `x` and `width` in per cent of it, `y` and `height` in pixels from its top."""

    month: date
    part: int
    of: int
    x: str
    middle: str
    width: str
    y: int
    height: int
    labelled: bool

    @property
    def percent(self) -> int | None:
        """Whole per cent, rounded down, so that 100 is said of all alone; none where nothing was asked."""
        return self.part * 100 // self.of if self.of else None


@dataclass(frozen=True)
class Drawn:
    columns: tuple[Column, ...]

    @property
    def height(self) -> int:
        return TOP + HEIGHT + LABELS

    @property
    def foot(self) -> int:
        return TOP + HEIGHT

    @property
    def any(self) -> bool:
        return any(column.of for column in self.columns)


def drawn(months: Sequence[tuple[date, int, int]], *, whole: bool) -> Drawn:
    """`whole`: each column against its own whole, else all against the largest part."""
    largest = max((part for _, part, _ in months), default=0)
    step = 10000 // max(1, len(months))
    columns = []
    for place, (month, part, of) in enumerate(months):
        against = of if whole else largest
        height = part * HEIGHT // against if against else 0
        columns.append(
            Column(
                month,
                part,
                of,
                _percent(place * step + step // 8),
                _percent(place * step + step // 2),
                _percent(step * 3 // 4),
                TOP + HEIGHT - height,
                height,
                (len(months) - 1 - place) % 2 == 0,
            )
        )
    return Drawn(tuple(columns))


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02}%"


# What was proven of what was asked, at each month's end.


def completion(clinic: Clinic, board: Board) -> Drawn:
    """Of what was asked of whom on a day, how much a certificate in force proved: what the matrix of that day says, by what was
    on record then. The last month is `board`, which is now.

    Both numbers follow from what certificates and rules say, so that no row and no cell is made for them. What was on record at
    the end of a past month stays as it is: they are kept, and a page asks for a past day once.
    """
    today = clock.today(clinic.zone)
    firsts = [month_after(today, -back) for back in range(MONTHS - 1, -1, -1)]
    ends = [month_after(first, 1) - timedelta(days=1) for first in firsts[:-1]]
    asked = canonical.sha256_of([[row.slug, sorted(row.slugs), sorted(row.asked_of)] for row in board.programmes])[:16]
    keys = {end: f"completion:{clinic.public_id}:{end.isoformat()}:{asked}" for end in ends}
    known = cache.get_many(list(keys.values()))
    opened_on = clinic.opened_at.astimezone(ZoneInfo(clinic.zone)).date()
    months = []
    for first, end in zip(firsts, ends, strict=False):
        found = (0, 0) if end < opened_on else known.get(keys[end])
        if found is None:
            found = proven_on(clinic, end)
            cache.set(keys[end], found, KEPT_SECONDS)
        months.append((first, *found))
    return drawn([*months, (firsts[-1], *proven_of(board))], whole=True)


def proven_of(board: Board) -> tuple[int, int]:
    """How many cells of modules a certificate in force proves, of those that are asked for and not waived."""
    return board.proven, board.asked


# What runs out, month by month.


@dataclass(frozen=True)
class Expiry:
    row: Row
    title: str
    on: date


@dataclass(frozen=True)
class Month:
    """What runs out in a month, the first first: as many as are named, and how many there are."""

    first: date
    named: tuple[Expiry, ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.named)


def months_ahead(clinic: Clinic) -> list[date]:
    today = clock.today(clinic.zone)
    return [month_after(today, on) for on in range(MONTHS)]


def expiries(clinic: Clinic, board: Board, whole: date | None = None) -> tuple[Drawn, list[Month]]:
    """Certificates that count now and are asked for, by the month of their last day; and who they are: the first of
    each month, and all of the month that is asked for."""
    by_month: dict[date, list[Expiry]] = {month: [] for month in months_ahead(clinic)}
    board.know_everybody()
    for row in board.rows:
        for one in row.found:
            proof = one.standing.proof
            if proof and proof.state in validity.IN_FORCE and one.required:
                on = proof.valid_until_on
                by_month.get(on.replace(day=1), []).append(Expiry(row, one.column.title, on))
    months = []
    for first, rows in by_month.items():
        rows.sort(key=lambda one: one.on)
        months.append(Month(first, tuple(rows if first == whole else rows[:MOST_NAMED]), len(rows)))
    board.fetch([one.row for month in months for one in month.named])
    return drawn([(month.first, month.count, month.count) for month in months], whole=False), months


# Which key points are weak.


@dataclass(frozen=True)
class Weak:
    """A key point as the clinic's people held it when it was asked, as it reads now. `low` and `high` are the
    ends of the 95 % interval."""

    code: str
    text: str
    critical: bool
    held: int
    asked: int
    people: int
    low: int
    high: int

    @property
    def missed(self) -> int:
        return self.asked - self.held

    @property
    def width(self) -> int:
        return self.high - self.low


@dataclass(frozen=True)
class WeakPoints:
    """`unsaid`: key points that too few people were asked, so that a number would be about one of them."""

    points: tuple[Weak, ...]
    unsaid: int


def weak_points(clinic: Clinic) -> WeakPoints:
    """From finished attempts of the last twelve months, by the marks that count; the weakest first, of equal ones the
    safety-critical. Only what at least five people were asked."""
    since = clock.now() - timedelta(days=365)
    attempts = Attempt.objects.finished().filter(candidacy__clinic=clinic, ended_at__gte=since)
    rows = (
        Mark.objects.counting()
        .filter(max_points__gt=0, item__attempt__in=attempts, item__points__isnull=False)
        .order_by()
        .values("item__points__point_version__key_point__code")
        .annotate(
            asked=Count("pk"),
            held=Count("pk", filter=Q(points__gt=0)),
            people=Count("item__attempt__candidacy__person", distinct=True),
            critical=Max(Cast("item__points__point_version__critical", IntegerField())),
        )
    )
    told, unsaid = [], 0
    for row in rows:
        if row["people"] < FEWEST_PEOPLE:
            unsaid += 1
            continue
        low, high = interval(row["held"], row["asked"])
        told.append(
            Weak(
                row["item__points__point_version__key_point__code"],
                "",
                bool(row["critical"]),
                row["held"],
                row["asked"],
                row["people"],
                int(low * 100),
                ceil(high * 100),
            )
        )
    weakest = sorted(
        (one for one in told if one.missed), key=lambda one: (one.held * 1000 // one.asked, not one.critical, one.code)
    )
    shown = weakest[:MOST_POINTS]
    newest = KeyPointVersion.objects.filter(key_point__code__in=[one.code for one in shown]).order_by("pk")
    texts = dict(newest.values_list("key_point__code", "text"))
    return WeakPoints(tuple(replace(one, text=texts[one.code]) for one in shown), unsaid)
