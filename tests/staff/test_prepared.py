"""Statements that are put together once, and asked with other values each time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from staff import prepared as module
from staff.models import Clinic, Membership, StaffMember
from staff.prepared import prepared


@prepared
def members(clinic: int) -> QuerySet[Membership]:
    return Membership.objects.filter(clinic=clinic, ended_at=None).select_related("person", "clinic").order_by("pk")


@prepared
def named(people: tuple[int, ...], name: str) -> "QuerySet[StaffMember, tuple[int, str]]":
    return StaffMember.objects.filter(pk__in=people, full_name=name).values_list("pk", "full_name")


@prepared
def joined_before(moment: datetime) -> "QuerySet[StaffMember, str]":
    return StaffMember.objects.filter(joined_at__lt=moment).order_by("pk").values_list("email", flat=True)


@prepared
def ending(text: str) -> QuerySet[StaffMember]:
    return StaffMember.objects.filter(email__endswith=text)


@prepared
def unused(text: str) -> QuerySet[StaffMember]:
    return StaffMember.objects.filter(email="somebody@example.com")


def test_same_rows_as_the_query_set_for_every_value(cast):
    for clinic in (cast.lakeside, cast.harbour, cast.lakeside):
        rows = members(clinic.pk)
        assert rows == list(Membership.objects.filter(clinic=clinic, ended_at=None).order_by("pk"))
        assert {row.clinic for row in rows} == {clinic}
        assert all(isinstance(row.person, StaffMember) for row in rows)


def test_every_call_asks_once_and_sees_what_is_there_now(cast):
    members(cast.lakeside.pk)
    with CaptureQueriesContext(connection) as captured:
        before = members(cast.lakeside.pk)
        assert [row.person.full_name for row in before]
        Clinic.objects.filter(pk=cast.lakeside.pk).update(name="Another name")
        assert {row.clinic.name for row in members(cast.lakeside.pk)} == {"Another name"}
    assert len(captured) == 3


def test_texts_and_tuples_of_any_length(cast):
    everybody = [cast.aesthetician, cast.colleague, cast.physician, cast.manager]
    for count in (1, 4, 2):
        some = tuple(person.pk for person in everybody[:count])
        assert named(some, cast.aesthetician.full_name) == [(cast.aesthetician.pk, cast.aesthetician.full_name)]
        assert named(some, "Nobody") == []
    assert named((), "Nobody") == named(tuple(range(1, module.LONGEST + 2)), "Nobody") == []


def test_instants(cast):
    last = max(StaffMember.objects.values_list("joined_at", flat=True))
    for moment in (last, last + timedelta(seconds=1), last - timedelta(days=9000)):
        wanted = StaffMember.objects.filter(joined_at__lt=moment).order_by("pk").values_list("email", flat=True)
        assert joined_before(moment) == list(wanted)


@pytest.mark.parametrize("value", [None, True, 1.5, ["a"]])
def test_what_decides_how_a_statement_reads_is_refused(db, value):
    with pytest.raises(TypeError):
        members(value)


def test_values_that_are_changed_on_the_way_are_refused(db):
    for question in (ending, unused):
        with pytest.raises(TypeError, match="hand all its values on"):
            question("example.com")


def test_values_are_given_by_their_places(db):
    with pytest.raises(TypeError, match="places"):
        members(clinic=1)


def test_values_of_the_model_come_out_as_the_orm_gives_them(cast):
    (kept,) = (row for row in members(cast.lakeside.pk) if row.person == cast.aesthetician)
    asked = Membership.objects.select_related("person", "clinic").get(pk=kept.pk)
    for ours, theirs in ((kept, asked), (kept.person, asked.person), (kept.clinic, asked.clinic)):
        fields = [field.attname for field in type(theirs)._meta.concrete_fields]
        assert [getattr(ours, name) for name in fields] == [getattr(theirs, name) for name in fields]


@dataclass(frozen=True)
class Asked:
    clinic: int | None
    people: tuple[int, ...]
    before: date
    note: str = ""


@prepared
def hired(asked: Asked) -> "QuerySet[Membership, int]":
    rows = Membership.objects.filter(person__in=asked.people, hired_on__lt=asked.before).order_by("pk")
    return (rows if asked.clinic is None else rows.filter(clinic=asked.clinic)).values_list("pk", flat=True)


@prepared
def noted(asked: Asked) -> QuerySet[StaffMember]:
    return StaffMember.objects.filter(full_name=asked.note.upper())


def test_a_dataclass_says_what_is_asked(cast):
    people = (cast.aesthetician.pk, cast.colleague.pk, cast.physician.pk)
    days = sorted(set(Membership.objects.filter(person__in=people).values_list("hired_on", flat=True)))
    for clinic in (cast.lakeside.pk, None, cast.harbour.pk, cast.lakeside.pk):
        for before in (days[0], days[-1], days[-1] + timedelta(days=1)):
            rows = Membership.objects.filter(person__in=people, hired_on__lt=before).order_by("pk")
            wanted = rows.filter(clinic=clinic) if clinic else rows
            assert hired(Asked(clinic, people, before, "a field that is not asked for")) == [row.pk for row in wanted]


def test_a_field_that_is_changed_on_the_way_is_refused(db):
    with pytest.raises(TypeError, match="hand all its values on"):
        noted(Asked(None, (1,), date(2026, 11, 2), "Maya Lindqvist"))


@pytest.mark.parametrize(
    ("ids", "padded"), [((), (0,)), ((7,), (7,)), ((7, 8, 9), (7, 8, 9, 9)), (range(1, 6), (1, 2, 3, 4, 5, 5, 5, 5))]
)
def test_padded_ids_are_the_same_ids(ids, padded):
    assert module.padded(ids) == padded


def test_what_is_too_long_is_not_padded():
    many = tuple(range(module.LONGEST + 1))
    assert module.padded(many) == many
