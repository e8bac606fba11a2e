"""Clocks and extra time: each as the audit trail tells it."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.records.finding import (
    Finding,
    Told,
    about_then,
    chunks,
    compare,
    counted_in_clinics,
    events_of,
)
from quizzes.models import Accommodation, ClinicClock
from staff import canonical
from staff.models import AuditEvent


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _clocks(checked)
    yield from _extra_time(checked)


def _clocks(checked: Counter[str]) -> Iterator[Finding]:
    def told(row: ClinicClock) -> Told:
        return "clock.set", {"limit_minutes": row.limit_minutes}, row.set_by_id, row.set_at

    yield from counted_in_clinics(checked, ClinicClock.objects.all(), one="clock", many="clocks", told=told)


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
