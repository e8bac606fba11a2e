"""The clock of the site under test: the machine's, turned by so many seconds as a file says."""

import time
from contextvars import ContextVar, Token
from datetime import UTC, datetime, timedelta
from pathlib import Path

from staff import clock


class Hands:
    """How far the clock is turned; written by the tool, read by every process of the site."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "turned"

    @property
    def turned(self) -> float:
        try:
            return float(self.file.read_text())
        except FileNotFoundError:
            return 0.0

    def turn(self, seconds: float) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.file)

    def site_time(self) -> float:
        return time.time() + self.turned


class _Turned:
    """Stands in for the variable that `staff.clock` reads first."""

    def __init__(self, hands: Hands, own: ContextVar[datetime | None]) -> None:
        self.hands, self.own = hands, own

    def get(self) -> datetime | None:
        turned = self.hands.turned
        return self.own.get() or (datetime.now(UTC) + timedelta(seconds=turned) if turned else None)

    def set(self, value: datetime | None) -> Token[datetime | None]:
        return self.own.set(value)

    def reset(self, token: Token[datetime | None]) -> None:
        self.own.reset(token)


def install(hands: Hands) -> None:
    clock._set = _Turned(hands, clock._set)  # type: ignore[assignment]
