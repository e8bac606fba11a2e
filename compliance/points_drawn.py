"""A person's key points over her attempts, drawn: a row a point, a column an attempt, a mark where it was asked."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from quizzes.models import Attempt, AttemptItem
from staff.models import Clinic, StaffMember

STEP, LEFT, TOP = 28, 84, 30


@dataclass(frozen=True)
class Mark:
    x: int
    y: int
    held: bool
    critical: bool


@dataclass(frozen=True)
class Row:
    code: str
    y: int
    marks: tuple[Mark, ...]

    @property
    def missed(self) -> int:
        return sum(not mark.held for mark in self.marks)


@dataclass(frozen=True)
class Drawn:
    """One module. `columns`: attempts in order of time, each with its place and its day."""

    title: str
    columns: tuple[tuple[int, Attempt], ...]
    rows: tuple[Row, ...]

    @property
    def width(self) -> int:
        return LEFT + STEP * len(self.columns)

    @property
    def height(self) -> int:
        return TOP + STEP * len(self.rows)

    @property
    def words(self) -> str:
        """The same without the drawing: what was missed, the most often missed first."""
        missed = sorted((row for row in self.rows if row.missed), key=lambda row: (-row.missed, row.code))
        told = ", ".join(f"{row.code} missed {row.missed} of {len(row.marks)} times" for row in missed)
        return told or "every key point asked was held"


def drawn_for(person: StaffMember, clinics: Sequence[Clinic]) -> list[Drawn]:
    """Her finished attempts in these clinics, by module; two statements however many there are."""
    attempts = list(
        Attempt.objects.finished()
        .filter(candidacy__person=person, candidacy__clinic__in=[clinic.pk for clinic in clinics])
        .select_related("module_version__module")
        .order_by("started_at", "pk")
    )
    asked: dict[int, list[tuple[str, bool, bool]]] = defaultdict(list)
    rows = AttemptItem.objects.filter(attempt__in=attempts, marks__number=1, points__isnull=False).values_list(
        "attempt",
        "points__point_version__key_point__code",
        "points__point_version__critical",
        "marks__points",
    )
    for attempt, code, critical, held in rows:
        asked[attempt].append((code, bool(held), critical))
    modules: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        modules[one.module_version.module.slug].append(one)
    return [_drawn(mine, asked) for mine in modules.values()]


def _drawn(attempts: list[Attempt], asked: dict[int, list[tuple[str, bool, bool]]]) -> Drawn:
    columns = tuple((LEFT + STEP * place, attempt) for place, attempt in enumerate(attempts))
    codes = sorted({code for attempt in attempts for code, _, _ in asked[attempt.pk]})
    rows = []
    for place, code in enumerate(codes):
        y = TOP + STEP * place
        marks = tuple(
            Mark(x, y, held, critical)
            for x, attempt in columns
            for found, held, critical in asked[attempt.pk]
            if found == code
        )
        rows.append(Row(code, y, marks))
    return Drawn(attempts[-1].module_version.title, columns, tuple(rows))
