import json
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.constraints import whole
from staff.models import StoredFile


class Module(models.Model):
    class Renewal(models.TextChoices):
        FULL = "full", "everything is read again"
        MISSED = "missed", "the quiz comes first"

    slug = models.SlugField(max_length=60, unique=True)
    code = models.CharField(max_length=4, unique=True, help_text="Prefix of its key points and items, such as nd.")
    position = models.PositiveSmallIntegerField(default=0)
    validity_months = models.PositiveSmallIntegerField(default=12)
    validity_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Valid through completion and these days, instead of months from the old end."
    )
    renewal = models.CharField(max_length=6, choices=Renewal.choices, default=Renewal.MISSED)

    class Meta:
        ordering = ("position", "slug")

    def __str__(self) -> str:
        return self.slug


class Programme(models.Model):
    """What a clinic requires of a kind of staff. Canonical JSON: `modules` a list of slugs, `roles` of roles, `practicals` of
    mappings with code, title and starred."""

    slug = models.SlugField(max_length=60, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=200)
    scope = models.CharField(max_length=300)
    roles = models.TextField(default='["aesthetician"]')
    modules = models.TextField()
    practicals = models.TextField()
    occasions = models.TextField(default="{}", help_text="By setting, how many occasions are proposed. Canonical JSON.")
    validity_months = models.PositiveSmallIntegerField()
    renewal_opens_days = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)

    def __str__(self) -> str:
        return self.title

    @property
    def slugs(self) -> list[str]:
        """Its modules in order, published or not."""
        return list(json.loads(self.modules))

    @property
    def asked_of(self) -> list[str]:
        """The roles it is required of."""
        return list(json.loads(self.roles))

    @property
    def observed(self) -> list[dict[str, Any]]:
        """Its practicals in order."""
        return list(json.loads(self.practicals))

    @property
    def proposed(self) -> dict[str, int]:
        """How many occasions of each setting are proposed; the physician decides."""
        return dict(json.loads(self.occasions))


class Section(models.Model):
    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="sections")
    slug = models.SlugField(max_length=80)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["module", "slug"], name="section_once"),)

    def __str__(self) -> str:
        return f"{self.module}/{self.slug}"


class Picture(models.Model):
    """A drawing of ours, or a picture that was uploaded and drawn anew, and the words that carry the same. Insert-only,
    under its hash. `cites` is a canonical JSON list, kept for what was uploaded."""

    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="pictures")
    code = models.SlugField(max_length=80)
    svg = models.TextField(blank=True)
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    cites = models.TextField(default="[]")
    title = models.CharField(max_length=200)
    caption = models.TextField()
    words = models.TextField()
    to_scale = models.BooleanField()
    sha256 = models.CharField(max_length=64, unique=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=(Q(file=None, width=None, height=None) & ~Q(svg=""))
                | Q(svg="", file__isnull=False, width__isnull=False, height__isnull=False),
                name="picture_drawn_or_uploaded",
            ),
        )

    def __str__(self) -> str:
        return self.title


class SectionVersion(models.Model):
    """The text of a section as it was published. Insert-only; an unchanged section keeps its version and its readings."""

    class Origin(models.TextChoices):
        FILE = "file", "file"
        SITE = "site", "site"

    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    text = models.TextField()
    minutes = models.PositiveSmallIntegerField()
    pictures = models.ManyToManyField(Picture, blank=True)
    sha256 = models.CharField(max_length=64)
    origin = models.CharField(max_length=4, choices=Origin.choices)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["section", "number"], name="sectionversion_number_once"),)

    def __str__(self) -> str:
        return f"{self.section} v{self.number}"


class ModuleVersion(models.Model):
    """A published module. `details` is canonical JSON: title, summary, reviewer, objectives. Insert-only."""

    class Change(models.TextChoices):
        CLINICAL = "clinical", "clinical"
        COSMETIC = "cosmetic", "cosmetic"

    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    details = models.TextField()
    change = models.CharField(max_length=8, choices=Change.choices)
    note = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64)
    published_at = models.DateTimeField(default=clock.now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    sections = models.ManyToManyField(SectionVersion, through="ModuleVersionSection")

    class Meta:
        ordering = ("module", "number")
        constraints = (models.UniqueConstraint(fields=["module", "number"], name="moduleversion_number_once"),)

    def __str__(self) -> str:
        return f"{self.title}, version {self.number}"


class ModuleVersionSection(models.Model):
    module_version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="places")
    position = models.PositiveSmallIntegerField()
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="places")

    class Meta:
        ordering = ("module_version", "position")
        constraints = (
            models.UniqueConstraint(fields=["module_version", "position"], name="moduleversionsection_position_once"),
            models.UniqueConstraint(
                fields=["module_version", "section_version"], name="moduleversionsection_section_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.position} {self.section_version}"


class KeyPoint(models.Model):
    """One teachable statement, under a code that stays for ever."""

    module = models.ForeignKey(Module, on_delete=models.PROTECT, related_name="key_points")
    code = models.CharField(max_length=12, unique=True)
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("code",)
        constraints = (whole("retired", name="keypoint_retired_whole"),)

    def __str__(self) -> str:
        return self.code


class KeyPointVersion(models.Model):
    """The statement as a section version carries it. Insert-only.

    `content_sha256` covers what an item tests (text, criticality, dependence): items go stale when it differs.
    """

    key_point = models.ForeignKey(KeyPoint, on_delete=models.PROTECT, related_name="versions")
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="points")
    position = models.PositiveSmallIntegerField()
    text = models.TextField()
    critical = models.BooleanField()
    content_sha256 = models.CharField(max_length=64)
    depends_on = models.ManyToManyField("training.ProtocolItem", blank=True)

    class Meta:
        ordering = ("section_version", "position")
        constraints = (
            models.UniqueConstraint(fields=["key_point", "section_version"], name="keypointversion_once"),
            models.UniqueConstraint(fields=["section_version", "position"], name="keypointversion_position_once"),
        )

    def __str__(self) -> str:
        return f"{self.key_point} in {self.section_version}"
