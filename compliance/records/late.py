"""Answers that came after the end: each as the audit trail tells it, of an attempt that was over when it arrived."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered, readable
from quizzes.late import told_of
from quizzes.models import Attempt, LateAnswer
from staff.models import AuditEvent


def findings(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    rows = LateAnswer.objects.select_related("item__attempt__candidacy__clinic__chain")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("quizzes.lateanswer", chunk)
        for row in chunk:
            checked["late answers"] += 1
            attempt = row.item.attempt
            numbers[attempt.public_id, row.item.position].append(row.number)
            what = f"late answer {row.number} to item {row.item.position} of attempt {attempt.public_id}"
            yield from readable(what, _late(row, what, events[str(row.pk)]))
    for (attempt_id, position), found in numbers.items():
        yield from numbered(f"late answers to item {position} of attempt {attempt_id}", found)


def _late(row: LateAnswer, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    attempt = row.item.attempt
    yield from compare(f"{what}, its events", ["answer.kept-late"], [event.action for event in events])
    for event in events:
        yield from compare(f"{what}, as its event says", json.loads(event.body), told_of(row))
        yield from compare(f"{what}, chain of its event", event.chain_id, attempt.candidacy.clinic.chain.pk)
        yield from compare(f"{what}, whose it is by its event", event.actor_id, attempt.candidacy.person_id)
        yield from about_then(f"{what}, when it arrived", event.at, row.arrived_at)
    end = attempt.deadline_at if attempt.state == Attempt.State.OPEN else attempt.ended_at
    early = end is None or row.arrived_at < end
    if early and not _told_after_the_end(attempt, events):
        yield Finding(f"{what}, when it arrived", f"after the attempt had ended, {end}", str(row.arrived_at))


def _told_after_the_end(attempt: Attempt, events: list[AuditEvent]) -> bool:
    """Where the server's clock was put back in between, the order of the audit trail says what came first."""
    ended = AuditEvent.objects.filter(
        subject_type="quizzes.attempt",
        subject_id=str(attempt.pk),
        action__in=("attempt.submitted", "attempt.expired"),
    ).first()
    return ended is not None and all(ended.chain_id == event.chain_id and ended.seq < event.seq for event in events)
