"""The physician takes over the supervision of a predecessor's certificates."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from certificates import programmes
from certificates.protocol_forms import ProgrammeForm
from certificates.queries import state_of, visible_to
from certificates.signing_views import sign_with, signing_page
from staff import signing
from staff.access import Permission, StaffRequest, clinics_as, require_permission
from staff.models.clinics import Role


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVOKE_CERTIFICATES)
def certificate_endorse(request: StaffRequest, number: str) -> HttpResponse:
    """The successor of the physician who signed takes over."""
    certificate = get_object_or_404(visible_to(request.user).distinct(), number=number)
    if certificate.clinic not in clinics_as(request.user, Role.PHYSICIAN) or certificate.person_id == request.user.pk:
        raise PermissionDenied("not hers to endorse")
    open_now = programmes.supervision_open(certificate)
    form = ProgrammeForm(request.POST or None)
    signed, error = sign_with(
        request, form, lambda seen: programmes.endorse_again(certificate=certificate, seen=seen, by=request.user)
    )
    if signed:
        messages.success(request, f"Signed. You supervise the holder of {certificate.number} from now on.")
        return redirect(certificate)
    context: dict[str, Any] = {
        "certificate": certificate,
        "state": state_of(certificate),
        "open_now": open_now,
        "form": form,
    }
    return signing_page(
        request,
        "certificates/certificate_endorse.html",
        context,
        clinic=certificate.clinic,
        sha256=certificate.facts_sha256,
        meaning=signing.MEANINGS["re-endorse"],
        error=error,
    )
