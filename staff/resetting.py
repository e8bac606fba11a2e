"""Freeing somebody of second factors that she can use no longer: by her manager, signed, or by the administrator."""

from typing import Any

from django.conf import settings
from django.db import transaction

from staff import audit, canonical, clock, factors, mail, signing
from staff.actions import end_sessions
from staff.models import Clinic, FactorReset, InstallationRole, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role

FORMAT = "pinpoint-factor-reset-1"


def terms(*, clinic: Clinic, person: StaffMember, number: int, reason: str) -> dict[str, Any]:
    """What is signed; a verifier derives it again from the row."""
    return {"format": FORMAT, "clinic": clinic.pk, "person": person.pk, "number": number, "reason": reason}


def next_number(person: StaffMember) -> int:
    return 1 + FactorReset.objects.filter(person=person).count()


def before_sha256(clinic: Clinic, person: StaffMember) -> str:
    """What stands on the page before a reason is typed."""
    return canonical.sha256_of(terms(clinic=clinic, person=person, number=next_number(person), reason=""))


def manager_role(by: StaffMember, clinic: Clinic) -> str:
    """Held until the signature stands. Raises SigningRefused."""
    held = MembershipRole.objects.select_for_update(of=("self",)).filter(
        membership__person=by, membership__clinic=clinic, membership__ended_at=None, role=Role.MANAGER, ended_at=None
    )
    if by.is_active and held.first():
        return Role.MANAGER
    raise signing.SigningRefused(f"You are not a manager of {clinic} any more, so nothing was signed.")


def answers_for(clinic: Clinic, person: StaffMember) -> bool:
    """Of the clinics where she works, the one where she has longest without a break; none where she worked for the
    installation before.

    A manager adds whom she likes to her own clinic, by the address alone: there she would free anybody of their second step.
    """
    rows = Membership.objects.filter(person=person).order_by("-began_at", "-pk")
    first = {row.clinic_id: row for row in rows if row.ended_at is None}
    for row in rows:
        later = first.get(row.clinic_id)
        if later and row.ended_at == later.began_at:  # her work here changed at that moment, and went on
            first[row.clinic_id] = row
    longest = min(first.values(), key=lambda row: (row.began_at, row.pk), default=None)
    if longest is None or longest.clinic_id != clinic.pk:
        return False
    appointed = InstallationRole.objects.filter(person=person, ended_at=None, granted_at__lt=longest.began_at)
    return not appointed.exists()


def elsewhere(clinic: Clinic, person: StaffMember) -> str:
    return (
        f"{person.full_name} worked at another clinic, or for the installation, before she came to {clinic}. Ask the manager "
        "there, or the administrator of the installation, to reset it."
    )


@transaction.atomic
def reset(*, membership: Membership, reason: str, seen: signing.Seen, by: StaffMember) -> FactorReset:
    """Signed by a manager of the membership's clinic, never for herself. Raises SigningRefused with nothing changed."""
    person = StaffMember.objects.select_for_update().get(pk=membership.person_id)
    clinic, number = membership.clinic, next_number(person)
    if person == by:
        raise signing.SigningRefused(
            "Nobody resets her own. Ask another manager of the clinic, or the administrator of the installation."
        )
    if not Membership.objects.filter(pk=membership.pk, ended_at=None).exists():
        raise signing.SigningRefused(f"{person.full_name} does not work at {clinic} any more. Nothing was signed.")
    if not answers_for(clinic, person):
        raise signing.SigningRefused(f"{elsewhere(clinic, person)} Nothing was signed.")
    if not factors.held_by(person).any:
        raise signing.SigningRefused(f"{person.full_name} has no second step. Nothing was signed.")
    over = canonical.sha256_of(terms(clinic=clinic, person=person, number=number, reason=reason))
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="reset-factors",
        subject=membership,
        record_sha256=over,
        seen=seen.with_typed(over, on=before_sha256(clinic, person)),
        authority=lambda: manager_role(by, clinic),
    )
    row = FactorReset.objects.create(
        person=person, number=number, clinic=clinic, reason=reason, signature=signature, reset_by=by
    )
    return _carried_out(row)


@transaction.atomic
def reset_by_administrator(*, person: StaffMember, reason: str, by: StaffMember) -> FactorReset | None:
    """For a single manager, or somebody of no clinic. None where there is no factor. Raises ValueError."""
    person = StaffMember.objects.select_for_update().get(pk=person.pk)
    if person == by:
        raise ValueError("Nobody resets their own second factor: another administrator does.")
    if not factors.held_by(person).any:
        return None
    return _carried_out(
        FactorReset.objects.create(person=person, number=next_number(person), reason=reason, reset_by=by)
    )


def _carried_out(row: FactorReset) -> FactorReset:
    factors.forget(row.person)
    end_sessions(row.person)
    audit.record(
        clinic=row.clinic, by=row.reset_by, action="factor.reset", subject=row, reason=row.reason, body=told_of(row)
    )
    mail.queue(
        to=row.person,
        key=f"factor-reset:{row.pk}",
        subject="Your second step was reset",
        body=(
            f"{clock.now():%d %B %Y, %H:%M} UTC, {settings.SITE_URL}\n\n{row.reset_by.full_name} has taken your passkeys, "
            "authenticator app and recovery codes off your account, and you were signed out everywhere. Sign in with your "
            "password, and set up a new second step under “Signing in”.\n\nIf you did not ask for that, tell your clinic's "
            "manager or physician at once, and choose a new password."
        ),
    )
    return row


def told_of(row: FactorReset) -> dict[str, Any]:
    return {"person": row.person_id, "number": row.number, "signature": row.signature_id}
