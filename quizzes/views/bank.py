"""The bank: its items with their keys, and how they did. Not for whoever takes quizzes, whatever else she may do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from quizzes import kinds, lint
from quizzes.answered import ItemReport, certifying_versions, reports, with_points
from quizzes.exchange import NAMES
from quizzes.files import ItemFile
from quizzes.models import QuestionVersion
from quizzes.statistics import DISCRIMINATION_FROM, FACILITY_FROM, Statistics
from quizzes.views.items import Asked, ask, pictures_for
from staff.access import Permission, StaffRequest, has_permission, require_permission
from training.models import Module
from training.queries import live_version, live_versions


def sees_keys(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A key is seen by those who answer for the bank and take no quiz themselves."""

    @wraps(view)
    def guarded(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if has_permission(request.user, Permission.TAKE_QUIZZES):
            raise PermissionDenied("whoever takes quizzes does not see the bank")
        return view(request, *args, **kwargs)

    return require_permission(Permission.SEE_BANK)(guarded)


@dataclass(frozen=True)
class Span:
    """A share with its interval as a line on 0 to 100 %."""

    at: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class Row:
    report: ItemReport
    span: Span | None


@dataclass(frozen=True)
class Dot:
    """An item in the plot of facility and discrimination: `x` in per cent, `y` in units of the drawing."""

    x: float
    y: float
    negative: bool


PLOT_HEIGHT = 160


@require_safe
@sees_keys
def bank(request: StaffRequest) -> HttpResponse:
    counts = dict(
        QuestionVersion.objects.filter(state=QuestionVersion.State.LIVE)
        .order_by()
        .values_list("question__section__module")
        .annotate(count=Count("pk", filter=Q(question__bank="certifying")))
    )
    modules = [(version, counts.get(version.module_id, 0)) for version in live_versions()]
    regrades = has_permission(request.user, Permission.ANSWER_QUESTIONS)
    return render(
        request,
        "quizzes/bank.html",
        {"modules": modules, "regrades": regrades, "approves": has_permission(request.user, Permission.APPROVE_ITEMS)},
    )


@require_safe
@sees_keys
def bank_module(request: StaffRequest, slug: str) -> HttpResponse:
    """Its certifying items: what asks to be looked at first, then by code."""
    module = get_object_or_404(Module, slug=slug)
    live = certifying_versions(module)
    found = sorted(reports(module, live), key=lambda row: (-len(row.statistics.signals), row.code))
    context = {
        "module": module,
        "version": live_version(module),
        "rows": [Row(report, span(report.statistics)) for report in found],
        "writes": has_permission(request.user, Permission.WRITE_ITEMS),
        "formats": NAMES.items(),
        "others": _others(module),
        "places": _places(live),
        "findings": lint.of_bank([as_item(version) for version in live]),
        "dots": dots([report.statistics for report in found]),
        "plot_height": PLOT_HEIGHT,
        "answers": sum(report.statistics.answers for report in found),
        "signals": sum(bool(report.statistics.signals) for report in found),
        "facility_from": FACILITY_FROM,
        "discrimination_from": DISCRIMINATION_FROM,
    }
    return render(request, "quizzes/bank_module.html", context)


def _others(module: Module) -> list[tuple[str, list[QuestionVersion]]]:
    """What else there is: proposals, stale items, and the practice bank."""
    rows = QuestionVersion.objects.filter(question__section__module=module).select_related("question")
    waiting = rows.filter(state__in=[QuestionVersion.State.DRAFT, QuestionVersion.State.STALE])
    practice = rows.filter(question__bank="practice", state=QuestionVersion.State.LIVE)
    return [
        ("Waiting for a second person", list(waiting.order_by("question__code"))),
        ("Practice", list(practice.order_by("question__code"))),
    ]


def _places(live: Sequence[QuestionVersion]) -> list[tuple[str, int]]:
    held = lint.places([as_item(version) for version in live])
    return [(letter, held[place]) for place, letter in enumerate(lint.PLACES)]


def as_item(version: QuestionVersion) -> ItemFile:
    """As the rules of item writing take it."""
    content = version.content
    kept = {name: value for name, value in content.items() if name not in ("level", "stem", "source")}
    points = tuple(test.key_point.code for test in version.points.all())
    question = version.question
    return ItemFile(
        question.code, "", question.bank, question.kind, content["level"], points, (), content["stem"], kept, "", 0
    )


@require_safe
@sees_keys
def bank_item(request: StaffRequest, slug: str, code: str) -> HttpResponse:
    """One item: as it is asked, its key, and how each of its versions did; the newest first."""
    module = get_object_or_404(Module, slug=slug)
    versions = list(
        with_points(QuestionVersion.objects.filter(question__section__module=module, question__code=code)).order_by(
            "-number"
        )
    )
    if not versions:
        raise Http404("no such item in this module")
    found = reports(module, versions)
    context = {
        "module": module,
        "version": live_version(module),
        "question": versions[0].question,
        "writes": has_permission(request.user, Permission.WRITE_ITEMS),
        "source": versions[0].content.get("source"),
        "hints": lint.of_item(as_item(versions[0])),
        "shown": preview(versions[0], called="b"),
        "told": found[0].kind.told_right(versions[0].content),
        "rows": [Row(report, span(report.statistics)) for report in found],
        "facility_from": FACILITY_FROM,
        "discrimination_from": DISCRIMINATION_FROM,
    }
    return render(request, "quizzes/bank_item.html", context)


def preview(version: QuestionVersion, *, called: str) -> Asked:
    """As it is asked, with nothing chosen, by the bank's own names."""
    content, code = version.content, version.question.kind
    return ask(content, code, kinds.of(code).by_name(content), "", pictures_for([content]), called)


def span(found: Statistics) -> Span | None:
    if found.facility is None or found.low is None or found.high is None:
        return None
    return Span(100 * found.facility, 100 * found.low, 100 * found.high)


def dots(found: Sequence[Statistics]) -> list[Dot]:
    return [
        Dot(round(100 * row.facility, 1), round((1 - row.discrimination) / 2 * PLOT_HEIGHT, 1), row.discrimination < 0)
        for row in found
        if row.facility is not None and row.discrimination is not None
    ]
