"""The roll: everybody who works in some clinics, fetched by one statement, and with each what tells her from others.

Nothing is decided here. Who are told apart by nothing are in one situation, and one of them is worked out for all
(`situations.py`).
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Case, CharField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Cast

from certificates.models import Certificate, ProgrammeSigning
from staff.models import Clinic, Membership, MembershipRole
from staff.prepared import prepared
from training.models import Programme

AT = "@"  # between a programme and the clinic whose physician signed
GONE = "-"  # before a role that she has no longer
VALID, EXPIRING, EXPIRED, NOT_YET, UNCLEAR = "valid", "expiring", "expired", "not-yet-valid", "unclear"


@dataclass(frozen=True)
class Whom:
    """About whom something is asked: everybody who worked in these clinics at `at`, or some of them; without clinics, wherever
    they worked then. All are ids."""

    at: datetime
    clinics: tuple[int, ...] | None
    people: tuple[int, ...] | None = None

    @property
    def there(self) -> "QuerySet[Membership]":
        """Their memberships."""
        rows = Membership.objects.filter(Q(ended_at=None) | Q(ended_at__gt=self.at), began_at__lte=self.at)
        if self.clinics is not None:
            rows = rows.filter(clinic__in=self.clinics)
        return rows if self.people is None else rows.filter(person__in=self.people)

    @property
    def places(self) -> Any:
        """Where they worked: ids of clinics, or a subquery."""
        return self.there.order_by().values("clinic") if self.clinics is None else self.clinics

    def each(self, path: str) -> Q:
        """For a table with few rows: of each row it is asked whether its person works there."""
        if self.people is not None:
            return Q(**{f"{path}__in": self.people})
        return Q(Exists(self.there.filter(person=OuterRef(path))))

    def all(self, path: str) -> Q:
        """For a table with rows of nearly everybody."""
        return Q(**{f"{path}__in": self.there.values("person") if self.people is None else self.people})


class Entry(NamedTuple):
    """A membership on the roll. The last three are texts, the same for many: the roles that she has and had in it, and each
    certificate that may count, with what the calendar makes of it."""

    pk: int
    person_id: int
    clinic_id: int
    hired_on: str
    full_name: str
    given: str | None
    held: str | None
    signed: str | None


class Joined(Func):
    """The texts of all rows as one, in no particular order, with commas between them."""

    function = "GROUP_CONCAT"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="STRING_AGG(%(expressions)s, ',')", **extra)


class Text(Func):
    """These one after the other. `Concat` asks of each of ten thousand rows whether a part is null; none of these is."""

    template, arg_joiner = "(%(expressions)s)", " || "
    output_field = TextField()


def entries(whom: Whom, programmes: Sequence[Programme], *, signed: bool) -> list[Entry]:
    """The whole roll as it stood then. Of whom is named nothing is told but her roles: she is worked out for herself.
    `signed`: whether anybody has a programme certificate."""
    renewals = {Certificate._meta.get_field("renewal_days").default, *(row.renewal_opens_days for row in programmes)}
    calendar = Calendar.at(whom.at, sorted(renewals))
    return list(map(Entry._make, _roll(tuple(sorted(renewals)), signed)(whom, calendar)))


@cache
def _roll(renewals: tuple[int, ...], signed: bool) -> Callable[[Whom, "Calendar"], list[Any]]:
    """What asks for it, by how long before their ends certificates are to be renewed."""

    @prepared
    def question(whom: Whom, calendar: Calendar) -> "QuerySet[Membership, Any]":
        state, nothing = calendar.state(renewals), Value("", output_field=TextField())
        held = _held(state, whom.at) if whom.people is None else nothing
        of_programmes = _signed(state, whom.at) if whom.people is None and signed else nothing
        rows = whom.there.order_by().annotate(given=_given(whom.at), held=held, signed=of_programmes)
        hired_on = Cast("hired_on", TextField())
        return rows.values_list("pk", "person", "clinic", hired_on, "person__full_name", "given", "held", "signed")

    return question


@prepared
def signed_by_anybody(whom: Whom) -> "QuerySet[ProgrammeSigning, int]":
    """The programmes of which somebody there has, or had, a certificate."""
    rows = ProgrammeSigning.objects.filter(whom.each("certificate__person"), certificate__issued_at__lte=whom.at)
    return rows.order_by().values_list("programme", flat=True).distinct()


def _given(at: datetime) -> Subquery:
    rows = MembershipRole.objects.filter(membership=OuterRef("pk"), granted_at__lte=at)
    now = Q(ended_at=None) | Q(ended_at__gt=at)
    role = Case(When(now, then=F("role")), default=Text(Value(GONE), "role"), output_field=CharField())
    return Subquery(rows.order_by().values_list(Joined(role)))


def _held(calendar: Case, at: datetime) -> Subquery:
    """By quiz. What a newer one has replaced decides nothing; what somebody did to a certificate is not told here
    (`Gathered.touched`)."""
    rows = _standing_alone(at).filter(person=OuterRef("person"), attempt__isnull=False)
    quiz = Cast("candidacy__quiz", CharField())
    return Subquery(rows.values_list(Joined(Text(quiz, Value(" "), calendar))))


def _signed(calendar: Case, at: datetime) -> Subquery:
    """By programme and clinic."""
    rows = _standing_alone(at).filter(person=OuterRef("person"), attempt=None, signing__isnull=False)
    programme, clinic = Cast("signing__programme", CharField()), Cast("clinic", CharField())
    return Subquery(rows.values_list(Joined(Text(programme, Value(AT), clinic, Value(" "), calendar))))


def _standing_alone(at: datetime) -> "QuerySet[Certificate]":
    newer = Certificate.objects.filter(supersedes=OuterRef("pk"), issued_at__lte=at)
    rows: QuerySet[Certificate] = Certificate.objects.filter(~Exists(newer), issued_at__lte=at)
    return rows.order_by()


@dataclass(frozen=True)
class Calendar:
    """An instant in each zone in which a clinic is: the day, and zone by zone up to which last day of a certificate its renewal
    is open, by each number of days."""

    zones: tuple[str, ...]
    today: tuple[date, ...]
    soon: tuple[date, ...]

    @classmethod
    def at(cls, at: datetime, renewals: Sequence[int]) -> "Calendar":
        zones = tuple(sorted(set(_zones())))
        today = tuple(at.astimezone(ZoneInfo(zone)).date() for zone in zones)
        return cls(zones, today, tuple(day + timedelta(days=days) for day in today for days in renewals))

    def state(self, renewals: Sequence[int]) -> Case:
        """What the days of a certificate make of it as `validity.state` tells it, where nobody did anything to it. The commonest
        comes first."""
        whens = []
        for place, (zone, today) in enumerate(zip(self.zones, self.today, strict=True)):
            here, begun = Q(zone=zone), Q(valid_from_on__lte=today)
            for days, soon in zip(renewals, self.soon[place * len(renewals) :], strict=False):
                whens.append(When(here & Q(renewal_days=days, valid_until_on__gt=soon) & begun, then=Value(VALID)))
                near = Q(renewal_days=days, valid_until_on__gte=today, valid_until_on__lte=soon)
                whens.append(When(here & near & begun, then=Value(EXPIRING)))
            whens.append(When(here & Q(valid_until_on__lt=today) & begun, then=Value(EXPIRED)))
            whens.append(When(here & ~begun, then=Value(NOT_YET)))
        return Case(*whens, default=Value(UNCLEAR), output_field=CharField())


@prepared
def _zones() -> "QuerySet[Clinic, str]":
    return Clinic.objects.order_by().values_list("zone", flat=True)


# What an entry's texts say.


@lru_cache(maxsize=4096)
def roles(given: str | None) -> tuple[str, ...]:
    """Those that she has, in the order of their names."""
    return tuple(sorted(role for role in (given or "").split(",") if role and not role.startswith(GONE)))


def given_at_several_times(entries: Sequence[Entry], whom: Whom) -> set[int]:
    """The people who may have been given one role later than another: in this membership, or in an earlier one of theirs."""
    return {*_been_before(whom), *(entry.person_id for entry in entries if entry.given and "," in entry.given)}


@prepared
def _been_before(whom: Whom) -> "QuerySet[Membership, int]":
    before = Membership.objects.filter(whom.each("person"), clinic__in=whom.places, ended_at__isnull=False)
    return before.order_by().values_list("person", flat=True)


@lru_cache(maxsize=4096)
def told(texts: str | None) -> tuple[tuple[str, str], ...]:
    """Quiz, or programme and clinic, and what the calendar makes of the certificate."""
    parts = (part.split(" ") for part in (texts or "").split(",") if part)
    return tuple(sorted((what, state) for what, state in parts))


@lru_cache(maxsize=4096)
def is_plain(texts: str | None) -> bool:
    """Of each quiz or programme one certificate at most, and nothing that the calendar leaves open."""
    found = told(texts)
    return len({what for what, _ in found}) == len(found) and UNCLEAR not in {state for _, state in found}


def stand(texts: str | None, wanted: Collection[str]) -> bool:
    """Whether a certificate of each of these is in force by the calendar."""
    return {what for what, state in told(texts) if state in (VALID, EXPIRING)}.issuperset(wanted)


def signed_at(programmes: Collection[int], clinic: int) -> list[str]:
    """These programmes as the roll names what the clinic's physician signed."""
    return [f"{programme}{AT}{clinic}" for programme in programmes]
