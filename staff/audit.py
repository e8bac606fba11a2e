"""The audit trail: one chain of events a clinic (and one for the house), each event hashed with the one before."""

import secrets
from typing import Any

from django.db import models, transaction
from django_guid import get_guid

from staff import canonical, clock, written
from staff.models import ActorName, AuditEvent, Chain, Clinic, StaffMember
from staff.prepared import prepared

HASHED = (
    "seq",
    "actor_id",
    "actor_commitment",
    "role",
    "action",
    "subject_type",
    "subject_id",
    "reason",
    "request_id",
    "body",
    "prev_hash",
)

EVENTS = written.New(AuditEvent)
MOVE_ON = "UPDATE staff_chain SET seq = %s, head = %s WHERE id = %s"


def event_hash(event: AuditEvent) -> str:
    """SHA-256 over the canonical JSON of every field of the event and its chain."""
    fields = {name: getattr(event, name) for name in HASHED}
    return canonical.sha256_of({"chain": event.chain_id, "at": canonical.instant(event.at), **fields})


def commitment(*, salt: str, person_id: int, name: str) -> str:
    return canonical.sha256_of([salt, person_id, name])


def told_of_names(person: StaffMember) -> dict[str, str]:
    """What an event says of her names: commitments, which nobody can open once she was erased."""
    latin = _commitment_to(person, person.latin_name) if person.latin_name else ""
    return {"name": _commitment_of(person), "latin_name": latin}


def _commitment_of(person: StaffMember) -> str:
    """Asked once per object and name: an act that records two events is one person's. What this object itself had to make is
    asked for again until it is committed, since a transaction that is rolled back takes it along."""
    name, state = person.full_name, person.__dict__
    kept: tuple[str, str] = state.get("_commitment", ("", ""))
    if kept[0] == name:
        return kept[1]
    known = next(iter(_commitments(person.pk, name)), None)
    if known is None:
        state["_uncommitted"] = True
        transaction.on_commit(lambda: state.pop("_uncommitted", None))
        return _make_commitment(person, name)
    if "_uncommitted" not in state:
        state["_commitment"] = (name, known)
    return known


def _commitment_to(person: StaffMember, name: str) -> str:
    return next(iter(_commitments(person.pk, name)), None) or _make_commitment(person, name)


@prepared
def _commitments(person: int, name: str) -> "models.QuerySet[ActorName, str]":
    return ActorName.objects.filter(person=person, name=name).order_by("pk").values_list("commitment", flat=True)[:1]


def _make_commitment(person: StaffMember, name: str) -> str:
    salt = secrets.token_hex(32)
    row = ActorName.objects.create(
        commitment=commitment(salt=salt, person_id=person.pk, name=name),
        person=person,
        name=name,
        salt=salt,
    )
    return row.commitment


@prepared
def _locked_chain(clinic: int) -> "models.QuerySet[Chain]":
    return Chain.objects.select_for_update().filter(clinic=clinic)


@prepared
def _locked_chain_of_the_house() -> "models.QuerySet[Chain]":
    return Chain.objects.select_for_update().filter(house=True)


def _new_chain(clinic: Clinic | None) -> Chain:
    owner = {"clinic": clinic} if clinic else {"house": True}
    chain, _ = Chain.objects.select_for_update().get_or_create(**owner)
    return chain


def record(
    *,
    clinic: Clinic | None,
    by: StaffMember,
    action: str,
    subject: models.Model,
    role: str = "",
    reason: str = "",
    body: dict[str, Any] | None = None,
) -> AuditEvent:
    """Add one event, in the caller's transaction. `body` holds references and values, never a person's data."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{action} must be recorded in the transaction that does it")
    who = _commitment_of(by)
    found = _locked_chain(clinic.pk) if clinic else _locked_chain_of_the_house()
    chain = found[0] if found else _new_chain(clinic)
    event = AuditEvent(
        chain=chain,
        seq=chain.seq + 1,
        at=clock.now(),
        actor=by,
        actor_commitment=who,
        role=role,
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=str(subject.pk),
        reason=reason,
        request_id=get_guid() or "",
        body=canonical.text(body or {}),
        prev_hash=chain.head,
    )
    event.hash = event_hash(event)
    EVENTS.put(event)
    written.tell(MOVE_ON, [event.seq, event.hash, chain.pk])
    return event
