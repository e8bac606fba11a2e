"""Records whose time is over go through the one gate: never a day early, each with its tombstone, and all else adds up."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from certificates.actions import end_membership
from certificates.models import Certificate
from compliance import deleting, keeping, records
from quizzes.models import Attempt, Candidacy
from staff import actions, clock
from staff import keeping as rules
from staff.models import AuditEvent, LegalHold, Membership, StaffMember, Tombstone
from tests.staff.test_guards import kept_history  # noqa: F401


@pytest.fixture
def history(kept_history, db):  # noqa: F811
    """Nobody held, and Maya gone."""
    hold = LegalHold.objects.get(lifted_at=None)
    cast = kept_history.cast
    for person in (cast.manager, cast.physician):
        rules.release_hold(hold=hold, by=person)
    end_membership(
        membership=Membership.objects.get(person=cast.aesthetician, ended_at=None), by=cast.manager, reason=""
    )
    return kept_history


def test_records_go_when_their_time_is_over_and_all_else_adds_up(history):
    maya, manager = StaffMember.objects.get(pk=history.cast.aesthetician.pk), history.cast.manager
    over, before = deleting.over_on(maya), Tombstone.objects.count()
    others = Attempt.objects.exclude(candidacy__person=maya).count()
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
    assert keeping.has_left(history.cast.leaver)
