"""A clinic over the months, drawn, with the numbers beside each drawing."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import trends
from compliance.queries import board_of
from compliance.selection import seen_clinics
from staff.access import Permission, StaffRequest, asked_clinic, require_permission


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def trend_page(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    clinic = asked_clinic(request, clinics)
    board = board_of([clinic])
    whole = next(
        (month for month in trends.months_ahead(clinic) if month.isoformat()[:7] == request.GET.get("month")), None
    )
    drawn, months = trends.expiries(clinic, board, whole)
    return render(
        request,
        "compliance/trends.html",
        {
            "shown_clinic": clinic,
            "clinics": clinics,
            "completion": trends.completion(clinic, board),
            "expiries": drawn,
            "months": months,
            "whole": whole,
            "weak": trends.weak_points(clinic),
            "fewest": trends.FEWEST_PEOPLE,
        },
    )
