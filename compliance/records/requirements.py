"""Rules, waivers, leave, incidents and cycles: each as the audit trail tells it, and none that it tells of is gone."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from compliance.models import Cycle, Incident, Leave, Rule, Waiver
from compliance.records.finding import CHUNK, Finding, about_then, chunks, compare, deleted_rightly, events_of, numbered
from compliance.requirements.assigning import told_of
from compliance.requirements.cycles import told_of as told_of_cycle
from compliance.requirements.cycles import told_of_closing
from staff.models import AuditEvent

KINDS: dict[str, Any] = {"rules": Rule, "waivers": Waiver, "leaves": Leave, "incidents": Incident}


def findings(checked: Counter[str]) -> Iterator[Finding]:
    for counted, model in KINDS.items():
        name = str(model._meta.model_name)
        for chunk in chunks(model._default_manager.select_related("clinic__chain").order_by("pk")):
            events = events_of(f"compliance.{name}", chunk)
            for row in chunk:
                checked[counted] += 1
                yield from _recorded(row, f"{name} {row.public_id}", events[str(row.pk)])
        ids = {str(pk) for pk in model._default_manager.values_list("pk", flat=True)}
        told = AuditEvent.objects.filter(action=f"{name}.recorded").order_by("pk")
        missing = [subject for subject in told.values_list("subject_id", flat=True) if subject not in ids]
        label = f"compliance.{name}"
        rightly = deleted_rightly({(label, subject) for subject in missing})
        for subject in missing:
            if (label, subject) not in rightly:
                yield Finding(f"{name} {subject}", "there, as its event says", "gone")
    yield from _cycles(checked)


def _recorded(row: Rule | Waiver | Leave | Incident, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    name = row._meta.model_name
    expected = [f"{name}.recorded", *([f"{name}.ended"] if row.ended_at else [])]
    yield from compare(f"{what}, its events", expected, [event.action for event in events])
    if row.ended_at is None:
        yield from compare(f"{what}, why it ended", "", row.end_reason)
    for event in events:
        yield from compare(f"{what}, chain of its event", row.clinic.chain.pk, event.chain_id)
        if event.action == f"{name}.recorded":
            yield from compare(f"{what}, as its event says", json.loads(event.body), told_of(row))
            yield from compare(f"{what}, who recorded it", event.actor_id, row.recorded_by_id)
            yield from about_then(f"{what}, when it was recorded", event.at, row.recorded_at)
        elif row.ended_at and row.ends_on:
            yield from compare(f"{what}, its end", json.loads(event.body), {"ends": row.ends_on.isoformat()})
            yield from compare(f"{what}, why it ended", event.reason, row.end_reason)
            yield from compare(f"{what}, who ended it", event.actor_id, row.ended_by_id)
            yield from about_then(f"{what}, when its end was recorded", event.at, row.ended_at)


def _cycles(checked: Counter[str]) -> Iterator[Finding]:
    """Each told once when it was opened and once when it was closed; they count on from 1."""
    told: dict[str, dict[int, tuple[dict[str, object], AuditEvent]]] = {"cycles.opened": {}, "cycles.closed": {}}
    events = AuditEvent.objects.filter(action__in=list(told)).select_related("chain").order_by("pk")
    for event in events.iterator(chunk_size=CHUNK):
        for row in json.loads(event.body)["cycles"]:
            told[event.action][row["cycle"]] = (row, event)
    numbers: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for chunk in chunks(Cycle.objects.order_by("pk")):
        for cycle in chunk:
            checked["cycles"] += 1
            numbers[cycle.person_id, cycle.clinic_id, cycle.module_id].append(cycle.number)
            opened, closed = told["cycles.opened"].pop(cycle.pk, None), told["cycles.closed"].pop(cycle.pk, None)
            yield from _cycle(cycle, f"cycle {cycle.pk}", opened, closed)
    gone = deleted_rightly({("compliance.cycle", str(pk)) for pk in told["cycles.opened"]})
    for pk in told["cycles.opened"]:
        if ("compliance.cycle", str(pk)) not in gone:
            yield Finding(f"cycle {pk}", "there, as its event says", "gone")
    for (person, clinic, module), held in numbers.items():
        yield from numbered(f"cycles of person {person}, clinic {clinic}, module {module}", held)


Told = tuple[dict[str, object], AuditEvent] | None


def _cycle(cycle: Cycle, what: str, opened: Told, closed: Told) -> Iterator[Finding]:
    if opened is None:
        yield Finding(f"{what}, its event", "cycles.opened", "none")
    else:
        body, event = opened
        yield from compare(f"{what}, as its event says", body, told_of_cycle(cycle))
        yield from compare(f"{what}, who opened it", event.actor_id, cycle.opened_by_id)
        yield from compare(f"{what}, its clinic", event.chain.clinic_id, cycle.clinic_id)
        yield from about_then(f"{what}, when it was opened", event.at, cycle.opened_at)
    yield from compare(f"{what}, whether it is closed", closed is not None, cycle.closed_at is not None)
    if closed and cycle.closed_at:
        body, event = closed
        yield from compare(f"{what}, its closing", body, told_of_closing(cycle))
        yield from compare(f"{what}, who closed it", event.actor_id, cycle.closed_by_id)
        yield from about_then(f"{what}, when it was closed", event.at, cycle.closed_at)
