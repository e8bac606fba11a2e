"""Programmes: what each asks for, of whom, how far one is oneself, and the physician's signature."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from certificates.actions import lift_restudied, open_renewals
from certificates.programmes import signer_missing
from certificates.protocol_forms import ProgrammeForm
from certificates.signing_views import sign_with, signing_page
from certificates.views.adoption import supervised_member
from compliance import entrusting
from compliance.programmes import Way, ways
from compliance.queries import board_for
from compliance.steps.learners import learner_step
from staff import signing
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, memberships, require_permission
from staff.models import Clinic
from training.models import Programme


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
        context["dossier"] = entrusting.dossier_of(membership, way.programme)
    return render(request, "compliance/programme_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def programme_sign(request: StaffRequest, slug: str, clinic_id: str, public_id: str) -> HttpResponse:
    """Everything the signature would rest on, what is missing, and the signature if nothing is."""
    programme = get_object_or_404(Programme, slug=slug)
    membership = supervised_member(request, clinic_id, public_id)
    held = set(membership.roles.filter(ended_at=None).values_list("role", flat=True))
    if not programme.observed or not held & set(programme.asked_of):
        raise Http404("not a programme that is asked of her and signed")
    dossier = entrusting.dossier_of(membership, programme)
    form = ProgrammeForm(request.POST or None)
    issued, error = sign_with(
        request,
        form,
        lambda seen: entrusting.sign_programme(membership=membership, programme=programme, seen=seen, by=request.user),
    )
    if issued:
        messages.success(request, f"Signed. {membership.person.full_name} holds {issued.number} now.")
        return redirect(issued)
    own = signer_missing(request.user, membership.clinic)
    context: dict[str, Any] = {
        "dossier": dossier,
        "own_missing": own,
        "may_sign": dossier.ready and not own,
        "rows": dossier.practicals,
        "form": form,
    }
    return signing_page(
        request,
        "compliance/programme_sign.html",
        context,
        clinic=membership.clinic,
        sha256=dossier.sha256,
        meaning=signing.MEANINGS["programme"],
        error=error,
    )
