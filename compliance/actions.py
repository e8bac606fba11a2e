"""Verbs of managers that reach from the person to her first sign-in."""

from collections.abc import Sequence
from datetime import date

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.urls import reverse

from certificates.actions import end_membership
from compliance.reminders import feeds
from staff import actions as staff_actions
from staff import audit, clock, mail
from staff.access import clinics_as
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role

DAY_SECONDS = 24 * 60 * 60


class AlreadyMember(Exception):
    """The person works in this clinic already; `membership` is hers."""

    def __init__(self, membership: Membership) -> None:
        self.membership = membership
        super().__init__(str(membership))


def add_person(
    *,
    clinic: Clinic,
    full_name: str,
    latin_name: str,
    email: str,
    job_title: str,
    hired_on: date,
    roles: list[str],
    by: StaffMember,
    staff_number: str = "",
    invites: bool = True,
    same_person: bool = False,
) -> Membership:
    """Add somebody to the clinic and queue her invitation, in one transaction. Raises AlreadyMember, and AnotherName where
    the address is that of a leaver with another name and nobody has said that this is the `same_person`."""
    try:
        with transaction.atomic():
            gone = StaffMember.objects.filter(email=email.strip().lower(), is_active=False, merged_into=None).first()
            if gone:
                feeds.end_all(person=gone, told_at=clinic, by=by)
            membership = staff_actions.add_member(
                clinic=clinic,
                email=email,
                full_name=full_name,
                latin_name=latin_name,
                job_title=job_title,
                staff_number=staff_number,
                hired_on=hired_on,
                roles=roles,
                by=by,
                same_person=same_person,
            )
            if invites:
                invite(membership=membership, by=by)
            return membership
    except IntegrityError:
        address = email.strip().lower()
        hers = Q(person__email=address) | Q(person__aliases__email=address)
        current = Membership.objects.filter(hers, clinic=clinic, ended_at=None)
        known = current.select_related("person", "clinic").first()
        if known is None:
            raise
        raise AlreadyMember(known) from None


@transaction.atomic
def transfer(
    *,
    membership: Membership,
    to: Clinic,
    job_title: str,
    staff_number: str,
    hired_on: date,
    roles: list[str],
    reason: str,
    by: StaffMember,
) -> Membership:
    """To another clinic of the same manager: there she begins and here she ends, in one transaction. Her records stay where
    they were made. Raises AlreadyMember."""
    here, person = membership.clinic, membership.person
    if not {here, to} <= set(clinics_as(by, Role.MANAGER)) or here == to or person == by:
        raise PermissionDenied("whoever transfers manages both clinics, and is not the one transferred")
    known = (
        Membership.objects.filter(clinic=to, person=person, ended_at=None).select_related("person", "clinic").first()
    )
    if known:
        raise AlreadyMember(known)
    begun = staff_actions.add_member(
        clinic=to,
        email=person.email,
        full_name=person.full_name,
        job_title=job_title,
        staff_number=staff_number,
        hired_on=hired_on,
        roles=roles,
        by=by,
    )
    if not end_membership(membership=membership, reason=reason, by=by):
        raise Membership.DoesNotExist("the membership had ended before")
    for clinic, body in ((here, {"to": begun.pk}), (to, {"from": membership.pk})):
        audit.record(
            clinic=clinic,
            by=by,
            action="membership.transferred",
            subject=membership if clinic == here else begun,
            reason=reason,
            body={"person": person.pk, **body},
        )
    invite(membership=begun, by=by)
    return begun


@transaction.atomic
def invite(*, membership: Membership, by: StaffMember) -> None:
    """Queue the invitation; pressed twice in a minute it goes out once. Its link dies when a password is chosen."""
    person, clinic = membership.person, membership.clinic
    minute = int(clock.now().timestamp()) // 60
    queued = mail.queue(
        to=person,
        key=f"invitation:{membership.pk}:{minute}",
        subject=f"{by.full_name} added you to {clinic.name}",
        body=_invitation(person, clinic, by),
    )
    if queued:
        audit.record(clinic=clinic, by=by, action="invitation.queued", subject=membership, body={"person": person.pk})


@transaction.atomic
def invite_all(*, memberships: Sequence[Membership], by: StaffMember) -> int:
    """Invite each; somebody who has chosen a password in the meantime is left out. Returns how many were invited."""
    waiting = [row for row in memberships if not row.person.has_usable_password()]
    for membership in waiting:
        invite(membership=membership, by=by)
    return len(waiting)


def _invitation(person: StaffMember, clinic: Clinic, by: StaffMember) -> str:
    opening = (
        f"{person.full_name},\n\n{by.full_name} added you to {clinic.name} on Pinpoint, "
        "where staff train for microneedling.\n"
    )
    if person.has_usable_password():
        return f"{opening}Sign in with {person.email} and the password you have:\n{settings.SITE_URL}/\n"
    return (
        f"{opening}Choose your password here:\n\n{set_password_url(person)}\n\n"
        f"The link works once, for {settings.PASSWORD_RESET_TIMEOUT // DAY_SECONDS} days. "
        f"After that, sign in with {person.email}.\n"
        "If you do not work there, do nothing: without a password nobody can use the account.\n"
    )


def set_password_url(person: StaffMember) -> str:
    """A link in the form of allauth's own reset mails; SITE_URL names the host, never a request."""
    token = default_token_generator.make_token(person)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(person), "key": token})
    return f"{settings.SITE_URL}{path}"
