"""How long a clinic keeps its records, what is held, erasing who left; and one's own data."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import people, trail
from compliance.keeping import erasing, own_data
from compliance.keeping.forms import EraseForm, HoldForm, RuleForm
from staff import clock
from staff import keeping as rules
from staff.access import Permission, StaffRequest, asked_clinic, clinics_as, memberships, require_permission
from staff.models import Clinic, LegalHold, RetentionRule, StaffMember
from staff.models.clinics import Role
from staff.models.keeping import LEAST_YEARS


def _clinic(request: StaffRequest) -> tuple[Clinic, list[Clinic]]:
    clinics = clinics_as(request.user, Role.MANAGER)
    return asked_clinic(request, clinics), clinics


def _there(clinic: Clinic) -> str:
    return f"{reverse('compliance:keeping')}?clinic={clinic.public_id}"


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def rule(request: StaffRequest) -> HttpResponse:
    clinic, clinics = _clinic(request)
    held = rules.rule_of(clinic)
    begun = {"years": LEAST_YEARS, "public_name": RetentionRule.PublicName.INITIALS}
    form = RuleForm(request.POST or None, initial=rules.told_of_rule(held) if held else begun)
    if form.is_valid():
        row = rules.set_rule(clinic=clinic, by=request.user, **form.cleaned_data)
        messages.success(request, f"{clinic} keeps its records for {row.years} years from now on.")
        return redirect(_there(clinic))
    rows = RetentionRule.objects.filter(clinic=clinic).select_related("set_by").order_by("-number")
    holds = LegalHold.objects.filter(clinic=clinic).select_related("person", "placed_by", "release_by", "lifted_by")
    return render(
        request,
        "compliance/keeping.html",
        {
            "keeping_clinic": clinic,
            "clinics": clinics,
            "form": form,
            "rows": list(rows),
            "holds": list(holds),
            "least": LEAST_YEARS,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def hold_place(request: StaffRequest) -> HttpResponse:
    clinic, _ = _clinic(request)
    form = HoldForm(request.POST or None, people=trail.people_of(clinic))
    if form.is_valid():
        row = rules.place_hold(clinic=clinic, by=request.user, **form.cleaned_data)
        whom = row.person.full_name if row.person else "everybody here"
        messages.success(request, f"Nothing of {whom} is deleted or erased until two people have lifted the hold.")
        return redirect(_there(clinic))
    return render(request, "compliance/hold_place.html", {"form": form, "keeping_clinic": clinic})


@require_POST
@require_permission(Permission.MANAGE_PEOPLE)
def hold_release(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(
        LegalHold.objects.select_related("clinic"), pk=pk, clinic__in=clinics_as(request.user, Role.MANAGER)
    )
    row = rules.release_hold(hold=row, by=request.user)
    if row.lifted_at:
        messages.success(request, "The hold is lifted. What was held may be erased again.")
    else:
        messages.info(request, "Your word is on record. The hold stands until another manager lifts it.")
    return redirect(_there(row.clinic))


def _erasable(request: StaffRequest, public_id: str) -> StaffMember:
    """404 for a stranger; 403 where somebody else's clinic has a say in it too."""
    person = people.person_for(request.user, public_id)
    worked = {clinic.pk for clinic in erasing.clinics_of(person)}
    if not worked or not worked <= {clinic.pk for clinic in clinics_as(request.user, Role.MANAGER)}:
        raise PermissionDenied("the person works or worked in a clinic that the viewer does not manage")
    return person


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def person_erase(request: StaffRequest, public_id: str) -> HttpResponse:
    person = _erasable(request, public_id)
    refused = ""
    if not erasing.has_left(person):
        refused = "The membership has not ended yet. End it first; erasing is for people who left."
    elif rules.holds_on(person):
        refused = "A legal hold stands on this person or on the clinic. Two managers lift it, one after the other."
    elif person.erased_at:
        refused = "This person was erased already."
    form = EraseForm(request.POST or None)
    if not refused and form.is_valid():
        erasing.erase(person=person, by=request.user)
        messages.success(
            request, "Erased. What is kept, and why, goes to the address that was on record; then the address goes too."
        )
        return redirect("compliance:person-detail", person.public_id)
    context = {"person": person, "form": form, "refused": refused, "kept": erasing.kept_of_all(person)}
    return render(request, "compliance/person_erase.html", context)


@require_safe
def own(request: StaffRequest) -> HttpResponse:
    context = {"kept": erasing.kept_of_all(request.user), "held": memberships(request.user)}
    return render(request, "compliance/own_data.html", context)


@require_POST
def own_download(request: StaffRequest) -> HttpResponse:
    response = StreamingHttpResponse(own_data.archive(request.user), content_type="application/zip")
    day = clock.now().date().isoformat()
    response["Content-Disposition"] = f'attachment; filename="my-data-{day}.zip"'
    return response  # type: ignore[return-value]
