"""Handing in, and the result."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from certificates import actions
from certificates.models import Certificate
from certificates.queries import is_lost, passes_awaiting_adoption, with_events
from certificates.results import result_of
from quizzes import eligibility
from quizzes.enquiries import questioned_in
from quizzes.models import Attempt, Disposition, Review
from quizzes.queries import attempts_visible_to, standing
from quizzes.views.sitting import own_attempt
from staff import clock
from staff.access import Permission, StaffRequest, require_permission


@require_POST
@require_permission(Permission.TAKE_QUIZZES)
def attempt_submit(request: StaffRequest, public_id: str) -> HttpResponse:
    """Pressed twice, or too late, it leads to the one result."""
    actions.submit(attempt=own_attempt(request, public_id), by=request.user)
    return redirect("certificates:attempt-result", public_id=public_id)


@require_safe
@require_permission(Permission.SEE_RESULTS, Permission.REVIEW_ATTEMPTS)
def attempt_result(request: StaffRequest, public_id: str) -> HttpResponse:
    """The taker's own result, clause by clause. An overdue attempt is settled on the way; her physician goes to the review."""
    attempt = get_object_or_404(attempts_visible_to(request.user).distinct(), public_id=public_id)
    if attempt.candidacy.person_id != request.user.pk:
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
    candidacy = attempt.candidacy
    where = standing(request.user, candidacy.quiz, candidacy.clinic)
    # A pass that a regrade gave may rest beside another of the same cycle, which holds the certificate.
    of_the_cycle = Certificate.objects.filter(candidacy=candidacy, attempt__in=Attempt.objects.closing())
    certificate = with_events(Certificate.objects.filter(attempt=attempt)).first()
    if certificate is None and result.outcome.passed:
        certificate = with_events(of_the_cycle).first()
    disposition = Disposition.objects.filter(outcome__attempt=attempt).select_related("signature").first()
    reviews = Review.objects.filter(attempt=attempt).select_related("signature").prefetch_related("restudy")
    passed_retest = attempt.retests.passed().first()
    context = {
        "attempt": attempt,
        "passed_retest": passed_retest,
        "result": result,
        "certificate": certificate,
        "waits": passes_awaiting_adoption().filter(pk=attempt.pk).exists(),
        "lost": certificate is not None and is_lost(certificate),
        "disposition": disposition,
        "kept": disposition is not None and disposition.decision == Disposition.Decision.KEEP,
        "verdict": eligibility.verdict(where, clock.now()),
        "where": where,
        "reviews": list(reviews),
        "questioned": questioned_in(attempt),
    }
    return render(request, "certificates/attempt_result.html", context)
