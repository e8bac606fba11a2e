"""Merged accounts: each proposal and decision as the audit trail tells of it, and every alias with the decision it rests on."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.merging import told_of, told_of_decision
from compliance.models import Merge
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, readable
from staff.models import AuditEvent, StaffMember


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = Merge.objects.select_related("clinic__chain", "decision", "alias").order_by("pk")
    aliases: dict[int, int] = {}
    for chunk in chunks(rows):
        events = events_of("compliance.merge", chunk)
        for row in chunk:
            checked["merges"] += 1
            yield from readable(f"merge {row.pk}", _merge(row, events[str(row.pk)], aliases))
    there = {str(pk) for pk in Merge.objects.values_list("pk", flat=True)}
    for subject in (
        AuditEvent.objects.filter(action="merge.proposed").order_by("pk").values_list("subject_id", flat=True)
    ):
        if subject not in there:
            yield Finding(f"merge {subject}", "there, as its event says", "gone")
    for person in StaffMember.objects.exclude(merged_into=None).order_by("pk"):
        yield from compare(
            f"merge, what account {person.pk} leads to", aliases.pop(person.pk, None), person.merged_into_id
        )
    for alias in aliases:
        yield Finding(f"merge, account {alias}", "closed and leading to the one that was kept", "open")


def _merge(row: Merge, events: list[AuditEvent], aliases: dict[int, int]) -> Iterator[Finding]:
    what = f"merge {row.pk}"
    decision = getattr(row, "decision", None)
    acts = [("merge.proposed", told_of(row), row.proposed_by_id, row.proposed_at)]
    if decision:
        name = "merge.confirmed" if decision.confirmed else "merge.declined"
        acts.append((name, told_of_decision(decision), decision.decided_by_id, decision.decided_at))
        if decision.confirmed:
            aliases[row.alias_id] = row.kept_id
        if decision.decided_by_id == row.proposed_by_id:
            yield Finding(f"{what}, decided", "by a second person", "by whoever proposed it")
    yield from compare(f"{what}, its events", [act[0] for act in acts], [event.action for event in events])
    for event, (name, told, by, at) in zip(events, acts, strict=False):
        yield from compare(f"{what}, as {name} says", json.loads(event.body), told)
        yield from compare(f"{what}, actor of {name}", event.actor_id, by)
        yield from compare(f"{what}, chain of {name}", event.chain_id, row.clinic.chain.pk)
        yield from about_then(f"{what}, when as {name} says", event.at, at)
    if events:
        yield from compare(f"{what}, reason", events[0].reason, row.reason)
