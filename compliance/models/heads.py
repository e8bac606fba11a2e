"""Where the heads of the audit trail are kept outside."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from staff import clock
from staff.constraints import whole
from staff.models import Clinic


def salt() -> str:
    return secrets.token_hex(16)


class HeadAddress(models.Model):
    """A mailbox outside that is sent the head of this clinic's chain each day. Ended, never deleted.

    The trail holds a salted commitment to the address; without the salt, which goes with the address, nobody can open it.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    email = models.EmailField(max_length=254)
    salt = models.CharField(max_length=32, default=salt, editable=False)
    added_at = models.DateTimeField(default=clock.now)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("clinic", "email", "pk")
        constraints = (
            models.UniqueConstraint("clinic", Lower("email"), condition=Q(ended_at=None), name="headaddress_one_open"),
            whole("ended", name="headaddress_end_whole", since="added_at"),
        )

    def __str__(self) -> str:
        return f"{self.email}, {self.clinic}"
