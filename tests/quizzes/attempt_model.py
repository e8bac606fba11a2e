"""What taking a quiz is meant to be, in memory: no database, no site. Hypothesis holds the site against it.

One person, one quiz of one section with six items, three attempts. Each method returns what the site should say.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ITEMS = 6
CUT = 5
ATTEMPTS = 3
TALK_OPENS = 2
OPEN = timedelta(hours=24)
GRACE = timedelta(seconds=60)
ZONE = ZoneInfo("America/Denver")
OPENS_AT = time(6)


@dataclass
class Answer:
    """`right` is whether the option is the key; `saves` are what was stored, by the client's key."""

    token: str = ""
    right: bool = False
    revision: int = 0
    flagged: bool = False
    saves: dict[str, tuple[int, str]] = field(default_factory=dict)


@dataclass
class Sheet:
    number: int
    started_at: datetime
    critical: frozenset[int]
    answers: list[Answer] = field(default_factory=lambda: [Answer() for _ in range(ITEMS)])
    state: str = "open"
    ended_at: datetime | None = None

    @property
    def deadline_at(self) -> datetime:
        return self.started_at + OPEN

    @property
    def points(self) -> int:
        return sum(answer.right for answer in self.answers)

    @property
    def passed(self) -> bool:
        return self.points >= CUT and all(self.answers[position - 1].right for position in self.critical)

    def late(self, now: datetime) -> bool:
        return now > self.deadline_at + GRACE


@dataclass
class Model:
    now: datetime
    sheets: list[Sheet] = field(default_factory=list)
    read_at: datetime | None = None
    extra: int = 0
    granted_at: datetime | None = None
    left: bool = False

    @property
    def last(self) -> Sheet | None:
        return self.sheets[-1] if self.sheets else None

    @property
    def open(self) -> Sheet | None:
        return self.last if self.last and self.last.state == "open" else None

    @property
    def passed(self) -> bool:
        return any(sheet.state != "open" and sheet.passed for sheet in self.sheets)

    @property
    def all_used(self) -> bool:
        return len(self.sheets) >= ATTEMPTS + self.extra

    @property
    def opens_at(self) -> datetime | None:
        """When the next attempt opens, where the clock alone is in the way."""
        if self.last is None or self.last.ended_at is None:
            return None
        if self.granted_at and self.granted_at >= self.last.ended_at:
            return None
        day = self.last.ended_at.astimezone(ZONE).date() + timedelta(days=1)
        return datetime.combine(day, OPENS_AT, tzinfo=ZONE).astimezone(UTC)

    def verdict(self) -> str:
        if self.open:
            return "resume"
        if self.passed:
            return "closed"
        if self.all_used:
            return "locked"
        if self.read_at is None:
            return "read"
        if self.last and self.last.ended_at and self.last.points < ITEMS and self.read_at <= self.last.ended_at:
            return "reread"
        if self.opens_at and self.now < self.opens_at:
            return "wait"
        return "start"

    # The steps

    def read(self) -> None:
        self.read_at = self.now

    def start(self, critical: frozenset[int]) -> str:
        """`critical` are the positions that the draw gave to critical points, if there was one."""
        said = self.verdict()
        if said == "start":
            self.sheets.append(Sheet(len(self.sheets) + 1, self.now, critical))
        return said

    def save(self, position: int, token: str, *, right: bool, known: bool, base: int, key: str) -> tuple[str, int]:
        """`known`: the token is one of the item's. What is said, and the revision that goes with it."""
        sheet = self.last
        assert sheet
        answer = sheet.answers[position - 1]
        repeated = answer.saves.get(key) == (answer.revision, token)
        if base != answer.revision:
            if repeated:
                return "saved", answer.revision
            if sheet.state == "open":
                return "stale", answer.revision
        if sheet.state != "open" or sheet.late(self.now):
            return "ended", 0
        if token and not known:
            return "unknown", 0
        if key in answer.saves:
            return ("saved", answer.revision) if repeated else ("stale", answer.revision)
        answer.revision += 1
        answer.token, answer.right = token, right
        answer.saves[key] = (answer.revision, token)
        return "saved", answer.revision

    def flag(self, position: int, flagged: bool) -> str:
        sheet = self.last
        assert sheet
        if sheet.state != "open":
            return "ended"
        sheet.answers[position - 1].flagged = flagged
        return "kept"

    def submit(self) -> tuple[str, int, bool]:
        sheet = self.last
        assert sheet
        if sheet.state == "open":
            self._end(sheet, "submitted")
        return sheet.state, sheet.points, sheet.passed

    def tick(self) -> None:
        if self.open and self.open.late(self.now):
            self._end(self.open, "expired")

    def talk(self) -> str:
        if self.open or self.passed or self.left or not self.all_used:
            return "refused"
        self.extra += TALK_OPENS
        self.granted_at = self.now
        return "granted"

    def early(self) -> str:
        """Only the clock is in the way, whatever is still to be read."""
        waits = self.opens_at is not None and self.now < self.opens_at
        if self.open or self.passed or self.left or self.all_used or not waits:
            return "refused"
        self.granted_at = self.now
        return "granted"

    def leave(self) -> None:
        self.left = True
        if self.open:
            self._end(self.open, "expired")

    def _end(self, sheet: Sheet, state: str) -> None:
        if sheet.late(self.now):
            sheet.state, sheet.ended_at = "expired", sheet.deadline_at
        else:
            sheet.state, sheet.ended_at = state, self.now
