"""Who is current: every member of some clinics against every module of the programmes, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse

from certificates.models import Certificate
from compliance import bloodborne, standing
from compliance.gathering import Gathered, changed_on
from compliance.models import Incident, Leave, Waiver
from compliance.requirements import Ask, Demands, Required, last_day, published_later, required, signed_by
from staff import clock
from staff.access import LEARNING_ROLES
from staff.models import Clinic, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import STATES
from training.models import ModuleVersion, ModuleVersionSection, Programme
from training.queries import live_versions

__all__ = [
    "Board",
    "Cell",
    "Column",
    "Row",
    "board_for",
    "board_of",
    "board_of_people",
    "changed_on",
    "programme_columns",
]

MODULE, PROGRAMME, SESSION = "module", "programme", "session"


@dataclass(frozen=True)
class Column:
    """What can be asked: a published module of a programme, or (by `kind`) something else that has a title of its own."""

    kind: str
    slug: str
    title: str
    published_at: datetime | None = None
    module_version: ModuleVersion | None = None
    programme: Programme | None = None
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

    `asks` are the rules that ask for it, the one whose day comes first in front; `waiver` is the one in force, and
    `incident` what is asked after one and was not met yet: nothing while it is waived.
    """

    column: Column
    membership: Membership
    standing: standing.Standing
    certificate: Certificate | None
    linked: bool
    asks: tuple[Ask, ...] = ()
    waiver: Waiver | None = None
    on: date | None = None
    incident: Incident | None = None

    @cached_property
    def url(self) -> str:
        """The certificate where the viewer may open it, else the person."""
        if self.certificate and self.linked:
            return self.certificate.get_absolute_url()
        return reverse("compliance:person-detail", args=[self.membership.person.public_id])

    @cached_property
    def page(self) -> str:
        """Where its reasons and the next action stand."""
        args = [self.membership.person.public_id, self.membership.clinic.public_id, self.column.slug]
        then = f"?on={self.on.isoformat()}" if self.on else ""
        return f"{reverse('compliance:cell', args=args)}{then}"

    @property
    def required(self) -> bool:
        """Asked for by a rule, waived or not, or after an incident."""
        return bool(self.asks) or self.incident is not None

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
        """Of what is asked or held; a programme that nobody asks of her is no state of hers."""
        return frozenset(
            cell.standing.state
            for cell in self.cells
            if cell.column.kind == MODULE or cell.standing.state != "not-required"
        )

    @property
    def certified(self) -> bool:
        return any(cell.certificate for cell in self.cells)

    @property
    def in_order(self) -> int:
        return sum(cell.standing.in_order for cell in self.cells)

    @property
    def urgency(self) -> tuple[int, int, str, int]:
        most = min((standing.alarm(state) for state in self.states), default=len(standing.STATES))
        return standing.WORD_ORDER[self.word], most, self.person.full_name.casefold(), self.membership.pk


@dataclass(frozen=True)
class Board:
    """`rows` are open memberships, the most urgent first. Somebody who works in two of the clinics has two.

    `on` is the day as of which it stands, None for now.
    """

    programmes: tuple[Programme, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    on: date | None = None

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
        """People who have the state in at least one column."""
        people: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            for state in row.states:
                people[state].add(row.person.pk)
        return {state: len(people[state]) for state in standing.STATES if people[state]}

    def counted_away(self, rows: Sequence[Row]) -> int:
        """People on leave."""
        return len({row.person.pk for row in rows if row.leave})


def programme_columns(at: datetime | None = None) -> tuple[tuple[Programme, ...], tuple[Column, ...]]:
    """The programmes, and the published modules they ask for in the course's order; with `at` as published by then."""
    programmes = tuple(Programme.objects.order_by("position", "pk"))
    asked = {slug for programme in programmes for slug in programme.slugs}
    versions = [version for version in live_versions(at) if version.module.slug in asked]
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
            sections=sums.get(version.pk, none)["n"],
            minutes=sums.get(version.pk, none)["minutes"],
        )
        for version in versions
    )


def board_of_people(clinics: Sequence[Clinic], people: Sequence[int]) -> Board:
    """The rows of these people in these clinics, now: what it costs grows with them and not with the clinics."""
    seen = {clinic.pk for clinic in clinics}
    return _board(Membership.objects.filter(clinic__in=seen, person__in=people), seen, clock.now(), None)


def board_of(clinics: Sequence[Clinic], person: StaffMember | None = None, on: date | None = None) -> Board:
    """Everybody who works in these clinics, or one of them: now, or at the end of a day that has passed, by what was on
    record then. A day ends at midnight in the clinic's own zone."""
    seen = {clinic.pk for clinic in clinics}
    if on is None:
        return _board(_members(list(seen), person), seen, clock.now(), None)
    boards = [
        _board(_members(group, person), seen, end_of(on, zone), on) for zone, group in sorted(_by_zone(clinics).items())
    ]
    if not boards:
        return _board(Membership.objects.none(), seen, clock.now(), on)
    columns = tuple({column.slug: column for board in boards for column in board.columns}.values())
    rows = [_widened(row, columns) for board in boards for row in board.rows]
    return Board(boards[0].programmes, columns, tuple(sorted(rows, key=lambda row: row.urgency)), on)


def board_for(person: StaffMember) -> Board:
    """The person's own rows; her certificates are hers to open, whichever clinic issued them."""
    return _board(Membership.objects.filter(person=person), None, clock.now(), None)


def end_of(day: date, zone: str) -> datetime:
    """The last instant of the day there; now, if the day is not over."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone))
    return min(midnight - timedelta(microseconds=1), clock.now())


def _by_zone(clinics: Sequence[Clinic]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for clinic in clinics:
        found[clinic.zone].append(clinic.pk)
    return found


def _members(clinics: Sequence[int], person: StaffMember | None) -> "QuerySet[Membership]":
    members: QuerySet[Membership] = Membership.objects.filter(clinic__in=clinics)
    return members.filter(person=person) if person else members


def _widened(row: Row, columns: Sequence[Column]) -> Row:
    """With a cell for each column; of what her clinic's day did not know yet, nothing was required."""
    known = {cell.column.slug: cell for cell in row.cells}
    if len(known) == len(columns):
        return row
    none = standing.decide(standing.Facts(required=False, hired_on=row.membership.hired_on), row.membership.hired_on)
    cells = [
        known.get(column.slug)
        or Cell(column, row.membership, none, None, False, on=row.cells[0].on if row.cells else None)
        for column in columns
    ]
    return replace(row, cells=tuple(cells))


def _board(members: "QuerySet[Membership]", opens: set[int] | None, at: datetime, on: date | None) -> Board:
    """`opens`: the clinics whose certificates the viewer may open; None for all. `on` where it is a day that has passed."""
    programmes, columns = programme_columns(at)
    there = members.filter(Q(ended_at=None) | Q(ended_at__gt=at), began_at__lte=at)
    people = there.values("person")
    gathered = Gathered(people, [column.version for column in columns], at, past=on is not None)
    demands = Demands(people, there.values("clinic"), programmes, at)
    sessions = Sessions(people, there.values("clinic"), at)
    columns += _signed_columns(programmes, gathered, demands) + sessions.columns
    maker = _Maker(columns, gathered, demands, sessions, _roles(there, at), at, opens, on)
    clinics = {clinic.pk: clinic for clinic in Clinic.objects.filter(pk__in=there.values("clinic"))}
    rows = []
    for one in there.select_related("person"):
        one.clinic = clinics[one.clinic_id]  # one object for all, so that its zone and opening are worked out once
        rows.append(maker.row(one))
    return Board(programmes, columns, tuple(sorted(rows, key=lambda row: row.urgency)), on)


def _roles(members: "QuerySet[Membership]", at: datetime) -> dict[int, tuple[str, ...]]:
    """The roles that each of these memberships had, in the order of their names."""
    rows = MembershipRole.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=at), membership__in=members, granted_at__lte=at
    )
    found: dict[int, tuple[str, ...]] = {}
    for membership, role in rows.order_by("role").values_list("membership", "role"):
        found[membership] = (*found.get(membership, ()), role)
    return found


def _signed_columns(programmes: Sequence[Programme], gathered: Gathered, demands: Demands) -> tuple[Column, ...]:
    """A column for each programme certificate that somebody holds or held, or that a rule asks for."""
    held = {programme for _, programme, _ in gathered.signed} | demands.signed_programmes
    shown = [programme for programme in programmes if programme.pk in held]
    return tuple(
        Column(
            PROGRAMME,
            f"programme-{programme.slug}",
            "Programme certificate" if len(shown) == 1 else f"Programme certificate, {programme.title}",
            programme=programme,
        )
        for programme in shown
    )


class Sessions:
    """The yearly sessions on site: a column as soon as one of the clinics has named its trainer."""

    def __init__(self, people: Any, clinics: Any, at: datetime) -> None:
        self.began = bloodborne.began_on(clinics, at)
        self.held = bloodborne.last_sessions(people, at) if self.began else {}
        self.columns = (Column(SESSION, bloodborne.SLUG, bloodborne.TITLE),) if self.began else ()


class _Maker:
    """Makes rows of what was gathered. What is the same for everybody of a clinic, or of a role hired on one day, is worked
    out once."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        gathered: Gathered,
        demands: Demands,
        sessions: Sessions,
        roles: dict[int, tuple[str, ...]],
        at: datetime,
        opens: set[int] | None,
        on: date | None,
    ) -> None:
        self.columns, self.gathered, self.demands, self.roles = columns, gathered, demands, roles
        self.sessions, self.at, self.opens, self.on = sessions, at, opens, on
        self._days: dict[int, date] = {}
        self._published: dict[tuple[int, str], date | None] = {}
        self._required: dict[tuple[int, tuple[str, ...], date], tuple[list[Ask], list[Required | None]]] = {}

    def row(self, membership: Membership) -> Row:
        today = self._day(membership.clinic)
        roles = self.roles.get(membership.pk, ())
        asks, required_ = self._asked(membership, roles, today)
        leave = self.demands.leave(membership, today)
        return Row(
            membership,
            roles,
            tuple(
                self._session(membership, roles, column, today)
                if column.kind == SESSION
                else self._module(membership, asked, column, today)
                if column.kind == MODULE
                else self._programme(membership, asked, column, today)
                for column, asked in zip(self.columns, required_, strict=True)
            ),
            tuple({ask.programme.pk: ask.programme for ask in asks if ask.programme}.values()),
            leave,
            last_day(leave, self.at) if leave else None,
            self.demands.back_on(membership, today),
        )

    def _day(self, clinic: Clinic) -> date:
        if clinic.pk not in self._days:
            self._days[clinic.pk] = self.at.astimezone(ZoneInfo(clinic.zone)).date()
        return self._days[clinic.pk]

    def _later(self, clinic: Clinic, column: Column) -> date | None:
        key = (clinic.pk, column.slug)
        if key not in self._published:
            at = column.published_at
            self._published[key] = published_later(clinic, at) if at else None
        return self._published[key]

    def _asked(
        self, membership: Membership, roles: tuple[str, ...], today: date
    ) -> tuple[list[Ask], list[Required | None]]:
        """The rules that ask something of her, and what each column is to her."""
        since = self.demands.since(membership)
        alone = bool(since) or self.demands.asks_by_hand(membership)
        key = (membership.clinic_id, roles, membership.hired_on)
        if alone or key not in self._required:
            asks = self.demands.asks(membership, roles, today)
            found = [self._one(membership, since, asks, column) for column in self.columns]
            if alone:
                return asks, found
            self._required[key] = asks, found
        return self._required[key]

    def _one(self, membership: Membership, since: dict[str, date], asks: list[Ask], column: Column) -> Required | None:
        if column.programme:
            return signed_by(membership, since, asks, column.programme)
        return required(membership, since, asks, column.slug, self._later(membership.clinic, column))

    def _module(self, membership: Membership, asked: Required | None, column: Column, today: date) -> Cell:
        waiver = self.demands.waiver(membership, column.module_id, today)
        incident = None if waiver else self.demands.incident(membership, column.module_id, today)
        waiver = waiver if asked else None
        pair = (membership.person_id, column.module_id)
        where = (*pair, membership.clinic_id)
        proofs = self.gathered.proofs.get(pair, ())
        facts = standing.Facts(
            required=asked is not None or incident is not None,
            hired_on=membership.hired_on,
            proofs=[proof for _, proof in proofs],
            sections=column.sections,
            read=self.gathered.read.get(pair, 0),
            started=(pair in self.gathered.opened and not incident) or where in self.gathered.sitting,
            locked=where in self.gathered.locked,
            awaiting_adoption=where in self.gathered.waiting,
            due_on=asked.due_on if asked else None,
            waived_until=last_day(waiver, self.at) if waiver else None,
            credit=self.gathered.credits.get(where),
            again_by=incident.due_on if incident else None,
        )
        return self._cell(membership, column, facts, proofs, asked, waiver, today, incident)

    def _session(self, membership: Membership, roles: Sequence[str], column: Column, today: date) -> Cell:
        """Asked of whoever may come to blood, once her clinic records here."""
        began = self.sessions.began.get(membership.clinic_id)
        held = self.sessions.held.get((membership.person_id, membership.clinic_id))
        decided = standing.decide_session(
            required=began is not None and bool(set(roles) & set(LEARNING_ROLES)),
            due=bloodborne.due_on(membership.hired_on, began or today),
            until=bloodborne.valid_until(held) if held else None,
            today=today,
        )
        return Cell(column, membership, decided, None, False, on=self.on)

    def _programme(self, membership: Membership, asked: Required | None, column: Column, today: date) -> Cell:
        assert column.programme is not None
        proofs = self.gathered.signed.get((membership.person_id, column.programme.pk, membership.clinic_id), ())
        facts = standing.Facts(
            required=asked is not None,
            hired_on=membership.hired_on,
            proofs=[proof for _, proof in proofs],
            due_on=asked.due_on if asked else None,
            exact=True,
        )
        return self._cell(membership, column, facts, proofs, asked, None, today)

    def _cell(
        self,
        membership: Membership,
        column: Column,
        facts: standing.Facts,
        proofs: Sequence[tuple[Certificate, standing.Proof]],
        asked: Required | None,
        waiver: Waiver | None,
        today: date,
        incident: Incident | None = None,
    ) -> Cell:
        decided = standing.decide(facts, today)
        certificate = next((row for row, proof in proofs if proof is decided.proof), None)
        linked = certificate is not None and (self.opens is None or certificate.clinic_id in self.opens)
        asks = asked.asks if asked else ()
        return Cell(column, membership, decided, certificate, linked, asks, waiver, self.on, incident)
