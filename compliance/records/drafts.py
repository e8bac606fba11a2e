"""Texts written on the site: who opened each and over what, and how it was closed. What is still being written may change."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, readable
from staff import canonical
from staff.models import AuditEvent
from training.models import Draft

OPENED, REBASED, DISCARDED, PUBLISHED = "draft.opened", "draft.rebased", "draft.discarded", "draft.published"


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = Draft.objects.select_related("section__module", "base", "published").prefetch_related("writers")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("training.draft", chunk)
        for row in chunk:
            checked["drafts"] += 1
            yield from readable(f"draft {row.pk}", _draft(f"draft {row.pk}", row, events[str(row.pk)]))
    yield from gone(OPENED, "draft", Draft)


def _draft(what: str, row: Draft, events: list[AuditEvent]) -> Iterator[Finding]:
    closing = [] if row.closed_at is None else [PUBLISHED if row.published else DISCARDED]
    rebased = [REBASED] * sum(event.action == REBASED for event in events)
    yield from compare(f"{what}, its events", [OPENED, *rebased, *closing], [event.action for event in events])
    over = [json.loads(event.body)["base"] for event in events if event.action in (OPENED, REBASED)]
    yield from compare(f"{what}, the version it is written over", over[-1:], [row.base.sha256])
    writers = sorted(person.pk for person in row.writers.all())
    if row.opened_by_id not in writers:
        yield Finding(f"{what}, who wrote it", "among them who opened it", "somebody else")
    for event in events:
        said = json.loads(event.body)
        if event.action == OPENED:
            held = {"section": str(row.section), "origin": row.origin}
            yield from compare(f"{what}, as {OPENED} says", {name: said[name] for name in held}, held)
            yield from compare(f"{what}, who opened it", event.actor_id, row.opened_by_id)
            yield from about_then(f"{what}, when it was opened", event.at, row.opened_at)
        elif event.action != REBASED and row.closed_at:
            yield from _closed(what, row, event.action, said, writers)
            yield from compare(f"{what}, who closed it", event.actor_id, row.closed_by_id)
            yield from about_then(f"{what}, when it was closed", event.at, row.closed_at)


def _closed(what: str, row: Draft, action: str, said: dict[str, object], writers: list[int]) -> Iterator[Finding]:
    """What it became, or its text as it was given up; an older event does not say who wrote, nor the text given up."""
    if row.published:
        yield from compare(f"{what}, the version it became", said.get("section"), row.published.sha256)
        yield from compare(f"{what}, its text, as it was published", row.published.text, row.text)
    yield from compare(f"{what}, who wrote it, as {action} says", said.get("writers", writers), writers)
    text = canonical.sha256(row.text)
    yield from compare(f"{what}, hash of its text, as {action} says", said.get("text_sha256", text), text)
