"""Regrades: the list that was signed, what it did to each attempt, and what became of the passes that it took."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from certificates import dispositions, regrading
from certificates.models import Certificate, CertificateEvent
from compliance.records.acts import rests
from compliance.records.finding import Finding, chunks, compare, events_of, readable
from quizzes.models import Disposition, Mark, Outcome, Regrade
from quizzes.regrades import asks, key_of
from staff import canonical
from staff.models import AuditEvent, Tombstone

AT_ONCE = 20
EVENTS = {"suspend": "suspended", "revoke": "revoked"}


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = Regrade.objects.select_related(
        "clinic__chain", "question_version__question", "corrected__question", "signature"
    )
    for chunk in chunks(rows.order_by("pk"), AT_ONCE):
        events = events_of("quizzes.regrade", chunk)
        outcomes, marks = _added(chunk)
        for row in chunk:
            checked["regrades"] += 1
            found = _regrade(row, events[str(row.pk)], outcomes[row.cause], marks[row.cause])
            yield from readable(name_of(row), found)
    yield from _dispositions(checked)


def name_of(row: Regrade) -> str:
    return f"regrade {row.public_id}"


def _added(chunk: list[Regrade]) -> tuple[dict[str, list[Outcome]], dict[str, dict[str, int]]]:
    """By cause: the outcomes, and the place of the question in each attempt that it marked anew."""
    causes = [row.cause for row in chunk]
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    for row in Outcome.objects.filter(cause__in=causes).select_related("attempt").prefetch_related("attempt__outcomes"):
        outcomes[row.cause].append(row)
    marks: dict[str, dict[str, int]] = defaultdict(dict)
    places = Mark.objects.filter(cause__in=causes).values_list("cause", "item__attempt__public_id", "item__position")
    for cause, attempt, position in places:
        marks[cause][attempt] = position
    return outcomes, marks


def _regrade(
    row: Regrade, events: list[AuditEvent], outcomes: list[Outcome], marks: dict[str, int]
) -> Iterator[Finding]:
    what = name_of(row)
    yield from compare(f"{what}, hash of its list", canonical.sha256(row.listed), row.listed_sha256)
    yield from compare(f"{what}, hash that was signed", row.listed_sha256, row.signature.record_sha256)
    yield from rests(
        what,
        row.signature,
        meanings=["regrade"],
        at=row.regraded_at,
        subject=("quizzes.questionversion", row.question_version_id),
        clinic=row.clinic_id,
        signer=row.regraded_by_id,
    )
    listed = json.loads(row.listed)
    if canonical.text(listed) != row.listed:
        yield Finding(f"{what}, its list", "canonical JSON", "another spelling of it")
    version, corrected = row.question_version, row.corrected
    head = {
        "format": regrading.FORMAT,
        "clinic": row.clinic_id,
        "question": version.question.code,
        "version": version.number,
        "sha256": version.sha256,
        "option": row.option,
        "corrected": {"version": corrected.number, "sha256": corrected.sha256} if corrected else None,
        "key": key_of(corrected) if corrected else None,
    }
    yield from compare(f"{what}, its list", {k: v for k, v in listed.items() if k != "attempts"}, head)
    yield from compare(f"{what}, its key", canonical.text(head["key"]) if corrected else "", row.key)
    if corrected and (corrected.question_id != version.question_id or asks(corrected) != asks(version)):
        yield Finding(f"{what}, the version with its key", "one that asks the same", str(corrected))
    yield from compare(f"{what}, attempts on its list", _entries(outcomes, marks), _still(_listed(listed["attempts"])))
    told = [
        [event.actor_id, event.chain_id, event.reason, json.loads(event.body)]
        for event in events
        if event.action == "question.regraded"
    ]
    said = [row.regraded_by_id, row.clinic.chain.pk, row.reason, regrading.body_of(row)]
    yield from compare(f"{what}, as its event says", told, [said])


def _listed(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """By attempt, what the list says of it that stands on other rows too."""
    names = ("seal_sha256", "position", "outcome", "points", "of", "passed")
    return {entry["attempt"]: {name: entry[name] for name in names} for entry in entries}


def _still(entries: dict[str, Any]) -> dict[str, Any]:
    """Without the attempts whose time was over, and which were deleted."""
    gone = set(Tombstone.objects.filter(label="quizzes.attempt", name__in=list(entries)).values_list("name", flat=True))
    return {attempt: entry for attempt, entry in entries.items() if attempt not in gone}


def _entries(outcomes: list[Outcome], marks: dict[str, int]) -> dict[str, Any]:
    """The same from the outcomes that were added, each with the one before it."""
    found = {}
    for row in outcomes:
        before = next(other for other in row.attempt.outcomes.all() if other.number == row.number - 1)
        found[row.attempt.public_id] = {
            "seal_sha256": row.attempt.seal_sha256,
            "position": marks.get(row.attempt.public_id, 0),
            "outcome": row.number,
            "points": [before.points, row.points],
            "of": [before.max_points, row.max_points],
            "passed": [before.passed, row.passed],
        }
    return found


def _dispositions(checked: Counter[str]) -> Iterator[Finding]:
    rows = Disposition.objects.select_related("outcome__attempt__candidacy__clinic__chain", "signature")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("quizzes.disposition", chunk)
        acts = {
            row.signature_id: row.kind
            for row in CertificateEvent.objects.filter(signature__in=[row.signature_id for row in chunk])
        }
        over_certificates = [
            row.signature.subject_id for row in chunk if row.signature.subject_type == "certificates.certificate"
        ]
        held = Certificate.objects.filter(pk__in=[int(pk) for pk in over_certificates])
        label = "certificates.certificate"
        certificates = {(label, str(pk)): attempt for pk, attempt in held.values_list("pk", "attempt__public_id")}
        causes = {
            row.signature_id: row.cause
            for row in Regrade.objects.filter(signature__in=[row.signature_id for row in chunk])
        }
        for row in chunk:
            checked["dispositions"] += 1
            signed = row.signature
            over = causes.get(signed.pk) or certificates.get((signed.subject_type, signed.subject_id))
            found = _disposition(row, events[str(row.pk)], acts.get(row.signature_id), over)
            yield from readable(f"disposition {row.pk}", found)


def _disposition(row: Disposition, events: list[AuditEvent], act: str | None, over: str | None) -> Iterator[Finding]:
    """`over` is what its signature is over: the attempt of a certificate, or the regrade that took the pass."""
    what = f"disposition {row.pk}"
    attempt = row.outcome.attempt
    yield from rests(
        what,
        row.signature,
        meanings=[dispositions.MEANINGS.get(row.decision, "regrade")],
        at=row.decided_at,
        clinic=attempt.candidacy.clinic_id,
        signer=row.decided_by_id,
    )
    expected = row.outcome.cause if row.decision == Disposition.Decision.REOPEN else attempt.public_id
    yield from compare(f"{what}, what its signature is over", expected, over)
    yield from compare(f"{what}, candidate", attempt.candidacy.person_id, row.candidate_id)
    yield from compare(f"{what}, its outcome, passed", False, row.outcome.passed)
    yield from compare(f"{what}, event of its certificate", EVENTS.get(row.decision), act)
    told = [[e.action, e.actor_id, e.chain_id, e.reason, json.loads(e.body)] for e in events]
    body = {"attempt": attempt.public_id, "outcome": row.outcome.number, "candidate": row.candidate_id}
    said = [f"pass.{row.decision}", row.decided_by_id, attempt.candidacy.clinic.chain.pk, row.reason, body]
    yield from compare(f"{what}, as its event says", told, [said])
