"""A finished attempt as it is shown: from its seal, so that it reads the same years later."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from quizzes import kinds, scoring
from quizzes.models import Attempt, AttemptItem, LateAnswer, Outcome, Regrade
from quizzes.models.bank import read
from quizzes.queries import live_points
from quizzes.regrades import regrades_of
from staff.prepared import prepared
from training.models import ReadingConfirmation

HEADLINE = 110  # signs of a question where it stands in a list


@dataclass(frozen=True)
class Corrected:
    """How a regrade changed what an item counts. `was` and `now` are the keys in words, for whoever may see them."""

    regrade: Regrade
    was: str
    now: str = ""

    @property
    def option(self) -> str:
        return self.regrade.option

    @property
    def at(self) -> datetime:
        return self.regrade.regraded_at


@dataclass(frozen=True)
class Answer:
    """One item of a sealed attempt, told in words by its kind, with the key that counts now.

    Where a regrade made it right for everyone, or withdrew it, the sealed key is not taught: `taught` is false.
    """

    position: int
    code: str
    version: int
    stem: str
    kind: kinds.Kind
    told: kinds.Told
    right: bool
    critical: bool
    points: list[str]
    section: str
    corrected: Corrected | None = None

    @property
    def withdrawn(self) -> bool:
        return self.corrected is not None and self.corrected.option == scoring.WITHDRAW

    @property
    def headline(self) -> str:
        return self.stem if len(self.stem) <= HEADLINE else f"{self.stem[: HEADLINE - 1]}…"

    @property
    def taught(self) -> bool:
        return self.corrected is None or bool(self.corrected.now)

    @property
    def state(self) -> str:
        if self.withdrawn:
            return "withdrawn"
        return "held" if self.right else "critical-missed" if self.critical else "missed"


@dataclass(frozen=True)
class Gap:
    """A key point the attempt tested, as it read at the draw. `held` also where nothing that counts says otherwise."""

    code: str
    text: str
    critical: bool
    held: bool
    withdrawn: bool
    position: int
    section_slug: str
    section_title: str
    read_at: datetime | None


@dataclass(frozen=True)
class Late:
    """An answer that came after the end, in words, beside the one that counted; `overtaken` if a newer one was saved by then."""

    row: LateAnswer
    position: int
    answer: str
    counted: str
    overtaken: bool


@dataclass(frozen=True)
class Result:
    attempt: Attempt
    outcome: Outcome
    answers: list[Answer]
    gaps: list[Gap]
    late: list[Late]

    @property
    def clauses(self) -> dict[str, Any]:
        return {clause["code"]: clause for clause in self.outcome.decided}

    @property
    def first(self) -> Outcome:
        """As it was scored when it ended."""
        return min(self.attempt.outcomes.all(), key=lambda outcome: outcome.number)

    @property
    def corrected(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.corrected]

    @property
    def missed(self) -> list[Gap]:
        """Critical misses first."""
        return sorted((gap for gap in self.gaps if not gap.held), key=lambda gap: (not gap.critical, gap.position))

    @property
    def in_order_of_alarm(self) -> list[Answer]:
        return sorted(self.answers, key=lambda a: (a.right or a.withdrawn, not a.critical, a.position))

    @property
    def by_section(self) -> list[tuple[str, list[Gap]]]:
        """The gap map: sections with a critical miss first, then with a miss, then in order."""
        rows: dict[str, list[Gap]] = {}
        for gap in self.gaps:
            rows.setdefault(gap.section_title, []).append(gap)
        for gaps in rows.values():
            gaps.sort(key=lambda gap: (gap.held, not gap.critical, gap.code))

        def alarm(row: tuple[str, list[Gap]]) -> tuple[bool, bool]:
            return (not any(g.critical and not g.held for g in row[1]), all(g.held for g in row[1]))

        return sorted(rows.items(), key=alarm)


def result_of(attempt: Attempt) -> Result:
    """Everything about a finished attempt in a fixed number of queries; uses what was fetched with it."""
    sealed = json.loads(attempt.seal.text)
    outcome = attempt.outcome
    if outcome is None:
        raise ValueError(f"attempt {attempt.public_id} is sealed and has no outcome")
    rationales = {
        (code, number): kinds.of(kind).rationales(dict(read(body)))
        for code, number, kind, body in _bodies_of(attempt.pk)
    }
    # A regrade adds an outcome.
    regrades = regrades_of([attempt]).get(attempt.pk, {}) if len(attempt.outcomes.all()) > 1 else {}
    answers = [
        _answer(item, rationales[item["question"], item["version"]], regrades.get(item["position"]))
        for item in sealed["items"]
    ]
    return Result(attempt, outcome, answers, _gaps(attempt, answers), _late(attempt, sealed["items"]))


@prepared
def _bodies_of(attempt: int) -> "QuerySet[AttemptItem, Any]":
    return AttemptItem.objects.filter(attempt=attempt).values_list(
        "question_version__question__code",
        "question_version__number",
        "question_version__question__kind",
        "question_version__body",
    )


@prepared
def _late_answers(attempt: int) -> QuerySet[LateAnswer]:
    rows = LateAnswer.objects.filter(item__attempt=attempt).select_related("item")
    return rows.order_by("item__position", "number")


@prepared
def _read_by(person: int, versions: tuple[int, ...]) -> "QuerySet[ReadingConfirmation, Any]":
    rows = ReadingConfirmation.objects.filter(person=person, section_version__in=versions)
    return rows.order_by("number").values_list("section_version_id", "confirmed_at")


def _answer(item: dict[str, Any], rationales: dict[str, str], regrade: Regrade | None) -> Answer:
    kind = kinds.of(item["kind"])
    key, texts = item["key"], {name: text for _, name, text in item["shown"]}
    correction = regrade.correction if regrade else None
    corrected = Corrected(regrade, kind.key_in_words(key, texts)) if regrade else None
    if regrade and regrade.corrected and correction:
        key = correction.key
        rationales = kind.rationales(regrade.corrected.content)
        corrected = Corrected(regrade, kind.key_in_words(item["key"], texts), kind.key_in_words(key, texts))
    critical = any(point["critical"] for point in item["points"])
    given = kind.in_ids(item["answer"], item["shown"])
    return Answer(
        position=item["position"],
        code=item["question"],
        version=item["version"],
        stem=item["stem"],
        kind=kind,
        told=kind.told(key, item["answer"], item["shown"], rationales),
        right=bool(
            scoring.points_of(scoring.Answered(item["position"], item["key"], given, critical, kind.code, correction))
        ),
        critical=critical,
        points=[point["code"] for point in item["points"]],
        section=item["section"],
        corrected=corrected,
    )


def _late(attempt: Attempt, sealed: list[dict[str, Any]]) -> list[Late]:
    """Told and never scored: whether it would have been right is for whoever reads it beside the key."""
    by_position = {item["position"]: item for item in sealed}
    found = []
    for row in _late_answers(attempt.pk):
        item = by_position[row.item.position]
        kind, shown = kinds.of(item["kind"]), item["shown"]
        texts = {name: text for _, name, text in shown}
        answer, counted = (kind.in_words(kind.in_ids(given, shown), texts) for given in (row.answer, item["answer"]))
        found.append(Late(row, row.item.position, answer, counted, row.base_revision < item["revision"]))
    return found


def _gaps(attempt: Attempt, answers: list[Answer]) -> list[Gap]:
    """A point that was tested reads as in the module version that the attempt was drawn from."""
    by_point = {code: answer for answer in answers for code in answer.points}
    rows = [row for row in live_points(attempt.module_version).values() if row.key_point.code in by_point]
    tested = tuple({row.section_version_id for row in rows})
    read = dict(_read_by(attempt.candidacy.person_id, tested)) if tested else {}
    return sorted(
        (
            Gap(
                code=row.key_point.code,
                text=row.text,
                critical=row.critical,
                held=by_point[row.key_point.code].right or by_point[row.key_point.code].withdrawn,
                withdrawn=by_point[row.key_point.code].withdrawn,
                position=by_point[row.key_point.code].position,
                section_slug=row.section_version.section.slug,
                section_title=row.section_version.title,
                read_at=read.get(row.section_version_id),
            )
            for row in rows
        ),
        key=lambda gap: gap.code,
    )
