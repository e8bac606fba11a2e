import secrets
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.functional import cached_property

from staff import clock
from staff.prepared import prepared

PINPOINT_EMAIL = "pinpoint@system.invalid"


def public_id() -> str:
    """16 characters, 96 random bits: what stands in addresses in place of row numbers. None begins with a hyphen, which a
    spreadsheet would take for a formula and a command for an option."""
    while (made := secrets.token_urlsafe(12)).startswith("-"):
        pass
    return made


@prepared
def _held_for_the_installation(person: int) -> "models.QuerySet[Any, str]":
    return StaffMember(pk=person).installationrole_set.filter(ended_at=None).values_list("role", flat=True)


class StaffMemberManager(BaseUserManager["StaffMember"]):
    def create_user(self, email: str, full_name: str, password: str | None = None, **fields: Any) -> "StaffMember":
        person = self.model(email=email.strip().lower(), full_name=full_name.strip(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def get_by_natural_key(self, username: str | None) -> "StaffMember":
        return self.get(email=(username or "").lower())

    def pinpoint(self) -> "StaffMember":
        """The seeded, inactive person in whose name the site acts alone."""
        return self.get(email=PINPOINT_EMAIL)


class StaffMember(AbstractBaseUser):
    """A person. Signs in by e-mail; is never deleted."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    full_name = models.CharField(max_length=200)
    latin_name = models.CharField(
        max_length=200, blank=True, help_text="Printed where the certificate's fonts cannot write the full name."
    )
    email = models.EmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=clock.now, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    merged_into = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="aliases",
        help_text="The account that was kept, where this one was found to be the same person's.",
    )
    theme = models.CharField(max_length=5, blank=True, choices=[("light", "Light"), ("dark", "Dark")])

    objects: ClassVar[StaffMemberManager] = StaffMemberManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        ordering = ("full_name", "pk")
        verbose_name = "staff member"
        constraints = (
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="staffmember_email_lower"),
            models.CheckConstraint(condition=~models.Q(full_name=""), name="staffmember_has_name"),
            models.CheckConstraint(
                condition=models.Q(merged_into=None)
                | (models.Q(is_active=False) & ~models.Q(merged_into=models.F("pk"))),
                name="staffmember_alias_is_closed",
            ),
        )

    def __str__(self) -> str:
        return self.full_name

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name

    @property
    def initials(self) -> str:
        words = [word for word in self.full_name.replace("-", " ").split() if word[0].isalnum() and word != "Dr."]
        return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"

    @cached_property
    def installation_roles(self) -> frozenset[str]:
        return frozenset(_held_for_the_installation(self.pk))

    @property
    def is_administrator(self) -> bool:
        return "administrator" in self.installation_roles

    # What Django's admin asks of a user.
    @property
    def is_staff(self) -> bool:
        return self.is_administrator

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Administrators look at every table, a package's own too, and change none: not even an address or a session."""
        return self.is_active and self.is_administrator and perm.split(".")[-1].startswith("view_")

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_administrator
