"""Inspector's packs: who asked for which days, how far the making is, and the ZIP in parts while it is kept."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from staff import clock
from staff.models import Clinic
from staff.models.people import public_id


class Pack(models.Model):
    """A pack that was asked for. What was asked never changes; the making is deferred work, found and repeated by `tick`.

    `facts_at`: the instant whose facts it holds. `problem`: a sentence, once it is given up.
    """

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    dedupe_key = models.CharField(max_length=200)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="packs")
    from_on = models.DateField(null=True, blank=True)
    to_on = models.DateField()
    facts_at = models.DateTimeField()
    asked_at = models.DateTimeField(default=clock.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    due_at = models.DateTimeField(default=clock.now)
    tries = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField(null=True, blank=True)
    size = models.PositiveBigIntegerField(null=True, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    key_fingerprint = models.CharField(max_length=60, blank=True)
    problem = models.CharField(max_length=300, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-asked_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["dedupe_key"], condition=Q(made_at=None, problem=""), name="pack_asked_once"
            ),
            models.CheckConstraint(
                condition=Q(from_on=None) | Q(from_on__lte=F("to_on")), name="pack_days_in_their_order"
            ),
            models.CheckConstraint(
                condition=Q(made_at=None, size=None, manifest_sha256="")
                | Q(made_at__isnull=False, size__isnull=False, problem="") & ~Q(manifest_sha256=""),
                name="pack_made_whole",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None) | Q(made_at__isnull=False), name="pack_removed_after_it_was_made"
            ),
        )
        indexes = (models.Index(fields=["due_at"], condition=Q(made_at=None, problem=""), name="pack_waiting"),)

    def __str__(self) -> str:
        return f"{self.clinic}, {self.days}"

    @property
    def days(self) -> str:
        return f"{self.from_on} to {self.to_on}" if self.from_on else f"up to {self.to_on}"

    @property
    def state(self) -> str:
        """waiting, making, ready, removed or failed."""
        if self.problem:
            return "failed"
        if self.made_at:
            return "removed" if self.removed_at else "ready"
        return "making" if self.steps else "waiting"


class PackPart(models.Model):
    """Some of the bytes of a pack's ZIP, so that neither a worker's disk nor its memory holds it. Gone after some days."""

    pack = models.ForeignKey(Pack, on_delete=models.PROTECT, related_name="parts")
    position = models.PositiveIntegerField()
    bytes = models.BinaryField()

    class Meta:
        ordering = ("pack", "position")
        constraints = (models.UniqueConstraint(fields=["pack", "position"], name="packpart_position_once"),)

    def __str__(self) -> str:
        return f"{self.pack_id} {self.position}"
