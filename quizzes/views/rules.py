"""The page before an attempt: the rules, one's history, and the start."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from quizzes import actions, eligibility, timing
from quizzes.models import Attempt, Quiz
from quizzes.queries import clock_of, extra_time, held_back, live_rules, standing
from staff import clock
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, require_permission
from staff.models import Clinic
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
    quiz = get_object_or_404(Quiz.objects.select_related("module"), module__slug=slug)
    clinic = acting_clinic(request)
    if request.method == "POST":
        return _start(request, quiz, clinic)
    version = live_version(quiz.module)
    context: dict[str, Any] = {"quiz": quiz, "rules": live_rules(quiz), "version": version, "declaration": DECLARATION}
    if clinic and version:
        where = standing(request.user, quiz, clinic)
        context |= {
            "where": where,
            "verdict": eligibility.verdict(where, clock.now()),
            "attempts": _history(request, quiz),
            "acting_clinic": clinic,
            "clinics": clinics_as(request.user, *LEARNING_ROLES),
            "adoption": standing_adoption(clinic, version),
            "held_back": held_back(version, clinic),
            **_clock(request, quiz, clinic),
        }
    return render(request, "quizzes/quiz_detail.html", context)


def _clock(request: StaffRequest, quiz: Quiz, clinic: Clinic) -> dict[str, int | None]:
    """The clock as it would run for this person, and what it is without her extra time."""
    limit = clock_of(live_rules(quiz), clinic)
    percent = extra_time(request.user, clinic)
    return {"limit": limit, "own_limit": timing.extended(limit, percent) if limit else None}


def _history(request: StaffRequest, quiz: Quiz) -> list[Attempt]:
    attempts = Attempt.objects.of(request.user).filter(candidacy__quiz=quiz).prefetch_related("outcomes")
    return list(attempts.select_related("candidacy").order_by("-started_at"))


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
