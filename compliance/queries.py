"""Who is current: every member of some clinics against every module of the programmes, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet, Sum

from compliance import standing
from compliance.cells import MODULE, PROGRAMME, Column
from compliance.deciding import Deciding, Sessions
from compliance.gathering import Gathered
from compliance.requirements.asking import Demands, Member
from compliance.situations import Maker, Row
from staff import clock
from staff.models import Clinic, Membership, MembershipRole, StaffMember
from training.models import ModuleVersion, ModuleVersionSection, Programme
from training.queries import live_versions


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


def proven_on(clinic: Clinic, on: date) -> tuple[int, int]:
    """Of what was asked for at the end of a day that has passed and not waived, how much a certificate in force proved; and
    how much was asked. What the rows of that day's board come to, for less."""
    members = Membership.objects.filter(clinic=clinic)
    _, maker = _making(members, {clinic.pk}, end_of(on, clinic.zone), on)
    return maker.proven()


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
    programmes, maker = _making(members, opens, at, on)
    rows = sorted(maker.rows(), key=lambda row: row.urgency)
    return Board(programmes, maker.columns, tuple(rows), on)


def _making(
    members: "QuerySet[Membership]", opens: set[int] | None, at: datetime, on: date | None
) -> tuple[tuple[Programme, ...], Maker]:
    """`opens`: the clinics whose certificates the viewer may open; None for all. `on` where it is a day that has passed."""
    programmes, columns = programme_columns(at)
    there = members.filter(Q(ended_at=None) | Q(ended_at__gt=at), began_at__lte=at)
    people, clinics = there.values("person"), there.values("clinic")
    gathered = Gathered(people, [column.version for column in columns], at, past=on is not None)
    demands = Demands(people, clinics, programmes, at)
    sessions = Sessions(people, clinics, at, asked=demands.ask_for_sessions)
    columns += _signed_columns(programmes, gathered, demands) + sessions.columns
    deciding = Deciding(columns, gathered, demands, sessions, _roles(there, at), at)
    return programmes, Maker(_members_there(there), deciding, opens, on)


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
