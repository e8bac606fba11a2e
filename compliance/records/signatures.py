"""Signatures: genuine, over the record they name, by somebody who was entitled then; and what rests on them."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.conf import settings
from django.db.models import Q

from certificates.actions import REVIEWED
from certificates.models import Certificate, CertificateEvent, ProgrammeSigning
from compliance import bloodborne, outside
from compliance.models import OutsideDecision, SiteSession
from compliance.records.finding import Finding, as_told, chunks, compare, events_of, gone, readable, words
from quizzes.models import Attempt, AttemptGrant, Disposition, Regrade, Review
from staff import canonical, resetting, signing
from staff.models import AuditEvent, FactorReset, MembershipRole, Signature, SigningAcceptance
from staff.models.clinics import Role
from training.models import Adoption, ModuleVersion, Observation, ObserverDecision, ProtocolValue, StateRule
from training.observing import observer_terms
from training.protocol import rule_record, values_record

ADOPTING = ("adopt", "adopt-defaults")
Hash = Callable[[Signature], str | None]


def findings(checked: Counter[str]) -> Iterator[Finding]:
    accepted = yield from _acceptances(checked)
    since = min(accepted.values(), default=None)  # earlier signatures are from a time that did not ask
    for chunk in chunks(Signature.objects.select_related("clinic").order_by("pk")):
        records = _records(chunk)
        roles = _roles(chunk)
        uses = _uses(chunk)
        events = events_of("staff.signature", chunk)
        for row in chunk:
            checked["signatures"] += 1
            found = _signature(row, records, roles, row.pk in uses, events[str(row.pk)])
            yield from readable(name_of(row), found)
            at = accepted.get(row.signer_id)
            if since and row.signed_at >= since and (at is None or at > row.signed_at):
                yield Finding(f"{name_of(row)}, what a signature is", "accepted by its signer before", words(at))


def _acceptances(checked: Counter[str]) -> Generator[Finding, None, dict[int, datetime]]:
    """Returns when each signer accepted first."""
    first: dict[int, datetime] = {}
    for chunk in chunks(SigningAcceptance.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("staff.signingacceptance", chunk)
        for row in chunk:
            checked["acceptances of signing"] += 1
            what = f"acceptance of signing {row.pk}"
            yield from compare(f"{what}, its words", signing.ACCEPTANCES.get(row.wording), row.text)
            act = ("signing.accepted", signing.told_of_acceptance(row), row.person_id, row.accepted_at)
            yield from as_told(what, row.clinic.chain.pk, events[str(row.pk)], [act])
            first[row.person_id] = min(row.accepted_at, first.get(row.person_id, row.accepted_at))
    yield from gone("signing.accepted", "acceptance of signing", SigningAcceptance)
    return first


def name_of(row: Signature) -> str:
    return f"signature {row.public_id} ({row.meaning_code})"


def _signature(
    row: Signature,
    records: dict[str, Hash],
    roles: dict[tuple[int, int], list[MembershipRole]],
    used: bool,
    events: list[Any],
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
    if row.role == "observer":
        if row.meaning_code != "observe" or not _observed_then(row):
            yield Finding(f"{what}, signer", "approved as an observer then", "not so on record")
    elif row.role == Role.MANAGER:
        if row.meaning_code not in ("record-session", "reset-factors") or not _managed_then(row):
            yield Finding(f"{what}, signer", "a manager of the clinic then", "not so on record")
    elif not any(_entitled(role, row.signed_at) for role in held):
        yield Finding(f"{what}, signer", "a physician of the clinic then, identity checked", "not so on record")
    if not used:
        yield Finding(f"{what}, what it was given for", "on record", "no such row")
    events = [event for event in events if event.action.startswith("signature.")]
    yield from compare(f"{what}, its events", [f"signature.{row.meaning_code}"], [event.action for event in events])
    for event in events:
        said = {"subject": [row.subject_type, row.subject_id], "record_sha256": row.record_sha256}
        yield from compare(f"{what}, as its event says", json.loads(event.body), said)
        yield from compare(f"{what}, signer as its event says", event.actor_id, row.signer_id)
        yield from compare(f"{what}, clinic as its event says", event.chain_id, row.clinic.chain.pk)


def _entitled(role: MembershipRole, at: datetime) -> bool:
    checked = role.identity_checked_at is not None and role.identity_checked_at <= at
    return checked and role.granted_at <= at and (role.ended_at is None or role.ended_at >= at)


def _managed_then(row: Signature) -> bool:
    """Whether the signer held the role when she signed."""
    held = MembershipRole.objects.filter(
        role=Role.MANAGER,
        membership__person=row.signer_id,
        membership__clinic=row.clinic_id,
        granted_at__lte=row.signed_at,
    )
    return held.filter(Q(ended_at=None) | Q(ended_at__gte=row.signed_at)).exists()


def _observed_then(row: Signature) -> bool:
    """Whether a decision that approves the signer stood when she signed."""
    rows = list(ObserverDecision.objects.filter(clinic=row.clinic_id, person=row.signer_id).order_by("number"))
    ends = [following.decided_at for following in rows[1:]] + [None]
    return any(
        decision.approved and decision.decided_at <= row.signed_at and (end is None or end >= row.signed_at)
        for decision, end in zip(rows, ends, strict=True)
    )


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

    def by_pk(model: Any, column: str) -> Hash:
        rows = model.objects.filter(pk__in=_whole(ids[model._meta.label_lower]))
        known = {str(pk): value for pk, value in rows.values_list("pk", column)}
        return lambda signature: known.get(signature.subject_id)

    regraded = dict(Regrade.objects.filter(signature__in=signatures).values_list("signature", "listed_sha256"))
    return {
        "compliance.outsidetraining": _credited(signatures),
        "quizzes.questionversion": lambda signature: regraded.get(signature.pk),
        "staff.membership": _member(signatures),
        "staff.clinic": _protocol_signed(signatures),
        "training.observation": by_pk(Observation, "seal_sha256"),
        "training.moduleversion": by_pk(ModuleVersion, "sha256"),
        "quizzes.attempt": _reviewed(signatures, by_pk(Attempt, "seal_sha256")),
        "certificates.certificate": by_pk(Certificate, "facts_sha256"),
        "quizzes.candidacy": _talked_about(_whole(ids["quizzes.candidacy"])),
    }


def _reviewed(signatures: list[Signature], seals: Hash) -> Hash:
    """What the event of the review says; without one, as earlier reviews are, the seal of the attempt."""
    reviews = dict(Review.objects.filter(signature__in=signatures).values_list("pk", "signature"))
    told = AuditEvent.objects.filter(
        subject_type="quizzes.review", subject_id__in=[str(pk) for pk in reviews], action__in=REVIEWED.values()
    )
    terms = {reviews[int(subject)]: canonical.sha256(body) for subject, body in told.values_list("subject_id", "body")}
    return lambda signature: terms.get(signature.pk) or seals(signature)


def _talked_about(candidacies: list[int]) -> Hash:
    """The seal of the last attempt that had ended when a talk was signed: the next one, if any, began after the talk."""
    sittings: dict[str, list[Attempt]] = defaultdict(list)
    of = Attempt.objects.filter(candidacy__in=candidacies, kind=Attempt.Kind.FULL)
    for attempt in of.exclude(state=Attempt.State.VOIDED).order_by("number"):
        sittings[str(attempt.candidacy_id)].append(attempt)

    def sealed(signature: Signature) -> str | None:
        seals = []
        taken = sittings[signature.subject_id]
        for attempt, following in zip_longest(taken, taken[1:]):
            over = attempt.ended_at is not None and attempt.ended_at <= signature.signed_at
            if over and (following is None or following.started_at >= signature.signed_at):
                seals.append(attempt.seal_sha256)
        return signature.record_sha256 if signature.record_sha256 in seals else next(iter(seals), None)

    return sealed


def _member(signatures: list[Signature]) -> Hash:
    """Somebody approved as an observer, whose programme was signed, or whose second factors were reset."""
    resets = FactorReset.objects.filter(signature__in=signatures).select_related("clinic", "person")
    freed = {row.signature_id: row for row in resets}
    decisions = ObserverDecision.objects.filter(signature__in=[row.pk for row in signatures])
    decided = {row.signature_id: row for row in decisions.select_related("clinic", "person")}
    dossiers = dict(ProgrammeSigning.objects.filter(signature__in=signatures).values_list("signature", "dossier"))

    def approved(signature: Signature) -> str | None:
        reset = freed.get(signature.pk)
        if reset and reset.clinic:
            return canonical.sha256_of(
                resetting.terms(clinic=reset.clinic, person=reset.person, number=reset.number, reason=reset.reason)
            )
        if signature.pk in dossiers:
            return canonical.sha256(dossiers[signature.pk])
        row = decided.get(signature.pk)
        if row is None:
            return None
        return canonical.sha256(
            observer_terms(clinic=row.clinic, person=row.person, number=row.number, approved=row.approved)
        )

    return approved


def _credited(signatures: list[Signature]) -> Hash:
    credits = {row.signature_id: row for row in _credits(signatures)}

    def credited(signature: Signature) -> str | None:
        row = credits.get(signature.pk)
        if row is None:
            return None
        return canonical.sha256(
            outside.decision_record(
                row.training,
                approved=row.approved,
                module=row.module,
                valid_until_on=row.valid_until_on,
                text=row.text,
            )
        )

    return credited


def _credits(signatures: list[Signature]) -> list[OutsideDecision]:
    rows = OutsideDecision.objects.filter(signature__in=signatures)
    rows = rows.select_related("training__file", "training__check_made", "module").defer("training__file__bytes")
    return list(rows)


def _protocol_signed(signatures: list[Signature]) -> Hash:
    """The values, or the rule, that a clinic's signature put in force; or the session on site that it records."""
    sessions = {
        row.signature_id: row
        for row in SiteSession.objects.filter(signature__in=signatures).prefetch_related("attendances")
    }
    values: dict[int, list[ProtocolValue]] = defaultdict(list)
    for value in ProtocolValue.objects.filter(signature__in=signatures).select_related("item", "clinic"):
        values[value.signature_id].append(value)
    rules = {
        row.signature_id: row for row in StateRule.objects.filter(signature__in=signatures).select_related("clinic")
    }

    def signed(signature: Signature) -> str | None:
        if signature.pk in sessions:
            held_then = sessions[signature.pk]
            came = [(one.person_id, one.job_title) for one in held_then.attendances.all()]
            return canonical.sha256(bloodborne.record(held_then, came))
        if signature.pk in rules:
            row = rules[signature.pk]
            return canonical.sha256(
                rule_record(clinic=row.clinic, number=row.number, rule=row.rule, licence_types=row.types)
            )
        held = values.get(signature.pk)
        if not held:
            return None
        rows = [(value.item.code, value.number, value.text) for value in held]
        return canonical.sha256(values_record(held[0].clinic, rows))

    return signed


def _whole(ids: Iterable[str]) -> list[int]:
    return [int(one) for one in ids if one.isdecimal()]


def _uses(signatures: list[Signature]) -> set[int]:
    """Signatures whose act is on record. An adoption signed twice stands under the first signature."""
    ids = [row.pk for row in signatures]
    used: set[int] = set()
    for model in (
        Review,
        AttemptGrant,
        CertificateEvent,
        Regrade,
        Disposition,
        ObserverDecision,
        Observation,
        StateRule,
        ProgrammeSigning,
        OutsideDecision,
        SiteSession,
        FactorReset,
    ):
        used |= set(model.objects.filter(signature__in=ids).values_list("signature_id", flat=True))
    decided = [row.pk for row in signatures if row.meaning_code.startswith("protocol")]
    used |= set(ProtocolValue.objects.filter(signature__in=decided).values_list("signature_id", flat=True))
    adopting = [row for row in signatures if row.meaning_code in ADOPTING]
    adopted = {
        (clinic, str(version))
        for clinic, version in Adoption.objects.filter(clinic__in={row.clinic_id for row in adopting}).values_list(
            "clinic_id", "module_version_id"
        )
    }
    used |= {row.pk for row in adopting if (row.clinic_id, row.subject_id) in adopted}
    return used
