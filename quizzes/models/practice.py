from django.conf import settings
from django.db import models
from django.db.models import Q

from quizzes.models.bank import QuestionVersion
from staff import clock


class PracticeAnswer(models.Model):
    """One practice item answered, and how sure the person was.

    No physician sees it but added up over several people. It is no record: nothing rests on it, and it may be deleted.
    """

    class Confidence(models.TextChoices):
        SURE = "sure", "Sure"
        FAIRLY = "fairly", "Fairly sure"
        GUESSING = "guessing", "Guessing"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="practice_answers")
    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="practised")
    right = models.BooleanField()
    confidence = models.CharField(max_length=8, blank=True, choices=Confidence.choices)
    answered_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(confidence__in=["", "sure", "fairly", "guessing"]), name="practiceanswer_confidence_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.question_version}"
