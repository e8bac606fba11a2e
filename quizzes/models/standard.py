"""The cut-score file: physicians rate the items of a quiz, and what they found is filed."""

import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from quizzes.models.bank import QuestionVersion, Quiz
from staff import clock
from staff.constraints import whole


class Panel(models.Model):
    """A round of rating. Open until it is filed or given up."""

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="panels")
    number = models.PositiveIntegerField()
    opened_at = models.DateTimeField(default=clock.now)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("quiz", "number")
        constraints = (
            models.UniqueConstraint(fields=["quiz", "number"], name="panel_number_once"),
            models.UniqueConstraint(fields=["quiz"], condition=Q(closed_at=None), name="panel_one_open"),
            whole("closed", name="panel_closed_whole"),
        )

    def __str__(self) -> str:
        return f"{self.quiz}, panel {self.number}"


class Rating(models.Model):
    """Of a hundred people who can just do the job, how many answer this item right. Insert-only; the highest number counts."""

    panel = models.ForeignKey(Panel, on_delete=models.PROTECT, related_name="ratings")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ratings_given")
    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="ratings")
    number = models.PositiveSmallIntegerField(default=1)
    percent = models.PositiveSmallIntegerField()
    rated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["panel", "person", "question_version", "number"], name="rating_number_once"
            ),
            models.CheckConstraint(condition=Q(percent__lte=100), name="rating_is_a_share"),
        )

    def __str__(self) -> str:
        return f"{self.question_version}: {self.percent} %"


class CutFile(models.Model):
    """What a panel found, as canonical JSON with its hash. Insert-only. Means are in thousandths."""

    panel = models.OneToOneField(Panel, on_delete=models.PROTECT, related_name="file")
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    mean = models.PositiveSmallIntegerField()
    next_review_on = models.DateField()
    filed_at = models.DateTimeField(default=clock.now)
    filed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(mean__lte=1000), name="cutfile_is_a_share"),)

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Such as nd-1."""
        return f"{self.panel.quiz.module.code}-{self.panel.number}"

    @property
    def found(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found
