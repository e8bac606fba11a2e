from django import template
from django.utils.safestring import SafeString, mark_safe

from training import markdown

register = template.Library()


@register.filter
def material(text: str) -> SafeString:
    """Markdown of the material as sanitised HTML, its tables in the look's class."""
    return mark_safe(markdown.html(text).replace("<table>", '<table class="table mb-0">'))


@register.filter
def inline(text: str) -> SafeString:
    """A key point's line as sanitised HTML."""
    return mark_safe(markdown.inline(text))
