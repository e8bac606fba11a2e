from typing import ClassVar

from django.db import models
from django.db.models import Q

from quizzes import kinds
from quizzes.models.attempts import AttemptItem
from staff import clock


class LateAnswer(models.Model):
    """An answer that arrived after its attempt had ended: kept as it came, never scored. Insert-only.

    `base_revision` is the save it was made on top of. `chosen_at` is by the clock of the device, which nobody has checked.
    """

    MOST: ClassVar[int] = 5  # of one question; a device sends one, and a person has few devices

    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="late_answers")
    number = models.PositiveSmallIntegerField()
    answer = models.CharField(max_length=kinds.LONGEST, blank=True)
    base_revision = models.PositiveIntegerField()
    client_key = models.CharField(max_length=64)
    chosen_at = models.DateTimeField(null=True, blank=True)
    arrived_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("arrived_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=["item", "number"], name="lateanswer_number_once"),
            models.UniqueConstraint(fields=["item", "client_key", "answer"], name="lateanswer_key_once"),
            models.CheckConstraint(condition=Q(number__gte=1, number__lte=5), name="lateanswer_few"),
        )

    def __str__(self) -> str:
        return f"{self.item}, late {self.number}"
