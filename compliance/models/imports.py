"""A list of people that a manager sent: kept until it is applied, row by row, and for a month after."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.models import Clinic
from staff.models.people import public_id


class PeopleImport(models.Model):
    """One file and what was chosen with it. The rows go after a month; this line stays, with how many became what."""

    class Key(models.TextChoices):
        EMAIL = "email", "E-mail"
        STAFF_NUMBER = "staff_number", "Staff number"

    class Mode(models.TextChoices):
        BOTH = "both", "Add who is new, and change who works here"
        CREATE = "create", "Add who is new, and leave the others as they are"
        UPDATE = "update", "Change who works here, and add nobody"

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    key = models.CharField(max_length=12, choices=Key.choices)
    mode = models.CharField(max_length=6, choices=Mode.choices)
    full_roster = models.BooleanField(default=False)
    invites = models.BooleanField(default=False)
    file_name = models.CharField(max_length=120)
    file_sha256 = models.CharField(max_length=64)
    columns = models.TextField(help_text="Canonical JSON: the columns that are read, then the heads that are not.")
    note = models.CharField(max_length=200, blank=True)
    counts = models.TextField(default="{}", help_text="Canonical JSON: how many rows became what.")
    sent_at = models.DateTimeField(default=clock.now)
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    began_at = models.DateTimeField(null=True, blank=True)
    began_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-sent_at", "-pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(began_at=None, began_by=None, ended_at=None)
                | Q(began_at__isnull=False, began_by__isnull=False),
                name="peopleimport_begin_whole",
            ),
            models.CheckConstraint(condition=Q(key__in=["email", "staff_number"]), name="peopleimport_key_known"),
            models.CheckConstraint(condition=Q(mode__in=["both", "create", "update"]), name="peopleimport_mode_known"),
        )
        indexes = (
            models.Index(
                fields=["began_at"],
                condition=Q(began_at__isnull=False, ended_at=None),
                name="peopleimport_unfinished",
            ),
        )

    def __str__(self) -> str:
        return f"{self.file_name}, {self.clinic}"


class PeopleImportRow(models.Model):
    """A line of the file, or (line 0) somebody whom a full roster no longer names. `planned` is what was shown to the
    manager before it was applied, `outcome` what became of it; empty while it waits."""

    class Outcome(models.TextChoices):
        CREATED = "created", "Added"
        RETURNED = "returns", "Comes back"
        UPDATED = "updated", "Changed"
        UNCHANGED = "unchanged", "Unchanged"
        SKIPPED = "skipped-existing", "Left as it is"
        DROPPED = "dropped", "Ended"
        ERROR = "error", "Not taken"

    part_of = models.ForeignKey(PeopleImport, on_delete=models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    cells = models.TextField(help_text="Canonical JSON, by column.")
    faults = models.TextField(default="[]", help_text="Canonical JSON: code, column and sentence of each.")
    planned = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    said = models.TextField(blank=True)
    membership = models.ForeignKey(
        "staff.Membership", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("position",)
        constraints = (models.UniqueConstraint(fields=["part_of", "position"], name="peopleimportrow_position_once"),)

    def __str__(self) -> str:
        return f"{self.part_of}, line {self.line}"
