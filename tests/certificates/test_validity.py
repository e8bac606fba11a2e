from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from certificates.validity import Event, Holding, renewal_opens_on, state, term, valid_through

DENVER = ZoneInfo("America/Denver")
LEAP_CYCLE = [date(2027, 1, 1) + timedelta(days=n) for n in range(4 * 365 + 1)]


def by_the_rule(start: date, months: int) -> date:
    """The rule in other words: walk the calendar day by day to the anniversary, or to where it would have been."""
    month, year = start.month + months, start.year
    while month > 12:
        month, year = month - 12, year + 1
    day = date(year, month, 1)
    while day.month == month and day.day < start.day:
        day += timedelta(days=1)
    return day - timedelta(days=1)


@pytest.mark.parametrize("months", [1, 6, 11, 12, 13, 24, 48])
def test_valid_through_every_day_of_a_leap_cycle(months):
    assert {d: valid_through(d, months) for d in LEAP_CYCLE} == {d: by_the_rule(d, months) for d in LEAP_CYCLE}


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        (date(2026, 5, 1), 12, date(2027, 4, 30)),
        (date(2026, 5, 2), 12, date(2027, 5, 1)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 28)),
        (date(2027, 2, 28), 12, date(2028, 2, 27)),
        (date(2027, 3, 1), 12, date(2028, 2, 29)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 1, 29), 1, date(2026, 2, 28)),
        (date(2028, 1, 30), 1, date(2028, 2, 29)),
        (date(2026, 12, 31), 12, date(2027, 12, 30)),
        (date(2026, 1, 1), 12, date(2026, 12, 31)),
    ],
)
def test_valid_through(start, months, last):
    assert valid_through(start, months) == last


def test_a_later_start_never_ends_earlier():
    ends = [valid_through(day, 12) for day in LEAP_CYCLE]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("passed_on", "rule", "last"),
    [
        pytest.param(date(2026, 11, 2), {"months": 12}, date(2027, 11, 1), id="first"),
        pytest.param(date(2026, 11, 2), {"months": 12, "old_end": date(2026, 12, 31)}, date(2027, 12, 31), id="early"),
        pytest.param(
            date(2026, 11, 2), {"months": 12, "old_end": date(2026, 11, 2)}, date(2027, 11, 2), id="on the last day"
        ),
        pytest.param(
            date(2026, 11, 2), {"months": 12, "old_end": date(2026, 11, 1)}, date(2027, 11, 1), id="a day late"
        ),
        pytest.param(
            date(2026, 11, 2), {"months": 12, "old_end": date(2025, 1, 1)}, date(2027, 11, 1), id="long expired"
        ),
        pytest.param(
            date(2029, 2, 1), {"months": 12, "old_end": date(2029, 2, 28)}, date(2030, 2, 28), id="after a leap day"
        ),
        pytest.param(date(2026, 11, 2), {"months": 12, "days": 364}, date(2027, 11, 1), id="sterilisation"),
        pytest.param(date(2027, 11, 2), {"months": 12, "days": 364}, date(2028, 10, 31), id="sterilisation, leap year"),
        pytest.param(
            date(2026, 11, 2),
            {"months": 12, "days": 364, "old_end": date(2026, 12, 31)},
            date(2027, 11, 1),
            id="sterilisation renewed early counts from completion",
        ),
    ],
)
def test_term(passed_on, rule, last):
    assert term(passed_on, **rule) == (passed_on, last)


SUPERSEDED = {"superseded_at": datetime(2026, 4, 1, tzinfo=UTC)}


def holding(*events, **changes):
    """A year's certificate in Denver; each event is (kind, instant)."""
    fields = {
        "valid_from_on": date(2025, 11, 2),
        "valid_until_on": date(2026, 11, 1),
        "zone": "America/Denver",
        "renewal_days": 60,
    }
    return Holding(**(fields | changes), events=[Event(kind, at) for kind, at in events])


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "local", "expected"),
    [
        pytest.param({}, datetime(2025, 11, 1, 23, 59, 59), "not-yet-valid", id="the night before"),
        pytest.param({}, datetime(2025, 11, 2, 0, 0), "valid", id="first midnight"),
        pytest.param({}, datetime(2026, 9, 1, 23, 59, 59), "valid", id="61 days before"),
        pytest.param({}, datetime(2026, 9, 2, 0, 0), "expiring", id="60 days before"),
        pytest.param({}, datetime(2026, 11, 1, 23, 59, 59), "expiring", id="last second, clocks went back that day"),
        pytest.param({}, datetime(2026, 11, 2, 0, 0), "expired", id="next midnight"),
        pytest.param(
            {"valid_until_on": date(2026, 3, 8)}, datetime(2026, 3, 8, 23, 59, 59), "expiring", id="clocks went forward"
        ),
        pytest.param({"valid_until_on": date(2026, 3, 8)}, datetime(2026, 3, 9, 0, 0), "expired", id="midnight after"),
        pytest.param(SUPERSEDED, datetime(2026, 5, 1), "superseded", id="superseded"),
        pytest.param(SUPERSEDED, datetime(2026, 3, 1), "valid", id="before it was superseded"),
        pytest.param(SUPERSEDED, datetime(2027, 5, 1), "superseded", id="superseded and over"),
        pytest.param({"renewal_days": 0}, datetime(2026, 11, 1, 0, 0), "expiring", id="no window but the last day"),
    ],
)
def test_state_at_the_boundaries(changes, local, expected):
    assert state(holding(**changes), local.replace(tzinfo=DENVER).astimezone(UTC)) == expected


def test_last_day_is_25_hours_long_when_clocks_go_back():
    assert state(holding(), datetime(2026, 11, 2, 6, 59, 59, tzinfo=UTC)) == "expiring"
    assert state(holding(), datetime(2026, 11, 2, 7, 0, tzinfo=UTC)) == "expired"


def test_midnight_that_the_clocks_jump_over():
    """In Beirut 29 March 2026 begins at 01:00: the day before ends one second earlier."""
    held = holding(zone="Asia/Beirut", valid_until_on=date(2026, 3, 28))
    midnight = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    assert state(held, midnight - SECOND) == "expiring"
    assert state(held, midnight) == "expired"


def test_state_is_the_same_instant_everywhere():
    at = datetime(2026, 11, 2, 6, 59, 59, tzinfo=UTC)
    assert state(holding(zone="America/Denver"), at) == "expiring"
    assert state(holding(zone="Europe/London"), at) == "expired"


DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def replayed(order: tuple[str, ...]) -> str:
    """What the events come to, told one after the other."""
    revoked = suspended = ended = False
    for kind in order:
        revoked = revoked or kind == "revoked"
        ended = ended or kind == "ended"
        suspended = {"suspended": True, "lifted": False}.get(kind, suspended)
    return "revoked" if revoked else "suspended" if suspended else "ended" if ended else "valid"


@pytest.mark.parametrize("length", range(6))
def test_state_for_every_order_of_events(length):
    kinds = ("suspended", "lifted", "suspended", "revoked", "ended", "endorsed")
    for order in set(permutations(kinds, length)):
        events = [(kind, DAY + timedelta(days=n)) for n, kind in enumerate(order)]
        assert state(holding(*events), LATER) == replayed(order), order
        assert state(holding(*reversed(events)), LATER) == replayed(order), f"{order}, rows the other way round"


@pytest.mark.parametrize("kind", ["revoked", "suspended", "ended"])
def test_event_holds_from_its_instant(kind):
    held = holding((kind, DAY))
    assert state(held, DAY - SECOND) == "valid"
    assert state(held, DAY) == kind


@pytest.mark.parametrize(
    ("events", "changes", "expected"),
    [
        pytest.param([("revoked", DAY)], SUPERSEDED, "revoked", id="revoked before superseded"),
        pytest.param([("suspended", DAY)], SUPERSEDED, "suspended", id="suspended before superseded"),
        pytest.param([("ended", DAY)], SUPERSEDED, "superseded", id="superseded before ended"),
        pytest.param([("ended", DAY)], {"valid_until_on": date(2026, 4, 1)}, "ended", id="ended before expired"),
        pytest.param([("revoked", DAY)], {"valid_until_on": date(2026, 4, 1)}, "revoked", id="revoked stays for ever"),
        pytest.param([("suspended", DAY)], {"valid_until_on": date(2026, 4, 1)}, "suspended", id="suspended and over"),
        pytest.param([("lifted", DAY)], {}, "valid", id="lifted without a suspension"),
        pytest.param([("endorsed", DAY)], {}, "valid", id="endorsed changes nothing"),
    ],
)
def test_first_that_matches(events, changes, expected):
    assert state(holding(*events, **changes), LATER) == expected


def test_renewal_opens_sixty_days_before():
    assert renewal_opens_on(holding()) == date(2026, 9, 2)
