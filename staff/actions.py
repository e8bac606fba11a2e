"""Verbs that change people, clinics and roles. Each records who and when in the same transaction."""

from datetime import date, datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction

from staff import audit, canonical, clock, factors, mail, returning
from staff.access import forget
from staff.models import Chain, Clinic, InstallationRole, Licence, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role


@transaction.atomic
def open_clinic(*, name: str, address: str, zone: str, by: StaffMember) -> Clinic:
    clinic = Clinic.objects.create(name=name, address=address, zone=zone)
    Chain.objects.create(clinic=clinic)
    audit.record(clinic=clinic, by=by, action="clinic.opened", subject=clinic, body=told_of_clinic(clinic))
    return clinic


def told_of_clinic(row: Clinic) -> dict[str, str]:
    return {"clinic": row.public_id, "zone": row.zone, "name": row.name, "address": row.address}


@transaction.atomic
def correct_clinic(*, clinic: Clinic, name: str, address: str, reason: str, by: StaffMember) -> None:
    """Name and address from now on. Papers already issued keep those they were issued with; a zone stays, since past days
    were counted in it."""
    clinic.name, clinic.address = name.strip(), address.strip()
    clinic.save(update_fields=["name", "address"])
    audit.record(
        clinic=clinic, by=by, action="clinic.corrected", subject=clinic, reason=reason, body=told_of_clinic(clinic)
    )


@transaction.atomic
def add_account(*, email: str, full_name: str, by: StaffMember) -> StaffMember:
    """For somebody who works for the installation and in no clinic: an author, an administrator."""
    person = StaffMember.objects.create_user(email, full_name)
    audit.record(clinic=None, by=by, action="person.added", subject=person, body=audit.told_of_names(person))
    return person


@transaction.atomic
def appoint(*, person: StaffMember, role: str, by: StaffMember) -> InstallationRole:
    _let_in(person)
    appointed = InstallationRole.objects.create(person=person, role=role, granted_by=by)
    audit.record(clinic=None, by=by, action="installation.appointed", subject=person, body={"role": role})
    forget(person)
    return appointed


@transaction.atomic
def dismiss(*, person: StaffMember, role: str, by: StaffMember) -> bool:
    """End an appointment; whoever has none left, and works in no clinic, can no longer sign in. False if she has none."""
    open_now = InstallationRole.objects.filter(person=person, role=role, ended_at=None)
    if not open_now.update(ended_at=clock.now(), ended_by=by):
        return False
    audit.record(clinic=None, by=by, action="installation.dismissed", subject=person, body={"role": role})
    _shut_out_if_gone(person)
    forget(person)
    return True


@transaction.atomic
def add_member(
    *,
    clinic: Clinic,
    email: str,
    full_name: str,
    job_title: str,
    hired_on: date,
    roles: list[str],
    by: StaffMember,
    latin_name: str = "",
    staff_number: str = "",
    began_at: datetime | None = None,
    same_person: bool = False,
) -> Membership:
    """Add a person to a clinic; somebody known by the address joins as the person she is, with the name on record.

    Who works nowhere now and is on record under another name is taken back only as the `same_person`. Raises AnotherName.
    """
    email = email.strip().lower()
    if not same_person:
        returning.refuse_another(email=email, full_name=full_name)
    person = StaffMember.objects.select_related("merged_into").filter(email=email).first()
    if person and person.merged_into:
        person = person.merged_into
    if person is None:
        person = StaffMember.objects.create_user(email=email, full_name=full_name, latin_name=latin_name)
        audit.record(clinic=clinic, by=by, action="person.added", subject=person, body=audit.told_of_names(person))
    _let_in(person)
    began = began_at or clock.now()
    membership = Membership.objects.create(
        person=person,
        clinic=clinic,
        job_title=job_title,
        staff_number=staff_number,
        hired_on=hired_on,
        began_by=by,
        began_at=began,
    )
    MembershipRole.objects.bulk_create(
        [MembershipRole(membership=membership, role=role, granted_by=by, granted_at=began) for role in roles]
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="membership.began",
        subject=membership,
        body={"roles": sorted(roles), "person": person.pk, **told_of_work(membership)},
    )
    forget(person)
    return membership


def told_of_work(row: Membership) -> dict[str, str]:
    """What the trail says of what stands on a membership beside its roles."""
    return {"sha256": canonical.sha256_of([row.job_title, row.staff_number, row.hired_on])}


@transaction.atomic
def change_member(
    *, membership: Membership, job_title: str, staff_number: str, hired_on: date, roles: list[str], by: StaffMember
) -> Membership:
    """What she does here from now on. Other roles end and begin; another title, number or day ends the row and begins the
    next, with the roles that stay and the identity checks they carry.

    Losing a role has its part on the floors above: call `certificates.actions.change_membership`.
    """
    locked = Membership.objects.select_for_update(of=("self",)).select_related("person", "clinic")
    membership = locked.get(pk=membership.pk, ended_at=None)
    moment = clock.now()
    wanted = {"job_title": job_title, "staff_number": staff_number, "hired_on": hired_on}
    changed = sorted(name for name, value in wanted.items() if getattr(membership, name) != value)
    held = {row.role: row for row in MembershipRole.objects.filter(membership=membership, ended_at=None)}
    if not changed and set(held) == set(roles):
        return membership
    going = [row.pk for role, row in held.items() if changed or role not in roles]
    MembershipRole.objects.filter(pk__in=going).update(ended_at=moment, ended_by=by)
    current = membership
    if changed:
        Membership.objects.filter(pk=membership.pk, ended_at=None).update(ended_at=moment, ended_by=by)
        current = Membership.objects.create(
            person=membership.person, clinic=membership.clinic, began_by=by, began_at=moment, **wanted
        )
    added = [role for role in roles if role not in held]
    stays = [row for role, row in held.items() if changed and role in roles]
    MembershipRole.objects.bulk_create(
        [MembershipRole(membership=current, role=role, granted_at=moment, granted_by=by) for role in added]
        + [_carried(row, current) for row in stays]
    )
    body = {
        "person": membership.person_id,
        "before": membership.pk,
        "changed": changed,
        "roles_added": sorted(added),
        "roles_ended": sorted(set(held) - set(roles)),
        **told_of_work(current),
    }
    audit.record(clinic=membership.clinic, by=by, action="membership.changed", subject=current, body=body)
    forget(membership.person)
    return current


def _carried(row: MembershipRole, membership: Membership) -> MembershipRole:
    """The role as it was given and checked, on the membership that follows."""
    return MembershipRole(
        membership=membership,
        role=row.role,
        granted_at=row.granted_at,
        granted_by_id=row.granted_by_id,
        identity_checked_at=row.identity_checked_at,
        identity_checked_by_id=row.identity_checked_by_id,
        identity_checked_how=row.identity_checked_how,
    )


@transaction.atomic
def check_identity(*, membership: Membership, how: str, by: StaffMember) -> None:
    """Record that the physician's identity was checked: before that she cannot sign.

    Neither by herself nor by whoever gave her the role, so that no one person makes a signer alone.
    """
    if membership.person_id == by.pk:
        raise ValueError("Nobody checks their own identity.")
    open_role = MembershipRole.objects.filter(
        membership=membership, role=Role.PHYSICIAN, ended_at=None, identity_checked_at=None
    )
    if open_role.filter(granted_by=by).exists():
        raise ValueError("Whoever gave the physician's role does not record the identity check as well.")
    changed = open_role.update(identity_checked_at=clock.now(), identity_checked_by=by, identity_checked_how=how)
    if changed:
        audit.record(clinic=membership.clinic, by=by, action="identity.checked", subject=membership.person, reason=how)


@transaction.atomic
def close_membership(*, membership: Membership, by: StaffMember, reason: str = "") -> bool:
    """End the membership and its roles; whoever has none left can no longer sign in. False if it had ended before.

    The floors above have their own part in it (open attempts): call `quizzes.actions.end_membership`.
    """
    moment = clock.now()
    if not Membership.objects.filter(pk=membership.pk, ended_at=None).update(ended_at=moment, ended_by=by):
        return False
    MembershipRole.objects.filter(membership=membership, ended_at=None).update(ended_at=moment, ended_by=by)
    person = membership.person
    audit.record(
        clinic=membership.clinic,
        by=by,
        action="membership.ended",
        subject=membership,
        reason=reason,
        body={"person": person.pk},
    )
    _shut_out_if_gone(person)
    forget(person)
    return True


def _let_in(person: StaffMember) -> None:
    if not person.is_active:
        person.is_active = True
        person.save(update_fields=["is_active"])


def _shut_out_if_gone(person: StaffMember) -> None:
    open_now = {"person": person, "ended_at": None}
    if not Membership.objects.filter(**open_now).exists() and not InstallationRole.objects.filter(**open_now).exists():
        _shut_out(person)


def _shut_out(person: StaffMember) -> None:
    """At once and for good: whoever comes back is invited again and chooses a new password.

    Without the old one, sessions and links that were handed out before stay dead then too; and her second factors go.
    """
    person.is_active = False
    person.set_unusable_password()
    person.save(update_fields=["is_active", "password"])
    end_sessions(person)
    factors.forget(person)
    mail.give_up(person)


def end_sessions(person: StaffMember) -> None:
    for session in UserSession.objects.filter(user=person):
        session.end()


@transaction.atomic
def make_alias(*, alias: StaffMember, of: StaffMember, clinic: Clinic, by: StaffMember) -> None:
    """The account is closed for good, and its address leads to the other. Its licences are hers; its records stay as they are.

    Its memberships have ended before: call `compliance.merging.decide`.
    """
    Licence.objects.filter(person=alias).update(person=of)
    _shut_out(alias)
    alias.merged_into = of
    alias.save(update_fields=["merged_into"])
    audit.record(clinic=clinic, by=by, action="person.merged", subject=alias, body={"person": of.pk, "alias": alias.pk})


@transaction.atomic
def correct_name(
    *, person: StaffMember, full_name: str, latin_name: str, clinic: Clinic, reason: str, by: StaffMember
) -> None:
    """The name from now on. Papers already issued keep the name they were issued with."""
    person.full_name, person.latin_name = full_name.strip(), latin_name.strip()
    person.save(update_fields=["full_name", "latin_name"])
    body = audit.told_of_names(person)
    audit.record(clinic=clinic, by=by, action="person.renamed", subject=person, reason=reason, body=body)


@transaction.atomic
def record_licence(
    *, person: StaffMember, type: str, number: str, authority: str, expires_on: date, clinic: Clinic, by: StaffMember
) -> Licence:
    licence = Licence.objects.create(
        person=person, type=type, number=number, authority=authority, expires_on=expires_on, recorded_by=by
    )
    audit.record(clinic=clinic, by=by, action="licence.recorded", subject=licence, body=told_of_licence(licence))
    return licence


def told_of_licence(row: Licence) -> dict[str, Any]:
    said = [row.type, row.number, row.authority, row.expires_on]
    return {"person": row.person_id, "sha256": canonical.sha256_of(said)}
