"""Whether a person may start an attempt now, and if not, why and from when. Pure: facts in, a verdict out."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Retest:
    """A critical re-test that the last attempt opened. `passage` is the title of the section to be read again first."""

    point: str
    passage: str
    section: str
    items: int
    read_again: bool = False


@dataclass(frozen=True)
class Standing:
    """What is known about this person and this quiz.

    `unread` are titles of sections not confirmed, `reread` of passages missed last time and not confirmed since. A voided
    attempt uses up none and keeps its number.
    """

    attempts_allowed: int
    attempts_used: int
    attempts_voided: int = 0
    open_attempt: str = ""
    last_ended_at: datetime | None = None
    zone: str = "UTC"
    next_day_hour: int = 6
    opened_early: bool = False
    unread: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    closed: bool = False
    retest: Retest | None = None
    unfillable: str = ""


@dataclass(frozen=True)
class Verdict:
    """`code` says what is next; `opens_at` goes with wait.

    start, resume, read, reread, wait, locked, closed, unfillable; retest, and retest-read before it.
    """

    code: str
    opens_at: datetime | None = None

    @property
    def may_start(self) -> bool:
        return self.code in ("start", "resume", "retest")


def next_opening(ended_at: datetime, zone: str, hour: int) -> datetime:
    """`hour` o'clock of the calendar day after `ended_at`, in the clinic's zone."""
    local = ended_at.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date() + timedelta(days=1), time(hour), tzinfo=ZoneInfo(zone))


def verdict(standing: Standing, now: datetime) -> Verdict:
    if standing.open_attempt:
        return Verdict("resume")
    if standing.closed:
        return Verdict("closed")
    if standing.retest:
        if standing.unread:
            return Verdict("read")
        return Verdict("retest" if standing.retest.read_again else "retest-read")
    if standing.attempts_used >= standing.attempts_allowed:
        return Verdict("locked")
    if standing.unread:
        return Verdict("read")
    if standing.reread:
        return Verdict("reread")
    if standing.last_ended_at and not standing.opened_early:
        opens_at = next_opening(standing.last_ended_at, standing.zone, standing.next_day_hour)
        if now < opens_at:
            return Verdict("wait", opens_at)
    if standing.unfillable:
        return Verdict("unfillable")
    return Verdict("start")
