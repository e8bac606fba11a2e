"""Who is current: every member of some clinics against every module of the programmes, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import chain
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, QuerySet, Sum

from compliance import roll, standing
from compliance.cells import MODULE, PROGRAMME, Column
from compliance.deciding import Deciding, Sessions
from compliance.gathering import Gathered
from compliance.requirements.asking import Demands
from compliance.roll import Whom
from compliance.situations import Maker, Row, Rows, Situation
from staff import clock
from staff.models import Clinic, StaffMember
from staff.prepared import padded, prepared
from training.models import ModuleVersion, ModuleVersionSection, Programme
from training.queries import live_versions


@dataclass(frozen=True)
class Board:
    """Everybody with an open membership, by situation. Somebody who works in two of the clinics has two rows.

    `on` is the day as of which it stands, None for now.
    """

    programmes: tuple[Programme, ...]
    columns: tuple[Column, ...]
    situations: tuple[Situation, ...]
    on: date | None = None

    @cached_property
    def rows(self) -> Rows:
        """The most urgent first."""
        return Rows(self.situations)

    @property
    def modules(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.kind == MODULE)

    @property
    def _makers(self) -> set[Maker]:
        return {situation.maker for situation in self.situations}

    def fetch(self, rows: Sequence[Row]) -> None:
        """What these rows show, in a fixed number of statements."""
        for maker in self._makers:
            maker.fetch([row.entry for row in rows if row.maker is maker])

    def know_everybody(self) -> None:
        """Fetch what says how each stands in each column, for who looks at all of them."""
        for maker in self._makers:
            maker.know(maker.entries)

    def words(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """By which words each membership is looked for."""
        return chain.from_iterable(maker.words() for maker in self._makers)

    def counted(self, situations: Sequence[Situation] | None = None) -> dict[str, int]:
        """People by word; of somebody with two rows the more alarming one counts."""
        counts = dict.fromkeys(standing.WORDS, 0)
        counted: set[int] = set()
        asked = self.situations if situations is None else situations
        for situation in sorted(asked, key=lambda one: standing.WORD_ORDER[one.word]):
            people = {entry.person_id for entry in situation.entries} - counted
            counts[situation.word] += len(people)
            counted |= people
        return counts

    @property
    def asked(self) -> int:
        """How many modules are asked of everybody here and not waived."""
        return sum(one.asked * len(one.entries) for one in self.situations)

    @property
    def proven(self) -> int:
        """How many of those a certificate in force proves."""
        return sum(one.proven * len(one.entries) for one in self.situations)

    def counted_states(self, situations: Sequence[Situation]) -> dict[str, int]:
        """People who have the state in at least one column."""
        people: dict[str, set[int]] = defaultdict(set)
        for situation in situations:
            for state in situation.states:
                people[state].update(entry.person_id for entry in situation.entries)
        return {state: len(people[state]) for state in standing.STATES if people[state]}

    def counted_away(self, situations: Sequence[Situation]) -> int:
        """People on leave."""
        return len({entry.person_id for situation in situations for entry in situation.away()})

    def counted_certificates(self, situations: Sequence[Situation]) -> int:
        """Those that count, each once: a certificate of a module counts in every clinic."""
        modules: dict[int, frozenset[int]] = {}
        for situation in situations:
            for entry in situation.entries:
                before = modules.get(entry.person_id)
                modules[entry.person_id] = situation.proofs | before if before else situation.proofs
        return sum(map(len, modules.values())) + sum(one.signed * len(one.entries) for one in situations)


def programme_columns(at: datetime | None = None) -> tuple[tuple[Programme, ...], tuple[Column, ...]]:
    """The programmes, and the published modules they ask for in the course's order; with `at` as published by then."""
    programmes = tuple(_programmes())
    asked = {slug for programme in programmes for slug in programme.slugs}
    versions = [version for version in live_versions(at) if version.module.slug in asked]
    sums = {version: (n, minutes) for version, n, minutes in _lengths(padded(version.pk for version in versions))}
    first = dict(_first_published(padded(version.module_id for version in versions)))
    return programmes, tuple(
        Column(
            MODULE,
            version.module.slug,
            version.title,
            first[version.module_id],
            version,
            sections=sums.get(version.pk, (0, 0))[0],
            minutes=sums.get(version.pk, (0, 0))[1],
        )
        for version in versions
    )


@prepared
def _programmes() -> "QuerySet[Programme]":
    return Programme.objects.order_by("position", "pk")


@prepared
def _lengths(versions: tuple[int, ...]) -> "QuerySet[ModuleVersionSection, tuple[int, int, int]]":
    """Of each of these module versions, how many sections it has and how many minutes they take."""
    rows = ModuleVersionSection.objects.filter(module_version__in=versions).order_by().values_list("module_version")
    return rows.annotate(Count("pk"), Sum("section_version__minutes"))


@prepared
def _first_published(modules: tuple[int, ...]) -> "QuerySet[ModuleVersion, tuple[int, datetime]]":
    rows = ModuleVersion.objects.filter(module__in=modules).order_by().values_list("module")
    return rows.annotate(Min("published_at"))


def board_of_people(clinics: Sequence[Clinic], people: Sequence[int]) -> Board:
    """The rows of these people in these clinics, now: what it costs grows with them and not with the clinics."""
    return _board([clinic.pk for clinic in clinics], list(people), clock.now(), None)


def board_of(clinics: Sequence[Clinic], person: StaffMember | None = None, on: date | None = None) -> Board:
    """Everybody who works in these clinics, or one of them: now, or at the end of a day that has passed, by what was on
    record then. A day ends at midnight in the clinic's own zone."""
    people = None if person is None else [person.pk]
    if on is None or not clinics:
        return _board([clinic.pk for clinic in clinics], people, clock.now(), on)
    seen = {clinic.pk for clinic in clinics}
    boards = [_board(group, people, end_of(on, zone), on, seen) for zone, group in sorted(_by_zone(clinics).items())]
    columns = tuple({column.slug: column for board in boards for column in board.columns}.values())
    situations = tuple(situation for board in boards for situation in board.situations)
    for situation in situations:
        situation.widen(columns)
    return Board(boards[0].programmes, columns, situations, on)


def board_for(person: StaffMember) -> Board:
    """The person's own rows; her certificates are hers to open, whichever clinic issued them."""
    return _board(None, [person.pk], clock.now(), None)


def proven_on(clinic: Clinic, on: date) -> tuple[int, int]:
    """Of what was asked for at the end of a day that has passed and not waived, how much a certificate in force proved; and
    how much was asked."""
    board = board_of([clinic], on=on)
    return board.proven, board.asked


def end_of(day: date, zone: str) -> datetime:
    """The last instant of the day there; now, if the day is not over."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, tzinfo=ZoneInfo(zone))
    return min(midnight - timedelta(microseconds=1), clock.now())


def _by_zone(clinics: Sequence[Clinic]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for clinic in clinics:
        found[clinic.zone].append(clinic.pk)
    return found


def _board(
    clinics: list[int] | None, people: list[int] | None, at: datetime, on: date | None, opens: set[int] | None = None
) -> Board:
    """Of these clinics, or of whichever the people work in, whose certificates they may open, wherever they were issued; and of
    these people, or of everybody there. `opens`: the clinics whose certificates the viewer may open, where not these."""
    programmes, columns = programme_columns(at)
    whom = Whom(at, None if clinics is None else tuple(clinics), None if people is None else padded(people))
    signed = set(roll.signed_by_anybody(whom))
    entries = roll.entries(whom, programmes, signed=bool(signed))
    several = roll.given_at_several_times(entries, whom)
    gathered = Gathered(whom, [column.version for column in columns], past=on is not None)
    demands = Demands(whom, programmes, several)
    sessions = Sessions(whom, asked=demands.ask_for_sessions)
    columns += _signed_columns(programmes, signed | demands.signed_programmes)
    columns += sessions.columns
    known = {clinic.pk: clinic for clinic in _clinics(whom)}
    deciding = Deciding(columns, gathered, demands, sessions, at)
    opens = set(clinics) if opens is None and clinics is not None else opens
    maker = Maker(entries, known, deciding, opens, on, named=people is not None)
    return Board(programmes, columns, tuple(maker.situations()), on)


@prepared
def _clinics(whom: Whom) -> "QuerySet[Clinic]":
    return Clinic.objects.filter(pk__in=whom.places)


def _signed_columns(programmes: Sequence[Programme], wanted: set[int]) -> tuple[Column, ...]:
    """A column for each programme certificate that somebody holds or held, or that a rule asks for."""
    shown = [programme for programme in programmes if programme.pk in wanted]
    return tuple(
        Column(
            PROGRAMME,
            f"programme-{programme.slug}",
            "Programme certificate" if len(shown) == 1 else f"Programme certificate, {programme.title}",
            programme=programme,
        )
        for programme in shown
    )
