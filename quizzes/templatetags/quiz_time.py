"""What a quiz's clock is for whoever reads: pages of the material say it, and their app knows nothing of quizzes."""

from typing import Any

from django import template

from quizzes.models import Quiz
from quizzes.queries import live_rules
from quizzes.views.rules import acting_clinic, clock_shown
from training.models import Module

register = template.Library()


@register.simple_tag(takes_context=True)
def quiz_clock(context: dict[str, Any], module: Module) -> dict[str, int | None]:
    """The minutes she has, and those of everybody; empty where no quiz is set or she takes none."""
    request = context["request"]
    clinic, quiz = acting_clinic(request), Quiz.objects.filter(module=module).first()
    rules = live_rules(quiz) if quiz else None
    return clock_shown(request.user, rules, clinic) if rules and clinic else {}
