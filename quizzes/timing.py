"""Until when an attempt is open, and when it is too late. Pure; whole minutes, rounded up in the person's favour."""

from datetime import datetime, timedelta


def tighter(*limits: int | None) -> int | None:
    """The shortest of the clocks that are set: a clinic may tighten the quiz's own, never loosen it."""
    return min((limit for limit in limits if limit is not None), default=None)


def share(limit: int | None, items: int, whole: int) -> int | None:
    """A clock is for the whole form; a re-test has its items' share of it."""
    return None if limit is None else max(1, -(-limit * items // whole))


def extended(limit: int, percent: int) -> int:
    """With extra time: 45 minutes and 150 % are 68."""
    return -(-limit * percent // 100)


def deadline(started_at: datetime, limit: int | None, open_minutes: int, percent: int = 100) -> datetime:
    """Extra time belongs to a clock; without one the attempt is open for so many minutes anyhow."""
    minutes = open_minutes if limit is None else extended(limit, percent)
    return started_at + timedelta(minutes=minutes)
