"""Training that somebody had elsewhere: its proof, who checked it, and what a physician let it count for. Rows are added,
never edited: a mistake is withdrawn and sent again."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.models import Clinic, Signature, StoredFile
from staff.models.people import public_id
from training.models import Module


class OutsideTraining(models.Model):
    """What was sent: the facts as typed and the proof as it is kept. Insert-only."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="outside_trainings")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    provider = models.CharField(max_length=200)
    title = models.CharField(max_length=200)
    held_on = models.DateField()
    hours = models.DecimalField(max_digits=5, decimal_places=2)
    trainer = models.CharField(max_length=200)
    qualification = models.CharField(max_length=200)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    client_key = models.CharField(max_length=64, help_text="Of the form that was sent: sent twice it is one row.")
    sent_at = models.DateTimeField(default=clock.now)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["sent_by", "client_key"], name="outsidetraining_sent_once"),
            models.CheckConstraint(condition=Q(hours__gt=0), name="outsidetraining_hours_positive"),
        )

    def __str__(self) -> str:
        return f"{self.title}, {self.provider}"


class OutsideCheck(models.Model):
    """A manager compared the facts with the proof. Insert-only."""

    training = models.OneToOneField(OutsideTraining, on_delete=models.PROTECT, related_name="check_made")
    text = models.CharField(max_length=1000, help_text="How it was checked.")
    checked_at = models.DateTimeField(default=clock.now)
    checked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.training}: checked"


class OutsideDecision(models.Model):
    """The physician's: it counts for one module of her clinic until a day, or for nothing. Insert-only."""

    training = models.OneToOneField(OutsideTraining, on_delete=models.PROTECT, related_name="decision")
    approved = models.BooleanField()
    module = models.ForeignKey(Module, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    valid_until_on = models.DateField(null=True, blank=True)
    text = models.CharField(max_length=1000, help_text="What it covers, or why it counts for nothing.")
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(approved=True, module__isnull=False, valid_until_on__isnull=False)
                | Q(approved=False, module=None, valid_until_on=None),
                name="outsidedecision_approved_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.training}: {'approved' if self.approved else 'declined'}"


class OutsideWithdrawal(models.Model):
    """From here on it counts for nothing. Insert-only."""

    training = models.OneToOneField(OutsideTraining, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=1000)
    withdrawn_at = models.DateTimeField(default=clock.now)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.training}: withdrawn"
