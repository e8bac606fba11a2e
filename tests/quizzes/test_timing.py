"""Clocks, extra time and the reminder: the deadline is the server's, and only extra time moves it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from certificates import actions as proof
from quizzes import actions, timing
from quizzes.models import Accommodation, Attempt, ClinicClock
from quizzes.queries import extra_time
from staff import clock, guards
from staff.models import AuditEvent, OutgoingMail
from tests import factories

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


# Pure


@pytest.mark.parametrize(
    ("limits", "tightest"),
    [((None, None), None), ((45, None), 45), ((None, 60), 60), ((45, 60), 45), ((60, 45), 45)],
)
def test_tighter(limits, tightest):
    assert timing.tighter(*limits) == tightest


@pytest.mark.parametrize(
    ("limit", "items", "whole", "minutes"),
    [(None, 3, 15, None), (45, 15, 15, 45), (45, 3, 15, 9), (44, 3, 15, 9), (15, 1, 60, 1)],
)
def test_share(limit, items, whole, minutes):
    assert timing.share(limit, items, whole) == minutes


@pytest.mark.parametrize(("limit", "percent", "minutes"), [(45, 100, 45), (45, 150, 68), (60, 125, 75), (1, 101, 2)])
def test_extended_is_rounded_up(limit, percent, minutes):
    assert timing.extended(limit, percent) == minutes


def test_deadline():
    start = datetime(2026, 11, 2, 15, tzinfo=UTC)
    assert timing.deadline(start, None, 1440, 200) == start + timedelta(days=1), "extra time belongs to a clock"
    assert timing.deadline(start, 45, 1440, 200) == start + timedelta(minutes=90)


# The clinic's clock


@pytest.fixture
def timed(cast, module, now) -> Attempt:
    actions.set_clock(clinic=cast.lakeside, limit_minutes=45, by=cast.manager)
    return factories.make_attempt(person=cast.aesthetician, course=module)


def test_clock_of_the_clinic(cast, module, timed):
    assert (timed.limit_minutes, timed.deadline_at - timed.started_at) == (45, 45 * MINUTE)
    there = factories.make_attempt(person=cast.other_aesthetician, course=module)
    assert (there.limit_minutes, there.deadline_at - there.started_at) == (None, timedelta(days=1))


def test_a_new_clock_leaves_what_runs(cast, timed):
    actions.set_clock(clinic=cast.lakeside, limit_minutes=15, by=cast.manager)
    timed.refresh_from_db()
    assert timed.deadline_at - timed.started_at == 45 * MINUTE
    assert [row.number for row in ClinicClock.objects.order_by("number")] == [1, 2]


@pytest.mark.parametrize("minutes", [14, 241])
def test_the_database_refuses_a_senseless_clock(cast, minutes):
    with pytest.raises(DatabaseError, match="clinicclock_sensible"), transaction.atomic():
        ClinicClock.objects.create(clinic=cast.lakeside, number=1, limit_minutes=minutes, set_by=cast.manager)


def test_the_result_says_of_how_many_minutes(client, cast, timed):
    with clock.at(timed.started_at + 12 * MINUTE + timedelta(seconds=1)):
        proof.submit(attempt=timed, by=cast.aesthetician)
        client.force_login(cast.aesthetician)
        page = client.get(reverse("certificates:attempt-result", args=[timed.public_id])).text
    assert ">13 of 45 min</dd>" in page


def test_sealed_with_its_clock(cast, timed):
    factories.answer(attempt=timed)
    done = proof.submit(attempt=timed, by=cast.aesthetician)
    assert '"limit_minutes":45' in done.attempt.seal.text
    assert "every safety-critical question right, with a clock of 45 minutes. Cut score" in done.certificate.rule_line
    call_command("verify_records")


def test_the_module_says_which_clock_holds_for_the_reader(client, cast, module, now):
    def said() -> str:
        page = str(client.get(reverse("training:module-detail", args=["needle-depth"])).text).replace("\u00a0", " ")
        return page.partition('id="next"')[2].partition("</section>")[0]

    factories.read_all(person=cast.aesthetician, course=module)
    client.force_login(cast.aesthetician)
    assert "It is untimed and can be taken in several sittings." in said()
    actions.set_clock(clinic=cast.lakeside, limit_minutes=45, by=cast.manager)
    assert "It has a clock: you have 45 minutes from the start." in said()
    factories.accommodate(person=cast.aesthetician, by=cast.manager)
    assert "It has a clock: you have 68 minutes from the start, extended from 45." in said()
    assert "untimed" not in said()


# Extra time


def test_extra_time_follows_the_person(cast, module, now):
    factories.accommodate(person=cast.aesthetician, by=cast.manager)
    actions.set_clock(clinic=cast.lakeside, limit_minutes=45, by=cast.manager)
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    assert (attempt.limit_minutes, attempt.deadline_at - attempt.started_at) == (45, 68 * MINUTE)


def test_extra_time_moves_the_running_deadline(cast, timed):
    row = factories.accommodate(person=cast.aesthetician, by=cast.manager, percent=200)
    timed.refresh_from_db()
    assert timed.deadline_at - timed.started_at == 90 * MINUTE
    events = AuditEvent.objects.filter(action__in=["accommodation.granted", "attempt.extended"]).order_by("seq")
    assert [event.action for event in events] == ["accommodation.granted", "attempt.extended"]
    with clock.at(timed.started_at + 80 * MINUTE):
        factories.answer(attempt=timed)
        assert proof.submit(attempt=timed, by=cast.aesthetician).outcome.passed
    assert actions.end_accommodation(accommodation=row, clinic=cast.lakeside, by=cast.manager)
    assert not actions.end_accommodation(accommodation=row, clinic=cast.lakeside, by=cast.manager)
    call_command("verify_records")


def test_ending_it_leaves_what_runs(cast, timed):
    row = factories.accommodate(person=cast.aesthetician, by=cast.manager)
    actions.end_accommodation(accommodation=row, clinic=cast.lakeside, by=cast.manager)
    timed.refresh_from_db()
    assert timed.deadline_at - timed.started_at == 68 * MINUTE
    assert extra_time(cast.aesthetician, cast.lakeside) == 100


def test_too_late_for_what_is_over(cast, timed):
    with clock.at(timed.deadline_at + 2 * MINUTE):
        factories.accommodate(person=cast.aesthetician, by=cast.manager, percent=200)
    timed.refresh_from_db()
    assert timed.deadline_at - timed.started_at == 45 * MINUTE


@pytest.mark.parametrize(
    ("first", "last", "percent"),
    [
        pytest.param(date(2026, 11, 2), date(2026, 11, 2), 150, id="its only day"),
        pytest.param(date(2026, 11, 3), date(2026, 12, 1), 100, id="not begun"),
        pytest.param(date(2026, 10, 1), date(2026, 11, 1), 100, id="over"),
    ],
)
def test_extra_time_holds_on_its_days(cast, now, first, last, percent):
    actions.accommodate(
        person=cast.aesthetician, clinic=cast.lakeside, time_percent=150, category="sight", valid_from_on=first,
        valid_until_on=last, by=cast.manager,
    )  # fmt: skip
    assert extra_time(cast.aesthetician, cast.lakeside) == percent


def test_the_most_generous_counts(cast, now):
    for percent in (200, 125):
        factories.accommodate(person=cast.aesthetician, by=cast.manager, percent=percent)
    assert extra_time(cast.aesthetician, cast.lakeside) == 200


def test_nobody_gives_it_to_themselves(cast, now):
    with pytest.raises(ValueError, match="themselves"):
        factories.accommodate(person=cast.manager, by=cast.manager)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [{"deadline_at": -MINUTE}, {"limit_minutes": 60}, {"limit_minutes": None}])
def test_the_database_keeps_the_deadline(cast, timed, change):
    if "deadline_at" in change:
        change = {"deadline_at": timed.deadline_at - MINUTE}
    with pytest.raises(DatabaseError, match="never moves back"), transaction.atomic():
        Attempt.objects.filter(pk=timed.pk).update(**change)
    assert not guards.missing()


# The reminder


def reminders() -> list[OutgoingMail]:
    return list(OutgoingMail.objects.filter(dedupe_key__startswith="open-until:"))


def test_reminder_four_hours_before(cast, module, now):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    with clock.at(attempt.deadline_at - 4 * HOUR - MINUTE):
        assert actions.remind_of_open() == 0
    with clock.at(attempt.deadline_at - 4 * HOUR):
        assert actions.remind_of_open() == 1
        assert actions.remind_of_open() == 0, "once"
    (mail,) = reminders()
    assert mail.person == cast.aesthetician
    assert "open until Tuesday, 08:00" in mail.body
    assert f"/attempts/{attempt.public_id}/" in mail.body


def test_a_missed_tick_still_reminds(cast, module, now):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    with clock.at(attempt.deadline_at - MINUTE):
        assert actions.remind_of_open() == 1


def test_no_reminder_once_it_is_over_or_with_a_clock(cast, module, timed):
    with clock.at(timed.deadline_at - MINUTE):
        assert actions.remind_of_open() == 0
    there = factories.make_attempt(person=cast.other_aesthetician, course=module)
    factories.answer(attempt=there)
    proof.submit(attempt=there, by=cast.other_aesthetician)
    with clock.at(there.deadline_at - HOUR):
        assert actions.remind_of_open() == 0


# The pages


def test_the_page_asks_for_the_deadline(client, cast, timed):
    client.force_login(cast.aesthetician)
    path = reverse("quizzes:attempt-clock", args=[timed.public_id])
    assert path in client.get(reverse("quizzes:attempt-take", args=[timed.public_id])).text
    before = client.get(path).json()
    assert (before["state"], before["deadline"]) == ("open", int(timed.deadline_at.timestamp()))
    factories.accommodate(person=cast.aesthetician, by=cast.manager)
    assert client.get(path).json()["deadline"] - before["deadline"] == 23 * 60
    with clock.at(timed.started_at + 3 * HOUR):
        assert client.get(path).json()["state"] == "over"


def test_manager_gives_and_ends_it(client, cast, module, now):
    client.force_login(cast.manager)
    path = reverse("compliance:accommodation-add", args=[cast.aesthetician.public_id])
    person = reverse("compliance:person-detail", args=[cast.aesthetician.public_id])
    assert path in client.get(person).text
    form = client.get(path)
    assert "Half as much again" in form.text or "half as much again" in form.text
    wrong = {"time_percent": "150", "category": "sight", "valid_from_on": "2026-11-02", "valid_until_on": "2026-11-01"}
    assert "before it begins" in client.post(path, wrong).text
    assert not Accommodation.objects.exists()
    client.post(path, wrong | {"valid_until_on": "2027-11-01"})
    row = Accommodation.objects.get()
    assert (row.time_percent, row.category, row.granted_by) == (150, "sight", cast.manager)
    assert "150 % of the clock" in client.get(person).text
    client.post(reverse("compliance:accommodation-end", args=[cast.aesthetician.public_id, row.pk]))
    row.refresh_from_db()
    assert row.ended_by == cast.manager


def test_she_sees_her_extra_time(client, cast, module, now):
    actions.set_clock(clinic=cast.lakeside, limit_minutes=30, by=cast.manager)
    factories.accommodate(person=cast.aesthetician, by=cast.manager, percent=200)
    client.force_login(cast.aesthetician)
    rules = client.get(reverse("quizzes:quiz-detail", args=["needle-depth"])).text
    assert "60 minutes from the start, extended from 30" in rules.replace("\xa0", " ")
    client.force_login(cast.colleague)
    hers = client.get(reverse("quizzes:quiz-detail", args=["needle-depth"])).text
    assert "30 minutes from the start" in hers.replace("\xa0", " ")
    client.force_login(cast.physician)
    page = client.get(reverse("compliance:person-detail", args=[cast.aesthetician.public_id])).text
    assert "Extra time" not in page, "the manager's and her own business"


def test_clinic_sets_its_clock(client, cast, now):
    client.force_login(cast.manager)
    path = reverse("compliance:clinic-clock")
    for sent in ("5", "900"):
        assert client.post(path, {"clinic": cast.lakeside.public_id, "limit_minutes": sent}).status_code == 200
    assert not ClinicClock.objects.exists()
    client.post(path, {"clinic": cast.harbour.public_id, "limit_minutes": "45"})
    assert not ClinicClock.objects.exists(), "another's clinic"
    client.post(path, {"clinic": cast.lakeside.public_id, "limit_minutes": "45"})
    client.post(path, {"clinic": cast.lakeside.public_id, "limit_minutes": ""})
    assert [row.limit_minutes for row in ClinicClock.objects.order_by("number")] == [45, None]
    assert "No clock" in client.get(path).text
