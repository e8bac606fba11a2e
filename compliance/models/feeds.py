"""Private addresses at which a calendar program reads somebody's days."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.constraints import whole
from staff.models import Clinic


class CalendarFeed(models.Model):
    """Whoever has the address reads the days without signing in, so only its hash is kept. Without a clinic they are the
    person's own days; with one, those of the clinic, as long as she manages it. Ended, never deleted."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, null=True, blank=True)
    address_sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["person"], condition=Q(ended_at=None, clinic=None), name="calendarfeed_one_own"
            ),
            models.UniqueConstraint(
                fields=["person", "clinic"],
                condition=Q(ended_at=None, clinic__isnull=False),
                name="calendarfeed_one_a_clinic",
            ),
            whole("ended", name="calendarfeed_end_whole", since="made_at"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.clinic or 'own days'}"
