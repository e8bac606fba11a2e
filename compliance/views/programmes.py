"""Programmes: what each asks for, of whom, and how far one is oneself."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from certificates.actions import lift_restudied, open_renewals
from certificates.programmes import dossier_of
from compliance.programmes import Way, ways
from compliance.queries import board_for
from compliance.steps.learners import learner_step
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, memberships, require_permission
from staff.models import Clinic


def _ways(request: StaffRequest) -> tuple[Clinic | None, list[Way]]:
    """For a learner in the clinic where she learns; for anybody else without a standing of their own."""
    clinics = clinics_as(request.user, *LEARNING_ROLES)
    if not clinics:
        return None, ways(board_for(request.user))
    open_renewals(request.user)
    lift_restudied(request.user)
    return clinics[0], ways(board_for(request.user), request.user, clinics[0])


@require_safe
@require_permission(Permission.READ_MODULES)
def programme_list(request: StaffRequest) -> HttpResponse:
    clinic, found = _ways(request)
    return render(request, "compliance/programme_list.html", {"ways": found, "learns": clinic is not None})


@require_safe
@require_permission(Permission.READ_MODULES)
def programme_detail(request: StaffRequest, slug: str) -> HttpResponse:
    clinic, found = _ways(request)
    way = next((way for way in found if way.programme.slug == slug), None)
    if way is None:
        raise Http404("no such programme")
    step = learner_step(way.rows, clinic) if way.mine and clinic and way.rows else None
    context = {"way": way, "learns": clinic is not None, "learning_clinic": clinic, "step": step}
    if way.mine and clinic and way.programme.observed:
        membership = next(row for row in memberships(request.user) if row.clinic == clinic)
        membership.person = request.user
        context["dossier"] = dossier_of(membership, way.programme)
    return render(request, "compliance/programme_detail.html", context)
