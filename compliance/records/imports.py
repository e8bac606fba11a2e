"""Lists of people that were applied: each as the audit trail tells it. What a line did is told by the membership that it made."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.models import PeopleImport
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, readable
from compliance.roster.applying import sent_sha256
from staff.models import AuditEvent

BEGAN, ENDED = "people.imported", "people.import-ended"


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = PeopleImport.objects.exclude(began_at=None).select_related("clinic__chain")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("compliance.peopleimport", chunk)
        for row in chunk:
            checked["imports of people"] += 1
            what = f"import of people {row.public_id}"
            yield from readable(what, _import(what, row, events[str(row.pk)]))
    yield from gone(BEGAN, "import of people", PeopleImport)


def _import(what: str, row: PeopleImport, events: list[AuditEvent]) -> Iterator[Finding]:
    """An older one does not tell its end, nor the hash of what was chosen."""
    told = [event.action for event in events]
    yield from compare(f"{what}, its events", [BEGAN, *([ENDED] if ENDED in told else [])], told)
    counts = json.loads(row.counts)
    yield from compare(f"{what}, whether it has counts", row.ended_at is not None, bool(counts))
    for event in events:
        said = json.loads(event.body)
        yield from compare(f"{what}, chain of {event.action}", row.clinic.chain.pk, event.chain_id)
        yield from compare(f"{what}, who, by {event.action}", event.actor_id, row.began_by_id)
        if event.action == ENDED:
            yield from compare(f"{what}, how many lines became what", said, {"counts": counts})
            yield from compare(f"{what}, whether it ended", True, row.ended_at is not None)
            if row.ended_at:
                yield from about_then(f"{what}, when it ended", event.at, row.ended_at)
        elif row.began_at:
            held = {"file_sha256": row.file_sha256, "full_roster": row.full_roster, "sent_sha256": sent_sha256(row)}
            known = {name: said.get(name, value) for name, value in held.items()}
            yield from compare(f"{what}, as {BEGAN} says", known, held)
            yield from about_then(f"{what}, when it began", event.at, row.began_at)
            if row.ended_at:
                lines = sum(said["planned"].values()) + said["ended"]
                yield from compare(f"{what}, how many lines it had", lines, sum(counts.values()))
