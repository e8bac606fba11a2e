"""What happened at somebody's sign-in. Kept for a year, apart from the trail, and shown to herself."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from staff import clock

KEPT_DAYS = 365


def kept_until() -> datetime:
    return clock.now() + timedelta(days=KEPT_DAYS)


class SecurityEvent(models.Model):
    """Insert-only. Goes when its year is over, or when the account is erased; not a day before.

    What was typed is not kept, and of an address that nobody has there is no row.
    """

    class Kind(models.TextChoices):
        SIGNED_IN = "signed-in", "Signed in"
        FAILED = "sign-in-failed", "A wrong password was typed"
        LOCKED_OUT = "locked-out", "Too many wrong passwords: sign-in waits five minutes"
        FACTOR_FAILED = "factor-failed", "The password was right, and the code or passkey after it was not"
        CHOSEN = "password-chosen", "The first password was chosen, by the link of an invitation"
        CHANGED = "password-changed", "The password was changed, with the present one"
        RESET = "password-reset", "The password was reset by a mailed link"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="security_events")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    at = models.DateTimeField(default=clock.now)
    ip = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    until_at = models.DateTimeField(default=kept_until, db_index=True)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=["person", "at"], name="securityevent_of_person"),)

    def __str__(self) -> str:
        return f"{self.person}: {self.kind}"
