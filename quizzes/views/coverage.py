"""What is taught and asked, and every gap in it: for those who write the material and those who answer for it."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from quizzes import coverage as covering
from quizzes.coverage import Cell, Coverage, FactCover, ModuleCover, Plan, Point, SectionCover
from quizzes.forms import CoverageForm, CoverageNarrowing
from staff.access import Permission, StaffRequest, clinics_as, require_permission, roles
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role


@dataclass(frozen=True)
class Gaps:
    """Within what was asked for."""

    facts: list[FactCover]
    points: list[Point]
    cells: list[tuple[Plan, Cell]]

    @property
    def total(self) -> int:
        return len(self.facts) + len(self.points) + len(self.cells)


@dataclass(frozen=True)
class FactRow:
    """A fact in one section: its key points there, and whether a passage carries it."""

    fact: FactCover
    points: list[Point]
    in_passage: bool


@dataclass(frozen=True)
class SectionRows:
    section: SectionCover
    facts: list[FactRow]


@dataclass(frozen=True)
class ModuleRows:
    module: ModuleCover
    sections: list[SectionRows]


@dataclass(frozen=True)
class ClinicRow:
    clinic: Clinic
    plans: list[Plan]

    @property
    def gaps(self) -> int:
        return sum(len(plan.gaps) for plan in self.plans)


def seen_by(viewer: StaffMember) -> tuple[list[Clinic], bool]:
    """The clinics whose blueprints she sees, and whether she sees the installation's: authors and administrators do."""
    if roles(viewer) & {"author", "administrator"}:
        return list(Clinic.objects.all()), True
    return clinics_as(viewer, Role.PHYSICIAN), False


@require_safe
@require_permission(Permission.SEE_COVERAGE)
def coverage(request: StaffRequest) -> HttpResponse:
    clinics, installation = seen_by(request.user)
    if request.GET.get("clinic") and request.GET["clinic"] not in {clinic.public_id for clinic in clinics}:
        raise Http404("no such clinic")
    found = covering.coverage(clinics, installation=installation)
    everywhere = [("", "All clinics")] if installation else []
    form = CoverageForm(
        request.GET,
        modules=[(module.slug, module.title) for module in found.modules],
        clinics=everywhere + [(clinic.public_id, clinic.name) for clinic in clinics],
    )
    asked = form.narrowing()
    modules = [module for module in found.modules if asked.module in ("", module.slug)]
    plans = [plan for plan in found.plans if asked.module in ("", plan.module)]
    chosen = asked.clinic or ("" if installation else clinics[0].public_id)
    context = {
        "form": form,
        "asked": asked,
        "counts": found.counts(),
        "gaps": _gaps(found, plans, asked),
        "plans": [plan for plan in plans if (plan.clinic.public_id if plan.clinic else "") == chosen],
        "chosen": next((clinic for clinic in clinics if clinic.public_id == chosen), None),
        "several": len(clinics) + installation > 1,
        "clinics": [ClinicRow(clinic, [plan for plan in plans if plan.clinic == clinic]) for clinic in clinics],
        "title": modules[0].title if asked.module else "what is taught and asked",
        "modules": [_chain(found, module) for module in modules],
        "left_out": found.facts_left_out,
    }
    return render(request, "quizzes/coverage.html", context)


def _gaps(found: Coverage, plans: list[Plan], asked: CoverageNarrowing) -> Gaps:
    """Facts that nothing teaches belong to no module, so they are not among the gaps of one."""
    return Gaps(
        [] if asked.module else found.facts_uncited,
        [point for point in found.points_without_items if asked.module in ("", point.module)],
        _cells_of(plans, asked.clinic) if asked.clinic else _cells_once(plans),
    )


def _cells_of(plans: list[Plan], clinic: str) -> list[tuple[Plan, Cell]]:
    return [(plan, cell) for plan in plans if plan.clinic and plan.clinic.public_id == clinic for cell in plan.gaps]


def _cells_once(plans: list[Plan]) -> list[tuple[Plan, Cell]]:
    """What no clinic at all can fill is said once, and not again for each clinic."""
    everywhere = {(plan.module, cell.kind, cell.name) for plan in plans if plan.clinic is None for cell in plan.gaps}
    return [
        (plan, cell)
        for plan in plans
        for cell in plan.gaps
        if plan.clinic is None or (plan.module, cell.kind, cell.name) not in everywhere
    ]


def _chain(found: Coverage, module: ModuleCover) -> ModuleRows:
    return ModuleRows(
        module,
        [
            SectionRows(
                section,
                [
                    FactRow(
                        found.facts[code],
                        [point for point in section.points if code in point.cites],
                        section in found.facts[code].passages,
                    )
                    for code in section.facts
                ],
            )
            for section in module.sections
        ],
    )
