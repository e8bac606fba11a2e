"""Who worked here, as what, and with which licence."""

from collections.abc import Iterator

from compliance.packs.scope import Scope
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from staff.models import Licence


def _roster(scope: Scope) -> Iterator[Row]:
    for rows in scope.worked.values():
        for row in rows:
            yield (
                row.public_id, row.recorded_as, row.latin_name, row.clinic, row.job_title or NOT_RECORDED, row.roles,
                row.hired_on, row.began_at, row.ended_at,
            )  # fmt: skip


ROSTER = Table(
    "roster",
    "Roster",
    "Everybody who worked here on one of the days, with job titles. A change of title is a row of its own. Roles are those "
    "of the last of the days.",
    (
        ("person", "Key"), ("name", "Name"), ("latin_name", "In Latin letters"), ("clinic", "Clinic"),
        ("job_title", "Job title"), ("roles", "Roles on this site"), ("hired_on", "Hired"),
        ("began_at", "On this site from"), ("ended_at", "Left"),
    ),
    _roster,
    none="Nobody worked here.",
)  # fmt: skip


def _licences(scope: Scope) -> Iterator[Row]:
    for people in scope.people():
        rows = Licence.objects.filter(person__in=people, recorded_at__lte=scope.until)
        held: dict[int, list[Licence]] = {}
        for row in rows.order_by("expires_on", "pk"):
            held.setdefault(row.person_id, []).append(row)
        for pk in people:
            for row in held.get(pk, []):
                yield (
                    *scope.names[pk], row.type, row.number, row.authority, row.expires_on,
                    "expired" if row.expires_on < scope.to_on else "in force", row.recorded_at,
                )  # fmt: skip
            if pk not in held:
                yield (*scope.names[pk], NOT_RECORDED, "", "", None, "", None)


LICENCES = Table(
    "licences",
    "Licences",
    "As managers recorded them. The site does not ask the authority; “in force” compares the date with the last of the days.",
    (
        ("person", "Key"), ("name", "Name"), ("type", "Licence"), ("number", "Number"), ("authority", "Issued by"),
        ("expires_on", "Expires"), ("state", "State"), ("recorded_at", "Recorded"),
    ),
    _licences,
)  # fmt: skip
