"""A holder's certificates, one certificate, its files, and what a physician or manager may do to it."""

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates import actions, causes, codes, names, papers, programmes, sharing, totals, validity
from certificates.badges import issuing
from certificates.forms import LiftForm, NameForm, RevokeForm, SuspendForm
from certificates.models import Certificate
from certificates.queries import history, is_lost, state_of, visible_to, with_events
from certificates.signing_views import sign_with, signing_page
from quizzes.models import Review
from staff import signing
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models.clinics import Role

STILL_HELD = "It stays suspended until a physician of the clinic takes over the supervision."
OVER = ("superseded", "expired", "revoked", "ended")


@require_safe
def certificate_list(request: StaffRequest) -> HttpResponse:
    """One's own, newest first (also for whoever has left); for managers and physicians, their clinics' too."""
    own_accounts = Q(person=request.user) | Q(person__merged_into=request.user)
    mine = with_events(Certificate.objects.filter(own_accounts)).select_related("supersedes")
    own = mine.order_by("-issued_at", "-pk")
    held = [(certificate, state_of(certificate), history(certificate)) for certificate in own]
    context: dict[str, Any] = {
        "rows": held,
        "present": [row for row in held if row[1] not in OVER],
        "earlier": [row for row in held if row[1] in OVER],
    }
    if has_permission(request.user, Permission.DOWNLOAD_CERTIFICATES):
        sought = request.GET.get("q", "").strip()
        staff = visible_to(request.user).exclude(own_accounts)
        if sought:
            staff = staff.filter(
                Q(holder_name__icontains=sought) | Q(number__icontains=sought) | Q(title__icontains=sought)
            )
        page = Paginator(staff.order_by("-issued_at", "-pk"), 25).get_page(request.GET.get("page"))
        context |= {
            "downloads": True,
            "sought": sought,
            "page_obj": page,
            "staff_rows": [(certificate, state_of(certificate), []) for certificate in page],
        }
    return render(request, "certificates/certificate_list.html", context)


def visible_certificate(request: StaffRequest, number: str) -> Certificate:
    certificate: Certificate = get_object_or_404(visible_to(request.user).distinct(), number=number)
    return certificate


@require_safe
def certificate_detail(request: StaffRequest, number: str) -> HttpResponse:
    certificate = visible_certificate(request, number)
    own = certificate.person_id == request.user.pk
    supervises = certificate.clinic in clinics_as(request.user, Role.PHYSICIAN)
    manages = certificate.clinic in clinics_as(request.user, Role.MANAGER)
    for_physicians = causes.is_for_physicians(certificate)
    may_lift = (supervises or (manages and not for_physicians)) and not own and not actions.why_not_lifted(certificate)
    context = {
        "certificate": certificate,
        "state": state_of(certificate),
        "events": [(event, causes.told(event)) for event in certificate.events.all()],
        "share": sharing.public_page(certificate),
        "linkedin": sharing.linkedin(certificate) if state_of(certificate) in validity.IN_FORCE else "",
        "grouped_code": codes.grouped(certificate.code),
        "own": own,
        "badge": issuing.badge_of(certificate) if issuing.is_on() else None,
        "may_choose_name": own and state_of(certificate) in validity.IN_FORCE,
        "may_revoke": supervises and not own,
        "may_suspend": (supervises or manages) and not own,
        "may_lift": may_lift,
        "held_for": _who_lifts(certificate) if for_physicians and manages and not supervises and not own else None,
        "to_decide": supervises and not own and is_lost(certificate),
        "successor": next(iter(certificate.superseded_by.all()), None),
        "may_endorse": supervises and not own and programmes.supervision_open(certificate),
        "successor_until": programmes.successor_until(certificate),
        **_programme_facts(certificate),
    }
    return render(request, "certificates/certificate_detail.html", context)


def _who_lifts(certificate: Certificate) -> dict[str, Any]:
    """For a manager, of what a physician holds: which physicians of the clinic lift it, and what would end it without them."""
    returned = any(event.reason_class == "restudy" for event in causes.open_suspensions(certificate))
    row = None
    if returned:
        row = Review.objects.filter(attempt=certificate.attempt_id, decision=Review.Decision.RETURNED).first()
    physicians = actions.staff_with_role(certificate.clinic, Role.PHYSICIAN)
    return {
        "returned": returned,
        "physicians": sorted(one.full_name for one in physicians if one.pk != certificate.person_id),
        "missing": actions.restudy_missing(row) if row else [],
    }


def _programme_facts(certificate: Certificate) -> dict[str, Any]:
    """Of a programme certificate: who signed, what it rests on and the total over its quizzes, as on her screen."""
    if certificate.kind != Certificate.Kind.PROGRAMME:
        return {}
    dossier = json.loads(certificate.signing.dossier)
    return {
        "signing": certificate.signing,
        "basis": list(certificate.basis.select_related("knowledge", "observation")),
        "total": totals.total((points, items) for *_, points, items in dossier["certificates"]),
    }


@require_safe
def certificate_file(request: StaffRequest, number: str, format: str) -> HttpResponse:
    """The stored PDF or PNG, or the frozen facts as JSON."""
    certificate = visible_certificate(request, number)
    if format == "json":
        response = HttpResponse(certificate.facts, content_type="application/json")
    elif format in papers.DRAWN_AHEAD:
        stored = papers.file_of(certificate, format)
        response = HttpResponse(bytes(stored.bytes), content_type=stored.media_type)
    else:
        raise Http404("a certificate comes as pdf, png or json")
    response["Content-Disposition"] = f'attachment; filename="{certificate.number}.{format}"'
    return response


@require_safe
def certificate_sheet(request: StaffRequest, number: str, sheet: str) -> HttpResponse:
    """The same on US Letter, or as a card for the wallet; drawn when first asked for, and stored like the others."""
    certificate = visible_certificate(request, number)
    if sheet not in ("letter", "card"):
        raise Http404("other sheets are letter and card")
    stored = papers.file_of(certificate, sheet)
    response = HttpResponse(bytes(stored.bytes), content_type=stored.media_type)
    response["Content-Disposition"] = f'attachment; filename="{certificate.number}-{sheet}.pdf"'
    return response


def _for_staff(request: StaffRequest, number: str, *roles: str) -> Certificate:
    """A visible certificate of somebody else, in a clinic where she holds one of the roles; else 403."""
    certificate = visible_certificate(request, number)
    if certificate.clinic not in clinics_as(request.user, *roles) or certificate.person_id == request.user.pk:
        raise PermissionDenied("not hers to decide")
    return certificate


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVOKE_CERTIFICATES)
def certificate_revoke(request: StaffRequest, number: str) -> HttpResponse:
    certificate = _for_staff(request, number, Role.PHYSICIAN)
    form = RevokeForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: actions.revoke(
            certificate=certificate,
            reason_class=form.cleaned_data["reason_class"],
            public_text=form.cleaned_data["public_text"],
            private_note=form.cleaned_data["private_note"],
            seen=seen,
            by=request.user,
        ),
        unfilled="Choose the reason and say it in one sentence for the public.",
    )
    if signed:
        messages.success(request, f"{certificate.number} is revoked. Whoever verifies it sees that and the reason.")
        return redirect(certificate)
    context = {"certificate": certificate, "form": form, "state": state_of(certificate)}
    return signing_page(
        request,
        "certificates/certificate_revoke.html",
        context,
        clinic=certificate.clinic,
        sha256=certificate.facts_sha256,
        meaning=signing.MEANINGS["revoke"],
        error=error,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVOKE_CERTIFICATES, Permission.MANAGE_PEOPLE)
def certificate_suspend(request: StaffRequest, number: str) -> HttpResponse:
    certificate = _for_staff(request, number, Role.PHYSICIAN, Role.MANAGER)
    form = SuspendForm(request.POST or None)
    if form.is_valid():
        actions.suspend(certificate=certificate, by=request.user, **form.cleaned_data)
        messages.success(request, f"{certificate.number} is suspended until somebody lifts it.")
        return redirect(certificate)
    context = {"certificate": certificate, "form": form, "verb": "Suspend", "state": state_of(certificate)}
    return render(request, "certificates/certificate_decide.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVOKE_CERTIFICATES, Permission.MANAGE_PEOPLE)
def certificate_lift(request: StaffRequest, number: str) -> HttpResponse:
    certificate = _for_staff(request, number, Role.PHYSICIAN, Role.MANAGER)
    if causes.is_for_physicians(certificate):
        certificate = _for_staff(request, number, Role.PHYSICIAN)
    form = LiftForm(request.POST or None)
    refused = actions.why_not_lifted(certificate)
    if form.is_valid() and not refused:
        try:
            actions.lift(certificate=certificate, by=request.user, **form.cleaned_data)
        except actions.LiftRefused as refusal:
            refused = str(refusal)
        else:
            held = f" {STILL_HELD}" if causes.lapsed_at(certificate) else ""
            messages.success(request, f"The suspension of {certificate.number} is lifted.{held}")
            return redirect(certificate)
    context = {
        "certificate": certificate,
        "form": form,
        "verb": "Lift the suspension of",
        "state": state_of(certificate),
        "refused": refused,
    }
    status = 400 if refused and request.method == "POST" else 200
    return render(request, "certificates/certificate_decide.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def certificate_name(request: StaffRequest, number: str) -> HttpResponse:
    """The holder's choice of full name or initials. Changing it replaces the certificate by a corrected copy."""
    certificate = visible_certificate(request, number)
    if certificate.person_id != request.user.pk:
        raise PermissionDenied("the holder's choice")
    printed = actions.printable(request.user)
    choices = [(value, f"{label}: {names.shown_as(printed, value)}") for value, label in Certificate.Name.choices]
    form = NameForm(request.POST or None, choices=choices, initial={"name_shown": certificate.name_shown})
    error = ""
    if form.is_valid():
        try:
            again = programmes if certificate.kind == Certificate.Kind.PROGRAMME else actions
            newer = again.reissue(certificate=certificate, name_shown=form.cleaned_data["name_shown"], by=request.user)
        except actions.ReissueRefused as refusal:
            error = str(refusal)
        else:
            if newer == certificate:
                messages.info(request, "It reads so already. Nothing was changed.")
            else:
                messages.success(request, f"{newer.number} is issued and replaces {certificate.number}.")
            return redirect(newer)
    context = {
        "certificate": certificate,
        "form": form,
        "error": error,
        "state": state_of(certificate),
        "renamed": certificate.holder_name != request.user.full_name,
    }
    return render(request, "certificates/certificate_name.html", context, status=400 if error else 200)


@require_POST
def certificate_mail(request: StaffRequest, number: str) -> HttpResponse:
    """To the holder's own address, and to no other."""
    certificate = visible_certificate(request, number)
    if certificate.person_id != request.user.pk:
        raise PermissionDenied("mailed to its holder alone")
    if actions.mail_to_holder(certificate=certificate, by=request.user):
        messages.success(request, f"{certificate.number} is on its way to {request.user.email}.")
    else:
        messages.info(request, f"It was mailed to {request.user.email} today already.")
    return redirect(certificate)
