"""The outbox: a mail is a row in the transaction that caused it; `tick` sends it, once, and tries again if it must."""

import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet

from staff import clock
from staff.models import OutgoingMail, StaffMember, StoredFile

log = logging.getLogger(__name__)
LONGEST_PAUSE = timedelta(hours=1)
# Longer than a server stays away unnoticed, and than mail servers try among themselves (RFC 5321: four to five days); what an
# older mail says of days is no longer so.
GIVEN_UP_AFTER = timedelta(days=7)
TOLD_FOR = timedelta(days=30)


def queue(
    *,
    to: StaffMember,
    subject: str,
    body: str,
    key: str = "",
    due_at: datetime | None = None,
    file: StoredFile | None = None,
    file_name: str = "",
    address: str = "",
) -> bool:
    """The same `key` is queued once, however often it is asked for; whether it was queued now.

    `address` is a mailbox outside; then `to` is who speaks for it, and need not be able to sign in.
    """
    _, queued = OutgoingMail.objects.get_or_create(
        dedupe_key=key or secrets.token_urlsafe(16),
        defaults={
            "person": to,
            "address": address,
            "subject": subject[:200],
            "body": body,
            "due_at": due_at or clock.now(),
            "file": file,
            "file_name": file_name,
        },
    )
    return queued


def give_up(person: StaffMember) -> None:
    """What waits for somebody who left is never sent, also if she comes back."""
    waiting = OutgoingMail.objects.filter(person=person, address="", sent_at=None, given_up_at=None)
    waiting.update(given_up_at=clock.now())


def undelivered() -> QuerySet[OutgoingMail]:
    """What was given up of late because no server took it; not what was kept from somebody who left."""
    rows = OutgoingMail.objects.filter(sent_at=None, given_up_at__gt=clock.now() - TOLD_FOR).exclude(body="")
    return rows.filter(Q(person__is_active=True) | ~Q(address=""))


def send_due(limit: int = 200) -> int:
    """Send what is due; returns how many went out. A row is claimed by raising its tries: two ticks never send it twice."""
    sent = 0
    waiting = OutgoingMail.objects.filter(sent_at=None, given_up_at=None, due_at__lte=clock.now())
    for pk, tries, tried_at in list(waiting.order_by("due_at", "pk").values_list("pk", "tries", "tried_at")[:limit]):
        now = clock.now()
        later = now + min(timedelta(minutes=2 ** min(tries, 6)), LONGEST_PAUSE)
        mine = OutgoingMail.objects.filter(pk=pk, tries=tries, sent_at=None, given_up_at=None)
        if not mine.update(tries=tries + 1, due_at=later, tried_at=tried_at or now):
            continue
        row = OutgoingMail.objects.select_related("person", "file").get(pk=pk)
        if not row.address and not row.person.is_active:
            OutgoingMail.objects.filter(pk=pk).update(given_up_at=now)
            continue
        try:
            message = EmailMessage(
                row.subject, row.body, settings.DEFAULT_FROM_EMAIL, [row.address or row.person.email]
            )
            if row.file:
                message.attach(row.file_name, bytes(row.file.bytes), row.file.media_type)
            message.send()
        except OSError as error:
            if tried_at and now - tried_at >= GIVEN_UP_AFTER:
                OutgoingMail.objects.filter(pk=pk).update(given_up_at=now)
                log.error("mail %s not sent and given up: %s", pk, type(error).__name__)
            else:
                log.warning("mail %s not sent, next try at %s: %s", pk, later.isoformat(), type(error).__name__)
            continue
        with transaction.atomic():
            OutgoingMail.objects.filter(pk=pk).update(sent_at=clock.now())
        sent += 1
    return sent
