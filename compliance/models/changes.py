"""What a change of the text asks of the people who hold a certificate on it. Rows are added, never edited."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from quizzes.models import QuestionVersion
from staff import clock
from staff.models import Clinic
from staff.models.people import public_id
from training.models import KeyPoint, KeyPointVersion, ModuleVersion, SectionVersion


class Change(models.Model):
    """One thing that a published version changed, and what its author chose for those who rest on it. Insert-only.

    Without a key point it is the text between them.
    """

    class Effect(models.TextChoices):
        COSMETIC = "cosmetic", "Nothing: wording only"
        NOTIFY = "notify", "Be told"
        REREAD = "reread", "Read it again"
        RETEST = "retest", "Read it again and answer questions on it"

    module_version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT, related_name="changes")
    section_version = models.ForeignKey(SectionVersion, on_delete=models.PROTECT, related_name="+")
    key_point = models.ForeignKey(KeyPoint, on_delete=models.PROTECT, null=True, blank=True, related_name="changes")
    before = models.ForeignKey(KeyPointVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    after = models.ForeignKey(KeyPointVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    effect = models.CharField(max_length=8, choices=Effect.choices)
    people = models.PositiveIntegerField(help_text="How many held a certificate that rested on it.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["module_version", "key_point"], name="change_once_a_version"),
            models.UniqueConstraint(
                fields=["module_version"], condition=Q(key_point=None), name="change_text_once_a_version"
            ),
            models.CheckConstraint(
                condition=Q(effect__in=["cosmetic", "notify", "reread", "retest"]), name="change_effect_known"
            ),
            models.CheckConstraint(
                condition=~Q(effect="retest") | Q(after__isnull=False), name="change_retest_has_a_point"
            ),
        )

    def __str__(self) -> str:
        return f"{self.key_point or 'text'} in {self.module_version}"

    @property
    def name(self) -> str:
        return self.key_point.code if self.key_point else "the text"

    @property
    def title(self) -> str:
        """The same at the beginning of a line."""
        return self.key_point.code if self.key_point else "The text"


class Task(models.Model):
    """This person is asked to read a changed passage again, and perhaps to answer on it. Insert-only: whether it is done
    is derived from what she read and answered since. Her certificate stays as it was."""

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="tasks")
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="tasks")
    due_on = models.DateField()
    asked_at = models.DateTimeField(default=clock.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "change"], name="task_once"),)

    def __str__(self) -> str:
        return f"{self.person}: {self.change}"


class PointTest(models.Model):
    """The questions that a task asked, in their order. Insert-only; handed in once."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="tests")
    number = models.PositiveSmallIntegerField()
    seed = models.CharField(max_length=64)
    started_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("task", "number")
        constraints = (models.UniqueConstraint(fields=["task", "number"], name="pointtest_number_once"),)

    def __str__(self) -> str:
        return f"{self.task}, test {self.number}"


class PointTestItem(models.Model):
    """Insert-only."""

    test = models.ForeignKey(PointTest, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField()
    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("test", "position")
        constraints = (models.UniqueConstraint(fields=["test", "position"], name="pointtestitem_position_once"),)

    def __str__(self) -> str:
        return f"{self.test} {self.position}"


class PointTestResult(models.Model):
    """What was answered, in ids of the bank (canonical JSON, one line an item), and how much was right. Insert-only."""

    test = models.OneToOneField(PointTest, on_delete=models.PROTECT, related_name="result")
    answers = models.TextField()
    right = models.PositiveSmallIntegerField()
    items = models.PositiveSmallIntegerField()
    passed = models.BooleanField()
    ended_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(right__lte=F("items")), name="pointtestresult_right_within"),
            models.CheckConstraint(
                condition=Q(passed=True, right=F("items")) | Q(passed=False, right__lt=F("items")),
                name="pointtestresult_passed_is_all_right",
            ),
        )

    def __str__(self) -> str:
        return f"{self.test}: {self.right} of {self.items}"
