"""Two accounts of one person become one: proposed by one manager, decided by a second person. Rows are added, never edited."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from staff import clock
from staff.models import Clinic
from staff.models.people import public_id


class Merge(models.Model):
    """Proposed: `alias` shall be an account no more, and its record be shown with that of `kept`. Insert-only."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, help_text="Whose trail tells of it.")
    kept = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    alias = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    proposed_at = models.DateTimeField(default=clock.now)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-proposed_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=~Q(kept=F("alias")), name="merge_of_two"),
            models.CheckConstraint(
                condition=~Q(kept=F("proposed_by")) & ~Q(alias=F("proposed_by")), name="merge_never_ones_own"
            ),
        )

    def __str__(self) -> str:
        return f"{self.alias} into {self.kept}"


class MergeDecision(models.Model):
    """By a second person, over the plan as she saw it (canonical JSON). Insert-only."""

    merge = models.OneToOneField(Merge, on_delete=models.PROTECT, related_name="decision")
    confirmed = models.BooleanField()
    plan = models.TextField()
    decided_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.merge}: {'confirmed' if self.confirmed else 'declined'}"
