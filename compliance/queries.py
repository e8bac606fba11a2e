"""Who is current: every member of some clinics against every module of the programmes, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.urls import reverse

from certificates.models import Certificate
from compliance import bloodborne, standing
from compliance.gathering import MOST_NAMED, Gathered, Held, changed_on
from compliance.models import Incident, Leave, Waiver
from compliance.requirements.asking import (
    Ask,
    Demands,
    Member,
    Required,
    last_day,
    published_later,
    required,
    signed_by,
)
from staff import clock
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
# What is shown of a certificate.
SHOWN = (
    *("number", "kind", "title", "person", "clinic", "candidacy", "attempt", "passed_on"),
    *("valid_from_on", "valid_until_on", "zone", "renewal_days", "issued_at"),
)


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


class Outline(NamedTuple):
    """The same for everybody in one situation. `states` are those of what is asked or held; a programme that nobody asks of
    her is no state of hers."""

    word: str
    states: frozenset[str]


class Row:
    """One member. Word and states are there at once; `membership` and `cells` are fetched for the rows that `Board.fetch` was
    given or, at the first look at any other, for all.

    `programmes` are those that a rule asks of her as a whole; `leave` the one she is on, through `away_until`; `back_on` the
    day on which she came back in the last weeks.
    """

    def __init__(self, maker: "_Maker", member: Member, outline: Outline) -> None:
        self.maker, self.member = maker, member
        self.word, self.states = outline

    @property
    def membership(self) -> Membership:
        return self.maker.membership(self.member.pk)

    @property
    def person(self) -> StaffMember:
        return self.membership.person

    @property
    def person_id(self) -> int:
        return self.member.person_id

    @property
    def clinic(self) -> Clinic:
        return self.member.clinic

    @property
    def roles(self) -> tuple[str, ...]:
        return self.maker.roles.get(self.member.pk, ())

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        return self.maker.cells(self.member)

    def widen(self, columns: Sequence[Column]) -> None:
        """Have a cell for each column; of what her clinic's day did not know yet, nothing was required."""
        self.maker.shown = tuple(columns)
        if {column.slug for column in columns if column.kind == MODULE} > {c.slug for c in self.maker.columns}:
            self.states |= {"not-required"}

    @property
    def modules(self) -> tuple[Cell, ...]:
        """The cells of the course's modules."""
        return tuple(cell for cell in self.cells if cell.column.kind == MODULE)

    @property
    def programmes(self) -> tuple[Programme, ...]:
        return self.maker.programmes(self.member)

    @property
    def leave(self) -> Leave | None:
        return self.maker.leave(self.member)

    @property
    def away_until(self) -> date | None:
        return last_day(self.leave, self.maker.at) if self.leave else None

    @property
    def back_on(self) -> date | None:
        return self.maker.back_on(self.member)

    @property
    def certificates(self) -> list[int]:
        """The ids of those that count."""
        return self.maker.certificates(self.member)

    @property
    def certified(self) -> bool:
        return bool(self.certificates)

    @property
    def in_order(self) -> int:
        return sum(cell.standing.in_order for cell in self.cells)

    @property
    def urgency(self) -> tuple[int, int, str, int]:
        most = min((standing.alarm(state) for state in self.states), default=len(standing.STATES))
        return standing.WORD_ORDER[self.word], most, self.member.full_name.casefold(), self.member.pk


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

    def fetch(self, rows: Sequence[Row]) -> None:
        """What these rows show, in a fixed number of statements."""
        for maker in {row.maker for row in self.rows}:
            maker.fetch([row.member for row in rows if row.maker is maker])

    def counted(self, rows: Sequence[Row] | None = None) -> dict[str, int]:
        """People by word; of somebody with two rows the more alarming one counts."""
        words: dict[int, str] = {}
        for row in self.rows if rows is None else rows:
            words[row.person_id] = standing.worst_word([row.word, words.get(row.person_id, "not-required")])
        counts = dict.fromkeys(standing.WORDS, 0)
        for word in words.values():
            counts[word] += 1
        return counts

    def counted_states(self, rows: Sequence[Row]) -> dict[str, int]:
        """People who have the state in at least one column."""
        people: dict[str, set[int]] = defaultdict(set)
        for row in rows:
            for state in row.states:
                people[state].add(row.person_id)
        return {state: len(people[state]) for state in standing.STATES if people[state]}

    def counted_away(self, rows: Sequence[Row]) -> int:
        """People on leave."""
        return len({row.person_id for row in rows if row.leave})


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
    rows = [row for board in boards for row in board.rows]
    for row in rows:
        row.widen(columns)
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


def _board(members: "QuerySet[Membership]", opens: set[int] | None, at: datetime, on: date | None) -> Board:
    """`opens`: the clinics whose certificates the viewer may open; None for all. `on` where it is a day that has passed."""
    programmes, columns = programme_columns(at)
    there = members.filter(Q(ended_at=None) | Q(ended_at__gt=at), began_at__lte=at)
    people, clinics = there.values("person"), there.values("clinic")
    gathered = Gathered(people, [column.version for column in columns], at, past=on is not None)
    demands = Demands(people, clinics, programmes, at)
    sessions = Sessions(people, clinics, at, asked=demands.ask_for_sessions)
    columns += _signed_columns(programmes, gathered, demands) + sessions.columns
    maker = _Maker(there, columns, gathered, demands, sessions, at, opens, on)
    rows = sorted(maker.rows(), key=lambda row: row.urgency)
    return Board(programmes, columns, tuple(rows), on)


def _members_there(there: "QuerySet[Membership]") -> list[Member]:
    clinics = {clinic.pk: clinic for clinic in Clinic.objects.filter(pk__in=there.values("clinic"))}
    rows = there.order_by().values_list(
        "pk", "person", "clinic", "hired_on", "job_title", "person__full_name", "person__latin_name", "person__email"
    )
    return [Member(*row, clinics[row[2]]) for row in rows]


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
    """The yearly sessions on site: a column as soon as one of the clinics has named its trainer, or a rule asks for it."""

    def __init__(self, people: Any, clinics: Any, at: datetime, *, asked: bool) -> None:
        self.began = bloodborne.began_on(clinics, at)
        shown = bool(self.began) or asked
        self.held = bloodborne.last_sessions(people, at) if shown else {}
        self.columns = (Column(SESSION, bloodborne.SLUG, bloodborne.TITLE),) if shown else ()


class Found(NamedTuple):
    """How somebody stands in a column, and what says so: the certificate that counts, the rules that ask, the waiver."""

    column: Column
    standing: standing.Standing
    held: Held | None = None
    asks: tuple[Ask, ...] = ()
    waiver: Waiver | None = None
    incident: Incident | None = None


class _Maker:
    """Makes rows of what was gathered. What is the same for everybody of a clinic, of a role hired on one day or in one
    situation is worked out once."""

    def __init__(
        self,
        there: "QuerySet[Membership]",
        columns: tuple[Column, ...],
        gathered: Gathered,
        demands: Demands,
        sessions: Sessions,
        at: datetime,
        opens: set[int] | None,
        on: date | None,
    ) -> None:
        self.there, self.columns, self.shown = there, columns, columns
        self.gathered, self.demands, self.sessions = gathered, demands, sessions
        self.at, self.opens, self.on = at, opens, on
        self._modules = [column.module_id for column in columns if column.kind == MODULE]
        self._programmes = [column.programme.pk for column in columns if column.programme]
        self._signed_asked = demands.signed_programmes
        self.roles = _roles(there, at)
        self.members = _members_there(there)
        self._days: dict[int, date] = {}
        self._published: dict[tuple[int, str], date | None] = {}
        self._required: dict[tuple[int, tuple[str, ...], date], tuple[list[Ask], list[Required | None]]] = {}
        self._near: dict[tuple[int, tuple[str, ...], date], tuple[str, ...]] = {}
        self._memberships: dict[int, Membership] = {}
        self._certificates: dict[int, Certificate] = {}

    def rows(self) -> list[Row]:
        """Of everybody there."""
        alone = self._alone = self.demands.alone | self.gathered.alone
        self._whole = {person: held for person, held in self._standing() if held and person not in alone}
        lacking = {member.person_id for member in self.members}.difference(self._whole)
        self.gathered.fetch_reading(lacking)
        outlines: dict[tuple[object, ...], Outline] = {}
        rows = []
        for member in self.members:
            situation = (member.pk,) if member.person_id in alone else self._situation(member)
            if situation not in outlines:
                outlines[situation] = self._outline(member)
            rows.append(Row(self, member, outlines[situation]))
        return rows

    def _standing(self) -> Iterator[tuple[int, tuple[Held, ...]]]:
        """Each person with her certificate of each module, where each has one that stands and no other that counts."""
        held = self.gathered.held
        for person in {member.person_id for member in self.members}:
            found: list[Held] = []
            for module in self._modules:
                counting = [one for one in held.get((person, module), ()) if one.state in standing.COUNTING]
                if len(counting) != 1 or counting[0].state not in standing.STANDS:
                    break
                found += counting
            else:
                yield person, tuple(found)

    def _situation(self, member: Member) -> tuple[object, ...]:
        """Who are in the same one have the same word and states. How near a due day is says something only where something
        is asked for that does not stand."""
        person, clinic, gathered = member.person_id, member.clinic_id, self.gathered
        whole = self._whole.get(person)
        dated = whole is None
        parts: list[object] = [clinic, self.roles.get(member.pk, ())]
        if whole:
            parts += [held.state for held in whole]
        else:
            for module in self._modules:
                pair = (person, module)
                parts += (_counting(gathered.held.get(pair, ())), pair in gathered.read or pair in gathered.opened)
        for programme in self._programmes:
            signed = _counting(gathered.signed.get((person, programme, clinic), ()))
            parts.append(signed)
            dated = dated or (not signed and programme in self._signed_asked)
        if self.sessions.columns:
            session = self.sessions.held.get((person, clinic))
            parts.append(session)
            dated = dated or session is None
        return (*parts, self._nearness(member)) if dated else tuple(parts)

    def _nearness(self, member: Member) -> tuple[str, ...]:
        """How near the due day of each column is, and of her session on site."""
        key = (member.clinic_id, self.roles.get(member.pk, ()), member.hired_on)
        if key not in self._near:
            today, hired_on = self._day(member.clinic), member.hired_on
            _, required_ = self._asked(member, today)
            due = [asked.due_on if asked else standing.due_on(hired_on) for asked in required_]
            due.append(bloodborne.due_on(hired_on, self.sessions.began.get(member.clinic_id, today)))
            self._near[key] = tuple(standing.nearness(day, hired_on, today) for day in due)
        return self._near[key]

    def _outline(self, member: Member) -> Outline:
        found = self._found(member)
        return Outline(
            standing.worst_word(one.standing.word for one in found),
            frozenset(
                one.standing.state for one in found if one.column.kind == MODULE or one.standing.state != "not-required"
            ),
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

    def _asked(self, member: Member, today: date) -> tuple[list[Ask], list[Required | None]]:
        """The rules that ask something of her, and what each column is to her."""
        roles = self.roles.get(member.pk, ())
        since = self.demands.since(member)
        alone = bool(since) or self.demands.asks_by_hand(member)
        key = (member.clinic_id, roles, member.hired_on)
        if alone or key not in self._required:
            asks = self.demands.asks(member, roles, today)
            found = [self._one(member, since, asks, column) for column in self.columns]
            if alone:
                return asks, found
            self._required[key] = asks, found
        return self._required[key]

    def _one(self, member: Member, since: dict[str, date], asks: list[Ask], column: Column) -> Required | None:
        if column.programme:
            return signed_by(member, since, asks, column.programme)
        return required(member, since, asks, column.slug, self._later(member.clinic, column))

    def _found(self, member: Member) -> list[Found]:
        """How she stands in each column."""
        today = self._day(member.clinic)
        _, required_ = self._asked(member, today)
        return [
            self._session(member, asked, column, today)
            if column.kind == SESSION
            else self._module(member, asked, column, today)
            if column.kind == MODULE
            else self._programme(member, asked, column, today)
            for column, asked in zip(self.columns, required_, strict=True)
        ]

    def _module(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        waiver = self.demands.waiver(member, column.module_id, today)
        incident = None if waiver else self.demands.incident(member, column.module_id, today)
        waiver = waiver if asked else None
        pair = (member.person_id, column.module_id)
        where = (*pair, member.clinic_id)
        held = self.gathered.held.get(pair, ())
        facts = standing.Facts(
            required=asked is not None or incident is not None,
            hired_on=member.hired_on,
            proofs=[self.gathered.proof(one) for one in held],
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
        return self._decided(column, facts, held, asked, waiver, today, incident)

    def _session(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        """Asked of whoever may come to blood, once her clinic records here, and of whom a rule asks it besides."""
        held = self.sessions.held.get((member.person_id, member.clinic_id))
        began = self.sessions.began.get(member.clinic_id)
        due = bloodborne.asked_by(member, self.roles.get(member.pk, ()), began, asked)
        waiver = self.demands.waiver(member, None, today) if due else None
        decided = standing.decide_session(
            required=due is not None,
            due=due or member.hired_on,
            until=bloodborne.valid_until(held) if held else None,
            today=today,
            waived_until=last_day(waiver, self.at) if waiver else None,
        )
        return Found(column, decided, None, asked.asks if asked else (), waiver)

    def _programme(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        assert column.programme is not None
        held = self.gathered.signed.get((member.person_id, column.programme.pk, member.clinic_id), ())
        facts = standing.Facts(
            required=asked is not None,
            hired_on=member.hired_on,
            proofs=[self.gathered.proof(one) for one in held],
            due_on=asked.due_on if asked else None,
            exact=True,
        )
        return self._decided(column, facts, held, asked, None, today)

    def _decided(
        self,
        column: Column,
        facts: standing.Facts,
        held: Sequence[Held],
        asked: Required | None,
        waiver: Waiver | None,
        today: date,
        incident: Incident | None = None,
    ) -> Found:
        decided = standing.decide(facts, today)
        counts = next((one for one, proof in zip(held, facts.proofs, strict=True) if proof is decided.proof), None)
        return Found(column, decided, counts, asked.asks if asked else (), waiver, incident)

    def cells(self, member: Member) -> tuple[Cell, ...]:
        membership = self.membership(member.pk)
        found = {one.column.slug: self._cell(membership, one) for one in self._found(member)}
        none = standing.decide(standing.Facts(required=False, hired_on=member.hired_on), member.hired_on)
        return tuple(
            found.get(column.slug) or Cell(column, membership, none, None, False, on=self.on) for column in self.shown
        )

    def _cell(self, membership: Membership, found: Found) -> Cell:
        certificate = self._certificates[found.held.pk] if found.held else None
        linked = certificate is not None and (self.opens is None or certificate.clinic_id in self.opens)
        return Cell(
            found.column,
            membership,
            found.standing,
            certificate,
            linked,
            found.asks,
            found.waiver,
            self.on,
            found.incident,
        )

    def certificates(self, member: Member) -> list[int]:
        person, gathered = member.person_id, self.gathered
        if person in self._alone:
            return [found.held.pk for found in self._found(member) if found.held]
        held = (gathered.held.get((person, module), ()) for module in self._modules)
        signed = (gathered.signed.get((person, programme, member.clinic_id), ()) for programme in self._programmes)
        return [pk for some in (*held, *signed) for pk in self._deciding(some)]

    def _deciding(self, held: Sequence[Held]) -> list[int]:
        counting = [one for one in held if one.state in standing.COUNTING]
        if len(counting) > 1:
            last = standing.counting([self.gathered.proof(one) for one in counting])
            counting = [one for one in counting if last and one.number == last.number]
        return [one.pk for one in counting]

    def programmes(self, member: Member) -> tuple[Programme, ...]:
        asks, _ = self._asked(member, self._day(member.clinic))
        return tuple({ask.programme.pk: ask.programme for ask in asks if ask.programme}.values())

    def leave(self, member: Member) -> Leave | None:
        return self.demands.leave(member, self._day(member.clinic))

    def back_on(self, member: Member) -> date | None:
        return self.demands.back_on(member, self._day(member.clinic))

    def membership(self, pk: int) -> Membership:
        if pk not in self._memberships:
            self.fetch(self.members)
        return self._memberships[pk]

    def fetch(self, members: Sequence[Member]) -> None:
        """The memberships of these, and the certificates that count for them."""
        clinics = {member.clinic_id: member.clinic for member in members}
        for row in _by_ids(Membership.objects.select_related("person"), [member.pk for member in members]):
            row.clinic = clinics[row.clinic_id]
            self._memberships[row.pk] = row
        held = [found.held.pk for member in members for found in self._found(member) if found.held]
        for certificate in _by_ids(Certificate.objects.only(*SHOWN), held):
            self._certificates[certificate.pk] = certificate


def _counting(held: Sequence[Held]) -> tuple[tuple[str, str], ...]:
    return tuple((one.state, one.valid_until_on) for one in held if one.state in standing.COUNTING)


def _by_ids(rows: "QuerySet[Any]", ids: Sequence[int]) -> Iterator[Any]:
    """Asks once also for none, so that a page costs the same for nobody."""
    ids = ids or [0]
    for start in range(0, len(ids), MOST_NAMED):
        yield from rows.filter(pk__in=ids[start : start + MOST_NAMED])
