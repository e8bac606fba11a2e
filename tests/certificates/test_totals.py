from decimal import Decimal

import pytest

from certificates import totals


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([(15, 15)] * 4, (60, 60, Decimal("0.0"))),
        ([(12, 15), (13, 15), (14, 15), (15, 15)], (54, 60, Decimal("2.4"))),
        ([(1, 1)], (1, 1, None)),
        ([], (0, 0, None)),
    ],
)
def test_total(scores, expected):
    found = totals.total(scores)
    assert (found.points, found.items, found.error) == expected
