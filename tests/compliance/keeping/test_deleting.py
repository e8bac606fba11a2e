"""Records whose time is over go through the one gate: never a day early, each with its tombstone, and all else adds up."""

import json
from datetime import timedelta
from io import StringIO
from itertools import chain

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from certificates.actions import end_membership
from certificates.models import Certificate
from compliance import records
from compliance.keeping import deleting, erasing, own_data, trimming
from compliance.models import Leave, OutsideTraining, Waiver
from compliance.trail import heads
from quizzes.actions import void
from quizzes.models import Accommodation, Attempt, Candidacy
from staff import actions, audit, canonical, clock, guards, mail
from staff import keeping as rules
from staff.models import ActorName, AuditEvent, LegalHold, Licence, Membership, OutgoingMail, StaffMember, Tombstone
from tests import factories
from tests.compliance import tampering
from tests.staff.test_guards import kept_history  # noqa: F401


@pytest.fixture
def unheld(kept_history, db):  # noqa: F811
    """Nobody held."""
    hold = LegalHold.objects.get(lifted_at=None)
    for person in (kept_history.cast.manager, kept_history.cast.physician):
        rules.release_hold(hold=hold, by=person)
    return kept_history


@pytest.fixture
def history(unheld):
    """And Maya gone."""
    row = Membership.objects.get(person=unheld.cast.aesthetician, ended_at=None)
    end_membership(membership=row, by=unheld.cast.manager, reason="")
    return unheld


def test_records_go_when_their_time_is_over_and_all_else_adds_up(history):
    maya, manager = StaffMember.objects.get(pk=history.cast.aesthetician.pk), history.cast.manager
    over, before = deleting.over_on(maya), Tombstone.objects.count()
    others = Attempt.objects.exclude(candidacy__person=maya).count()
    before_of = {
        model: model.objects.filter(person=maya).count()
        for model in (Waiver, Leave, OutsideTraining, Accommodation, Licence)
    }
    codes = list(Certificate.objects.filter(person=maya).values_list("code", flat=True))
    noon = clock.now().replace(year=over.year, month=over.month, day=over.day)
    with clock.at(noon - timedelta(days=1)):
        assert maya not in deleting.due()
        with pytest.raises(deleting.NotYet):
            deleting.delete(person=maya, by=manager)
        assert Tombstone.objects.count() == before
    with clock.at(noon):
        hold = rules.place_hold(clinic=history.cast.lakeside, person=maya, reason="Case 14", by=manager)
        assert maya not in deleting.due()
        with pytest.raises(rules.OnHold):
            deleting.delete(person=maya, by=manager)
        for person in (manager, history.cast.physician):
            rules.release_hold(hold=hold, by=person)
        assert maya in deleting.due()
        otto = history.cast.administrator.email
        dry = StringIO()
        call_command("retention", stdout=dry)
        assert f"records of {maya.public_id}, over since {over}" in dry.getvalue()
        assert Tombstone.objects.count() == before
        second = history.cast.author
        actions.appoint(person=second, role="administrator", by=history.cast.pinpoint)
        call_command("retention", apply=True, by=otto, second=second.email, stdout=dry)
        assert "Not deleted" not in dry.getvalue(), dry.getvalue()
        rows = Tombstone.objects.count() - before
        assert f"Deleted {rows} rows of {maya.public_id}" in dry.getvalue()
        assert maya not in deleting.due()
    assert rows > 100
    assert before_of == {Waiver: 1, Leave: 1, OutsideTraining: 1, Accommodation: 1, Licence: 0}
    for model in before_of:
        assert not model.objects.filter(person=maya).exists(), model.__name__
    assert not Candidacy.objects.filter(person=maya).exists()
    assert not Certificate.objects.filter(code__in=codes).exists()
    assert Attempt.objects.count() == others > 0
    assert AuditEvent.objects.filter(action=deleting.ACTION, subject_id=str(maya.pk)).count() == 1
    report = records.verify(everything=True)
    assert not report.findings, "\n".join(map(str, report.findings))
    assert report.checked["tombstones"] == rows + before
    name = StaffMember.objects.get(pk=maya.pk).full_name
    assert name == f"Former staff member {maya.pk}"


def test_a_row_goes_only_where_its_tombstone_stands(history):
    """And whoever writes one by hand is found."""
    seal = history.passed.seal
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM quizzes_seal WHERE id = %s", [seal.pk])
    Tombstone.objects.create(table="quizzes_seal", row=seal.pk, label="quizzes.seal", sha256="0" * 64, batch="by hand")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM quizzes_seal WHERE id = %s", [seal.pk])
    found = [str(finding) for finding in records.verify(everything=True).findings]
    assert any("tombstones of batch by hand, their event" in one for one in found)
    assert any(history.passed.public_id in one for one in found)


@pytest.mark.parametrize(
    "table", ["staff_auditevent", "staff_staffmember", "training_sectionversion", "staff_tombstone"]
)
def test_nothing_else_is_ever_deleted(history, table):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT min(id) FROM "{table}"')
        pk = cursor.fetchone()[0] or 1
    stone = Tombstone.objects.create(table=table, row=pk, label=table, sha256="0" * 64, batch="by hand")
    pk = stone.pk if table == "staff_tombstone" else pk
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f'DELETE FROM "{table}" WHERE id = %s', [pk])


def test_who_works_here_or_was_never_trained_is_not_due(history):
    assert deleting.over_on(history.cast.colleague) is None
    with clock.at(clock.now() + timedelta(days=50 * 366)):
        people = {person.pk for person in deleting.due()}
    assert history.cast.colleague.pk not in people
    assert history.cast.aesthetician.pk in people
    assert erasing.has_left(history.cast.leaver)


def test_own_data_tell_what_is_on_record(unheld):
    """Maya's, Danielle's and Tom's, who between them have one of everything."""
    cast = unheld.cast
    maya, danielle, tom = (own_data.collected(one) for one in (cast.aesthetician, cast.colleague, cast.support))
    (sent,) = maya["outside_training"]
    assert (sent["file__media_type"], len(sent["file__sha256"]), sent["decision__approved"]) == (
        "application/pdf",
        64,
        False,
    )
    assert [row["session__held_on"] for row in maya["sessions_on_site"]]
    assert maya["waived"][0]["reason"] == "Elsewhere."
    assert danielle["leave"][0]["end_reason"] == "Entered in error."
    assert danielle["further_attempts"][0]["kind"] == "talk"
    assert {row["reason"] for row in danielle["asked_again_after_an_incident"]} == {"Needlestick."}
    assert tom["hepatitis_b_offered"][0]["offered_on"].isoformat() == "2026-01-08"
    late = [answer for one in (maya, danielle, tom) for answer in one["late_answers"]]
    assert any(answer.get("your_answer") for answer in late)
    tests = [test for one in (maya, danielle, tom) for test in one["tests_on_changed_texts"]]
    assert any(row["your_answer"] for test in tests for row in test["answers"])
    assert "Lindqvist" not in canonical.text([danielle, tom])


# What goes sooner


@pytest.fixture
def voided(unheld):
    """Danielle's open attempt is ended without a score, and she sits again, meeting questions for the second time."""
    with clock.at(clock.now() + timedelta(days=335)), transaction.atomic():
        void(attempt=unheld.open, reason="A regrade made it needless.", by=unheld.cast.physician)
        again = factories.make_finished(person=unheld.cast.colleague, course=unheld.course).attempt
        ended = Attempt.objects.get(pk=unheld.open.pk).ended_at
    assert any(item["met_before"] for item in json.loads(again.seal.text)["items"])
    return again, ended


def test_saves_and_attempts_without_a_score_go_sooner_and_all_else_adds_up(unheld, voided, monkeypatch):
    history = unheld
    again, ended = voided
    cast, sealed = history.cast, history.failed.seal.sealed_at
    item = history.failed.items.get(position=1)
    assert [row.revision for row in item.responses.order_by("revision")] == [1, 2]
    with clock.at(sealed + timedelta(days=trimming.SAVES_DAYS) - timedelta(seconds=1)):
        assert history.failed.pk not in chain(*trimming.due().saves.values())
    with clock.at(sealed + timedelta(days=trimming.SAVES_DAYS)):
        assert history.failed.pk in chain(*trimming.due().saves.values())
    with clock.at(ended + timedelta(days=trimming.ENDED_DAYS) - timedelta(seconds=1)):
        assert not trimming.due().ended
    with clock.at(ended + timedelta(days=trimming.ENDED_DAYS)):
        hold = rules.place_hold(clinic=cast.lakeside, person=cast.colleague, reason="Case 15", by=cast.manager)
        assert cast.colleague.pk not in trimming.due().people
        assert trimming.run(by=cast.administrator, people=[cast.colleague.pk]) == (0, 0)
        for person in (cast.manager, cast.physician):
            rules.release_hold(hold=hold, by=person)
        before, said = Tombstone.objects.count(), StringIO()
        call_command("retention", stdout=said)
        assert "1 attempts ended without a score 365 days ago or more" in said.getvalue()
        assert Tombstone.objects.count() == before, "a dry run"
        wait = trimming.due().people
        for _ in wait:  # one person in a run, as few as there are
            call_command("retention", apply=True, by=cast.administrator.email, stdout=said)
            assert records.verify(everything=True).findings == []
        assert "people wait for the next run" in said.getvalue()
        assert trimming.due().people == []
    assert [row.revision for row in item.responses.all()] == [2]
    assert not Attempt.objects.filter(pk=history.open.pk).exists()
    assert Attempt.objects.filter(pk=again.pk).exists()
    assert AuditEvent.objects.filter(action=trimming.ENDED).count() == 1
    # What stays is held against the event of the deletion.
    tampering.lift()
    monkeypatch.setattr(guards, "missing", list)
    for change in (
        "UPDATE quizzes_response SET client_key = 'x' WHERE item_id = %s",
        "DELETE FROM quizzes_response WHERE item_id = %s",
        "UPDATE quizzes_attemptitem SET revision = 3 WHERE id = %s",
    ):
        told = tampering.tried(tampering.execute(change, item.pk))
        assert told.startswith(f"attempt {history.failed.public_id}"), told


# Nothing left

# Where a name stays until its record's own date; an address stays nowhere.
SEALED = {
    "certificates_certificate.holder_name",
    "certificates_certificate.printed_name",
    "certificates_certificate.facts",
    "staff_signature.signer_name",
    "certificates_programmesigning.dossier",
    "certificates_programmesigning.physician",
    "staff_storedfile.bytes",  # papers, whose bytes are what was issued
}


def found_in(*words: str) -> set[str]:
    """Every column of every table that holds one of these words in any row, read as it stands."""
    found = set()
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    held = bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    if any(word.casefold() in held.casefold() for word in words):
                        found.add(f"{table}.{name}")
    return found


def test_after_erasing_a_name_is_where_it_was_sealed_and_nowhere_else(history):
    """Maya was named in mails to others, in a list of people, in lines about somebody else, and as a mailbox for heads."""
    cast = history.cast
    maya = StaffMember.objects.get(pk=cast.aesthetician.pk)
    address, old = maya.email, "Maya Forsberg"
    with transaction.atomic():
        ActorName.objects.create(
            person=maya, name=old, salt="s", commitment=audit.commitment(salt="s", person_id=maya.pk, name=old)
        )
    mail.queue(
        to=cast.manager, subject=f"{maya.full_name} is late", body=f"Write to {address} ({old}). Maya Lindqvistson too."
    )
    mail.queue(to=cast.manager, address=address, subject="Head of the audit trail", body="pinpoint-head")
    heads.add_address(clinic=cast.lakeside, email=address, by=cast.manager)
    lines = [
        f"{address},{maya.full_name},Aesthetician,aesthetician,2026-01-05",
        "x@lakeside.example,Xenia New,Nurse,support,2026-01-05",
    ]
    sent = factories.send_list(clinic=cast.lakeside, lines=lines, by=cast.manager)
    sent.rows.filter(line=3).update(faults=f'[["clash","email","The e-mail is that of {maya.full_name}."]]')
    assert {"compliance_headaddress.email", "compliance_peopleimportrow.faults", "staff_outgoingmail.body"} <= found_in(
        address, maya.full_name
    )
    erasing.erase(person=maya, by=cast.manager)
    mail.send_due()
    erasing.settle_letters()
    assert found_in(address, old) == set()
    left = found_in("Maya Lindqvist")
    mails = OutgoingMail.objects.filter(body__contains="Lindqvist").values_list("subject", "body")
    said = f"Former staff member {maya.pk}"
    assert list(mails) == [(f"{said} is late", f"Write to an erased address ({said}). Maya Lindqvistson too.")]
    assert "certificates_certificate.holder_name" in left
    assert left - {"staff_outgoingmail.body"} <= SEALED
    OutgoingMail.objects.filter(body__contains="Lindqvistson").update(body="")
    with clock.at(clock.now() + timedelta(days=9 * 366)):
        deleting.delete(person=maya, by=cast.manager)
    assert found_in("Lindqvist") == set(), "once her records are over, nothing names her"
