"""Who is asked for what, by when, and what excuses from it: the rules, waivers and leave of some clinics on a day.

What every clinic has from its start stands in no row: each programme asks its own roles, 30 days after they were hired. Where
a clinic ends that for itself, a row says so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from certificates.models import Certificate
from compliance.models import Incident, Leave, Rule, Waiver
from compliance.models.requirements import SESSION_TITLE
from compliance.roll import Whom
from compliance.standing import DUE_DAYS, SESSION_SLUG
from staff.models import Clinic, Membership, MembershipRole
from staff.models.clinics import Role
from staff.prepared import padded, prepared
from training.models import Programme

BACK_DAYS = 30

Excuse = TypeVar("Excuse", Waiver, Leave)


@dataclass(frozen=True)
class Ask:
    """One rule, as it asks: of a role or of one person. `starts_on` is None for what holds from the clinic's start."""

    slugs: frozenset[str]
    days: int
    starts_on: date | None = None
    role: str = ""
    person_id: int | None = None
    programme: Programme | None = None
    signed: bool = False
    title: str = ""
    reason: str = ""
    rule: Rule | None = None

    @property
    def whom(self) -> str:
        return str(Role(self.role).label) if self.role else "By hand"

    @property
    def when(self) -> str:
        return f"{self.days} days after being hired" if self.days else "from the first day"


@dataclass(frozen=True)
class Required:
    """A module is asked of somebody: the earliest day by any rule, and every rule that asks, that one first."""

    due_on: date
    asks: tuple[Ask, ...]


def standard_asks(programmes: Iterable[Programme]) -> list[Ask]:
    """What a clinic has from its start."""
    return [
        Ask(frozenset(row.slugs), DUE_DAYS, role=role, programme=row, title=row.title)
        for row in programmes
        for role in row.asked_of
    ]


def ask_of(rule: Rule, programmes: Mapping[int, Programme]) -> Ask:
    """A rule of ours; `programmes` by id, as they stand. Of a module, `select_related` fetches it."""
    programme = programmes.get(rule.programme_id) if rule.programme_id else None
    slugs = programme.slugs if programme else [rule.module.slug] if rule.module else []
    alone = rule.module.slug.replace("-", " ").capitalize() if rule.module else ""
    if rule.session:
        slugs, alone = [SESSION_SLUG], SESSION_TITLE
    return Ask(
        frozenset(slugs),
        rule.days,
        rule.starts_on,
        rule.role,
        rule.person_id,
        programme,
        rule.signed,
        programme.title if programme else alone,
        rule.reason,
        rule,
    )


def holds(row: Rule | Waiver | Leave | Incident, day: date, at: datetime) -> bool:
    """Whether it holds on `day` by what was on record at `at`."""
    if row.recorded_at > at or row.starts_on > day or _ended(row, day, at):
        return False
    return isinstance(row, Rule | Incident) or day <= row.until_on


def _ended(row: Rule | Waiver | Leave | Incident, day: date, at: datetime) -> bool:
    return row.ended_at is not None and row.ended_at <= at and row.ends_on is not None and row.ends_on <= day


def last_day(row: Waiver | Leave, at: datetime) -> date:
    """The last day on which it holds, by what was on record at `at`."""
    if row.ended_at is not None and row.ended_at <= at and row.ends_on is not None:
        return min(row.until_on, row.ends_on - timedelta(days=1))
    return row.until_on


def unmet_incidents(at: datetime) -> "QuerySet[Incident]":
    """What was asked of people after an incident, by what was on record at `at`: met by the first certificate whose pass
    came later, for good, whatever became of it since."""
    hers = Q(person=OuterRef("person")) | Q(person__merged_into=OuterRef("person"))
    met = Certificate.objects.filter(
        hers,
        candidacy__quiz__module=OuterRef("module"),
        attempt__ended_at__gt=OuterRef("recorded_at"),
        issued_at__lte=at,
    )
    rows: QuerySet[Incident] = Incident.objects.filter(~Exists(met), recorded_at__lte=at)
    return rows


class Member(NamedTuple):
    """A membership, as far as what is asked follows from it."""

    pk: int
    person_id: int
    clinic_id: int
    hired_on: date
    roles: tuple[str, ...]
    clinic: Clinic


Works = Membership | Member


class Demands:
    """The rules of some clinics and what excuses their people, each kind fetched by one statement.

    `several`: the people who may have been given one role later than another.
    """

    def __init__(self, whom: Whom, programmes: Sequence[Programme], several: Collection[int]) -> None:
        self.at = whom.at
        known = {row.pk: row for row in programmes}
        self.standard = standard_asks(programmes)
        self.left: dict[int, list[Rule]] = defaultdict(list)
        self.rules: dict[int, list[tuple[Rule, Ask]]] = defaultdict(list)
        self.by_hand: dict[tuple[int, int], list[tuple[Rule, Ask]]] = defaultdict(list)
        for rule in _rules(whom):
            if rule.standard:
                self.left[rule.clinic_id].append(rule)
            elif rule.person_id:
                self.by_hand[rule.clinic_id, rule.person_id].append((rule, ask_of(rule, known)))
            else:
                self.rules[rule.clinic_id].append((rule, ask_of(rule, known)))
        self.waivers: dict[tuple[int, int, int | None], list[Waiver]] = defaultdict(list)
        for waiver in _waivers(whom):
            self.waivers[waiver.clinic_id, waiver.person_id, waiver.module_id].append(waiver)
        self.leaves: dict[tuple[int, int], list[Leave]] = defaultdict(list)
        for leave in _leaves(whom):
            self.leaves[leave.clinic_id, leave.person_id].append(leave)
        self.incidents: dict[tuple[int, int, int], list[Incident]] = defaultdict(list)
        for incident in _incidents(whom):
            self.incidents[incident.clinic_id, incident.person_id, incident.module_id].append(incident)
        self.granted: dict[tuple[int, int], dict[str, datetime]] = defaultdict(dict)
        for person, clinic, role, granted_at in _granted(whom, padded(several)):
            self.granted[clinic, person][role] = granted_at
        self._asks: dict[tuple[int, date], list[Ask]] = {}

    @property
    def signed_programmes(self) -> set[int]:
        """Those whose signed certificate some rule asks for, whoever is meant."""
        rules = [*self.rules.values(), *self.by_hand.values()]
        return {ask.programme.pk for group in rules for _, ask in group if ask.signed and ask.programme}

    @property
    def alone(self) -> set[int]:
        """People of whom something was asked by hand or after an incident, whom something excused, or who were given a role
        later than another."""
        later = {person for (_, person), granted in self.granted.items() if len(granted) > 1}
        by_hand = {person for _, person in self.by_hand}
        return later | by_hand | {person for _, person, _ in (*self.waivers, *self.incidents)}

    @property
    def ask_for_sessions(self) -> bool:
        """Whether a rule asks anybody for the yearly session on site."""
        rules = [*self.rules.values(), *self.by_hand.values()]
        return any(SESSION_SLUG in ask.slugs for group in rules for _, ask in group)

    def of_clinic(self, clinic: int, day: date) -> list[Ask]:
        """What the clinic asks of roles on that day."""
        if (clinic, day) not in self._asks:
            left = {(row.programme_id, row.role) for row in self.left[clinic] if _ended(row, day, self.at)}
            standard = [ask for ask in self.standard if ask.programme and (ask.programme.pk, ask.role) not in left]
            own = [ask for rule, ask in self.rules[clinic] if holds(rule, day, self.at)]
            self._asks[clinic, day] = standard + own
        return self._asks[clinic, day]

    def asks_by_hand(self, membership: Works) -> bool:
        """Whether anything was ever asked of this person alone."""
        return (membership.clinic_id, membership.person_id) in self.by_hand

    def asks(self, membership: Works, roles: Iterable[str], day: date) -> list[Ask]:
        """What is asked of this member on that day, by role and by hand."""
        held = set(roles)
        by_hand = self.by_hand.get((membership.clinic_id, membership.person_id), ())
        return [ask for ask in self.of_clinic(membership.clinic_id, day) if ask.role in held] + [
            ask for rule, ask in by_hand if holds(rule, day, self.at)
        ]

    def since(self, membership: Works) -> dict[str, date]:
        """The day of each role that was given to her later than her first one here."""
        granted = self.granted.get((membership.clinic_id, membership.person_id), {})
        if len(granted) < 2:
            return {}
        zone = ZoneInfo(membership.clinic.zone)
        days = {role: granted_at.astimezone(zone).date() for role, granted_at in granted.items()}
        return {role: day for role, day in days.items() if day > min(days.values())}

    def waiver(self, membership: Works, module: int | None, day: date) -> Waiver | None:
        """The one that holds longest; of the yearly session on site without a module."""
        rows = self.waivers.get((membership.clinic_id, membership.person_id, module), ())
        return _longest([row for row in rows if holds(row, day, self.at)], self.at)

    def incident(self, membership: Works, module: int, day: date) -> Incident | None:
        """The one that is due first."""
        rows = self.incidents.get((membership.clinic_id, membership.person_id, module), ())
        return next((row for row in rows if holds(row, day, self.at)), None)

    def leave(self, membership: Works, day: date) -> Leave | None:
        rows = self.leaves.get((membership.clinic_id, membership.person_id), ())
        return _longest([row for row in rows if holds(row, day, self.at)], self.at)

    def back_on(self, membership: Works, day: date) -> date | None:
        """The day on which she came back from leave, if that was in the last thirty days and she is here."""
        rows = self.leaves.get((membership.clinic_id, membership.person_id), ())
        if not rows or self.leave(membership, day):
            return None
        returns = [
            last_day(row, self.at) + timedelta(days=1) for row in rows if row.starts_on <= last_day(row, self.at)
        ]
        return max((back for back in returns if back <= day < back + timedelta(days=BACK_DAYS)), default=None)


def _recorded(whom: Whom) -> Q:
    return Q(clinic__in=whom.places, recorded_at__lte=whom.at)


@prepared
def _rules(whom: Whom) -> "QuerySet[Rule]":
    return Rule.objects.filter(_recorded(whom), Q(person=None) | whom.each("person")).select_related("module")


@prepared
def _waivers(whom: Whom) -> "QuerySet[Waiver]":
    return Waiver.objects.filter(_recorded(whom), whom.each("person")).select_related("recorded_by")


@prepared
def _leaves(whom: Whom) -> "QuerySet[Leave]":
    return Leave.objects.filter(_recorded(whom), whom.each("person"))


@prepared
def _incidents(whom: Whom) -> "QuerySet[Incident]":
    rows = unmet_incidents(whom.at).filter(whom.each("person"), clinic__in=whom.places)
    return rows.select_related("recorded_by")


@prepared
def _granted(whom: Whom, people: tuple[int, ...]) -> "QuerySet[MembershipRole, tuple[int, int, str, datetime]]":
    """When each of these people was given each role first, by clinic."""
    rows = MembershipRole.objects.filter(
        membership__person__in=people, membership__clinic__in=whom.places, granted_at__lte=whom.at
    )
    return rows.order_by().values_list("membership__person", "membership__clinic", "role").annotate(Min("granted_at"))


def _longest(rows: list[Excuse], at: datetime) -> Excuse | None:
    return max(rows, key=lambda row: (last_day(row, at), row.pk), default=None)


def begun_on(membership: Works, since: Mapping[str, date], ask: Ask) -> date:
    """From when the days of this rule count: her hire, or her role where it came later, or the rule's own start."""
    days = [membership.hired_on]
    if ask.role in since:
        days.append(since[ask.role])
    if ask.starts_on:
        days.append(ask.starts_on)
    return max(days)


def published_later(clinic: Clinic, published_at: datetime) -> date | None:
    """The day from which a module counts that was published after the clinic was opened, so that nobody is late at once."""
    zone = ZoneInfo(clinic.zone)
    day = published_at.astimezone(zone).date()
    return day if day > clinic.opened_at.astimezone(zone).date() else None


def required(
    membership: Works,
    since: Mapping[str, date],
    asks: Iterable[Ask],
    slug: str,
    published_on: date | None,
) -> Required | None:
    """Whether these rules ask her for the module, and by when. `since`: the day of each role that was given later."""
    due = []
    for ask in asks:
        if slug in ask.slugs:
            start = begun_on(membership, since, ask)
            start = max(start, published_on) if published_on else start
            due.append((start + timedelta(days=ask.days), ask))
    due.sort(key=lambda pair: pair[0])
    return Required(due[0][0], tuple(ask for _, ask in due)) if due else None


def signed_by(
    membership: Works, since: Mapping[str, date], asks: Iterable[Ask], programme: Programme
) -> Required | None:
    """The same for the signed programme certificate."""
    wanted = [ask for ask in asks if ask.signed and ask.programme == programme]
    due = sorted(
        ((begun_on(membership, since, ask) + timedelta(days=ask.days), ask) for ask in wanted),
        key=lambda pair: pair[0],
    )
    return Required(due[0][0], tuple(ask for _, ask in due)) if due else None
