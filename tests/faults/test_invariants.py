"""The checker alone, over a history written by hand and attempts made by the site's own actions."""

from datetime import timedelta

import pytest

from faults import invariants
from quizzes.models import Response
from staff import clock
from tests import factories


@pytest.fixture
def attempt(cast, module):
    return factories.make_attempt(person=cast.aesthetician, course=module)


@pytest.fixture
def told(attempt, cast, now):
    """What a client would have written down while it answered everything and handed in."""
    at = now.timestamp()
    factories.answer(attempt=attempt)
    factories.proof.submit(attempt=attempt, by=cast.aesthetician)
    who = {"person": cast.aesthetician.pk, "attempt": attempt.public_id, "at": at, "turned": 0}
    events = [{"what": "start.told", **who}]
    for row in Response.objects.order_by("item__position").select_related("item"):
        saved = {
            **who, "position": row.item.position, "key": row.client_key, "base": row.revision - 1, "answer": row.payload,
            "flag": None, "state": "saved", "revision": row.revision,
        }  # fmt: skip
        events += [{"what": "save.sent", **saved}, {"what": "save.told", **saved}]
    return [*events, {"what": "submit.told", **who, "at": at + 1, "leads": f"/attempts/{attempt.public_id}/result/"}]


def found(events) -> list[str]:
    return [violation.invariant for violation in invariants.check(events)]


def test_what_went_well_violates_nothing(told):
    assert found(told) == []


def test_an_answer_acknowledged_and_not_stored(told):
    lost = [event for event in told if event["what"] == "save.told"][-1]
    assert found([*told, lost | {"key": "never-stored", "revision": 2, "base": 1}]) == ["lost answer"]


def test_an_answer_stored_and_never_sent(told):
    assert found([event for event in told if event.get("position") != 3 or event["what"] != "save.sent"]) == [
        "phantom answer"
    ]


def test_an_attempt_that_is_not_there(told):
    assert found([*told, told[0] | {"attempt": "gone"}]) == ["lost start"]


def test_an_answer_shown_that_is_not_the_stored_one(told, attempt):
    shown = {"what": "shown", "position": 1, "revision": 1, "answer": "another", "flagged": False}
    assert found([*told, told[0] | shown]) == ["shown otherwise"]


def test_a_hand_in_that_did_not_come_through(told, cast, module):
    other = factories.make_attempt(person=cast.colleague, course=module)
    lost = told[-1] | {
        "attempt": other.public_id, "person": cast.colleague.pk, "leads": f"/attempts/{other.public_id}/result/"
    }  # fmt: skip
    assert found([*told, lost]) == ["lost hand-in"]


def test_an_answer_that_came_after_its_time(told, attempt):
    """By the clock the tool had set, whatever the site wrote beside it."""
    late = (attempt.deadline_at - clock.now() + timedelta(seconds=61)).total_seconds()
    events = [event | {"turned": late} if event["what"] == "save.sent" else event for event in told]
    assert set(found(events)) == {"late"}


@pytest.mark.parametrize(
    ("event", "violated"),
    [
        ({"status": 0, "calm": False, "seconds": 0.1, "retry_after": ""}, False),
        ({"status": 503, "calm": False, "seconds": 0.1, "retry_after": "10"}, False),
        ({"status": 503, "calm": False, "seconds": 0.1, "retry_after": ""}, True),
        ({"status": 500, "calm": False, "seconds": 0.1, "retry_after": ""}, True),
        ({"status": 0, "calm": False, "seconds": 31.0, "retry_after": ""}, True),
        ({"status": 503, "calm": True, "seconds": 0.1, "retry_after": "10"}, True),
    ],
    ids=["connection lost", "said clearly", "without a time", "as a mistake", "hung", "with nothing broken"],
)
def test_a_request_without_an_answer(told, event, violated):
    refused = {"what": "refused", "on": "save", **event}
    assert found([*told, refused]) == (["no answer"] if violated else [])
