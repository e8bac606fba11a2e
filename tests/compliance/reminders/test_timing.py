"""When somebody is reminded: the steps one by one, and a model over random nights that are missed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compliance.reminders import timing
from compliance.reminders.timing import Hours, Matter, owed, step_at

DAY = date(2026, 6, 15)
LONG_AGO = date(2026, 1, 1)


def matter(kind: str = "due", day: date = DAY, began_on: date = LONG_AGO, **fields) -> Matter:
    return Matter(1, 1, kind, "needle-depth", day.isoformat(), "Needle depth", day, began_on, **fields)


@pytest.mark.parametrize(
    ("days_left", "step"),
    [
        (31, None), (30, 30), (8, 30), (7, 7), (0, 7), (-1, -1), (-7, -1), (-8, -8), (-14, -8), (-15, -15), (-400, -400),
    ],
)  # fmt: skip
def test_the_step_that_has_come(days_left, step):
    assert step_at(days_left) == step


def test_a_step_is_owed_until_it_was_sent():
    late = DAY - timedelta(days=26)
    assert owed(matter(), late, set()) == 30
    assert owed(matter(), late, {matter().sent_as(30)}) is None
    assert owed(matter(), DAY - timedelta(days=7), {matter().sent_as(30)}) == 7


@pytest.mark.parametrize(
    ("since", "step"),
    [(0, None), (1, None), (6, None), (7, -15)],
    ids=["the first day", "the second", "in the first week", "after it"],
)
def test_who_has_just_begun_is_not_told_of_what_is_late(since, step):
    begun = DAY + timedelta(days=8)
    assert owed(matter(began_on=begun), begun + timedelta(days=since), set()) == step


def test_who_has_just_begun_hears_the_next_day_of_what_is_to_come():
    begun = DAY - timedelta(days=30)
    assert owed(matter(began_on=begun), begun, set()) is None
    assert owed(matter(began_on=begun), begun + timedelta(days=1), set()) == 30


def test_what_was_withdrawn_has_no_day_before():
    held = matter("withdrawn")
    assert owed(held, DAY, set()) is None
    assert owed(held, DAY + timedelta(days=1), set()) == -1


@pytest.mark.parametrize(("days", "told"), [(7, False), (8, True), (100, True)])
def test_the_manager_hears_after_a_week(days, told):
    assert timing.escalates(matter(), DAY + timedelta(days=days)) is told


def test_the_manager_does_not_hear_of_who_has_just_begun():
    begun = DAY + timedelta(days=8)
    assert not timing.escalates(matter(began_on=begun), begun + timedelta(days=13))
    assert timing.escalates(matter(began_on=begun), begun + timedelta(days=14))


@given(
    up=st.lists(st.integers(-40, 60), min_size=1, max_size=60, unique=True),
    kind=st.sampled_from(["due", "withdrawn"]),
    began=st.integers(-60, 20),
)
@example(up=[-30, -29, -7, 0, 1, 8], kind="due", began=-60)
@example(up=[-5], kind="due", began=-60)
def test_over_any_nights_each_step_goes_out_once_and_none_that_has_come_is_lost(up, kind, began):
    """`up` are the days, counted from the day itself, on which the site ran; on the others nothing did."""
    one = matter(kind, began_on=DAY + timedelta(days=began))
    sent: list[timing.Sent] = []
    for days in sorted(up):
        today = DAY + timedelta(days=days)
        expected = timing.next_on(one, today, set(sent)) == today
        for first in (True, False):  # a second tick on the same day
            step = owed(one, today, set(sent))
            assert (step is not None) == (expected and first)
            if step is not None:
                sent.append(one.sent_as(step))
        settled = today >= one.began_on + timedelta(days=7)
        has_come = timing.current(one, today)
        if settled and has_come is not None:
            assert one.sent_as(has_come) in sent
        assert timing.next_on(one, today, set(sent)) > today
    assert len(sent) == len(set(sent))
    assert [entry[4] for entry in sent] == sorted((entry[4] for entry in sent), reverse=True)


HOURS = Hours(8, 18, 0)


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        (datetime(2026, 6, 15, 14, 0, tzinfo=UTC), "America/Denver", datetime(2026, 6, 15, 14, 0, tzinfo=UTC)),
        (datetime(2026, 6, 15, 13, 59, tzinfo=UTC), "America/Denver", datetime(2026, 6, 15, 14, 0, tzinfo=UTC)),
        (datetime(2026, 6, 16, 0, 0, tzinfo=UTC), "America/Denver", datetime(2026, 6, 16, 14, 0, tzinfo=UTC)),
        (datetime(2026, 10, 31, 23, 0, tzinfo=UTC), "America/Denver", datetime(2026, 10, 31, 23, 0, tzinfo=UTC)),
        (datetime(2026, 11, 1, 1, 0, tzinfo=UTC), "America/Denver", datetime(2026, 11, 1, 15, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 20, 0, tzinfo=UTC), "Europe/London", datetime(2026, 3, 29, 7, 0, tzinfo=UTC)),
        (datetime(2026, 6, 15, 1, 0, tzinfo=UTC), "Asia/Kathmandu", datetime(2026, 6, 15, 2, 15, tzinfo=UTC)),
    ],
    ids=["open", "a minute early", "at the end", "before the clocks change", "over it", "over the other", "odd zone"],
)
def test_the_next_open_hour(instant, zone, expected):
    assert HOURS.next_open(instant, zone) == expected
    assert HOURS.open_at(expected, zone)


@given(st.integers(0, 23), st.integers(1, 24), st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)))
@example(2, 3, datetime(2026, 3, 8, 8, 0))  # 2:00 to 3:00 is not there that day
def test_some_hour_is_always_found(first, last, naive):
    hours = Hours(min(first, last - 1), last)
    instant = naive.replace(tzinfo=UTC)
    found = hours.next_open(instant, "America/Denver")
    assert found >= instant
    assert hours.from_hour <= found.astimezone(ZoneInfo("America/Denver")).hour < hours.until_hour
    assert found - instant <= timedelta(hours=48)


@pytest.mark.parametrize(("weekday", "week"), [(0, date(2026, 6, 15)), (2, date(2026, 6, 17)), (3, date(2026, 6, 11))])
def test_the_week_of_a_digest(weekday, week):
    assert Hours(digest_weekday=weekday).digest_week(date(2026, 6, 17)) == week


def test_told_once_of_what_two_clinics_ask():
    one, other = matter(), Matter(1, 2, "due", "needle-depth", DAY.isoformat(), "Needle depth", DAY, LONG_AGO)
    assert timing.without_doubles([other, one]) == [one]
