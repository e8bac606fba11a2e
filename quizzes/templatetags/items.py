"""The form of an item, written in Python: a quiz puts fifteen of them on one page, with some sixty choices.

Django's templates take a good third of a millisecond for each, and the whole rest of that page less than for one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from quizzes.kinds import Field
from quizzes.models import Attempt
from quizzes.views.items import Asked
from quizzes.views.sitting import Question
from staff.templatetags.look import drawn

register = template.Library()
NOTHING = mark_safe("")


@register.simple_tag
def fields(asked: Asked, called: str | int, needed: bool = False) -> SafeString:
    """What an item asks. `called` tells its ids from those of other items; `needed`: whether a radio must be chosen."""
    how = format_html('<p class="form-text" id="how-{}">{}</p>\n', called, asked.kind.asks) if asked.kind.asks else ""
    made = (WAYS[field.control](field, called, number, needed) for number, field in enumerate(asked.fields, 1))
    form = mark_safe(how + "\n".join(made))
    if not asked.picture:
        return form
    plate = render_to_string("quizzes/_plate.html", {"picture": asked.picture})
    return format_html('<div class="hotspot">{}<div>\n{}\n</div></div>', plate, form)


def _choices(field: Field, called: str | int, number: int, needed: bool) -> SafeString:
    """Radios or checkboxes, which a form sends only where one is chosen: so an empty answer goes along with the latter."""
    begin = format_html(
        '<label class="choice"><input class="form-check-input" type="{}" name="{}" value="', field.control, field.name
    )
    end = mark_safe(" required><span>" if needed and field.control == "radio" else "><span>")
    made = format_html_join(
        "\n",
        '{}{}"{}{}{}{}</span></label>',
        (
            (
                begin,
                choice.value,
                mark_safe(" checked") if choice.chosen else NOTHING,
                end,
                format_html("<b>{}</b> ", choice.letter) if choice.letter else NOTHING,
                choice.text,
            )
            for choice in field.choices
        ),
    )
    if field.control == "checkbox":
        made = format_html('<input type="hidden" name="answer" value="">\n{}', made)
    if field.legend:
        made = format_html(
            '<fieldset class="part"><legend>{}. {}</legend>\n{}\n</fieldset>', number, field.legend, made
        )
    return made


def _number(field: Field, called: str | int, number: int, needed: bool) -> SafeString:
    return format_html(
        '<label class="form-label" for="n-{called}">{legend}</label>\n'
        '<div class="input-group numeric mb-3"><input class="form-control num" id="n-{called}" name="{name}" type="text" '
        'inputmode="decimal" autocomplete="off" maxlength="24" value="{value}" '
        'aria-describedby="u-{called} how-{called}"{required}>'
        '<span class="input-group-text" id="u-{called}">{unit}</span></div>',
        called=called,
        legend=field.legend,
        name=field.name,
        value=field.value,
        required=mark_safe(" required" if needed else ""),
        unit=field.unit,
    )


def _place(field: Field, called: str | int, number: int, needed: bool) -> SafeString:
    return format_html(
        '<div class="placed"><select class="form-select num" id="s-{called}-{number}" name="{name}">'
        '<option value="">–</option>{options}</select><label for="s-{called}-{number}">{legend}</label></div>',
        **_select(field, called, number),
    )


def _match(field: Field, called: str | int, number: int, needed: bool) -> SafeString:
    return format_html(
        '<div class="matched"><label class="form-label" for="s-{called}-{number}">{legend}</label>'
        '<select class="form-select" id="s-{called}-{number}" name="{name}"><option value="">Choose</option>{options}'
        "</select></div>",
        **_select(field, called, number),
    )


def _select(field: Field, called: str | int, number: int) -> dict[str, Any]:
    options = format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((choice.value, mark_safe(" selected" if choice.chosen else ""), choice.text) for choice in field.choices),
    )
    return {"called": called, "number": number, "name": field.name, "legend": field.legend, "options": options}


WAYS = {"radio": _choices, "checkbox": _choices, "number": _number, "place": _place, "select": _match}

FORM = f"""\
<section class="item" id="q{{number}}" data-position="{{number}}" data-parts="{{parts}}" data-stored="{{answer}}"{{distinct}}{{hidden}}>
  {{stale}}<form method="post" action="{{action}}" autocomplete="off" data-item>
    {{token}}<input type="hidden" name="revision" value="{{revision}}"><input type="hidden" name="key" value="{{key}}-{{number}}"><input type="hidden" name="flag_sent" value="1"><input type="hidden" name="last" value="{{last}}">
    <fieldset><legend class="stem{{story}}" tabindex="-1"><span class="visually-hidden">Question {{number}}: </span>{{stem}}</legend>
      {{fields}}
    </fieldset>
    <p class="state tone-care small mb-0 unsent" hidden>{drawn("signal-slash")}Not sent yet, kept on this device</p>
    <div class="form-check mb-3"><input class="form-check-input" type="checkbox" id="flag{{number}}" name="flag"{{flagged}}><label class="form-check-label" for="flag{{number}}">{drawn("flag")} Flag this question to come back to</label></div>
    <div class="d-flex gap-2 flex-wrap"><button class="btn btn-primary" type="submit" name="go" value="next">{{forward}}{drawn("arrow-right")}</button>{{back}}</div>
  </form>
</section>
"""  # noqa: E501 (lines of HTML)
BACK = mark_safe(
    f'<button class="btn btn-secondary" type="submit" name="go" value="back">{drawn("arrow-left")}Back</button>'
)


@register.simple_tag(takes_context=True)
def question_forms(context: Mapping[str, Any]) -> SafeString:
    """Every question of the attempt, each a form of its own that works without JavaScript; one is shown."""
    token = format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', context["csrf_token"])
    return mark_safe("".join(_form(question, context, token) for question in context["questions"]))


def _form(question: Question, context: Mapping[str, Any], token: SafeString) -> SafeString:
    attempt: Attempt = context["attempt"]
    item, asked, last, stale = question.item, question.asked, len(context["questions"]), context["stale"]
    return format_html(
        FORM,
        number=question.number,
        parts=asked.parts,
        answer=item.answer,
        distinct=mark_safe(" data-distinct" if asked.kind.distinct else ""),
        hidden=mark_safe("" if item.position == context["current"] else " hidden"),
        stale=render_to_string("quizzes/_overtaken.html", {"question": question})
        if stale and stale["position"] == item.position
        else NOTHING,
        action=reverse("quizzes:attempt-save", args=[attempt.public_id, item.position]),
        token=token,
        revision=item.revision,
        key=context["save_key"],
        last=last,
        story=mark_safe(" story" if asked.kind.code == "case" else ""),
        stem=asked.stem,
        fields=fields(asked, question.number),
        flagged=mark_safe(" checked" if item.flagged else ""),
        forward="Save and check" if item.position == last else "Save and continue",
        back=BACK if item.position > 1 else NOTHING,
    )


@register.simple_tag
def ways_to(questions: Iterable[Question], current: int) -> SafeString:
    """The list that leads to every question and says how it stands."""
    return format_html_join(
        "\n",
        '<li><a href="?q={0}" data-go="{0}"{1} class="{2}" aria-label="Question {0}: {3}{4}">{0}{5}</a></li>',
        (
            (
                question.number,
                mark_safe(' aria-current="step"' if question.item.position == current else ""),
                "done" if question.answered else "",
                "answered" if question.answered else "answer not complete" if question.begun else "not answered",
                ", flagged" if question.item.flagged else "",
                drawn("flag") if question.item.flagged else NOTHING,
            )
            for question in questions
        ),
    )
