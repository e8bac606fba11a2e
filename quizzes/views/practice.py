"""Practice items: answered one by one, explained at once, never scored. A physician sees only what several people share."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods, require_safe

from quizzes import actions, kinds
from quizzes.models import PracticeAnswer, QuestionVersion
from quizzes.queries import LEAST_PEOPLE, practised_points
from quizzes.views.items import answer_in, ask, pictures_for
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models.clinics import Role
from training.models import KeyPointVersion, Module, ModuleVersion
from training.queries import live_version

# By how sure she was and whether it was right.
MEANINGS = {
    ("sure", True): "You were sure, and you were right: this one you hold.",
    (
        "sure",
        False,
    ): "You were sure, and it is otherwise. Nobody notices such a mistake at work, because nobody asks: read "
    "the passage again.",
    ("fairly", True): "You were fairly sure, and you were right. The reason below makes it firm.",
    ("fairly", False): "You were fairly sure, and it is otherwise. Read the reason, then the passage.",
    ("guessing", True): "You guessed, and it was right. A guess does not come out the same each time: read the reason.",
    ("guessing", False): "You guessed, and you knew that you did. At work that is the moment to ask.",
}


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.READ_MODULES)
def practice(request: StaffRequest, slug: str, section: str = "") -> HttpResponse:
    module = get_object_or_404(Module, slug=slug)
    version = live_version(module)
    rows = QuestionVersion.objects.filter(
        state=QuestionVersion.State.LIVE, question__bank="practice", question__section__module=module
    ).select_related("question__section")
    if section:
        rows = rows.filter(question__section__slug=section)
    items = list(rows.order_by("question__code"))
    wanted = request.GET.get("q", "1")
    number = int(wanted) if wanted in {str(n) for n in range(1, len(items) + 1)} else 1
    context: dict[str, Any] = {
        "module": module,
        "version": version,
        "section": section,
        "items": items,
        "number": number,
        "least_people": LEAST_PEOPLE,
        "supervises": has_permission(request.user, Permission.REVIEW_ATTEMPTS),
    }
    if items:
        context |= _one(request, items[number - 1], version)
    return render(request, "quizzes/practice.html", context)


def _one(request: StaffRequest, item: QuestionVersion, version: ModuleVersion | None) -> dict[str, Any]:
    """An item to answer, or answered. What is shown goes by the bank's own names: there is nothing here to win."""
    kind, content = kinds.of(item.question.kind), item.content
    shown = kind.by_name(content)
    answer, refusal = "", ""
    if request.method == "POST":
        given = answer_in(request.POST) or ""
        try:
            answer = kind.read_answer(given.split(), shown)
        except kinds.NotAnAnswer as error:
            refusal = str(error)
    asked = ask(content, kind.code, shown, answer, pictures_for([content]), f"p{item.pk}")
    confidence = request.POST.get("sure", "")
    confidence = confidence if confidence in PracticeAnswer.Confidence.values else ""
    context: dict[str, Any] = {
        "asked": asked,
        "refusal": refusal,
        "confidence": confidence,
        "confidences": PracticeAnswer.Confidence.choices,
    }
    if request.method != "POST" or refusal:
        return context
    right = kind.is_right(kind.key(content), answer)
    if answer:
        actions.practise(person=request.user, item=item, right=right, confidence=confidence)
    texts = kind.texts(content)
    points, of = kind.partly_right(kind.key(content), answer)
    return context | {
        "told": kind.told(
            kind.key(content), answer, [[*pair, texts[pair[1]]] for pair in shown], kind.rationales(content)
        ),
        "right": right,
        "partly": f"{points} of {of}" if of > 1 else "",
        "meaning": MEANINGS.get((confidence, right), "") if answer else "",
        "points": list(
            KeyPointVersion.objects.filter(
                section_version__places__module_version=version, key_point__question_points__question_version=item
            ).select_related("key_point", "section_version__section")
        ),
    }


@require_safe
@require_permission(Permission.REVIEW_ATTEMPTS)
def practice_summary(request: StaffRequest, slug: str) -> HttpResponse:
    """What the staff she supervises know and think they know, by key point; never who."""
    module = get_object_or_404(Module, slug=slug)
    version = live_version(module)
    clinics = clinics_as(request.user, Role.PHYSICIAN)
    context = {
        "module": module,
        "version": version,
        "clinics": clinics,
        "points": practised_points(version, clinics) if version else [],
        "least_people": LEAST_PEOPLE,
    }
    return render(request, "quizzes/practice_summary.html", context)
