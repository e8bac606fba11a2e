"""Credit for training that somebody had elsewhere: she or her manager sends the proof, a manager checks it, a physician of
the clinic signs what it counts for. Nobody does any of this for herself, and nothing of it is a certificate of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from certificates import validity
from compliance import standing
from compliance.models import OutsideCheck, OutsideDecision, OutsideTraining, OutsideWithdrawal
from compliance.outside import proofs
from compliance.roll import Whom
from staff import audit, canonical, clock, mail, signing
from staff.access import LEARNING_ROLES, clinics_as
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from staff.prepared import prepared
from staff.templatetags.look import day
from training.models import Module
from training.pictures import stored
from training.queries import live_versions

FORMAT = "pinpoint-outside-training-1"
OLDEST_DAYS = 3 * 366


class NotAllowed(Exception):
    """Says in a sentence why this is not done."""


@dataclass(frozen=True)
class Facts:
    """What the sender says of the training."""

    provider: str
    title: str
    held_on: date
    hours: Decimal
    trainer: str
    qualification: str


@dataclass(frozen=True)
class Where:
    """How far it is. `state` is a key of the look's states."""

    state: str
    word: str


def visible_to(viewer: StaffMember) -> "QuerySet[OutsideTraining]":
    """Her own; and those of the clinics that she manages or supervises."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    rows = OutsideTraining.objects.filter(Q(person=viewer) | Q(clinic__in=clinics))
    return rows.select_related(
        "person", "clinic", "sent_by", "check_made__checked_by", "decision__module", "decision__signature",
        "withdrawal__withdrawn_by", "file",
    ).defer("file__bytes")  # fmt: skip


def where(row: OutsideTraining, today: date | None = None) -> Where:
    if hasattr(row, "withdrawal"):
        return Where("withdrawn", "Withdrawn")
    if hasattr(row, "decision"):
        if not row.decision.approved:
            return Where("voided", "Declined")
        until = row.decision.valid_until_on
        if until is not None and until < (today or clock.today(row.clinic.zone)):
            return Where("expired", f"Credit ended {day(until)}")
        return Where("credited", f"Credited to {day(until)}")
    return Where("in-progress", "To be signed") if hasattr(row, "check_made") else Where("due-soon", "To be checked")


def to_check(clinics: Sequence[Clinic], *, but_of: StaffMember) -> "QuerySet[OutsideTraining]":
    rows = OutsideTraining.objects.filter(clinic__in=clinics, check_made=None, decision=None, withdrawal=None)
    return rows.exclude(person=but_of).select_related("person").order_by("sent_at", "pk")


def to_sign(clinics: Sequence[Clinic], *, but_of: StaffMember) -> "QuerySet[OutsideTraining]":
    rows = OutsideTraining.objects.filter(
        clinic__in=clinics, check_made__isnull=False, decision=None, withdrawal=None
    ).exclude(person=but_of)
    return rows.select_related("person", "check_made").order_by("sent_at", "pk")


def titles() -> dict[int, str]:
    """Published modules by their id, in the course's order."""
    return {version.module_id: version.title for version in live_versions()}


def latest_until(row: OutsideTraining, module: Module) -> date:
    """As long as a certificate of the module would hold that was earned on the day of the training, and no longer."""
    return validity.term(row.held_on, months=module.validity_months, days=module.validity_days)[1]


def record(row: OutsideTraining) -> dict[str, object]:
    """What was sent, for the trail and for whoever signs."""
    return {
        "format": FORMAT,
        "training": row.public_id,
        "person": row.person_id,
        "clinic": row.clinic_id,
        "provider": row.provider,
        "title": row.title,
        "held_on": row.held_on,
        "hours": f"{row.hours:.2f}",
        "trainer": row.trainer,
        "qualification": row.qualification,
        "file_sha256": row.file.sha256,
    }


def shown_sha256(row: OutsideTraining) -> str:
    """What is on the physician's screen before she chooses: the facts, the proof and the check."""
    return canonical.sha256_of({**record(row), "check": _checked(row)})


def _checked(row: OutsideTraining) -> dict[str, object] | None:
    made = getattr(row, "check_made", None)
    return {"by": made.checked_by_id, "text": made.text} if made else None


def decision_record(
    row: OutsideTraining, *, approved: bool, module: Module | None, valid_until_on: date | None, text: str
) -> str:
    """What the signature is over, canonical; a verifier derives it again from the rows."""
    chosen = {
        "approved": approved,
        "module": module.slug if module else None,
        "valid_until_on": valid_until_on,
        "text": text,
    }
    return canonical.text({**record(row), "check": _checked(row), "decision": chosen})


@transaction.atomic
def send(
    *, person: StaffMember, clinic: Clinic, facts: Facts, data: bytes, client_key: str, by: StaffMember
) -> OutsideTraining:
    """Put the proof on record; the same form sent twice is one row. Raises NotAllowed, or Refused for the file."""
    if by.pk != person.pk and clinic not in clinics_as(by, Role.MANAGER):
        raise NotAllowed(f"You do not manage {clinic}, so nothing was sent.")
    here = Membership.objects.filter(person=person, clinic=clinic, ended_at=None)
    if not here.filter(roles__role__in=LEARNING_ROLES, roles__ended_at=None).exists():
        raise NotAllowed(f"No module is asked of {person} at {clinic}, so there is nothing to credit.")
    today = clock.today(clinic.zone)
    if not today - timedelta(days=OLDEST_DAYS) <= facts.held_on <= today:
        raise NotAllowed("The day of the training lies in the future, or more than three years back.")
    file = stored(proofs.taken(data))
    try:
        with transaction.atomic():
            row = OutsideTraining.objects.create(
                person=person,
                clinic=clinic,
                provider=facts.provider,
                title=facts.title,
                held_on=facts.held_on,
                hours=facts.hours,
                trainer=facts.trainer,
                qualification=facts.qualification,
                file=file,
                client_key=client_key[:64],
                sent_at=clock.now(),
                sent_by=by,
            )
    except IntegrityError:
        return OutsideTraining.objects.get(sent_by=by, client_key=client_key[:64])
    audit.record(clinic=clinic, by=by, action="outside.sent", subject=row, body=told_of_training(row))
    return row


def told_of_training(row: OutsideTraining) -> dict[str, object]:
    """References and a hash: names of people and places stay in the row."""
    return {"person": row.person_id, "sha256": canonical.sha256_of(record(row)), "key": row.client_key}


def _locked(row: OutsideTraining, by: StaffMember) -> OutsideTraining:
    """The row as it stands now, held until the end; never one's own. Whoever acts meanwhile waits, and finds what was done."""
    if row.person_id == by.pk:
        raise NotAllowed("Nobody checks or signs their own training. Ask somebody else of the clinic.")
    OutsideTraining.objects.select_for_update().get(pk=row.pk)
    found = OutsideTraining.objects.select_related("clinic", "person", "file", "check_made", "decision", "withdrawal")
    current: OutsideTraining = found.get(pk=row.pk)
    if hasattr(current, "withdrawal"):
        raise NotAllowed("This was withdrawn meanwhile. Nothing was changed.")
    if hasattr(current, "decision"):
        raise NotAllowed("A physician has decided this already. Nothing was changed.")
    return current


@transaction.atomic
def check(*, training: OutsideTraining, text: str, by: StaffMember) -> OutsideCheck:
    """A manager of the clinic has held the facts against the proof. Raises NotAllowed."""
    row = _locked(training, by)
    if row.clinic not in clinics_as(by, Role.MANAGER):
        raise NotAllowed(f"You do not manage {row.clinic}, so nothing was checked.")
    if hasattr(row, "check_made"):
        raise NotAllowed(f"{row.check_made.checked_by} has checked it already.")
    made = OutsideCheck.objects.create(training=row, text=text.strip(), checked_at=clock.now(), checked_by=by)
    audit.record(clinic=row.clinic, by=by, action="outside.checked", subject=row, body=told_of_check(made))
    return made


def told_of_check(made: OutsideCheck) -> dict[str, object]:
    return {"text_sha256": canonical.sha256(made.text)}


@transaction.atomic
def decide(
    *,
    training: OutsideTraining,
    approved: bool,
    module: Module | None,
    valid_until_on: date | None,
    text: str,
    seen: signing.Seen,
    by: StaffMember,
) -> OutsideDecision:
    """The physician's signature: for which module of her clinic it counts, and until when; or why for none."""
    try:
        row = _locked(training, by)
    except NotAllowed as refusal:
        raise signing.SigningRefused(str(refusal)) from None
    if not approved:
        module, valid_until_on = None, None
    reason = _why_not(row, approved, module, valid_until_on)
    if reason or not text.strip():
        raise signing.SigningRefused(reason or "Say what it covers, or why it counts for nothing. Nothing was signed.")
    choice = {"approved": approved, "module": module, "valid_until_on": valid_until_on, "text": text.strip()}
    over = canonical.sha256(decision_record(row, **choice))  # type: ignore[arg-type]
    signature = signing.sign(
        by=by,
        clinic=row.clinic,
        meaning="credit" if approved else "decline-credit",
        subject=row,
        record_sha256=over,
        seen=seen.with_typed(over, on=shown_sha256(row)),
    )
    made = OutsideDecision.objects.create(training=row, signature=signature, decided_at=clock.now(), **choice)
    audit.record(
        clinic=row.clinic,
        by=by,
        action="outside.approved" if approved else "outside.declined",
        subject=row,
        body=told_of_decision(made),
    )
    _tell(made)
    return made


def told_of_decision(made: OutsideDecision) -> dict[str, object]:
    until = made.valid_until_on.isoformat() if made.valid_until_on else None
    return {
        "module": made.module.slug if made.module else None,
        "until": until,
        "text_sha256": canonical.sha256(made.text),
    }


def _why_not(row: OutsideTraining, approved: bool, module: Module | None, until: date | None) -> str:
    if not approved:
        return ""
    if not hasattr(row, "check_made"):
        return "No manager has checked the proof yet. Nothing was signed."
    if module is None or until is None or module.pk not in titles():
        return "Choose the module it counts for, and until when. Nothing was signed."
    if not Membership.objects.filter(person=row.person, clinic=row.clinic, ended_at=None).exists():
        return f"{row.person} works at {row.clinic} no longer, so nothing was signed."
    latest = latest_until(row, module)
    if not clock.today(row.clinic.zone) <= until <= latest:
        return (
            f"It may count until {day(latest)} at the latest: as long as a certificate of the module earned on the day of the "
            "training would hold. Nothing was signed."
        )
    return ""


def _tell(made: OutsideDecision) -> None:
    row = made.training
    if made.approved and made.valid_until_on and made.module:
        said = (
            f"{made.signature.signer_name} let it count for the module {titles()[made.module.pk]} at {row.clinic}, until "
            f"{day(made.valid_until_on)}. It is a credit at this clinic and no certificate."
        )
    else:
        said = f"{made.signature.signer_name} declined it. The reason stands beside it on the site."
    url = reverse("compliance:outside-detail", args=[row.public_id])
    mail.queue(
        to=row.person,
        key=f"outside:{row.pk}:decided",
        subject="Your outside training was looked at",
        body=f"{row.title}, {row.provider}, {day(row.held_on)}.\n\n{said}\n\n{settings.SITE_URL}{url}\n",
    )


@transaction.atomic
def withdraw(*, training: OutsideTraining, reason: str, by: StaffMember) -> OutsideWithdrawal:
    """By the person herself, or by whoever manages or supervises the clinic. Raises NotAllowed."""
    OutsideTraining.objects.select_for_update().get(pk=training.pk)
    row = OutsideTraining.objects.select_related("clinic", "withdrawal").get(pk=training.pk)
    if by.pk != row.person_id and row.clinic not in clinics_as(by, Role.MANAGER, Role.PHYSICIAN):
        raise NotAllowed("This is not yours to withdraw.")
    if hasattr(row, "withdrawal"):
        raise NotAllowed("It is withdrawn already.")
    made = OutsideWithdrawal.objects.create(
        training=row, reason=reason.strip(), withdrawn_at=clock.now(), withdrawn_by=by
    )
    audit.record(clinic=row.clinic, by=by, action="outside.withdrawn", subject=row, body=told_of_withdrawal(made))
    return made


def told_of_withdrawal(made: OutsideWithdrawal) -> dict[str, object]:
    return {"reason_sha256": canonical.sha256(made.reason)}


def credits_at(whom: Whom) -> dict[tuple[int, int, int], standing.Credit]:
    """By person, module and clinic: what was approved by then and not withdrawn, the one that
    counts longest; one statement."""
    found = {}
    for row in _approved(whom):
        if row.module_id and row.valid_until_on:
            approved_on = row.decided_at.astimezone(ZoneInfo(row.training.clinic.zone)).date()
            found[row.training.person_id, row.module_id, row.training.clinic_id] = standing.Credit(
                row.valid_until_on, row.signature.signer_name, approved_on
            )
    return found


@prepared
def _approved(whom: Whom) -> "QuerySet[OutsideDecision]":
    rows = OutsideDecision.objects.filter(
        Q(training__withdrawal=None) | Q(training__withdrawal__withdrawn_at__gt=whom.at),
        whom.each("training__person"),
        approved=True,
        decided_at__lte=whom.at,
    )
    return rows.select_related("training__clinic", "signature").order_by("valid_until_on", "pk")
