from django.db import models

from training.models.modules import ModuleVersion, SectionVersion


class Passage(models.Model):
    """One thing that search can find in a live module. Made from the published text, so it may be made anew at any time.

    The engine's own index hangs on it: an FTS5 table beside it on SQLite, a generated column on PostgreSQL.
    """

    class Kind(models.TextChoices):
        MODULE = "module", "Module"
        SECTION = "section", "Section"
        POINT = "point", "Key point"
        HEADING = "heading", "Heading"
        PROSE = "prose", "Text"
        PICTURE = "picture", "Picture"

    module_version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="passages")
    section_version = models.ForeignKey(
        SectionVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="passages"
    )
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    anchor = models.CharField(max_length=80, blank=True)
    code = models.CharField(max_length=12, blank=True)
    critical = models.BooleanField()
    tier = models.PositiveSmallIntegerField(help_text="The order of results, 0 first.")
    text = models.TextField()
    folded = models.TextField(help_text="The text as it is indexed.")

    class Meta:
        ordering = ("module_version", "position")
        constraints = (models.UniqueConstraint(fields=["module_version", "position"], name="passage_position_once"),)

    def __str__(self) -> str:
        return f"{self.module_version}, {self.position}"
