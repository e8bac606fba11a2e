"""One mail a day that tells a signer what was signed in her name, so that what she did not sign does not stay unseen."""

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from staff import clock, mail
from staff.models import Heartbeat, OutgoingMail, Signature

BEAT = "signatures told"
EVERY = timedelta(hours=1)
SENT_FROM = time(7)
# A day is looked at again until it lies so far back, so that none is lost by a night in which nothing ran.
AGAIN = timedelta(days=2)


def tell_of_signatures() -> int:
    """For `tick`: of each day that is over in the clinic's zone, once. Goes out in the morning after it; returns how many."""
    now = clock.now()
    last = Heartbeat.objects.filter(name=BEAT).values_list("beat_at", flat=True).first()
    if last and timedelta(0) <= now - last < EVERY:
        return 0
    rows = Signature.objects.filter(signed_at__gt=min(last or now, now) - AGAIN, signer__is_active=True)
    found: dict[tuple[int, str, date], list[Signature]] = defaultdict(list)
    for row in rows.select_related("signer", "clinic").order_by("signed_at", "pk"):
        day = row.signed_at.astimezone(ZoneInfo(row.zone)).date()
        if day < clock.today(row.zone):
            found[row.signer_id, row.zone, day].append(row)
    keys = {group: f"signed:{group[0]}:{group[1]}:{group[2].isoformat()}" for group in found}
    known = set(OutgoingMail.objects.filter(dedupe_key__in=keys.values()).values_list("dedupe_key", flat=True))
    queued = 0
    with transaction.atomic():
        for group, signatures in found.items():
            if keys[group] not in known:
                queued += _queue(keys[group], group[1], group[2], signatures)
        Heartbeat.objects.update_or_create(name=BEAT, defaults={"beat_at": now})
    return queued


def _queue(key: str, zone: str, day: date, signatures: list[Signature]) -> bool:
    signer, count = signatures[0].signer, len(signatures)
    lines = "\n".join(
        f"- {row.signed_at.astimezone(ZoneInfo(zone)):%H:%M}, {row.clinic}: “{row.meaning_text}”" for row in signatures
    )
    return mail.queue(
        to=signer,
        key=key,
        due_at=datetime.combine(day + timedelta(days=1), SENT_FROM, ZoneInfo(zone)),
        subject=f"Signed in your name on {day.day} {day:%B %Y}: {count} {'record' if count == 1 else 'records'}",
        body=(
            f"{signer.full_name},\n\non {day.day} {day:%B %Y} this was signed in your name ({zone}):\n\n{lines}\n\n"
            "If you signed all of it, there is nothing to do.\n\nIf you did not: choose a new password at once with “I have "
            "forgotten my password” on the sign-in page, sign out everywhere else, and tell your manager, who sees each "
            "signature in the clinic's audit trail. Whatever was signed without you is to be reviewed again. Where you are "
            f"signed in, and what happened lately:\n{settings.SITE_URL}{reverse('staff:signing-in')}\n"
        ),
    )
