"""What a clinic asks of whom, and what excuses from it. Rows are ended, never edited: what was asked on a day can be told later.

A row holds from its first day on. The day it was recorded may be another: both stand in it, and so do both of its end.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from certificates.models import Certificate
from staff import clock
from staff.models import Clinic
from staff.models.clinics import Role
from staff.models.people import public_id
from training.models import Module, Programme

SESSION_TITLE = "BBP annual"
END_WHOLE = Q(ended_at=None, ended_by=None, ends_on=None) | Q(
    ended_at__isnull=False, ended_by__isnull=False, ends_on__isnull=False
)


class Recorded(models.Model):
    """Who put a row on record and when, and who ended it. `ends_on` is the first day on which it holds no longer."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ends_on = models.DateField(null=True, blank=True)
    end_reason = models.CharField(max_length=300, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True


class Rule(Recorded):
    """The clinic asks this of everybody in a role, or of one person. Ended, never edited.

    It asks for the modules of a programme, with `signed` for the programme certificate as well, for one module, or (`session`)
    for the yearly session on site.
    `standard` is the record of what every clinic has from its start, made when the clinic ended it.
    """

    role = models.CharField(max_length=12, choices=Role.choices, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="rules"
    )
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    module = models.ForeignKey(Module, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    session = models.BooleanField(default=False)
    signed = models.BooleanField(default=False)
    days = models.PositiveSmallIntegerField()
    starts_on = models.DateField()
    standard = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("clinic", "starts_on", "pk")
        constraints = (
            models.CheckConstraint(condition=Q(role="") ^ Q(person=None), name="rule_of_a_role_or_a_person"),
            models.CheckConstraint(
                condition=Q(programme__isnull=False, module=None, session=False)
                | Q(programme=None, module__isnull=False, session=False)
                | Q(programme=None, module=None, session=True),
                name="rule_asks_for_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(signed=False) | Q(programme__isnull=False), name="rule_signed_programme"
            ),
            models.CheckConstraint(
                condition=Q(standard=False) | Q(programme__isnull=False, person=None), name="rule_standard_is_of_a_role"
            ),
            models.CheckConstraint(condition=Q(person=None) | ~Q(reason=""), name="rule_by_hand_says_why"),
            models.CheckConstraint(condition=END_WHOLE, name="rule_end_whole"),
            models.CheckConstraint(condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="rule_dates"),
            models.CheckConstraint(condition=Q(role__in=["", *Role.values]), name="rule_role_known"),
            models.UniqueConstraint(
                fields=["clinic", "programme", "role"], condition=Q(standard=True), name="rule_standard_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.role or self.person}: {self.programme or self.module or SESSION_TITLE}"


class Waiver(Recorded):
    """This person need not hold this module, or (`session`) have come to the yearly session on site, until a day. Whoever
    recorded it approved it, and is never the person herself."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="waivers")
    module = models.ForeignKey(Module, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    session = models.BooleanField(default=False)
    reason = models.CharField(max_length=300)
    starts_on = models.DateField()
    until_on = models.DateField()

    class Meta:
        ordering = ("until_on", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(person=F("recorded_by")), name="waiver_never_for_oneself"),
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_says_why"),
            models.CheckConstraint(
                condition=Q(module__isnull=False, session=False) | Q(module=None, session=True),
                name="waiver_of_one_thing",
            ),
            models.CheckConstraint(condition=Q(until_on__gte=F("starts_on")), name="waiver_dates"),
            models.CheckConstraint(condition=END_WHOLE, name="waiver_end_whole"),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.module or SESSION_TITLE} waived to {self.until_on}"


class Leave(Recorded):
    """This person is away through a day. Why is nobody's business here, and is not kept."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="leaves")
    starts_on = models.DateField()
    until_on = models.DateField()

    class Meta:
        ordering = ("until_on", "pk")
        constraints = (
            models.CheckConstraint(condition=Q(until_on__gte=F("starts_on")), name="leave_dates"),
            models.CheckConstraint(condition=END_WHOLE, name="leave_end_whole"),
        )

    def __str__(self) -> str:
        return f"{self.person}: on leave to {self.until_on}"


class Cycle(models.Model):
    """One time that a clinic asks a person for a module: closed when it is met, asked no longer or anew, never overwritten."""

    class Reason(models.TextChoices):
        INITIAL = "initial", "First time"
        RENEWAL = "renewal", "Renewal"
        REVISION = "revision", "The text changed"
        INCIDENT = "incident", "After an incident"

    class Closing(models.TextChoices):
        MET = "met", "Met"
        LEFT = "left", "No longer asked"
        ANEW = "anew", "Asked anew"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cycles")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    reason = models.CharField(max_length=8, choices=Reason.choices)
    due_on = models.DateField()
    opened_at = models.DateTimeField(default=clock.now)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    incident = models.ForeignKey(
        "compliance.Incident",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cycles",
        help_text="Where somebody asked for it by hand after one.",
    )
    closing = models.CharField(max_length=4, choices=Closing.choices, blank=True)
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("person", "clinic", "module", "number")
        constraints = (
            models.UniqueConstraint(fields=["person", "clinic", "module", "number"], name="cycle_number_once"),
            models.UniqueConstraint(
                fields=["person", "clinic", "module"], condition=Q(closed_at=None), name="cycle_one_open"
            ),
            models.CheckConstraint(
                condition=Q(closing="", certificate=None, closed_at=None, closed_by=None)
                | (Q(closing__in=["met", "left", "anew"], closed_at__isnull=False, closed_by__isnull=False)),
                name="cycle_closed_whole",
            ),
            models.CheckConstraint(
                condition=Q(closing="met", certificate__isnull=False) | (~Q(closing="met") & Q(certificate=None)),
                name="cycle_met_by_a_certificate",
            ),
            models.CheckConstraint(
                condition=Q(reason__in=["initial", "renewal", "revision", "incident"]), name="cycle_reason_known"
            ),
            models.CheckConstraint(condition=Q(incident=None) | Q(reason="incident"), name="cycle_of_an_incident"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.module}, cycle {self.number}"


class CycleRun(models.Model):
    """How far the site has looked for cycles to open and close in a clinic: the last event it took in, and on which day."""

    clinic = models.OneToOneField(Clinic, on_delete=models.PROTECT, related_name="+")
    seq = models.PositiveBigIntegerField()
    ran_on = models.DateField()

    def __str__(self) -> str:
        return f"{self.clinic} to event {self.seq}"
