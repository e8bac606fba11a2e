"""Sessions on site: what is asked, who signs, whom they count for and until when."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import bloodborne, records
from compliance.models import HepatitisOffer, Rule, SiteSession, SiteTrainer, Waiver
from compliance.queries import board_of
from compliance.reminders import sending
from compliance.requirements import assigning
from staff import clock, signing
from staff.models import AuditEvent
from tests import factories
from tests.people import PASSWORD


def shown(cast):
    return bloodborne.before_sha256(cast.lakeside, bloodborne.may_attend(cast.lakeside))


def typed(cast, *people, **changes):
    return {
        "clinic": cast.lakeside.public_id,
        "held_on": "2026-10-30",
        "minutes": "60",
        "place": "Room 2",
        "trainer_name": "Ines Albrecht",
        "trainer_qualification": "Nurse",
        "trainer_contact": "ines@example.org",
        "summary": "Our sharps and our plan.",
        "questions_answered": "yes",
        "plan": "Red binder",
        "p": [person.public_id for person in people],
        "shown_sha256": shown(cast),
        "opened_at": clock.now().isoformat(),
        "email": cast.manager.email,
        "password": PASSWORD,
    } | changes


def test_a_session_from_the_page(client, cast):
    client.force_login(cast.manager)
    start = reverse("compliance:bloodborne")
    before = client.get(start).text
    assert before.count("not recorded") >= 4
    assert "does not say that it is met" in before
    form = {"name": "Ines Albrecht", "qualification": "Nurse", "contact": "ines@example.org", "plan": "Red binder"}
    for _ in range(2):
        client.post(reverse("compliance:bloodborne-trainer"), form)
    assert SiteTrainer.objects.count() == 1
    add = reverse("compliance:session-add")
    assert "Red binder" in client.get(add).text
    assert client.post(add, typed(cast)).status_code == 400
    assert client.post(add, typed(cast, cast.aesthetician, password="wrong")).status_code == 400
    assert not SiteSession.objects.exists()
    done = client.post(add, typed(cast, cast.aesthetician, cast.colleague))
    told = client.get(done.url).text
    assert "Registered nurse" in told
    assert "to 29\xa0October\xa02027" in told
    row = SiteSession.objects.get()
    assert (row.signature.role, row.signature.meaning_code) == ("manager", "record-session")
    states = {one.membership.person: one.state for one in bloodborne.standings(cast.lakeside)}
    assert states == {cast.aesthetician: "valid", cast.colleague: "valid", cast.support: "not-recorded"}
    client.post(reverse("compliance:session-withdraw", args=[row.public_id]), {"reason": "The wrong day."})
    assert "counts for nobody" in client.get(done.url).text
    assert {one.state for one in bloodborne.standings(cast.lakeside)} == {"not-recorded"}


@pytest.mark.parametrize(("days", "state"), [(0, "valid"), (304, "expiring"), (364, "expiring"), (365, "expired")])
def test_it_holds_through_364_days(cast, days, state):
    session = factories.site_session(people=[cast.aesthetician], by=cast.physician, days=0)
    assert bloodborne.valid_until(session.held_on) == session.held_on + timedelta(days=364)
    with clock.at(clock.now() + timedelta(days=days)):
        found = {one.membership.person: one.state for one in bloodborne.standings(cast.lakeside)}
    assert found[cast.aesthetician] == state


def test_without_answered_questions_it_counts_for_nobody(cast):
    factories.site_session(people=[cast.aesthetician], by=cast.manager, questions_answered=False)
    assert {one.state for one in bloodborne.standings(cast.lakeside)} == {"not-recorded"}


def test_who_may_sign_and_who_may_have_come(cast):
    with pytest.raises(signing.SigningRefused, match="not a supervising physician"):
        bloodborne.record_session(
            clinic=cast.lakeside,
            facts=bloodborne.Facts(date(2026, 10, 30), 60, "x", "x", "x", "x", "x", True, "x"),
            people=[cast.aesthetician],
            seen=factories.seen(shown(cast), cast.aesthetician),
            by=cast.aesthetician,
        )
    for people, sentence in (
        ([], "at least one"),
        ([cast.other_aesthetician], "does not work at"),
        ([cast.leaver], "does not work at"),
    ):
        with pytest.raises(signing.SigningRefused, match=sentence):
            factories.site_session(people=people, by=cast.manager)
    with pytest.raises(signing.SigningRefused, match="after the session"):
        factories.site_session(people=[cast.aesthetician], by=cast.manager, held_on=date(2026, 1, 4))
    with pytest.raises(signing.SigningRefused, match="future"):
        factories.site_session(people=[cast.aesthetician], by=cast.manager, days=-1)
    assert not SiteSession.objects.exists()


def test_what_changed_on_the_page_is_read_again(client, cast):
    client.force_login(cast.manager)
    sent = typed(cast, cast.aesthetician)
    factories.name_trainer(by=cast.physician)
    answer = client.post(reverse("compliance:session-add"), sent)
    assert "changed while it was on your screen" in answer.text
    assert not SiteSession.objects.exists()


def test_only_the_date_of_an_offer_is_kept(client, cast):
    client.force_login(cast.manager)
    url = reverse("compliance:hepatitis-offer", args=[cast.support.public_id, cast.lakeside.public_id])
    assert client.post(url, {"offered_on": "2026-12-24"}).status_code == 400
    client.post(url, {"offered_on": "2026-01-08", "status": "declined"})
    row = HepatitisOffer.objects.get()
    assert {field.name for field in row._meta.concrete_fields} == {
        "id", "person", "clinic", "offered_on", "recorded_at", "recorded_by",
    }  # fmt: skip
    assert AuditEvent.objects.filter(action="hepatitis-b.offered", actor=cast.manager).exists()
    assert "8\xa0January\xa02026" in client.get(reverse("compliance:bloodborne")).text


def test_another_clinic_is_not_there(client, cast):
    client.force_login(cast.other_manager)
    assert client.get(f"{reverse('compliance:bloodborne')}?clinic={cast.lakeside.public_id}").status_code == 404
    with pytest.raises(bloodborne.NotAllowed):
        factories.name_trainer(by=cast.other_manager, clinic=cast.lakeside)


def test_the_page_costs_the_same_with_one_and_with_many(client, cast, django_assert_num_queries):
    client.force_login(cast.physician)
    url = reverse("compliance:bloodborne")
    factories.site_session(people=[cast.aesthetician], by=cast.physician)
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    factories.site_session(people=[cast.aesthetician, cast.colleague], by=cast.physician, days=5)
    for person in (cast.aesthetician, cast.support):
        bloodborne.record_offer(person=person, clinic=cast.lakeside, offered_on=date(2026, 1, 8), by=cast.manager)
    with django_assert_num_queries(len(one)):
        client.get(url)


def cells_of(cast, **asked):
    """By person, the cell of the column; nothing where there is none."""
    rows = board_of([cast.lakeside], **asked).rows
    return {row.person: cell for row in rows for cell in row.cells if cell.column.slug == "bbp-annual"}


def test_a_column_of_its_own_once_the_trainer_is_named(client, cast, module, now):
    assert not cells_of(cast)
    factories.name_trainer(by=cast.manager)
    asked = {person: cell.standing.word for person, cell in cells_of(cast).items()}
    assert asked == {
        cast.aesthetician: "due-soon", cast.colleague: "due-soon", cast.support: "due-soon",
        cast.physician: "not-required", cast.manager: "not-required",
    }  # fmt: skip
    session = factories.site_session(people=[cast.aesthetician], by=cast.manager)
    found = cells_of(cast)
    assert found[cast.aesthetician].standing.detail == "Session to 29\xa0Oct\xa02027"
    assert found[cast.colleague].standing.detail == "Not recorded, due 2\xa0Dec\xa02026"
    client.force_login(cast.manager)
    assert "BBP annual" in client.get(reverse("compliance:matrix")).text
    assert "A session is asked" in client.get(found[cast.colleague].page).text.replace("a session is", "A session is")
    assert client.get(reverse("compliance:people-csv")).status_code == 200
    with clock.at(now + timedelta(days=31)):
        assert cells_of(cast)[cast.colleague].standing.word == "not-current"
        bloodborne.withdraw(session=session, reason="The wrong day.", by=cast.manager)
        assert cells_of(cast)[cast.aesthetician].standing.state == "not-recorded"
    with clock.at(now + timedelta(days=40)):
        then = cells_of(cast, on=now.date() + timedelta(days=2))
    assert then[cast.aesthetician].standing.state == "valid"


def waive(cast, person, **days):
    known = {"starts_on": date(2026, 11, 2), "until_on": date(2026, 12, 20), **days}
    return assigning.waive(
        person=person, clinic=cast.lakeside, module=None, reason="Works from home.", by=cast.manager, **known
    )


def test_waived_nobody_is_alarmed_and_the_cell_says_why(client, cast, module, now):
    factories.name_trainer(by=cast.manager)
    waive(cast, cast.colleague)
    waive(cast, cast.aesthetician)
    factories.site_session(people=[cast.aesthetician], by=cast.manager)
    late = now + timedelta(days=40)
    with clock.at(late):
        found = cells_of(cast)
        standing = found[cast.colleague].standing
        assert (standing.word, standing.detail) == ("not-required", "Waived to 20\xa0Dec\xa02026")
        assert found[cast.support].standing.word == "not-current"
        assert found[cast.aesthetician].standing.state == "valid"
        (digest,) = sending._digests([cast.lakeside], board_of([cast.lakeside]).rows, _no_matters(cast)).values()
        sessions = [row.name for row in digest.late if "BBP annual" in row.text]
        assert sessions == ["Tom Reyes"]
        (shown,) = [one for one in bloodborne.standings(cast.lakeside) if one.membership.person == cast.colleague]
        assert (shown.state, shown.word) == ("waived", "Waived to 20\xa0Dec\xa02026")
        client.force_login(cast.manager)
        page = client.get(found[cast.colleague].page).text.replace("\xa0", " ")
        assert "2 November 2026 to 20 December 2026: Works from home. Approved by Priya Raman" in page
        assert "End the waiver" in page
        assert "it does not end that duty" in page
        waiver = Waiver.objects.get(person=cast.colleague)
        assigning.end(row=waiver, ends_on=late.date(), reason="Back in the rooms.", by=cast.manager)
        assert cells_of(cast)[cast.colleague].standing.word == "not-current"
        then = cells_of(cast, on=date(2026, 12, 11))
        assert then[cast.colleague].waiver == waiver
        assert then[cast.colleague].standing.state == "waived"


def _no_matters(cast):
    return {(row.person.pk, row.clinic.pk): [] for row in board_of([cast.lakeside]).rows}


def test_a_rule_asks_others_for_it_from_the_day_it_begins(client, cast, module, now):
    client.force_login(cast.manager)
    sent = {
        "role": "manager",
        "clinic": cast.lakeside.public_id,
        "what": "session:",
        "days": "9",
        "starts_on": "2026-11-02",
    }
    assert client.post(reverse("compliance:rule-add"), sent).status_code == 302
    found = cells_of(cast)
    assert {person for person, cell in found.items() if cell.asks} == {cast.manager}
    assert found[cast.manager].standing.detail == "Not recorded, due 11\xa0Nov\xa02026"
    assert found[cast.aesthetician].standing.word == "not-required"
    assert cast.manager in {one.membership.person for one in bloodborne.standings(cast.lakeside)}
    page = client.get(found[cast.manager].page).text.replace("\xa0", " ")
    assert "Manager: BBP annual" in page
    assert "Manager: BBP annual" in client.get(reverse("compliance:assignment-list")).text
    sent = {"module": "bbp-annual", "reason": "Works from home.", "starts_on": "2026-11-02", "until_on": "2026-12-02"}
    path = reverse("compliance:waiver-add", args=[cast.colleague.public_id, cast.lakeside.public_id])
    assert client.post(path, sent).status_code == 302
    assert "already" in client.post(path, sent).text
    assert "BBP annual" in client.get(reverse("compliance:assignment-list") + "?show=waivers").text
    with clock.at(now + timedelta(days=10)):
        assert cells_of(cast)[cast.manager].standing.word == "not-current"
        assert cells_of(cast, on=date(2026, 11, 5))[cast.manager].standing.word == "due-soon"
    assert records.verify(everything=True).findings == []


def test_a_row_asks_for_one_thing(cast, module):
    known = {"clinic": cast.lakeside, "recorded_by": cast.manager, "starts_on": date(2026, 11, 2)}
    both = {"module": module.module, "session": True}
    for model, rest in (
        (Rule, {"role": "manager", "days": 3}),
        (Waiver, {"person": cast.colleague, "reason": "x", "until_on": date(2026, 11, 3)}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            model.objects.create(**known, **rest, **both)
        with pytest.raises(DatabaseError), transaction.atomic():
            model.objects.create(**known, **rest)
