"""Calendar feeds: an address that is shown once, holds until it is taken back, and tells no more than it must."""

import logging
from datetime import timedelta

import pytest
from django.db import IntegrityError

from certificates.actions import end_membership, open_renewals
from compliance.models import CalendarFeed
from compliance.reminders import feeds
from staff import clock
from staff.models import AuditEvent
from tests import factories
from tests.people import make_person

NAMES = ("Lindqvist", "Danielle", "Osei", "@lakeside.example")


def path(address: str) -> str:
    return "/calendar/" + address.split("/calendar/")[1]


def read(client, address: str) -> str:
    answer = client.get(path(address))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    return str(answer.content.decode()).replace("\r\n ", "")


@pytest.fixture
def held(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


def test_her_own_days_without_her_name(client, cast, module, held):
    file = read(client, feeds.make(clinic=None, by=cast.aesthetician))
    assert file.count("BEGIN:VEVENT") == 1
    assert "DTSTART;VALUE=DATE:20271101" in file
    assert f"SUMMARY:{module.version.title}: last day of the certificate" in file
    assert not [word for word in (*NAMES, held.number) if word in file]
    other = read(client, feeds.make(clinic=None, by=cast.colleague))
    assert "DTSTART;VALUE=DATE:20260204" in other
    assert "last day to hold it" in other


def test_a_clinics_days_without_names(client, cast, module, held, now):
    new = make_person(cast.lakeside, "Nele New", "aesthetician", by=cast.manager)
    new.membership_set.update(hired_on=now.date())
    cast.colleague.membership_set.update(hired_on=now.date())
    file = read(client, feeds.make(clinic=cast.lakeside, by=cast.manager))
    assert f"SUMMARY:{module.version.title}: due\\, 2 people" in file
    assert f"SUMMARY:{module.version.title}: last day of the certificate\\, 1 person" in file
    assert not [word for word in (*NAMES, "Nele", "Harbour") if word in file]


def test_the_same_bytes_until_a_day_changes(client, cast, module, held, now):
    address = path(feeds.make(clinic=None, by=cast.aesthetician))
    first = client.get(address)
    assert first["Cache-Control"] == "private, max-age=900"
    with clock.at(now + timedelta(days=1)):
        again = client.get(address, headers={"if-none-match": first["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == first["ETag"]
    with clock.at(now + timedelta(days=330)):
        open_renewals()
        factories.make_finished(person=cast.aesthetician, course=module)
        assert client.get(address, headers={"if-none-match": first["ETag"]}).status_code == 200


def test_the_address_is_shown_once_and_kept_nowhere(client, cast):
    client.force_login(cast.aesthetician)
    page = client.post("/calendar/make/").text
    secret = page.split('readonly value="')[1].split('"')[0]
    secret = secret.rsplit("/", 1)[1].removesuffix(".ics")
    assert len(secret) == 32
    assert secret not in client.get("/calendar/").text
    row = CalendarFeed.objects.get()
    assert row.address_sha256 == feeds.hashed(secret)
    assert secret not in "".join(str(event.body) for event in AuditEvent.objects.all())


def test_renewed_and_taken_back_it_is_gone(client, cast, module, caplog):
    client.force_login(cast.aesthetician)
    first, second = (feeds.make(clinic=None, by=cast.aesthetician) for _ in range(2))
    with caplog.at_level(logging.INFO):
        assert client.get(path(first)).status_code == 404
        assert client.get(path(second)).status_code == 200
        assert "taken back" in client.post("/calendar/end/", follow=True).text
        assert client.get(path(second)).status_code == 404
        assert client.get("/calendar/never-made.ics").status_code == 404
    assert not [secret for secret in (first, second) if secret[-20:] in caplog.text]
    told = AuditEvent.objects.filter(action__startswith="calendar.").order_by("seq")
    assert [event.action for event in told] == ["calendar.made", "calendar.ended", "calendar.made", "calendar.ended"]


def test_who_has_left_and_who_manages_no_longer(client, cast, module):
    own = feeds.make(clinic=None, by=cast.aesthetician)
    clinics = feeds.make(clinic=cast.lakeside, by=cast.manager)
    other = make_person(cast.lakeside, "Mona Manager", "manager", by=cast.manager)
    end_membership(membership=cast.aesthetician.membership_set.get(), reason="Left.", by=other)
    assert client.get(path(own)).status_code == 404
    cast.manager.membership_set.get().roles.update(ended_at=clock.now(), ended_by=other)
    assert client.get(path(clinics)).status_code == 404


def test_only_for_a_clinic_that_one_manages(client, cast):
    for person, clinic in (
        (cast.aesthetician, cast.lakeside),
        (cast.manager, cast.harbour),
        (cast.physician, cast.lakeside),
    ):
        client.force_login(person)
        assert client.post("/calendar/make/", {"clinic": clinic.public_id}).status_code == 404
    assert not CalendarFeed.objects.exists()


def test_asked_too_often(client, cast, module, monkeypatch):
    monkeypatch.setattr("compliance.views.feeds.MOST_AN_HOUR", 2)
    address = path(feeds.make(clinic=None, by=cast.aesthetician))
    assert [client.get(address).status_code for _ in range(3)] == [200, 200, 429]


def test_guessing_is_slowed_down(client, cast, monkeypatch):
    monkeypatch.setattr("certificates.views.verify.MISSES_A_MINUTE", 2)
    assert [client.get("/calendar/guessed.ics").status_code for _ in range(3)] == [404, 404, 429]


def test_one_address_at_a_time_even_behind_the_sites_back(cast):
    feeds.make(clinic=None, by=cast.aesthetician)
    with pytest.raises(IntegrityError):
        CalendarFeed.objects.create(person=cast.aesthetician, address_sha256="0" * 64)


def test_as_many_questions_for_many(client, crowd):
    cast = crowd.cast
    address = path(feeds.make(clinic=cast.lakeside, by=cast.manager))
    client.get(address)
    few = crowd.count(lambda: client.get(address))
    crowd.grow(30)
    assert crowd.count(lambda: client.get(address)) == few
