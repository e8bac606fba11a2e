"""Acts that rest on a signature: each on the right one, given then, and told in the audit trail."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from certificates.actions import REVIEWED, review_terms, told_of_reading
from certificates.models import CertificateEvent
from certificates.queries import REVIEW_READ
from compliance.records.finding import Finding, about_then, as_told, chunks, compare, events_of, numbered
from compliance.records.signatures import ADOPTING, name_of
from quizzes.models import AttemptGrant, Review
from staff import canonical
from staff.models import AuditEvent, Signature
from training.models import Adoption, KeyPoint, ProtocolItem, ProtocolValue, ReadingConfirmation

REVIEWING = {Review.Decision.ENDORSED: "endorse", Review.Decision.RETURNED: "return", Review.Decision.TALKED: "talk"}
GRANTING = {AttemptGrant.Kind.TALK: "talk", AttemptGrant.Kind.EARLY: "open-early"}
CERTIFYING = {"revoked": "revoke", "suspended": "suspend", "lifted": "lift", "endorsed": "re-endorse"}


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _adoptions(checked)
    yield from _protocol(checked)
    yield from _reviews(checked)
    yield from _grants(checked)
    yield from _certificate_events()
    yield from _confirmations(checked)


def rests(
    what: str,
    signature: Signature,
    *,
    meanings: Collection[str],
    at: datetime,
    subject: tuple[str, int] | None = None,
    **owners: int,
) -> Iterator[Finding]:
    """The row was signed with one of these meanings, over this subject, by and for these, in the transaction that made it."""
    if signature.meaning_code not in meanings:
        yield Finding(
            f"{what}, meaning of its signature", " or ".join(meanings) or "one that fits", signature.meaning_code
        )
    if subject:
        over = [signature.subject_type, signature.subject_id]
        yield from compare(f"{what}, what its signature is over", [subject[0], str(subject[1])], over)
    held = {"clinic": signature.clinic_id, "signer": signature.signer_id}
    yield from compare(f"{what}, its signature", owners, {name: held[name] for name in owners})
    yield from about_then(f"{what}, when ({name_of(signature)})", signature.signed_at, at)


def _adoptions(checked: Counter[str]) -> Iterator[Finding]:
    rows = Adoption.objects.select_related("signature", "module_version__module")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("training.moduleversion", [row.module_version for row in chunk])
        for row in chunk:
            checked["adoptions"] += 1
            what = f"adoption of {row.module_version.module} {row.module_version.number} by clinic {row.clinic_id}"
            yield from rests(
                what,
                row.signature,
                meanings=ADOPTING,
                at=row.adopted_at,
                subject=("training.moduleversion", row.module_version_id),
                clinic=row.clinic_id,
            )
            told = [event for event in events[str(row.module_version_id)] if event.action == "module.adopted"]
            if (row.clinic_id, row.signature.signer_id) not in [(e.chain.clinic_id, e.actor_id) for e in told]:
                yield Finding(f"{what}, its event", "module.adopted", "none")


def _protocol(checked: Counter[str]) -> Iterator[Finding]:
    """A clinic's values count on from 1; those taken as defaults are the ones their signature's event names."""
    taken: dict[int, list[ProtocolValue]] = defaultdict(list)
    for item in ProtocolItem.objects.prefetch_related(
        Prefetch("values", ProtocolValue.objects.select_related("signature").order_by("clinic", "number"))
    ).order_by("position"):
        numbers = defaultdict(list)
        signed = events_of("training.protocolvalue", list(item.values.all()))
        for row in item.values.all():
            checked["protocol values"] += 1
            numbers[row.clinic_id].append(row.number)
            row.item = item
            taken[row.signature_id].append(row)
            meanings = ["adopt-defaults", "protocol-default", "protocol-defaults"] if row.is_default else ["protocol"]
            what = f"protocol value {row.number} of {item.code} in clinic {row.clinic_id}"
            yield from rests(what, row.signature, meanings=meanings, at=row.decided_at, clinic=row.clinic_id)
            held = {"item": item.code, "number": row.number, "text_sha256": canonical.sha256(row.text)}
            for event in signed[str(row.pk)]:
                said = {name: told for name, told in json.loads(event.body).items() if name != "reread"}
                yield from compare(f"{what}, as its event says", said, {name: held.get(name) for name in said})
        for clinic, given in numbers.items():
            yield from numbered(f"protocol values of {item.code} in clinic {clinic}", given)
    rows = list(Signature.objects.filter(pk__in=taken).order_by("pk"))
    events = events_of("staff.signature", rows)
    for signature in rows:
        told = [event for event in events[str(signature.pk)] if event.action == "protocol.defaults"]
        single = signature.meaning_code in ("protocol", "protocol-default")
        yield from _defaults(signature, told, [row for row in taken[signature.pk] if row.is_default and not single])


def _defaults(signature: Signature, told: list[AuditEvent], rows: list[ProtocolValue]) -> Iterator[Finding]:
    what = f"{name_of(signature)}, defaults taken"
    said: dict[str, str | None] = {}
    for event in told:
        items = json.loads(event.body)["items"]
        said |= items if isinstance(items, dict) else dict.fromkeys(items)
    held = {row.item.code: canonical.sha256(row.text) for row in rows}
    yield from compare(f"{what}, as told", sorted(said), sorted(held))
    for code, sha256 in said.items():
        if sha256:
            yield from compare(f"{what}, {code}, hash of its text", sha256, held.get(code))


def _reviews(checked: Counter[str]) -> Iterator[Finding]:
    rows = Review.objects.select_related("signature", "attempt__candidacy__clinic__chain").prefetch_related(
        Prefetch("restudy", KeyPoint.objects.order_by("code"))
    )
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("quizzes.review", chunk)
        for row in chunk:
            checked["reviews"] += 1
            yield from _review(row, events[str(row.pk)])


def _review(row: Review, events: list[AuditEvent]) -> Iterator[Finding]:
    candidacy = row.attempt.candidacy
    what = f"review {row.pk} of attempt {row.attempt.public_id}"
    meanings = [meaning for decision, meaning in REVIEWING.items() if decision == row.decision]
    yield from rests(
        what,
        row.signature,
        meanings=meanings,
        at=row.reviewed_at,
        subject=("quizzes.attempt", row.attempt_id),
        clinic=candidacy.clinic_id,
        signer=row.reviewer_id,
    )
    yield from compare(f"{what}, candidate", candidacy.person_id, row.candidate_id)
    if row.attempt.ended_at is None or row.reviewed_at < row.attempt.ended_at:
        yield Finding(f"{what}, when", f"after the attempt ended, {row.attempt.ended_at}", str(row.reviewed_at))
    read = [event for event in events if event.action == REVIEW_READ]
    if len(read) > 1:
        yield Finding(f"{what}, its events", f"{REVIEW_READ} once at most", f"{len(read)} times")
    for event in read:
        yield from compare(f"{what}, as {REVIEW_READ} says", json.loads(event.body), told_of_reading(row))
        yield from compare(f"{what}, who read it", row.candidate_id, event.actor_id)
        yield from compare(f"{what}, chain of {REVIEW_READ}", candidacy.clinic.chain.pk, event.chain_id)
        if event.at < row.reviewed_at:
            yield Finding(f"{what}, when it was read", f"after it was signed, {row.reviewed_at}", str(event.at))
    events = [event for event in events if event.action != REVIEW_READ]
    if row.signature.record_sha256 == row.attempt.seal_sha256:  # of a time when the seal alone was signed
        yield from compare(f"{what}, its events", [], [event.action for event in events])
        return
    terms = review_terms(
        attempt=row.attempt,
        decision=row.decision,
        text=row.text,
        restudy=[point.code for point in row.restudy.all()],
        fate=next((json.loads(event.body).get("certificate") for event in events), None),
    )
    act = (REVIEWED.get(row.decision, ""), terms, row.reviewer_id, row.reviewed_at)
    yield from as_told(what, candidacy.clinic.chain.pk, events, [act])
    yield from compare(f"{what}, hash of what was signed", row.signature.record_sha256, canonical.sha256_of(terms))


def _grants(checked: Counter[str]) -> Iterator[Finding]:
    for row in _stream(AttemptGrant.objects.select_related("signature", "candidacy")):
        checked["grants"] += 1
        yield from rests(
            f"grant {row.pk} of {row.extra} attempts in candidacy {row.candidacy_id}",
            row.signature,
            meanings=[meaning for kind, meaning in GRANTING.items() if kind == row.kind],
            at=row.granted_at,
            subject=("quizzes.candidacy", row.candidacy_id),
            clinic=row.candidacy.clinic_id,
            signer=row.granted_by_id,
        )


def _certificate_events() -> Iterator[Finding]:
    for row in _stream(CertificateEvent.objects.exclude(signature=None).select_related("signature", "certificate")):
        yield from rests(
            f"certificate {row.certificate.number}, {row.kind}",
            row.signature,
            meanings=[meaning for kind, meaning in CERTIFYING.items() if kind == row.kind],
            at=row.at,
            subject=("certificates.certificate", row.certificate_id),
            clinic=row.certificate.clinic_id,
            signer=row.by_id,
        )


def _confirmations(checked: Counter[str]) -> Iterator[Finding]:
    """What was confirmed again has the next number."""
    last: tuple[int, int] | None = None
    number = 0
    rows = ReadingConfirmation.objects.order_by("person", "section_version", "number")
    for person, version, found in rows.values_list("person_id", "section_version_id", "number").iterator():
        checked["reading confirmations"] += 1
        number = number + 1 if last == (person, version) else 1
        last = (person, version)
        if number != found:
            yield Finding(f"confirmations of section version {version} by person {person}", str(number), str(found))
            number = found


def _stream(rows: QuerySet[Any]) -> Iterator[Any]:
    for chunk in chunks(rows.order_by("pk")):
        yield from chunk
