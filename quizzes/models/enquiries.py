"""Questions that people ask about the material, and the answers they get. All insert-only."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse

from quizzes.models.attempts import AttemptItem
from staff import clock
from staff.models import Clinic
from staff.models.people import public_id
from training.models import KeyPointVersion, SectionVersion


class EnquiryQuerySet(models.QuerySet["Enquiry"]):
    def with_answers(self) -> "EnquiryQuerySet":
        """With `answered` (something was said) and `closed_at` (when that was the whole answer; None while it waits)."""
        answers = EnquiryAnswer.objects.filter(enquiry=OuterRef("pk"))
        closing = answers.filter(closes=True).values("answered_at")[:1]
        return self.annotate(answered=Exists(answers), closed_at=Subquery(closing))

    def waiting(self) -> "EnquiryQuerySet":
        return self.filter(~Exists(EnquiryAnswer.objects.filter(enquiry=OuterRef("pk"), closes=True)))


class Enquiry(models.Model):
    """*Ask about this* on a section, or *Question this item* on a result. Open until an answer closes it.

    Its subject is what the asker had before her: a section version (and a key point in it), or an item of her attempt.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="enquiries")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, null=True, blank=True)
    point_version = models.ForeignKey(KeyPointVersion, on_delete=models.PROTECT, null=True, blank=True)
    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, null=True, blank=True, related_name="enquiries")
    text = models.TextField()
    asked_at = models.DateTimeField(default=clock.now)

    # On rows of `with_answers`.
    answered: bool
    closed_at: datetime | None

    objects: ClassVar[Any] = EnquiryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "enquiries"
        ordering = ("asked_at", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(section_version__isnull=False, item=None)
                | Q(section_version=None, point_version=None, item__isnull=False),
                name="enquiry_one_subject",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="enquiry_has_text"),
        )

    def __str__(self) -> str:
        return f"enquiry {self.public_id}"

    def get_absolute_url(self) -> str:
        return reverse("certificates:enquiry-detail", args=[self.public_id])


class EnquiryAnswer(models.Model):
    """An answer, or part of one: the first that `closes` ends the waiting. A correction is a further answer."""

    class Role(models.TextChoices):
        PHYSICIAN = "physician", "supervising physician"
        AUTHOR = "author", "author of the material"

    enquiry = models.ForeignKey(Enquiry, on_delete=models.PROTECT, related_name="answers")
    text = models.TextField()
    closes = models.BooleanField(default=True)
    role = models.CharField(max_length=9, choices=Role.choices)
    answered_at = models.DateTimeField(default=clock.now)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("answered_at", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(text=""), name="enquiryanswer_has_text"),
            models.CheckConstraint(condition=Q(role__in=["physician", "author"]), name="enquiryanswer_role_known"),
        )

    def __str__(self) -> str:
        return f"answer to {self.enquiry}"


class AnswerSeen(models.Model):
    """The asker opened the page with this answer on it."""

    answer = models.OneToOneField(EnquiryAnswer, on_delete=models.PROTECT, related_name="seen")
    seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "answers seen"

    def __str__(self) -> str:
        return f"{self.answer}, seen"
