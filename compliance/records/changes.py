"""What changed, what it asked of whom, and what was answered: as the audit trail tells of it, and scored again."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from django.db.models import Prefetch

from compliance.models import Change, PointTest, PointTestItem, Task
from compliance.publishing import told_of_change
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, numbered, readable
from compliance.tasks import told_of_result, told_of_task, told_of_test
from quizzes import kinds
from quizzes.models import Approval, QuestionVersion
from staff.models import AuditEvent
from training.models import ModuleVersion


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _changes(checked)
    yield from _tasks(checked)
    yield from _tests(checked)
    yield from _approvals(checked)
    yield from _approved(checked)
    yield from gone("task.asked", "task", Task)
    yield from gone("pointtest.started", "test on a key point", PointTest)


def _changes(checked: Counter[str]) -> Iterator[Finding]:
    rows = Change.objects.select_related("key_point", "before", "after").order_by("pk")
    for chunk in chunks(ModuleVersion.objects.prefetch_related(Prefetch("changes", rows), "places").order_by("pk")):
        events = events_of("training.moduleversion", chunk)
        for version in chunk:
            made = list(version.changes.all())
            checked["changes"] += len(made)
            what = f"changes of module version {version.pk}"
            yield from readable(what, _told_once(version, made, what, events[str(version.pk)]))


def _told_once(version: ModuleVersion, made: list[Change], what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    told = [event for event in events if event.action == "changes.asked"]
    yield from compare(f"{what}, their events", int(bool(made)), len(told))
    for event in told:
        yield from compare(
            f"{what}, as their event says", json.loads(event.body), {"changes": [*map(told_of_change, made)]}
        )
    sections = {place.section_version_id for place in version.places.all()}
    for row in made:
        if row.section_version_id not in sections:
            yield Finding(f"{what}, section of {row.name}", "one of that version", str(row.section_version_id))
        for point in (row.before, row.after):
            if point:
                yield from compare(f"{what}, key point of {row.name}", row.key_point_id, point.key_point_id)


def _tasks(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Task.objects.select_related("clinic__chain", "change").order_by("pk")):
        events = events_of("compliance.task", chunk)
        for row in chunk:
            checked["tasks"] += 1
            yield from readable(f"task {row.public_id}", _task(row, f"task {row.public_id}", events[str(row.pk)]))


def _task(row: Task, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    yield from compare(f"{what}, its events", ["task.asked"], [event.action for event in events])
    for event in events:
        yield from compare(f"{what}, as its event says", json.loads(event.body), told_of_task(row))
        yield from compare(f"{what}, chain of its event", event.chain_id, row.clinic.chain.pk)
        yield from compare(f"{what}, who asked by its event", event.actor_id, row.asked_by_id)
        yield from about_then(f"{what}, when it was asked", event.at, row.asked_at)


def _tests(checked: Counter[str]) -> Iterator[Finding]:
    items = PointTestItem.objects.select_related("question_version__question").order_by("position")
    rows = PointTest.objects.select_related("task__clinic__chain", "result").prefetch_related(Prefetch("items", items))
    numbers: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("compliance.pointtest", chunk)
        for row in chunk:
            checked["tests on key points"] += 1
            numbers[row.task_id].append(row.number)
            what = f"test on a key point {row.pk}"
            yield from readable(what, _test(row, what, events[str(row.pk)]))
    for task, held in numbers.items():
        yield from numbered(f"tests on a key point of task {task}", held)


def _test(row: PointTest, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    result = getattr(row, "result", None)
    expected = ["pointtest.started", *(["pointtest.handed_in"] if result else [])]
    yield from compare(f"{what}, its events", expected, [event.action for event in events])
    yield from numbered(f"{what}, places of its items", [item.position for item in row.items.all()])
    for event in events:
        begun = event.action == "pointtest.started"
        told = told_of_test(row) if begun or result is None else told_of_result(result)
        yield from compare(f"{what}, as its event says", json.loads(event.body), told)
        yield from compare(f"{what}, who it was by its event", event.actor_id, row.task.person_id)
        yield from compare(f"{what}, chain of its event", event.chain_id, row.task.clinic.chain.pk)
        at = row.started_at if begun or result is None else result.ended_at
        yield from about_then(f"{what}, when", event.at, at)
    if result:
        answers = json.loads(result.answers)
        versions = [item.question_version for item in row.items.all()]
        right = [_is_right(version, answer) for version, answer in zip(versions, answers, strict=True)]
        yield from compare(f"{what}, score derived again", [sum(right), len(right)], [result.right, result.items])
        yield from compare(f"{what}, passed", all(right), result.passed)


def _is_right(version: QuestionVersion, answer: str) -> bool:
    kind = kinds.of(version.question.kind)
    return kind.is_right(kind.key(version.content), answer)


def _approvals(checked: Counter[str]) -> Iterator[Finding]:
    """Each told once, by whom and when; and none that the trail tells of is missing."""
    told: dict[tuple[str, str, int], AuditEvent] = {}
    for event in AuditEvent.objects.filter(action__in=["item.approved", "item.approved.ahead"]).order_by("pk"):
        key = (event.subject_id, json.loads(event.body)["sha256"], event.actor_id)
        told.setdefault(key, event)
    for chunk in chunks(Approval.objects.order_by("pk")):
        for row in chunk:
            checked["approvals"] += 1
            known = told.pop((str(row.question_version_id), row.sha256, row.approved_by_id), None)
            if known is None:
                yield Finding(f"approval {row.pk}", "told in the audit trail as it stands", "not told so")
            else:
                yield from about_then(f"approval {row.pk}, when", known.at, row.approved_at)
    for subject, _, _ in told:
        yield Finding(f"approval of question version {subject}", "there, as its event says", "gone")


def _approved(checked: Counter[str]) -> Iterator[Finding]:
    """Who made a version live: a second person by an approval of that wording, a release by its own making."""
    rows = Approval.objects.values_list("question_version__question", "sha256", "approved_by", "approved_at")
    given = set(rows)
    approved = QuestionVersion.objects.exclude(approved_at=None).select_related("question").order_by("pk")
    for chunk in chunks(approved):
        for row in chunk:
            checked["approved question versions"] += 1
            what = f"question {row.question.code}, version {row.number}, approved"
            if row.approved_via == QuestionVersion.Via.PERSON:
                held = (row.question_id, row.sha256, row.approved_by_id, row.approved_at) in given
                yield from compare(what, "as its approval says", "as its approval says" if held else "otherwise")
                continue
            yield from compare(f"{what} via", QuestionVersion.Via.RELEASE.value, row.approved_via)
            yield from compare(f"{what} by", row.created_by_id, row.approved_by_id)
            if row.approved_at:
                yield from about_then(f"{what} when", row.created_at, row.approved_at)
