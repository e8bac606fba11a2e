"""When somebody is reminded of what. Pure: matters, days and what was sent go in; what is owed now comes out.

A matter is reminded of at 30 and 7 days before its day, on the first day after it, and every seventh day from then on. A
step is owed from its day until the next step's, and until it was sent: a night that was missed is made up for, and a step
that was missed altogether is not sent after the next one.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

BEFORE = (30, 7)
FIRST_LATE = -1
WEEK = 7
ESCALATED = FIRST_LATE - WEEK
SETTLING_DAYS = 7

Sent = tuple[int, str, str, str, int]  # about, kind, requirement, cycle, step


@dataclass(frozen=True)
class Matter:
    """Something that a person is to do by a day. `about` is her id, `clinic` that of the clinic that asks for it, where
    she works since `began_on`.

    `state` is the exact state that stands in the matrix; `withdrawn` matters have no day before which to remind. `again`: it is
    asked after an incident.
    """

    about: int
    clinic: int
    kind: str
    requirement: str
    cycle: str
    title: str
    day: date
    began_on: date
    state: str = ""
    again: bool = False

    def sent_as(self, step: int, kind: str = "") -> Sent:
        return self.about, kind or self.kind, self.requirement, self.cycle, step


def step_at(days_left: int) -> int | None:
    """The last step that has come."""
    if days_left < 0:
        return FIRST_LATE - WEEK * ((FIRST_LATE - days_left) // WEEK)
    return next((step for step in sorted(BEFORE) if days_left <= step), None)


def owed(matter: Matter, today: date, sent: Collection[Sent]) -> int | None:
    """The step that is to be sent today, if any. On her first day nobody is reminded of anything, and in her first week
    of nothing that is late already."""
    step = current(matter, today)
    if step is None or matter.sent_as(step) in sent or today <= matter.began_on:
        return None
    if step < 0 and today < matter.began_on + timedelta(days=SETTLING_DAYS):
        return None
    return step


def escalates(matter: Matter, today: date) -> bool:
    """Late for more than a week, and not because she has only just begun: her manager hears of it, once."""
    step = current(matter, today)
    return step is not None and step <= ESCALATED and today >= matter.began_on + timedelta(days=2 * SETTLING_DAYS)


def next_on(matter: Matter, today: date, sent: Collection[Sent]) -> date:
    """The day of the next reminder, as things stand; today where one is owed."""
    day = today
    while owed(matter, day, sent) is None:
        day = _turn_after(matter, day)
    return day


def current(matter: Matter, today: date) -> int | None:
    """The matter's last step that has come, sent or not."""
    step = step_at((matter.day - today).days)
    return None if matter.kind == "withdrawn" and step is not None and step >= 0 else step


def _turn_after(matter: Matter, day: date) -> date:
    """The next day after `day` on which the answer may be another one."""
    turns = [matter.day - timedelta(days=step) for step in (*BEFORE, FIRST_LATE)]
    turns += [matter.began_on + timedelta(days=1), matter.began_on + timedelta(days=SETTLING_DAYS)]
    late = (day - matter.day).days
    if late >= 1:
        turns.append(matter.day + timedelta(days=1 + WEEK * ((late - 1) // WEEK + 1)))
    return min(turn for turn in turns if turn > day)


@dataclass(frozen=True)
class Hours:
    """When mail may go out, in the clinic's zone, and on which weekday (0 is Monday) its digest begins."""

    from_hour: int = 8
    until_hour: int = 18
    digest_weekday: int = 0

    def open_at(self, instant: datetime, zone: str) -> bool:
        return self.from_hour <= instant.astimezone(ZoneInfo(zone)).hour < self.until_hour

    def next_open(self, instant: datetime, zone: str) -> datetime:
        """The instant itself, or the first one after it that is open; through a change of the clocks as well."""
        at = instant
        while not self.open_at(at, zone):
            at = (at + timedelta(minutes=15)).replace(second=0, microsecond=0)
            at -= timedelta(minutes=at.minute % 15)
        return at

    def digest_week(self, today: date) -> date:
        """The first day of the digest's week in which `today` lies."""
        return today - timedelta(days=(today.weekday() - self.digest_weekday) % WEEK)


def without_doubles(matters: Iterable[Matter]) -> list[Matter]:
    """Somebody who works in two clinics is told once of a certificate that both rest on; the soonest first."""
    once: dict[Sent, Matter] = {}
    for matter in sorted(matters, key=lambda row: (row.day, row.title, row.cycle, row.clinic)):
        once.setdefault(matter.sent_as(0), matter)
    return list(once.values())
