"""Practice items: answered one by one, explained at once, never scored or kept."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from quizzes.models import QuestionVersion
from staff.access import Permission, StaffRequest, require_permission
from training.models import KeyPointVersion, Module
from training.queries import live_version


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
    }
    if items:
        item = items[number - 1]
        chosen = request.POST.get("answer", "")
        options = item.content["options"]
        points = KeyPointVersion.objects.filter(
            section_version__places__module_version=version, key_point__question_points__question_version=item
        ).select_related("key_point", "section_version__section")
        context |= {
            "item": item,
            "content": item.content,
            "chosen": next((o for o in options if o["id"] == chosen), None),
            "key": next(o for o in options if o["key"]) if request.method == "POST" else None,
            "points": list(points),
        }
    return render(request, "quizzes/practice.html", context)
