from datetime import date

import pytest

from training import practicals
from training.practicals import Seen

MAY_3, MAY_4 = date(2027, 5, 3), date(2027, 5, 4)


@pytest.mark.parametrize(
    ("starred", "scores", "expected"),
    [
        (True, [2, 2], True),
        (True, [2, 1], False),
        (True, [2, None], False),
        (False, [1, 2], True),
        (False, [2, 0], False),
        (False, [], False),
    ],
)
def test_passed(starred, scores, expected):
    assert practicals.passed(starred=starred, scores=scores) is expected


def seen(passed: bool = True, setting: str = "supervised", on: date = MAY_3, agreed: bool = True) -> Seen:
    return Seen(passed, setting, on, agreed)


@pytest.mark.parametrize(
    ("occasions", "drill", "state"),
    [
        ([], False, "open"),
        ([seen()], False, "passed"),
        ([seen(setting="simulated")], False, "on-patient"),
        ([seen(setting="simulated")], True, "passed"),
        ([seen(agreed=False)], False, "acknowledge"),
        ([seen(), seen(passed=False, on=MAY_4)], False, "failed"),
        ([seen(passed=False), seen(on=MAY_4)], False, "passed"),
        ([seen(), seen(setting="simulated", on=MAY_4)], False, "passed"),
        ([seen(), seen(passed=False), seen(setting="simulated", on=MAY_4)], False, "on-patient"),
    ],
)
def test_standing(occasions, drill, state):
    assert practicals.standing(occasions, drill=drill).state == state


@pytest.mark.parametrize(
    ("occasions", "starred", "today", "waits"),
    [
        ([seen(passed=False)], True, MAY_3, True),
        ([seen(passed=False)], True, MAY_4, False),
        ([seen(passed=False)], False, MAY_3, False),
        ([seen()], True, MAY_3, False),
    ],
)
def test_a_starred_failure_waits_for_another_day(occasions, starred, today, waits):
    assert practicals.repeated_from(occasions, starred=starred, today=today) is waits


def test_counted_by_area_and_band():
    rows = [
        ("supervised", [("neck", "0.5"), ("cheeks", "1.0")]),
        ("supervised", [("cheeks", "1.0")]),
        ("observed", [("cheeks", "0.5")]),
    ]
    assert practicals.counted(rows) == {
        ("cheeks", "0.5"): {"observed": 1},
        ("cheeks", "1.0"): {"supervised": 2},
        ("neck", "0.5"): {"supervised": 1},
    }
    assert next(iter(practicals.counted(rows))) == ("cheeks", "0.5")
