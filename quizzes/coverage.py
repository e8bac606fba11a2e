"""What is covered: fact → key point → items, and the cells of each blueprint against the bank.

All of it is fetched in a fixed number of queries and put together here, so that the page and the command say the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse

from quizzes import drawing
from quizzes.models import QuestionPoint, QuestionVersion, QuizVersion
from quizzes.queries import blueprint, pool_item
from staff.models import Clinic
from training.models import (
    Citation,
    Fact,
    KeyPointVersion,
    ModuleVersion,
    ModuleVersionSection,
    ProtocolValue,
    Source,
)
from training.queries import live_versions

# What the bank is to hold. Five to a critical point: a re-test asks three others than the one that was missed, and one may be
# retired. Elsewhere twice as many as there are places, so that a second attempt need not ask what the first did.
CERTIFYING_FOR_CRITICAL = 5
CERTIFYING_FOR_A_PLACE = 2
PRACTICE_FOR_CRITICAL = 1


@dataclass(frozen=True)
class Item:
    """A live item of either bank that is not stale. `protocol` are the protocol items it rests on, by id."""

    module: int
    bank: str
    drawn: drawing.PoolItem
    protocol: frozenset[int]


@dataclass(frozen=True)
class Point:
    """A live key point. `cites` are the facts and positions that it rests on."""

    code: str
    text: str
    critical: bool
    module: str
    section: str
    cites: tuple[str, ...]
    certifying: tuple[str, ...]
    practice: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"{reverse('training:section-detail', args=[self.module, self.section])}#{self.code}"

    @property
    def lacking(self) -> str:
        """What is missing, in words; empty if nothing is."""
        if not self.critical:
            return "" if self.certifying or self.practice else "no live item"
        few = []
        if len(self.certifying) < CERTIFYING_FOR_CRITICAL:
            few.append(f"{len(self.certifying)} of {CERTIFYING_FOR_CRITICAL} certifying items")
        if len(self.practice) < PRACTICE_FOR_CRITICAL:
            few.append("no practice item")
        return ", ".join(few)


@dataclass(frozen=True)
class SectionCover:
    """A live section. `facts` are the rows that it or a key point of it cites."""

    module: str
    slug: str
    title: str
    number: int
    points: tuple[Point, ...]
    facts: tuple[str, ...]

    @property
    def url(self) -> str:
        return reverse("training:section-detail", args=[self.module, self.slug])

    @property
    def certifying(self) -> int:
        return len({code for point in self.points for code in point.certifying})

    @property
    def practice(self) -> int:
        return len({code for point in self.points for code in point.practice})


@dataclass(frozen=True)
class FactCover:
    """A row of a document: the key points and the sections' passages that cite it, or why it is left out."""

    code: str
    statement: str
    teachable: bool
    points: tuple[Point, ...]
    passages: tuple[SectionCover, ...]
    left_out: str

    @property
    def cited(self) -> bool:
        return bool(self.points or self.passages)

    @property
    def is_gap(self) -> bool:
        return self.teachable and not self.cited and not self.left_out


@dataclass(frozen=True)
class Cell:
    """A part of a form: a section's places beside its critical points, one critical point, or a level.

    `items` are those of the bank that may fill it, `wanted` how many it is to hold (0: no quota).
    """

    kind: str
    name: str
    title: str
    section: str
    places: int
    items: int
    wanted: int
    why: str

    @property
    def is_gap(self) -> bool:
        return bool(self.why)

    @property
    def percent(self) -> int | None:
        """Of what is wanted."""
        return self.items * 100 // self.wanted if self.wanted else None


@dataclass(frozen=True)
class Plan:
    """A quiz's blueprint against the items that the installation, or a clinic, may draw. `held_back` rest on its protocol."""

    module: str
    title: str
    clinic: Clinic | None
    cells: tuple[Cell, ...]
    held_back: int

    @property
    def places(self) -> int:
        return sum(cell.places for cell in self.cells if cell.kind in ("section", "critical"))

    @property
    def gaps(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.is_gap)


@dataclass(frozen=True)
class ModuleCover:
    slug: str
    title: str
    sections: tuple[SectionCover, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for section in self.sections for point in section.points)


@dataclass(frozen=True)
class Coverage:
    modules: tuple[ModuleCover, ...]
    facts: dict[str, FactCover]
    plans: tuple[Plan, ...]
    items: tuple[Item, ...]

    @property
    def facts_uncited(self) -> list[FactCover]:
        return [fact for fact in self.facts.values() if fact.is_gap]

    @property
    def facts_left_out(self) -> list[FactCover]:
        return [fact for fact in self.facts.values() if fact.left_out]

    @property
    def points_without_items(self) -> list[Point]:
        return [point for module in self.modules for point in module.points if point.lacking]

    @property
    def cells_unfillable(self) -> list[tuple[Plan, Cell]]:
        return [(plan, cell) for plan in self.plans for cell in plan.gaps]

    @property
    def has_gap(self) -> bool:
        return bool(self.facts_uncited or self.points_without_items or self.cells_unfillable)

    def counts(self) -> dict[str, Any]:
        points = [point for module in self.modules for point in module.points]
        teachable = [fact for fact in self.facts.values() if fact.teachable]
        return {
            "modules": len(self.modules),
            "sections": sum(len(module.sections) for module in self.modules),
            "key_points": len(points),
            "critical": sum(point.critical for point in points),
            "items": {bank: sum(item.bank == bank for item in self.items) for bank in ("certifying", "practice")},
            "facts": {
                "total": len(teachable),
                "cited": sum(fact.cited for fact in teachable),
                "excluded": sum(bool(fact.left_out) for fact in teachable),
            },
            "cells": [
                {
                    "clinic": plan.clinic.public_id if plan.clinic else None,
                    "module": plan.module,
                    "kind": cell.kind,
                    "cell": cell.name,
                    "places": cell.places,
                    "items": cell.items,
                    "wanted": cell.wanted,
                    "percent": cell.percent,
                }
                for plan in self.plans
                for cell in plan.cells
            ],
        }

    def plain(self) -> dict[str, Any]:
        """For a machine; the same keys however much is covered."""
        return {
            "facts_uncited": [{"fact": fact.code, "statement": fact.statement} for fact in self.facts_uncited],
            "points_without_items": [
                {
                    "point": point.code,
                    "module": point.module,
                    "section": point.section,
                    "critical": point.critical,
                    "certifying": len(point.certifying),
                    "practice": len(point.practice),
                    "why": point.lacking,
                }
                for point in self.points_without_items
            ],
            "cells_unfillable": [
                {
                    "clinic": plan.clinic.public_id if plan.clinic else None,
                    "module": plan.module,
                    "kind": cell.kind,
                    "cell": cell.name,
                    "why": cell.why,
                }
                for plan, cell in self.cells_unfillable
            ],
            "counts": self.counts(),
        }


def coverage(clinics: Sequence[Clinic], *, installation: bool = True) -> Coverage:
    """Over the live version of every module; blueprints for these clinics and, unless refused, for the installation."""
    versions = live_versions()
    points = _points(versions)
    items = _items(versions, points)
    modules, facts = _chain(versions, points, items)
    asked: list[tuple[Clinic | None, frozenset[int]]] = [(None, frozenset())] if installation else []
    signed = _signed_otherwise(clinics)
    asked += [(clinic, signed.get(clinic.pk, frozenset())) for clinic in clinics]
    rules = _rules(versions)
    plans = [
        plan
        for version, module in zip(versions, modules, strict=True)
        if version.module_id in rules
        for plan in _plans(module, rules[version.module_id], points[version.module_id], items, asked)
    ]
    return Coverage(modules, facts, tuple(plans), tuple(items))


def _points(versions: Sequence[ModuleVersion]) -> dict[int, dict[int, KeyPointVersion]]:
    """By module and key point, as `queries.live_points` has them for one version."""
    found: dict[int, dict[int, KeyPointVersion]] = {version.module_id: {} for version in versions}
    rows = KeyPointVersion.objects.filter(section_version__places__module_version__in=versions)
    for row in rows.select_related("key_point", "section_version__section").order_by("section_version", "position"):
        found[row.key_point.module_id][row.key_point_id] = row
    return found


def _items(versions: Sequence[ModuleVersion], points: dict[int, dict[int, KeyPointVersion]]) -> list[Item]:
    tests = QuestionPoint.objects.select_related("approved_against").prefetch_related("approved_against__depends_on")
    rows = (
        QuestionVersion.objects.filter(
            state=QuestionVersion.State.LIVE, question__section__module__in=[version.module_id for version in versions]
        )
        .select_related("question__section")
        .prefetch_related("depends_on", Prefetch("points", tests))
        .order_by("question__code")
    )
    found = []
    for row in rows:
        module = row.question.section.module_id
        drawn = pool_item(row, points[module])
        if drawn:
            rests_on = {item.pk for item in row.depends_on.all()}
            for test in row.points.all():
                if test.approved_against:
                    rests_on |= {item.pk for item in test.approved_against.depends_on.all()}
            found.append(Item(module, row.question.bank, drawn, frozenset(rests_on)))
    return found


@dataclass(frozen=True)
class _Cited:
    """Codes by the id of what cites them, each once, in the text's order. A section's own are facts only."""

    by_point: dict[int, dict[str, None]]
    by_section: dict[int, dict[str, None]]
    in_passages: dict[int, dict[str, None]]


def _cited(versions: Sequence[ModuleVersion]) -> _Cited:
    found = _Cited(defaultdict(dict), defaultdict(dict), defaultdict(dict))
    rows = Citation.objects.filter(section_version__places__module_version__in=versions).order_by("pk")
    for section, point, fact, position in rows.values_list("section_version", "point", "fact__code", "position__code"):
        if point:
            found.by_point[point][fact or position] = None
        elif fact:
            found.in_passages[section][fact] = None
        if fact:
            found.by_section[section][fact] = None
    return found


def _chain(
    versions: Sequence[ModuleVersion], points: dict[int, dict[int, KeyPointVersion]], items: Iterable[Item]
) -> tuple[tuple[ModuleCover, ...], dict[str, FactCover]]:
    testing: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in items:
        for code in sorted(item.drawn.points):
            testing[code, item.bank].append(item.drawn.code)
    cited = _cited(versions)
    in_section: dict[int, list[KeyPointVersion]] = defaultdict(list)
    for rows in points.values():
        for row in rows.values():
            in_section[row.section_version_id].append(row)
    sections: dict[int, list[SectionCover]] = defaultdict(list)
    citing: dict[str, list[Point]] = defaultdict(list)
    passages: dict[str, list[SectionCover]] = defaultdict(list)
    slugs = {version.pk: version.module.slug for version in versions}
    places = ModuleVersionSection.objects.filter(module_version__in=versions)
    for place in places.select_related("section_version__section").order_by("module_version", "position"):
        version = place.section_version
        module, slug = slugs[place.module_version_id], version.section.slug
        shown = tuple(
            Point(
                row.key_point.code,
                row.text,
                row.critical,
                module,
                slug,
                tuple(cited.by_point[row.pk]),
                tuple(testing[row.key_point.code, "certifying"]),
                tuple(testing[row.key_point.code, "practice"]),
            )
            for row in in_section[version.pk]
        )
        section = SectionCover(module, slug, version.title, place.position, shown, tuple(cited.by_section[version.pk]))
        sections[place.module_version_id].append(section)
        for point in shown:
            for code in point.cites:
                citing[code].append(point)
        for code in cited.in_passages[version.pk]:
            passages[code].append(section)
    facts = {
        fact.code: FactCover(
            fact.code,
            fact.statement,
            fact.kind == "teachable" and fact.source.label == Source.Label.SEED,
            tuple(citing[fact.code]),
            tuple(passages[fact.code]),
            fact.left_out,
        )
        for fact in Fact.objects.select_related("source").order_by("code")
    }
    modules = tuple(
        ModuleCover(version.module.slug, version.title, tuple(sections[version.pk])) for version in versions
    )
    return modules, facts


def _rules(versions: Sequence[ModuleVersion]) -> dict[int, QuizVersion]:
    """The rules in force by module: in order of number, so that the last of each stays."""
    rows = QuizVersion.objects.filter(quiz__module__in=[version.module_id for version in versions])
    return {row.quiz.module_id: row for row in rows.select_related("quiz").order_by("number")}


def _plans(
    module: ModuleCover,
    rules: QuizVersion,
    points: dict[int, KeyPointVersion],
    items: Iterable[Item],
    asked: Sequence[tuple[Clinic | None, frozenset[int]]],
) -> list[Plan]:
    """One for each clinic asked for; clinics that draw from the same items are tried once."""
    bank = [item for item in items if item.module == rules.quiz.module_id and item.bank == "certifying"]
    titles = {section.slug: section.title for section in module.sections}
    known: dict[frozenset[str], tuple[Cell, ...]] = {}
    plans = []
    for clinic, protocol in asked:
        held = frozenset(item.drawn.code for item in bank if item.protocol & protocol)
        if held not in known:
            known[held] = _cells([item.drawn for item in bank if item.drawn.code not in held], rules, points, titles)
        plans.append(Plan(module.slug, module.title, clinic, known[held], len(held)))
    return plans


def _signed_otherwise(clinics: Sequence[Clinic]) -> dict[int, frozenset[int]]:
    """By clinic, the protocol items for which it has signed another value, as `queries.signed_otherwise` has them."""
    latest: dict[tuple[int, int], bool] = {}
    values = ProtocolValue.objects.filter(clinic__in=clinics).order_by("number")
    for clinic, item, is_default in values.values_list("clinic", "item", "is_default"):
        latest[clinic, item] = is_default
    found: dict[int, set[int]] = defaultdict(set)
    for (clinic, item), is_default in latest.items():
        if not is_default:
            found[clinic].add(item)
    return {clinic: frozenset(rows) for clinic, rows in found.items()}


def _cells(
    pool: Sequence[drawing.PoolItem], rules: QuizVersion, points: dict[int, KeyPointVersion], titles: dict[str, str]
) -> tuple[Cell, ...]:
    plan = blueprint(rules, points)
    why = {(lack.kind, lack.name): lack.sentence for lack in drawing.lacks(pool, plan)}
    critical: dict[str, list[str]] = defaultdict(list)
    for row in points.values():
        if row.critical:
            critical[row.section_version.section.slug].append(row.key_point.code)
    cells = []
    # In the module's order; a section that the blueprint names and the module lost comes last.
    for slug in dict.fromkeys([*titles, *plan.sections]):
        title = titles.get(slug, slug)
        places = plan.sections.get(slug, 0) - len(critical[slug])
        ordinary = sum(item.section == slug and not item.critical for item in pool)
        wanted = max(0, CERTIFYING_FOR_A_PLACE * places)
        if slug in plan.sections:
            cells.append(
                Cell("section", slug, title, slug, max(0, places), ordinary, wanted, why.get(("section", slug), ""))
            )
        for code in sorted(critical[slug]):
            sentence = why.get(("critical", code), "")
            if slug not in plan.sections:
                sentence = f"critical key point {code} is never asked: the blueprint has no place for its section"
            count = sum(item.critical == {code} for item in pool)
            cells.append(Cell("critical", code, title, slug, 1, count, CERTIFYING_FOR_CRITICAL, sentence))
    thinking = sum(item.level != "recall" and item.section in plan.sections for item in pool)
    level = Cell(
        "level",
        "recall",
        f"At most {plan.recall_at_most} at level recall",
        "",
        max(0, plan.items - plan.recall_at_most),
        thinking,
        0,
        why.get(("level", "recall"), ""),
    )
    whole = [
        Cell("form", "", "All cells together", "", plan.items, len(pool), 0, why[key])
        for key in why
        if key[0] == "form"
    ]
    return (*cells, level, *whole)
