"""Practicals: each version's hash, who may observe, and each signed sheet against its seal and its history of taps."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from django.db.models import Prefetch

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered, readable
from staff import canonical
from staff.models import AuditEvent
from training.models import Observation, ObservedLine, ObserverDecision, PracticalVersion, SelfEvaluation
from training.observing import seal_text

LABEL = "training.observation"


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _versions(checked)
    yield from _observers(checked)
    yield from _sheets(checked)
    yield from _evaluations(checked)


def _versions(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in PracticalVersion.objects.order_by("pk"):
        checked["practicals"] += 1
        numbers[row.code].append(row.number)
        what = f"practical {row.code} {row.number}"
        yield from readable(what, _version(what, row))
    for code, found in numbers.items():
        yield from numbered(f"practical {code}", found)


def _version(what: str, row: PracticalVersion) -> Iterator[Finding]:
    content = {
        "code": row.code,
        "title": row.title,
        "starred": row.starred,
        "drill": row.drill,
        "criteria": row.lines,
    }
    yield from compare(f"{what}, its hash", canonical.sha256_of(content), row.sha256)
    if canonical.text(row.lines) != row.criteria:
        yield Finding(f"{what}, its criteria", "canonical JSON", "another spelling of it")


def _observers(checked: Counter[str]) -> Iterator[Finding]:
    rows = list(ObserverDecision.objects.select_related("signature").order_by("clinic", "person", "number"))
    events = events_of("training.observerdecision", rows)
    for row in rows:
        checked["observer decisions"] += 1
        what = f"decision {row.number} on observer {row.person_id} at clinic {row.clinic_id}"
        meaning = "approve-observer" if row.approved else "withdraw-observer"
        yield from compare(f"{what}, meaning of its signature", meaning, row.signature.meaning_code)
        yield from compare(f"{what}, clinic of its signature", row.clinic_id, row.signature.clinic_id)
        yield from about_then(f"{what}, when", row.signature.signed_at, row.decided_at)
        told = [(event.action, json.loads(event.body)) for event in events[str(row.pk)]]
        action = "observer.approved" if row.approved else "observer.withdrawn"
        yield from compare(f"{what}, its event", [(action, {"number": row.number, "person": row.person_id})], told)


def _sheets(checked: Counter[str]) -> Iterator[Finding]:
    rows = Observation.objects.select_related("signature", "acknowledgement").prefetch_related(
        Prefetch("lines", ObservedLine.objects.select_related("practical").prefetch_related("saves"))
    )
    for chunk in chunks(rows.order_by("pk")):
        events = events_of(LABEL, chunk)
        for row in chunk:
            checked["practical sheets"] += 1
            what = f"sheet {row.public_id}"
            yield from readable(what, _sheet(what, row, events[str(row.pk)]))


def _sheet(what: str, row: Observation, events: list[AuditEvent]) -> Iterator[Finding]:
    for line in row.lines.all():
        saves = sorted(line.saves.all(), key=lambda save: save.revision)
        place = f"{what}, line {line.position}"
        yield from numbered(f"{place}, its taps", [save.revision for save in saves])
        last = saves[-1].score if saves else None
        yield from compare(f"{place}, score as last tapped", last, line.score)
        yield from compare(f"{place}, revision", len(saves), line.revision)
    told = [event.action for event in events]
    ends = {"signed": ["observation.signed"], "voided": ["observation.put_aside"]}.get(row.state, [])
    answered = ["observation.acknowledged"] if hasattr(row, "acknowledgement") else []
    yield from compare(f"{what}, its events", ["observation.started", *ends, *answered], told)
    for event in events:
        yield from _told(what, row, event)
    if row.state == Observation.State.SIGNED and row.signature and row.ended_at:
        yield from compare(f"{what}, hash of its seal", canonical.sha256(row.seal), row.seal_sha256)
        yield from compare(f"{what}, seal against rows", json.loads(row.seal), json.loads(seal_text(row)))
        yield from compare(f"{what}, meaning of its signature", "observe", row.signature.meaning_code)
        signed = {"signer": row.signature.signer_id, "clinic": row.signature.clinic_id}
        yield from compare(f"{what}, its signature", {"signer": row.observer_id, "clinic": row.clinic_id}, signed)
        yield from compare(f"{what}, what its signature is over", [LABEL, str(row.pk)],
                           [row.signature.subject_type, row.signature.subject_id])  # fmt: skip
        yield from about_then(f"{what}, when it was signed", row.signature.signed_at, row.ended_at)


def _told(what: str, row: Observation, event: AuditEvent) -> Iterator[Finding]:
    said: dict[str, Any] = json.loads(event.body)
    held: dict[str, Any] = {"learner": row.learner_id, "seal_sha256": row.seal_sha256, "setting": row.setting}
    held["practicals"] = list(dict.fromkeys(line.practical.code for line in row.lines.all()))
    actor = row.observer_id
    at = {"observation.started": row.started_at}.get(event.action, row.ended_at)
    if event.action == "observation.acknowledged":
        answer = row.acknowledgement
        held |= {
            "agrees": answer.agrees,
            "text_sha256": canonical.sha256(answer.text),
            "seal_sha256": answer.seal_sha256,
        }
        actor, at = row.learner_id, answer.acknowledged_at
    yield from compare(f"{what}, as {event.action} says", said, {name: held.get(name) for name in said})
    yield from compare(f"{what}, actor of {event.action}", event.actor_id, actor)
    yield from compare(f"{what}, clinic of {event.action}", event.chain.clinic_id, row.clinic_id)
    if at:
        yield from about_then(f"{what}, when as {event.action} says", event.at, at)


def _evaluations(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in SelfEvaluation.objects.select_related("practical").order_by("pk").iterator(chunk_size=500):
        checked["self-evaluations"] += 1
        numbers[row.person_id, row.practical_id].append(row.number)
        what = f"self-evaluation {row.pk}"
        yield from readable(what, _evaluation(what, row))
    for (person, practical), found in numbers.items():
        yield from numbered(f"self-evaluations of practical {practical} by person {person}", found)


def _evaluation(what: str, row: SelfEvaluation) -> Iterator[Finding]:
    yield from compare(f"{what}, its scores", len(row.practical.lines), len(row.given))
