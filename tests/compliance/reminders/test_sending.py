"""Reminders and digests as they go out: once, in the clinic's hours, and to nobody whom they do not concern."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail as outbox
from django.core.management import call_command
from django.db import IntegrityError

from certificates.actions import end_membership
from compliance import records
from compliance.models import Change, Reminder, ReminderMail, Task
from compliance.queries import board_of
from compliance.reminders import sending
from compliance.requirements import assigning
from staff import actions, clock, mail
from staff.models import AuditEvent, Licence, OutgoingMail
from tests import factories, people
from tests.threads import at_once

SOON = date(2026, 11, 16)


def at(day: date, hour: int = 16, minute: int = 0):
    """16:00 UTC is 9:00 at Lakeside in winter and 16:00 at Harbour."""
    return clock.at(datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC))


def mails(person) -> list[OutgoingMail]:
    return list(OutgoingMail.objects.filter(person=person, dedupe_key__startswith="reminders:").order_by("due_at"))


def steps(person) -> list[tuple[str, int | None]]:
    return list(Reminder.objects.filter(person=person).order_by("pk").values_list("kind", "step"))


@pytest.fixture
def held(cast, module):
    """Maya's certificate, valid through 1 November 2027."""
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


def test_a_certificate_that_runs_out(cast, module, held):
    last = held.valid_until_on
    for days in (31, 30, 29, 8, 7, 1, 0, -1, -7, -8):
        with at(last - timedelta(days=days)):
            call_command("tick")
            call_command("tick")
    assert steps(cast.aesthetician) == [("expiry", 30), ("expiry", 7), ("expiry", -1), ("expiry", -8)]
    first = mails(cast.aesthetician)[0]
    assert first.subject.endswith(": 1 November 2027")
    assert "your certificate is valid through 1 November 2027, in 30 days." in first.body
    assert first.body.count("http") == 1
    assert "\u00a0" not in first.body
    subjects = {row.subject for row in mails(cast.aesthetician)}
    assert len([one for one in outbox.outbox if one.subject in subjects and one.to == [cast.aesthetician.email]]) == 4


def test_a_missed_month_is_made_up_for_by_the_step_that_holds_now(cast, module, held):
    with at(held.valid_until_on - timedelta(days=40)):
        sending.send_due()
    with at(held.valid_until_on - timedelta(days=5)):
        sending.send_due()
    assert steps(cast.aesthetician) == [("expiry", 7)]


def test_renewed_in_time_she_hears_no_more(cast, module, held):
    with at(held.valid_until_on - timedelta(days=20)):
        call_command("tick")
        factories.make_finished(person=cast.aesthetician, course=module)
    with at(held.valid_until_on - timedelta(days=3)):
        sending.send_due()
    assert steps(cast.aesthetician) == [("expiry", 30)]


def test_somebody_new_hears_nothing_the_day_she_begins(cast, module):
    with at(SOON):
        new = actions.add_member(
            clinic=cast.lakeside,
            email="new@lakeside.example",
            full_name="Nele New",
            job_title="Nurse",
            hired_on=date(2026, 1, 5),
            roles=["aesthetician"],
            by=cast.manager,
        ).person
        sending.send_due()
    assert not mails(new)
    for days in range(1, 8):
        with at(SOON + timedelta(days=days)):
            sending.send_due()
    (line,) = Reminder.objects.filter(person=new)
    assert (line.kind, line.mail.day_on) == ("due", SOON + timedelta(days=7))
    assert "was to be held by 4 February 2026" in mails(new)[0].body


def test_in_the_hours_of_each_clinic(cast, module):
    with at(SOON, 7, 59):
        assert sending.send_due() == 0
    with at(SOON, 8):
        sending.send_due()
        assert mails(cast.other_aesthetician)
        assert not mails(cast.aesthetician)
    with at(SOON, 14, 59):
        assert sending.send_due() == 0
    with at(SOON, 15):
        sending.send_due()
        assert mails(cast.aesthetician)


def test_hours_are_the_clinics_own(cast, module):
    with at(SOON):
        sending.set_hours(clinic=cast.lakeside, from_hour=20, until_hour=22, digest_weekday=1, by=cast.manager)
        sending.send_due()
        assert not mails(cast.aesthetician)
    with at(SOON + timedelta(days=1), 3, 30):  # 20:30 of the day before at Lakeside
        sending.send_due()
    (row,) = ReminderMail.objects.filter(person=cast.aesthetician)
    assert row.day_on == SOON


@pytest.mark.parametrize("day", [date(2027, 3, 14), date(2027, 11, 7)], ids=["spring", "autumn"])
def test_on_the_day_the_clocks_change_it_goes_out_once(cast, module, day):
    """Every quarter of an hour of that day and the next is a tick."""
    start = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
    sending.set_hours(clinic=cast.lakeside, from_hour=1, until_hour=3, digest_weekday=0, by=cast.manager)
    for quarter in range(0, 4 * 24, 2):
        with clock.at(start + timedelta(minutes=15 * quarter)):
            sending.send_due()
    assert ReminderMail.objects.filter(person=cast.aesthetician).count() == 1


def test_one_mail_for_somebody_in_two_clinics(cast, module):
    with at(SOON - timedelta(days=12)):
        actions.add_member(
            clinic=cast.harbour,
            email=cast.colleague.email,
            full_name=cast.colleague.full_name,
            job_title="Nurse",
            hired_on=date(2026, 3, 2),
            roles=["aesthetician"],
            by=cast.other_manager,
        )
    for hour in (8, 16):
        with at(SOON, hour):
            sending.send_due()
    (row,) = mails(cast.colleague)
    assert "Lakeside Skin Clinic, overdue:" in row.body
    assert "Harbour Aesthetics, overdue:" in row.body


def test_a_changed_passage_until_it_is_read_again(cast, module, held):
    section = module.version.sections.first()
    change = Change.objects.create(
        module_version=module.version, section_version=section, effect=Change.Effect.REREAD, people=1
    )
    due_on = SOON + timedelta(days=5)
    Task.objects.create(
        person=cast.aesthetician, clinic=cast.lakeside, change=change, due_on=due_on, asked_by=cast.pinpoint
    )
    with at(SOON):
        sending.send_due()
    (row,) = mails(cast.aesthetician)
    assert f"{module.version.title}, the text: to be read again by 21 November 2026, in 5 days." in row.body
    assert "Maya Lindqvist: " in mails(cast.manager)[0].body
    with at(due_on + timedelta(days=1)):
        sending.send_due()
        assert steps(cast.aesthetician) == [("task", 7), ("task", -1)]
        factories.read_all(person=cast.aesthetician, course=module)
    with at(due_on + timedelta(days=9)):
        sending.send_due()
    assert len(mails(cast.aesthetician)) == 2


def test_a_licence_that_runs_out(cast, module, held):
    """At 30 and 7 days, the day after and each week, until a later one is on record; her manager hears of it as of the rest."""
    ends = date(2027, 3, 1)
    kept = {"person": cast.aesthetician, "authority": "State board", "recorded_by": cast.manager}
    Licence.objects.create(type="Registered nurse", number="RN-1", expires_on=ends, **kept)
    said = []
    for days in (-31, -30, -29, -7, 0, 1, 2, 8):
        with at(ends + timedelta(days=days)):
            sending.send_due()
            sending.send_due()
            lines = ReminderMail.objects.filter(person=cast.aesthetician, day_on=ends + timedelta(days=days))
            said += [(days, line.step) for row in lines for line in row.lines.filter(kind="licence")]
    assert said == [(-30, 30), (-7, 7), (1, -1), (8, -8)]
    (last, *_) = [row.body for row in mails(cast.aesthetician)[::-1]]
    assert "Licence, Registered nurse: the one on record ran out on 1 March 2027." in last
    assert any("Maya Lindqvist: Licence, Registered nurse, to 1 March 2027" in row.body for row in mails(cast.manager))
    Licence.objects.create(type="Registered nurse", number="RN-1", expires_on=ends + timedelta(days=730), **kept)
    with at(ends + timedelta(days=15)):
        sending.send_due()
        assert not Reminder.objects.filter(kind="licence", mail__day_on__gt=ends + timedelta(days=8)).exists()


def test_of_a_licence_only_those_hear_who_treat_or_sign(cast, module):
    for number, person in enumerate((cast.support, cast.manager, cast.physician, cast.colleague)):
        Licence.objects.filter(person=person).delete()
        Licence.objects.create(
            person=person,
            type="x",
            number=str(number),
            authority="b",
            expires_on=date(2026, 11, 20),
            recorded_by=cast.manager,
        )
    found = sending.matters_of(board_of([cast.lakeside]).rows)
    assert {one.about for some in found.values() for one in some if one.kind == "licence"} == {
        cast.physician.pk,
        cast.colleague.pk,
    }


def test_whoever_is_on_leave_hears_nothing_until_she_is_back(client, cast, module):
    away = {"starts_on": SOON, "until_on": SOON + timedelta(days=20), "clinic": cast.lakeside, "by": cast.manager}
    with at(SOON - timedelta(days=1)):
        assigning.record_leave(person=cast.colleague, **away)
    with at(SOON):
        sending.send_due()
        assert not mails(cast.colleague)
        assert "Danielle" not in mails(cast.manager)[0].body
        client.force_login(cast.manager)
        page = client.get("/reminders/send/", {"p": cast.colleague.public_id}).text.replace("\u00a0", " ")
        assert "On leave until 6 Dec 2026." in page
        assert "Danielle" not in client.get("/reminders/next/").text
    with at(SOON + timedelta(days=20)):
        sending.send_due()
        assert not mails(cast.colleague)
    with at(SOON + timedelta(days=21)):
        sending.send_due()
        assert len(mails(cast.colleague)) == 1


def test_of_what_is_waived_nobody_is_reminded(cast, module):
    with at(SOON - timedelta(days=1)):
        until = SOON + timedelta(days=3)
        waived = {"clinic": cast.lakeside, "module": module.module, "until_on": until, "by": cast.manager}
        assigning.waive(person=cast.colleague, starts_on=SOON, reason="Treats nobody until then.", **waived)
    for days, expected in ((0, 0), (3, 0), (4, 1)):
        with at(SOON + timedelta(days=days)):
            sending.send_due()
            assert len(mails(cast.colleague)) == expected


def test_the_leaver_and_whom_nothing_is_asked_of(cast, module):
    with at(SOON):
        sending.send_due()
    assert {row.person for row in ReminderMail.objects.all()} == {
        cast.aesthetician,
        cast.colleague,
        cast.manager,
        cast.other_aesthetician,
        cast.other_manager,
    }


def test_the_managers_digest_and_what_is_late(cast, module, held):
    with at(SOON):
        sending.send_due()
    (digest,) = mails(cast.manager)
    assert digest.subject == "Lakeside Skin Clinic: 1 person is not current"
    assert "Danielle Osei: " in digest.body
    assert "Noor" not in digest.body
    assert digest.body.count("http") == 1
    for days in range(1, 7):
        with at(SOON + timedelta(days=days)):
            sending.send_due()
    assert len(mails(cast.manager)) == 1
    with at(SOON + timedelta(days=8)):
        sending.send_due()
    assert len(mails(cast.manager)) == 2


def test_the_manager_hears_within_the_week_of_who_is_late_for_more_than_one(cast, module):
    with at(SOON):
        actions.add_member(
            clinic=cast.lakeside,
            email="new@lakeside.example",
            full_name="Nele New",
            job_title="Nurse",
            hired_on=SOON - timedelta(days=22),
            roles=["aesthetician"],
            by=cast.manager,
        )
        sending.send_due()
    due = SOON + timedelta(days=8)
    for days in range(1, 20):
        with at(SOON + timedelta(days=days)):
            sending.send_due()
    about = Reminder.objects.filter(person=cast.manager, kind="escalated", about__full_name="Nele New")
    (told,) = about.select_related("mail__mail")
    assert told.mail.day_on == due + timedelta(days=8)
    assert "late for more than a week:\n- Nele New: " in told.mail.mail.body


def test_a_digest_with_nothing_to_say_is_not_sent(cast):
    with at(SOON):
        assert sending.send_due() == 0
    assert not mails(cast.manager)


def test_a_certificate_without_supervision_is_in_the_digest(cast, module):
    factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)
    programme = factories.programme_of(module.module.slug)
    signed = factories.sign_programme(person=cast.aesthetician, programme=programme, by=cast.physician)
    with clock.at(clock.now() + timedelta(days=1)):
        end_membership(membership=cast.physician.membership_set.get(), reason="Moved.", by=cast.manager)
    with at(SOON):
        sending.send_due()
    assert f"Maya Lindqvist: {signed.number}, by 3 Dec 2026" in mails(cast.manager)[0].body


def test_one_that_fails_keeps_no_other_from_hers(cast, module, monkeypatch, caplog):
    whole = mail.queue

    def broken(*, to, **rest):
        if to == cast.aesthetician:
            raise RuntimeError("no such address")
        return whole(to=to, **rest)

    with at(SOON):
        with monkeypatch.context() as patch:
            patch.setattr(mail, "queue", broken)
            with pytest.raises(RuntimeError, match="reminders failed"):
                sending.send_due()
        assert not mails(cast.aesthetician)
        assert len(mails(cast.colleague)) == 1
        assert cast.aesthetician.full_name not in caplog.text
        sending.send_due()
        assert len(mails(cast.aesthetician)) == len(mails(cast.colleague)) == 1
        assert sending.send_due() == 0


def test_nothing_is_kept_of_a_mail_whose_record_fails(cast, module, monkeypatch):
    def broken(**rest):
        raise RuntimeError("no trail")

    monkeypatch.setattr(sending.audit, "record", broken)
    with at(SOON), pytest.raises(RuntimeError):
        sending.send_due()
    assert not Reminder.objects.exists()
    assert not OutgoingMail.objects.filter(dedupe_key__startswith="reminders:").exists()


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_once_tell_nobody_twice(now):
    cast = people.make_cast()
    factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)

    def tick() -> int:
        with at(SOON):
            return sending.remind_clinic(cast.lakeside)

    assert sum(at_once(tick, tick)) == 3
    assert ReminderMail.objects.count() == OutgoingMail.objects.filter(dedupe_key__startswith="reminders:").count() == 3


def test_a_line_is_once_even_behind_the_sites_back(cast, module):
    with at(SOON):
        sending.send_due()
    line = Reminder.objects.filter(person=cast.aesthetician).get()
    line.pk = None
    with pytest.raises(IntegrityError):
        line.save(force_insert=True)


def test_a_step_whose_mail_was_given_up_was_not_sent(cast, module, held):
    """The same step is queued again while it holds, and the records add up; a mail that waits is not doubled."""
    first, second = (held.valid_until_on - timedelta(days=days) for days in (30, 22))
    with at(first):
        sending.send_due()
    with at(first + timedelta(days=1)):
        sending.send_due()
    (lost,) = mails(cast.aesthetician)
    OutgoingMail.objects.filter(pk=lost.pk).update(given_up_at=clock.now())
    with at(second):
        sending.send_due()
        sending.send_due()
    told = list(Reminder.objects.filter(person=cast.aesthetician).order_by("pk").values_list("kind", "step", "again"))
    assert told == [("expiry", 30, 0), ("expiry", 30, 1)]
    assert len(mails(cast.aesthetician)) == 2
    assert not records.verify().findings


# By hand.


def test_reminding_those_who_are_ticked(client, cast, module, held):
    client.force_login(cast.manager)
    ticked = {"p": [cast.aesthetician.public_id, cast.colleague.public_id, cast.support.public_id]}
    with at(SOON):
        page = client.get("/reminders/send/", ticked).text
        assert "Remind 1\u00a0person" in page
        assert "Nothing is due within 30 days." in page
        answer = client.post("/reminders/send/", ticked, follow=True)
        assert "1\u00a0person is reminded by mail." in answer.text
        assert "Danielle Osei" in answer.text
        again = client.post("/reminders/send/", ticked, follow=True)
        assert "Nobody was reminded" in again.text
    (row,) = mails(cast.colleague)
    assert row.body.startswith("Danielle Osei,\n\nPriya Raman reminds you:\n\nLakeside Skin Clinic, overdue:\n- ")
    event = AuditEvent.objects.get(action="reminders.queued")
    assert (event.actor, event.chain.clinic) == (cast.manager, cast.lakeside)
    assert steps(cast.colleague)[0][0] == "due"


def test_by_hand_and_by_the_site_are_one_mail_a_day_and_one_step(cast, module):
    rows = [row for row in sending.board_of([cast.lakeside]).rows if row.person == cast.colleague]
    with at(SOON):
        assert sending.remind_by_hand(rows=rows, by=cast.manager) == [cast.colleague]
        sending.send_due()
        assert len(mails(cast.colleague)) == 1
    with at(SOON + timedelta(days=1)):
        sending.send_due()
        assert len(mails(cast.colleague)) == 1
        assert sending.remind_by_hand(rows=rows, by=cast.manager) == [cast.colleague]
    assert [step for _, step in steps(cast.colleague)][1] is None


def test_by_hand_at_night_it_waits_for_the_morning(cast, module):
    rows = [row for row in sending.board_of([cast.lakeside]).rows if row.person == cast.colleague]
    with at(SOON, 4):  # 21:00 of the day before at Lakeside
        sending.remind_by_hand(rows=rows, by=cast.manager)
        (row,) = mails(cast.colleague)
        assert row.due_at == datetime(2026, 11, 16, 15, tzinfo=UTC)
        mail.send_due()
        assert not [one for one in outbox.outbox if "Priya Raman reminds" in one.body]
    with at(SOON):
        sending.send_due()
        assert len(mails(cast.colleague)) == 1


def test_of_another_clinic_nobody_is_reminded(client, cast, module):
    client.force_login(cast.other_manager)
    answer = client.post("/reminders/send/", {"p": [cast.colleague.public_id]})
    assert answer.status_code == 404
    assert not ReminderMail.objects.exists()


# What managers see.


def test_the_log_tells_what_went_to_whom_and_why(client, cast, module):
    with at(SOON):
        call_command("tick")
        client.force_login(cast.manager)
        page = client.get("/reminders/").text
        assert "Danielle Osei" in page
        assert "days after, weekly" in page
        assert "Digest, Lakeside Skin Clinic" in page
        assert "Sent" in page
        assert not [name for name in ("Noor", "Ada Quist", "Harbour") if name in page]
        hers = client.get("/reminders/", {"person": cast.colleague.public_id}).text
        assert "Maya Lindqvist" not in hers
        assert client.get("/reminders/", {"person": cast.other_aesthetician.public_id}).status_code == 404
        coming = client.get("/reminders/next/").text.replace("\u00a0", " ")
        assert coming.index("Danielle Osei") < coming.index("Maya Lindqvist")
        assert "19 November 2026" in coming  # 288 days after 4 February
        assert "Noor" not in coming


def test_setting_hours(client, cast):
    client.force_login(cast.manager)
    wrong = {"clinic": cast.lakeside.public_id, "from_hour": "9", "until_hour": "9", "digest_weekday": "0"}
    assert "It ends at 9:00, before it begins at 9:00." in client.post("/reminders/hours/", wrong).text
    assert "between 9:00 and 17:00" in client.post("/reminders/hours/", wrong | {"until_hour": "17"}, follow=True).text
    assert sending.hours_of([cast.lakeside])[cast.lakeside.pk] == sending.Hours(9, 17, 0)
    assert client.post("/reminders/hours/", wrong | {"clinic": cast.harbour.public_id}).status_code == 200


@pytest.mark.one_engine  # as many statements on both
def test_as_many_questions_for_many(client, crowd):
    cast = crowd.cast

    def visits() -> list[int]:
        client.force_login(cast.manager)
        paths = ("/reminders/", "/reminders/next/", "/reminders/send/")
        counts = [crowd.count(lambda path=path: client.get(path)) for path in paths]
        return [*counts, crowd.count(lambda: sending.letters_of(cast.lakeside))]

    with at(SOON):
        sending.send_due()
        few = visits()
    crowd.grow(60)
    with at(SOON + timedelta(days=20)):
        sending.send_due()
        assert len(sending.coming([cast.lakeside], list(sending.coming_to([cast.lakeside])[:50]))) <= 50
        assert ReminderMail.objects.count() > 30
        assert visits() == few
