"""Rules of keeping, legal holds and erasures: each as the audit trail tells it, and whoever was erased bears no address."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from django.apps import apps

from compliance.keeping import trimming
from compliance.keeping.deleting import ACTION
from compliance.keeping.deleting import told_of as told_of_batch
from compliance.keeping.erasing import told_of
from compliance.records.finding import (
    Finding,
    Told,
    about_then,
    chunks,
    compare,
    counted_in_clinics,
    events_of,
    gone,
)
from staff.keeping import told_of_hold, told_of_rule
from staff.models import AuditEvent, Erasure, LegalHold, RetentionRule, Tombstone


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _rules(checked)
    yield from _holds(checked)
    yield from _erasures(checked)
    yield from _deletions(checked)
    yield from gone("retention.set", "retention rule", RetentionRule)
    yield from gone("hold.placed", "legal hold", LegalHold)


def _rules(checked: Counter[str]) -> Iterator[Finding]:
    def told(row: RetentionRule) -> Told:
        return "retention.set", told_of_rule(row), row.set_by_id, row.set_at

    rows = RetentionRule.objects.all()
    yield from counted_in_clinics(checked, rows, one="retention rule", many="retention rules", told=told)


def _holds(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(LegalHold.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("staff.legalhold", chunk)
        for row in chunk:
            checked["legal holds"] += 1
            what = f"legal hold {row.pk}"
            acts = [
                ("hold.placed", row.placed_at, row.placed_by_id),
                ("hold.release", row.release_at, row.release_by_id),
                ("hold.lifted", row.lifted_at, row.lifted_by_id),
            ]
            done = [act for act in acts if act[1] is not None]
            told = events[str(row.pk)]
            yield from compare(f"{what}, its events", [name for name, _, _ in done], [event.action for event in told])
            for event, (name, at, by) in zip(told, done, strict=False):
                yield from compare(f"{what}, as {name} says", json.loads(event.body), told_of_hold(row))
                yield from compare(f"{what}, who, by {name}", event.actor_id, by)
                yield from compare(f"{what}, chain of {name}", event.chain_id, row.clinic.chain.pk)
                if at is not None:
                    yield from about_then(f"{what}, when, by {name}", event.at, at)


def _erasures(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Erasure.objects.select_related("person").order_by("pk")):
        events = events_of("staff.erasure", chunk)
        for row in chunk:
            checked["erasures"] += 1
            what = f"erasure {row.pk}"
            told = events[str(row.pk)]
            if not told:
                yield Finding(f"{what}, its event", f"erasure.{row.kind}", "none")
            for event in told:
                yield from compare(f"{what}, its event", event.action, f"erasure.{row.kind}")
                yield from compare(f"{what}, as its event says", json.loads(event.body), told_of(row))
                yield from compare(f"{what}, who erased", event.actor_id, row.erased_by_id)
                yield from about_then(f"{what}, when", event.at, row.erased_at)
            if not row.person.email.endswith("@erased.invalid"):
                yield Finding(
                    f"{what}, the person's address", "none that is anybody's", "one that reads like somebody's"
                )


def _deletions(checked: Counter[str]) -> Iterator[Finding]:
    """Each batch of tombstones as its events tell it, and no row that has one still there."""
    held: dict[str, list[tuple[str, int, str, str, str]]] = defaultdict(list)
    rows: dict[str, list[int]] = defaultdict(list)
    for stone in Tombstone.objects.order_by("pk").iterator():
        checked["tombstones"] += 1
        held[stone.batch].append((stone.table, stone.row, stone.label, stone.name, stone.sha256))
        rows[stone.label].append(stone.row)
    told: dict[str, list[dict[str, object]]] = defaultdict(list)
    actions = (ACTION, trimming.SAVES, trimming.ENDED)
    for body in AuditEvent.objects.filter(action__in=actions).order_by("pk").values_list("body", flat=True):
        said = json.loads(body)
        told[said["batch"]].append(said)
    for batch in sorted({*held, *told}):
        what = f"tombstones of batch {batch}"
        if not told[batch]:
            yield Finding(f"{what}, their event", ACTION, "none")
        for said in told[batch]:
            known = told_of_batch(batch, held[batch])
            yield from compare(f"{what}, as their event says", {name: said.get(name) for name in known}, known)
    for label, pks in rows.items():
        model = next((m for m in apps.get_models(include_auto_created=True) if m._meta.label_lower == label), None)
        still = set(model._base_manager.filter(pk__in=pks).values_list("pk", flat=True)) if model else set()
        for pk in sorted(still):
            yield Finding(f"tombstone of {label} {pk}", "a row that is gone", "the row is there")
