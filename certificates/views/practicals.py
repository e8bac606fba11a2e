"""Practicals: one's own, the observer's sheet beside the couch, its signature, and who may observe."""

import json
import secrets
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Max
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates.observing_forms import AcknowledgeForm, ObserverForm, SelfForm, SheetForm, SignSheetForm, StartForm
from certificates.signing_views import sign_with, signing_page
from certificates.views.adoption import physician_clinic, supervised_member
from staff import canonical, clock, signing
from staff.access import Permission, StaffRequest, clinics_as, open_without_factor, require_permission
from staff.models import Membership, StaffMember
from staff.models.clinics import Role
from training import observing, practicals
from training.models import Acknowledgement, Observation, ObservedLine, PracticalVersion
from training.observations import (
    approved_observers,
    asked_roles,
    counts_of,
    latest_self,
    learners_of,
    live_practicals,
    observes_in,
    sheets_visible_to,
    shown_for,
    signed_sheets,
    totals_of,
)

PAGE = 25
GRADES = ((0, "not done"), (1, "prompted"), (2, "unaided"))


@require_safe
@require_permission(Permission.READ_MODULES)
def practical_list(request: StaffRequest) -> HttpResponse:
    """One's own practicals; for an observer, whom to watch and the sheets that are open."""
    person = request.user
    mine = bool(clinics_as(person, *asked_roles()))
    observing_in = observes_in(person)
    sheets = signed_sheets([person]) if mine else []
    context: dict[str, Any] = {
        "learns": mine,
        "rows": shown_for(person) if mine else [],
        "unread": [sheet for sheet in sheets if not hasattr(sheet, "acknowledgement")],
        "sheets": list(reversed(sheets)),
        "counts": counts_of(sheets),
        "totals": [(Observation.WORDS[setting], count) for setting, count in totals_of(sheets).items()],
        "observing_in": observing_in,
        "supervises": bool(clinics_as(person, Role.PHYSICIAN)),
        "manages": bool(clinics_as(person, Role.MANAGER)),
    }
    if observing_in:
        page = Paginator(learners_of(observing_in, but=person), PAGE).get_page(request.GET.get("page"))
        context |= {
            "page_obj": page,
            "learners": list(page),
            "open_sheets": list(
                Observation.objects.filter(observer=person, state=Observation.State.OPEN).select_related("learner")
            ),
        }
    return render(request, "certificates/practical_list.html", context)


def _observed_membership(request: StaffRequest, public_id: str, clinic_id: str) -> Membership:
    """The learner where the viewer may observe; else 404, and 403 for who observes nowhere."""
    clinics = observes_in(request.user)
    if not clinics:
        raise PermissionDenied("observes nowhere")
    membership: Membership = get_object_or_404(
        Membership.objects.select_related("person", "clinic"),
        person__public_id=public_id,
        clinic__public_id=clinic_id,
        clinic__in=clinics,
        ended_at=None,
    )
    return membership


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def observation_start(request: StaffRequest, clinic_id: str, public_id: str) -> HttpResponse:
    membership = _observed_membership(request, public_id, clinic_id)
    learner, clinic = membership.person, membership.clinic
    sentence = observing.why_not(observer=request.user, learner=learner, clinic=clinic)
    versions = live_practicals()
    waits = observing.refused_today(learner=learner, versions=versions, today=clock.today(clinic.zone))
    form = StartForm(request.POST or None, versions=[v for v in versions if v.code not in waits])
    if not sentence and request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            sheet = observing.start(
                learner=learner,
                clinic=clinic,
                setting=data["setting"],
                codes=data["practicals"],
                by=request.user,
                device=data["device"],
                device_serial=data["device_serial"],
                cartridge_lot=data["cartridge_lot"],
                cartridge_expires_on=data["cartridge_expires_on"],
                areas=form.treated(),
            )
        except observing.NotObservable as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("certificates:observation-sheet", sheet.public_id)
    context = {"learner": learner, "observed_clinic": clinic, "form": form, "sentence": sentence, "waits": waits}
    sheets = signed_sheets([learner])
    context["totals"] = [(Observation.WORDS[setting], count) for setting, count in totals_of(sheets).items()]
    return render(request, "certificates/observation_start.html", context, status=400 if form.errors else 200)


def own_sheet(request: StaffRequest, public_id: str) -> Observation:
    sheet: Observation = get_object_or_404(
        Observation.objects.select_related("learner", "clinic", "observer"), public_id=public_id, observer=request.user
    )
    return sheet


def _grouped(sheet: Observation) -> list[tuple[PracticalVersion, list[ObservedLine]]]:
    groups: dict[PracticalVersion, list[ObservedLine]] = {}
    for line in sheet.lines.select_related("practical").order_by("position"):
        groups.setdefault(line.practical, []).append(line)
    return list(groups.items())


@open_without_factor
@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def observation_sheet(request: StaffRequest, public_id: str) -> HttpResponse:
    """The sheet beside the couch. Each tap is sent by itself; without JavaScript the page is sent as a whole."""
    sheet = own_sheet(request, public_id)
    if sheet.state != Observation.State.OPEN:
        return redirect(sheet) if sheet.state == Observation.State.SIGNED else redirect("certificates:practical-list")
    form = SheetForm(request.POST or None)
    stale: list[int] = []
    if request.method == "POST" and form.is_valid():
        stale = _save_whole(request, sheet, form)
        missing = sheet.lines.filter(score=None).count()
        if not stale and not missing:
            return redirect("certificates:observation-sign", public_id)
        if missing and not stale:
            messages.warning(request, "Saved. Some lines are not scored yet; each needs a score before you sign.")
            return redirect("certificates:observation-sheet", public_id)
    groups = _grouped(sheet)
    lines = [line for _, group in groups for line in group]
    context = {
        "sheet": sheet,
        "groups": groups,
        "grades": GRADES,
        "count": len(lines),
        "scored": sum(line.score is not None for line in lines),
        "save_key": secrets.token_urlsafe(12),
        "stale": stale,
        "comment": form.data.get("comment", sheet.comment) if stale else sheet.comment,
        "number": totals_of(signed_sheets([sheet.learner]))[sheet.setting] + 1,
    }
    return render(request, "certificates/observation_sheet.html", context, status=409 if stale else 200)


def _save_whole(request: StaffRequest, sheet: Observation, form: SheetForm) -> list[int]:
    """The positions at which somebody has scored otherwise since the page was made; nothing is overwritten there."""
    stale = []
    known = dict(sheet.lines.values_list("position", "score"))
    for position, (score, revision) in form.scores().items():
        if known.get(position, score) == score and known.get(position) is not None:
            continue
        try:
            observing.save_score(
                sheet_id=sheet.public_id,
                observer=request.user,
                position=position,
                score=score,
                base_revision=revision,
                client_key=f"{str(request.POST.get('key', ''))[:40]}-{position}-{score}",
            )
        except observing.Stale:
            stale.append(position)
        except (ObservedLine.DoesNotExist, observing.SheetEnded):
            continue
    observing.write_comment(sheet=sheet, text=form.cleaned_data["comment"])
    return stale


@open_without_factor
@require_POST
def observation_save(request: StaffRequest, public_id: str, position: int) -> HttpResponse:
    """One tap, from the page's script. Authorised by sheet and observer alone."""
    score, revision = request.POST.get("score", ""), request.POST.get("revision", "")
    try:
        saved = observing.save_score(
            sheet_id=public_id,
            observer=request.user,
            position=position,
            score=int(score) if score.isdecimal() else -1,
            base_revision=int(revision) if revision.isdecimal() else -1,
            client_key=request.POST.get("key") or secrets.token_urlsafe(12),
        )
    except ObservedLine.DoesNotExist:
        raise Http404("no such line on a sheet of hers") from None
    except observing.SheetEnded:
        return JsonResponse({"state": "ended"}, status=409)
    except observing.Stale as newer:
        return JsonResponse({"state": "stale", "score": newer.line.score, "revision": newer.line.revision}, status=409)
    except ValueError:
        return JsonResponse({"state": "unknown"}, status=400)
    return JsonResponse({"state": "saved", "score": saved.score, "revision": saved.revision})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def observation_sign(request: StaffRequest, public_id: str) -> HttpResponse:
    """What was scored, once more as a whole, and the observer's signature under it."""
    sheet = own_sheet(request, public_id)
    if sheet.state != Observation.State.OPEN:
        return redirect(sheet) if sheet.state == Observation.State.SIGNED else redirect("certificates:practical-list")
    if request.method == "POST" and "aside" in request.POST:
        observing.put_aside(sheet=sheet, by=request.user)
        messages.info(
            request, f"The sheet of {sheet.learner.full_name} is put aside. It counts for nothing and stays on record."
        )
        return redirect("certificates:practical-list")
    form = SignSheetForm(request.POST or None)
    signed, error = sign_with(request, form, lambda seen: observing.sign(sheet=sheet, seen=seen, by=request.user))
    if signed:
        messages.success(request, f"Signed. {sheet.learner.full_name} evaluates herself and then reads your scores.")
        return redirect("certificates:observation-detail", public_id)
    text = observing.seal_text(sheet)
    context: dict[str, Any] = {"sheet": sheet, "form": form, "sealed": _told(text), "areas": _areas(sheet)}
    return signing_page(
        request,
        "certificates/observation_sign.html",
        context,
        clinic=sheet.clinic,
        sha256=canonical.sha256(text),
        meaning=signing.MEANINGS["observe"],
        error=error,
    )


def _told(text: str) -> dict[str, Any]:
    return dict(json.loads(text))


def _areas(sheet: Observation) -> list[tuple[str, str]]:
    return [(practicals.AREAS[area], practicals.BANDS[band]) for area, band in sheet.treated]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def observation_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    """The signed sheet. The learner scores herself before she sees it, then says that she has read it."""
    visible = sheets_visible_to(request.user).filter(state=Observation.State.SIGNED)
    sheet = get_object_or_404(visible.select_related("acknowledgement"), public_id=public_id)
    own = sheet.learner_id == request.user.pk
    versions = [version for version, _ in _grouped(sheet)]
    wanted = _to_evaluate(sheet, versions) if own else []
    self_form = SelfForm(request.POST or None, versions=wanted)
    form = AcknowledgeForm(request.POST or None)
    error = ""
    if request.method == "POST" and not own:
        raise PermissionDenied("only the learner answers a sheet")
    if request.method == "POST" and wanted:
        scores = self_form.scores()
        if scores is not None:
            observing.evaluate_oneself(person=request.user, scores=scores)
            return redirect(sheet)
        error = "Some lines are without a score. Score yourself on each; then you see how you were seen."
    elif request.method == "POST" and not hasattr(sheet, "acknowledgement"):
        if form.is_valid():
            observing.acknowledge(
                sheet=sheet,
                agrees=form.cleaned_data["agrees"] == "yes",
                text=form.cleaned_data["text"],
                by=request.user,
            )
            messages.success(request, "Kept. Your physician sees that you have read it.")
            return redirect(sheet)
        error = " ".join(str(e) for errors in form.errors.values() for e in errors)
    context = {
        "sheet": sheet,
        "own": own,
        "sealed": sheet.sealed,
        "areas": _areas(sheet),
        "to_evaluate": wanted,
        "grades": GRADES,
        "given": request.POST if wanted else {},
        "evaluated": _evaluated(sheet.learner, versions),
        "form": form,
        "error": error,
        "acknowledgement": getattr(sheet, "acknowledgement", None),
    }
    return render(request, "certificates/observation_detail.html", context, status=400 if error else 200)


def _to_evaluate(sheet: Observation, versions: list[PracticalVersion]) -> list[PracticalVersion]:
    """The practicals on which she has not scored herself since she last read scores of them."""
    if hasattr(sheet, "acknowledgement"):
        return []
    latest = latest_self(sheet.learner, versions)
    read = dict(
        Acknowledgement.objects.filter(observation__learner=sheet.learner, observation__lines__practical__in=versions)
        .values_list("observation__lines__practical")
        .annotate(last=Max("acknowledged_at"))
    )
    return [
        version
        for version in versions
        if version.pk not in latest or (version.pk in read and latest[version.pk].evaluated_at <= read[version.pk])
    ]


def _evaluated(person: StaffMember, versions: list[PracticalVersion]) -> dict[str, list[int]]:
    by_pk = {version.pk: version.code for version in versions}
    return {by_pk[pk]: row.given for pk, row in latest_self(person, versions).items()}


@require_safe
@require_permission(Permission.ADOPT_MODULES)
def observer_list(request: StaffRequest) -> HttpResponse:
    """Everybody who works in the clinic, and who of them may observe."""
    clinic = physician_clinic(request)
    approved = approved_observers([clinic]).get(clinic.pk, set())
    rows = (
        Membership.objects.filter(clinic=clinic, ended_at=None).select_related("person").order_by("person__full_name")
    )
    context = {
        "observed_clinic": clinic,
        "clinics": clinics_as(request.user, Role.PHYSICIAN),
        "rows": [(row, row.person_id in approved) for row in rows if row.person_id != request.user.pk],
    }
    return render(request, "certificates/observer_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def observer_decide(request: StaffRequest, clinic_id: str, public_id: str) -> HttpResponse:
    membership = supervised_member(request, clinic_id, public_id)
    number, approves = observing.next_decision(membership.clinic, membership.person)
    form = ObserverForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: observing.decide_observer(
            membership=membership, approved=form.cleaned_data["approved"] == "yes", seen=seen, by=request.user
        ),
    )
    if signed:
        said = "may observe practicals from now on" if approves else "observes no longer"
        messages.success(request, f"Signed. {membership.person} {said}.")
        return redirect("certificates:observer-list")
    terms = observing.observer_terms(
        clinic=membership.clinic, person=membership.person, number=number, approved=approves
    )
    context: dict[str, Any] = {"membership": membership, "approves": approves, "form": form}
    return signing_page(
        request,
        "certificates/observer_decide.html",
        context,
        clinic=membership.clinic,
        sha256=canonical.sha256(terms),
        meaning=signing.MEANINGS["approve-observer" if approves else "withdraw-observer"],
        error=error,
    )
