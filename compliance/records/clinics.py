"""Clinics: name, address and zone, as the audit trail last recorded them."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, readable
from staff.actions import told_of_clinic
from staff.models import AuditEvent, Clinic

OPENED, CORRECTED = "clinic.opened", "clinic.corrected"


def findings(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Clinic.objects.select_related("chain").order_by("pk")):
        events = events_of("staff.clinic", chunk)
        for row in chunk:
            checked["clinics"] += 1
            told = [event for event in events[str(row.pk)] if event.action in (OPENED, CORRECTED)]
            what = f"clinic {row.public_id}"
            yield from readable(what, _clinic(what, row, told))
    yield from gone(OPENED, "clinic", Clinic)


def _clinic(what: str, row: Clinic, told: list[AuditEvent]) -> Iterator[Finding]:
    """An older event of the opening says the zone alone."""
    yield from compare(f"{what}, its events of opening", 1, sum(event.action == OPENED for event in told))
    said: dict[str, str] = {}
    for event in told:
        said |= json.loads(event.body)
        yield from compare(f"{what}, chain of {event.action}", row.chain.pk, event.chain_id)
        if event.action == OPENED:
            yield from about_then(f"{what}, when it was opened", event.at, row.opened_at)
    held = told_of_clinic(row)
    for name in sorted(said):
        yield from compare(f"{what}, {name} as last recorded", said[name], held.get(name))
