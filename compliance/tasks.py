"""What a changed text asks of one person: read the passage again, and perhaps answer on it. Her certificate stays."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse

from compliance.models import Change, PointTest, PointTestItem, PointTestResult, Task
from compliance.steps.step import AGAIN, Step
from quizzes import drawing, kinds
from quizzes.models import QuestionVersion
from quizzes.queries import last_met, live_points, pool
from staff import audit, canonical, clock
from staff.models import StaffMember
from staff.templatetags.look import day, plural
from training.models import ReadingConfirmation
from training.queries import live_version

QUESTIONS = 3


class NotNow(Exception):
    """Says why no questions can be asked now."""


@dataclass(frozen=True)
class Asked:
    """A task as it stands now. `state` is read, answer, waits (no approved question yet) or done."""

    task: Task
    state: str
    read_at: datetime | None = None
    last: PointTestResult | None = None

    @property
    def change(self) -> Change:
        return self.task.change

    @property
    def title(self) -> str:
        return self.change.section_version.title

    @property
    def section_url(self) -> str:
        section = self.change.section_version.section
        anchor = f"#{self.change.name}" if self.change.after else ""
        return f"{reverse('training:section-detail', args=[section.module.slug, section.slug])}{anchor}"

    @property
    def url(self) -> str:
        return reverse("compliance:task", args=[self.task.public_id])

    @property
    def due_on(self) -> date:
        return self.task.due_on

    @property
    def is_overdue(self) -> bool:
        return self.state != "done" and clock.today(self.task.clinic.zone) > self.task.due_on

    @property
    def word(self) -> str:
        return {
            "read": "Read it again",
            "answer": "Answer on it",
            "waits": "Read; questions follow",
            "done": "Done",
        }[self.state]


def visible_to(person: StaffMember) -> "QuerySet[Task]":
    """Her own."""
    rows: QuerySet[Task] = Task.objects.filter(person=person)
    return rows


def asked_of(people: Collection[StaffMember], *, open_only: bool = True) -> dict[int, list[Asked]]:
    """By the person's id, oldest first; of several on one key point the newest stands for all. A fixed number of queries."""
    rows = Task.objects.filter(person__in=list(people)).select_related(
        "clinic",
        "change__key_point",
        "change__after",
        "change__module_version",
        "change__section_version__section__module",
    )
    newest: dict[tuple[int, int, int], Task] = {}
    for row in rows.order_by("asked_at", "pk"):
        newest[row.person_id, row.change.section_version.section_id, row.change.key_point_id or 0] = row
    tasks = list(newest.values())
    read: dict[tuple[int, int], datetime] = {}
    confirmations = ReadingConfirmation.objects.filter(
        person__in=list(people), section_version__section__in={row.change.section_version.section_id for row in tasks}
    )
    for person, section, at in confirmations.order_by("confirmed_at").values_list(
        "person", "section_version__section", "confirmed_at"
    ):
        read[person, section] = at
    results: dict[int, PointTestResult] = {}
    for result in PointTestResult.objects.filter(test__task__in=tasks).select_related("test").order_by("test__number"):
        results[result.test.task_id] = result
    found: dict[int, list[Asked]] = {}
    for task in tasks:
        read_at = read.get((task.person_id, task.change.section_version.section_id))
        one = _standing(task, read_at, results.get(task.pk))
        if one.state != "done" or not open_only:
            found.setdefault(task.person_id, []).append(one)
    return found


def _standing(task: Task, read_at: datetime | None, last: PointTestResult | None) -> Asked:
    if last and last.passed:
        return Asked(task, "done", read_at, last)
    since = max(task.asked_at, last.ended_at) if last else task.asked_at
    if read_at is None or read_at <= since:
        return Asked(task, "read", None, last)
    if task.change.effect != Change.Effect.RETEST:
        return Asked(task, "done", read_at)
    return Asked(task, "answer", read_at, last)


def one(task: Task) -> Asked:
    rows = asked_of([task.person], open_only=False).get(task.person_id, [])
    return next((row for row in rows if row.task.pk == task.pk), Asked(task, "done"))


def step_of(asked: Sequence[Asked]) -> Step | None:
    """The first thing that is asked of her because a text changed."""
    if not asked:
        return None
    first = min(asked, key=lambda row: (row.due_on, row.state != "answer", row.task.pk))
    name = first.change.name if first.change.key_point else first.title
    changed = f"{first.change.module_version.title} changed: {first.change.module_version.note} "
    stays = f"Until {day(first.due_on)}. Your certificate stays as it is."
    if first.state == "answer":
        return Step(
            f"Answer on {name}",
            f"{changed}You have read it again; up to {plural(QUESTIONS, 'question,questions')} on {name} close it. {stays}",
            first.url,
            "Answer the questions",
            rank=AGAIN,
        )
    after = f" and then answer on {name}" if first.change.effect == Change.Effect.RETEST else ""
    return Step(
        f"Read {name} again: {first.title}",
        f"{changed}Confirm the section at its end{after}. {stays}",
        first.section_url,
        "Read the passage",
        kicker=f"about {plural(first.change.section_version.minutes, 'minute,minutes')}",
        rank=AGAIN,
    )


def running(task: Task) -> PointTest | None:
    """The questions that were asked and not handed in."""
    return PointTest.objects.filter(task=task, result=None).first()


@transaction.atomic
def start(*, task: Task, seed: str = "") -> PointTest:
    """Ask the questions, or those that are asked already. Raises NotNow."""
    current = (
        Task.objects.select_for_update(of=("self",))
        .select_related("change__key_point", "clinic", "person")
        .get(pk=task.pk)
    )
    open_test = running(current)
    if open_test:
        return open_test
    where = one(current)
    if where.state != "answer" or current.change.key_point is None:
        raise NotNow(
            "Read the passage again first and confirm it at its end." if where.state == "read" else "This is done."
        )
    version = live_version(current.change.module_version.module)
    assert version is not None
    items, drawable = pool(version, live_points(version), current.clinic, current.person)
    seed = seed or secrets.token_hex(16)
    form = drawing.on_point(
        items,
        point=current.change.key_point.code,
        met=last_met(current.person) | _met(current),
        places=QUESTIONS,
        seed=seed,
    )
    if not form:
        raise NotNow("No question on it is approved at present. They are asked as soon as one is.")
    number = 1 + current.tests.count()
    try:
        with transaction.atomic():
            test = PointTest.objects.create(task=current, number=number, seed=seed, started_at=clock.now())
    except IntegrityError:
        return PointTest.objects.get(task=current, number=number)
    PointTestItem.objects.bulk_create(
        PointTestItem(test=test, position=position, question_version_id=drawable[item.code].pk)
        for position, item in enumerate(form, start=1)
    )
    audit.record(
        clinic=current.clinic,
        by=current.person,
        action="pointtest.started",
        subject=test,
        body=told_of_test(test),
    )
    return test


def told_of_task(row: Task) -> dict[str, object]:
    """What the audit trail says of it; the same for the two below."""
    return {"task": row.public_id, "person": row.person_id, "change": row.change_id, "due": row.due_on.isoformat()}


def told_of_test(row: PointTest) -> dict[str, object]:
    items = [item.question_version.sha256 for item in row.items.select_related("question_version").order_by("position")]
    return {"task": row.task_id, "number": row.number, "seed": row.seed, "items": items}


def told_of_result(row: PointTestResult) -> dict[str, object]:
    return {"answers": canonical.sha256(row.answers), "right": row.right, "of": row.items, "passed": row.passed}


def _met(task: Task) -> dict[str, datetime]:
    """By the item's code: when an earlier test of this task asked it."""
    rows = PointTestItem.objects.filter(test__task__person=task.person).order_by("test__started_at")
    return dict(rows.values_list("question_version__question__code", "test__started_at"))


def shown(test: PointTest) -> list[tuple[PointTestItem, list[list[str]]]]:
    """Each item with the tokens of what can be answered."""
    rows = test.items.select_related("question_version__question").order_by("position")
    return [(row, _tokens(test, row.position, row.question_version)) for row in rows]


def _tokens(test: PointTest, position: int, version: QuestionVersion) -> list[list[str]]:
    groups = kinds.of(version.question.kind).groups(version.content)
    return drawing.tokens(test.seed, position, version.question.code, groups)


@transaction.atomic
def hand_in(*, test: PointTest, answers: Sequence[str]) -> PointTestResult:
    """Score it: all must be right. Handed in twice it counts once."""
    task = Task.objects.select_for_update(of=("self",)).select_related("clinic", "person").get(pk=test.task_id)
    known = PointTestResult.objects.filter(test=test).first()
    if known:
        return known
    given, right = [], 0
    for (row, tokens), answer in zip(shown(test), answers, strict=True):
        kind, content = kinds.of(row.question_version.question.kind), row.question_version.content
        ids = kind.in_ids(answer, tokens)
        given.append(ids)
        right += kind.is_right(kind.key(content), ids)
    result = PointTestResult.objects.create(
        test=test,
        answers=canonical.text(given),
        right=right,
        items=len(given),
        passed=right == len(given),
        ended_at=clock.now(),
    )
    audit.record(
        clinic=task.clinic,
        by=task.person,
        action="pointtest.handed_in",
        subject=test,
        body=told_of_result(result),
    )
    return result
