"""What was answered to the items of a module, over all clinics, and nobody's name: the ground of item statistics.

Counted is each person's first meeting with an item version in a first attempt, as it was marked first. Whoever sits a second
attempt has failed one, and a re-test asks of three items what one of fifteen asked: both would shift the figures.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from django.db.models import Count, Prefetch

from quizzes import kinds, statistics
from quizzes.models import Attempt, AttemptItem, Enquiry, QuestionPoint, QuestionVersion, Response
from quizzes.statistics import Answer, Statistics
from training.models import Module


@dataclass(frozen=True)
class ItemReport:
    """An item version and how it did. `critical` as its key points read when it was approved."""

    version: QuestionVersion
    kind: kinds.Kind
    stem: str
    level: str
    points: tuple[str, ...]
    critical: bool
    statistics: Statistics

    @property
    def code(self) -> str:
        return self.version.question.code


def reports(module: Module, versions: Sequence[QuestionVersion]) -> list[ItemReport]:
    """Of versions of the module's items, in the order given; five queries, however many they are."""
    answers, usual = _answers(module, {version.pk: version for version in versions})
    objections = _objections(versions)
    return [
        _report(version, answers.get(version.pk, []), objections.get(version.pk, 0), usual.get(version.pk))
        for version in versions
    ]


def certifying_versions(module: Module) -> list[QuestionVersion]:
    """What is live in the certifying bank, by code."""
    return list(
        with_points(
            QuestionVersion.objects.filter(
                question__section__module=module, question__bank="certifying", state=QuestionVersion.State.LIVE
            )
        ).order_by("question__code")
    )


def with_points(rows: Any) -> Any:
    tests = QuestionPoint.objects.select_related("key_point", "approved_against").order_by("key_point__code")
    return rows.select_related("question__section").prefetch_related(Prefetch("points", tests))


def _report(version: QuestionVersion, answers: list[Answer], objections: int, usual: int | None) -> ItemReport:
    content, kind = version.content, kinds.of(version.question.kind)
    tests = list(version.points.all())
    critical = any(test.approved_against.critical for test in tests if test.approved_against)
    found = statistics.of_item(
        answers, kind.picks(content), lambda piece: kind.picked(content, piece), objections, usual, critical
    )
    return ItemReport(
        version,
        kind,
        content["stem"],
        content["level"],
        tuple(test.key_point.code for test in tests),
        critical,
        found,
    )


def _answers(module: Module, versions: dict[int, QuestionVersion]) -> tuple[dict[int, list[Answer]], dict[int, int]]:
    """The answers to these versions, and by version how long the module's other items take."""
    first = Attempt.objects.finished().filter(candidacy__quiz__module=module, kind=Attempt.Kind.FULL, number=1)
    rows = AttemptItem.objects.filter(attempt__in=first, marks__number=1)
    met = list(
        rows.order_by("attempt__started_at", "attempt", "pk").values_list(
            "pk", "attempt", "attempt__candidacy__person", "question_version", "tokens", "answer", "marks__points"
        )
    )
    right: dict[int, int] = defaultdict(int)
    size: dict[int, int] = defaultdict(int)
    for _, attempt, _, _, _, _, points in met:
        right[attempt] += points
        size[attempt] += 1
    seconds = _seconds(first)
    found: dict[int, list[Answer]] = defaultdict(list)
    timed: dict[int, list[int]] = defaultdict(list)
    known: set[tuple[int, int]] = set()
    for pk, attempt, person, version, tokens, answer, points in met:
        if (person, version) in known:
            continue
        known.add((person, version))
        if pk in seconds:
            timed[version].append(seconds[pk])
        if version in versions:
            others = size[attempt] - 1
            rest = (right[attempt] - points) / others if others else 0.0
            kind = kinds.of(versions[version].question.kind)
            given = kind.in_ids(answer, json.loads(tokens)) if answer else ""
            found[version].append(Answer(bool(points), rest, tuple(given.split()), seconds.get(pk)))
    return found, _usual(timed)


def _usual(timed: dict[int, list[int]]) -> dict[int, int]:
    """By version, the median of the others' medians: without its own, so that no item hides itself."""
    medians = {version: median(seconds) for version, seconds in timed.items()}
    found = {}
    for version in medians:
        others = [seconds for other, seconds in medians.items() if other != version]
        if others:
            found[version] = round(median(others))
    return found


def _seconds(attempts: Any) -> dict[int, int]:
    """By drawn item: from the save before, or the start, to its own first save. A pause counts; a median bears it.

    Nothing of an attempt whose earlier saves were deleted since: how long each item took can no longer be said.
    """
    saves = Response.objects.filter(item__attempt__in=attempts).order_by("item__attempt", "saved_at", "pk")
    rows: Iterable[tuple[int, datetime, int, int, datetime]] = saves.values_list(
        "item__attempt", "item__attempt__started_at", "item", "revision", "saved_at"
    ).iterator()
    found: dict[int, dict[int, int]] = defaultdict(dict)
    before: dict[int, datetime] = {}
    trimmed: set[int] = set()
    for attempt, started_at, item, revision, saved_at in rows:
        if item not in found[attempt]:
            found[attempt][item] = round((saved_at - before.get(attempt, started_at)).total_seconds())
            trimmed |= {attempt} if revision > 1 else set()
        before[attempt] = saved_at
    return {item: took for attempt, items in found.items() if attempt not in trimmed for item, took in items.items()}


def _objections(versions: Sequence[QuestionVersion]) -> dict[int, int]:
    """*Question this item*, by version."""
    rows = Enquiry.objects.filter(item__question_version__in=versions).order_by()
    return dict(rows.values_list("item__question_version").annotate(count=Count("pk")))
