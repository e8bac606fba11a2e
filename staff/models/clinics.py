from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from staff import clock
from staff.constraints import whole
from staff.models.people import public_id


class Clinic(models.Model):
    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300)
    zone = models.CharField(max_length=64, help_text="IANA name of the clinic's time zone, such as America/Denver.")
    opened_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """This person works in this clinic. A change of title ends one row and begins the next."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    job_title = models.CharField(max_length=120)
    staff_number = models.CharField(max_length=40, blank=True, help_text="The clinic's own, as on its payroll.")
    hired_on = models.DateField()
    began_at = models.DateTimeField(default=clock.now)
    began_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["person", "clinic"], condition=Q(ended_at=None), name="membership_one_open"
            ),
            models.UniqueConstraint(
                "clinic",
                Lower("staff_number"),
                condition=Q(ended_at=None) & ~Q(staff_number=""),
                name="membership_staff_number_once",
            ),
            whole("ended", name="membership_end_whole", since="began_at"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.job_title}, {self.clinic}"


class Role(models.TextChoices):
    AESTHETICIAN = "aesthetician", "Treating staff"
    SUPPORT = "support", "Support staff"
    PHYSICIAN = "physician", "Supervising physician"
    MANAGER = "manager", "Manager"


class MembershipRole(models.Model):
    """What the person may do in that clinic. A physician signs only after somebody has checked who she is."""

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="roles")
    role = models.CharField(max_length=12, choices=Role.choices)
    granted_at = models.DateTimeField(default=clock.now)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    identity_checked_at = models.DateTimeField(null=True, blank=True)
    identity_checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    identity_checked_how = models.CharField(max_length=200, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["membership", "role"], condition=Q(ended_at=None), name="membershiprole_one_open"
            ),
            whole("ended", name="membershiprole_end_whole"),
            models.CheckConstraint(
                condition=Q(identity_checked_at=None, identity_checked_by=None, identity_checked_how="")
                | (
                    Q(identity_checked_at__isnull=False, identity_checked_by__isnull=False)
                    & ~Q(identity_checked_how="")
                ),
                name="membershiprole_identity_whole",
            ),
            models.CheckConstraint(
                condition=Q(identity_checked_by=None) | ~Q(identity_checked_by=F("granted_by")),
                name="membershiprole_identity_by_another",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membershiprole_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.membership}"


class InstallationRole(models.Model):
    """Authors and administrators: appointed for the installation, since modules belong to all clinics."""

    class Role(models.TextChoices):
        AUTHOR = "author", "Author"
        ADMINISTRATOR = "administrator", "Administrator"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    role = models.CharField(max_length=13, choices=Role.choices)
    granted_at = models.DateTimeField(default=clock.now)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["person", "role"], condition=Q(ended_at=None), name="installationrole_one_open"
            ),
            whole("ended", name="installationrole_end_whole"),
            models.CheckConstraint(
                condition=Q(role__in=["author", "administrator"]), name="installationrole_role_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.person}"


class Licence(models.Model):
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    type = models.CharField(max_length=80)
    number = models.CharField(max_length=80)
    authority = models.CharField(max_length=120)
    expires_on = models.DateField()
    recorded_at = models.DateTimeField(default=clock.now, editable=False)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("expires_on",)
        constraints = (models.UniqueConstraint(Lower("authority"), Lower("number"), "expires_on", name="licence_once"),)

    def __str__(self) -> str:
        return f"{self.type}, {self.authority}, to {self.expires_on}"
