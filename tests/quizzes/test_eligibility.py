from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quizzes.eligibility import Retest, Standing, next_opening, verdict

DENVER = ZoneInfo("America/Denver")
NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
FRESH = Standing(attempts_allowed=3, attempts_used=0, zone="America/Denver")
RETEST = Retest(point="nd-17", passage="Depth", section="depth", items=3)
AGAIN = replace(RETEST, read_again=True)
FAILED = replace(FRESH, attempts_used=1, last_ended_at=NOW - timedelta(hours=1))
OPENS = datetime(2026, 11, 3, 6, tzinfo=DENVER)


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        pytest.param(FRESH, "start", id="everything read"),
        pytest.param(replace(FRESH, unread=("Depth",)), "read", id="a section unread"),
        pytest.param(replace(FRESH, open_attempt="abc"), "resume", id="an attempt open"),
        pytest.param(replace(FRESH, open_attempt="abc", closed=True, unread=("Depth",)), "resume", id="open wins"),
        pytest.param(replace(FRESH, closed=True), "closed", id="passed and not due"),
        pytest.param(replace(FRESH, closed=True, attempts_used=3), "closed", id="closed before locked"),
        pytest.param(replace(FRESH, unfillable="a cell"), "unfillable", id="no form possible"),
        pytest.param(FAILED, "wait", id="failed an hour ago"),
        pytest.param(replace(FAILED, opened_early=True), "start", id="opened early"),
        pytest.param(replace(FAILED, reread=("Depth",)), "reread", id="passage not confirmed again"),
        pytest.param(replace(FAILED, reread=("Depth",), opened_early=True), "reread", id="early, passage still first"),
        pytest.param(replace(FAILED, unread=("Depth",), reread=("Depth",)), "read", id="changed since"),
        pytest.param(replace(FAILED, attempts_used=2), "wait", id="second attempt failed"),
        pytest.param(replace(FAILED, attempts_used=3), "locked", id="all used"),
        pytest.param(replace(FAILED, attempts_used=3, opened_early=True), "locked", id="early does not unlock"),
        pytest.param(replace(FAILED, attempts_used=3, reread=("Depth",)), "locked", id="locked before reading"),
        pytest.param(replace(FAILED, attempts_used=3, attempts_allowed=5), "wait", id="two more opened"),
        pytest.param(replace(FAILED, attempts_used=5, attempts_allowed=5), "locked", id="those used too"),
        pytest.param(replace(FAILED, retest=RETEST), "retest-read", id="one critical miss, passage not read again"),
        pytest.param(replace(FAILED, retest=AGAIN), "retest", id="passage read again: no waiting"),
        pytest.param(replace(FAILED, retest=AGAIN, attempts_used=3), "retest", id="a re-test before the lock"),
        pytest.param(replace(FAILED, retest=AGAIN, reread=("Other",)), "retest", id="other passages can wait"),
        pytest.param(replace(FAILED, retest=AGAIN, unread=("New",)), "read", id="new text before the re-test"),
        pytest.param(replace(FAILED, retest=AGAIN, open_attempt="abc"), "resume", id="the re-test is open"),
    ],
)
def test_verdict(standing, code):
    found = verdict(standing, NOW)
    assert found.code == code
    assert found.may_start is (code in ("start", "resume", "retest"))
    assert found.opens_at == (OPENS if code == "wait" else None)


@pytest.mark.parametrize(
    ("before", "code"),
    [(timedelta(seconds=1), "wait"), (timedelta(microseconds=1), "wait"), (timedelta(0), "start")],
)
def test_next_attempt_opens_at_six(before, code):
    assert verdict(FAILED, OPENS - before).code == code


@pytest.mark.parametrize(
    ("ended", "opens_utc"),
    [
        pytest.param(datetime(2026, 6, 1, 23, 59, 59, tzinfo=DENVER), "2026-06-02 12:00", id="last second of the day"),
        pytest.param(datetime(2026, 6, 2, 0, 0, tzinfo=DENVER), "2026-06-03 12:00", id="midnight"),
        pytest.param(
            datetime(2026, 6, 2, 5, 0, tzinfo=DENVER), "2026-06-03 12:00", id="before six, still the next day"
        ),
        pytest.param(datetime(2026, 12, 31, 20, 0, tzinfo=DENVER), "2027-01-01 13:00", id="year's end"),
        pytest.param(datetime(2028, 2, 28, 9, 0, tzinfo=DENVER), "2028-02-29 13:00", id="leap day"),
        pytest.param(datetime(2026, 3, 7, 20, 0, tzinfo=DENVER), "2026-03-08 12:00", id="clocks go forward overnight"),
        pytest.param(datetime(2026, 3, 8, 1, 30, tzinfo=DENVER), "2026-03-09 12:00", id="just before they do"),
        pytest.param(datetime(2026, 10, 31, 20, 0, tzinfo=DENVER), "2026-11-01 13:00", id="clocks go back overnight"),
        pytest.param(datetime(2026, 11, 1, 1, 30, tzinfo=DENVER), "2026-11-02 13:00", id="first half past one"),
        pytest.param(
            datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=DENVER), "2026-11-02 13:00", id="second half past one"
        ),
    ],
)
def test_next_opening_in_denver(ended, opens_utc):
    opens = next_opening(ended.astimezone(UTC), "America/Denver", 6)
    assert opens.astimezone(UTC) == datetime.fromisoformat(opens_utc).replace(tzinfo=UTC)
    assert (opens.hour, opens.minute) == (6, 0)


def test_next_opening_follows_the_clinics_day():
    """03:00 UTC is still the evening before in Denver and already the next day in London."""
    ended = datetime(2026, 6, 2, 3, 0, tzinfo=UTC)
    assert next_opening(ended, "America/Denver", 6).date().isoformat() == "2026-06-02"
    assert next_opening(ended, "Europe/London", 6).date().isoformat() == "2026-06-03"
