"""Of whom a clinic requires a second factor, and who was freed of hers because she could use it no longer."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from staff import clock
from staff.models.clinics import Clinic


class FactorRule(models.Model):
    """Insert-only; the clinic's highest number counts. Without either role nothing is required."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    of_physicians = models.BooleanField()
    of_managers = models.BooleanField()
    holds_at = models.DateTimeField()
    set_at = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("clinic", "-number")
        constraints = (models.UniqueConstraint(fields=["clinic", "number"], name="factorrule_number_once"),)

    def __str__(self) -> str:
        return f"{self.clinic}: {self.whom or 'of nobody'}"

    @property
    def whom(self) -> str:
        named = [
            word for word, wanted in (("physicians", self.of_physicians), ("managers", self.of_managers)) if wanted
        ]
        return " and ".join(named)


class FactorReset(models.Model):
    """All factors of a person taken away, by her clinic's manager with a signature, or by the administrator (no clinic).

    Insert-only.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.CharField(max_length=300)
    signature = models.OneToOneField("staff.Signature", on_delete=models.PROTECT, null=True, blank=True)
    reset_at = models.DateTimeField(default=clock.now)
    reset_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("person", "-number")
        constraints = (
            models.UniqueConstraint(fields=["person", "number"], name="factorreset_number_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="factorreset_has_reason"),
            models.CheckConstraint(condition=~Q(person=F("reset_by")), name="factorreset_by_another"),
            models.CheckConstraint(
                condition=Q(clinic=None, signature=None) | Q(clinic__isnull=False, signature__isnull=False),
                name="factorreset_signed_for_a_clinic",
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} {self.number}"
