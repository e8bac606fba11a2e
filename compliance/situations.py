"""The rows of the matrix: who are in one situation share an outline, and cells are worked out for the rows that are shown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any, NamedTuple, overload

from django.db.models import QuerySet

from certificates import validity
from certificates.models import Certificate
from compliance import bloodborne, roll, standing
from compliance.cells import MODULE, PROGRAMME, Cell, Column
from compliance.deciding import Deciding, Found
from compliance.gathering import MOST_NAMED, Held
from compliance.models import Leave
from compliance.requirements.asking import Member, last_day
from compliance.roll import Entry
from quizzes.models import Quiz
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from staff.prepared import padded, prepared
from training.models import Programme

# What is shown of a certificate.
SHOWN = (
    *("number", "kind", "title", "person", "clinic", "candidacy", "attempt", "passed_on"),
    *("valid_from_on", "valid_until_on", "zone", "renewal_days", "issued_at"),
)

Key = tuple[object, ...]  # who share one are in one situation
Texts = tuple[
    int, str | None, str | None, str | None, date | None, str
]  # clinic, three texts, session, day of the hire


class Outline(NamedTuple):
    """The same for everybody in one situation. `states` are those of what is asked or held; a programme that nobody asks of
    her is no state of hers. `asked`: how many modules are asked of her and not waived; `proven`: how many of those a
    certificate in force proves; `proofs`: the modules in which one of her certificates counts, and `signed`: of how many
    programmes."""

    word: str
    states: frozenset[str]
    asked: int
    proven: int
    proofs: frozenset[int]
    signed: int


class Situation:
    """Those members of a clinic who are told apart by nothing that words, counts, order and filters rest on."""

    def __init__(self, maker: "Maker", clinic: Clinic, roles: tuple[str, ...], outline: Outline) -> None:
        self.maker, self.clinic, self.roles = maker, clinic, roles
        self.word, self.states, self.asked, self.proven, self.proofs, self.signed = self.outline = outline
        self.entries: list[Entry] = []

    @property
    def urgency(self) -> tuple[int, int]:
        most = min((standing.alarm(state) for state in self.states), default=len(standing.STATES))
        return standing.WORD_ORDER[self.word], most

    def of(self, entries: list[Entry]) -> "Situation":
        """The same with these of its members alone."""
        made = Situation(self.maker, self.clinic, self.roles, self.outline)
        made.states, made.entries = self.states, entries
        return made

    def away(self) -> list[Entry]:
        """Those on leave."""
        away = self.maker.away
        return [entry for entry in self.entries if (entry.clinic_id, entry.person_id) in away] if away else []

    def widen(self, columns: Sequence[Column]) -> None:
        """Have a cell for each column; of what her clinic's day did not know yet, nothing was required."""
        self.maker.shown = tuple(columns)
        if {column.slug for column in columns if column.kind == MODULE} > {c.slug for c in self.maker.columns}:
            self.states |= {"not-required"}


class Row:
    """One member. Word, states and roles are there at once; `membership` and `cells` are fetched for the rows that `Board.fetch`
    was given or, at the first look at any other, for all.

    `programmes` are those that a rule asks of her as a whole; `leave` the one she is on, through `away_until`; `back_on` the
    day on which she came back in the last weeks.
    """

    def __init__(self, situation: Situation, entry: Entry) -> None:
        self.situation, self.entry, self.maker = situation, entry, situation.maker
        self.person_id, self.clinic, self.roles = entry.person_id, situation.clinic, situation.roles
        self.word, self.states = situation.word, situation.states

    @property
    def membership(self) -> Membership:
        return self.maker.membership(self.entry.pk)

    @property
    def person(self) -> StaffMember:
        return self.membership.person

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)

    @cached_property
    def member(self) -> Member:
        return self.maker.member(self.entry)

    @property
    def found(self) -> list[Found]:
        """How she stands in each column, without what a cell shows."""
        return self.maker.found(self.member)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        return self.maker.cells(self.member)

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
    def certified(self) -> bool:
        """Whether one of her certificates counts."""
        return bool(self.situation.proofs or self.situation.signed)

    @property
    def in_order(self) -> int:
        return sum(cell.standing.in_order for cell in self.cells)


class Rows(Sequence[Row]):
    """The rows of some situations, the most urgent first and then by name; sorted and made as far as they are looked at."""

    def __init__(self, situations: Iterable[Situation]) -> None:
        self._waiting: dict[tuple[int, int], list[Situation]] = {}
        self._placed: list[tuple[Situation, Entry]] = []
        self._made: list[Row] = []
        self._length = 0
        for situation in situations:
            self._waiting.setdefault(situation.urgency, []).append(situation)
            self._length += len(situation.entries)

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, asked: int) -> Row: ...
    @overload
    def __getitem__(self, asked: slice) -> list[Row]: ...
    def __getitem__(self, asked: int | slice) -> Row | list[Row]:
        if isinstance(asked, slice):
            self._make(asked.indices(self._length)[1])
        else:
            self._make(asked + 1 if asked >= 0 else self._length)
        return self._made[asked]

    def __iter__(self) -> Iterator[Row]:
        self._make(self._length)
        return iter(self._made)

    def _make(self, count: int) -> None:
        """The first so many, at least."""
        while len(self._placed) < count and self._waiting:
            equal = self._waiting.pop(min(self._waiting))
            named = [
                (entry.full_name.casefold(), entry.pk, entry, situation)
                for situation in equal
                for entry in situation.entries
            ]
            named.sort()  # the id decides between namesakes, and nothing after it is compared
            self._placed += [(situation, entry) for _, _, entry, situation in named]
        for situation, entry in self._placed[len(self._made) : count]:
            self._made.append(Row(situation, entry))


class Maker:
    """Finds the situations of these entries, and what the rows of their members show.

    `opens`: the clinics whose certificates the viewer may open; None for all. `on` where it is a day that has passed.
    `named`: each is worked out for herself, at once.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        clinics: Mapping[int, Clinic],
        deciding: Deciding,
        opens: set[int] | None,
        on: date | None,
        *,
        named: bool,
    ) -> None:
        self.entries, self.clinics, self.deciding, self.opens, self.on = entries, clinics, deciding, opens, on
        self.named = named
        self.columns = self.shown = deciding.columns
        self.gathered, self.demands, self.sessions = deciding.gathered, deciding.demands, deciding.sessions
        self.at = deciding.at
        self._quizzes = [] if named else _quizzes(deciding.gathered.modules)
        self._modules = [column.module_id for column in self.columns if column.kind == MODULE]
        self._signed_asked = self.demands.signed_programmes
        self._programmes = [column.programme.pk for column in self.columns if column.programme]
        self._near: dict[tuple[int, str | None, str], tuple[str, ...]] = {}
        self._horizons: dict[int, date] = {}
        self._known: set[int] = set()  # the people whose certificates and reading were fetched
        self._memberships: dict[int, Membership] = {}
        self._certificates: dict[int, Certificate] = {}

    def situations(self) -> list[Situation]:
        """Of everybody there."""
        if self.named:
            people = {entry.person_id for entry in self.entries}
            self.gathered.fetch_certificates(people)
            self.gathered.fetch_reading(people)
            self._known = people
            grouped: list[list[Entry]] = [[entry] for entry in self.entries]
        else:
            grouped = self._grouped()
        return [self._situation(group) for group in grouped]

    def _situation(self, group: list[Entry]) -> Situation:
        """What the first of them comes to is the same for all."""
        first = self.member(group[0])
        made = Situation(self, first.clinic, first.roles, self._outline(first))
        made.entries = group
        return made

    def _grouped(self) -> list[list[Entry]]:
        """Those in one situation together, with the certificates of one of them fetched; reading decides only where
        something that is asked for is neither held nor late."""
        plain, apart = self._by_texts()
        new: list[tuple[Key, Entry]] = []
        groups: dict[Key, list[Entry]] = {}
        for key, entries in plain.items():
            near = self._nearness(entries[0]) if self._is_dated(key) else ()
            told: Key = (*key[:-1], near)
            if near and self._may_begin(entries[0], near):
                new += [(told, entry) for entry in entries]
            else:
                groups.setdefault(told, []).extend(entries)
        begins = [entry for _, entry in new]
        alone = self._alone
        begins += [one for one in apart if one.person_id in alone or self._may_begin(one, self._nearness(one))]
        self.gathered.fetch_reading({entry.person_id for entry in begins})
        for told, entry in new:
            groups.setdefault((*told, self._begun(entry)), []).append(entry)
        firsts = [entries[0] for entries in groups.values()]
        self.gathered.fetch_certificates({entry.person_id for entry in (*apart, *firsts)})
        for entry in apart:
            groups.setdefault((entry.pk,) if entry.person_id in alone else self._told_of(entry), []).append(entry)
        return list(groups.values())

    def _by_texts(self) -> tuple[dict[Texts, list[Entry]], list[Entry]]:
        """Who are the same by what the roll says of them; and those of whom it does not say enough. The day of the hire stands
        last, and is no other for all who were hired so long ago that no number of days from then on reaches today."""
        long_ago = min((self._long_ago(clinic) for clinic in self.clinics.values()), default=date.max).isoformat()
        sessions = self.sessions.held
        apart_by_name = self._alone | self.gathered.touched()
        plain: dict[Texts, list[Entry]] = defaultdict(list)
        apart: list[Entry] = []
        for entry in self.entries:
            _, person, clinic, hired_on, _, given, held, signed = entry
            if person in apart_by_name:
                apart.append(entry)
            else:
                session = sessions.get((person, clinic)) if sessions else None
                plain[clinic, given, held, signed, session, max(hired_on, long_ago)].append(entry)
        for key in [key for key in plain if not (roll.is_plain(key[2]) and roll.is_plain(key[3]))]:
            apart += plain.pop(key)
        return plain, apart

    @cached_property
    def _alone(self) -> set[int]:
        """Who is worked out for herself."""
        return self.demands.alone | self.gathered.alone

    def _is_dated(self, key: Texts) -> bool:
        """How near a due day is says something only where something asked for does not stand."""
        clinic, _, held, signed, session, _ = key
        return (
            not roll.stand(held, self._quizzes)
            or not roll.stand(signed, roll.signed_at(self._signed_asked, clinic))
            or (bool(self.sessions.columns) and session is None)
        )

    def _told_of(self, entry: Entry) -> Key:
        """The same of somebody whose certificates were fetched."""
        person, clinic = entry.person_id, entry.clinic_id
        held = [self.gathered.held.get((person, module), ()) for module in self._modules]
        signed = [self.gathered.signed.get((person, programme, clinic), ()) for programme in self._programmes]
        session = self.sessions.held.get((person, clinic))
        states = tuple(map(_counting, (*held, *signed)))
        return clinic, entry.given, states, session, self._nearness(entry), self._begun(entry)

    def _begun(self, entry: Entry) -> tuple[bool, ...]:
        read, opened = self.gathered.read, self.gathered.opened
        pairs = [(entry.person_id, module) for module in self._modules]
        return tuple(pair in read or pair in opened for pair in pairs)

    def _nearness(self, entry: Entry) -> tuple[str, ...]:
        """How near the due day of each column is, and of her session on site."""
        clinic = self.clinics[entry.clinic_id]
        key = (clinic.pk, entry.given, max(entry.hired_on, self._long_ago(clinic).isoformat()))
        if key not in self._near:
            member, today = self.member(entry), self.deciding.day(clinic)
            _, required_ = self.deciding.asked(member, today)
            due = [asked.due_on if asked else standing.due_on(member.hired_on) for asked in required_]
            due.append(bloodborne.due_on(member.hired_on, self.sessions.began.get(clinic.pk, today)))
            self._near[key] = tuple(standing.nearness(day, member.hired_on, today) for day in due)
        return self._near[key]

    def _may_begin(self, entry: Entry, near: tuple[str, ...]) -> bool:
        """Whether a module is asked of her that is not late."""
        _, required_ = self.deciding.asked(self.member(entry), self.deciding.day(self.clinics[entry.clinic_id]))
        return any(
            column.kind == MODULE and asked is not None and day != standing.LATE
            for column, asked, day in zip(self.columns, required_, near, strict=False)
        )

    def _long_ago(self, clinic: Clinic) -> date:
        if clinic.pk not in self._horizons:
            today = self.deciding.day(clinic)
            most = max([standing.DUE_DAYS, *(ask.days for ask in self.demands.of_clinic(clinic.pk, today))])
            self._horizons[clinic.pk] = today - timedelta(days=most + 1)
        return self._horizons[clinic.pk]

    def _outline(self, member: Member) -> Outline:
        found = self.deciding.found(member)
        modules = [one for one in found if one.column.kind == MODULE]
        asked = [one for one in modules if one.required and one.waiver is None]
        return Outline(
            standing.worst_word(one.standing.word for one in found),
            frozenset(
                one.standing.state for one in found if one.column.kind == MODULE or one.standing.state != "not-required"
            ),
            len(asked),
            sum(one.standing.state in validity.IN_FORCE for one in asked),
            frozenset(one.column.module_id for one in modules if one.held),
            sum(one.column.kind == PROGRAMME and one.held is not None for one in found),
        )

    def member(self, entry: Entry) -> Member:
        pk, person, clinic, hired_on, _, given, _, _ = entry
        return Member(pk, person, clinic, date.fromisoformat(hired_on), roll.roles(given), self.clinics[clinic])

    def found(self, member: Member) -> list[Found]:
        if member.person_id not in self._known:
            self.know(self.entries)
        return self.deciding.found(member)

    def know(self, entries: Sequence[Entry]) -> None:
        """Certificates and reading of these; asks once also for nobody, so that a page costs the same for few and for many."""
        if not self.named:
            people = {entry.person_id for entry in entries}
            self.gathered.fetch_certificates(people)
            self.gathered.fetch_reading(people)
            self._known |= people

    def words(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """By which words each membership is looked for."""
        fields = ("person__full_name", "person__latin_name", "job_title", "person__email")
        for pk, *texts in self.gathered.whom.there.order_by().values_list("pk", *fields):
            yield pk, tuple(texts)

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

    def programmes(self, member: Member) -> tuple[Programme, ...]:
        asks, _ = self.deciding.asked(member, self.deciding.day(member.clinic))
        return tuple({ask.programme.pk: ask.programme for ask in asks if ask.programme}.values())

    def leave(self, member: Member) -> Leave | None:
        return self.demands.leave(member, self.deciding.day(member.clinic))

    def back_on(self, member: Member) -> date | None:
        return self.demands.back_on(member, self.deciding.day(member.clinic))

    @cached_property
    def away(self) -> set[tuple[int, int]]:
        """Clinic and person of whoever is on leave."""
        absent = self.demands.leaves
        known = (
            self.member(entry) for entry in self.entries if absent and (entry.clinic_id, entry.person_id) in absent
        )
        return {(member.clinic_id, member.person_id) for member in known if self.leave(member)}

    def membership(self, pk: int) -> Membership:
        if pk not in self._memberships:
            self.fetch(self.entries)
        return self._memberships[pk]

    def fetch(self, entries: Sequence[Entry]) -> None:
        """What the rows of these show."""
        self.know(entries)
        for row in _by_ids(_memberships, [entry.pk for entry in entries]):
            row.clinic = self.clinics[row.clinic_id]
            self._memberships[row.pk] = row
        held = [found.held.pk for entry in entries for found in self.deciding.found(self.member(entry)) if found.held]
        for certificate in _by_ids(_shown, held):
            self._certificates[certificate.pk] = certificate


def _quizzes(modules: Sequence[int]) -> list[str]:
    return [str(pk) for pk in _quizzes_of(padded(modules))]


@prepared
def _quizzes_of(modules: tuple[int, ...]) -> "QuerySet[Quiz, int]":
    return Quiz.objects.filter(module__in=modules).order_by().values_list("pk", flat=True)


@prepared
def _memberships(ids: tuple[int, ...]) -> "QuerySet[Membership]":
    return Membership.objects.filter(pk__in=ids).select_related("person")


@prepared
def _shown(ids: tuple[int, ...]) -> "QuerySet[Certificate]":
    return Certificate.objects.filter(pk__in=ids).only(*SHOWN)


def _counting(held: Sequence[Held]) -> tuple[tuple[str, str], ...]:
    """The states of those that decide anything; of several, their last days say which does."""
    counting = [one for one in held if one.state in standing.COUNTING]
    return tuple((one.state, one.valid_until_on if len(counting) > 1 else "") for one in counting)


def _by_ids(question: Callable[[tuple[int, ...]], list[Any]], ids: Sequence[int]) -> Iterator[Any]:
    """Asks once also for none, so that a page costs the same for nobody."""
    for start in range(0, len(ids) or 1, MOST_NAMED):
        yield from question(padded(ids[start : start + MOST_NAMED]))
