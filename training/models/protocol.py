import json

from django.conf import settings
from django.db import models

from staff import clock
from staff.models import Clinic, Signature
from training.models.modules import ModuleVersion, Section


class ProtocolItem(models.Model):
    """A decision the material leaves to the clinic's physician, with the cautious default shown until she signs another."""

    code = models.SlugField(max_length=40, unique=True)
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=200)
    question = models.TextField()
    default = models.TextField()
    kind = models.CharField(max_length=5, default="text", choices=[("text", "words"), ("table", "a table")])
    columns = models.CharField(max_length=200, blank=True, help_text="A table's columns, comma-separated.")
    blanks = models.TextField(blank=True, help_text="Lines to fill in by hand on its printed card, one a line.")

    class Meta:
        ordering = ("position", "code")

    def __str__(self) -> str:
        return self.title


class ProtocolValue(models.Model):
    """What a clinic's physician signed for an item. Insert-only; the highest number is in force."""

    item = models.ForeignKey(ProtocolItem, on_delete=models.PROTECT, related_name="values")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    text = models.TextField()
    is_default = models.BooleanField(help_text="The cautious default, taken over by signature.")
    signature = models.ForeignKey(Signature, on_delete=models.PROTECT)
    decided_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["item", "clinic", "number"], name="protocolvalue_number_once"),)

    def __str__(self) -> str:
        return f"{self.item}, {self.clinic}, {self.number}"


class Adoption(models.Model):
    """A clinic's physician has signed a module version for her clinic. Insert-only."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    module_version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="adoptions")
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    adopted_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["clinic", "module_version"], name="adoption_once"),)

    def __str__(self) -> str:
        return f"{self.clinic}: {self.module_version}"


class ProtocolReread(models.Model):
    """Whoever read a section that shows a decision reads it again, because the decision changed. Insert-only."""

    value = models.ForeignKey(ProtocolValue, on_delete=models.PROTECT, related_name="rereads")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["value", "person", "section"], name="protocolreread_once"),)

    def __str__(self) -> str:
        return f"{self.person} {self.section} from {self.asked_at}"


class StateRule(models.Model):
    """Which licence types may perform in this clinic, and under which rule. Insert-only; the highest number is in force.

    `licence_types` is a canonical JSON list of types as they stand on the licences.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    rule = models.TextField()
    licence_types = models.TextField()
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    decided_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["clinic", "number"], name="staterule_number_once"),)

    def __str__(self) -> str:
        return f"{self.clinic}: {self.rule}"

    @property
    def types(self) -> list[str]:
        return list(json.loads(self.licence_types))
