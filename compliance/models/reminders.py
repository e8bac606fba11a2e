"""What was reminded of, whom, when and why. Rows are added, never edited: what was sent is never sent again."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from staff import clock
from staff.models import Clinic, OutgoingMail


class ReminderHours(models.Model):
    """When a clinic's reminders may go out, in its own zone. Insert-only; the highest number counts."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    from_hour = models.PositiveSmallIntegerField()
    until_hour = models.PositiveSmallIntegerField(help_text="Nothing goes out from this hour on.")
    digest_weekday = models.PositiveSmallIntegerField(help_text="0 is Monday.")
    set_at = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["clinic", "number"], name="reminderhours_number_once"),
            models.CheckConstraint(
                condition=Q(from_hour__lt=F("until_hour"), until_hour__lte=24), name="reminderhours_some_hours"
            ),
            models.CheckConstraint(condition=Q(digest_weekday__lte=6), name="reminderhours_weekday"),
        )

    def __str__(self) -> str:
        return f"{self.clinic}: {self.from_hour}:00 to {self.until_hour}:00"


class ReminderMail(models.Model):
    """The one mail of reminders that a person gets on a day. Insert-only. `clinic` is the one whose audit trail tells
    of it; each line names its own."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reminder_mails")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    day_on = models.DateField()
    mail = models.OneToOneField(OutgoingMail, on_delete=models.PROTECT, related_name="reminders")
    queued_at = models.DateTimeField(default=clock.now)
    queued_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "day_on"], name="remindermail_one_a_day"),)

    def __str__(self) -> str:
        return f"{self.person}, {self.day_on}"


class Reminder(models.Model):
    """One line of such a mail. Insert-only. `requirement` and `cycle` say what of: a module and its due day or the
    certificate that runs out; a task; for a digest the clinic and the week."""

    class Kind(models.TextChoices):
        DUE = "due", "To be held by a day"
        EXPIRY = "expiry", "Certificate runs out"
        LICENCE = "licence", "Licence runs out"
        WITHDRAWN = "withdrawn", "Certificate withdrawn"
        TASK = "task", "Changed passage to be read again"
        ESCALATED = "escalated", "Told to the manager"
        DIGEST = "digest", "Weekly digest"

    mail = models.ForeignKey(ReminderMail, on_delete=models.PROTECT, related_name="lines")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    about = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    requirement = models.CharField(max_length=100)
    cycle = models.CharField(max_length=40)
    step = models.SmallIntegerField(
        null=True, blank=True, help_text="Days left when it was due; none where somebody sent it again by hand."
    )
    again = models.PositiveSmallIntegerField(
        default=0, help_text="How often the step was queued before, in mails that were given up."
    )
    title = models.CharField(max_length=300)
    due_on = models.DateField()

    class Meta:
        ordering = ("mail", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["person", "about", "kind", "requirement", "cycle", "step", "again"], name="reminder_step_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["due", "expiry", "licence", "withdrawn", "task", "escalated", "digest"]),
                name="reminder_kind_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.title}, {self.due_on}"
