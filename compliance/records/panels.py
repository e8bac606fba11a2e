"""Panels that rate items: who opened each, and every rating as the audit trail tells of those given together."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import Prefetch

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, numbered, readable
from quizzes.models import Panel, Rating
from quizzes.standard import told_of_ratings
from staff.models import AuditEvent

OPENED, RATED = "panel.opened", "items.rated"


def findings(checked: Counter[str]) -> Iterator[Finding]:
    ratings = Prefetch("ratings", Rating.objects.order_by("pk"))
    rows = Panel.objects.select_related("quiz__module", "file").prefetch_related(ratings)
    numbers: dict[str, list[int]] = defaultdict(list)
    for chunk in chunks(rows.order_by("pk"), 50):
        events = events_of("quizzes.panel", chunk)
        for row in chunk:
            checked["panels"] += 1
            numbers[row.quiz.module.slug].append(row.number)
            what = f"panel {row.number} of quiz {row.quiz.module.slug}"
            yield from readable(what, _panel(what, row, events[str(row.pk)]))
            yield from readable(what, _ratings(what, row, events[str(row.pk)], checked))
    for slug, held in numbers.items():
        yield from numbered(f"panels of quiz {slug}", held)
    yield from gone(OPENED, "panel", Panel)


def _panel(what: str, row: Panel, events: list[AuditEvent]) -> Iterator[Finding]:
    """It is closed by filing what it found."""
    opened = [event for event in events if event.action == OPENED]
    yield from compare(f"{what}, its events of opening", 1, len(opened))
    for event in opened:
        yield from compare(f"{what}, as {OPENED} says", json.loads(event.body), {"quiz": row.quiz.module.slug})
        yield from compare(f"{what}, who opened it", event.actor_id, row.opened_by_id)
        yield from about_then(f"{what}, when it was opened", event.at, row.opened_at)
    file = getattr(row, "file", None)
    yield from compare(f"{what}, whether it is closed", file is not None, row.closed_at is not None)
    if file and row.closed_at:
        yield from compare(f"{what}, who closed it", file.filed_by_id, row.closed_by_id)
        yield from about_then(f"{what}, when it was closed", file.filed_at, row.closed_at)


def _ratings(what: str, row: Panel, events: list[AuditEvent], checked: Counter[str]) -> Iterator[Finding]:
    """Those of one person in their order, as many at a time as each event says; an older event says no more than that."""
    given: dict[int, list[Rating]] = defaultdict(list)
    for rating in row.ratings.all():
        checked["ratings"] += 1
        given[rating.person_id].append(rating)
    for event in events:
        if event.action != RATED:
            continue
        said, left = json.loads(event.body), given[event.actor_id]
        given[event.actor_id], together = left[said["items"] :], left[: said["items"]]
        told = told_of_ratings(together)
        called = f"{what}, ratings of person {event.actor_id}"
        yield from compare(f"{called}, as {RATED} says", {name: said.get(name, told[name]) for name in told}, told)
        for rating in together:
            yield from about_then(f"{called}, when they were given", event.at, rating.rated_at)
    for person, left in given.items():
        yield from compare(f"{what}, ratings of person {person} that the trail does not tell of", 0, len(left))
