"""Sign-ins, wrong passwords and changed passwords: who, when and from where, kept for a year and shown to the person herself.

Not in the chain, because they go after a year. That a password was changed or reset stands in the trail of her clinics as well.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from staff import audit, clock, mail
from staff.access import memberships
from staff.models import Clinic, LegalHold, Membership, SecurityEvent, StaffMember

Kind = SecurityEvent.Kind
SHOWN = 20
SIGNING_WAITS = timedelta(hours=24)
LOCK_SECONDS = 300
ACTIONS = {Kind.CHOSEN: "password.chosen", Kind.CHANGED: "password.changed", Kind.RESET: "password.reset"}
MAILS = {
    Kind.CHANGED: (
        "Your password was changed",
        "Your password was changed by somebody who typed the present one. Everywhere else you were signed out.",
    ),
    Kind.RESET: (
        "Your password was reset",
        "A new password was chosen by the link in a mail to this address. For 24 hours nothing can be signed in your name.",
    ),
}


def note(*, person: StaffMember, kind: str, ip: str, agent: str) -> SecurityEvent:
    return SecurityEvent.objects.create(person=person, kind=kind, ip=ip or None, agent=agent[:300])


def note_failed(*, email: str, ip: str, agent: str) -> None:
    """Of an address that nobody signs in with nothing is kept: it may be a stranger's."""
    person = StaffMember.objects.filter(email=email.strip().lower(), is_active=True).first()
    if person:
        note(person=person, kind=Kind.FAILED, ip=ip, agent=agent)


def note_locked_out(*, email: str, ip: str, agent: str) -> None:
    """Once for each wait, however often it is tried during it."""
    person = StaffMember.objects.filter(email=email.strip().lower(), is_active=True).first()
    since = clock.now() - timedelta(seconds=LOCK_SECONDS)
    if person and not SecurityEvent.objects.filter(person=person, kind=Kind.LOCKED_OUT, at__gt=since).exists():
        note(person=person, kind=Kind.LOCKED_OUT, ip=ip, agent=agent)


@transaction.atomic
def set_password(*, person: StaffMember, password: str, knew_present: bool, ip: str, agent: str) -> SecurityEvent:
    """By the person herself: with the present one, or by a mailed link. The event, the trail and the mail stand with it."""
    kind = Kind.CHANGED if knew_present else Kind.RESET if person.has_usable_password() else Kind.CHOSEN
    person.set_password(password)
    person.save(update_fields=["password"])
    row = note(person=person, kind=kind, ip=ip, agent=agent)
    clinics: list[Clinic | None] = [membership.clinic for membership in memberships(person)]
    for clinic in clinics or [None]:
        audit.record(clinic=clinic, by=person, action=ACTIONS[kind], subject=person)
    if kind in MAILS:
        subject, said = MAILS[kind]
        mail.queue(
            to=person,
            key=f"password:{row.pk}",
            subject=subject,
            body=(
                f"{row.at:%d %B %Y, %H:%M} UTC, {settings.SITE_URL}\n\n{said}\n\n"
                "If that was not you: choose a new password with “I have forgotten my password” on the sign-in page, sign out "
                "everywhere else, and tell your manager at once."
            ),
        )
    return row


def may_sign_from(person: StaffMember) -> datetime | None:
    """When signing opens again after the password was reset; None where it is open.

    Whoever reads her mail can reset it. A day is time for her to see the mail that tells of it.
    """
    since = clock.now() - SIGNING_WAITS
    last = SecurityEvent.objects.filter(person=person, kind=Kind.RESET, at__gt=since).order_by("-at").first()
    return last.at + SIGNING_WAITS if last else None


def last_of(person: StaffMember) -> list[SecurityEvent]:
    return list(SecurityEvent.objects.filter(person=person).order_by("-at", "-pk")[:SHOWN])


def forget_old() -> int:
    """For `tick`. A legal hold keeps them."""
    standing = LegalHold.objects.filter(lifted_at=None)
    worked = Membership.objects.filter(clinic__in=standing.filter(person=None).values("clinic"))
    # The trigger reads the database's clock, in whole seconds.
    over = SecurityEvent.objects.filter(until_at__lt=clock.now() - timedelta(minutes=1))
    over = over.exclude(person__in=standing.exclude(person=None).values("person"))
    count, _ = over.exclude(person__in=worked.values("person")).delete()
    return count


def forget(person: StaffMember) -> None:
    """When her account is erased: the trigger lets them go once it is closed for good."""
    SecurityEvent.objects.filter(person=person).delete()
