from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from certificates import names
from quizzes.models import Attempt, Candidacy
from staff import clock
from staff.models import Clinic, Signature, StoredFile
from training.models import Observation, Programme


class NumberSeries(models.Model):
    """The last certificate number of a year, from a locked row: PP-2026-000001."""

    year = models.PositiveSmallIntegerField(unique=True)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "number series"

    def __str__(self) -> str:
        return f"{self.year}: {self.last}"


class Certificate(models.Model):
    """Everything printed, frozen at issue. Insert-only: its state is derived from events and the instant.

    `facts` is the canonical JSON of all of it, `facts_sha256` its hash.
    """

    class Kind(models.TextChoices):
        KNOWLEDGE = "knowledge", "Knowledge certificate"
        PROGRAMME = "programme", "Programme certificate"

    class Name(models.TextChoices):
        FULL = names.FULL, "Full name"
        INITIALS = names.INITIALS, "Initials"

    class Reissue(models.TextChoices):
        NAME = "name", "The holder's name was corrected"
        NAME_SHOWN = "name-shown", "The holder chose how the name is shown"

    number = models.CharField(max_length=20, unique=True)
    code = models.CharField(max_length=30, unique=True)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="certificates")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    candidacy = models.ForeignKey(Candidacy, on_delete=models.PROTECT, null=True, blank=True)
    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="certificates")
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )
    holder_name = models.CharField(max_length=200)
    printed_name = models.CharField(max_length=200)
    name_shown = models.CharField(max_length=8, choices=Name.choices, default=Name.FULL)
    reissued_for = models.CharField(max_length=10, choices=Reissue.choices, blank=True)
    title = models.CharField(max_length=200)
    kind_line = models.CharField(max_length=120)
    statement = models.CharField(max_length=200)
    scope = models.TextField()
    clinic_name = models.CharField(max_length=200)
    clinic_address = models.CharField(max_length=300)
    module_version_number = models.PositiveIntegerField(null=True, blank=True)
    rule_line = models.CharField(max_length=300)
    disclaimer = models.CharField(max_length=300)
    attempt_line = models.CharField(max_length=120, blank=True)
    issued_at = models.DateTimeField(default=clock.now)
    passed_on = models.DateField(null=True, blank=True)
    valid_from_on = models.DateField()
    valid_until_on = models.DateField()
    zone = models.CharField(max_length=64)
    renewal_days = models.PositiveSmallIntegerField(default=60)
    design_version = models.CharField(max_length=20)
    site_url = models.CharField(max_length=200)
    facts = models.TextField()
    facts_sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ("-issued_at", "-pk")
        constraints = (
            models.UniqueConstraint(
                fields=["attempt"], condition=Q(supersedes=None), name="certificate_once_an_attempt"
            ),
            models.UniqueConstraint(fields=["supersedes"], name="certificate_superseded_once"),
            models.CheckConstraint(
                condition=Q(kind="knowledge", attempt__isnull=False) | Q(kind="programme", attempt=None),
                name="certificate_knowledge_has_attempt",
            ),
            models.CheckConstraint(condition=Q(valid_until_on__gte=F("valid_from_on")), name="certificate_dates"),
        )
        indexes = (
            models.Index(fields=["clinic", "-issued_at"], name="certificate_clinic"),
            # All that the roll asks of everybody's certificates, so that their texts need not be read.
            models.Index(
                fields=[
                    "person",
                    "issued_at",
                    "attempt",
                    "candidacy",
                    "zone",
                    "renewal_days",
                    "valid_from_on",
                    "valid_until_on",
                ],
                name="certificate_calendar",
            ),
        )

    def __str__(self) -> str:
        return f"{self.number}, {self.holder_name}"

    @property
    def issued_on(self) -> date:
        """The day of issue in the clinic's zone."""
        return self.issued_at.astimezone(ZoneInfo(self.zone)).date()

    def get_absolute_url(self) -> str:
        return reverse("certificates:certificate-detail", args=[self.number])


class ProgrammeSigning(models.Model):
    """What a programme certificate carries besides: the physician as printed, and all that stood on her screen. Insert-only.

    `dossier` is canonical JSON; its hash is what the signature is over. A copy under a corrected name carries the same signature.
    `credentials`: her kinds of licence and who gave them, never a number. `versions`: the modules it rests on, a line each.
    What was signed before format 3 of the facts has neither them nor the programme's hash.
    """

    certificate = models.OneToOneField(Certificate, on_delete=models.PROTECT, related_name="signing")
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="+")
    physician = models.CharField(max_length=200)
    credentials = models.CharField(max_length=400, blank=True)
    signed = models.CharField(max_length=400)
    versions = models.TextField(blank=True)
    programme_sha256 = models.CharField(max_length=64, blank=True)
    dossier = models.TextField()
    signature = models.ForeignKey(Signature, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"{self.certificate.number}, signed by {self.physician}"


class CertificateBasis(models.Model):
    """One thing that a programme certificate rests on: a certificate of knowledge, or a signed sheet. Insert-only."""

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="basis")
    knowledge = models.ForeignKey(Certificate, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    observation = models.ForeignKey(Observation, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("certificate", "pk")
        constraints = (
            models.CheckConstraint(
                condition=Q(knowledge__isnull=False, observation=None) | Q(knowledge=None, observation__isnull=False),
                name="certificatebasis_one_thing",
            ),
            models.UniqueConstraint(fields=["certificate", "knowledge"], name="certificatebasis_knowledge_once"),
            models.UniqueConstraint(fields=["certificate", "observation"], name="certificatebasis_sheet_once"),
        )

    def __str__(self) -> str:
        return f"{self.certificate.number} rests on {self.knowledge or self.observation}"


class CertificateEvent(models.Model):
    """Something that changes a certificate's state. Insert-only."""

    class Kind(models.TextChoices):
        SUSPENDED = "suspended", "Suspended"
        LIFTED = "lifted", "Suspension lifted"
        REVOKED = "revoked", "Revoked"
        ENDED = "ended", "Ended"
        PENDING = "pending", "Supervision pending"
        ENDORSED = "endorsed", "Endorsed again"

    REASONS: ClassVar[list[tuple[str, str]]] = [
        ("retraining", "Re-training required"),
        ("restudy", "Re-study after a review"),
        ("regrade", "Correction of a question"),
        ("error", "Issued in error"),
        ("conduct", "Conduct of the assessment"),
        ("scope", "Change of scope or licence"),
        ("other", "Other"),
    ]
    # What only the site writes.
    SITE_REASONS: ClassVar[list[tuple[str, str]]] = [
        ("basis", "A module is not proven at present"),
        ("left", "The holder left the clinic"),
        ("supervision", "The supervising physician changed"),
    ]

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    at = models.DateTimeField(default=clock.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    effective_at = models.DateTimeField(default=clock.now)
    reason_class = models.CharField(max_length=12, choices=[*REASONS, *SITE_REASONS])
    public_text = models.CharField(max_length=300, blank=True)
    private_note = models.TextField(blank=True)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ("at", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=["certificate"], condition=Q(kind="revoked"), name="certificateevent_revoked_once"
            ),
            models.CheckConstraint(
                condition=~Q(kind="revoked") | (Q(signature__isnull=False) & ~Q(public_text="")),
                name="certificateevent_revocation_signed",
            ),
            models.CheckConstraint(
                condition=~Q(kind="endorsed") | Q(signature__isnull=False), name="certificateevent_endorsement_signed"
            ),
        )

    def __str__(self) -> str:
        return f"{self.certificate.number} {self.kind}"

    @property
    def reason(self) -> str:
        """The class of the reason, in the words that the public reads."""
        return str(self.get_reason_class_display())


class CertificateFile(models.Model):
    """The rendered paper: stored once, the same file in six years. Insert-only."""

    FORMATS: ClassVar[list[tuple[str, str]]] = [
        ("pdf", "PDF, A4"),
        ("png", "PNG"),
        ("letter", "PDF, US Letter"),
        ("card", "PDF, wallet card"),
    ]

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="files")
    format = models.CharField(max_length=6, choices=FORMATS)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["certificate", "format"], name="certificatefile_once"),)

    def __str__(self) -> str:
        return f"{self.certificate.number}.{self.format}"


class BadgeKey(models.Model):
    """A public key that has signed badges: it stays in the issuer's document for ever. Insert-only."""

    public = models.CharField(max_length=60, unique=True)
    recorded_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.public


class BadgeSubject(models.Model):
    """What stays the same however often a certificate's badge is signed: whom it means, and its place in the status list.

    The place is random, so that it tells neither order nor number. Insert-only.
    """

    certificate = models.OneToOneField(Certificate, on_delete=models.PROTECT, related_name="badge_subject")
    subject = models.CharField(max_length=45, unique=True)
    salt = models.CharField(max_length=32)
    identity_hash = models.CharField(max_length=71)
    status_list = models.PositiveIntegerField()
    status_index = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["status_list", "status_index"], name="badgesubject_place_once"),)

    def __str__(self) -> str:
        return f"{self.certificate.number}: {self.status_list}#{self.status_index}"


class Badge(models.Model):
    """The signed credential of a certificate and the picture it is baked into, as bytes. Insert-only.

    A second one follows only when the key of the first was withdrawn.
    """

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="badges")
    number = models.PositiveSmallIntegerField(default=1)
    key = models.ForeignKey(BadgeKey, on_delete=models.PROTECT)
    credential = models.TextField()
    sha256 = models.CharField(max_length=64)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT)
    signed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("certificate", "number")
        constraints = (models.UniqueConstraint(fields=["certificate", "number"], name="badge_once_a_number"),)

    def __str__(self) -> str:
        return f"badge {self.number} of {self.certificate.number}"
