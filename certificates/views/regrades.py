"""Scoring a question anew: choose, see what it does to each attempt, sign; and what becomes of a certificate after it."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from certificates import dispositions, regrading
from certificates.forms import DispositionForm, RegradeForm
from certificates.queries import certificates_to_decide, is_lost, state_of
from certificates.regrading import Plan
from certificates.results import result_of
from certificates.signing_views import sign_with, signing_page
from certificates.views.adoption import physician_clinic
from certificates.views.certificates import visible_certificate
from quizzes import kinds
from quizzes.models import Attempt, AttemptItem, Disposition, QuestionVersion, Regrade
from quizzes.regrades import corrected_version, key_of, since_regrades, versions_taken, visible_to
from staff import canonical, signing
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models.clinics import Role
from training.models import KeyPointVersion

OPTIONS: dict[str, str] = {
    Regrade.Option.NEW: "An answer is right by the corrected key alone. Whoever gave the answer that was the key loses the "
    "point.",
    Regrade.Option.BOTH: "An answer is right by the key then or by the corrected one. Nobody loses a point.",
    Regrade.Option.CREDIT: "Every answer is right, none at all too. Nobody loses a point.",
    Regrade.Option.WITHDRAW: "The question leaves the score: one question fewer, and one fewer needed to pass. Nobody loses "
    "by it.",
}


@dataclass(frozen=True)
class Choice:
    """An option of the page; `refused` says why it cannot be chosen."""

    value: str
    label: str
    text: str
    refused: str


@require_safe
@require_permission(Permission.REVIEW_ATTEMPTS, Permission.ANSWER_QUESTIONS)
def regrade_list(request: StaffRequest) -> HttpResponse:
    """What was scored anew; for a physician also what that leaves to her. An author sees no names."""
    reviews = has_permission(request.user, Permission.REVIEW_ATTEMPTS)
    clinics = clinics_as(request.user, Role.PHYSICIAN)
    page = Paginator(visible_to(request.user).order_by("-regraded_at", "-pk"), 25).get_page(request.GET.get("page"))
    since = since_regrades(clinics, but_of=request.user) if reviews else []
    context = {
        "reviews": reviews,
        "clinics": clinics,
        "page_obj": page,
        "lines": [(row, _turns(row), row.clinic in clinics) for row in page],
        "deciding": certificates_to_decide(clinics, but_of=request.user) if reviews else [],
        "since": since,
    }
    return render(request, "certificates/regrade_list.html", context)


def _turns(row: Regrade) -> dict[str, int]:
    passed = [entry["passed"] for entry in row.entries]
    return {
        "attempts": len(passed),
        "passes": sum(after and not before for before, after in passed),
        "falls": sum(before and not after for before, after in passed),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def regrade_new(request: StaffRequest) -> HttpResponse:
    """Without an option it asks for one; with one it shows the list, which is what is signed. Looking writes nothing."""
    clinic = physician_clinic(request)
    code = request.GET.get("question", "").strip()
    versions = versions_taken(code, [clinic], but_of=request.user) if code else []
    context: dict[str, Any] = {
        "code": code,
        "regrade_clinic": clinic,
        "clinics": clinics_as(request.user, Role.PHYSICIAN),
        "versions": versions,
    }
    version = _chosen(request, versions)
    if version is None:
        return render(request, "certificates/regrade_new.html", context)
    corrected, why_not = corrected_version(version)
    context |= _shown(version, corrected, why_not)
    option = request.GET.get("option", "")
    if option not in OPTIONS or (option in Regrade.WITH_KEY and corrected is None):
        return render(request, "certificates/regrade_new.html", context | {"asked": version})
    plan = Plan(clinic, version, option, corrected if option in Regrade.WITH_KEY else None)
    form = RegradeForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: regrading.regrade(
            plan=plan, reason=form.cleaned_data["reason"].strip(), seen=seen, by=request.user
        ),
        unfilled="Say why the question is scored anew: the reason is part of the record.",
    )
    if signed:
        messages.success(
            request, "Signed. The attempts are scored anew; whoever is touched by it is told by mail and on the result."
        )
        return redirect("certificates:regrade-list")
    found = regrading.consequences(plan, by=request.user)
    context |= _listed(request, plan, found) | {"asked": version, "option": option, "form": form}
    return signing_page(
        request,
        "certificates/regrade_new.html",
        context,
        clinic=clinic,
        sha256=canonical.sha256(regrading.listed(plan, found)),
        meaning=signing.MEANINGS["regrade"],
        error=error,
    )


def _chosen(request: StaffRequest, versions: list[QuestionVersion]) -> QuestionVersion | None:
    """The version asked for; without one, the newest that was taken and has been corrected since, else the newest."""
    wanted = request.GET.get("version", "")
    if wanted:
        found = next((row for row in versions if str(row.number) == wanted), None)
        if found is None and versions:
            raise Http404("no attempt for this clinic had that version")
        return found
    return next((row for row in versions if corrected_version(row)[0]), versions[0] if versions else None)


def _shown(version: QuestionVersion, corrected: QuestionVersion | None, why_not: str) -> dict[str, Any]:
    """The question with its key then and now, and what may be chosen."""
    kind, content = kinds.of(version.question.kind), version.content
    critical = KeyPointVersion.objects.filter(attemptitempoint__item__question_version=version, critical=True)
    texts = kind.texts(content)
    return {
        "stem": content["stem"],
        "told": kind.told_right(content),
        "key_then": kind.key_in_words(key_of(version), texts),
        "key_now": kind.key_in_words(key_of(corrected), texts) if corrected else "",
        "corrected": corrected,
        "why_not": why_not,
        "critical": sorted(set(critical.values_list("key_point__code", flat=True))),
        "choices": [
            Choice(value, Regrade.Option(value).label, text, why_not if value in Regrade.WITH_KEY else "")
            for value, text in OPTIONS.items()
        ],
    }


def _listed(request: StaffRequest, plan: Plan, found: list[regrading.Consequence]) -> dict[str, Any]:
    drawn = AttemptItem.objects.filter(
        question_version=plan.version,
        attempt__candidacy__clinic=plan.clinic,
        attempt__state__in=("open", *Attempt.FINISHED),
    )
    return {
        "option_label": Regrade.Option(plan.option).label,
        "touched": [row for row in found if row.changes],
        "untouched": [row for row in found if not row.changes],
        "summary": regrading.summary(found),
        "running": drawn.filter(attempt__state=Attempt.State.OPEN).count(),
        "own": drawn.filter(attempt__candidacy__person=request.user).exists(),
        "tests_nothing": plan.option not in Regrade.WITH_KEY,
    }


@require_safe
@require_permission(Permission.REVIEW_ATTEMPTS)
def regrade_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    """What was signed, attempt by attempt."""
    rows = Regrade.objects.filter(clinic__in=clinics_as(request.user, Role.PHYSICIAN)).select_related(
        "question_version__question", "corrected", "clinic", "signature"
    )
    row = get_object_or_404(rows, public_id=public_id)
    entries = row.entries
    attempts = {
        attempt.public_id: attempt
        for attempt in Attempt.objects.filter(public_id__in=[entry["attempt"] for entry in entries]).select_related(
            "candidacy__person", "module_version"
        )
    }
    context = {
        "regrade": row,
        "stem": row.question_version.content["stem"],
        "turns": _turns(row),
        "lines": [
            {
                "attempt": attempts[entry["attempt"]],
                "points": entry["points"],
                "of": entry["of"],
                "passed": entry["passed"],
                "effects": [regrading.EFFECTS[effect] for effect in entry["effects"]],
                "certificate": entry["certificate"],
                "own": attempts[entry["attempt"]].candidacy.person_id == request.user.pk,
            }
            for entry in entries
        ],
    }
    return render(request, "certificates/regrade_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def certificate_dispose(request: StaffRequest, number: str) -> HttpResponse:
    """Keep, suspend or revoke a certificate whose pass a regrade took away."""
    certificate = visible_certificate(request, number)
    if certificate.clinic not in clinics_as(request.user, Role.PHYSICIAN) or certificate.person_id == request.user.pk:
        raise PermissionDenied("not hers to decide")
    if not is_lost(certificate) or certificate.attempt is None:
        messages.info(request, f"{certificate.number} waits for no decision.")
        return redirect(certificate)
    form = DispositionForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: dispositions.dispose(
            certificate=certificate,
            decision=form.cleaned_data["decision"],
            reason=form.cleaned_data["reason"].strip(),
            seen=seen,
            by=request.user,
        ),
        unfilled="Choose what becomes of the certificate and say why.",
    )
    if signed:
        messages.success(request, f"Signed. {certificate.holder_name} is told, and reads your reason on the result.")
        return redirect(certificate)
    result = result_of(certificate.attempt)
    context = {
        "certificate": certificate,
        "state": state_of(certificate),
        "result": result,
        "attempt": certificate.attempt,
        "form": form,
        "choices": [
            (value, label, signing.MEANINGS[dispositions.MEANINGS[value]])
            for value, label in Disposition.Decision.choices
            if value in dispositions.MEANINGS
        ],
    }
    return signing_page(
        request,
        "certificates/certificate_dispose.html",
        context,
        clinic=certificate.clinic,
        sha256=certificate.facts_sha256,
        error=error,
    )
