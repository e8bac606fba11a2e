"""Signatures: genuine, over the record they name, by somebody who was entitled then; and what rests on them."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from certificates.models import Certificate, CertificateEvent
from compliance.records.finding import Finding, chunks, compare, events_of, words
from quizzes.models import Attempt, AttemptGrant, Review
from staff import signing
from staff.models import MembershipRole, Signature
from staff.models.clinics import Role
from training.models import Adoption, ModuleVersion, ProtocolValue

ADOPTING = ("adopt", "adopt-defaults")
REVIEWING = {"endorse": Review.Decision.ENDORSED, "return": Review.Decision.RETURNED}
GRANTING = {"talk": AttemptGrant.Kind.TALK, "open-early": AttemptGrant.Kind.EARLY}
CERTIFYING = {"revoke": "revoked", "suspend": "suspended", "lift": "lifted"}
Hash = Callable[[Signature], str | None]


def findings(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Signature.objects.select_related("clinic").order_by("pk")):
        records = _records(chunk)
        roles = _roles(chunk)
        uses = _uses(chunk)
        events = events_of("staff.signature", chunk)
        for row in chunk:
            checked["signatures"] += 1
            yield from _signature(row, records, roles, row.pk in uses, events[str(row.pk)])
    yield from _signed_rows()


def name_of(row: Signature) -> str:
    return f"signature {row.public_id} ({row.meaning_code})"


def _signature(
    row: Signature, records: dict[str, Hash], roles: dict[tuple[int, int], list[MembershipRole]], used: bool, events: list[Any]
) -> Iterator[Finding]:
    what = name_of(row)
    if row.key_id not in settings.SIGNING_KEYS:
        yield Finding(f"{what}, key", f"one of SIGNING_KEYS ({', '.join(settings.SIGNING_KEYS)})", words(row.key_id))
        return
    if not signing.is_genuine(row):
        yield Finding(f"{what}, authentication over every field", "the key's own", "another: a field was changed")
        return
    record = records.get(row.subject_type)
    signed = record(row) if record else None
    if signed is None:
        yield Finding(f"{what}, what was signed", f"{row.subject_type} {row.subject_id} on record", "no such record")
    else:
        yield from compare(f"{what}, hash of what was signed", row.record_sha256, signed)
    held = roles[row.signer_id, row.clinic_id]
    if not any(_entitled(role, row.signed_at) for role in held):
        yield Finding(f"{what}, signer", "a physician of the clinic then, identity checked", "not so on record")
    if not used:
        yield Finding(f"{what}, what it was given for", "on record", "no such row")
    yield from compare(f"{what}, its events", [f"signature.{row.meaning_code}"], [event.action for event in events])
    for event in events:
        said = {"subject": [row.subject_type, row.subject_id], "record_sha256": row.record_sha256}
        yield from compare(f"{what}, as its event says", json.loads(event.body), said)
        yield from compare(f"{what}, signer as its event says", event.actor_id, row.signer_id)
        yield from compare(f"{what}, clinic as its event says", event.chain_id, row.clinic.chain.pk)


def _entitled(role: MembershipRole, at: datetime) -> bool:
    checked = role.identity_checked_at is not None and role.identity_checked_at <= at
    return checked and role.granted_at <= at and (role.ended_at is None or role.ended_at >= at)


def _roles(signatures: list[Signature]) -> dict[tuple[int, int], list[MembershipRole]]:
    found: dict[tuple[int, int], list[MembershipRole]] = defaultdict(list)
    for role in MembershipRole.objects.filter(
        role=Role.PHYSICIAN,
        membership__person__in={row.signer_id for row in signatures},
        membership__clinic__in={row.clinic_id for row in signatures},
    ).select_related("membership"):
        found[role.membership.person_id, role.membership.clinic_id].append(role)
    return found


def _records(signatures: list[Signature]) -> dict[str, Hash]:
    """By the subject's type: the hash of the record that a signature names, as it stands now."""
    ids: dict[str, set[str]] = defaultdict(set)
    for row in signatures:
        ids[row.subject_type].add(row.subject_id)

    def by_pk(rows: QuerySet[Any], column: str) -> Hash:
        known = {str(pk): value for pk, value in rows.values_list("pk", column)}
        return lambda signature: known.get(signature.subject_id)

    talked: dict[str, list[tuple[int, datetime, str]]] = defaultdict(list)
    for candidacy, number, ended_at, seal in (
        Attempt.objects.finished()
        .filter(candidacy__in=_whole(ids["quizzes.candidacy"]), kind=Attempt.Kind.FULL)
        .order_by("number")
        .values_list("candidacy_id", "number", "ended_at", "seal_sha256")
    ):
        talked[str(candidacy)].append((number, ended_at, seal))

    def last_seal(signature: Signature) -> str | None:
        """Of the last attempt that had ended when the talk was recorded."""
        ended = [seal for _, ended_at, seal in talked[signature.subject_id] if ended_at <= signature.signed_at]
        return ended[-1] if ended else None

    return {
        "training.moduleversion": by_pk(ModuleVersion.objects.filter(pk__in=_whole(ids["training.moduleversion"])), "sha256"),
        "quizzes.attempt": by_pk(Attempt.objects.filter(pk__in=_whole(ids["quizzes.attempt"])), "seal_sha256"),
        "certificates.certificate": by_pk(
            Certificate.objects.filter(pk__in=_whole(ids["certificates.certificate"])), "facts_sha256"
        ),
        "quizzes.candidacy": last_seal,
    }


def _whole(ids: Iterable[str]) -> list[int]:
    return [int(one) for one in ids if one.isdecimal()]


def _uses(signatures: list[Signature]) -> set[int]:
    """Signatures whose act is on record. An adoption signed twice stands under the first signature."""
    ids = [row.pk for row in signatures]
    used: set[int] = set()
    for model in (Review, AttemptGrant, CertificateEvent):
        used |= set(model.objects.filter(signature__in=ids).values_list("signature_id", flat=True))  # type: ignore[attr-defined]
    adopting = [row for row in signatures if row.meaning_code in ADOPTING]
    adopted = set(
        Adoption.objects.filter(clinic__in={row.clinic_id for row in adopting}).values_list("clinic_id", "module_version_id")
    )
    used |= {row.pk for row in adopting if (row.clinic_id, int(row.subject_id or 0)) in adopted}
    return used


def _signed_rows() -> Iterator[Finding]:
    """Every row that rests on a signature rests on the right one."""
    for adoption in _stream(Adoption.objects.select_related("signature", "module_version__module")):
        yield from _rests(
            f"adoption of {adoption.module_version.module.slug} {adoption.module_version.number} by clinic {adoption.clinic_id}",
            adoption.signature,
            ADOPTING,
            ("training.moduleversion", adoption.module_version_id),
            {"clinic": adoption.clinic_id},
        )
        yield from _about_then("adopted", adoption.adopted_at, adoption.signature)
    for value in _stream(ProtocolValue.objects.select_related("signature", "item")):
        what = f"protocol value {value.number} of {value.item.code} in clinic {value.clinic_id}"
        yield from _rests(what, value.signature, (), None, {"clinic": value.clinic_id})
        yield from _about_then("decided", value.decided_at, value.signature)
    for review in _stream(Review.objects.select_related("signature", "attempt__candidacy")):
        candidacy = review.attempt.candidacy
        what = f"review {review.pk} of attempt {review.attempt.public_id}"
        codes = [code for code, decision in REVIEWING.items() if decision == review.decision]
        yield from _rests(
            what,
            review.signature,
            codes,
            ("quizzes.attempt", review.attempt_id),
            {"clinic": candidacy.clinic_id, "signer": review.reviewer_id},
        )
        yield from compare(f"{what}, candidate", candidacy.person_id, review.candidate_id)
        yield from _about_then("reviewed", review.reviewed_at, review.signature)
        if review.attempt.ended_at and review.reviewed_at < review.attempt.ended_at:
            yield Finding(f"{what}, when", f"after {review.attempt.ended_at}", str(review.reviewed_at))
    for grant in _stream(AttemptGrant.objects.select_related("signature", "candidacy")):
        codes = [code for code, kind in GRANTING.items() if kind == grant.kind]
        yield from _rests(
            f"grant {grant.pk} of {grant.extra} attempts",
            grant.signature,
            codes,
            ("quizzes.candidacy", grant.candidacy_id),
            {"clinic": grant.candidacy.clinic_id, "signer": grant.granted_by_id},
        )
        yield from _about_then("granted", grant.granted_at, grant.signature)
    for event in _stream(CertificateEvent.objects.exclude(signature=None).select_related("signature", "certificate")):
        codes = [code for code, kind in CERTIFYING.items() if kind == event.kind]
        if event.signature:
            yield from _rests(
                f"certificate {event.certificate.number}, {event.kind}",
                event.signature,
                codes,
                ("certificates.certificate", event.certificate_id),
                {"clinic": event.certificate.clinic_id, "signer": event.by_id},
            )
            yield from _about_then(event.kind, event.at, event.signature)


def _stream(rows: QuerySet[Any]) -> Iterator[Any]:
    for chunk in chunks(rows.order_by("pk")):
        yield from chunk


def _rests(
    what: str, signature: Signature, codes: Iterable[str], subject: tuple[str, int] | None, owners: dict[str, int]
) -> Iterator[Finding]:
    allowed = list(codes)
    if allowed and signature.meaning_code not in allowed:
        yield Finding(f"{what}, meaning of its signature", " or ".join(allowed), signature.meaning_code)
    if subject:
        yield from compare(f"{what}, what its signature is over", [subject[0], str(subject[1])], [signature.subject_type, signature.subject_id])
    held = {"clinic": signature.clinic_id, "signer": signature.signer_id}
    yield from compare(f"{what}, its signature", owners, {name: held[name] for name in owners})


def _about_then(did: str, at: datetime, signature: Signature) -> Iterator[Finding]:
    """The row was written in the transaction that signed."""
    if abs((at - signature.signed_at).total_seconds()) > 60:
        yield Finding(f"{name_of(signature)}, when it was {did}", f"at {signature.signed_at}", f"at {at}")
