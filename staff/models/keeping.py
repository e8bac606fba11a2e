"""How long records are kept, what may not be deleted meanwhile, and who was erased."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from staff import clock
from staff.constraints import whole
from staff.models.clinics import Clinic

LEAST_YEARS = 6
MOST_YEARS = 50


class RetentionRule(models.Model):
    """How long this clinic keeps its records, on which ground. Insert-only; the highest number counts."""

    class Basis(models.TextChoices):
        HIPAA = "hipaa", "United States: HIPAA's six years (45 CFR 164.530(j)) and OSHA's three (29 CFR 1910.1030(h))"
        LAW = "law", "Another law, named below"
        CLAIMS = "claims", "The establishment, exercise or defence of legal claims"
        CONTRACT = "contract", "The insurer or a contract, named below"

    class PublicName(models.TextChoices):
        INITIALS = "initials", "Initials and status"
        STATUS = "status", "Status alone"

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    country = models.CharField(max_length=80)
    basis = models.CharField(max_length=8, choices=Basis.choices)
    basis_text = models.CharField(max_length=300, blank=True)
    years = models.PositiveSmallIntegerField()
    public_name = models.CharField(max_length=8, choices=PublicName.choices, default=PublicName.INITIALS)
    set_at = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("clinic", "-number")
        constraints = (
            models.UniqueConstraint(fields=["clinic", "number"], name="retentionrule_number_once"),
            models.CheckConstraint(
                condition=Q(years__gte=LEAST_YEARS, years__lte=MOST_YEARS), name="retentionrule_never_shorter"
            ),
            models.CheckConstraint(
                condition=Q(basis__in=["hipaa", "law", "claims", "contract"]), name="retentionrule_basis_known"
            ),
            models.CheckConstraint(
                condition=Q(basis__in=["hipaa", "claims"]) | ~Q(basis_text=""), name="retentionrule_basis_named"
            ),
            models.CheckConstraint(
                condition=Q(public_name__in=["initials", "status"]), name="retentionrule_public_name_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.clinic}: {self.years} years"

    @property
    def ground(self) -> str:
        """As it stands within a sentence, with the law or contract by its name."""
        words = str(self.get_basis_display()).removesuffix(", named below")
        return (f"{words}: {self.basis_text}" if self.basis_text else words).rstrip(" .")


class LegalHold(models.Model):
    """While it stands nothing of this person (without one: of this clinic) is deleted or erased. Two people lift it."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.TextField()
    placed_at = models.DateTimeField(default=clock.now)
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    release_at = models.DateTimeField(null=True, blank=True)
    release_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("clinic", "-placed_at")
        constraints = (
            models.CheckConstraint(condition=~Q(reason=""), name="legalhold_has_reason"),
            whole("release", name="legalhold_release_whole"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | (Q(lifted_at__gte=F("release_at"), lifted_by__isnull=False) & ~Q(lifted_by=F("release_by"))),
                name="legalhold_lifted_by_two",
            ),
        )

    def __str__(self) -> str:
        return f"{self.clinic}: {self.person or 'everybody'}"


class Erasure(models.Model):
    """The ledger: what was erased of whom, and what was kept and why. Insert-only; replayed after a restore."""

    class Kind(models.TextChoices):
        ACCOUNT = "account", "The account, 30 days after leaving"
        PERSON = "person", "The person, at her request"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasures")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    kept = models.TextField(help_text="What was kept, why and until when; canonical JSON, and no name.")
    erased_at = models.DateTimeField(default=clock.now)
    erased_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("erased_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=["person", "kind"], name="erasure_once"),
            models.CheckConstraint(condition=Q(kind__in=["account", "person"]), name="erasure_kind_known"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.person_id}"


class Tombstone(models.Model):
    """A record that was deleted when its time was over: which it was, and the hash of what it held. Insert-only.

    It is written first, in the same transaction: the triggers let a row go only where its tombstone stands.
    """

    table = models.CharField(max_length=80)
    row = models.BigIntegerField()
    label = models.CharField(max_length=80)
    name = models.CharField(
        max_length=40, blank=True, help_text="Its public id or number, where others name it by that."
    )
    sha256 = models.CharField(max_length=64)
    batch = models.CharField(max_length=16)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["table", "row"], name="tombstone_once"),)
        indexes = (models.Index(fields=["label", "name"], name="tombstone_name"),)

    def __str__(self) -> str:
        return f"{self.label} {self.row}"
