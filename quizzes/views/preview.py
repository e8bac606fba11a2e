"""A quiz as a taker would get it, for those who answer for its items: drawn by the blueprint, kept nowhere."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from quizzes import drawing, kinds
from quizzes.actions import Bank, bank_for
from quizzes.models import Quiz
from quizzes.queries import blueprint, live_rules
from quizzes.views.bank import sees_keys
from quizzes.views.items import Asked, ask, pictures_for
from staff.access import StaffRequest, asked_clinic, clinics_as
from staff.models.clinics import Role
from training.queries import live_version

MOST = 9999


@dataclass(frozen=True)
class Drawn:
    """An item of the form. `told` has its key and reasons, and is None until it is asked for."""

    position: int
    code: str
    asked: Asked
    told: kinds.Told | None


@require_safe
@sees_keys
def form_preview(request: StaffRequest, slug: str) -> HttpResponse:
    """The form of one number: the same while the bank stays the same. A physician sees her clinic's, by its protocol."""
    quiz = get_object_or_404(Quiz.objects.select_related("module"), module__slug=slug)
    version = live_version(quiz.module)
    if version is None:
        raise Http404("the module has no published version")
    wanted = request.GET.get("form", "")
    number = min(max(int(wanted), 1), MOST) if wanted.isdecimal() and len(wanted) < 6 else 1
    clinics = clinics_as(request.user, Role.PHYSICIAN)
    clinic = asked_clinic(request, clinics) if clinics else None
    rules, bank = live_rules(quiz), bank_for(request.user, quiz, version, clinic)
    seed, open_keys = f"preview {number}", request.GET.get("answers") == "yes"
    try:
        form = drawing.draw(bank.items, blueprint(rules, bank.points), seed, bank.mean)
        gap = ""
    except drawing.Unfillable as lack:
        form, gap = [], str(lack)
    context = {
        "module": quiz.module,
        "version": version,
        "rules": rules,
        "number": number,
        "following": number + 1 if number < MOST else 1,
        "open_keys": open_keys,
        "of_clinic": clinic,
        "clinics": clinics,
        "gap": gap,
        "items": _shown(form, bank, seed, open_keys),
    }
    return render(request, "quizzes/form_preview.html", context)


def _shown(form: list[drawing.PoolItem], bank: Bank, seed: str, open_keys: bool) -> list[Drawn]:
    pictures = pictures_for(bank.drawable[item.code].content for item in form)
    rows = []
    for position, item in enumerate(form, start=1):
        drawable = bank.drawable[item.code]
        kind, content = kinds.of(drawable.kind), dict(drawable.content)
        tokens = drawing.tokens(seed, position, item.code, kind.groups(content))
        asked = ask(content, drawable.kind, tokens, "", pictures, f"q{position}")
        rows.append(Drawn(position, item.code, asked, kind.told_right(content) if open_keys else None))
    return rows
