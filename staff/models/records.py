"""What is on record: insert-only rows, chained and signed. Triggers (staff/guards.py) refuse every change to them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.models.clinics import Clinic
from staff.models.people import public_id


class Chain(models.Model):
    """One line of audit events: a clinic's, or the house's (no clinic). Its head is locked while an event is added."""

    clinic = models.OneToOneField(Clinic, on_delete=models.PROTECT, null=True, blank=True)
    house = models.BooleanField(default=False)
    seq = models.BigIntegerField(default=0)
    head = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(seq__gte=0), name="chain_seq_positive"),
            models.CheckConstraint(condition=Q(clinic__isnull=False) | Q(house=True), name="chain_clinic_or_house"),
            models.UniqueConstraint(fields=["house"], condition=Q(house=True), name="chain_one_house"),
        )

    def __str__(self) -> str:
        return str(self.clinic or "the house")


class ActorName(models.Model):
    """Who stands behind an actor's commitment: the one place with the name, so that it alone is erased."""

    commitment = models.CharField(max_length=64, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    name = models.CharField(max_length=200)
    salt = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.name


class AuditEvent(models.Model):
    """Insert-only. `hash` covers every field and the hash of the event before."""

    chain = models.ForeignKey(Chain, on_delete=models.PROTECT)
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    actor_commitment = models.CharField(max_length=64)
    role = models.CharField(max_length=40, blank=True)
    action = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=60)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("chain", "seq")
        constraints = (
            models.UniqueConstraint(fields=["chain", "seq"], name="auditevent_seq_once"),
            models.UniqueConstraint(fields=["chain", "prev_hash"], name="auditevent_no_fork"),
        )
        indexes = (models.Index(fields=["subject_type", "subject_id"], name="auditevent_subject"),)

    def __str__(self) -> str:
        return f"{self.chain} {self.seq}: {self.action}"


class SigningAcceptance(models.Model):
    """Insert-only. A person took the words for her own that say what her electronic signature is: once for each wording, before
    her first signature under it."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="+")
    wording = models.PositiveSmallIntegerField()
    text = models.TextField()
    accepted_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("person", "wording")
        constraints = (models.UniqueConstraint(fields=["person", "wording"], name="signingacceptance_once"),)

    def __str__(self) -> str:
        return f"{self.person}: wording {self.wording}"


class Signature(models.Model):
    """Insert-only. `mac` authenticates every field with a key that is not in the database."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    signer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    signer_name = models.CharField(max_length=200)
    credentials = models.CharField(max_length=300, blank=True)
    role = models.CharField(max_length=40)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    meaning_code = models.CharField(max_length=40)
    meaning_text = models.TextField()
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=60)
    record_sha256 = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    signed_at = models.DateTimeField(default=clock.now)
    zone = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64, unique=True)
    auth_method = models.CharField(max_length=40)
    session_hash = models.CharField(max_length=64)
    ip = models.GenericIPAddressField(null=True, blank=True)
    agent = models.CharField(max_length=300, blank=True)
    key_id = models.CharField(max_length=40)
    mac = models.CharField(max_length=64)

    class Meta:
        indexes = (models.Index(fields=["subject_type", "subject_id"], name="signature_subject"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(signed_at__gte=models.F("opened_at")), name="signature_opened_before_signed"
            ),
        )

    def __str__(self) -> str:
        return f"{self.signer_name}: {self.meaning_code}"


class StoredFile(models.Model):
    """Insert-only bytes under their own hash; nothing that matters is on a worker's disk."""

    sha256 = models.CharField(max_length=64, unique=True)
    bytes = models.BinaryField()
    media_type = models.CharField(max_length=100)
    stored_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return f"{self.media_type} {self.sha256[:12]}"
