"""Verbs of the cut-score file: open a panel, rate, file. docs/cut-score.md says what rests on it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from quizzes import angoff
from quizzes.angoff import Cell
from quizzes.models import CutFile, Panel, QuestionVersion, Quiz, QuizVersion, Rating
from quizzes.queries import blueprint, certifying, live_points, live_rules, pool_item
from staff import audit, canonical, clock
from staff.access import Permission, has_permission
from staff.models import Licence, StaffMember
from staff.prepared import prepared
from training.queries import live_version

RULE_FIELDS = (
    "blueprint", "items", "cut", "critical_rule", "limit_minutes", "open_minutes", "grace_seconds", "attempts",
    "next_day_hour", "retest_items", "scoring_rule", "sha256",
)  # fmt: skip


class NotFiled(Exception):
    """Says what is lacking."""


@dataclass(frozen=True)
class Seat:
    """A rater of the panel and how many of the items she has rated."""

    person: StaffMember
    rated: int


@dataclass(frozen=True)
class Standing:
    """An open panel: what is to be rated, and by whom it is."""

    panel: Panel
    versions: list[QuestionVersion]
    cells: tuple[Cell, ...]
    ratings: dict[int, dict[int, int]]
    seats: list[Seat]

    @property
    def whole(self) -> list[Seat]:
        return [seat for seat in self.seats if seat.rated == len(self.versions)]

    @property
    def lacking(self) -> str:
        """What keeps it from being filed, in words."""
        missing = angoff.LEAST_RATERS - len(self.whole)
        if missing > 0:
            return f"{missing} more must have rated all {len(self.versions)} items: a panel has {angoff.LEAST_RATERS} or more."
        return ""


def open_panel_of(quiz: Quiz) -> Panel | None:
    return Panel.objects.filter(quiz=quiz, closed_at=None).first()


def latest_file(quiz: Quiz) -> CutFile | None:
    return next(iter(_latest_files(quiz.pk)), None)


@prepared
def _latest_files(quiz: int) -> "QuerySet[CutFile]":
    """One at most."""
    rows = CutFile.objects.filter(panel__quiz=quiz).select_related("panel__quiz__module")
    return rows.order_by("-panel__number")[:1]


def files_of(quiz: Quiz) -> list[CutFile]:
    rows = CutFile.objects.filter(panel__quiz=quiz).select_related("panel__quiz__module", "filed_by")
    return list(rows.order_by("-panel__number"))


def cells_of(quiz: Quiz) -> tuple[list[QuestionVersion], tuple[Cell, ...]]:
    """The live certifying items of the quiz, and the cells of a form that they fill."""
    version = live_version(quiz.module)
    if version is None:
        return [], ()
    points = live_points(version)
    plan = blueprint(live_rules(quiz), points)
    rows = certifying(version.module_id).select_related("question__section")
    rows = rows.prefetch_related("points__approved_against").order_by("question__code")
    critical: dict[str, list[str]] = defaultdict(list)
    ordinary: dict[str, list[str]] = defaultdict(list)
    at: dict[str, str] = {row.key_point.code: row.section_version.section.slug for row in points.values()}
    versions = []
    for row in rows:
        drawn = pool_item(row, points)
        if drawn is None or drawn.section not in plan.sections:
            continue
        versions.append(row)
        for code in drawn.critical or ():
            critical[code].append(drawn.code)
        if not drawn.critical:
            ordinary[drawn.section].append(drawn.code)
    cells = [Cell(code, 1, tuple(items)) for code, items in sorted(critical.items())]
    for slug, places in plan.sections.items():
        free = places - sum(at.get(code) == slug for code in plan.critical)
        cells.append(Cell(slug, max(0, free), tuple(ordinary[slug])))
    return versions, tuple(cells)


def standing(panel: Panel) -> Standing:
    versions, cells = cells_of(panel.quiz)
    given: dict[int, dict[int, int]] = defaultdict(dict)
    people: dict[int, StaffMember] = {}
    wanted = {version.pk for version in versions}
    for rating in panel.ratings.select_related("person").order_by("number"):
        people[rating.person_id] = rating.person
        if rating.question_version_id in wanted:
            given[rating.person_id][rating.question_version_id] = rating.percent
    seats = [Seat(person, len(given[pk])) for pk, person in people.items()]
    return Standing(panel, versions, cells, dict(given), sorted(seats, key=lambda seat: seat.person.full_name))


@transaction.atomic
def open_panel(*, quiz: Quiz, by: StaffMember) -> Panel:
    """The open one, if there is one."""
    Quiz.objects.select_for_update().get(pk=quiz.pk)
    found = open_panel_of(quiz)
    if found:
        return found
    number = 1 + (quiz.panels.aggregate(most=Max("number"))["most"] or 0)
    panel = Panel.objects.create(quiz=quiz, number=number, opened_at=clock.now(), opened_by=by)
    audit.record(clinic=None, by=by, action="panel.opened", subject=panel, body={"quiz": quiz.module.slug})
    return panel


@transaction.atomic
def rate(*, panel: Panel, percents: Mapping[int, int], by: StaffMember) -> int:
    """Keep a physician's ratings, by item version; what she said before and says again is not kept twice. How many are new.

    Raises PermissionError for whoever is no physician, or NotFiled once the panel is closed.
    """
    if not has_permission(by, Permission.RATE_ITEMS):
        raise PermissionError("only physicians rate items")
    Panel.objects.select_for_update().get(pk=panel.pk)
    panel.refresh_from_db()
    if panel.closed_at:
        raise NotFiled("This panel is closed: what it found is filed, and nothing was changed.")
    before = {row.question_version_id: row for row in panel.ratings.filter(person=by).order_by("number")}
    allowed = {version.pk for version in cells_of(panel.quiz)[0]}
    new = [
        Rating(
            panel=panel,
            person=by,
            question_version_id=pk,
            number=before[pk].number + 1 if pk in before else 1,
            percent=percent,
            rated_at=clock.now(),
        )
        for pk, percent in percents.items()
        if pk in allowed and 0 <= percent <= 100 and (pk not in before or before[pk].percent != percent)
    ]
    Rating.objects.bulk_create(new)
    if new:
        audit.record(clinic=None, by=by, action="items.rated", subject=panel, body=told_of_ratings(new))
    return len(new)


def told_of_ratings(rows: Sequence[Rating]) -> dict[str, object]:
    """What the trail says of ratings that were given together, in their order."""
    given = [[row.question_version_id, row.number, row.percent] for row in rows]
    return {"items": len(rows), "sha256": canonical.sha256_of(given)}


@transaction.atomic
def file(*, panel: Panel, next_review_on: date, by: StaffMember) -> CutFile:
    """File what the panel found. From now on the quiz's rules name it, and its forms keep near its mean. Raises NotFiled."""
    Panel.objects.select_for_update().get(pk=panel.pk)
    panel.refresh_from_db()
    if panel.closed_at:
        raise NotFiled("This panel is filed already.")
    now = standing(panel)
    if now.lacking:
        raise NotFiled(now.lacking)
    if next_review_on <= clock.now().date():
        raise NotFiled("The next review is on a day to come.")
    codes = {version.pk: version.question.code for version in now.versions}
    by_rater = {
        str(seat.person.pk): {codes[pk]: percent for pk, percent in now.ratings[seat.person.pk].items()}
        for seat in now.whole
    }
    found = angoff.result(now.cells, by_rater)
    rules = live_rules(panel.quiz)
    text = canonical.text(_plain(now, found, rules, next_review_on))
    row = CutFile.objects.create(
        panel=panel,
        text=text,
        sha256=canonical.sha256(text),
        mean=found.mean,
        next_review_on=next_review_on,
        filed_at=clock.now(),
        filed_by=by,
    )
    panel.closed_at, panel.closed_by = clock.now(), by
    panel.save(update_fields=["closed_at", "closed_by"])
    QuizVersion.objects.create(
        quiz=panel.quiz,
        number=rules.number + 1,
        created_by=by,
        cut_basis=basis(row),
        **{name: getattr(rules, name) for name in RULE_FIELDS},
    )
    audit.record(
        clinic=None, by=by, action="cut_score.filed", subject=row, body={"sha256": row.sha256, "mean": found.mean}
    )
    return row


def basis(row: CutFile) -> str:
    """How rules, result and certificate name the file."""
    day, raters = row.filed_at.date(), len(row.found["panel"])
    return (
        f"rated in file {row.name} of {day.day} {day:%B %Y} by {raters} physicians, "
        f"mean {row.mean // 1000}.{row.mean % 1000:03d}"
    )


def rated_again(row: CutFile) -> dict[str, int]:
    """The mean rating of each item of the file, derived from the panel's ratings: those of whoever rated all of them."""
    wanted = {(item["code"], item["version"]) for item in row.found["items"]}
    given: dict[int, dict[tuple[str, int], int]] = defaultdict(dict)
    for rating in row.panel.ratings.select_related("question_version__question").order_by("number"):
        version = rating.question_version
        given[rating.person_id][version.question.code, version.number] = rating.percent
    whole = [ratings for ratings in given.values() if wanted <= {*ratings}]
    return {
        code: angoff.thousandths(Decimal(sum(ratings[code, number] for ratings in whole) * 10) / len(whole))
        for code, number in sorted(wanted)
        if whole
    }


def _plain(now: Standing, found: angoff.Result, rules: QuizVersion, next_review_on: date) -> dict[str, Any]:
    bodies = {version.question.code: version for version in now.versions}
    licences: dict[int, list[str]] = {seat.person.pk: [] for seat in now.whole}
    for licence in Licence.objects.filter(person__in=licences, expires_on__gte=clock.now().date()).order_by("pk"):
        licences[licence.person_id].append(f"{licence.type}, {licence.authority}")  # never its number
    return {
        "format": "pinpoint-cut-score-1",
        "module": now.panel.quiz.module.slug,
        "panel": [{"name": seat.person.full_name, "licences": licences[seat.person.pk]} for seat in now.whole],
        "mean": found.mean,
        "spread": found.spread,
        "error": found.error,
        "form": {"items": rules.items, "cut": rules.cut, "suggested": found.cut(rules.items)},
        "next_review_on": next_review_on.isoformat(),
        "items": [
            {
                "code": one.item,
                "version": bodies[one.item].number,
                "body_sha256": canonical.sha256(bodies[one.item].body),
                "mean": one.mean,
                "spread": one.spread,
                "least": one.least,
                "most": one.most,
            }
            for one in found.items
        ],
    }


def rated(quiz: Quiz, bodies: Mapping[str, str]) -> tuple[dict[str, int], int | None]:
    """By code, the mean rating of items whose wording the file rated, and the mean that forms keep near; None without a file."""
    row = latest_file(quiz)
    if row is None:
        return {}, None
    given = {(item["code"], item["body_sha256"]): item["mean"] for item in row.found["items"]}
    found = {code: given.get((code, canonical.sha256(body))) for code, body in bodies.items()}
    return {code: mean for code, mean in found.items() if mean is not None}, row.mean
