"""Deferred work: rows that `manage.py tick` finds and repeats until they are done."""

from django.conf import settings
from django.db import models

from staff import clock


class OutgoingMail(models.Model):
    dedupe_key = models.CharField(max_length=200, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    address = models.EmailField(
        max_length=254, blank=True, help_text="Where it goes if not to the person: a mailbox outside."
    )
    subject = models.CharField(max_length=200)
    body = models.TextField()
    file = models.ForeignKey("staff.StoredFile", on_delete=models.PROTECT, null=True, blank=True)
    file_name = models.CharField(max_length=100, blank=True)
    due_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True, help_text="First tried.")
    given_up_at = models.DateTimeField(null=True, blank=True, help_text="Not sent, and never tried again.")

    class Meta:
        indexes = (
            models.Index(
                fields=["due_at"], condition=models.Q(sent_at=None, given_up_at=None), name="outgoingmail_waiting"
            ),
            models.Index(
                fields=["given_up_at"], condition=models.Q(given_up_at__isnull=False), name="outgoingmail_given_up"
            ),
        )

    def __str__(self) -> str:
        return self.subject


class Heartbeat(models.Model):
    """When a piece of the site's own work last ran to its end."""

    name = models.CharField(max_length=40, unique=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.beat_at}"
