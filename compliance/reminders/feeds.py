"""Calendar feeds: an address is made, shown once, renewed and taken back; and what is read at it."""

import hashlib
import secrets
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from compliance.models import CalendarFeed
from compliance.queries import board_for, board_of
from compliance.reminders import icalendar
from compliance.reminders.icalendar import Event
from compliance.reminders.sending import matters_of
from compliance.reminders.timing import without_doubles
from compliance.reminders.wording import plain
from staff import audit, clock
from staff.access import clinics_as, memberships
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import plural

SECRET_BYTES = 24  # 192 random bits
PAST_DAYS = 31
OWN = {
    "due": "{title}: last day to hold it",
    "expiry": "{title}: last day of the certificate",
    "licence": "{title}: last day",
    "task": "{title}: last day to read it again",
}
OF_A_CLINIC = {
    "due": "{title}: due, {people}",
    "expiry": "{title}: last day of the certificate, {people}",
    "licence": "{title}: last day, {people}",
    "task": "{title}: to be read again, {people}",
}


@dataclass(frozen=True)
class Offered:
    """A feed that somebody may have: her own days, or those of a clinic that she manages."""

    clinic: Clinic | None
    feed: CalendarFeed | None

    @property
    def title(self) -> str:
        return f"The days of {self.clinic}" if self.clinic else "My own days"


def offered_to(person: StaffMember) -> list[Offered]:
    clinics: list[Clinic | None] = [None, *clinics_as(person, Role.MANAGER)]
    running = {feed.clinic_id: feed for feed in CalendarFeed.objects.filter(person=person, ended_at=None)}
    return [Offered(clinic, running.get(clinic.pk if clinic else None)) for clinic in clinics]


@transaction.atomic
def make(*, clinic: Clinic | None, by: StaffMember) -> str:
    """A new address, which ends the one before; the only time that it can be read."""
    StaffMember.objects.select_for_update().get(pk=by.pk)
    end(clinic=clinic, by=by)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    feed = CalendarFeed.objects.create(person=by, clinic=clinic, address_sha256=hashed(secret), made_at=clock.now())
    audit.record(clinic=_told_at(clinic, by), by=by, action="calendar.made", subject=feed, body=told_of(feed))
    return f"{settings.SITE_URL}{reverse('compliance:calendar-feed', args=[secret])}"


@transaction.atomic
def end(*, clinic: Clinic | None, by: StaffMember) -> bool:
    """From now on nothing is read at it; whether there was one."""
    feed = CalendarFeed.objects.select_for_update().filter(person=by, clinic=clinic, ended_at=None).first()
    if feed is None:
        return False
    feed.ended_at, feed.ended_by = clock.now(), by
    feed.save(update_fields=["ended_at", "ended_by"])
    audit.record(clinic=_told_at(clinic, by), by=by, action="calendar.ended", subject=feed, body=told_of(feed))
    return True


@transaction.atomic
def end_all(*, person: StaffMember, told_at: Clinic, by: StaffMember) -> None:
    """Of somebody who left: while she is away nothing is read there, and when she comes back it stays so."""
    for feed in CalendarFeed.objects.select_for_update(of=("self",)).filter(person=person, ended_at=None):
        feed.ended_at, feed.ended_by = clock.now(), by
        feed.save(update_fields=["ended_at", "ended_by"])
        audit.record(clinic=feed.clinic or told_at, by=by, action="calendar.ended", subject=feed, body=told_of(feed))


def _told_at(clinic: Clinic | None, by: StaffMember) -> Clinic | None:
    """The chain that tells of it: the clinic's, else that of her first."""
    held = memberships(by)
    return clinic or (held[0].clinic if held else None)


def told_of(feed: CalendarFeed) -> dict[str, object]:
    return {"clinic": feed.clinic_id, "address_sha256": feed.address_sha256}


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find(secret: str) -> CalendarFeed | None:
    """The feed at this address, if it holds: not taken back, the person still here, and still the manager."""
    rows = CalendarFeed.objects.filter(address_sha256=hashed(secret), ended_at=None, person__is_active=True)
    feed = rows.select_related("person", "clinic").first()
    if feed and feed.clinic and feed.clinic not in clinics_as(feed.person, Role.MANAGER):
        return None
    return feed


def file_of(feed: CalendarFeed) -> bytes:
    """The feed as it stands today, the same bytes as long as no day changes."""
    events = _clinics(feed.clinic) if feed.clinic else _own(feed.person)
    name = f"Pinpoint, {feed.clinic}" if feed.clinic else "Pinpoint"
    return icalendar.calendar(name=name, events=events, stamp=feed.made_at)


def _own(person: StaffMember) -> list[Event]:
    """No name stands in it: the calendar is hers. What was withdrawn has no day to come."""
    found = matters_of(board_for(person).rows, away=True)
    url = f"{settings.SITE_URL}{reverse('compliance:home')}"
    return [
        Event(
            _uid(person.public_id, matter.kind, matter.requirement, matter.cycle),
            matter.day,
            OWN[matter.kind].format(title=matter.title),
            url,
        )
        for matter in without_doubles(matter for some in found.values() for matter in some)
        if matter.kind in OWN
    ]


def _clinics(clinic: Clinic) -> list[Event]:
    """How many people have the day, never who: a calendar is often kept by somebody else. Days up to a month ago."""
    people: dict[tuple[date, str, str], set[int]] = defaultdict(set)
    first = clock.today(clinic.zone) - timedelta(days=PAST_DAYS)
    for some in matters_of(board_of([clinic]).rows, away=True).values():
        for matter in some:
            if matter.kind in OF_A_CLINIC and matter.day >= first:
                people[matter.day, matter.title, matter.kind].add(matter.about)
    url = f"{settings.SITE_URL}{reverse('compliance:reminder-next')}"
    return [
        Event(
            _uid(clinic.public_id, kind, title, day.isoformat()),
            day,
            plain(OF_A_CLINIC[kind].format(title=title, people=plural(len(held), "person,people"))),
            url,
        )
        for (day, title, kind), held in sorted(people.items())
    ]


def _uid(*parts: str) -> str:
    return f"{hashed('|'.join(parts))[:32]}@{urlsplit(settings.SITE_URL).hostname}"
