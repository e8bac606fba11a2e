"""What taking a quiz is meant to be, in memory: no database, no site. Hypothesis holds the site against it.

One person, one quiz of one section with six items, three attempts and a re-test of three items. Each method returns what the
site should say.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ITEMS = 6
CUT = 5
ATTEMPTS = 3
RETEST_ITEMS = 3
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
    """`number` is None for the critical re-test; `critical` are the positions of items on critical points."""

    number: int | None
    started_at: datetime
    critical: frozenset[int]
    answers: list[Answer]
    state: str = "open"
    ended_at: datetime | None = None

    @property
    def deadline_at(self) -> datetime:
        return self.started_at + OPEN

    @property
    def points(self) -> int:
        return sum(answer.right for answer in self.answers)

    @property
    def critical_missed(self) -> int:
        return sum(not self.answers[position - 1].right for position in self.critical)

    @property
    def enough(self) -> bool:
        return self.points >= (CUT if self.number else RETEST_ITEMS)

    @property
    def passed(self) -> bool:
        return self.enough and not self.critical_missed

    @property
    def missed(self) -> bool:
        return self.points < len(self.answers)

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
    def full(self) -> list[Sheet]:
        return [sheet for sheet in self.sheets if sheet.number]

    @property
    def all_used(self) -> bool:
        return len(self.full) >= ATTEMPTS + self.extra

    @property
    def retest_due(self) -> bool:
        """The pass mark met, one critical miss, and no re-test yet."""
        last = self.full[-1] if self.full else None
        return bool(
            last
            and last.state != "open"
            and last.enough
            and last.critical_missed == 1
            and all(sheet.number for sheet in self.sheets)
        )

    @property
    def ended(self) -> list[Sheet]:
        """The last attempt, and the re-test that followed it."""
        after = max((n for n, sheet in enumerate(self.sheets) if sheet.number), default=0)
        return [sheet for sheet in self.sheets[after:] if sheet.ended_at]

    @property
    def to_read_again(self) -> bool:
        since = [sheet.ended_at for sheet in self.ended if sheet.ended_at and sheet.missed]
        return bool(since) and (self.read_at is None or self.read_at <= since[-1])

    @property
    def opens_at(self) -> datetime | None:
        """When the next attempt opens, where the clock alone is in the way."""
        ended = [sheet.ended_at for sheet in self.ended if sheet.ended_at]
        if not ended or (self.granted_at and self.granted_at >= max(ended)):
            return None
        day = max(ended).astimezone(ZONE).date() + timedelta(days=1)
        return datetime.combine(day, OPENS_AT, tzinfo=ZONE).astimezone(UTC)

    def verdict(self) -> str:
        if self.open:
            return "resume"
        if self.passed:
            return "closed"
        if self.retest_due:
            return "retest-read" if self.to_read_again else "retest"
        if self.all_used:
            return "locked"
        if self.read_at is None:
            return "read"
        if self.to_read_again:
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
        if said in ("start", "retest"):
            number, items = (len(self.full) + 1, ITEMS) if said == "start" else (None, RETEST_ITEMS)
            self.sheets.append(Sheet(number, self.now, critical, [Answer() for _ in range(items)]))
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
            if sheet.state == "open" and not sheet.late(self.now):
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
        if self.open or self.passed or self.left or self.retest_due or not self.all_used:
            return "refused"
        self.extra += TALK_OPENS
        self.granted_at = self.now
        return "granted"

    def early(self) -> str:
        """Only the clock is in the way, whatever is still to be read."""
        waits = self.opens_at is not None and self.now < self.opens_at
        if self.open or self.passed or self.left or self.retest_due or self.all_used or not waits:
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
