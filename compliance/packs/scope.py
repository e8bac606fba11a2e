"""Whose records, of which days: the one narrowing that every table of a pack goes through."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from staff import clock
from staff.models import Clinic, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role

FIRST = datetime(1, 1, 2, tzinfo=ZoneInfo("UTC"))
PEOPLE = 50  # how many people's rows are held at a time


@dataclass(frozen=True)
class Worked:
    """A membership as the tables need it. `roles`: those held at its end, or on the last day that is asked for.

    One of an account that was merged is hers whose account was kept, and its name says under which it was recorded.
    """

    person_id: int
    public_id: str
    name: str
    recorded_as: str
    latin_name: str
    clinic_id: int
    clinic: str
    job_title: str
    hired_on: date
    began_at: datetime
    ended_at: datetime | None
    roles: str

    def covers(self, at: datetime) -> bool:
        return self.began_at <= at and (self.ended_at is None or at <= self.ended_at)


@dataclass(frozen=True)
class Scope:
    """Facts of these clinics from the first to the last day, as they stood at `facts_at`; of one person where one is named.

    `own`: her own dossier, in which what she did between two clinics stands as well.
    """

    clinics: tuple[Clinic, ...]
    from_on: date | None
    to_on: date
    facts_at: datetime
    person: StaffMember | None = None
    own: bool = False

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.clinics[0].zone if self.clinics else "UTC")

    @property
    def since(self) -> datetime:
        return datetime.combine(self.from_on, time(), self.zone) if self.from_on else FIRST

    @property
    def until(self) -> datetime:
        return self.facts_at

    @cached_property
    def clinic_ids(self) -> list[int]:
        return [clinic.pk for clinic in self.clinics]

    def within(self, field: str) -> dict[str, datetime]:
        """As keyword arguments of a filter: the instant lies in the days asked for."""
        return {f"{field}__gte": self.since, f"{field}__lte": self.until}

    @cached_property
    def aliases(self) -> dict[int, StaffMember]:
        """The accounts that were merged into another, each with the one that was kept: those that worked in the clinics."""
        rows = StaffMember.objects.exclude(merged_into=None).select_related("merged_into")
        if not self.own:
            rows = rows.filter(pk__in=Membership.objects.filter(clinic__in=self.clinic_ids).values("person"))
        return {row.pk: row for row in rows}

    def kept(self, account: int) -> int:
        """Whose records these are: the account that was kept."""
        alias = self.aliases.get(account)
        return alias.merged_into_id or account if alias else account

    def accounts(self, people: Iterable[int]) -> list[int]:
        """These, and the accounts that were merged into them."""
        wanted = set(people)
        return [*wanted, *(pk for pk, row in self.aliases.items() if row.merged_into_id in wanted)]

    @cached_property
    def her_accounts(self) -> list[int]:
        return self.accounts([self.person.pk]) if self.person else []

    def of_person(self, field: str) -> dict[str, Any]:
        return {f"{field}__in": self.her_accounts} if self.person else {}

    def who(self, account: int, person: StaffMember | None = None) -> tuple[str, str]:
        """Key and name of whoever's record this is; `person` is looked at where she is nobody of the scope."""
        alias = self.aliases.get(account)
        if alias and alias.merged_into:
            return alias.merged_into.public_id, self.named(account, alias.full_name)
        if account in self.names or person is None:
            return self.names[account]
        return person.public_id, person.full_name

    def named(self, account: int, recorded: str) -> str:
        """A name as a record of this account has it, after the one that stands where the account was merged."""
        alias = self.aliases.get(account)
        stands = alias.merged_into.full_name if alias and alias.merged_into else recorded
        if stands == recorded or (alias and alias.erased_at):
            return stands
        return f"{stands}, formerly recorded as {recorded}"

    @cached_property
    def worked(self) -> dict[int, list[Worked]]:
        """By person, who worked in the clinics on one of the days; people by name, their memberships from the first on."""
        rows = (
            Membership.objects.filter(clinic__in=self.clinic_ids, began_at__lte=self.until, **self.of_person("person"))
            .filter(Q(ended_at=None) | Q(ended_at__gte=self.since))
            .select_related("person", "clinic")
            .order_by("began_at", "pk")
        )
        roles = self._roles(rows)
        found: dict[int, list[Worked]] = defaultdict(list)
        for row in rows:
            kept = self.kept(row.person_id)
            person = row.person if kept == row.person_id else self.aliases[row.person_id].merged_into or row.person
            found[kept].append(
                Worked(
                    person_id=kept,
                    public_id=person.public_id,
                    name=person.full_name,
                    recorded_as=self.named(row.person_id, row.person.full_name),
                    latin_name=person.latin_name,
                    clinic_id=row.clinic_id,
                    clinic=row.clinic.name,
                    job_title=row.job_title,
                    hired_on=row.hired_on,
                    began_at=row.began_at,
                    ended_at=row.ended_at if row.ended_at and row.ended_at <= self.until else None,
                    roles=", ".join(sorted(roles[row.pk])),
                )
            )
        return dict(sorted(found.items(), key=lambda pair: (pair[1][0].name.casefold(), pair[1][0].public_id)))

    def _roles(self, members: "QuerySet[Membership]") -> dict[int, set[str]]:
        """A role that ended with its membership counts; one that was taken back before does not."""
        found: dict[int, set[str]] = defaultdict(set)
        rows = MembershipRole.objects.filter(membership__in=members, granted_at__lte=self.until)
        kept = rows.select_related("membership").order_by("pk")
        for row in kept:
            ended = row.membership.ended_at
            last = min(self.until, ended) if ended else self.until
            if row.ended_at is None or row.ended_at >= last:
                found[row.membership_id].add(str(Role(row.role).label))
        return found

    @cached_property
    def names(self) -> dict[int, tuple[str, str]]:
        """Key and name of everybody of the scope."""
        found = {pk: (rows[0].public_id, rows[0].name) for pk, rows in self.worked.items()}
        if self.person:
            found.setdefault(self.person.pk, (self.person.public_id, self.person.full_name))
        return found

    def people(self) -> Iterator[list[int]]:
        """Everybody of the scope by name, some at a time."""
        return in_pieces(list(self.names), PEOPLE)

    def job_title(self, person_id: int, clinic_id: int | None, at: datetime) -> str | None:
        """What she was there then; None where she did not work in the clinic (in none, if none is named)."""
        rows = self.worked.get(self.kept(person_id), [])
        fitting = [row for row in rows if clinic_id in (None, row.clinic_id) and row.covers(at)]
        return fitting[-1].job_title if fitting else None


def clinic_scope(clinic: Clinic, *, from_on: date | None, to_on: date, asked_at: datetime | None = None) -> Scope:
    """A clinic to the end of a day, or to the moment of asking where the day is not over."""
    asked = asked_at or clock.now()
    end = datetime.combine(to_on + timedelta(days=1), time(), ZoneInfo(clinic.zone)) - timedelta(microseconds=1)
    return Scope((clinic,), from_on, to_on, min(end, asked))


def in_pieces(rows: Sequence[Any], size: int) -> Iterator[list[Any]]:
    return (list(rows[start : start + size]) for start in range(0, len(rows), size))
