"""How long a clinic keeps its records, and what stands in the way of deleting any: rules and legal holds."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Q

from staff import audit, canonical, clock
from staff.models import Chain, Clinic, LegalHold, Membership, RetentionRule, StaffMember
from staff.models.keeping import LEAST_YEARS

ACCOUNT_DAYS = 30


class OnHold(Exception):
    """Says in a sentence what is held and that it was left alone."""


def rule_of(clinic: Clinic) -> RetentionRule | None:
    return RetentionRule.objects.filter(clinic=clinic).order_by("-number").first()


def rules_of(clinics: Iterable[Clinic]) -> dict[int, RetentionRule]:
    """The rule that counts, by clinic."""
    rows = RetentionRule.objects.filter(clinic__in=list(clinics)).order_by("number")
    return {row.clinic_id: row for row in rows}


def years_of(rules: Iterable[RetentionRule]) -> int:
    """The longest; never shorter than the six years to think from."""
    return max((rule.years for rule in rules), default=LEAST_YEARS)


def years_after(day: date, years: int) -> date:
    """The same day so many years on; 29 February becomes 1 March, so that nothing goes a day early."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def told_of_rule(row: RetentionRule) -> dict[str, Any]:
    names = ("number", "country", "basis", "basis_text", "years", "public_name")
    return {name: getattr(row, name) for name in names}


@transaction.atomic
def set_rule(
    *, clinic: Clinic, country: str, basis: str, basis_text: str, years: int, public_name: str, by: StaffMember
) -> RetentionRule:
    Chain.objects.select_for_update().get(clinic=clinic)
    before = rule_of(clinic)
    row = RetentionRule.objects.create(
        clinic=clinic,
        number=before.number + 1 if before else 1,
        country=country,
        basis=basis,
        basis_text=basis_text,
        years=years,
        public_name=public_name,
        set_by=by,
    )
    audit.record(clinic=clinic, by=by, action="retention.set", subject=row, body=told_of_rule(row))
    return row


def told_of_hold(row: LegalHold) -> dict[str, Any]:
    return {"person": row.person_id, "reason_sha256": canonical.sha256(row.reason)}


@transaction.atomic
def place_hold(*, clinic: Clinic, person: StaffMember | None, reason: str, by: StaffMember) -> LegalHold:
    row = LegalHold.objects.create(clinic=clinic, person=person, reason=reason, placed_by=by)
    audit.record(clinic=clinic, by=by, action="hold.placed", subject=row, body=told_of_hold(row))
    return row


@transaction.atomic
def release_hold(*, hold: LegalHold, by: StaffMember) -> LegalHold:
    """The first person says that it may go, a second lifts it. The same person twice changes nothing."""
    row = LegalHold.objects.select_for_update().get(pk=hold.pk)
    if row.lifted_at or row.release_by_id == by.pk:
        return row
    if row.release_at is None:
        row.release_at, row.release_by = clock.now(), by
        action = "hold.release"
    else:
        row.lifted_at, row.lifted_by = clock.now(), by
        action = "hold.lifted"
    row.save(update_fields=["release_at", "release_by", "lifted_at", "lifted_by"])
    audit.record(clinic=row.clinic, by=by, action=action, subject=row, body=told_of_hold(row))
    return row


def holds_on(person: StaffMember) -> list[LegalHold]:
    """Those on her, and those on a whole clinic where she ever worked."""
    worked = Membership.objects.filter(person=person).values("clinic")
    standing = LegalHold.objects.filter(lifted_at=None)
    return list(standing.filter(Q(person=person) | Q(person=None, clinic__in=worked)).select_related("clinic"))


def refuse_held(person: StaffMember) -> None:
    held = holds_on(person)
    if held:
        since = min(row.placed_at for row in held)
        raise OnHold(
            f"A legal hold stands since {since:%Y-%m-%d}, so nothing was erased. Two managers lift it, one after the other."
        )
