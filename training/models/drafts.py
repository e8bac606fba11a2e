from django.conf import settings
from django.db import models
from django.db.models import Q

from staff import clock
from staff.constraints import whole
from training.models.modules import Section, SectionVersion


class Draft(models.Model):
    """A section's text as somebody is writing it; a section has one open draft at most.

    `revision` rises with every save, so that of two people who write at once the second is told. `base` is the published
    version it is written over. A draft that came from the files (`origin`) waits for somebody to settle the conflict.
    """

    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="drafts")
    base = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()
    revision = models.PositiveIntegerField(default=1)
    origin = models.CharField(max_length=4, choices=SectionVersion.Origin.choices, default=SectionVersion.Origin.SITE)
    opened_at = models.DateTimeField(default=clock.now)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    saved_at = models.DateTimeField(default=clock.now)
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published = models.ForeignKey(
        SectionVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drafts",
        help_text="What it became.",
    )
    writers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")

    class Meta:
        ordering = ("-opened_at",)
        constraints = (
            models.UniqueConstraint(fields=["section"], condition=Q(closed_at=None), name="draft_one_open"),
            whole("closed", name="draft_closed_whole"),
            models.CheckConstraint(
                condition=Q(published=None) | Q(closed_at__isnull=False), name="draft_published_is_closed"
            ),
        )

    def __str__(self) -> str:
        return f"draft of {self.section}"
