"""Rows that are put in by a statement written out are what the ORM would have put in."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from staff import clock, written
from staff.models import OutgoingMail
from tests.people import Cast

MAILS = written.New(OutgoingMail)


def mails(cast: Cast, *keys: str) -> list[OutgoingMail]:
    return [
        OutgoingMail(person=cast.manager, dedupe_key=key, subject="Zoë’s “%s”", body="1\n2", due_at=clock.now())
        for key in keys
    ]


def test_rows_are_read_back_as_they_were_and_as_the_orm_keeps_them(cast, now):
    (saved,) = mails(cast, "saved")
    saved.save()
    rows = mails(cast, "one", "two")
    with CaptureQueriesContext(connection) as captured:
        MAILS.put(*rows)
    assert len(captured) == 1
    names = [field.attname for field in OutgoingMail._meta.concrete_fields if field.name not in ("id", "dedupe_key")]
    for row in rows:
        kept = OutgoingMail.objects.get(dedupe_key=row.dedupe_key)
        assert kept.pk == row.pk
        assert [getattr(kept, name) for name in names] == [getattr(saved, name) for name in names]


def test_a_row_that_was_put_in_can_be_saved_again(cast):
    (row,) = mails(cast, "one")
    MAILS.put(row)
    row.subject = "another"
    row.save()
    assert OutgoingMail.objects.get(dedupe_key="one").subject == "another"


def test_without_rows_nothing_is_asked(db):
    with CaptureQueriesContext(connection) as captured:
        MAILS.put()
    assert not len(captured)
