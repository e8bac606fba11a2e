"""The clinic's protocol, and a physician's adoption of a module version."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from certificates import actions
from certificates.forms import AdoptForm
from certificates.signing_views import sign_with, signing_page
from staff import signing
from staff.access import Permission, StaffRequest, asked_clinic, clinics_as, require_permission
from staff.models import Clinic, Membership
from staff.models.clinics import Role
from training.models import KeyPointVersion, Module, Position
from training.protocol import state_rule
from training.queries import live_version, live_versions, protocol_of, standing_adoption


def physician_clinic(request: StaffRequest) -> Clinic:
    """The clinic she signs for: the one asked for, or her first."""
    return asked_clinic(request, clinics_as(request.user, Role.PHYSICIAN))


def supervised_member(request: StaffRequest, clinic_id: str, public_id: str) -> Membership:
    """Somebody's open membership in a clinic that she supervises; 404 for any other, 403 for her own."""
    membership: Membership = get_object_or_404(
        Membership.objects.select_related("person", "clinic"),
        clinic__in=clinics_as(request.user, Role.PHYSICIAN),
        clinic__public_id=clinic_id,
        person__public_id=public_id,
        ended_at=None,
    )
    if membership.person_id == request.user.pk:
        raise PermissionDenied("nobody decides about themselves")
    return membership


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def protocol(request: StaffRequest) -> HttpResponse:
    """Her physician decides it here; a manager reads it."""
    signs_for = clinics_as(request.user, Role.PHYSICIAN)
    clinics = list(dict.fromkeys([*signs_for, *clinics_as(request.user, Role.MANAGER)]))
    clinic = asked_clinic(request, clinics)
    modules = [(version, standing_adoption(clinic, version)) for version in live_versions()]
    context = {
        "protocol_clinic": clinic,
        "clinics": clinics,
        "signs": clinic in signs_for,
        "modules": modules,
        "items": list(protocol_of(clinic).values()),
        "rule": state_rule(clinic),
    }
    return render(request, "certificates/protocol.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def module_adopt(request: StaffRequest, slug: str) -> HttpResponse:
    """One signature after seeing the critical points, the positions taken and the open decisions."""
    clinic = physician_clinic(request)
    version = live_version(get_object_or_404(Module, slug=slug))
    if version is None:
        raise Http404("the module has no published version")
    shown = _shown_to_adopt(version, clinic)
    form = AdoptForm(request.POST or None, undecided=bool(shown["undecided"]))
    signed, error = sign_with(
        request,
        form,
        lambda seen: actions.adopt(
            clinic=clinic,
            version=version,
            with_defaults=form.cleaned_data["defaults"] == "on",
            seen=seen,
            by=request.user,
        ),
        unfilled="Tick that you have read what stands above, choose about the open decisions, and type your password.",
    )
    if signed:
        messages.success(request, f"{version} is adopted for {clinic}. Passes that waited have their certificates now.")
        return redirect("certificates:protocol")
    context: dict[str, Any] = shown | {"form": form, "protocol_clinic": clinic}
    context["meanings"] = {"adopt": signing.MEANINGS["adopt"], "defaults": signing.MEANINGS["adopt-defaults"]}
    context["clinics"] = clinics_as(request.user, Role.PHYSICIAN)
    return signing_page(
        request,
        "certificates/module_adopt.html",
        context,
        clinic=clinic,
        sha256=actions.before_adopting(clinic, version),
        meaning="" if shown["undecided"] else signing.MEANINGS["adopt"],
        error=error,
    )


def _shown_to_adopt(version: Any, clinic: Clinic) -> dict[str, Any]:
    points = KeyPointVersion.objects.filter(section_version__places__module_version=version)
    critical = points.filter(critical=True).select_related("key_point", "section_version__section")
    positions = Position.objects.filter(citation__section_version__places__module_version=version).distinct()
    shown = protocol_of(clinic).values()
    return {
        "version": version,
        "points": list(critical.order_by("section_version__places__position", "position")),
        "positions": list(positions.order_by("code")),
        "undecided": [item for item in shown if item.value is None],
        "decided": [item for item in shown if item.value],
        "adoption": standing_adoption(clinic, version),
    }
