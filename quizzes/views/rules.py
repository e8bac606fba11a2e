"""The page before an attempt: the rules, one's history, and the start."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from quizzes import actions, eligibility, timing
from quizzes.models import Quiz, QuizVersion
from quizzes.queries import clock_of, extra_time, held_back, live_rules, situation
from staff import clock
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, require_permission
from staff.models import Clinic, StaffMember
from staff.prepared import prepared
from training.queries import live_version, standing_adoption

DECLARATION = "I answer alone, without the material."


def acting_clinic(request: StaffRequest) -> Clinic | None:
    """For whom she takes it: the clinic chosen, or the one where she works."""
    clinics = clinics_as(request.user, *LEARNING_ROLES)
    wanted = request.POST.get("clinic") or request.GET.get("clinic")
    return next((clinic for clinic in clinics if clinic.public_id == wanted), clinics[0] if clinics else None)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def quiz_detail(request: StaffRequest, slug: str) -> HttpResponse:
    found = _quizzes(slug)
    if not found:
        raise Http404("no such quiz")
    quiz, clinic = found[0], acting_clinic(request)
    if request.method == "POST":
        return _start(request, quiz, clinic)
    context: dict[str, Any] = {"quiz": quiz, "declaration": DECLARATION}
    if clinic is None:
        context |= {"rules": live_rules(quiz), "version": live_version(quiz.module)}
        return render(request, "quizzes/quiz_detail.html", context)
    stands = situation(request.user, quiz, clinic)
    context |= {"rules": stands.rules, "version": stands.version}
    if stands.version:
        context |= {
            "where": stands.standing,
            "verdict": eligibility.verdict(stands.standing, clock.now()),
            "attempts": stands.attempts[::-1],
            "acting_clinic": clinic,
            "clinics": clinics_as(request.user, *LEARNING_ROLES),
            "adoption": standing_adoption(clinic, stands.version),
            "held_back": held_back(stands.version, clinic),
            **clock_shown(request.user, stands.rules, clinic),
        }
    return render(request, "quizzes/quiz_detail.html", context)


@prepared
def _quizzes(slug: str) -> QuerySet[Quiz]:
    """One at most."""
    return Quiz.objects.filter(module__slug=slug).select_related("module")


def clock_shown(person: StaffMember, rules: QuizVersion, clinic: Clinic) -> dict[str, int | None]:
    """The clock as it would run for this person, and what it is without her extra time."""
    limit = clock_of(rules, clinic)
    own = timing.extended(limit, extra_time(person, clinic)) if limit else None
    return {"limit": limit, "own_limit": own}


def _start(request: StaffRequest, quiz: Quiz, clinic: Clinic | None) -> HttpResponse:
    if clinic is None:
        messages.info(request, "Quizzes are taken by treating and support staff of a clinic; nothing was started.")
        return redirect("quizzes:quiz-detail", slug=quiz.module.slug)
    if request.POST.get("declared") != "yes":
        messages.error(request, f"Tick “{DECLARATION}” to start. Nothing was started yet.")
        return redirect("quizzes:quiz-detail", slug=quiz.module.slug)
    try:
        attempt = actions.start(person=request.user, quiz=quiz, clinic=clinic, declaration=DECLARATION)
    except actions.NotOpen as refusal:
        if refusal.verdict.code == "unfillable":
            messages.error(
                request,
                f"The quiz cannot be put together for your clinic just now ({refusal}). Nothing was started and no attempt "
                "was used; your manager can tell the author.",
            )
        return redirect("quizzes:quiz-detail", slug=quiz.module.slug)
    return redirect(attempt)
