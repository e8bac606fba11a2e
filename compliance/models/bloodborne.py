"""What a clinic records of its yearly training in blood-borne pathogens. Rows are added, never edited.

The training is the employer's; the site keeps the record of it.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.models import Clinic, Signature
from staff.models.people import public_id


class SiteTrainer(models.Model):
    """Whom the clinic names as its trainer, and where its exposure control plan is. Insert-only; the last counts."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="site_trainers")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    qualification = models.CharField(max_length=300)
    contact = models.CharField(max_length=200)
    plan = models.CharField(max_length=300, help_text="Where the exposure control plan is.")
    named_at = models.DateTimeField(default=clock.now)
    named_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["clinic", "number"], name="sitetrainer_number_once"),)

    def __str__(self) -> str:
        return f"{self.name}, {self.clinic}"


class SiteSession(models.Model):
    """One session on site, signed by whoever recorded it. Insert-only."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="site_sessions")
    held_on = models.DateField()
    minutes = models.PositiveSmallIntegerField()
    place = models.CharField(max_length=200)
    trainer_name = models.CharField(max_length=200)
    trainer_qualification = models.CharField(max_length=300)
    trainer_contact = models.CharField(max_length=200)
    summary = models.TextField()
    questions_answered = models.BooleanField(
        help_text="Whether those who came could ask the trainer and were answered."
    )
    plan = models.CharField(max_length=300, help_text="Where the exposure control plan was then.")
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(minutes__gt=0), name="sitesession_minutes_positive"),)

    def __str__(self) -> str:
        return f"{self.clinic}, {self.held_on}"


class SiteAttendance(models.Model):
    """Who came, with the job title of that day. Insert-only."""

    session = models.ForeignKey(SiteSession, on_delete=models.PROTECT, related_name="attendances")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="site_attendances")
    job_title = models.CharField(max_length=120)

    class Meta:
        ordering = ("session", "pk")
        constraints = (models.UniqueConstraint(fields=["session", "person"], name="siteattendance_once"),)

    def __str__(self) -> str:
        return f"{self.person}, {self.session}"


class SiteSessionWithdrawal(models.Model):
    """The session was recorded wrongly and counts for nobody. Insert-only."""

    session = models.OneToOneField(SiteSession, on_delete=models.PROTECT, related_name="withdrawal")
    reason = models.CharField(max_length=1000)
    withdrawn_at = models.DateTimeField(default=clock.now)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.session}: withdrawn"


class HepatitisOffer(models.Model):
    """When the employer offered the vaccination; never whether it was taken. Insert-only; the last recorded counts."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="hepatitis_offers")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    offered_on = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.person}, {self.offered_on}"
