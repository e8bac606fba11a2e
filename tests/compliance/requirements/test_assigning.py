"""Rules, waivers and leave: what they ask of whom by when, who may record them, and that rows are ended and never edited."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction

from compliance.models import Cycle, Leave, Rule, Waiver
from compliance.queries import board_of
from compliance.requirements import assigning, cycles
from staff import clock
from staff.actions import close_membership
from staff.models import AuditEvent, Membership, MembershipRole
from tests import factories
from tests.people import make_person
from training.models import Programme

TODAY = date(2026, 11, 2)


def text(response) -> str:
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def cell(person, clinic, slug="needle-depth"):
    (row,) = board_of([clinic], person).rows
    return next(cell for cell in row.cells if cell.column.slug == slug)


def found(person, clinic) -> tuple[str, str, date]:
    standing = cell(person, clinic).standing
    return standing.word, standing.state, standing.due_on


@pytest.fixture
def lakeside(cast):
    return {"clinic": cast.lakeside, "by": cast.manager}


@pytest.fixture
def dates():
    return {"starts_on": TODAY, "until_on": TODAY + timedelta(days=30)}


def test_standard_rule_and_what_is_published_later(cast, module, now):
    assert found(cast.colleague, cast.lakeside) == ("not-current", "overdue", date(2026, 2, 4))
    with clock.at(now + timedelta(days=3)):
        factories.make_module(by=cast.pinpoint, slug="sterilisation")
        later = cell(cast.colleague, cast.lakeside, "sterilisation").standing
        assert (later.word, later.due_on) == ("due-soon", date(2026, 12, 5))
        assert found(cast.colleague, cast.lakeside)[2] == date(2026, 2, 4)


def test_a_rule_counts_from_its_own_start_and_the_earliest_day_wins(cast, module, lakeside):
    assigning.add_rule(role="support", module=module.module, days=20, starts_on=TODAY, **lakeside)
    assert found(cast.support, cast.lakeside) == ("due-soon", "due-soon", TODAY + timedelta(days=20))
    new = make_person(cast.lakeside, "Nia New", "aesthetician", by=cast.manager)
    Membership.objects.filter(person=new).update(hired_on=TODAY)
    assigning.add_rule(role="aesthetician", module=module.module, days=7, starts_on=TODAY, **lakeside)
    assert found(new, cast.lakeside)[2] == TODAY + timedelta(days=7)
    assert found(cast.colleague, cast.lakeside)[2] == date(2026, 2, 4)
    assert found(cast.other_aesthetician, cast.harbour)[2] == date(2026, 2, 4)


def test_a_role_given_later_counts_from_that_day(cast, module, now):
    with clock.at(now + timedelta(days=5)):
        MembershipRole.objects.create(
            membership=cast.support.membership_set.get(), role="aesthetician", granted_by=cast.manager
        )
        assert found(cast.support, cast.lakeside) == ("due-soon", "due-soon", TODAY + timedelta(days=35))


def test_by_hand_of_one_person_until_it_is_ended(cast, module, lakeside, now):
    rule = assigning.add_rule(
        person=cast.support, module=module.module, days=10, starts_on=TODAY, reason="Covers in May.", **lakeside
    )
    assert found(cast.support, cast.lakeside)[0] == "due-soon"
    assert found(cast.manager, cast.lakeside)[0] == "not-required"
    assert assigning.end(row=rule, ends_on=TODAY + timedelta(days=2), reason="No longer.", by=cast.manager)
    assert not assigning.end(row=rule, ends_on=TODAY, reason="Twice.", by=cast.manager)
    assert found(cast.support, cast.lakeside)[0] == "due-soon"
    with clock.at(now + timedelta(days=2)):
        assert found(cast.support, cast.lakeside)[0] == "not-required"


def test_the_standard_rule_is_ended_for_one_clinic(cast, module):
    programme = Programme.objects.get(slug="mechanical-microneedling")
    known = {"clinic": cast.lakeside, "programme": programme, "role": "aesthetician", "by": cast.manager}
    assert assigning.end_standard(ends_on=TODAY, reason="Our own rules.", **known)
    assert not assigning.end_standard(ends_on=TODAY, reason="Again.", **known)
    assert found(cast.colleague, cast.lakeside)[:2] == ("not-required", "not-required")
    assert found(cast.other_aesthetician, cast.harbour)[0] == "not-current"


def test_waived_is_counted_apart_and_what_is_held_is_not_touched(cast, module, lakeside, dates, now):
    for person in (cast.colleague, cast.aesthetician):
        assigning.waive(person=person, module=module.module, reason="Treats nobody until May.", **dates, **lakeside)
    factories.make_finished(person=cast.aesthetician, course=module)
    waived = cell(cast.colleague, cast.lakeside)
    assert waived.standing.detail.replace("\u00a0", " ") == "Waived to 2 Dec 2026"
    assert (waived.standing.word, waived.standing.state) == ("not-required", "waived")
    assert waived.required
    assert found(cast.aesthetician, cast.lakeside)[:2] == ("current", "valid")
    board = board_of([cast.lakeside])
    assert board.counted_states(board.situations) == {"waived": 1, "valid": 1, "not-required": 3}
    with clock.at(now + timedelta(days=31)):
        assert found(cast.colleague, cast.lakeside)[1] == "overdue"


def test_nobody_waives_for_themselves(cast, module, dates):
    with pytest.raises(assigning.NotAllowed, match="Nobody waives"):
        assigning.waive(
            person=cast.manager, module=module.module, reason="x", clinic=cast.lakeside, by=cast.manager, **dates
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        Waiver.objects.create(
            person=cast.manager,
            module=module.module,
            reason="x",
            clinic=cast.lakeside,
            recorded_by=cast.manager,
            **dates,
        )


def test_leave_moves_no_day_and_comes_before_treating_on_return(cast, module, lakeside, dates, now):
    before = found(cast.colleague, cast.lakeside)
    leave = assigning.record_leave(person=cast.colleague, **dates, **lakeside)
    (row,) = board_of([cast.lakeside], cast.colleague).rows
    assert (row.leave, row.away_until, row.back_on) == (leave, dates["until_on"], None)
    assert found(cast.colleague, cast.lakeside) == before
    assigning.end(row=leave, ends_on=TODAY + timedelta(days=4), by=cast.manager)
    (row,) = board_of([cast.lakeside], cast.colleague).rows
    assert row.away_until == TODAY + timedelta(days=3)
    with clock.at(now + timedelta(days=4)):
        (row,) = board_of([cast.lakeside], cast.colleague).rows
        assert (row.leave, row.back_on) == (None, TODAY + timedelta(days=4))
    with clock.at(now + timedelta(days=40)):
        assert board_of([cast.lakeside], cast.colleague).rows[0].back_on is None


def test_rows_are_ended_and_never_edited(cast, module, lakeside, dates):
    rule = assigning.add_rule(role="support", module=module.module, days=20, starts_on=TODAY, **lakeside)
    waiver = assigning.waive(person=cast.colleague, module=module.module, reason="Elsewhere.", **dates, **lakeside)
    leave = assigning.record_leave(person=cast.colleague, **dates, **lakeside)
    cycles.settle()
    edits = [
        (Rule, rule, {"days": 90}),
        (Waiver, waiver, {"until_on": date(2027, 5, 1)}),
        (Leave, leave, {"starts_on": TODAY}),
    ]
    for model, row, change in edits:
        with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
            model.objects.filter(pk=row.pk).update(**change)
        assert assigning.end(row=row, ends_on=TODAY + timedelta(days=1), reason="Over.", by=cast.manager)
        with pytest.raises(DatabaseError, match="ended once"), transaction.atomic():
            model.objects.filter(pk=row.pk).update(ends_on=None, ended_at=None, ended_by=None)
        with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
            model.objects.filter(pk=row.pk)._raw_delete("default")
        name = model._meta.model_name
        told = AuditEvent.objects.filter(subject_type=f"compliance.{name}", subject_id=str(row.pk))
        assert [event.action for event in told] == [f"{name}.recorded", f"{name}.ended"]
    with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
        Cycle.objects.update(number=9)


def kept(person) -> list[tuple[int, str, str]]:
    return list(Cycle.objects.filter(person=person).order_by("number").values_list("number", "reason", "closing"))


def test_cycles_open_close_and_stay(cast, module, lakeside, now):
    maya, tom = cast.aesthetician, cast.support
    rule = assigning.add_rule(role="support", module=module.module, days=20, starts_on=TODAY, **lakeside)
    cycles.settle()
    assert cycles.settle() == 0
    assert (kept(maya), kept(tom), kept(cast.manager)) == ([(1, "initial", "")], [(1, "initial", "")], [])
    with clock.at(now + timedelta(days=1)):
        done = factories.make_finished(person=maya, course=module)
        assigning.end(row=rule, ends_on=TODAY + timedelta(days=1), reason="Over.", by=cast.manager)
        cycles.settle()
    assert (kept(maya), kept(tom)) == ([(1, "initial", "met")], [(1, "initial", "left")])
    assert Cycle.objects.get(person=maya).certificate == done.certificate
    with clock.at(now + timedelta(days=320)):
        cycles.settle()
        assert kept(maya) == [(1, "initial", "met"), (2, "renewal", "")]
        assert Cycle.objects.get(person=maya, number=2).due_on == done.certificate.valid_until_on
        close_membership(membership=maya.membership_set.get(), by=cast.manager)
        cycles.settle()
    assert kept(maya) == [(1, "initial", "met"), (2, "renewal", "left")]


def test_pages_say_what_is_asked_and_who_decided(client, cast, module, lakeside, dates):
    client.force_login(cast.manager)
    page = text(client.get("/assignments/"))
    assert "Treating staff: Mechanical microneedling, every module" in page
    assert "Support staff: Infection control, every module" in page
    hers = f"/people/{cast.colleague.public_id}/{cast.lakeside.public_id}"
    sent = {"module": "needle-depth", "reason": "Treats nobody.", "starts_on": "2026-11-02", "until_on": "2026-12-02"}
    client.post(f"{hers}/waiver/", sent)
    assert "Waived: Treats nobody. Approved by Priya Raman" in text(client.get(f"/people/{cast.colleague.public_id}/"))
    again = text(client.post(f"{hers}/waiver/", sent))
    assert "Priya Raman waived this to 2 December 2026 already" in again
    client.post(f"{hers}/leave/", {"starts_on": "2026-11-02", "until_on": "2026-11-20"})
    assert "Danielle Osei" in text(client.get("/assignments/?show=leave"))
    asked = {"what": "module:needle-depth", "days": "10", "starts_on": "2026-11-02", "reason": "Helps out."}
    client.post(f"/people/{cast.support.public_id}/{cast.lakeside.public_id}/ask/", asked)
    assert "Helps out." in text(client.get("/assignments/?show=by-hand"))
    client.force_login(cast.support)
    home = text(client.get("/"))
    assert "Asked of you besides" in home
    client.force_login(cast.physician)
    assert "Treats nobody." in text(client.get("/assignments/?show=waivers"))
    client.force_login(cast.other_manager)
    for show in ("rules", "by-hand", "waivers", "leave", "ended"):
        page = text(client.get(f"/assignments/?show={show}"))
        assert not [name for name in ("Danielle", "Tom Reyes", "Lakeside") if name in page]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"starts_on": "2026-11-01"}, "1 November 2026 has passed. A rule begins today or later."),
        ({"starts_on": "2036-11-01"}, "more than a year ahead"),
        ({"days": "-1"}, "greater than or equal to 0"),
        ({"what": "module:harbour"}, "Select a valid choice"),
        ({"what": "modules:mechanical-microneedling", "days": "30"}, "Every clinic has this rule from its start"),
    ],
)
def test_rule_form_says_what_is_wrong(client, cast, module, sent, said):
    client.force_login(cast.manager)
    good = {"clinic": cast.lakeside.public_id, "role": "aesthetician", "what": "module:needle-depth", "days": "14"}
    assert said in text(client.post("/assignments/rules/add/", {**good, "starts_on": "2026-11-02", **sent}))
    assert not Rule.objects.exists()
    done = client.post("/assignments/rules/add/", {**good, "starts_on": "2026-11-02"})
    assert done.status_code == 302
    assert "This rule stands already" in text(
        client.post("/assignments/rules/add/", {**good, "starts_on": "2026-11-09"})
    )


def test_ends_are_recorded_once_and_say_so(client, cast, module, lakeside, dates):
    leave = assigning.record_leave(person=cast.colleague, **dates, **lakeside)
    client.force_login(cast.manager)
    assert "Choose a day from" in text(
        client.post(f"/assignments/leave/{leave.public_id}/end/", {"ends_on": "2026-10-01"})
    )
    client.post(f"/assignments/leave/{leave.public_id}/end/", {"ends_on": "2026-11-05"})
    leave.refresh_from_db()
    assert leave.ends_on == date(2026, 11, 5)
    again = client.post(f"/assignments/leave/{leave.public_id}/end/", {"ends_on": "2026-11-09"}, follow=True)
    assert "Priya Raman ended this on 2 November 2026, from 5 November 2026 on." in text(again)
    path = f"/assignments/rules/{cast.lakeside.public_id}/infection-control/support/end/"
    client.post(path, {"ends_on": "2026-11-02", "reason": "Nobody cleans here."})
    assert "Support staff: Infection control" not in text(client.get("/assignments/"))
    assert "Nobody cleans here." in text(client.get("/assignments/?show=ended"))


def test_a_membership_of_another_clinic_is_not_found(client, cast, module):
    client.force_login(cast.manager)
    for what in ("ask", "waiver", "leave"):
        for clinic in (cast.harbour, cast.lakeside):
            path = f"/people/{cast.other_aesthetician.public_id}/{clinic.public_id}/{what}/"
            assert client.get(path).status_code == 404
    me = f"/people/{cast.manager.public_id}/{cast.lakeside.public_id}/waiver/"
    assert "Nobody waives anything for themselves" in text(client.get(me, follow=True))


@pytest.mark.one_engine  # as many statements on both
def test_the_same_queries_for_one_line_and_for_many(client, cast, module, lakeside, crowd, django_assert_num_queries):
    client.force_login(cast.manager)
    known = {"clinic": cast.lakeside, "recorded_by": cast.manager, "starts_on": TODAY}

    def grow(people) -> None:
        until = {**known, "until_on": TODAY}
        module_of = {"module": module.module}
        Rule.objects.bulk_create(Rule(person=one, days=9, reason="x", **module_of, **known) for one in people)
        Waiver.objects.bulk_create(Waiver(person=one, reason="x", **module_of, **until) for one in people)
        Leave.objects.bulk_create(Leave(person=one, **until) for one in people)

    grow([cast.colleague])
    paths = [f"/assignments/?show={show}" for show in ("rules", "by-hand", "waivers", "leave", "ended")]
    paths += ["/compliance/"]
    for path in paths:
        client.get(path)
    few = {path: crowd.count(lambda path=path: client.get(path)) for path in paths}
    grow(crowd.grow(60))
    for path, expected in few.items():
        with django_assert_num_queries(expected):
            client.get(path)
