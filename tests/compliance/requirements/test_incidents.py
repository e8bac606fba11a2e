"""What is asked after an incident: of whom, until when, what meets it, and that what is held stays as it is."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from compliance import entrusting, records
from compliance.models import Cycle, Incident
from compliance.queries import board_of
from compliance.reminders import sending, wording
from compliance.requirements import assigning, cycles, incidents
from compliance.waiting import waiting_for
from staff import clock
from staff.models import AuditEvent
from staff.signing import SigningRefused
from tests import factories
from tests.compliance.requirements.test_assigning import cell, kept, text
from training.models import Rereading

TODAY = date(2026, 11, 2)
DUE = TODAY + timedelta(days=12)


def ask(cast, module, person=None, by=None, due_on=DUE):
    (row,) = incidents.ask_again(
        person=person or cast.aesthetician,
        clinic=cast.lakeside,
        modules=[module.module],
        reason="Needlestick in room 2.",
        due_on=due_on,
        by=by or cast.manager,
    )
    return row


@pytest.fixture
def held(cast, module, now):
    """Maya holds the module since a month ago."""
    with clock.at(now - timedelta(days=30)):
        return factories.make_finished(person=cast.aesthetician, course=module).certificate


def found(cast, on=None):
    (row,) = board_of([cast.lakeside], cast.aesthetician, on=on).rows
    standing = row.cells[0].standing
    return standing.word, standing.state, standing.detail.replace("\u00a0", " ")


def test_what_is_held_meets_it_only_when_passed_once_more(cast, module, held, now):
    cycles.settle()
    with clock.at(now + timedelta(minutes=5)):
        incident = ask(cast, module)
        assert found(cast) == ("due-soon", "due-soon", "Asked after an incident, due 14 Nov 2026")
    assert found(cast)[:2] == ("current", "valid")
    assert kept(cast.aesthetician) == [(1, "initial", "met"), (2, "incident", "")]
    assert Rereading.objects.filter(person=cast.aesthetician, module=module.module).count() == 1
    with clock.at(now + timedelta(days=13)):
        cycles.settle()
        assert found(cast) == ("not-current", "overdue", "Overdue, asked after an incident, was due 14 Nov 2026")
        done = factories.make_finished(person=cast.aesthetician, course=module)
        assert found(cast)[:2] == ("current", "valid")
        cycles.settle()
    assert kept(cast.aesthetician) == [(1, "initial", "met"), (2, "incident", "met")]
    closed = Cycle.objects.get(incident=incident)
    assert (closed.certificate, closed.due_on, closed.opened_by) == (done.certificate, DUE, cast.manager)
    # Twelve months from the day she passed: an incident lengthens nothing.
    assert done.certificate.valid_until_on == date(2027, 11, 14)
    with clock.at(now + timedelta(days=30)):
        days = (TODAY, DUE, DUE + timedelta(days=1), DUE + timedelta(days=2))
        states = [found(cast, on)[1] for on in days]
    assert states == ["due-soon", "due-soon", "valid", "valid"]
    assert records.verify(everything=True).findings == []


def test_met_for_good_whatever_becomes_of_the_pass(cast, module, held, now):
    with clock.at(now + timedelta(minutes=5)):
        ask(cast, module)
    with clock.at(now + timedelta(days=2)):
        factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=500)):
        assert found(cast)[1] == "expired"
        assert cell(cast.aesthetician, cast.lakeside).incident is None


def test_an_open_cycle_is_asked_anew_and_the_earlier_day_counts(cast, module, now):
    cycles.settle()
    due = cell(cast.aesthetician, cast.lakeside).standing.due_on
    assert due < TODAY
    ask(cast, module)
    assert kept(cast.aesthetician) == [(1, "initial", "anew"), (2, "incident", "")]
    assert cell(cast.aesthetician, cast.lakeside).standing.due_on == due
    assert cycles.settle() == 0 or kept(cast.aesthetician)[-1] == (2, "incident", "")


def test_of_whom_no_rule_asks(cast, module, now):
    assert not cell(cast.support, cast.lakeside).required
    row = ask(cast, module, cast.support)
    assert found_of(cast.support, cast) == ("due-soon", "due-soon")
    incidents.end(row=row, ends_on=TODAY, reason="The wrong person.", by=cast.manager)
    assert found_of(cast.support, cast) == ("not-required", "not-required")
    cycles.settle()
    assert kept(cast.support) == [(1, "incident", "left")]


def found_of(person, cast):
    standing = cell(person, cast.lakeside).standing
    return standing.word, standing.state


def test_taken_back_the_renewal_that_was_closed_is_opened_again(cast, module, held, now):
    with clock.at(now + timedelta(days=290)):
        cycles.settle()
        row = ask(cast, module, due_on=TODAY + timedelta(days=300))
        incidents.end(row=row, ends_on=TODAY + timedelta(days=290), reason="In error.", by=cast.manager)
        for _ in range(2):
            cycles.settle()
        assert kept(cast.aesthetician) == [
            (1, "renewal", "anew"),
            (2, "incident", "left"),
            (3, "renewal", ""),
        ]


def test_who_may_ask_and_end(cast, module, now):
    with pytest.raises(assigning.NotAllowed, match="Nobody asks or ends"):
        ask(cast, module, by=cast.aesthetician)
    with pytest.raises(assigning.NotAllowed, match="takes no quiz at"):
        ask(cast, module, cast.manager, by=cast.physician)
    row = ask(cast, module)
    with pytest.raises(assigning.NotAllowed, match="Priya Raman asked for this on"):
        ask(cast, module, by=cast.physician)
    with pytest.raises(assigning.NotAllowed):
        incidents.end(row=row, ends_on=TODAY, reason="x", by=cast.aesthetician)
    assigning.waive(
        person=cast.colleague, module=module.module, reason="x", clinic=cast.lakeside, by=cast.manager,
        starts_on=TODAY, until_on=TODAY,
    )  # fmt: skip
    with pytest.raises(assigning.NotAllowed, match="End the waiver first"):
        ask(cast, module, cast.colleague)
    with pytest.raises(DatabaseError, match="never edited"), transaction.atomic():
        Incident.objects.filter(pk=row.pk).update(due_on=TODAY)
    told = AuditEvent.objects.filter(subject_type="compliance.incident", subject_id=str(row.pk))
    assert [(event.action, event.actor) for event in told] == [("incident.recorded", cast.manager)]


def test_a_waiver_excuses_from_it_while_it_holds(cast, module, held, now):
    with clock.at(now + timedelta(minutes=5)):
        ask(cast, module)
        assigning.waive(
            person=cast.aesthetician, module=module.module, reason="x", clinic=cast.lakeside, by=cast.physician,
            starts_on=TODAY + timedelta(days=1), until_on=TODAY + timedelta(days=3),
        )  # fmt: skip
    for days, state in ((0, "due-soon"), (1, "valid"), (4, "due-soon")):
        with clock.at(now + timedelta(days=days, minutes=10)):
            assert found(cast)[1] == state
            cycles.settle()
    assert kept(cast.aesthetician)[-1] == (2, "incident", "") or kept(cast.aesthetician)[-1] == (1, "incident", "")


def test_she_is_reminded_of_it_and_not_of_her_certificate(cast, module, held, now):
    with clock.at(now + timedelta(minutes=5)):
        row = ask(cast, module)
        (matter,) = sending.matters_of(board_of([cast.lakeside], cast.aesthetician).rows)[
            cast.aesthetician.pk, cast.lakeside.pk
        ]
    assert (matter.kind, matter.cycle, matter.day) == ("due", row.public_id, DUE)
    said = wording.says(matter, TODAY)
    assert "to be passed again after an incident by 14\u00a0November\u00a02026" in said
    assert "after an incident, due by" in wording.told(matter)


def test_from_the_cell_to_her_home_and_back(client, cast, module, held, now):
    with clock.at(now + timedelta(minutes=5)):
        client.force_login(cast.physician)
        where = f"{cast.aesthetician.public_id}/{cast.lakeside.public_id}"
        cell_page = f"/compliance/of/{where}/needle-depth/"
        asked = f"/people/{where}/incident/?module=needle-depth"
        assert asked in text(client.get(cell_page))
        assert 'value="module:needle-depth" selected' in text(client.get(asked))
        sent = {"what": "module:needle-depth", "reason": "Needlestick.", "due_on": "2026-11-14"}
        assert "Choose a day from" in text(client.post(asked, {**sent, "due_on": "2026-11-01"}))
        assert client.post(asked, sent).status_code == 302
        assert "already, by 14 November 2026" in text(client.post(asked, sent))
        page = text(client.get(cell_page))
        assert "asked for it again on 2 November 2026, by 14 November 2026: Needlestick." in page
        assert "After an incident</h3>" in page
        assert "After an incident: Needlestick." in text(client.get(f"/people/{cast.aesthetician.public_id}/"))
        assert "Needlestick." in text(client.get("/assignments/?show=incidents"))
        client.force_login(cast.aesthetician)
        home = text(client.get("/"))
        assert (
            "asked for this again on 2 November 2026, after an incident: Needlestick. What you hold stays as it is."
            in home
        )
        client.force_login(cast.other_manager)
        assert "Needlestick" not in text(client.get("/assignments/?show=incidents"))
        row = Incident.objects.get()
        client.force_login(cast.manager)
        assert "Needle depth, by" in client.get(f"/assignments/incidents/{row.public_id}/end/").text
        client.post(f"/assignments/incidents/{row.public_id}/end/", {"ends_on": "2026-11-02", "reason": "In error."})
        assert "In error." in text(client.get("/assignments/?show=ended"))
        assert found(cast)[1] == "valid"


def test_the_same_queries_for_one_and_for_many(client, cast, module, crowd, now):
    ask(cast, module)
    client.force_login(cast.manager)
    paths = ["/assignments/?show=incidents", "/assignments/?show=ended", "/compliance/"]
    client.get(paths[0])
    few = [crowd.count(lambda path=path: client.get(path)) for path in paths]
    known = {"clinic": cast.lakeside, "module": module.module, "recorded_by": cast.manager, "reason": "x"}
    Incident.objects.bulk_create(Incident(person=one, starts_on=TODAY, due_on=DUE, **known) for one in crowd.grow(60))
    assert [crowd.count(lambda path=path: client.get(path)) for path in paths] == few


def test_a_programme_is_not_signed_while_something_is_asked(client, cast, module, held, now):
    """The page says why and what to do; what was asked after it was opened refuses the signature too; ended, it is signed."""
    programme = factories.ready_for_programme(person=cast.aesthetician, course=module, by=cast.physician)
    member = cast.aesthetician.membership_set.select_related("person", "clinic").get()
    before = entrusting.dossier_of(member, programme)
    assert before.ready
    with clock.at(now + timedelta(minutes=5)):
        incident = ask(cast, module)
        (condition,) = entrusting.dossier_of(member, programme).missing
        why = "Needle depth is asked again after an incident, by 14\u00a0November\u00a02026, and is not passed yet."
        assert condition.sentence.startswith(why)
        client.force_login(cast.physician)
        page = text(client.get(reverse("compliance:programme-sign", args=[programme.slug, member.clinic.public_id,
                                                                         member.person.public_id])))  # fmt: skip
        assert "It cannot be signed yet" in page
        assert "ends what was asked" in page
        assert not [row for row in waiting_for(cast.physician).programmes if row.person == cast.aesthetician]
        with pytest.raises(SigningRefused, match="Nothing was signed"):
            entrusting.sign_programme(
                membership=member,
                programme=programme,
                seen=factories.seen(before.sha256, cast.physician),
                by=cast.physician,
            )
        waiver = assigning.waive(
            person=cast.aesthetician, clinic=cast.lakeside, module=module.module, reason="On leave.", starts_on=TODAY,
            until_on=TODAY + timedelta(days=3), by=cast.manager,
        )  # fmt: skip
        assert entrusting.dossier_of(member, programme).ready
        assigning.end(row=waiver, ends_on=TODAY, reason="Back.", by=cast.manager)
        assert not entrusting.dossier_of(member, programme).ready
        incidents.end(row=incident, ends_on=TODAY, reason="The wrong person.", by=cast.manager)
        assert factories.sign_programme(person=cast.aesthetician, programme=programme, by=cast.physician)
