"""What is held against the trail of people, clinics and lists of people, and what an older event leaves out."""

from datetime import timedelta

import pytest

from compliance import records
from compliance.roster import applying
from quizzes import standard
from staff import actions, audit, clock
from staff.models import ActorName, Clinic, Membership, MembershipRole, StaffMember
from tests import factories, people

pytestmark = pytest.mark.django_db


def found() -> list[str]:
    return [finding.what for finding in records.verify(everything=True).findings]


@pytest.fixture
def older(monkeypatch, db):
    """People, a clinic and a rating, on record by events that say no more than they did at first."""
    monkeypatch.setattr(audit, "told_of_names", lambda person: {})
    monkeypatch.setattr(actions, "told_of_work", lambda row: {})
    monkeypatch.setattr(actions, "told_of_clinic", lambda row: {"zone": row.zone})
    monkeypatch.setattr(standard, "told_of_ratings", lambda rows: {"items": len(rows)})
    monkeypatch.setattr(applying, "sent_sha256", lambda sent: "")
    made = people.make_cast()
    course = factories.make_module(by=made.pinpoint, adopted_by=made.physician)
    panel = standard.open_panel(quiz=course.quiz, by=made.author)
    rated = {version.pk: 80 for version in standard.cells_of(course.quiz)[0]}
    standard.rate(panel=panel, percents=rated, by=made.physician)
    monkeypatch.undo()
    return made


def test_verify_takes_older_events_as_far_as_they_go(older):
    assert found() == []
    Clinic.objects.filter(pk=older.lakeside.pk).update(name="Elsewhere", zone="Europe/Paris")
    StaffMember.objects.filter(pk=older.physician.pk).update(full_name="Somebody Else")
    Membership.objects.filter(person=older.physician).update(job_title="Owner")
    assert found() == [
        f"account {older.physician.public_id}, its name",
        f"clinic {older.lakeside.public_id}, zone as last recorded",
    ]


def test_verify_holds_an_older_clinic_to_what_was_corrected_since(older):
    actions.correct_clinic(
        clinic=older.lakeside, name="Lakeside", address="9 Lake Road", reason="Moved", by=older.administrator
    )
    assert found() == []
    Clinic.objects.filter(pk=older.lakeside.pk).update(address="10 Lake Road")
    assert found() == [f"clinic {older.lakeside.public_id}, address as last recorded"]


def test_verify_tells_an_erased_name_from_one_that_was_taken_away(cast):
    ActorName.objects.filter(person=cast.support).delete()
    assert found() == [f"account {cast.support.public_id}, its name as last recorded"]
    StaffMember.objects.filter(pk=cast.support.pk).update(full_name="Former staff member", erased_at=clock.now())
    assert found() == []


def test_verify_names_a_role_whose_end_was_moved(cast):
    row = cast.support.membership_set.get()
    actions.change_member(
        membership=row,
        job_title=row.job_title,
        staff_number=row.staff_number,
        hired_on=row.hired_on,
        roles=["support", "aesthetician"],
        by=cast.manager,
    )
    actions.close_membership(membership=row, by=cast.manager)
    assert found() == []
    ended = MembershipRole.objects.filter(membership=row, role="aesthetician")
    ended.update(ended_at=clock.now() + timedelta(days=3))
    what = f"membership {row.pk}, role aesthetician, its end"
    assert found() == [what, what]
