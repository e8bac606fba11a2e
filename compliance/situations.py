"""The rows of the matrix: who are in one situation share an outline, and cells are worked out for the rows that are shown."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import QuerySet

from certificates import validity
from certificates.models import Certificate
from compliance import bloodborne, standing
from compliance.cells import MODULE, Cell, Column
from compliance.deciding import Deciding, Found
from compliance.gathering import MOST_NAMED, Held
from compliance.models import Leave
from compliance.requirements.asking import Member, last_day
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from training.models import Programme

# What is shown of a certificate.
SHOWN = (
    *("number", "kind", "title", "person", "clinic", "candidacy", "attempt", "passed_on"),
    *("valid_from_on", "valid_until_on", "zone", "renewal_days", "issued_at"),
)


class Outline(NamedTuple):
    """The same for everybody in one situation. `states` are those of what is asked or held; a programme that nobody asks of
    her is no state of hers. `asked`: how many modules are asked of her and not waived; `proven`: how many of those a
    certificate in force proves."""

    word: str
    states: frozenset[str]
    asked: int
    proven: int


class Row:
    """One member. Word, states and how many modules are asked and proven are there at once; `membership` and `cells` are
    fetched for the rows that `Board.fetch` was given or, at the first look at any other, for all.

    `programmes` are those that a rule asks of her as a whole; `leave` the one she is on, through `away_until`; `back_on` the
    day on which she came back in the last weeks.
    """

    def __init__(self, maker: "Maker", member: Member, outline: Outline) -> None:
        self.maker, self.member = maker, member
        self.word, self.states, self.asked, self.proven = outline

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

    @property
    def found(self) -> list[Found]:
        """How she stands in each column, without what a cell shows."""
        return self.maker.deciding.found(self.member)

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


class Maker:
    """Makes the rows of these members. What is the same for everybody in one situation is worked out once.

    `opens`: the clinics whose certificates the viewer may open; None for all. `on` where it is a day that has passed.
    """

    def __init__(
        self,
        members: Sequence[Member],
        deciding: Deciding,
        opens: set[int] | None,
        on: date | None,
    ) -> None:
        self.members, self.deciding, self.opens, self.on = members, deciding, opens, on
        self.columns = self.shown = deciding.columns
        self.gathered, self.demands, self.sessions = deciding.gathered, deciding.demands, deciding.sessions
        self.roles, self.at = deciding.roles, deciding.at
        self._modules = [column.module_id for column in self.columns if column.kind == MODULE]
        self._programmes = [column.programme.pk for column in self.columns if column.programme]
        self._signed_asked = self.demands.signed_programmes
        self._near: dict[tuple[int, tuple[str, ...], date], tuple[str, ...]] = {}
        self._horizons: dict[int, date] = {}
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

    def proven(self) -> tuple[int, int]:
        """How many modules a certificate in force proves, of those that are asked of everybody there and not waived. It follows
        from less than a row's words: reading and how near a day is decide nothing."""
        alone = self.demands.alone | self.gathered.alone
        outlines: dict[tuple[object, ...], Outline] = {}
        proven = asked = 0
        for member in self.members:
            held = (self.gathered.held.get((member.person_id, module), ()) for module in self._modules)
            situation: tuple[object, ...] = (member.pk,)
            if member.person_id not in alone:
                situation = (member.clinic_id, self.roles.get(member.pk, ()), *map(_counting, held))
            if situation not in outlines:
                outlines[situation] = self._outline(member)
            proven += outlines[situation].proven
            asked += outlines[situation].asked
        return proven, asked

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
        """How near the due day of each column is, and of her session on site. The same for all who were hired so long ago that
        no number of days from then on reaches today."""
        today, hired_on = self.deciding.day(member.clinic), member.hired_on
        key = (member.clinic_id, self.roles.get(member.pk, ()), max(hired_on, self._long_ago(member.clinic_id, today)))
        if key not in self._near:
            _, required_ = self.deciding.asked(member, today)
            due = [asked.due_on if asked else standing.due_on(hired_on) for asked in required_]
            due.append(bloodborne.due_on(hired_on, self.sessions.began.get(member.clinic_id, today)))
            self._near[key] = tuple(standing.nearness(day, hired_on, today) for day in due)
        return self._near[key]

    def _long_ago(self, clinic: int, today: date) -> date:
        if clinic not in self._horizons:
            most = max([standing.DUE_DAYS, *(ask.days for ask in self.demands.of_clinic(clinic, today))])
            self._horizons[clinic] = today - timedelta(days=most + 1)
        return self._horizons[clinic]

    def _outline(self, member: Member) -> Outline:
        found = self.deciding.found(member)
        asked = [one for one in found if one.column.kind == MODULE and one.required and one.waiver is None]
        return Outline(
            standing.worst_word(one.standing.word for one in found),
            frozenset(
                one.standing.state for one in found if one.column.kind == MODULE or one.standing.state != "not-required"
            ),
            len(asked),
            sum(one.standing.state in validity.IN_FORCE for one in asked),
        )

    def cells(self, member: Member) -> tuple[Cell, ...]:
        membership = self.membership(member.pk)
        found = {one.column.slug: self._cell(membership, one) for one in self.deciding.found(member)}
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
            return [found.held.pk for found in self.deciding.found(member) if found.held]
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
        asks, _ = self.deciding.asked(member, self.deciding.day(member.clinic))
        return tuple({ask.programme.pk: ask.programme for ask in asks if ask.programme}.values())

    def leave(self, member: Member) -> Leave | None:
        return self.demands.leave(member, self.deciding.day(member.clinic))

    def back_on(self, member: Member) -> date | None:
        return self.demands.back_on(member, self.deciding.day(member.clinic))

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
        held = [found.held.pk for member in members for found in self.deciding.found(member) if found.held]
        for certificate in _by_ids(Certificate.objects.only(*SHOWN), held):
            self._certificates[certificate.pk] = certificate


def _counting(held: Sequence[Held]) -> tuple[tuple[str, str], ...]:
    return tuple((one.state, one.valid_until_on) for one in held if one.state in standing.COUNTING)


def _by_ids(rows: "QuerySet[Any]", ids: Sequence[int]) -> Iterator[Any]:
    """Asks once also for none, so that a page costs the same for nobody."""
    ids = ids or [0]
    for start in range(0, len(ids), MOST_NAMED):
        yield from rows.filter(pk__in=ids[start : start + MOST_NAMED])
