"""Time in the quiz: the clock that a clinic sets, and a person's extra time on it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from compliance import people
from compliance.forms import AccommodationForm, ClockForm
from compliance.views.people import managed_by
from quizzes import actions
from quizzes.models import Accommodation, ClinicClock
from staff.access import Permission, StaffRequest, clinics_as, require_permission
from staff.models.clinics import Role


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def accommodation_add(request: StaffRequest, public_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id)
    if person == request.user:
        messages.error(request, "Nobody gives extra time to themselves. Ask another manager of the clinic.")
        return redirect("compliance:person-detail", person.public_id)
    form = AccommodationForm(request.POST or None, initial={"valid_from_on": people.today_for(request.user)})
    if form.is_valid():
        row = actions.accommodate(person=person, clinic=membership.clinic, by=request.user, **form.cleaned_data)
        messages.success(
            request,
            f"{person.full_name} has {row.time_percent} % of the time in every quiz, and sees that on the rules page.",
        )
        return redirect("compliance:person-detail", person.public_id)
    return render(request, "compliance/accommodation_add.html", {"form": form, "person": person})


@require_POST
@require_permission(Permission.MANAGE_PEOPLE)
def accommodation_end(request: StaffRequest, public_id: str, pk: int) -> HttpResponse:
    person, membership = managed_by(request, public_id)
    row = get_object_or_404(Accommodation, pk=pk, person=person)
    if actions.end_accommodation(accommodation=row, clinic=membership.clinic, by=request.user):
        messages.success(request, "The extra time has ended. An attempt under way keeps what it had.")
    return redirect("compliance:person-detail", person.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def clinic_clock(request: StaffRequest) -> HttpResponse:
    clinics = clinics_as(request.user, Role.MANAGER)
    form = ClockForm(request.POST or None, clinics=clinics)
    if form.is_valid():
        row = actions.set_clock(by=request.user, **form.cleaned_data)
        said = f"a clock of {row.limit_minutes} minutes" if row.limit_minutes else "no clock"
        messages.success(
            request, f"Quizzes started at {row.clinic} from now on have {said}. Attempts under way keep theirs."
        )
        return redirect("compliance:clinic-clock")
    rows = (
        ClinicClock.objects.filter(clinic__in=clinics)
        .select_related("clinic", "set_by")
        .order_by("clinic__name", "-number")
    )
    return render(request, "compliance/clinic_clock.html", {"form": form, "rows": list(rows), "clinics": clinics})
