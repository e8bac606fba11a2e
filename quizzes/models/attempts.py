import json
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.urls import reverse

from quizzes import kinds
from quizzes.models.bank import QuestionVersion, Quiz, QuizVersion
from staff import clock
from staff.constraints import whole
from staff.models import Clinic, Signature, StaffMember
from staff.models.people import public_id
from training.models import KeyPoint, KeyPointVersion, ModuleVersion


class Candidacy(models.Model):
    """This person, this quiz, for this clinic, in this cycle. Attempts count within it; starting locks it."""

    class Reason(models.TextChoices):
        INITIAL = "initial", "Initial"
        RENEWAL = "renewal", "Renewal"
        REVISION = "revision", "Revision"
        INCIDENT = "incident", "Incident"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="candidacies")
    quiz = models.ForeignKey(Quiz, on_delete=models.PROTECT)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    cycle = models.PositiveIntegerField()
    reason = models.CharField(max_length=8, choices=Reason.choices)
    opened_at = models.DateTimeField(default=clock.now)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "candidacies"
        constraints = (
            models.UniqueConstraint(fields=["person", "quiz", "cycle"], name="candidacy_cycle_once"),
            # The quiz first, for who asks for all that are open in some
            models.UniqueConstraint(fields=["quiz", "person"], condition=Q(closed_at=None), name="candidacy_one_open"),
            whole("closed", name="candidacy_closed_whole"),
        )

    def __str__(self) -> str:
        return f"{self.person}, {self.quiz}, cycle {self.cycle}"


class AttemptGrant(models.Model):
    """Further attempts (or an earlier one) opened by a physician. Insert-only; allowed = rule + sum of grants."""

    class Kind(models.TextChoices):
        TALK = "talk", "after a recorded talk"
        EARLY = "early", "before its time"

    candidacy = models.ForeignKey(Candidacy, on_delete=models.PROTECT, related_name="grants")
    kind = models.CharField(max_length=5, choices=Kind.choices)
    extra = models.PositiveSmallIntegerField()
    reason = models.TextField()
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    granted_at = models.DateTimeField(default=clock.now)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (models.CheckConstraint(condition=~Q(reason=""), name="attemptgrant_has_reason"),)

    def __str__(self) -> str:
        return f"{self.candidacy}: {self.extra} more"


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def of(self, person: StaffMember) -> "AttemptQuerySet":
        return self.filter(candidacy__person=person)

    def finished(self) -> "AttemptQuerySet":
        return self.filter(state__in=Attempt.FINISHED)

    def passed(self) -> "AttemptQuerySet":
        """Whose outcome is a pass: the one that counts, which a regrade may have added."""
        return self.alias(counting=_counting()).filter(counting=True)

    def not_passed(self) -> "AttemptQuerySet":
        return self.alias(counting=_counting()).filter(counting=False)

    def closing(self) -> "AttemptQuerySet":
        """Passes that close the quiz: those that count, and those that a regrade took but nobody has undone.

        Until a physician has decided about its certificate, and where she keeps it, such a pass is as good as another.
        """
        outcomes = Outcome.objects.filter(attempt=OuterRef("pk"))
        undone = outcomes.filter(disposition__decision__in=["suspend", "revoke", "reopen"])
        once = outcomes.filter(passed=True)
        return self.alias(counting=_counting()).filter(Q(counting=True) | (Exists(once) & ~Exists(undone)))


def _counting() -> Subquery:
    """Of an attempt: whether it is passed, as its outcome with the highest number says."""
    rows = Outcome.objects.filter(attempt=OuterRef("pk")).order_by("-number")
    return Subquery(rows.values("passed")[:1], output_field=models.BooleanField())


class Attempt(models.Model):
    """One sitting. Once sealed, nothing in it changes."""

    class Kind(models.TextChoices):
        FULL = "full", "Quiz"
        CRITICAL_RETEST = "critical_retest", "Critical re-test"

    class State(models.TextChoices):
        OPEN = "open", "In progress"
        SUBMITTED = "submitted", "Submitted"
        EXPIRED = "expired", "Scored as stored"
        VOIDED = "voided", "Voided"

    FINISHED: ClassVar[tuple[str, ...]] = ("submitted", "expired")

    public_id = models.CharField(max_length=16, unique=True, default=public_id, editable=False)
    candidacy = models.ForeignKey(Candidacy, on_delete=models.PROTECT, related_name="attempts")
    quiz_version = models.ForeignKey(QuizVersion, on_delete=models.PROTECT)
    module_version = models.ForeignKey(ModuleVersion, on_delete=models.PROTECT)
    kind = models.CharField(max_length=15, choices=Kind.choices, default=Kind.FULL)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="retests")
    number = models.PositiveSmallIntegerField(null=True, blank=True)
    seed = models.CharField(max_length=64)
    started_at = models.DateTimeField(default=clock.now)
    deadline_at = models.DateTimeField()
    limit_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The clock it was started under, without extra time; none by default."
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    ended_at = models.DateTimeField(null=True, blank=True)
    seal_sha256 = models.CharField(max_length=64, blank=True)

    objects: ClassVar[Any] = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["candidacy", "number"], name="attempt_number_once"),
            models.UniqueConstraint(fields=["candidacy"], condition=Q(state="open"), name="attempt_one_open"),
            models.UniqueConstraint(
                fields=["candidacy"],
                condition=Q(kind="critical_retest") & ~Q(state="voided"),
                name="attempt_one_critical_retest",
            ),
            models.CheckConstraint(
                condition=Q(kind="full", parent=None, number__gte=1)
                | Q(kind="critical_retest", parent__isnull=False, number=None),
                name="attempt_kind_whole",
            ),
            models.CheckConstraint(
                condition=Q(state="open", ended_at=None, seal_sha256="")
                | (Q(state__in=["submitted", "expired"], ended_at__isnull=False) & ~Q(seal_sha256=""))
                | Q(state="voided", ended_at__isnull=False),
                name="attempt_state_whole",
            ),
            models.CheckConstraint(condition=Q(deadline_at__gt=F("started_at")), name="attempt_deadline_after_start"),
        )
        indexes = (models.Index(fields=["deadline_at"], condition=Q(state="open"), name="attempt_overdue"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.candidacy}"

    @property
    def is_retest(self) -> bool:
        return self.kind == self.Kind.CRITICAL_RETEST

    @property
    def name(self) -> str:
        return "critical re-test" if self.is_retest else f"attempt {self.number}"

    @property
    def cut(self) -> int:
        """Right answers needed; in a re-test all."""
        rules: QuizVersion = self.quiz_version
        return rules.retest_items if self.is_retest else rules.cut

    @property
    def size(self) -> int:
        rules: QuizVersion = self.quiz_version
        return rules.retest_items if self.is_retest else rules.items

    @property
    def outcome(self) -> "Outcome | None":
        """The one that counts: the highest number; uses what was prefetched."""
        return max(self.outcomes.all(), key=lambda outcome: outcome.number, default=None)

    def get_absolute_url(self) -> str:
        return reverse("quizzes:attempt-take", args=[self.public_id])


class AttemptItem(models.Model):
    """One drawn item. `tokens` is canonical JSON, [[token, id], …] in the order shown; `answer` is as its kind writes it."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="items")
    position = models.PositiveSmallIntegerField()
    question_version = models.ForeignKey(QuestionVersion, on_delete=models.PROTECT, related_name="drawn")
    tokens = models.TextField()
    flagged = models.BooleanField(default=False)
    answer = models.CharField(max_length=kinds.LONGEST, blank=True)
    revision = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("attempt", "position")
        constraints = (
            models.UniqueConstraint(fields=["attempt", "position"], name="attemptitem_position_once"),
            models.UniqueConstraint(fields=["attempt", "question_version"], name="attemptitem_question_once"),
        )

    def __str__(self) -> str:
        return f"{self.attempt_id}/{self.position}"

    @property
    def shown(self) -> list[list[str]]:
        """[[token, id], …] in the order shown."""
        pairs: list[list[str]] = json.loads(self.tokens)
        return pairs


class AttemptItemPoint(models.Model):
    """A key point the drawn item tests, as it read at the draw."""

    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="points")
    point_version = models.ForeignKey(KeyPointVersion, on_delete=models.PROTECT)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["item", "point_version"], name="attemptitempoint_once"),)

    def __str__(self) -> str:
        return f"{self.item} {self.point_version}"


class Response(models.Model):
    """One acknowledged save of an answer. Insert-only."""

    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="responses")
    revision = models.PositiveIntegerField()
    payload = models.CharField(max_length=kinds.LONGEST, blank=True)
    client_key = models.CharField(max_length=64)
    saved_at = models.DateTimeField(default=clock.now)
    late = models.BooleanField(default=False)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["item", "revision"], name="response_revision_once"),
            models.UniqueConstraint(fields=["item", "client_key"], name="response_key_once"),
        )

    def __str__(self) -> str:
        return f"{self.item} r{self.revision}"


class Seal(models.Model):
    """Everything needed to derive the score again, as canonical JSON. Insert-only."""

    attempt = models.OneToOneField(Attempt, on_delete=models.PROTECT)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    sealed_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.sha256


class MarkQuerySet(models.QuerySet["Mark"]):
    def counting(self) -> "MarkQuerySet":
        """The one of each item that counts: the highest number."""
        return self.filter(~Exists(Mark.objects.filter(item=OuterRef("item"), number__gt=OuterRef("number"))))

    def missed(self) -> "MarkQuerySet":
        """Nothing earned where there was something to earn: a withdrawn item is not missed."""
        return self.counting().filter(points=0, max_points__gt=0)


class Mark(models.Model):
    """Points for one item. Insert-only; the highest number counts (a regrade adds rows)."""

    item = models.ForeignKey(AttemptItem, on_delete=models.PROTECT, related_name="marks")
    number = models.PositiveSmallIntegerField(default=1)
    points = models.PositiveSmallIntegerField()
    max_points = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=20)
    cause = models.CharField(max_length=60)

    objects: ClassVar[Any] = MarkQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["item", "number"], name="mark_number_once"),
            models.CheckConstraint(condition=Q(points__lte=F("max_points")), name="mark_within"),
        )

    def __str__(self) -> str:
        return f"{self.points} of {self.max_points}"


class Outcome(models.Model):
    """Passed or not, clause by clause. `clauses` is canonical JSON. Insert-only; the highest number counts."""

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="outcomes")
    number = models.PositiveSmallIntegerField(default=1)
    passed = models.BooleanField()
    points = models.PositiveSmallIntegerField()
    max_points = models.PositiveSmallIntegerField()
    clauses = models.TextField()
    cause = models.CharField(max_length=60)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["attempt", "number"], name="outcome_number_once"),)

    def __str__(self) -> str:
        return "passed" if self.passed else "not passed"

    @property
    def decided(self) -> list[dict[str, Any]]:
        clauses: list[dict[str, Any]] = json.loads(self.clauses)
        return clauses


class Review(models.Model):
    """A physician's signed decision on an attempt. Insert-only; nobody reviews their own."""

    class Decision(models.TextChoices):
        ENDORSED = "endorsed", "Endorsed"
        RETURNED = "returned", "Returned"
        TALKED = "talked", "Talked through"

    attempt = models.ForeignKey(Attempt, on_delete=models.PROTECT, related_name="reviews")
    candidate = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews_received")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews_given")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    text = models.TextField(blank=True)
    restudy = models.ManyToManyField(KeyPoint, blank=True)
    signature = models.OneToOneField(Signature, on_delete=models.PROTECT)
    reviewed_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-reviewed_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=~Q(reviewer=F("candidate")), name="review_not_own"),
            models.CheckConstraint(condition=Q(decision="endorsed") | ~Q(text=""), name="review_says_why"),
        )

    def __str__(self) -> str:
        return f"{self.get_decision_display()} by {self.reviewer}"


class ClinicClock(models.Model):
    """The clock that a clinic sets on its quizzes. Insert-only; the highest number counts, no minutes mean no clock."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT)
    number = models.PositiveIntegerField()
    limit_minutes = models.PositiveSmallIntegerField(null=True, blank=True)
    set_at = models.DateTimeField(default=clock.now)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["clinic", "number"], name="clinicclock_number_once"),
            models.CheckConstraint(
                condition=Q(limit_minutes=None) | Q(limit_minutes__gte=15, limit_minutes__lte=240),
                name="clinicclock_sensible",
            ),
        )

    def __str__(self) -> str:
        return f"{self.clinic}: {self.limit_minutes or 'no'} minutes"


class Accommodation(models.Model):
    """Extra time on a clock, following the person to every quiz. The category says what for, never a diagnosis."""

    class Category(models.TextChoices):
        READING = "reading", "More time to read"
        SIGHT = "sight", "Screen reader or enlarged text"
        LANGUAGE = "language", "Not the first language"
        INPUT = "input", "Another way to type or point"
        TEMPORARY = "temporary", "For a passing reason"
        OTHER = "other", "Another arrangement"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    time_percent = models.PositiveSmallIntegerField(default=100)
    category = models.CharField(max_length=60, choices=Category.choices)
    valid_from_on = models.DateField()
    valid_until_on = models.DateField()
    granted_at = models.DateTimeField(default=clock.now)
    granted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-granted_at", "-pk")
        constraints = (
            models.CheckConstraint(condition=Q(time_percent__gte=100), name="accommodation_adds_time"),
            whole("ended", name="accommodation_end_whole"),
            models.CheckConstraint(condition=Q(valid_until_on__gte=F("valid_from_on")), name="accommodation_dates"),
        )

    def __str__(self) -> str:
        return f"{self.person}: {self.time_percent} %"
