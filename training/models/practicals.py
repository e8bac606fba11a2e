import json
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from staff import clock
from staff.models import Clinic, Signature
from staff.models.people import public_id


class PracticalVersion(models.Model):
    """A hands-on skill with its criteria, as published. Insert-only; the highest number of a code is live.

    `criteria` is a canonical JSON list of sentences. `drill`: proven in a role-play; the others on a patient.
    """

    code = models.CharField(max_length=4)
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    starred = models.BooleanField()
    drill = models.BooleanField(default=False)
    criteria = models.TextField()
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["code", "number"], name="practicalversion_number_once"),)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"

    @property
    def lines(self) -> list[str]:
        return list(json.loads(self.criteria))


class ObserverDecision(models.Model):
    """The physician's signed word that this person may observe here, or no longer. Insert-only; the highest number counts."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="observer_decisions")
    number = models.PositiveIntegerField()
    approved = models.BooleanField()
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    decided_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("clinic", "person", "number")
        constraints = (
            models.UniqueConstraint(fields=["clinic", "person", "number"], name="observerdecision_number_once"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.clinic}: {'observer' if self.approved else 'no observer'}"


class Observation(models.Model):
    """One occasion on which an observer watched and scored; a sheet while it is open, a sealed record once it is signed.

    `areas` is a canonical JSON list of pairs, area and depth band. Nothing on it tells who the patient was.
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        SIGNED = "signed", "signed"
        VOIDED = "voided", "put aside"

    class Setting(models.TextChoices):
        SIMULATED = "simulated", "Simulation: a role-play or a model, no patient"
        SUPERVISED = "supervised", "Supervised: on a patient, the observer beside her and ready to take over"
        OBSERVED = "observed", "Observed: on a patient, the observer only watches"

    WORDS: ClassVar[dict[str, str]] = {
        "simulated": "Simulation",
        "supervised": "Supervised procedure",
        "observed": "Observed procedure",
    }

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    learner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="observations")
    observer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="observed")
    setting = models.CharField(max_length=10, choices=Setting.choices)
    device = models.CharField(max_length=120, blank=True)
    device_serial = models.CharField(max_length=60, blank=True)
    cartridge_lot = models.CharField(max_length=60, blank=True)
    cartridge_expires_on = models.DateField(null=True, blank=True)
    areas = models.TextField(default="[]")
    observed_on = models.DateField()
    comment = models.TextField(blank=True)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    seal = models.TextField(blank=True)
    seal_sha256 = models.CharField(max_length=64, blank=True)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ("started_at", "pk")
        constraints = (
            models.CheckConstraint(condition=~Q(learner=F("observer")), name="observation_never_oneself"),
            models.UniqueConstraint(
                fields=["learner", "observer"], condition=Q(state="open"), name="observation_one_open_sheet"
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None, signature=None, seal="")
                | Q(state="signed", ended_at__isnull=False, signature__isnull=False) & ~Q(seal="")
                | Q(state="voided", ended_at__isnull=False, signature=None, seal=""),
                name="observation_signed_whole",
            ),
        )
        indexes = (models.Index(fields=["learner", "state"], name="observation_learner"),)

    def __str__(self) -> str:
        return f"{self.learner}, {self.word.lower()}, {self.observed_on}"

    def get_absolute_url(self) -> str:
        return reverse("certificates:observation-detail", args=[self.public_id])

    @property
    def word(self) -> str:
        return self.WORDS[self.setting]

    @property
    def treated(self) -> list[tuple[str, str]]:
        return [(area, band) for area, band in json.loads(self.areas)]

    @property
    def sealed(self) -> dict[str, object]:
        return dict(json.loads(self.seal))


class ObservedLine(models.Model):
    """A criterion on a sheet with the score that stands. `position` counts through the whole sheet, `criterion` from 0."""

    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    practical = models.ForeignKey(PracticalVersion, on_delete=models.PROTECT, related_name="+")
    criterion = models.PositiveSmallIntegerField()
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("observation", "position")
        constraints = (
            models.UniqueConstraint(fields=["observation", "position"], name="observedline_position_once"),
            models.UniqueConstraint(
                fields=["observation", "practical", "criterion"], name="observedline_criterion_once"
            ),
            models.CheckConstraint(condition=Q(score=None) | Q(score__lte=2), name="observedline_score"),
        )

    def __str__(self) -> str:
        return f"{self.practical.code}.{self.criterion + 1}: {self.score}"

    @property
    def text(self) -> str:
        return self.practical.lines[self.criterion]


class ObservedScore(models.Model):
    """One tap. Insert-only; a tap that is sent twice carries the same key and counts once."""

    line = models.ForeignKey(ObservedLine, on_delete=models.PROTECT, related_name="saves")
    revision = models.PositiveIntegerField()
    score = models.PositiveSmallIntegerField()
    client_key = models.CharField(max_length=64)
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("line", "revision")
        constraints = (
            models.UniqueConstraint(fields=["line", "revision"], name="observedscore_revision_once"),
            models.UniqueConstraint(fields=["line", "client_key"], name="observedscore_key_once"),
        )

    def __str__(self) -> str:
        return f"{self.line_id} {self.revision}: {self.score}"


class SelfEvaluation(models.Model):
    """How the learner scores herself on a practical. Insert-only; `scores` is a canonical JSON list, a score a criterion."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    practical = models.ForeignKey(PracticalVersion, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    scores = models.TextField()
    evaluated_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["person", "practical", "number"], name="selfevaluation_number_once"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.practical.code}"

    @property
    def given(self) -> list[int]:
        return list(json.loads(self.scores))


class Acknowledgement(models.Model):
    """The learner has read what was observed, and agrees or not. Insert-only; without it the occasion does not count."""

    observation = models.OneToOneField(Observation, on_delete=models.PROTECT, related_name="acknowledgement")
    agrees = models.BooleanField()
    text = models.TextField(blank=True)
    seal_sha256 = models.CharField(max_length=64)
    acknowledged_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.observation}: {'agrees' if self.agrees else 'disagrees'}"
