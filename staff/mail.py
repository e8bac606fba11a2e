"""The outbox: a mail is a row in the transaction that caused it; `tick` sends it, once, and tries again if it must."""

import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from staff import clock
from staff.models import OutgoingMail, StaffMember, StoredFile

log = logging.getLogger(__name__)
MOST_TRIES = 10


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
    OutgoingMail.objects.filter(person=person, address="", sent_at=None).update(tries=MOST_TRIES)


def send_due(limit: int = 200) -> int:
    """Send what is due; returns how many went out. A row is claimed by raising its tries: two ticks never send it twice."""
    sent = 0
    waiting = OutgoingMail.objects.filter(sent_at=None, due_at__lte=clock.now(), tries__lt=MOST_TRIES)
    for pk, tries in list(waiting.order_by("due_at", "pk").values_list("pk", "tries")[:limit]):
        later = clock.now() + timedelta(minutes=2**tries)
        if not OutgoingMail.objects.filter(pk=pk, tries=tries, sent_at=None).update(tries=tries + 1, due_at=later):
            continue
        row = OutgoingMail.objects.select_related("person", "file").get(pk=pk)
        if not row.address and not row.person.is_active:
            continue
        try:
            message = EmailMessage(
                row.subject, row.body, settings.DEFAULT_FROM_EMAIL, [row.address or row.person.email]
            )
            if row.file:
                message.attach(row.file_name, bytes(row.file.bytes), row.file.media_type)
            message.send()
        except OSError as error:
            log.warning("mail %s not sent, next try at %s: %s", pk, later.isoformat(), type(error).__name__)
            continue
        with transaction.atomic():
            OutgoingMail.objects.filter(pk=pk).update(sent_at=clock.now())
        sent += 1
    return sent
