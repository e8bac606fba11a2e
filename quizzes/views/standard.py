"""The cut-score file: what physicians expect of the items, how far a panel is, and what was filed, for printing."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from quizzes import kinds, standard
from quizzes.models import CutFile, Quiz
from quizzes.queries import live_rules
from quizzes.standard import NotFiled
from quizzes.views.bank import sees_keys
from quizzes.views.items import ask, pictures_for
from staff import clock
from staff.access import Permission, StaffRequest, has_permission, require_permission
from staff.templatetags.look import plural
from training.queries import live_version


class FileForm(forms.Form):
    next_review_on = forms.DateField(label="Next review", help_text="A panel looks again by this day.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["next_review_on"]
        field.widget = forms.DateInput(attrs={"type": "date", "class": "form-control"})
        field.initial = (clock.now().date() + timedelta(days=730)).isoformat()


def _quiz(slug: str) -> Quiz:
    return get_object_or_404(Quiz.objects.select_related("module"), module__slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
@sees_keys
def cut_score(request: StaffRequest, slug: str) -> HttpResponse:
    """What stands, what is open. An author opens a panel and files what it found."""
    quiz = _quiz(slug)
    form = FileForm(request.POST if request.POST.get("act") == "file" else None)
    if request.method == "POST":
        if not has_permission(request.user, Permission.WRITE_ITEMS):
            raise PermissionDenied("authors open a panel and file what it found")
        done = _act(request, quiz, form)
        if done:
            return done
    panel = standard.open_panel_of(quiz)
    context = {
        "module": quiz.module,
        "version": live_version(quiz.module),
        "rules": live_rules(quiz),
        "files": standard.files_of(quiz),
        "standing": standard.standing(panel) if panel else None,
        "form": form,
        "writes": has_permission(request.user, Permission.WRITE_ITEMS),
        "rates": has_permission(request.user, Permission.RATE_ITEMS),
        "today": clock.now().date(),
    }
    return render(request, "quizzes/cut_score.html", context)


def _act(request: StaffRequest, quiz: Quiz, form: FileForm) -> HttpResponse | None:
    again = redirect("quizzes:cut-score", slug=quiz.module.slug)
    if request.POST.get("act") == "open":
        standard.open_panel(quiz=quiz, by=request.user)
        messages.success(request, "A panel is open. Physicians find it here and rate each item.")
        return again
    panel = standard.open_panel_of(quiz)
    if panel is None or not form.is_valid():
        return None if panel else again
    try:
        row = standard.file(panel=panel, next_review_on=form.cleaned_data["next_review_on"], by=request.user)
    except NotFiled as why:
        messages.error(request, str(why))
        return again
    messages.success(request, f"File {row} stands. Rules and certificates name it from now on.")
    return redirect("quizzes:cut-file", slug=quiz.module.slug, number=panel.number)


@require_http_methods(["GET", "HEAD", "POST"])
@sees_keys
@require_permission(Permission.RATE_ITEMS)
def cut_rate(request: StaffRequest, slug: str) -> HttpResponse:
    """Every item with its key and a field for the share; what is written is kept, whether whole or not."""
    quiz = _quiz(slug)
    panel = standard.open_panel_of(quiz)
    if panel is None:
        return redirect("quizzes:cut-score", slug=slug)
    wrong: dict[int, str] = {}
    if request.method == "POST":
        percents, wrong = _percents(request)
        try:
            count = standard.rate(panel=panel, percents=percents, by=request.user)
        except NotFiled as why:
            messages.error(request, str(why))
            return redirect("quizzes:cut-score", slug=slug)
        if not wrong:
            messages.success(request, f"{plural(count, 'rating was,ratings were')} kept.")
            return redirect("quizzes:cut-score", slug=slug)
    now = standard.standing(panel)
    mine = now.ratings.get(request.user.pk, {})
    pictures = pictures_for(version.content for version in now.versions)
    rows = []
    for version in now.versions:
        content, code = version.content, version.question.kind
        kind = kinds.of(code)
        asked = ask(content, code, kind.by_name(content), "", pictures, f"r{version.pk}")
        value = wrong.get(version.pk, mine.get(version.pk, ""))
        rows.append((version, asked, kind.told_right(content).key, value, version.pk in wrong))
    context = {
        "module": quiz.module,
        "version": live_version(quiz.module),
        "rows": rows,
        "rated": len(mine),
        "wrong": wrong,
    }
    return render(request, "quizzes/cut_rate.html", context)


def _percents(request: StaffRequest) -> tuple[dict[int, int], dict[int, str]]:
    """What was written by item version, and what is no share of a hundred."""
    found: dict[int, int] = {}
    wrong: dict[int, str] = {}
    for name, value in request.POST.items():
        pk, said = name.removeprefix("r-"), str(value).strip()
        if not name.startswith("r-") or not pk.isdecimal() or not said:
            continue
        if said.isdecimal() and len(said) < 4 and int(said) <= 100:
            found[int(pk)] = int(said)
        else:
            wrong[int(pk)] = said[:20]
    return found, wrong


@require_safe
@sees_keys
def cut_file(request: StaffRequest, slug: str, number: int) -> HttpResponse:
    rows = CutFile.objects.select_related("panel__quiz__module", "filed_by")
    row = get_object_or_404(rows, panel__quiz__module__slug=slug, panel__number=number)
    found = row.found
    context = {
        "module": row.panel.quiz.module,
        "version": live_version(row.panel.quiz.module),
        "file": row,
        "found": found,
        "mean": share(found["mean"]),
        "spread": share(found["spread"]),
        "error": share(found["error"]),
        "items": [(item, share(item["mean"]), share(item["spread"]), item["mean"] / 10) for item in found["items"]],
    }
    return render(request, "quizzes/cut_file.html", context)


def share(thousandths: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
