"""The audit trail as a page and as CSV: sentences, filters, pages, and nothing of another clinic."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import trail
from quizzes.models import AttemptGrant
from staff import actions, audit, clock
from staff.models import ActorName, AuditEvent, Chain, Signature
from tests import factories

URL = "/trail/"


@pytest.fixture
def told(cast, module, now):
    """Maya passed; Danielle was renamed two days later; Tom has extra time; and Harbour did something too."""
    done = factories.make_finished(person=cast.aesthetician, course=module)
    factories.accommodate(person=cast.support, by=cast.manager)
    with clock.at(now + timedelta(days=2)):
        actions.correct_name(
            person=cast.colleague,
            full_name="Danielle Osei-Berg",
            latin_name="",
            clinic=cast.lakeside,
            reason="=1+1 married",
            by=cast.manager,
        )
    return done


@pytest.fixture
def page(client, cast):
    def opened(person=cast.manager, **asked):
        client.force_login(person)
        return client.get(URL, asked)

    return opened


def said(response) -> list[str]:
    return [line.sentence for line in response.context["lines"]]


def test_trail_says_in_sentences_what_happened(told, page):
    response = page()
    assert said(response)[0] == "Priya Raman corrected the name of Danielle Osei-Berg"
    number = told.certificate.number
    assert f"Maya Lindqvist issued certificate {number} to Maya Lindqvist" in said(response)
    assert any(line.startswith("Maya Lindqvist began an attempt: ") for line in said(response))
    html = response.content.decode()
    assert "=1+1 married" in html
    assert told.attempt.public_id not in html


@pytest.mark.parametrize(
    ("asked", "expected", "not_expected"),
    [
        ({"who": "priya"}, "Priya Raman corrected", "Maya Lindqvist handed in"),
        ({"about": "lindqvist"}, "Maya Lindqvist handed in", "corrected the name"),
        ({"about": "osei"}, "corrected the name of Danielle", "handed in"),
        ({"what": "certificates"}, "issued certificate", "handed in"),
        ({"what": "people"}, "gave Tom Reyes extra time", "handed in"),
        ({"first_on": "2026-11-04"}, "corrected the name", "handed in"),
        ({"last_on": "2026-11-03"}, "handed in", "corrected the name"),
        ({"who": "maya", "what": "attempts", "first_on": "nonsense"}, "handed in", "issued certificate"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_trail_is_narrowed_by_the_address(told, page, asked, expected, not_expected):
    found = "\n".join(said(page(**asked)))
    assert expected in found
    assert not_expected not in found


def test_trail_about_a_person_finds_what_was_signed_of_her(told, page, cast):
    signature = factories.sign_sheet(
        sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
    ).signature
    assert isinstance(signature, Signature)
    found = said(page(person=cast.manager, about="lindqvist", what="signatures"))
    assert found[0] == "Elena Ruiz signed what was observed of Maya Lindqvist"
    assert len(found) == 2, "and that she accepted herself what a signature is"


def test_trail_of_one_person_from_her_page(told, client, cast):
    client.force_login(cast.manager)
    found = said(client.get(URL, {"person": cast.colleague.public_id}))
    assert "Priya Raman corrected the name of Danielle Osei-Berg" in found
    assert not [line for line in found if "Maya" in line]
    link = f"{URL}?clinic={cast.lakeside.public_id}&amp;person={cast.colleague.public_id}"
    assert link in client.get(reverse("compliance:person-detail", args=[cast.colleague.public_id])).content.decode()


def test_trail_holds_nothing_of_another_clinic(told, client, cast):
    client.force_login(cast.other_manager)
    for asked in ({}, {"about": "Maya"}, {"who": "Priya"}, {"print": "1"}):
        response = client.get(URL, asked)
        assert all(line.event.chain.clinic == cast.harbour for line in response.context["lines"])
        assert "Lindqvist" not in response.content.decode()
    assert client.get(URL, {"clinic": cast.lakeside.public_id}).status_code == 404
    assert client.get(URL, {"person": cast.aesthetician.public_id}).status_code == 404
    found = b"".join(client.get(reverse("compliance:trail-csv")).streaming_content).decode()
    assert "Lindqvist" not in found
    assert client.get(reverse("compliance:trail-csv"), {"clinic": cast.lakeside.public_id}).status_code == 404


def test_trail_keeps_extra_time_from_the_physician_and_the_talk_from_the_manager(told, page, cast):
    with transaction.atomic():
        audit.record(
            clinic=cast.lakeside,
            by=cast.physician,
            action=f"attempts.granted.{AttemptGrant.Kind.TALK}",
            subject=told.attempt.candidacy,
            reason="She chose 2.5 mm on the eyelid.",
        )
    seen = page(person=cast.manager).content.decode()
    assert "Tom Reyes" in seen
    assert "eyelid" not in seen
    seen = page(person=cast.physician).content.decode()
    assert "eyelid" in seen
    assert "Tom Reyes extra time" not in seen
    assert not [line for line in said(page(person=cast.physician, about="reyes")) if "extra time" in line]


def test_trail_without_the_name_says_that_it_was_erased(told, page, cast):
    ActorName.objects.filter(person=cast.manager).delete()
    assert said(page())[0] == "An erased person corrected the name of Danielle Osei-Berg"


def test_trail_calls_an_unknown_action_by_its_name():
    assert trail.sentence("rule.put_on", "Maya", "") == "recorded “rule put on” about Maya"


def test_every_sentence_can_be_filled():
    for action in trail.SENTENCES:
        assert "{" not in trail.sentence(action, "Maya", "PP-1")


def fill(cast, count: int) -> None:
    with transaction.atomic():
        for _ in range(count):
            audit.record(clinic=cast.lakeside, by=cast.manager, action="person.renamed", subject=cast.colleague)


def test_trail_asks_as_much_for_one_as_for_many(told, client, cast):
    """Of one kind of row; each kind on the page costs a statement."""
    client.force_login(cast.manager)
    asked = {"what": "people", "first_on": "2026-11-04", "who": "Priya", "about": "osei"}
    client.get(URL)
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(URL, asked).context["lines"]) == 1
    with clock.at(clock.now() + timedelta(days=2)):
        fill(cast, 60)
    with CaptureQueriesContext(connection) as many:
        assert len(client.get(URL, asked).context["lines"]) == trail.PAGE
    assert len(few) == len(many)


def test_trail_pages_by_number_to_the_first(told, page, cast):
    fill(cast, 2 * trail.PAGE)
    seen, before = [], None
    while True:
        response = page(**({"before": before} if before else {}))
        seen += [line.event.seq for line in response.context["lines"]]
        before = response.context["more"]
        if before is None:
            break
    assert seen == list(range(Chain.objects.get(clinic=cast.lakeside).seq, 0, -1))
    assert len(page(print=1).context["lines"]) == len(seen)


def test_trail_as_csv_holds_every_event_and_no_formula(told, client, cast, monkeypatch):
    monkeypatch.setattr(trail, "CHUNK", 3)
    client.force_login(cast.manager)
    response = client.get(reverse("compliance:trail-csv"))
    text = b"".join(response.streaming_content).decode()
    assert text.count("\ufeff") == 1
    rows = list(csv.DictReader(io.StringIO(text[1:])))
    events = list(AuditEvent.objects.filter(chain__clinic=cast.lakeside).order_by("-seq"))
    assert [row["hash"] for row in rows] == [event.hash for event in events]
    assert rows[0]["reason"] == "'=1+1 married"
    assert rows[0]["at_clinic"] == "2026-11-04T08:00:00-07:00"
