from django.db import models
from django.db.models import Q


class Source(models.Model):
    """A document that statements rest on: one of the four seed articles, official guidance, or research."""

    class Label(models.TextChoices):
        SEED = "seed", "seed document"
        OFFICIAL = "official", "added from official guidance"
        RESEARCH = "research", "added from research"
        SECONDARY = "secondary", "added from a secondary source"

    code = models.CharField(max_length=8, unique=True)
    title = models.CharField(max_length=300)
    publisher = models.CharField(max_length=300, blank=True)
    year = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=60)
    label = models.CharField(max_length=10, choices=Label.choices)
    address = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Fact(models.Model):
    """One thing a source says. A citation names the row (S0-21, V12.1), never the whole document."""

    code = models.CharField(max_length=12, unique=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT)
    statement = models.TextField()
    quote = models.TextField(blank=True)
    verified = models.CharField(max_length=7, default="yes", choices=[(v, v) for v in ("yes", "partial", "no")])
    kind = models.CharField(max_length=10, blank=True)
    left_out = models.TextField(blank=True, help_text="Why a teachable row of a seed document is not taught.")

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code


class Position(models.Model):
    """Where sources differ: what is taught, and what they say."""

    code = models.CharField(max_length=4, unique=True)
    title = models.CharField(max_length=200)
    priority = models.CharField(max_length=1)
    teach = models.TextField()
    differs = models.TextField(blank=True)
    cites = models.ManyToManyField(Fact, blank=True)

    class Meta:
        ordering = ("code",)

    def __str__(self) -> str:
        return f"{self.code} {self.title}"


class Citation(models.Model):
    """This section (or this key point in it) rests on exactly one fact or position."""

    section_version = models.ForeignKey("training.SectionVersion", on_delete=models.PROTECT, related_name="citations")
    point = models.ForeignKey(
        "training.KeyPointVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="citations"
    )
    fact = models.ForeignKey(Fact, on_delete=models.PROTECT, null=True, blank=True)
    position = models.ForeignKey(Position, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(fact__isnull=False, position=None) | Q(fact=None, position__isnull=False),
                name="citation_exactly_one",
            ),
        )

    def __str__(self) -> str:
        return str(self.fact or self.position)
