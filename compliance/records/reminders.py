"""What was reminded of, and the clinics' hours: as the audit trail tells of it."""

import json
from collections import Counter
from collections.abc import Iterator

from django.db.models import Prefetch

from compliance.models import Reminder, ReminderHours, ReminderMail
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered, readable
from compliance.reminders.sending import key_of, told_of_hours, told_of_mail
from staff.models import AuditEvent


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _mails(checked)
    yield from _hours(checked)


def _mails(checked: Counter[str]) -> Iterator[Finding]:
    rows = ReminderMail.objects.select_related("clinic__chain", "mail").prefetch_related(
        Prefetch("lines", Reminder.objects.order_by("pk"))
    )
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("compliance.remindermail", chunk)
        for row in chunk:
            checked["reminders"] += 1
            yield from readable(f"reminders {row.pk}", _mail(row, f"reminders {row.pk}", events[str(row.pk)]))


def _mail(row: ReminderMail, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    yield from compare(f"{what}, their events", ["reminders.queued"], [event.action for event in events])
    yield from compare(f"{what}, their mail", key_of(row.person_id, row.day_on), row.mail.dedupe_key)
    for event in events:
        yield from compare(f"{what}, as their event says", json.loads(event.body), told_of_mail(row))
        yield from compare(f"{what}, chain of their event", event.chain_id, row.clinic.chain.pk)
        yield from compare(f"{what}, who sent them by their event", event.actor_id, row.queued_by_id)
        yield from about_then(f"{what}, when", event.at, row.queued_at)
    for line in row.lines.all():
        yield from compare(f"{what}, to whom line {line.pk} is told", row.person_id, line.person_id)


def _hours(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[int, list[int]] = {}
    for chunk in chunks(ReminderHours.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("compliance.reminderhours", chunk)
        for row in chunk:
            checked["hours of reminders"] += 1
            numbers.setdefault(row.clinic_id, []).append(row.number)
            what = f"hours of reminders {row.pk}"
            told = events[str(row.pk)]
            yield from compare(f"{what}, their events", ["reminderhours.set"], [event.action for event in told])
            for event in told:
                yield from compare(f"{what}, as their event says", json.loads(event.body), told_of_hours(row))
                yield from compare(f"{what}, chain of their event", event.chain_id, row.clinic.chain.pk)
                yield from compare(f"{what}, who set them by their event", event.actor_id, row.set_by_id)
                yield from about_then(f"{what}, when", event.at, row.set_at)
    for clinic, held in numbers.items():
        yield from numbered(f"hours of reminders of clinic {clinic}", held)
