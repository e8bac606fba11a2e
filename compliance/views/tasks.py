"""What a changed text asks of the person who is signed in: the questions on one key point."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from compliance import tasks
from compliance.models import PointTest
from quizzes import kinds
from quizzes.views.items import ask, pictures_for
from staff.access import Permission, StaffRequest, require_permission


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.HOLD_CERTIFICATES)
def task(request: StaffRequest, public_id: str) -> HttpResponse:
    """Starting asks the questions, handing in answers all of them at once."""
    row = get_object_or_404(tasks.visible_to(request.user), public_id=public_id)
    test = tasks.running(row)
    refusal = ""
    if request.method == "POST" and request.POST.get("do") == "start":
        try:
            tasks.start(task=row)
        except tasks.NotNow as why:
            messages.warning(request, str(why))
        return redirect("compliance:task", public_id)
    if request.method == "POST" and test:
        answers, refusal = _answers(request, test)
        if not refusal:
            result = tasks.hand_in(test=test, answers=answers)
            if result.passed:
                messages.success(request, "All right. Nothing more is asked of you about this change.")
            return redirect("compliance:task", public_id)
    context = {"asked": tasks.one(row), "questions": _questions(request, test) if test else [], "refusal": refusal}
    return render(request, "compliance/task.html", context, status=400 if refusal else 200)


def _given(request: StaffRequest, position: int) -> str:
    prefix = f"q{position}-"
    names = [name for name in request.POST if name.startswith(prefix)]
    return " ".join(piece for name in names for piece in request.POST.getlist(name) if piece)


def _answers(request: StaffRequest, test: PointTest) -> tuple[list[str], str]:
    answers = []
    for row, tokens in tasks.shown(test):
        kind = kinds.of(row.question_version.question.kind)
        try:
            answer = kind.read_answer(_given(request, row.position).split(), tokens)
        except kinds.NotAnAnswer as why:
            return [], f"Question {row.position}: {why}"
        if not kind.is_complete(answer, tokens):
            return [], f"Question {row.position} is not answered yet. Nothing was handed in."
        answers.append(answer)
    return answers, ""


def _questions(request: StaffRequest, test: PointTest) -> list[object]:
    shown = tasks.shown(test)
    pictures = pictures_for([row.question_version.content for row, _ in shown])
    found: list[object] = []
    for row, tokens in shown:
        version = row.question_version
        kind = kinds.of(version.question.kind)
        try:
            answer = kind.read_answer(_given(request, row.position).split(), tokens)
        except kinds.NotAnAnswer:
            answer = ""
        asked = ask(version.content, kind.code, tokens, answer, pictures, f"q{row.position}")
        fields = [replace(field, name=f"q{row.position}-{field.name}") for field in asked.fields]
        found.append((row.position, replace(asked, fields=fields)))
    return found
