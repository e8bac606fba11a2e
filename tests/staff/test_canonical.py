from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from staff import canonical

LEAVES = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
TREES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))

at_any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ("Zoë \u2603 \n", '"Zoë ☃ \\n"'),
        (Decimal("1.50"), '"1.50"'),
        (date(2026, 2, 28), '"2026-02-28"'),
        (datetime(2026, 11, 2, 15, 0, tzinfo=UTC), '"2026-11-02T15:00:00.000000Z"'),
        (datetime(2026, 11, 2, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=-6))), '"2026-11-02T15:00:00.000005Z"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ((1, (2,)), "[1,[2]]"),
        ({"\u20ac": 1, "\r": 2, "1": 3, "\U0001f600": 4, "\ufb33": 5}, '{"\\r":2,"1":3,"€":1,"😀":4,"\ufb33":5}'),
    ],
    ids=["keys sorted", "text", "decimal", "date", "instant", "instant elsewhere", "uuid", "tuples", "keys by UTF-16"],
)
def test_text_has_one_spelling(value, text):
    assert canonical.text(value) == text


@pytest.mark.parametrize("value", [1.5, {"a": 0.1}, [float("nan")], {1, 2}, b"bytes", object()])
def test_text_refuses_what_has_more_than_one_spelling(value):
    with pytest.raises(TypeError, match="has no canonical form"):
        canonical.text(value)


def test_text_refuses_a_naive_number_too_big_for_json():
    with pytest.raises(ValueError):
        canonical.text(2**60)


@at_any_speed
@given(TREES)
def test_text_is_what_the_rfcs_own_library_writes(value):
    assert canonical.text(value) == rfc8785.dumps(value).decode()


def test_text_is_the_librarys_for_every_sign_below_the_surrogates_and_some_above():
    signs = {sign: f"a{sign}" for sign in (*map(chr, range(0xD800)), "\ue000", "\uffff", "\U0001f600")}
    assert canonical.text(signs) == rfc8785.dumps(signs).decode()


def test_text_refuses_half_of_a_pair():
    with pytest.raises(UnicodeEncodeError):
        canonical.text(["\ud83d"])


@at_any_speed
@given(TREES)
def test_text_is_read_back_as_it_was(value):
    import json

    text = canonical.text(value)
    assert json.loads(text) == value
    assert canonical.text(json.loads(text)) == text


@at_any_speed
@given(st.dictionaries(st.text(), LEAVES))
def test_text_does_not_depend_on_the_order_of_keys(value):
    assert canonical.text(dict(reversed(value.items()))) == canonical.text(value)


def test_sha256_of_tells_neighbours_apart():
    """No boundary shifts: what is two texts never hashes as one."""
    assert canonical.sha256_of(["ab", "c"]) != canonical.sha256_of(["a", "bc"])
    assert canonical.sha256_of(["1"]) != canonical.sha256_of([1])
    assert canonical.sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert canonical.sha256(b"abc") == canonical.sha256("abc")
