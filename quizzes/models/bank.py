import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.constraints import whole
from training.models import KeyPoint, KeyPointVersion, Module, ProtocolItem, Section


class Question(models.Model):
    """An item under a code that stays for ever; certifying and practice items are never the same."""

    class Bank(models.TextChoices):
        CERTIFYING = "certifying", "Certifying"
        PRACTICE = "practice", "Practice"

    code = models.CharField(max_length=20, unique=True)
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="questions")
    bank = models.CharField(max_length=10, choices=Bank.choices)
    kind = models.CharField(max_length=10, help_text="One of quizzes.kinds; a further one needs no migration.")

    class Meta:
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=Q(bank__in=["certifying", "practice"]), name="question_bank_known"),
        )

    def __str__(self) -> str:
        return self.code


@lru_cache(maxsize=512)
def read(body: str) -> Mapping[str, Any]:
    """What a body says. Attempts ask it of the same items again and again; what is returned is shared, so nobody changes it."""
    content: Mapping[str, Any] = json.loads(body)
    return content


class QuestionVersion(models.Model):
    """The wording of an item. `body` is canonical JSON: level, stem, and what its kind needs (`quizzes.kinds`)."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        STALE = "stale", "Stale"
        RETIRED = "retired", "Retired"

    class Via(models.TextChoices):
        RELEASE = "release", "by release"
        PERSON = "person", "by a second person"

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=7, choices=State.choices, default=State.DRAFT)
    origin = models.CharField(max_length=4, default="file", choices=[("file", "file"), ("site", "site")])
    depends_on = models.ManyToManyField(ProtocolItem, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approved_via = models.CharField(max_length=7, blank=True, choices=Via.choices)
    stale_at = models.DateTimeField(null=True, blank=True)
    stale_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who published the text that it was not approved for.",
    )

    class Meta:
        ordering = ("question", "number")
        constraints = (
            models.UniqueConstraint(fields=["question", "number"], name="questionversion_number_once"),
            models.UniqueConstraint(fields=["question"], condition=Q(state="live"), name="questionversion_one_live"),
            models.CheckConstraint(
                condition=Q(approved_at=None, approved_by=None, approved_via="")
                | (Q(approved_at__isnull=False, approved_by__isnull=False) & ~Q(approved_via="")),
                name="questionversion_approval_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state="live") | Q(approved_at__isnull=False), name="questionversion_live_is_approved"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "live", "stale", "retired"]), name="questionversion_state_known"
            ),
            whole("stale", name="questionversion_stale_whole"),
        )

    def __str__(self) -> str:
        return f"{self.question} v{self.number}"

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


class QuestionPoint(models.Model):
    """This item version tests this key point, as it read when the item was approved."""

    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="points")
    key_point = models.ForeignKey(KeyPoint, on_delete=models.PROTECT, related_name="question_points")
    approved_against = models.ForeignKey(KeyPointVersion, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["question_version", "key_point"], name="questionpoint_once"),)

    def __str__(self) -> str:
        return f"{self.question_version} tests {self.key_point}"


class Approval(models.Model):
    """A second person finds the wording right for key points that read so. Insert-only.

    `sha256` is that of the item's version which this makes live: its wording and kind and the contents of its key points.
    Given before those key points are published, it waits for them, and lapses by itself when they come to read otherwise.
    """

    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="approvals")
    sha256 = models.CharField(max_length=64)
    approved_at = models.DateTimeField(default=clock.now)
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["question_version", "sha256", "approved_by"], name="approval_once"),
        )

    def __str__(self) -> str:
        return f"{self.question_version} by {self.approved_by}"


class Quiz(models.Model):
    module = models.OneToOneField(Module, on_delete=models.PROTECT)
    minutes = models.PositiveSmallIntegerField(default=0, help_text="To read one form, at 200 words a minute.")

    class Meta:
        verbose_name_plural = "quizzes"

    def __str__(self) -> str:
        return f"quiz of {self.module}"


class QuizVersion(models.Model):
    """The rules an attempt is taken under. Insert-only.

    `blueprint` is canonical JSON: {"sections": {slug: items}, "recall_at_most": items}. Times are whole minutes.
    """

    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    blueprint = models.TextField()
    items = models.PositiveSmallIntegerField()
    cut = models.PositiveSmallIntegerField()
    critical_rule = models.CharField(max_length=10, choices=[("all", "every critical item right")])
    limit_minutes = models.PositiveIntegerField(null=True, blank=True, help_text="The clock; none by default.")
    open_minutes = models.PositiveIntegerField(default=24 * 60)
    grace_seconds = models.PositiveSmallIntegerField(default=60)
    attempts = models.PositiveSmallIntegerField(default=3)
    next_day_hour = models.PositiveSmallIntegerField(
        default=6, help_text="The next attempt opens at this hour of the next day."
    )
    retest_items = models.PositiveSmallIntegerField(
        default=0, help_text="Items of the critical re-test, all of which must be right; 0: there is none."
    )
    scoring_rule = models.CharField(max_length=20, default="whole-1")
    cut_basis = models.CharField(max_length=200, default="provisional: no panel has rated it")
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["quiz", "number"], name="quizversion_number_once"),
            models.CheckConstraint(condition=Q(cut__gte=1, cut__lte=models.F("items")), name="quizversion_cut_within"),
            models.CheckConstraint(condition=Q(attempts__gte=1), name="quizversion_an_attempt"),
        )

    def __str__(self) -> str:
        return f"{self.quiz} v{self.number}"
