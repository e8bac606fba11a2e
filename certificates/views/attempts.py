"""Handing in, and the result."""

import math
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from certificates import actions
from certificates.models import Certificate
from certificates.queries import is_lost, passes_awaiting_adoption, read_by_candidate, state_of, told_apart
from certificates.results import Result, result_of
from certificates.validity import IN_FORCE
from quizzes import eligibility
from quizzes.enquiries import questioned_in
from quizzes.models import Attempt, AttemptGrant, Disposition, Review
from quizzes.queries import attempts_visible_to, standing
from staff import clock
from staff.access import Permission, StaffRequest, open_without_factor, require_permission
from staff.models import StaffMember
from staff.prepared import prepared

MINUTE = timedelta(minutes=1)


@open_without_factor
@require_POST
@require_permission(Permission.TAKE_QUIZZES)
def attempt_submit(request: StaffRequest, public_id: str) -> HttpResponse:
    """Pressed twice, or too late, it leads to the one result."""
    found = _attempts(request.user.pk, public_id)
    if not found:
        raise Http404("no such attempt of yours")
    actions.submit(attempt=found[0], by=request.user)
    return redirect("certificates:attempt-result", public_id=public_id)


@require_safe
@require_permission(Permission.SEE_RESULTS, Permission.REVIEW_ATTEMPTS)
def attempt_result(request: StaffRequest, public_id: str) -> HttpResponse:
    """The taker's own result, clause by clause. An overdue attempt is settled on the way; her physician goes to the review."""
    attempt = next(iter(_own_attempts(request.user.pk, public_id)), None)
    if attempt is None:
        get_object_or_404(attempts_visible_to(request.user).distinct(), public_id=public_id)
        return redirect("certificates:review-detail", public_id=public_id)
    if attempt.state == Attempt.State.OPEN:
        settled = actions.settle(attempt=attempt)
        if settled is None:
            return redirect("quizzes:attempt-take", public_id=public_id)
        attempt = settled.attempt
    if attempt.state not in Attempt.FINISHED:
        messages.info(request, "A question was corrected, so this attempt was ended without a score. It uses up none.")
        return redirect("quizzes:quiz-detail", attempt.candidacy.quiz.module.slug)
    result = result_of(attempt)
    reviews = list(_reviews_of(attempt.pk))
    context = {
        "attempt": attempt,
        "result": result,
        "minutes": _minutes(attempt),
        "reviews": reviews,
        "read": read_by_candidate(reviews),
        "questioned": questioned_in(attempt),
        **_certificate(attempt, result),
        **(_after_pass(attempt) if result.outcome.passed else _what_is_next(attempt, request.user)),
    }
    return render(request, "certificates/attempt_result.html", context)


@require_POST
@require_permission(Permission.SEE_RESULTS)
def review_read(request: StaffRequest, public_id: str) -> HttpResponse:
    """ "I have read this", under a physician's decision on her own attempt."""
    attempt = get_object_or_404(Attempt, candidacy__person=request.user, public_id=public_id)
    number = request.POST.get("review", "")
    rows = attempt.reviews.select_related("signature", "attempt__candidacy__clinic")
    actions.acknowledge(review=get_object_or_404(rows, pk=number if number.isdecimal() else 0), by=request.user)
    messages.success(request, "Kept. Your physician sees that you have read it.")
    return redirect("certificates:attempt-result", public_id=public_id)


@prepared
def _attempts(person: int, public_id: str) -> QuerySet[Attempt]:
    """One at most."""
    return Attempt.objects.filter(candidacy__person=person, public_id=public_id)


@prepared
def _own_attempts(person: int, public_id: str) -> QuerySet[Attempt]:
    """The same with what a result shows."""
    rows = Attempt.objects.filter(candidacy__person=person, public_id=public_id).select_related(
        "candidacy__quiz__module", "candidacy__clinic", "quiz_version", "module_version", "seal"
    )
    return rows.prefetch_related("outcomes")


@prepared
def _reviews_of(attempt: int) -> QuerySet[Review]:
    return Review.objects.filter(attempt=attempt).select_related("signature").prefetch_related("restudy")


@prepared
def _certificates_of(attempt: int) -> QuerySet[Certificate]:
    return told_apart(Certificate.objects.filter(attempt=attempt))[:1]


@prepared
def _opened_further(candidacy: int) -> "QuerySet[AttemptGrant, int]":
    return AttemptGrant.objects.filter(candidacy=candidacy).values_list("extra", flat=True)


def _certificate(attempt: Attempt, result: Result) -> dict[str, Any]:
    """What the pass led to. A regrade adds an outcome; without one there is nothing to decide about."""
    passed, regraded = result.outcome.passed, len(attempt.outcomes.all()) > 1
    certificate = next(iter(_certificates_of(attempt.pk)), None)
    own = certificate is not None
    if certificate is None and passed:
        # A pass that a regrade gave may rest beside another of the same cycle, which holds the certificate.
        closing = Attempt.objects.closing()
        beside = Certificate.objects.filter(candidacy=attempt.candidacy_id, attempt__in=closing)
        certificate = told_apart(beside).first()
    state = state_of(certificate) if certificate else ""
    decided = Disposition.objects.filter(outcome__attempt=attempt).select_related("signature")
    disposition = decided.first() if regraded else None
    return {
        "certificate": certificate,
        "state": state,
        "stands": state in (*IN_FORCE, "supervision-pending", "not-yet-valid"),
        "lost": certificate is not None and not (own and passed) and is_lost(certificate),
        "waits": passed and certificate is None and passes_awaiting_adoption().filter(pk=attempt.pk).exists(),
        "disposition": disposition,
        "kept": disposition is not None and disposition.decision == Disposition.Decision.KEEP,
    }


def _minutes(attempt: Attempt) -> tuple[int, int]:
    """How many were used, begun ones as whole, and how many there were with any extra time."""
    used, allowed = (until - attempt.started_at for until in (attempt.ended_at or clock.now(), attempt.deadline_at))
    return math.ceil(min(used, allowed) / MINUTE), math.ceil(allowed / MINUTE)


def _after_pass(attempt: Attempt) -> dict[str, Any]:
    """A pass closes its candidacy, and nothing more is asked of its attempts but how many there were."""
    return {"allowed": attempt.quiz_version.attempts + sum(_opened_further(attempt.candidacy_id))}


def _what_is_next(attempt: Attempt, person: StaffMember) -> dict[str, Any]:
    where = standing(person, attempt.candidacy.quiz, attempt.candidacy.clinic)
    return {
        "where": where,
        "allowed": where.attempts_allowed,
        "left": max(0, where.attempts_allowed - where.attempts_used),
        "verdict": eligibility.verdict(where, clock.now()),
        "passed_retest": attempt.retests.passed().first(),
    }
