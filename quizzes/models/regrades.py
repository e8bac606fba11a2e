"""A question scored anew after a mistake in its key, and what becomes of a pass that this takes away. Insert-only."""

import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from quizzes import scoring
from quizzes.models.attempts import Outcome
from quizzes.models.bank import QuestionVersion
from staff import clock
from staff.models import Clinic, Signature
from staff.models.people import public_id


class Regrade(models.Model):
    """A question version scored anew for a clinic, signed over the list of what that does to each attempt.

    `key` is canonical JSON of the corrected one, where the option needs it; `listed` is the list that was signed.
    The marks and outcomes that it added name it as their cause.
    """

    class Option(models.TextChoices):
        CREDIT = scoring.CREDIT, "Right for everyone"
        BOTH = scoring.BOTH, "Old and new key both right"
        NEW = scoring.NEW, "New key only"
        WITHDRAW = scoring.WITHDRAW, "Withdrawn"

    CAUSE: ClassVar[str] = "regrade:"
    WITH_KEY: ClassVar[tuple[str, ...]] = (scoring.BOTH, scoring.NEW)

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="regrades")
    option = models.CharField(max_length=8, choices=Option.choices)
    corrected = models.ForeignKey(
        QuestionVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="corrects"
    )
    key = models.TextField(blank=True)
    reason = models.TextField()
    listed = models.TextField()
    listed_sha256 = models.CharField(max_length=64)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    regraded_at = models.DateTimeField(default=clock.now)
    regraded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-regraded_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=(Q(option__in=["both", "new"], corrected__isnull=False) & ~Q(key=""))
                | Q(option__in=["credit", "withdraw"], corrected=None, key=""),
                name="regrade_option_whole",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="regrade_has_reason"),
        )

    def __str__(self) -> str:
        return f"{self.question_version}: {self.get_option_display()}"

    @property
    def cause(self) -> str:
        return f"{self.CAUSE}{self.public_id}"

    @property
    def correction(self) -> scoring.Correction:
        return scoring.Correction(self.option, json.loads(self.key) if self.key else None)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What was listed of each attempt."""
        entries: list[dict[str, Any]] = json.loads(self.listed)["attempts"]
        return entries

    def get_absolute_url(self) -> str:
        return reverse("certificates:regrade-detail", args=[self.public_id])


class Disposition(models.Model):
    """What becomes of a pass that a regrade took away, signed by a physician; nobody decides about their own."""

    class Decision(models.TextChoices):
        KEEP = "keep", "The certificate is kept"
        SUSPEND = "suspend", "The certificate is suspended until the quiz is passed again"
        REVOKE = "revoke", "The certificate is revoked"
        REOPEN = "reopen", "No certificate rested on it; the quiz is open again"

    outcome = models.OneToOneField(Outcome, on_delete=models.PROTECT)
    candidate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decision = models.CharField(max_length=7, choices=Decision.choices)
    reason = models.TextField()
    signature = models.ForeignKey(Signature, on_delete=models.PROTECT)
    decided_at = models.DateTimeField(default=clock.now)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-decided_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=~Q(decided_by=F("candidate")), name="disposition_not_own"),
            models.CheckConstraint(condition=~Q(reason=""), name="disposition_has_reason"),
        )

    def __str__(self) -> str:
        return f"{self.get_decision_display()}, by {self.decided_by}"
