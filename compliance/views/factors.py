"""What the clinic requires at sign-in, and freeing somebody of a second factor that she can use no longer."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from certificates.signing_views import sign_with, signing_page
from compliance.factor_forms import FactorRuleForm, ResetForm
from compliance.views.people import managed_by
from staff import factors, resetting, signing
from staff.access import Permission, StaffRequest, clinics_as, require_permission
from staff.models import FactorRule
from staff.models.clinics import Role
from staff.templatetags.look import day


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def factor_rule(request: StaffRequest) -> HttpResponse:
    clinics = clinics_as(request.user, Role.MANAGER)
    form = FactorRuleForm(request.POST or None, clinics=clinics)
    if form.is_valid():
        row = factors.set_rule(by=request.user, **form.cleaned_data)
        said = (
            f"{row.clinic} requires a second step of its {row.whom} from {day(form.cleaned_data['holds_on'])} on."
            if row.whom
            else f"{row.clinic} requires a second step of nobody."
        )
        messages.success(request, said)
        return redirect("compliance:factor-rule")
    rows = FactorRule.objects.filter(clinic__in=clinics).select_related("clinic", "set_by")
    context = {"form": form, "rows": list(rows.order_by("clinic__name", "-number")), "clinics": clinics}
    return render(request, "compliance/factor_rule.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def factor_reset(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    if person == request.user:
        messages.error(
            request,
            "Nobody resets her own. Ask another manager of the clinic, or the administrator of the installation.",
        )
        return redirect("compliance:person-detail", public_id)
    if not resetting.answers_for(membership.clinic, person):
        messages.error(request, resetting.elsewhere(membership.clinic, person))
        return redirect("compliance:person-detail", public_id)
    form = ResetForm(request.POST or None)
    row, error = sign_with(
        request,
        form,
        lambda seen: resetting.reset(
            membership=membership, reason=form.cleaned_data["reason"], seen=seen, by=request.user
        ),
        unfilled="The reason is missing.",
    )
    if row:
        messages.success(
            request, f"Signed. {person.full_name} was signed out everywhere, and signs in with the password alone."
        )
        return redirect("compliance:person-detail", public_id)
    return signing_page(
        request,
        "compliance/factor_reset.html",
        {"form": form, "person": person, "has_factor": factors.held_by(person).any},
        clinic=membership.clinic,
        sha256=resetting.before_sha256(membership.clinic, person),
        meaning=signing.MEANINGS["reset-factors"],
        error=error,
    )
