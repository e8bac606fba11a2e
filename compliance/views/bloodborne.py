"""The yearly training in blood-borne pathogens: the clinic's trainer and plan, sessions, and the date of an offer."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from certificates.signing_views import sign_with, signing_page
from compliance import bloodborne
from compliance.bloodborne.forms import OfferForm, SessionForm, TrainerForm, WithdrawForm
from compliance.models import SiteSession
from compliance.selection import seen_clinics
from compliance.views.people import managed_by
from staff import signing
from staff.access import Permission, StaffRequest, asked_clinic, clinics_as, require_permission
from staff.models import Clinic
from staff.models.clinics import Role

PAGE = 50


def _back(clinic: Clinic) -> str:
    return f"{reverse('compliance:bloodborne')}?clinic={clinic.public_id}"


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def overview(request: StaffRequest) -> HttpResponse:
    clinic = asked_clinic(request, seen_clinics(request.user))
    rows = bloodborne.standings(clinic)
    sessions = (
        SiteSession.objects.filter(clinic=clinic).select_related("withdrawal").prefetch_related("attendances")
    ).order_by("-held_on", "-pk")
    context = {
        "site": clinic,
        "clinics": seen_clinics(request.user),
        "manages": clinic in clinics_as(request.user, Role.MANAGER),
        "named": bloodborne.trainer_of(clinic),
        "page_obj": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "sessions": list(sessions[:PAGE]),
        "missing": sum(row.state in ("expired", "not-recorded") for row in rows),
    }
    return render(request, "compliance/bloodborne.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def trainer(request: StaffRequest) -> HttpResponse:
    """Whom the clinic names as its trainer, and where its exposure control plan is."""
    clinic = asked_clinic(request, seen_clinics(request.user))
    named = bloodborne.trainer_of(clinic)
    fields = ("name", "qualification", "contact", "plan")
    form = TrainerForm(request.POST or None, initial={name: getattr(named, name) for name in fields} if named else {})
    if form.is_valid():
        bloodborne.name_trainer(clinic=clinic, by=request.user, **form.cleaned_data)
        messages.success(request, f"Kept for {clinic}. Sessions recorded before keep what they say.")
        return redirect(_back(clinic))
    context = {"form": form, "site": clinic, "back": _back(clinic)}
    return render(request, "compliance/bloodborne_trainer.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def session_add(request: StaffRequest) -> HttpResponse:
    """A session, who came, and the signature of whoever records it."""
    clinic = asked_clinic(request, seen_clinics(request.user))
    here, named = bloodborne.may_attend(clinic), bloodborne.trainer_of(clinic)
    initial = (
        {
            "trainer_name": named.name,
            "trainer_qualification": named.qualification,
            "trainer_contact": named.contact,
            "plan": named.plan,
            "place": clinic.address,
        }
        if named
        else {"place": clinic.address}
    )
    form = SessionForm(request.POST or None, here=here, initial=initial)
    session, error = sign_with(
        request,
        form,
        lambda seen: bloodborne.record_session(
            clinic=clinic, facts=form.facts(), people=form.people(), seen=seen, by=request.user
        ),
        unfilled="Something above is missing.",
    )
    if session:
        messages.success(request, "Signed. The session is on record.")
        return redirect("compliance:session-detail", session.public_id)
    context: dict[str, Any] = {"form": form, "site": clinic, "back": _back(clinic)}
    return signing_page(
        request,
        "compliance/session_add.html",
        context,
        clinic=clinic,
        sha256=bloodborne.before_sha256(clinic, here),
        meaning=signing.MEANINGS["record-session"],
        error=error,
    )


def _session(request: StaffRequest, public_id: str) -> SiteSession:
    """404 for another clinic's."""
    rows = SiteSession.objects.filter(clinic__in=seen_clinics(request.user))
    found: SiteSession = get_object_or_404(
        rows.select_related("clinic", "signature", "recorded_by", "withdrawal__withdrawn_by"), public_id=public_id
    )
    return found


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def session_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    session = _session(request, public_id)
    context = {
        "session": session,
        "attended": list(session.attendances.select_related("person").order_by("person__full_name", "pk")),
        "until": bloodborne.valid_until(session.held_on),
        "back": _back(session.clinic),
    }
    return render(request, "compliance/session_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def session_withdraw(request: StaffRequest, public_id: str) -> HttpResponse:
    session = _session(request, public_id)
    form = WithdrawForm(request.POST or None)
    if form.is_valid():
        try:
            bloodborne.withdraw(session=session, reason=form.cleaned_data["reason"], by=request.user)
        except bloodborne.NotAllowed as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Withdrawn. It counts for nobody from now on, and stays on record.")
        return redirect("compliance:session-detail", public_id)
    context = {"form": form, "session": session, "back": _back(session.clinic)}
    return render(request, "compliance/session_withdraw.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def hepatitis_offer(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    """The date of the offer, and nothing else about it."""
    person, membership = managed_by(request, public_id, clinic_id)
    form = OfferForm(request.POST or None)
    if form.is_valid():
        bloodborne.record_offer(
            person=person, clinic=membership.clinic, offered_on=form.cleaned_data["offered_on"], by=request.user
        )
        messages.success(request, f"On record for {person.full_name}.")
        return redirect(_back(membership.clinic))
    context = {"form": form, "person": person, "back": _back(membership.clinic)}
    return render(request, "compliance/hepatitis_offer.html", context, status=400 if form.errors else 200)
