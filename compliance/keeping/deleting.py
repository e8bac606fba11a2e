"""Records whose time is over: all of a person's at once, through the one gate that lets a row go.

A person's records hang together (an attempt on a candidacy, a certificate on an attempt, a renewal on a certificate, a programme
on certificates of an account that was merged), so they are kept until the last of them may go, and then go together. Each leaves
a tombstone with the hash of what it held; the audit trail, which names nobody, stays whole.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import Exists, ForeignKey, ForeignObjectRel, Model, OuterRef, Q

from compliance import trail
from compliance.keeping import erasing
from staff import audit, canonical, clock
from staff import keeping as rules
from staff.guards import GATED
from staff.models import AuditEvent, Licence, Membership, OutgoingMail, Signature, StaffMember, StoredFile, Tombstone
from staff.models.keeping import LEAST_YEARS

ROOTS = ("training", "quizzes", "certificates", "compliance")
ACTION = "records.deleted"
Found = dict[type[Model], set[int]]


class NotYet(Exception):
    """Says in a sentence why nothing was deleted."""


def over_on(person: StaffMember) -> date | None:
    """The first day on which nothing of hers must be kept; None where she has not left, has no record, or it goes with the
    account that hers was merged into."""
    kept = erasing.kept_of_all(person)
    if person.merged_into_id or not erasing.has_left(person) or not kept or any(one.until_on is None for one in kept):
        return None
    return max(one.until_on for one in kept if one.until_on)


def records_of(person: StaffMember) -> Found:
    """Every row that is hers, and what hangs on it. Raises NotYet where something of somebody else's hangs on it too."""
    found: Found = defaultdict(set)
    for app in ROOTS:
        for model in apps.get_app_config(app).get_models():
            path = trail.path_to_person(model)
            if path is not None and len(path) == 1 and model._meta.db_table in GATED:
                hers = model._base_manager.filter(**{f"{path[0]}__in": erasing.accounts_of(person)})
                _add(found, model, hers.values_list("pk", flat=True))
    licences = Licence.objects.filter(person__in=erasing.accounts_of(person))
    _add(found, Licence, licences.values_list("pk", flat=True))
    _add(found, Signature, _signatures(found))
    _add(found, StoredFile, _files(found))
    return dict(found)


def found_of(model: type[Model], pks: Iterable[int]) -> Found:
    """These rows and what hangs on them. Raises NotYet where something hangs on them that is not deleted."""
    found: Found = defaultdict(set)
    _add(found, model, pks)
    return dict(found)


def _add(found: Found, model: type[Model], pks: Iterable[int]) -> None:
    new = set(pks) - found[model]
    if not new:
        return
    if model._meta.db_table not in GATED:
        raise NotYet(f"{model._meta.verbose_name} rests on these records and is not deleted, so nothing was.")
    found[model] |= new
    for relation in model._meta.related_objects:
        if isinstance(relation.field, ForeignKey):
            there = relation.related_model
            if there is OutgoingMail:
                continue
            _add(
                found,
                there,
                there._base_manager.filter(**{f"{relation.field.name}__in": new}).values_list("pk", flat=True),
            )
    for many in model._meta.many_to_many:
        through: Any = many.remote_field.through
        hers = through._base_manager.filter(**{f"{many.m2m_field_name()}__in": new})
        _add(found, through, hers.values_list("pk", flat=True))


def _pointing_at(model: type[Model]) -> Iterator[tuple[type[Model], str]]:
    """Tables and the field with which they name a row of this one, also where nothing leads back. Mails let go of their file."""
    for relation in model._meta.get_fields(include_hidden=True):
        field = relation.field if isinstance(relation, ForeignObjectRel) else None
        if isinstance(field, ForeignKey) and field.model is not OutgoingMail:
            yield field.model, field.name


def _named_by(found: Found, target: type[Model]) -> set[int]:
    named: set[int] = set()
    for model, pks in found.items():
        for field in model._meta.concrete_fields:
            if isinstance(field, ForeignKey) and field.related_model is target:
                rows = model._base_manager.filter(pk__in=pks).exclude(**{field.name: None})
                named |= set(rows.values_list(field.attname, flat=True))
    return named


def _kept_elsewhere(found: Found, target: type[Model], pks: set[int]) -> set[int]:
    """Those that a row which stays names as well."""
    held: set[int] = set()
    for there, name in _pointing_at(target):
        rows = there._base_manager.filter(**{f"{name}__in": pks}).exclude(pk__in=found.get(there, set()))
        held |= set(rows.values_list(name, flat=True))
    return held


def _signatures(found: Found) -> set[int]:
    named = _named_by(found, Signature)
    return named - _kept_elsewhere(found, Signature, named)


def _files(found: Found) -> set[int]:
    named = _named_by(found, StoredFile)
    return named - _kept_elsewhere(found, StoredFile, named)


def hash_of(row: Model) -> str:
    held = {}
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname)
        held[field.attname] = canonical.sha256(bytes(value)) if isinstance(value, bytes | memoryview) else value
    return canonical.sha256_of(held)


@transaction.atomic
def delete(*, person: StaffMember, by: StaffMember) -> int:
    """How many rows went. Raises NotYet or OnHold with nothing deleted."""
    person = StaffMember.objects.select_for_update().get(pk=person.pk)
    rules.refuse_held(person)
    over = over_on(person)
    if over is None or clock.now().date() < over:
        raise NotYet(
            f"Something of person {person.pk} must be kept{f' until {over}' if over else ''}, so nothing was deleted."
        )
    erasing.erase(person=person, by=by)
    batch, stones = drop(records_of(person))
    body = told_of_stones(batch, stones)
    for clinic in {clinic for account in erasing.accounts_of(person) for clinic in erasing.clinics_of(account)}:
        audit.record(clinic=clinic, by=by, action=ACTION, subject=person, body=body)
    return len(stones)


def drop(found: Found) -> tuple[str, list[Tombstone]]:
    """In the caller's transaction: a tombstone for each row, then the rows. The batch, and its tombstones."""
    batch = secrets.token_urlsafe(12)
    stones = [stone for model, pks in found.items() for stone in _stones(model, pks, batch)]
    Tombstone.objects.bulk_create(stones, batch_size=500)
    OutgoingMail.objects.filter(file__in=found.get(StoredFile, set())).update(file=None)
    for model, pks in found.items():
        for some in _some(sorted(pks)):
            model._base_manager.filter(pk__in=some)._raw_delete(using=connection.alias)
    return batch, stones


def told_of_stones(batch: str, stones: Iterable[Tombstone]) -> dict[str, Any]:
    return told_of(batch, [(stone.table, stone.row, stone.label, stone.name, stone.sha256) for stone in stones])


def told_of(batch: str, rows: Iterable[tuple[str, int, str, str, str]]) -> dict[str, Any]:
    known = sorted(rows)
    return {"batch": batch, "rows": len(known), "sha256": canonical.sha256_of([list(row) for row in known])}


def _stones(model: type[Model], pks: set[int], batch: str) -> list[Tombstone]:
    made = []
    for some in _some(sorted(pks)):
        for row in model._base_manager.filter(pk__in=some):
            name = (
                getattr(row, "number", "") if model._meta.model_name == "certificate" else getattr(row, "public_id", "")
            )
            made.append(
                Tombstone(
                    table=model._meta.db_table,
                    row=row.pk,
                    label=model._meta.label_lower,
                    name=str(name),
                    sha256=hash_of(row),
                    batch=batch,
                )
            )
    return made


def _some(pks: list[int], size: int = 500) -> Iterable[list[int]]:
    return (pks[start : start + size] for start in range(0, len(pks), size))


def due(today: date | None = None) -> list[StaffMember]:
    """Who left, has records, and of whom nothing must be kept any more."""
    today = today or clock.now().date()
    left = Membership.objects.filter(person=OuterRef("pk"))
    gone = StaffMember.objects.filter(
        Exists(left), ~Exists(left.filter(Q(ended_at=None) | Q(ended_at__date__gt=_years_before(today))))
    ).order_by("pk")
    deleted = set(_deleted())
    return [
        person
        for person in gone
        if person.pk not in deleted and (over := over_on(person)) is not None and over <= today
    ]


def _deleted() -> list[int]:
    return [int(pk) for pk in AuditEvent.objects.filter(action=ACTION).values_list("subject_id", flat=True)]


def _years_before(day: date) -> date:
    """Who left later cannot be due, whatever her clinic's rule."""
    return date(day.year - LEAST_YEARS, day.month, min(day.day, 28)) + timedelta(days=3)
