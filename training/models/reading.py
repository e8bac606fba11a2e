from django.conf import settings
from django.db import models

from staff import clock
from training.models.modules import Module, SectionVersion


class Reading(models.Model):
    """This person opened this section version; `place` is the anchor where she stopped."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="readings")
    opened_at = models.DateTimeField(default=clock.now)
    place = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "section_version"], name="reading_once"),)

    def __str__(self) -> str:
        return f"{self.person} {self.section_version}"


class ReadingConfirmation(models.Model):
    """The reader said "I have read this". Insert-only; what is read again is confirmed again, under the next number."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="confirmations")
    number = models.PositiveSmallIntegerField()
    confirmed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["person", "section_version", "number"], name="readingconfirmation_once"),
        )

    def __str__(self) -> str:
        return f"{self.person} {self.section_version} {self.number}"


class Rereading(models.Model):
    """From `asked_at` on the module is read anew: what this person confirmed of it before counts no longer. Insert-only."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="rereadings")
    asked_at = models.DateTimeField(default=clock.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "module", "asked_at"], name="rereading_once"),)

    def __str__(self) -> str:
        return f"{self.person} {self.module} from {self.asked_at}"
