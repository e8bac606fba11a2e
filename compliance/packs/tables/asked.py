"""What the clinic asks of whom, and whom it excused."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q

from compliance.models import Incident, Leave, Rule, Waiver
from compliance.models.requirements import SESSION_TITLE
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from compliance.packs.tables.training import course
from staff.models.clinics import Role

SOME = 200


def _titles(scope: Scope) -> dict[int, str]:
    """Of each module by its newest version."""
    return {version.module_id: version.title for version in course(scope).versions.values()}


def _end(row: Rule | Waiver | Leave | Incident, scope: Scope) -> tuple[Any, ...]:
    """Day, name and reason of its end, if that was on record by then."""
    if row.ended_at and row.ended_at <= scope.until and row.ended_by:
        return row.ends_on, row.ended_by.full_name, row.end_reason
    return None, "", ""


def _rules(scope: Scope) -> Iterator[Row]:
    titles = _titles(scope)
    rows = Rule.objects.filter(clinic__in=scope.clinic_ids, recorded_at__lte=scope.until, starts_on__lte=scope.to_on)
    if scope.from_on:
        rows = rows.filter(Q(ends_on=None) | Q(ends_on__gt=scope.from_on))
    rows = rows.select_related("person", "programme", "module", "recorded_by", "ended_by", "clinic")
    for row in rows.order_by("starts_on", "pk"):
        whom = scope.who(row.person.pk, row.person)[1] if row.person else f"Everybody: {Role(row.role).label}"
        what = (
            row.programme.title if row.programme else titles.get(row.module_id or 0, str(row.module or SESSION_TITLE))
        )
        yield (
            whom, what, row.signed, row.days, row.standard, row.starts_on, row.reason, row.clinic.name,
            row.recorded_by.full_name, row.recorded_at, *_end(row, scope),
        )  # fmt: skip


RULES = Table(
    "rules",
    "What is asked of whom",
    "The clinic's own rules. Without one of its own, a clinic asks what every clinic asks from its start: each role's programme, "
    "30 days after hire or after a module was published, whichever is later.",
    (
        ("whom", "Of whom"), ("what", "What"), ("signed", "With the physician's signature"), ("days", "Within days"),
        ("standard", "From the start"), ("starts_on", "From"), ("reason", "Reason"), ("clinic", "Clinic"),
        ("recorded_by", "Recorded by"), ("recorded_at", "Recorded"), ("ends_on", "Ended"), ("ended_by", "Ended by"),
        ("end_reason", "Why it ended"),
    ),
    _rules,
    none="The clinic has no rule of its own.",
)  # fmt: skip


def _standing(rows: Any, scope: Scope) -> list[int]:
    """Those of the clinics and the person that cover one of the days and were on record by then, the first first."""
    rows = rows.filter(
        clinic__in=scope.clinic_ids,
        recorded_at__lte=scope.until,
        starts_on__lte=scope.to_on,
        **scope.of_person("person"),
    )
    if scope.from_on:
        rows = rows.filter(until_on__gte=scope.from_on)
    return list(rows.order_by("starts_on", "pk").values_list("pk", flat=True))


def _waivers(scope: Scope) -> Iterator[Row]:
    titles = _titles(scope)
    for some in in_pieces(_standing(Waiver.objects.all(), scope), SOME):
        found = {
            row.pk: row
            for row in Waiver.objects.filter(pk__in=some).select_related("person", "module", "recorded_by", "ended_by")
        }
        for pk in some:
            row = found[pk]
            yield (
                *scope.who(row.person_id, row.person),
                scope.job_title(row.person_id, row.clinic_id, row.recorded_at) or NOT_RECORDED,
                titles.get(row.module_id or 0, str(row.module or SESSION_TITLE)), row.reason, row.recorded_by.full_name,
                row.recorded_at, row.starts_on, row.until_on, *_end(row, scope),
            )  # fmt: skip


WAIVERS = Table(
    "waivers",
    "Waivers",
    "Who need not hold a module until a day, why, and who approved it.",
    (
        ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("module", "Module"), ("reason", "Reason"),
        ("approved_by", "Approved by"), ("approved_at", "Approved"), ("from", "From"), ("until", "Until"),
        ("ends_on", "Ended"), ("ended_by", "Ended by"), ("end_reason", "Why it ended"),
    ),
    _waivers,
    none="Nobody was excused from anything.",
)  # fmt: skip


def _leaves(scope: Scope) -> Iterator[Row]:
    for some in in_pieces(_standing(Leave.objects.all(), scope), SOME):
        found = {
            row.pk: row
            for row in Leave.objects.filter(pk__in=some).select_related("person", "clinic", "recorded_by", "ended_by")
        }
        for pk in some:
            row = found[pk]
            ends_on, ended_by, _ = _end(row, scope)
            yield (
                *scope.who(row.person_id, row.person),
                scope.job_title(row.person_id, row.clinic_id, row.recorded_at) or NOT_RECORDED,
                row.starts_on, row.until_on, row.clinic.name, row.recorded_by.full_name, row.recorded_at, ends_on, ended_by,
            )  # fmt: skip


LEAVES = Table(
    "leave",
    "Leave",
    "Who was away, through which day. Leave silences reminders and moves no expiry. Why somebody was away is not kept.",
    (
        ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("from", "From"), ("until", "Until"),
        ("clinic", "Clinic"), ("recorded_by", "Recorded by"), ("recorded_at", "Recorded"), ("ends_on", "Ended"),
        ("ended_by", "Ended by"),
    ),
    _leaves,
    none="No leave was recorded.",
)  # fmt: skip


def _incidents(scope: Scope) -> Iterator[Row]:
    titles = _titles(scope)
    rows = Incident.objects.filter(
        clinic__in=scope.clinic_ids,
        recorded_at__lte=scope.until,
        starts_on__lte=scope.to_on,
        **scope.of_person("person"),
    )
    for row in rows.select_related("person", "module", "recorded_by", "ended_by").order_by("starts_on", "pk"):
        yield (
            *scope.who(row.person_id, row.person),
            scope.job_title(row.person_id, row.clinic_id, row.recorded_at) or NOT_RECORDED,
            titles.get(row.module_id, str(row.module)), row.reason, row.recorded_by.full_name, row.recorded_at, row.due_on,
            *_end(row, scope),
        )  # fmt: skip


INCIDENTS = Table(
    "incidents",
    "Asked again after an incident",
    "Who was asked to read and pass a module again after an incident, why, and by when. The pass that met it stands among the "
    "attempts.",
    (
        ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("module", "Module"), ("reason", "Reason"),
        ("asked_by", "Asked by"), ("asked_at", "Asked"), ("due_on", "Due"), ("ends_on", "Taken back"),
        ("ended_by", "Taken back by"), ("end_reason", "Why"),
    ),
    _incidents,
    none="Nothing was asked again after an incident.",
)  # fmt: skip
