"""A clinic over the months: the numbers behind the drawings, and nothing of another clinic or of one person."""

from datetime import date, timedelta

import pytest
from django.core.cache import cache

from certificates import actions as proof
from compliance import trends
from compliance.queries import board_of
from compliance.requirements import assigning, incidents
from staff import clock
from tests import factories
from tests.people import make_person


def parts(drawn) -> list[tuple[int, int]]:
    return [(column.part, column.of) for column in drawn.columns]


@pytest.mark.parametrize(
    ("months", "whole", "heights"),
    [
        ([(1, 2), (2, 2), (0, 2)], True, [60, 120, 0]),
        ([(0, 0), (1, 1)], True, [0, 120]),
        ([(3, 3), (1, 1), (0, 0)], False, [120, 40, 0]),
        ([(0, 0)], False, [0]),
    ],
    ids=["shares", "nothing asked", "against the largest", "nothing at all"],
)
def test_columns(months, whole, heights):
    rows = [(date(2026, place + 1, 1), part, of) for place, (part, of) in enumerate(months)]
    columns = trends.drawn(rows, whole=whole).columns
    assert [column.height for column in columns] == heights
    assert all(column.y + column.height == trends.TOP + trends.HEIGHT for column in columns)


def completed(clinic):
    return trends.completion(clinic, board_of([clinic]))


def test_a_share_is_never_rounded_up():
    (column,) = trends.drawn([(date(2026, 1, 1), 199, 200)], whole=True).columns
    assert column.percent == 99


def test_completion_follows_what_was_true_then(cast, module, now):
    """Two treating staff are asked for one module from 2 November on; one passes, is revoked later, the other leaves."""
    done = factories.make_finished(person=cast.aesthetician, course=module).certificate
    assert parts(completed(cast.lakeside))[-2:] == [(0, 0), (1, 2)]
    with clock.at(now + timedelta(days=40)):
        proof.end_membership(membership=cast.colleague.membership_set.get(), reason="Left.", by=cast.manager)
        assert parts(completed(cast.lakeside))[-2:] == [(1, 2), (1, 1)]
    with clock.at(now + timedelta(days=70)):
        proof.revoke(
            certificate=done,
            reason_class="other",
            public_text="Held back.",
            private_note="",
            seen=factories.seen(done.facts_sha256, cast.physician),
            by=cast.physician,
        )
        assert parts(completed(cast.lakeside))[-3:] == [(1, 2), (1, 1), (0, 1)]


def test_completion_asks_what_the_rules_ask_and_leaves_out_what_is_waived(cast, module, now):
    today = clock.today(cast.lakeside.zone)
    assigning.waive(
        person=cast.colleague,
        clinic=cast.lakeside,
        module=module.module,
        reason="Treats nobody.",
        starts_on=today,
        until_on=today + timedelta(days=3),
        by=cast.manager,
    )
    assert parts(completed(cast.lakeside))[-1] == (0, 1)
    with clock.at(now + timedelta(days=4)):
        assert parts(completed(cast.lakeside))[-1] == (0, 2)


def test_completion_of_a_past_month_is_what_the_matrix_of_its_last_day_says(cast, module, now):
    """A rule, a waiver and an end that are recorded later change no month that is over; what is asked after an incident does
    not count as proven."""
    lakeside, by, end = cast.lakeside, cast.manager, date(2026, 11, 30)
    factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=10)):
        incidents.ask_again(
            person=cast.aesthetician, clinic=lakeside, modules=[module.module], reason="x", due_on=end, by=by
        )
    with clock.at(now + timedelta(days=20)):
        assert parts(completed(lakeside))[-1] == (0, 2)
    with clock.at(now + timedelta(days=35)):
        today = clock.today(lakeside.zone)
        known = {"clinic": lakeside, "module": module.module, "starts_on": today, "by": by}
        assigning.add_rule(role="support", days=5, **known)
        assigning.waive(person=cast.colleague, reason="x", until_on=today + timedelta(days=60), **known)
        factories.make_finished(person=cast.aesthetician, course=module)
        assert parts(completed(lakeside))[-2:] == [(0, 2), (1, 2)]
        past = board_of([lakeside], on=end)
        assert trends.proven_of(past) == (0, 2)
        assert {row.person for row in past.rows if row.modules[0].required} == {cast.aesthetician, cast.colleague}


def test_expiries_by_month_with_their_names(client, cast, module, now, monkeypatch):
    factories.make_finished(person=cast.aesthetician, course=module)
    drawn, months = trends.expiries(cast.lakeside, board_of([cast.lakeside]))
    assert sum(column.part for column in drawn.columns) == 0  # its last day is twelve months on
    with clock.at(now + timedelta(days=30)):
        drawn, months = trends.expiries(cast.lakeside, board_of([cast.lakeside]))
        assert [(month.first, [one.row.person for one in month.named]) for month in months if month.count] == [
            (date(2027, 11, 1), [cast.aesthetician])
        ]
        client.force_login(cast.manager)
        page = client.get("/compliance/months/").text.replace("\u00a0", " ")
        assert "November 2027: 1 certificate" in page
        assert "1 November 2027" in page
        assert "1 of 2" in page
        assert "too few for a share" in page
        monkeypatch.setattr(trends, "MOST_NAMED", 0)
        short = client.get("/compliance/months/").text
        assert cast.aesthetician.full_name not in short
        assert (
            f'href="?clinic={cast.lakeside.public_id}&amp;month=2027-11#month-2027-11">All 1 of November 2027' in short
        )
        assert cast.aesthetician.full_name in client.get("/compliance/months/?month=2027-11").text
        assert cast.aesthetician.full_name not in client.get("/compliance/months/?month=2027-12").text


def test_weak_points_need_five_people(client, cast, module):
    staff = [cast.aesthetician, cast.colleague]
    staff += [make_person(cast.lakeside, f"Anna {name}", "aesthetician", by=cast.manager) for name in ("One", "Two")]
    for person in staff:
        factories.make_finished(person=person, course=module, critical_wrong=2)
    found = trends.weak_points(cast.lakeside)
    assert found.points == ()
    assert found.unsaid > 0
    fifth = make_person(cast.lakeside, "Anna Three", "aesthetician", by=cast.manager)
    factories.make_finished(person=fifth, course=module)
    found = trends.weak_points(cast.lakeside)
    assert found.points[0].critical
    for one in found.points:
        assert (one.people, one.asked) >= (5, 5)
        assert 0 <= one.low <= one.held * 100 // one.asked <= one.high <= 100
    assert trends.weak_points(cast.harbour) == trends.WeakPoints((), 0)
    client.force_login(cast.manager)
    page = client.get("/compliance/months/").text
    assert found.points[0].code in page
    assert "of another" not in page


def test_of_another_clinic_nothing(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.other_manager)
    page = client.get("/compliance/months/").text
    assert "Maya" not in page
    assert client.get("/compliance/months/", {"clinic": cast.lakeside.public_id}).status_code == 404


@pytest.mark.one_engine  # as many statements on both
def test_as_many_questions_for_many(client, crowd):
    cast = crowd.cast
    factories.make_finished(person=cast.aesthetician, course=crowd.module)
    client.force_login(cast.manager)
    client.get("/compliance/months/")

    def visits() -> list[int]:
        """With nothing kept of the months that are over, and then with it."""
        cache.clear()
        return [crowd.count(lambda: client.get("/compliance/months/")) for _ in range(2)]

    with clock.at(clock.now() + timedelta(days=70)):
        client.force_login(cast.manager)
        client.get("/")
        few = visits()
        assert few[1] < few[0] / 2
    crowd.grow(30)
    factories.make_finished(person=cast.colleague, course=crowd.module)
    with clock.at(clock.now() + timedelta(days=70)):
        assert visits() == few
