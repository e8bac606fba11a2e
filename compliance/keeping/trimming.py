"""What goes sooner than the record it belongs to: how an answer came about, and attempts that were ended without a score.

A sealed attempt keeps each item's last answer and, in its seal, the hash of all its saves; the saves before the last go ninety
days after sealing. An attempt that was ended without a score, so never handed in and never sealed, goes a year after. All of it
through the gate of `deleting`: a tombstone with the hash of each row first, an event for each attempt. A legal hold beats both.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, QuerySet

from compliance.keeping import deleting
from quizzes import sealing
from quizzes.models import Attempt, AttemptItem, Response
from staff import audit, clock
from staff.models import LegalHold, Membership, StaffMember, Tombstone

SAVES_DAYS = 90
ENDED_DAYS = 365
SAVES = "attempt.saves-deleted"
ENDED = "attempt.deleted"
SAVE_LABEL = "quizzes.response"


@dataclass(frozen=True)
class Due:
    """By person, her attempts whose earlier saves go, and those that go whole."""

    saves: dict[int, list[int]]
    ended: dict[int, list[int]]
    rows: int

    @property
    def people(self) -> list[int]:
        return sorted({*self.saves, *self.ended})


def earlier_saves() -> "QuerySet[Response]":
    """Every save but an item's last one, of attempts that were sealed so long ago."""
    return Response.objects.filter(
        item__attempt__state__in=Attempt.FINISHED,
        item__attempt__seal__sealed_at__lte=clock.now() - timedelta(days=SAVES_DAYS),
        revision__lt=F("item__revision"),
    )


def ended_without_score() -> "QuerySet[Attempt]":
    return Attempt.objects.filter(state=Attempt.State.VOIDED, ended_at__lte=clock.now() - timedelta(days=ENDED_DAYS))


def _held() -> set[int]:
    """Of whom nothing is deleted: a hold is on her, or on a clinic where she ever worked."""
    standing = LegalHold.objects.filter(lifted_at=None)
    on_people = standing.exclude(person=None)
    worked = Membership.objects.filter(clinic__in=standing.filter(person=None).values("clinic"))
    held = set(on_people.values_list("person", flat=True)) | set(worked.values_list("person", flat=True))
    aliases = StaffMember.objects.filter(merged_into__in=held).values_list("pk", flat=True)
    kept = StaffMember.objects.filter(aliases__in=held).values_list("pk", flat=True)
    return {*held, *aliases, *kept}


def due() -> Due:
    """A dry run."""
    held = _held()
    saves: dict[int, set[int]] = defaultdict(set)
    rows = 0
    found = earlier_saves().values_list("item__attempt__candidacy__person", "item__attempt")
    for person, attempt in found.order_by("pk").iterator():
        if person not in held:
            saves[person].add(attempt)
            rows += 1
    ended: dict[int, list[int]] = defaultdict(list)
    for person, attempt in ended_without_score().order_by("pk").values_list("candidacy__person", "pk"):
        if person not in held:
            ended[person].append(attempt)
    return Due({person: sorted(attempts) for person, attempts in saves.items()}, dict(ended), rows)


def run(*, by: StaffMember, people: Iterable[int]) -> tuple[int, int]:
    """Of these people: how many saves and how many attempts went. What is on hold by now is left alone."""
    wanted, saves, ended = set(people), 0, 0
    found = due()
    for person in found.people:
        if person in wanted:
            saves += sum(_drop_saves(pk, by) for pk in found.saves.get(person, ()))
            ended += sum(_drop_attempt(pk, by) for pk in found.ended.get(person, ()))
    return saves, ended


@transaction.atomic
def _drop_saves(pk: int, by: StaffMember) -> int:
    attempt = Attempt.objects.select_for_update(of=("self",)).select_related("candidacy__clinic").get(pk=pk)
    rows = list(earlier_saves().filter(item__attempt=attempt).select_related("item").order_by("pk"))
    if not rows:
        return 0
    batch = secrets.token_urlsafe(12)
    stones = [
        Tombstone(
            table=Response._meta.db_table,
            row=row.pk,
            label=SAVE_LABEL,
            name=name_of_save(attempt, row.item.position, row.revision),
            sha256=deleting.hash_of(row),
            batch=batch,
        )
        for row in rows
    ]
    Tombstone.objects.bulk_create(stones)
    _raw_delete(Response, [row.pk for row in rows])
    body = deleting.told_of_stones(batch, stones) | {"kept_sha256": kept_sha256(attempt)}
    audit.record(clinic=attempt.candidacy.clinic, by=by, action=SAVES, subject=attempt, body=body)
    return len(rows)


def name_of_save(attempt: Attempt, position: int, revision: int) -> str:
    return f"{attempt.public_id}/{position}/{revision}"


def kept_sha256(attempt: Attempt) -> str:
    """Over the saves that stay, item by item: the seal's hash covers those that went as well, so it alone no longer tells."""
    stay = Response.objects.filter(item__attempt=attempt).order_by("item__position", "revision")
    return sealing.history_sha256(list(stay))


def _raw_delete(model: Any, pks: list[int]) -> None:
    model._base_manager.filter(pk__in=pks)._raw_delete(using=connection.alias)


@transaction.atomic
def _drop_attempt(pk: int, by: StaffMember) -> int:
    """Its event keeps its number, when it began, and which questions she met: later counts of both rest on that."""
    attempt = Attempt.objects.select_for_update(of=("self",)).select_related("candidacy__clinic").filter(pk=pk).first()
    if attempt is None or attempt.state != Attempt.State.VOIDED:
        return 0
    met = AttemptItem.objects.filter(attempt=attempt).order_by("position")
    said = {
        "attempt": attempt.public_id,
        "kind": attempt.kind,
        "number": attempt.number,
        "person": attempt.candidacy.person_id,
        "started_at": attempt.started_at,
        "questions": list(met.values_list("question_version__question", flat=True)),
    }
    batch, stones = deleting.drop(deleting.found_of(Attempt, [pk]))
    body = deleting.told_of_stones(batch, stones) | said
    audit.record(clinic=attempt.candidacy.clinic, by=by, action=ENDED, subject=attempt.candidacy, body=body)
    return 1
