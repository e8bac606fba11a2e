"""Who are in one situation share what is worked out of one of them: it is what each one's own cells say."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from certificates import actions as proof
from certificates.models import Certificate
from certificates.queries import state_of, with_events
from compliance import roll
from compliance.queries import board_of
from compliance.requirements import assigning
from compliance.roll import Whom
from staff import clock
from staff.models import Membership
from tests import factories
from tests.compliance.test_past import agrees
from training.models import Programme


def calendar_says(cast, person, at) -> list[str]:
    entries = roll.entries(Whom(at, (cast.lakeside.pk,)), list(Programme.objects.all()), signed=True)
    return [state for entry in entries if entry.person_id == person.pk for _, state in roll.told(entry.held)]


def test_the_calendar_says_what_the_certificate_says(cast, module):
    held = factories.make_finished(person=cast.aesthetician, course=module).certificate
    zone = ZoneInfo(held.zone)
    days = (held.valid_from_on, held.valid_until_on - timedelta(days=held.renewal_days), held.valid_until_on)
    midnights = [
        datetime.combine(day, time.min, tzinfo=zone) for day in (*days, held.valid_until_on + timedelta(days=1))
    ]
    told = set()
    for midnight in midnights:
        for at in (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23)):
            at = at.astimezone(UTC)
            if at < held.issued_at:
                assert calendar_says(cast, cast.aesthetician, at) == []
                continue
            (row,) = with_events(Certificate.objects.filter(pk=held.pk))
            with clock.at(at):
                told |= {state_of(row)}
                assert calendar_says(cast, cast.aesthetician, at) == [state_of(row)]
    assert told == {"valid", "expiring", "expired"}


@pytest.fixture
def mixed(cast, module, crowd, now):
    """Late and new people, some of whom read, hold, hold what is suspended, are excused or away; and all of them twice."""
    people = crowd.grow(24)
    Membership.objects.filter(person__in=people[:12]).update(hired_on=now.date() - timedelta(days=3))
    for place in (0, 1, 12, 13):
        factories.make_finished(person=people[place], course=module)
    for place in (1, 13):
        held = Certificate.objects.get(person=people[place])
        proof.suspend(certificate=held, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    dates = {"starts_on": now.date(), "until_on": now.date() + timedelta(days=9)}
    for person in (people[2], people[14]):
        assigning.waive(person=person, clinic=cast.lakeside, module=module.module, reason="x", by=cast.manager, **dates)
        assigning.record_leave(person=person, clinic=cast.lakeside, by=cast.manager, **dates)
    return people


def test_each_is_told_what_her_own_cells_say(cast, mixed):
    board = board_of([cast.lakeside])
    assert len(board.situations) < len(board.rows) == len(mixed) + 5
    assert all(agrees(row) for row in board.rows)
    alone = [board_of([cast.lakeside], row.person).rows[0] for row in board.rows]
    assert [(row.word, row.states) for row in board.rows] == [(row.word, row.states) for row in alone]
    places = [row.situation.urgency for row in board.rows]
    assert places == sorted(places)
    assert board.counted_certificates(board.situations) == 4
    assert board.counted_away(board.situations) == 2


def test_rows_are_made_as_far_as_they_are_looked_at(cast, mixed):
    board = board_of([cast.lakeside])
    whole = [row.person_id for row in board_of([cast.lakeside]).rows]
    assert [row.person_id for row in board.rows[:3]] == whole[:3]
    assert [row.person_id for row in board.rows[20:]] == whole[20:]
    assert board.rows[-1].person_id == whole[-1]
    assert len(board.rows) == len(whole)
