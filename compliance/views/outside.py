"""Outside training: one's own, what waits for a manager's check and a physician's signature, and the proof itself."""

import secrets
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from certificates.signing_views import sign_with, signing_page
from compliance import outside
from compliance.models import OutsideTraining
from compliance.outside import proofs
from compliance.outside.forms import CheckForm, DecideForm, SendForm, WithdrawForm
from compliance.people import managed, person_for
from staff import clock, signing, uploads
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from training.models import Module
from training.pictures import Refused

PAGE = 50
ORDER = {"due-soon": 0, "in-progress": 1}


@require_safe
@require_permission(Permission.HOLD_CERTIFICATES, Permission.MANAGE_PEOPLE, Permission.ADOPT_MODULES)
def outside_list(request: StaffRequest) -> HttpResponse:
    """What waits first, then the newest."""
    rows = list(outside.visible_to(request.user).order_by("-sent_at", "-pk"))
    shown = sorted(((row, outside.where(row)) for row in rows), key=lambda pair: ORDER.get(pair[1].state, 2))
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "sends": bool(clinics_as(request.user, *LEARNING_ROLES)),
        "manages": has_permission(request.user, Permission.MANAGE_PEOPLE),
    }
    return render(request, "compliance/outside_list.html", context)


def _sent(view: Any) -> Any:
    """The size is looked at before the form is read, so the token is checked inside."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            if int(request.META.get("CONTENT_LENGTH") or 0) > proofs.MOST_BYTES + uploads.ENVELOPE:
                messages.error(request, f"The file is far too large, so nothing was read or sent. {proofs.HOW}")
                return redirect(request.path)
            request.upload_handlers = [uploads.Held(request, proofs.MOST_BYTES)]
        return csrf_protect(view)(request, *args, **kwargs)  # type: ignore[no-any-return]

    return guarded


def _page(request: StaffRequest, person: StaffMember, clinics: list[Clinic]) -> HttpResponse:
    form = SendForm(
        request.POST or None,
        request.FILES or None,
        clinics=clinics,
        initial={"key": secrets.token_urlsafe(16)},
    )
    if form.is_valid():
        try:
            row = outside.send(
                person=person,
                clinic=form.cleaned_data["clinic"],
                facts=form.facts(),
                data=form.cleaned_data["file"].read(),
                client_key=form.cleaned_data["key"],
                by=request.user,
            )
        except Refused as refusal:
            form.add_error("file", str(refusal))
        except outside.NotAllowed as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "On record. A manager checks it, then a physician of the clinic decides.")
            return redirect("compliance:outside-detail", row.public_id)
    context = {"form": form, "person": person, "own": person == request.user}
    return render(request, "compliance/outside_add.html", context, status=400 if form.errors else 200)


@require_permission(Permission.HOLD_CERTIFICATES)
def _own(request: StaffRequest) -> HttpResponse:
    return _page(request, request.user, clinics_as(request.user, *LEARNING_ROLES))


@require_permission(Permission.MANAGE_PEOPLE)
def _for_another(request: StaffRequest, public_id: str) -> HttpResponse:
    person = person_for(request.user, public_id)
    held = managed(request.user, person)
    if not held or person == request.user:
        raise PermissionDenied("the person has no open membership in a clinic that the viewer manages")
    return _page(request, person, [membership.clinic for membership in held])


outside_add = _sent(_own)
outside_add_for = _sent(_for_another)


def _visible(request: StaffRequest, public_id: str) -> OutsideTraining:
    """404 for a stranger."""
    row: OutsideTraining = get_object_or_404(outside.visible_to(request.user), public_id=public_id)
    return row


@require_safe
@require_permission(Permission.HOLD_CERTIFICATES, Permission.MANAGE_PEOPLE, Permission.ADOPT_MODULES)
def outside_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    where = outside.where(row)
    another = row.person_id != request.user.pk
    context = {
        "row": row,
        "where": where,
        "counts_for": _counts_for(row),
        "is_picture": row.file.media_type != proofs.PDF,
        "own": not another,
        "checks": where.state == "due-soon" and another and row.clinic in clinics_as(request.user, Role.MANAGER),
        "signs": where.state == "in-progress" and another and row.clinic in clinics_as(request.user, Role.PHYSICIAN),
        "withdraws": where.state not in ("withdrawn", "voided"),
    }
    return render(request, "compliance/outside_detail.html", context)


def _counts_for(row: OutsideTraining) -> str:
    decision = getattr(row, "decision", None)
    return outside.titles().get(decision.module_id, str(decision.module)) if decision and decision.module else ""


@require_safe
@require_permission(Permission.HOLD_CERTIFICATES, Permission.MANAGE_PEOPLE, Permission.ADOPT_MODULES)
def outside_file(request: StaffRequest, public_id: str) -> HttpResponse:
    """The proof, to be saved: never opened inside the site, whatever its kind."""
    file = _visible(request, public_id).file
    response = HttpResponse(bytes(file.bytes), content_type=file.media_type)
    response["Content-Disposition"] = f'attachment; filename="outside-{public_id}.{proofs.SUFFIXES[file.media_type]}"'
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def outside_check(request: StaffRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(
        outside.visible_to(request.user), public_id=public_id, clinic__in=clinics_as(request.user, Role.MANAGER)
    )
    form = CheckForm(request.POST or None)
    if form.is_valid():
        try:
            outside.check(training=row, text=form.cleaned_data["text"], by=request.user)
        except outside.NotAllowed as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Checked. It waits for a physician of the clinic now.")
        return redirect("compliance:outside-detail", public_id)
    return render(request, "compliance/outside_check.html", {"form": form, "row": row})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def outside_sign(request: StaffRequest, public_id: str) -> HttpResponse:
    """What the training counts for in the physician's clinic, and until when; or why for nothing."""
    row = get_object_or_404(
        outside.visible_to(request.user), public_id=public_id, clinic__in=clinics_as(request.user, Role.PHYSICIAN)
    )
    titles = outside.titles()
    form = DecideForm(request.POST or None, titles=titles)
    signed, error = sign_with(
        request,
        form,
        lambda seen: outside.decide(
            training=row,
            approved=form.cleaned_data["decision"] == "approve",
            module=form.counts_for(),
            valid_until_on=form.cleaned_data["valid_until_on"],
            text=form.cleaned_data["text"],
            seen=seen,
            by=request.user,
        ),
    )
    if signed:
        messages.success(request, f"Signed. {row.person.full_name} is told by mail.")
        return redirect("compliance:outside-detail", public_id)
    modules = Module.objects.filter(pk__in=titles).order_by("position", "pk")
    context: dict[str, Any] = {
        "row": row,
        "form": form,
        "where": outside.where(row),
        "is_picture": row.file.media_type != proofs.PDF,
        "choices": [(module.pk, titles[module.pk], outside.latest_until(row, module)) for module in modules],
        "today": clock.today(row.clinic.zone),
        "given": request.POST,
        "meanings": (signing.MEANINGS["credit"], signing.MEANINGS["decline-credit"]),
    }
    return signing_page(
        request,
        "compliance/outside_sign.html",
        context,
        clinic=row.clinic,
        sha256=outside.shown_sha256(row),
        error=error,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.HOLD_CERTIFICATES, Permission.MANAGE_PEOPLE, Permission.ADOPT_MODULES)
def outside_withdraw(request: StaffRequest, public_id: str) -> HttpResponse:
    row = _visible(request, public_id)
    form = WithdrawForm(request.POST or None)
    if form.is_valid():
        try:
            outside.withdraw(training=row, reason=form.cleaned_data["reason"], by=request.user)
        except outside.NotAllowed as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Withdrawn. It counts for nothing from now on, and stays on record.")
        return redirect("compliance:outside-detail", public_id)
    return render(request, "compliance/outside_withdraw.html", {"form": form, "row": row})
