"""After an incident a clinic asks one person for a module again, by hand."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from compliance.models.requirements import END_WHOLE, Recorded
from training.models import Module


class Incident(Recorded):
    """This person passes this module again by a day, whatever she holds. Met by the next pass, or ended with a reason."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="incidents")
    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    starts_on = models.DateField()
    due_on = models.DateField()

    class Meta:
        ordering = ("due_on", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(person=F("recorded_by")), name="incident_never_for_oneself"),
            models.CheckConstraint(condition=~Q(reason=""), name="incident_says_why"),
            models.CheckConstraint(condition=Q(due_on__gte=F("starts_on")), name="incident_dates"),
            models.CheckConstraint(condition=END_WHOLE, name="incident_end_whole"),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.module} again by {self.due_on}"
