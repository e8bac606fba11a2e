"""Who is current: every member of some clinics against every module of the programmes, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, QuerySet, Sum
from django.urls import reverse

from certificates.models import Certificate, CertificateEvent
from certificates.queries import passes_awaiting_adoption, state_of
from compliance import standing
from compliance.models import Leave, Waiver
from compliance.requirements import Ask, Demands, Required, last_day, published_later, required
from quizzes.models import Candidacy
from quizzes.queries import is_locked, with_attempts
from staff import clock
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import STATES
from training.models import ModuleVersion, ModuleVersionSection, Programme, Reading, ReadingConfirmation
from training.queries import counting, live_versions

Pair = tuple[int, int]
MODULE = "module"


@dataclass(frozen=True)
class Column:
    """What can be asked: a published module of a programme, or (by `kind`) something else that has a title of its own."""

    kind: str
    slug: str
    title: str
    published_at: datetime | None = None
    module_version: ModuleVersion | None = None
    sections: int = 0
    minutes: int = 0

    @property
    def version(self) -> ModuleVersion:
        if self.module_version is None:
            raise LookupError(f"the column {self.slug} is no module")
        return self.module_version

    @property
    def module_id(self) -> int:
        return self.version.module_id


@dataclass(frozen=True)
class Cell:
    """`certificate` is the one that counts, wherever it was issued; it is linked where the viewer may open it.

    `asks` are the rules that ask for it, the one whose day comes first in front; `waiver` is the one in force.
    """

    column: Column
    standing: standing.Standing
    certificate: Certificate | None
    url: str
    asks: tuple[Ask, ...] = ()
    waiver: Waiver | None = None

    @property
    def required(self) -> bool:
        """Asked for by a rule, waived or not."""
        return bool(self.asks)

    @property
    def icon(self) -> str:
        return STATES[self.standing.state][1]

    @property
    def tone(self) -> str:
        return STATES[self.standing.state][2]


@dataclass(frozen=True)
class Row:
    """`programmes` are those that a rule asks of her as a whole; `leave` the one she is on, through `away_until`; `back_on` the
    day on which she came back in the last weeks."""

    membership: Membership
    roles: tuple[str, ...]
    cells: tuple[Cell, ...]
    programmes: tuple[Programme, ...] = ()
    leave: Leave | None = None
    away_until: date | None = None
    back_on: date | None = None

    @property
    def modules(self) -> tuple[Cell, ...]:
        """The cells of the course's modules."""
        return tuple(cell for cell in self.cells if cell.column.kind == MODULE)

    @property
    def person(self) -> StaffMember:
        return self.membership.person

    @property
    def clinic(self) -> Clinic:
        return self.membership.clinic

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)

    @cached_property
    def word(self) -> str:
        return standing.worst_word(cell.standing.word for cell in self.cells)

    @cached_property
    def states(self) -> frozenset[str]:
        return frozenset(cell.standing.state for cell in self.cells)

    @property
    def certified(self) -> bool:
        return any(cell.certificate for cell in self.cells)

    @property
    def in_order(self) -> int:
        return sum(cell.standing.in_order for cell in self.cells)

    @property
    def urgency(self) -> tuple[int, int, str, int]:
        most = min((standing.alarm(state) for state in self.states), default=len(standing.STATES))
        return list(standing.WORDS).index(self.word), most, self.person.full_name.casefold(), self.membership.pk


@dataclass(frozen=True)
class Board:
    """`rows` are open memberships, the most urgent first. Somebody who works in two of the clinics has two."""

    programmes: tuple[Programme, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def modules(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind == MODULE)

    def counted(self, rows: Sequence[Row] | None = None) -> dict[str, int]:
        """People by word; of somebody with two rows the more alarming one counts."""
        words: dict[int, str] = {}
        for row in self.rows if rows is None else rows:
            words[row.person.pk] = standing.worst_word([row.word, words.get(row.person.pk, "not-required")])
        counts = dict.fromkeys(standing.WORDS, 0)
        for word in words.values():
            counts[word] += 1
        return counts

    def counted_states(self, rows: Sequence[Row]) -> dict[str, int]:
        """People who have the state in at least one module."""
        people: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            for state in row.states:
                people[state].add(row.person.pk)
        return {state: len(people[state]) for state in standing.STATES if people[state]}


def programme_columns() -> tuple[tuple[Programme, ...], tuple[Column, ...]]:
    """The programmes, and the published modules they ask for in the course's order."""
    programmes = tuple(Programme.objects.order_by("position", "pk"))
    asked = {slug for programme in programmes for slug in programme.slugs}
    versions = [version for version in live_versions() if version.module.slug in asked]
    sums = {
        row["module_version"]: row
        for row in ModuleVersionSection.objects.filter(module_version__in=versions)
        .order_by()
        .values("module_version")
        .annotate(n=Count("pk"), minutes=Sum("section_version__minutes"))
    }
    first = dict(
        ModuleVersion.objects.filter(module__in=[version.module_id for version in versions])
        .order_by()
        .values_list("module")
        .annotate(Min("published_at"))
    )
    none = {"n": 0, "minutes": 0}
    return programmes, tuple(
        Column(
            MODULE,
            version.module.slug,
            version.title,
            first[version.module_id],
            version,
            sums.get(version.pk, none)["n"],
            sums.get(version.pk, none)["minutes"],
        )
        for version in versions
    )


def board_of(clinics: Sequence[Clinic], person: StaffMember | None = None) -> Board:
    """Everybody who works in these clinics now, or one of them."""
    seen = {clinic.pk for clinic in clinics}
    members = Membership.objects.filter(clinic__in=seen)
    return _board(members.filter(person=person) if person else members, seen)


def board_for(person: StaffMember) -> Board:
    """The person's own rows; her certificates are hers to open, whichever clinic issued them."""
    return _board(Membership.objects.filter(person=person), None)


def _board(members: "QuerySet[Membership]", opens: set[int] | None) -> Board:
    """`opens`: the clinics whose certificates the viewer may open; None for all."""
    programmes, columns = programme_columns()
    open_members = members.filter(ended_at=None)
    people = open_members.values("person")
    gathered = _Gathered(people, columns)
    demands = Demands(people, open_members.values("clinic"), programmes, clock.now())
    rows = [
        _row(membership, columns, gathered, demands, opens)
        for membership in open_members.select_related("person", "clinic").prefetch_related("roles")
    ]
    return Board(programmes, columns, tuple(sorted(rows, key=lambda row: row.urgency)))


def _row(
    membership: Membership,
    columns: Sequence[Column],
    gathered: "_Gathered",
    demands: Demands,
    opens: set[int] | None,
) -> Row:
    granted = {role.role: role.granted_at for role in membership.roles.all() if role.ended_at is None}
    roles = tuple(sorted(granted))
    today = clock.today(membership.clinic.zone)
    asks = demands.asks(membership, roles, today)
    cells = []
    for column in columns:
        later = published_later(membership.clinic, column.published_at) if column.published_at else None
        asked = required(membership, granted, asks, column.slug, later) if asks else None
        waiver = demands.waiver(membership, column.module_id, today) if asked else None
        until = last_day(waiver, demands.at) if waiver else None
        cells.append(_cell(membership, asked, waiver, until, column, gathered, today, opens))
    leave = demands.leave(membership, today)
    return Row(
        membership,
        roles,
        tuple(cells),
        tuple({ask.programme.pk: ask.programme for ask in asks if ask.programme}.values()),
        leave,
        last_day(leave, demands.at) if leave else None,
        demands.back_on(membership, today),
    )


def _cell(
    membership: Membership,
    asked: Required | None,
    waiver: Waiver | None,
    waived_until: date | None,
    column: Column,
    gathered: "_Gathered",
    today: date,
    opens: set[int] | None,
) -> Cell:
    pair = (membership.person_id, column.module_id)
    proofs = gathered.proofs.get(pair, [])
    where = (*pair, membership.clinic_id)
    decided = standing.decide(
        standing.Facts(
            required=asked is not None,
            hired_on=membership.hired_on,
            proofs=[proof for _, proof in proofs],
            sections=column.sections,
            read=gathered.read.get(pair, 0),
            started=pair in gathered.opened or where in gathered.sitting,
            locked=where in gathered.locked,
            awaiting_adoption=where in gathered.waiting,
            due_on=asked.due_on if asked else None,
            waived_until=waived_until,
        ),
        today,
    )
    certificate = next((row for row, proof in proofs if proof is decided.proof), None)
    if certificate and (opens is None or certificate.clinic_id in opens):
        url = certificate.get_absolute_url()
    else:
        url = reverse("compliance:person-detail", args=[membership.person.public_id])
    return Cell(column, decided, certificate, url, asked.asks if asked else (), waiver)


class _Gathered:
    """The facts of all these people (a subquery) in all these modules, each kind fetched by one statement."""

    def __init__(self, people: Any, columns: Sequence[Column]) -> None:
        modules = [column.module_id for column in columns]
        live = ModuleVersionSection.objects.filter(module_version__in=[column.version.pk for column in columns])
        sections = live.values("section_version")
        self.proofs = _proofs(people, modules)
        self.read: dict[Pair, int] = {
            (row["person"], row["section_version__section__module"]): row["n"]
            for row in counting(ReadingConfirmation.objects.filter(person__in=people, section_version__in=sections))
            .values("person", "section_version__section__module")
            .annotate(n=Count("section_version", distinct=True))
            .order_by()
        }
        self.opened: set[Pair] = set(
            Reading.objects.filter(person__in=people, section_version__in=sections)
            .values_list("person", "section_version__section__module")
            .distinct()
        )
        self.sitting: set[tuple[int, int, int]] = set()
        self.locked: set[tuple[int, int, int]] = set()
        for row in with_attempts(Candidacy.objects.filter(person__in=people, quiz__module__in=modules, closed_at=None)):
            key = (row.person_id, row.quiz.module_id, row.clinic_id)
            if row.used:  # type: ignore[attr-defined]
                self.sitting.add(key)
            if is_locked(row):
                self.locked.add(key)
        self.waiting: set[tuple[int, int, int]] = set(
            passes_awaiting_adoption()
            .filter(candidacy__person__in=people, module_version__module__in=modules)
            .values_list("candidacy__person", "module_version__module", "candidacy__clinic")
        )


def _proofs(people: Any, modules: list[int]) -> dict[Pair, list[tuple[Certificate, standing.Proof]]]:
    rows = (
        Certificate.objects.filter(
            kind=Certificate.Kind.KNOWLEDGE, person__in=people, candidacy__quiz__module__in=modules
        )
        .select_related("candidacy__quiz")
        .defer("facts", "scope")
        .prefetch_related("events", "superseded_by")
        .order_by("issued_at", "pk")
    )
    proofs: dict[Pair, list[tuple[Certificate, standing.Proof]]] = defaultdict(list)
    for row in rows:
        if row.candidacy is None:
            continue
        proof = standing.Proof(state_of(row), row.valid_until_on, changed_on(row), row.number)
        proofs[row.person_id, row.candidacy.quiz.module_id].append((row, proof))
    return proofs


def changed_on(certificate: Certificate) -> date | None:
    """The day of the last suspension or revocation, in the certificate's zone; uses the events fetched with it."""
    kinds = (CertificateEvent.Kind.SUSPENDED, CertificateEvent.Kind.REVOKED)
    at = max((event.effective_at for event in certificate.events.all() if event.kind in kinds), default=None)
    return at.astimezone(ZoneInfo(certificate.zone)).date() if at else None
