"""What each programme asks for, and how far a person is on the way through it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from certificates.models import Certificate
from certificates.queries import passes_awaiting_adoption
from compliance.cells import Column
from compliance.queries import Board
from compliance.standing import worst_word
from compliance.steps.modules import ModuleRow, module_rows
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from training.models import Adoption, Module, Programme
from training.queries import standing_adoptions


@dataclass(frozen=True)
class Part:
    """A module that a programme asks for. `column` is None until it is published, `row` where nobody learns."""

    slug: str
    column: Column | None
    row: ModuleRow | None = None
    adoption: Adoption | None = None
    passed_on: date | None = None

    @property
    def title(self) -> str:
        """Of a module that is not published only the slug is known."""
        return self.column.title if self.column else self.slug.replace("-", " ").capitalize()

    @property
    def certificate(self) -> Certificate | None:
        return self.row.cell.certificate if self.row else None


@dataclass(frozen=True)
class Term:
    """How long modules hold and how they are renewed, of those for which it is the same."""

    module: Module
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Way:
    """A programme and its modules in order. `mine`: required of this person in her clinic."""

    programme: Programme
    parts: tuple[Part, ...]
    mine: bool = False

    @property
    def rows(self) -> list[ModuleRow]:
        return [part.row for part in self.parts if part.row]

    @property
    def published(self) -> int:
        return sum(part.column is not None for part in self.parts)

    @property
    def missing(self) -> int:
        return len(self.parts) - self.published

    @property
    def in_order(self) -> int:
        """Its published modules that this person holds now."""
        return sum(bool(row.cell.standing.proof) and row.cell.standing.in_order for row in self.rows)

    @property
    def word(self) -> str:
        return worst_word(row.cell.standing.word for row in self.rows)

    @property
    def minutes_left(self) -> int:
        return sum(row.minutes_left for row in self.rows)

    @property
    def minutes(self) -> int:
        """Of reading, for somebody who begins."""
        return sum(part.column.minutes for part in self.parts if part.column)

    @property
    def terms(self) -> list[Term]:
        """In the order of the modules; of what is not published nothing is said."""
        found: dict[tuple[object, ...], Term] = {}
        for part in self.parts:
            if part.column:
                module = part.column.version.module
                rule = (module.validity_months, module.validity_days, module.renewal)
                before = found[rule].titles if rule in found else ()
                found[rule] = Term(module, (*before, part.title))
        return list(found.values())

    @property
    def asked_of(self) -> str:
        return " and ".join(str(Role(role).label).lower() for role in self.programme.asked_of)


def ways(board: Board, person: StaffMember | None = None, clinic: Clinic | None = None) -> list[Way]:
    """Every programme; with a learner and her clinic, as she stands there. `board` holds her own rows."""
    own = next((row for row in board.rows if row.person == person and row.clinic == clinic), None)
    columns = {column.slug: column for column in board.modules}
    parts = {slug: Part(slug, column) for slug, column in columns.items()}
    mine: Sequence[Programme] = ()
    if person and clinic and own:
        mine = own.programmes
        adopted = standing_adoptions(clinic, [column.version for column in board.modules])
        waiting = _waiting(person, clinic)
        for row in module_rows(person, clinic, own.modules):
            column, certificate = row.cell.column, row.cell.certificate
            parts[column.slug] = Part(
                column.slug,
                column,
                row,
                adopted.get(column.version.pk),
                certificate.passed_on if certificate else waiting.get(column.module_id),
            )
    return [
        Way(row, tuple(parts.get(slug) or Part(slug, None) for slug in row.slugs), row in mine)
        for row in board.programmes
    ]


def _waiting(person: StaffMember, clinic: Clinic) -> dict[int, date]:
    """The days on which she passed what nobody has adopted yet, by module."""
    rows = passes_awaiting_adoption().filter(candidacy__person=person).exclude(ended_at=None)
    zone = ZoneInfo(clinic.zone)
    return {
        module: ended_at.astimezone(zone).date()
        for module, ended_at in rows.values_list("module_version__module", "ended_at")
        if ended_at
    }
