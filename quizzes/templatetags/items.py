"""What can be chosen in an item, written in Python: a form of fifteen items has some sixty of these lines."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from quizzes.kinds import Field

register = template.Library()


@register.simple_tag
def choices(field: Field, needed: bool = False) -> SafeString:
    """Radios or checkboxes; `needed`: whether a radio must be chosen."""
    required = mark_safe(" required" if needed and field.control == "radio" else "")
    return format_html_join(
        "\n",
        '<label class="choice"><input class="form-check-input" type="{}" name="{}" value="{}"{}{}><span>{}{}</span></label>',
        (
            (
                field.control,
                field.name,
                choice.value,
                mark_safe(" checked" if choice.chosen else ""),
                required,
                format_html("<b>{}</b> ", choice.letter) if choice.letter else "",
                choice.text,
            )
            for choice in field.choices
        ),
    )


@register.simple_tag
def options(field: Field) -> SafeString:
    """Of a select."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((choice.value, mark_safe(" selected" if choice.chosen else ""), choice.text) for choice in field.choices),
    )
