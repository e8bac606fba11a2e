"""Clocks and extra time: each as the audit trail tells it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered
from quizzes.models import Accommodation, ClinicClock
from staff import canonical
from staff.models import AuditEvent


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _clocks(checked)
    yield from _extra_time(checked)


def _clocks(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[int, list[int]] = defaultdict(list)
    rows = ClinicClock.objects.select_related("clinic__chain").order_by("clinic", "number")
    for chunk in chunks(rows):
        events = events_of("quizzes.clinicclock", chunk)
        for row in chunk:
            checked["clocks"] += 1
            numbers[row.clinic_id].append(row.number)
            what = f"clock {row.number} of clinic {row.clinic_id}"
            told = events[str(row.pk)]
            yield from compare(f"{what}, its events", ["clock.set"], [event.action for event in told])
            for event in told:
                yield from compare(
                    f"{what}, as its event says", json.loads(event.body), {"limit_minutes": row.limit_minutes}
                )
                yield from compare(f"{what}, who set it", event.actor_id, row.set_by_id)
                yield from compare(f"{what}, chain of its event", row.clinic.chain.pk, event.chain_id)
                yield from about_then(f"{what}, when it was set", event.at, row.set_at)
    for clinic, found in numbers.items():
        yield from numbered(f"clocks of clinic {clinic}", found)


def _extra_time(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Accommodation.objects.order_by("pk")):
        events = events_of("quizzes.accommodation", chunk)
        for row in chunk:
            checked["accommodations"] += 1
            yield from _accommodation(row, events[str(row.pk)])


def _accommodation(row: Accommodation, told: list[AuditEvent]) -> Iterator[Finding]:
    what = f"extra time {row.pk}"
    expected = ["accommodation.granted", *(["accommodation.ended"] if row.ended_at else [])]
    yield from compare(f"{what}, its events", expected, [event.action for event in told])
    for event in told:
        said = json.loads(event.body)
        if event.action == "accommodation.granted":
            held = {
                "person": row.person_id,
                "percent": row.time_percent,
                "category": row.category,
                "from": row.valid_from_on,
                "until": row.valid_until_on,
            }
            yield from compare(f"{what}, as its event says", said, canonical.plain(held))
            yield from compare(f"{what}, who gave it", event.actor_id, row.granted_by_id)
            yield from about_then(f"{what}, when it was given", event.at, row.granted_at)
        elif row.ended_at:
            yield from compare(f"{what}, who ended it", event.actor_id, row.ended_by_id)
            yield from about_then(f"{what}, when it ended", event.at, row.ended_at)
