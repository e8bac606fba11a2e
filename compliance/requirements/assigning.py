"""What managers decide about requirements: rules, waivers and leave. Each is recorded once and ended once."""

from datetime import date
from zoneinfo import ZoneInfo

from django.db import transaction

from compliance.models import Incident, Leave, Rule, Waiver
from compliance.standing import DUE_DAYS
from staff import audit, canonical, clock
from staff.models import Clinic, StaffMember
from training.models import Module, Programme

Kept = Rule | Waiver | Leave | Incident


class NotAllowed(Exception):
    """Says in a sentence why this may not be recorded."""


@transaction.atomic
def add_rule(
    *,
    clinic: Clinic,
    days: int,
    starts_on: date,
    by: StaffMember,
    role: str = "",
    person: StaffMember | None = None,
    programme: Programme | None = None,
    module: Module | None = None,
    session: bool = False,
    signed: bool = False,
    reason: str = "",
) -> Rule:
    """Ask something of everybody in a role, or of one person, from `starts_on` on."""
    rule = Rule.objects.create(
        clinic=clinic,
        role=role,
        person=person,
        programme=programme,
        module=module,
        session=session,
        signed=signed,
        days=days,
        starts_on=starts_on,
        reason=reason,
        recorded_by=by,
    )
    recorded(rule, by)
    return rule


@transaction.atomic
def end_standard(
    *, clinic: Clinic, programme: Programme, role: str, ends_on: date, reason: str, by: StaffMember
) -> bool:
    """End for this clinic what every clinic has from its start. False if that was done before."""
    opened_on = clinic.opened_at.astimezone(ZoneInfo(clinic.zone)).date()
    rule, made = Rule.objects.get_or_create(
        clinic=clinic,
        programme=programme,
        role=role,
        standard=True,
        defaults={"days": DUE_DAYS, "starts_on": min(opened_on, ends_on), "recorded_by": by},
    )
    if made:
        recorded(rule, by)
    return end(row=rule, ends_on=ends_on, reason=reason, by=by)


@transaction.atomic
def waive(
    *,
    person: StaffMember,
    clinic: Clinic,
    module: Module | None,
    reason: str,
    starts_on: date,
    until_on: date,
    by: StaffMember,
) -> Waiver:
    """Excuse one person from one module, or without one from the yearly session on site, until a day. Whoever records it
    approves it."""
    if person == by:
        raise NotAllowed("Nobody waives anything for themselves. Ask another manager or the physician of the clinic.")
    waiver = Waiver.objects.create(
        person=person,
        clinic=clinic,
        module=module,
        session=module is None,
        reason=reason,
        starts_on=starts_on,
        until_on=until_on,
        recorded_by=by,
    )
    recorded(waiver, by)
    return waiver


@transaction.atomic
def record_leave(*, person: StaffMember, clinic: Clinic, starts_on: date, until_on: date, by: StaffMember) -> Leave:
    leave = Leave.objects.create(person=person, clinic=clinic, starts_on=starts_on, until_on=until_on, recorded_by=by)
    recorded(leave, by)
    return leave


@transaction.atomic
def end(*, row: Kept, ends_on: date, by: StaffMember, reason: str = "") -> bool:
    """From `ends_on` on the row holds no longer. False if somebody ended it before."""
    rows = type(row)._default_manager.filter(pk=row.pk, ended_at=None)
    if not rows.update(ends_on=ends_on, end_reason=reason, ended_at=clock.now(), ended_by=by):
        return False
    row.refresh_from_db()
    audit.record(
        clinic=row.clinic,
        by=by,
        action=f"{row._meta.model_name}.ended",
        subject=row,
        reason=reason,
        body={"ends": ends_on.isoformat()},
    )
    return True


def recorded(row: Kept, by: StaffMember) -> None:
    """In the caller's transaction."""
    audit.record(clinic=row.clinic, by=by, action=f"{row._meta.model_name}.recorded", subject=row, body=told_of(row))


def told_of(row: Kept) -> dict[str, object]:
    """What the audit trail says of it: every column that never changes, and nothing a person wrote."""
    names = [
        "public_id",
        "role",
        "person_id",
        "programme_id",
        "module_id",
        "signed",
        "days",
        "standard",
        "starts_on",
        "until_on",
        "due_on",
    ]
    found: dict[str, object] = canonical.plain(
        {name.replace("_id", ""): getattr(row, name) for name in names if hasattr(row, name)}
    )
    if getattr(row, "session", False):
        found["session"] = True
    if not isinstance(row, Leave):
        found["why"] = canonical.sha256(row.reason)
    return found
