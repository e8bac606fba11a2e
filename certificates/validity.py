"""From when to when a certificate holds, and what state it is in at any instant. Pure; whole days in the clinic's zone."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def valid_through(start: date, months: int) -> date:
    """The last valid day: the day before the anniversary; where that day does not exist, its month's last day.

    1 May 2026 and 12 months: 30 April 2027. 29 February 2028 and 12 months: 28 February 2029.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    month += 1
    last = monthrange(year, month)[1]
    if start.day > last:
        return date(year, month, last)
    return date(year, month, start.day) - timedelta(days=1)


def term(passed_on: date, *, months: int, days: int | None = None, old_end: date | None = None) -> tuple[date, date]:
    """First and last valid day of a certificate earned on `passed_on`.

    With `days`, through completion and that many days (sterilisation, which supports OSHA's annual rule). Otherwise a
    renewal in time counts from the old end, so that being early costs nothing.
    """
    if days is not None:
        return passed_on, passed_on + timedelta(days=days)
    if old_end is not None and old_end >= passed_on:
        return passed_on, valid_through(old_end + timedelta(days=1), months)
    return passed_on, valid_through(passed_on, months)


@dataclass(frozen=True)
class Event:
    kind: str
    effective_at: datetime


@dataclass(frozen=True)
class Holding:
    """The frozen dates of a certificate and what happened to it since.

    `superseded_at`: when a newer one of the same person and quiz was issued, as a renewal or a corrected copy. Should the
    newer one be suspended or revoked, the older one does not come back.
    """

    valid_from_on: date
    valid_until_on: date
    zone: str
    renewal_days: int
    events: Sequence[Event] = ()
    superseded_at: datetime | None = None


def state(holding: Holding, at: datetime) -> str:
    """The first that matches: revoked, suspended, superseded, ended, not-yet-valid, expired, supervision-pending (for thirty
    days, then suspended), expiring, valid."""
    happened = [
        event.kind for event in sorted(holding.events, key=lambda e: e.effective_at) if event.effective_at <= at
    ]
    if "revoked" in happened:
        return "revoked"
    if happened.count("suspended") and [k for k in happened if k in ("suspended", "lifted")][-1] == "suspended":
        return "suspended"
    if holding.superseded_at is not None and holding.superseded_at <= at:
        return "superseded"
    if "ended" in happened:
        return "ended"
    zone = ZoneInfo(holding.zone)
    if at < datetime.combine(holding.valid_from_on, time.min, tzinfo=zone):
        return "not-yet-valid"
    if at >= datetime.combine(holding.valid_until_on + timedelta(days=1), time.min, tzinfo=zone):
        return "expired"
    supervised = [e for e in sorted(holding.events, key=lambda e: e.effective_at) if e.kind in ("pending", "endorsed")]
    since = [event for event in supervised if event.effective_at <= at][-1:]
    if since and since[0].kind == "pending":
        return "supervision-pending" if at < successor_by(since[0]) else "suspended"
    if at >= datetime.combine(renewal_opens_on(holding), time.min, tzinfo=zone):
        return "expiring"
    return "valid"


def successor_by(event: Event) -> datetime:
    """Until when a successor may endorse again before the certificate is held."""
    return event.effective_at + timedelta(days=SUCCESSOR_DAYS)


def renewal_opens_on(holding: Holding) -> date:
    return holding.valid_until_on - timedelta(days=holding.renewal_days)


IN_FORCE = ("valid", "expiring")
SUCCESSOR_DAYS = 30
