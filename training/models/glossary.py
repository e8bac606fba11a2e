from django.db import models

from training.models.sources import Fact, Position


class Term(models.Model):
    """A word of the field with its meaning in one plain sentence. `forms` is a canonical JSON list: how the text writes it."""

    code = models.SlugField(max_length=60, unique=True)
    term = models.CharField(max_length=80)
    forms = models.TextField()
    meaning = models.TextField()
    facts = models.ManyToManyField(Fact, blank=True)
    positions = models.ManyToManyField(Position, blank=True)

    class Meta:
        ordering = ("term",)

    def __str__(self) -> str:
        return self.term

    @property
    def search_words(self) -> str:
        """What to look for: the term without what stands in brackets."""
        return self.term.partition(" (")[0]
