"""The seal: everything needed to derive an attempt's score again, years later, without any other row."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from quizzes import kinds, scoring
from quizzes.models import Attempt, AttemptItem, AttemptItemPoint, Response
from quizzes.queries import live_points
from staff import canonical
from staff.prepared import prepared
from training.models import KeyPointVersion

# The first format knew single best answers alone; of those the second says the same.
FIRST_FORMAT = "pinpoint-attempt-1"
FORMAT = "pinpoint-attempt-2"


def history_sha256(responses: list[Response]) -> str:
    """Hash of every save of an item, in order."""
    return canonical.sha256_of([[r.revision, r.payload, r.client_key, r.saved_at, r.late] for r in responses])


def rows_of(attempt: Attempt) -> list[AttemptItem]:
    """The attempt's items in order, with their questions."""
    return _items_of(attempt.pk)


def sealed_items(attempt: Attempt, rows: list[AttemptItem] | None = None) -> list[dict[str, Any]]:
    """The items with wording, order, keys, points, answers and the hash of each answer's history."""
    met = Counter(_given_before(attempt.candidacy.person_id, attempt.started_at))
    known = {point.pk: point for point in live_points(attempt.module_version).values()}
    points: dict[int, list[KeyPointVersion]] = {}
    for tested in _points_of(attempt.pk):
        points.setdefault(tested.item_id, []).append(known.get(tested.point_version_id) or tested.point_version)
    histories: dict[int, list[Response]] = {}
    for response in _responses_to(attempt.pk):
        histories.setdefault(response.item_id, []).append(response)
    return [
        _sealed_item(item, points.get(item.pk, []), histories.get(item.pk, []), met[item.question_version.question_id])
        for item in rows or rows_of(attempt)
    ]


@prepared
def _items_of(attempt: int) -> QuerySet[AttemptItem]:
    rows = AttemptItem.objects.filter(attempt=attempt).select_related("question_version__question__section")
    return rows.order_by("position")


@prepared
def _points_of(attempt: int) -> QuerySet[AttemptItemPoint]:
    return AttemptItemPoint.objects.filter(item__attempt=attempt)


@prepared
def _responses_to(attempt: int) -> QuerySet[Response]:
    return Response.objects.filter(item__attempt=attempt).order_by("revision")


@prepared
def _given_before(person: int, moment: datetime) -> "QuerySet[AttemptItem, int]":
    rows = AttemptItem.objects.filter(attempt__candidacy__person=person, attempt__started_at__lt=moment)
    return rows.order_by().values_list("question_version__question_id", flat=True)


def _sealed_item(item: AttemptItem, points: list[KeyPointVersion], history: list[Response], met: int) -> dict[str, Any]:
    version = item.question_version
    content = version.content
    kind = kinds.of(version.question.kind)
    texts = kind.texts(content)
    return {
        "position": item.position,
        "question": version.question.code,
        "version": version.number,
        "sha256": version.sha256,
        "kind": kind.code,
        "section": version.question.section.slug,
        "level": content["level"],
        "stem": content["stem"],
        "shown": [[token, option, texts[option]] for token, option in item.shown],
        "key": kind.key(content),
        **kind.sealed(content),
        "points": sorted(
            (
                {
                    "code": point.key_point.code,
                    "critical": point.critical,
                    "content_sha256": point.content_sha256,
                    "section": point.section_version.section.slug,
                    "section_version": point.section_version.number,
                }
                for point in points
            ),
            key=lambda told: str(told["code"]),
        ),
        "answer": item.answer,
        "revision": item.revision,
        "history_sha256": history_sha256(history),
        "flagged": item.flagged,
        "met_before": met,
    }


def text(attempt: Attempt, items: list[dict[str, Any]], scored: scoring.Scored) -> str:
    """Canonical JSON of the whole sitting. `attempt` already carries its end."""
    rules = attempt.quiz_version
    return canonical.text(
        {
            "format": FORMAT,
            "attempt": attempt.public_id,
            "kind": attempt.kind,
            "number": attempt.number,
            "person": attempt.candidacy.person_id,
            "clinic": attempt.candidacy.clinic_id,
            "cycle": attempt.candidacy.cycle,
            "state": attempt.state,
            "started_at": attempt.started_at,
            "deadline_at": attempt.deadline_at,
            "ended_at": attempt.ended_at,
            **({"limit_minutes": attempt.limit_minutes} if attempt.limit_minutes else {}),
            "seed": attempt.seed,
            "module": {
                "slug": attempt.module_version.module.slug,
                "version": attempt.module_version.number,
                "sha256": attempt.module_version.sha256,
            },
            "quiz": {
                "version": rules.number,
                "sha256": rules.sha256,
                "blueprint": json.loads(rules.blueprint),
                "items": attempt.size,
                "cut": attempt.cut,
                "cut_basis": rules.cut_basis,
                "critical_rule": rules.critical_rule,
                "scoring_rule": rules.scoring_rule,
            },
            "items": [{**item, "points_earned": points} for item, points in zip(items, scored.points, strict=True)],
            "outcome": {
                "points": scored.total,
                "of": scored.most,
                "passed": scored.passed,
                "clauses": [clause.plain() for clause in scored.clauses],
            },
        }
    )
