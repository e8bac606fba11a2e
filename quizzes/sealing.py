"""The seal: everything needed to derive an attempt's score again, years later, without any other row."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from quizzes import kinds, scoring
from quizzes.models import Attempt, AttemptItem, AttemptItemPoint, Response
from quizzes.models.bank import read
from quizzes.queries import live_points
from staff import canonical
from staff.prepared import prepared
from training.models import KeyPointVersion

# The first format knew single best answers alone; of those the second says the same.
FIRST_FORMAT = "pinpoint-attempt-1"
FORMAT = "pinpoint-attempt-2"


@dataclass(frozen=True)
class Sat:
    """One item of an attempt with the wording it was asked in. In plain values: everybody waits while an attempt is sealed."""

    pk: int
    position: int
    tokens: str
    flagged: bool
    answer: str
    revision: int
    version: int
    number: int
    body: str
    sha256: str
    question: int
    code: str
    kind: str
    section: str


class Kept(NamedTuple):
    """One save of an answer."""

    revision: int
    payload: str
    client_key: str
    saved_at: datetime
    late: bool


def history_sha256(responses: Sequence[Response | Kept]) -> str:
    """Hash of every save of an item, in order."""
    return canonical.sha256_of([[r.revision, r.payload, r.client_key, r.saved_at, r.late] for r in responses])


def rows_of(attempt: Attempt) -> list[Sat]:
    """The attempt's items in order, with their questions."""
    return [Sat(*row) for row in _items_of(attempt.pk)]


def sealed_items(attempt: Attempt, rows: list[Sat] | None = None) -> list[dict[str, Any]]:
    """The items with wording, order, keys, points, answers and the hash of each answer's history."""
    met = Counter(_given_before(attempt.candidacy.person_id, attempt.started_at))
    known = {point.pk: point for point in live_points(attempt.module_version).values()}
    tested = _points_of(attempt.pk)
    if gone := {version for _, version in tested} - {*known}:
        known |= KeyPointVersion.objects.select_related("key_point", "section_version__section").in_bulk(gone)
    points: dict[int, list[KeyPointVersion]] = {}
    for item, version in tested:
        points.setdefault(item, []).append(known[version])
    histories: dict[int, list[Kept]] = {}
    for item, *save in _responses_to(attempt.pk):
        histories.setdefault(item, []).append(Kept(*save))
    return [
        _sealed_item(row, points.get(row.pk, []), histories.get(row.pk, []), met[row.question])
        for row in rows or rows_of(attempt)
    ]


@prepared
def _items_of(attempt: int) -> "QuerySet[AttemptItem, Any]":
    """In the order of `Sat`."""
    own = ("pk", "position", "tokens", "flagged", "answer", "revision", "question_version")
    version = ("number", "body", "sha256", "question", "question__code", "question__kind", "question__section__slug")
    rows = AttemptItem.objects.filter(attempt=attempt).order_by("position")
    return rows.values_list(*own, *(f"question_version__{name}" for name in version))


@prepared
def _points_of(attempt: int) -> "QuerySet[AttemptItemPoint, tuple[int, int]]":
    return AttemptItemPoint.objects.filter(item__attempt=attempt).values_list("item", "point_version")


@prepared
def _responses_to(attempt: int) -> "QuerySet[Response, Any]":
    rows = Response.objects.filter(item__attempt=attempt).order_by("revision")
    return rows.values_list("item", *Kept._fields)


@prepared
def _given_before(person: int, moment: datetime) -> "QuerySet[AttemptItem, int]":
    rows = AttemptItem.objects.filter(attempt__candidacy__person=person, attempt__started_at__lt=moment)
    return rows.order_by().values_list("question_version__question_id", flat=True)


def _sealed_item(row: Sat, points: list[KeyPointVersion], history: list[Kept], met: int) -> dict[str, Any]:
    content, kind = dict(read(row.body)), kinds.of(row.kind)
    texts = kind.texts(content)
    return {
        "position": row.position,
        "question": row.code,
        "version": row.number,
        "sha256": row.sha256,
        "kind": kind.code,
        "section": row.section,
        "level": content["level"],
        "stem": content["stem"],
        "shown": [[token, option, texts[option]] for token, option in json.loads(row.tokens)],
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
        "answer": row.answer,
        "revision": row.revision,
        "history_sha256": history_sha256(history),
        "flagged": row.flagged,
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
