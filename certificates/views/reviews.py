"""The physician's queue, the review of an attempt, and the recorded talk."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from certificates import actions
from certificates.forms import ReviewForm, TalkForm, TogetherForm
from certificates.models import Certificate
from certificates.queries import certificates_to_decide, exceptions, is_lost, read_by_candidate, with_events
from certificates.results import result_of
from certificates.signing_views import sign_with, signing_page
from certificates.views.enquiries import Shown
from quizzes import eligibility
from quizzes.enquiries import stance, waiting_in
from quizzes.models import Attempt, AttemptGrant, Candidacy, Disposition, Review
from quizzes.queries import is_locked, standing, with_attempts
from quizzes.regrades import since_regrades
from staff import clock, signing
from staff.access import Permission, StaffRequest, clinics_as, require_permission
from staff.models.clinics import Role
from staff.templatetags.look import plural
from training.models import KeyPoint

MOST_QUESTIONS = 10  # the others stand under Questions


def supervised(request: StaffRequest) -> "QuerySet[Attempt]":
    """Finished attempts of the clinics whose physician she is, but for her own."""
    attempts: QuerySet[Attempt] = Attempt.objects.finished().filter(
        candidacy__clinic__in=clinics_as(request.user, Role.PHYSICIAN)
    )
    return attempts.exclude(candidacy__person=request.user).select_related(
        "candidacy__person", "candidacy__clinic", "candidacy__quiz__module", "module_version__module", "quiz_version"
    )


def locked_candidacies(request: StaffRequest) -> list[tuple[Candidacy, Attempt]]:
    """Open candidacies of her clinics with no attempt left, each with its last; two queries for any number of them."""
    mine = Candidacy.objects.filter(clinic__in=clinics_as(request.user, Role.PHYSICIAN), closed_at=None)
    rows = with_attempts(mine.exclude(person=request.user)).select_related("person", "clinic", "quiz__module")
    finished = Attempt.objects.finished().filter(kind=Attempt.Kind.FULL).select_related("module_version")
    locked = [row for row in rows.prefetch_related(Prefetch("attempts", finished.order_by("number"))) if is_locked(row)]
    return [(row, list(row.attempts.all())[-1]) for row in locked]


@require_safe
@require_permission(Permission.REVIEW_ATTEMPTS)
def review_queue(request: StaffRequest) -> HttpResponse:
    actions.settle_overdue(clinics=clinics_as(request.user, Role.PHYSICIAN))
    everything = supervised(request).prefetch_related("outcomes", "reviews")
    page = Paginator(everything.order_by("-ended_at", "-pk"), 25).get_page(request.GET.get("page"))
    locked = locked_candidacies(request)
    others = exceptions(everything).exclude(candidacy__in=[candidacy.pk for candidacy, _ in locked])
    waiting = list(others.order_by("ended_at").distinct()[:50])
    clinics = clinics_as(request.user, Role.PHYSICIAN)
    questions = waiting_in(clinics, but_of=request.user)
    deciding = certificates_to_decide(clinics, but_of=request.user)
    since = since_regrades(clinics, but_of=request.user)
    context = {
        "waiting": waiting,
        "locked": locked,
        "waiting_count": len(waiting) + len(locked) + len(deciding) + len(since),
        "deciding": deciding,
        "since": since,
        "lines": [Shown(row, stance(request.user, row)) for row in questions[:MOST_QUESTIONS]],
        "questions_count": questions.count(),
        "page_obj": page,
    }
    return render(request, "certificates/review_queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def review_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    attempt = get_object_or_404(supervised(request), public_id=public_id)
    _opened(request, attempt)
    result = result_of(attempt)
    points = KeyPoint.objects.filter(code__in=[gap.code for gap in result.gaps])
    certified = Certificate.objects.filter(attempt=attempt).exists()
    form = ReviewForm(request.POST or None, points=points, certified=certified)
    signed, error = sign_with(
        request,
        form,
        lambda seen: actions.review(
            attempt=attempt,
            decision=form.cleaned_data["decision"],
            text=form.cleaned_data["text"].strip(),
            restudy=form.restudied(),
            suspend=form.cleaned_data["certificate"] != "keep",
            seen=seen,
            by=request.user,
        ),
    )
    if signed:
        messages.success(request, f"Signed. {attempt.candidacy.person.full_name} sees your decision on the result.")
        return redirect("certificates:review-queue")
    context = _review_context(request, attempt, result) | {
        "form": form,
        **_chosen(request, form, result),
        **_neighbours(request, attempt),
    }
    return signing_page(
        request,
        "certificates/review_detail.html",
        context,
        clinic=attempt.candidacy.clinic,
        sha256=attempt.seal_sha256,
        error=error,
    )


def _chosen(request: StaffRequest, form: ReviewForm, result: Any) -> dict[str, Any]:
    """What was chosen, also after a mistyped password; before that what was missed, and to suspend where it was critical."""
    if form.is_bound:
        return {"ticked": request.POST.getlist("restudy"), "fate": request.POST.get("certificate", "")}
    critical = any(gap.critical for gap in result.missed)
    return {"ticked": [gap.code for gap in result.missed], "fate": "suspend" if critical else ""}


def _opened(request: StaffRequest, attempt: Attempt) -> None:
    """When she opened it in this session: before that it is not signed together with others. The newest forty are kept."""
    if request.method == "GET":
        opened = request.session.get("opened", {})
        opened.setdefault(attempt.public_id, clock.now().isoformat())
        request.session["opened"] = dict(list(opened.items())[-40:])


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def review_together(request: StaffRequest) -> HttpResponse:
    """Endorse up to twenty attempts that were each opened, with one password."""
    opened: dict[str, str] = request.session.get("opened", {})
    found = supervised(request).filter(public_id__in=list(opened), reviews=None).prefetch_related("outcomes")
    rows = list(found.order_by("ended_at", "pk")[: actions.MOST_TOGETHER])
    form = TogetherForm(request.POST or None, opened=[row.public_id for row in rows])

    def endorse(seen: signing.Seen) -> list[Review]:
        each = {
            row: replace(
                seen, sha256=form.shown(row.public_id), opened_at=datetime.fromisoformat(opened[row.public_id])
            )
            for row in rows
            if row.public_id in form.cleaned_data["attempts"]
        }
        return actions.endorse_together(seen=each, by=request.user)

    signed, error = sign_with(request, form, endorse, unfilled="Tick at least one, and type your password.")
    if signed:
        messages.success(request, f"Signed: {plural(len(signed), 'attempt,attempts')}, each with its own signature.")
        return redirect("certificates:review-queue")
    context: dict[str, Any] = {"rows": rows, "most": actions.MOST_TOGETHER}
    if not rows:
        return render(request, "certificates/review_together.html", context, status=400 if error else 200)
    return signing_page(
        request,
        "certificates/review_together.html",
        context,
        clinic=rows[0].candidacy.clinic,
        sha256="0" * 64,
        meaning=signing.MEANINGS["endorse"],
        error=error,
    )


def _neighbours(request: StaffRequest, attempt: Attempt) -> dict[str, Attempt | None]:
    """The one before and the one after among those that wait; from one that does not wait, the first that does."""
    waiting = list(exceptions(supervised(request)).order_by("ended_at", "pk").distinct()[:50])
    place = next((place for place, row in enumerate(waiting) if row.pk == attempt.pk), None)
    if place is None:
        return {"previous": None, "following": waiting[0] if waiting else None}
    return {
        "previous": waiting[place - 1] if place else None,
        "following": waiting[place + 1] if place + 1 < len(waiting) else None,
    }


def _review_context(request: StaffRequest, attempt: Attempt, result: Any) -> dict[str, Any]:
    candidacy = attempt.candidacy
    earlier = Attempt.objects.filter(candidacy__person=candidacy.person, candidacy__quiz=candidacy.quiz).exclude(
        pk=attempt.pk
    )
    where = standing(candidacy.person, candidacy.quiz, candidacy.clinic)
    certificate = with_events(Certificate.objects.filter(attempt=attempt)).first()
    reviews = list(Review.objects.filter(attempt=attempt).select_related("signature").prefetch_related("restudy"))
    return {
        "attempt": attempt,
        "result": result,
        "lost": certificate is not None and is_lost(certificate),
        "disposition": Disposition.objects.filter(outcome__attempt=attempt).select_related("signature").first(),
        "earlier": list(
            earlier.filter(candidacy__clinic=candidacy.clinic).prefetch_related("outcomes").order_by("-started_at")
        ),
        "reviews": reviews,
        "read": read_by_candidate(reviews),
        "certificate": certificate,
        "grants": list(AttemptGrant.objects.filter(candidacy=candidacy).select_related("signature").order_by("pk")),
        "locked": candidacy.closed_at is None and eligibility.verdict(where, clock.now()).code == "locked",
        "waits": eligibility.verdict(replace(where, reread=(), unread=()), clock.now()).code == "wait",
        "meanings": {"endorsed": signing.MEANINGS["endorse"], "returned": signing.MEANINGS["return"]},
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def review_talk(request: StaffRequest, public_id: str) -> HttpResponse:
    """Record the talk that opens two more attempts, from the last attempt's page."""
    return _grant(request, public_id, "talk")


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.REVIEW_ATTEMPTS)
def review_early(request: StaffRequest, public_id: str) -> HttpResponse:
    """Open the next attempt before its time, with a reason."""
    return _grant(request, public_id, "open-early")


def _grant(request: StaffRequest, public_id: str, meaning: str) -> HttpResponse:
    attempt = get_object_or_404(supervised(request), public_id=public_id)
    candidacy = attempt.candidacy
    act = actions.record_talk if meaning == "talk" else actions.open_early
    form = TalkForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: act(candidacy=candidacy, text=form.cleaned_data["text"], seen=seen, by=request.user),
        unfilled="Fill in the note: it is part of the record.",
    )
    if signed:
        opened = "two more attempts" if meaning == "talk" else "the next attempt open now"
        messages.success(request, f"Signed. {candidacy.person.full_name} has {opened}.")
        return redirect("certificates:review-queue")
    last = candidacy.attempts.finished().order_by("-number").first()
    context = {
        "attempt": attempt,
        "candidacy": candidacy,
        "result": result_of(attempt),
        "form": form,
        "back": reverse("certificates:review-detail", args=[public_id]),
        "early": meaning == "open-early",
    }
    return signing_page(
        request,
        "certificates/review_talk.html",
        context,
        clinic=candidacy.clinic,
        sha256=last.seal_sha256 if last else "",
        meaning=signing.MEANINGS[meaning],
        error=error,
    )
