"""The look's small parts: states as word, icon and tone (design: the table of states), dates, icons."""

from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import heroicons
from django import template
from django.template import Context
from django.template.base import FilterExpression, Node, Parser, TextNode, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime

from staff import clock

register = template.Library()

# name: (word, icon, tone). In the order of alarm, for sorting too.
STATES: dict[str, tuple[str, str, str]] = {
    "overdue": ("Overdue", "exclamation-circle", "stop solid"),
    "expired": ("Expired", "x-circle", "stop"),
    "revoked": ("Revoked", "no-symbol", "stop solid"),
    "suspended": ("Suspended", "pause-circle", "stop"),
    "locked": ("Locked", "lock-closed", "stop"),
    "failed": ("Not passed", "x-circle", "stop"),
    "not-recorded": ("Not recorded", "question-mark-circle", "care"),
    "expiring": ("Expiring", "clock", "care"),
    "due-soon": ("Due soon", "calendar-days", "care"),
    "retest": ("Re-test open", "arrow-path", "care"),
    "supervision-pending": ("Supervision pending", "user-circle", "care"),
    "returned": ("Returned", "arrow-uturn-left", "care"),
    "late": ("Not counted", "clock", "care"),
    "unanswered": ("Not answered yet", "chat-bubble-left-ellipsis", "care"),
    "awaiting-adoption": ("Passed, adoption pending", "clock", "info"),
    "in-progress": ("In progress", "ellipsis-horizontal-circle", "info"),
    "answered-in-part": ("Answered in part", "chat-bubble-left-right", "info"),
    "waived": ("Waived", "minus-circle", "calm"),
    "valid": ("Valid", "check-circle", "good"),
    "credited": ("Credited", "document-check", "good"),
    "passed": ("Passed", "check-circle", "good"),
    "endorsed": ("Endorsed", "check-badge", "good"),
    "current": ("Current", "check-circle", "good"),
    "not-current": ("Not current", "x-circle", "stop"),
    "not-started": ("Not started", "play-circle", "calm"),
    "superseded": ("Superseded", "arrow-uturn-right", "calm"),
    "ended": ("Ended", "arrow-right-start-on-rectangle", "calm"),
    "not-yet-valid": ("Not yet valid", "calendar", "calm"),
    "not-required": ("Not required", "minus", "calm"),
    "voided": ("Voided", "no-symbol", "calm"),
    "on-leave": ("On leave", "sun", "calm"),
    "withdrawn": ("Withdrawn", "minus-circle", "calm"),
    "decide": ("Decision needed", "scale", "care"),
    "answered": ("Answered", "check-circle", "good"),
    "read": ("Read", "check", "good"),
    "sent": ("Sent", "check", "good"),
    "waits": ("Waits to be sent", "clock", "calm"),
    "given-up": ("Not delivered", "x-circle", "stop"),
    "held": ("Held", "check", "good"),
    "missed": ("Missed", "x-mark", "care"),
    "critical-missed": ("Safety-critical, missed", "x-mark", "stop"),
}


@cache
def drawn(name: str) -> SafeString:
    """An icon by its name, for what is written in Python."""
    return mark_safe(heroicons._render_icon("outline", name, None, {"class": "i"}))


@register.tag
def icon(parser: Parser, token: Token) -> Node:
    """An outline icon at the size of its line; decorative: what it means stands beside it in words.

    One whose name stands in the template is drawn once, when the template is read: a page of the quiz has some seventy.
    """
    _, name = token.split_contents()
    found = parser.compile_filter(name)
    return TextNode(drawn(found.resolve(Context()))) if name[0] in "\"'" else Icon(found)


class Icon(Node):
    """One whose name is a value of the page."""

    def __init__(self, name: FilterExpression) -> None:
        self.name = name

    def render(self, context: Context) -> SafeString:
        return drawn(str(self.name.resolve(context)))


@lru_cache(maxsize=256, typed=True)  # a text that is marked as safe is another than the same unmarked
def _state(form: str, name: str, word: str, detail: str) -> SafeString:
    known, glyph, tone = STATES[name]
    more = format_html("<small>{}</small>", detail) if detail and form == "cell" else ""
    body = (
        format_html("{}<span>{}{}</span>", drawn(glyph), word or known, more)
        if form == "cell"
        else format_html("{}{}", drawn(glyph), word or known)
    )
    return format_html('<span class="{} tone-{}">{}</span>', form, tone, body)


@register.simple_tag
def state(name: str, word: str = "") -> SafeString:
    return _state("state", name, word, "")


@register.simple_tag
def pill(name: str, word: str = "") -> SafeString:
    return _state("pill", name, word, "")


@register.simple_tag
def cell(name: str, detail: str = "", word: str = "") -> SafeString:
    return _state("cell", name, word, detail)


@register.filter
def day(value: date | datetime | None) -> str:
    """3 May 2026, with no-break spaces; an instant in the page's zone."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = localtime(value).date()
    return f"{value.day}\u00a0{value:%B}\u00a0{value.year}"


@register.filter
def moment(value: datetime | None) -> str:
    """3 May 2026 at 14:02, in the page's zone."""
    return "" if value is None else f"{day(value)} at\u00a0{localtime(value):%H:%M}"


@register.filter
def signed_when(signature: Any) -> str:
    """3 May 2026 at 14:02 (UTC−06:00, America/Denver): in the zone that the signature keeps, whoever looks at it."""
    at = signature.signed_at.astimezone(ZoneInfo(signature.zone))
    offset = f"{at:%z}".replace("-", "\u2212")
    return f"{day(at.date())} at\u00a0{at:%H:%M} (UTC{offset[:3]}:{offset[3:5]}, {signature.zone})"


@register.filter
def ago(value: datetime) -> str:
    """How many days: today, yesterday, 4 days ago, on the page's calendar."""
    days = (localtime(clock.now()).date() - localtime(value).date()).days
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days}\u00a0days ago"


@register.filter
def clock_time(value: datetime | None) -> str:
    return "" if value is None else f"{localtime(value):%H:%M:%S}"


@register.simple_tag
def today_in_words() -> str:
    now = localtime(clock.now())
    return f"{now:%A}\u00a0{now.day}\u00a0{now:%B}"


@register.filter
def plural(count: int, words: str) -> str:
    """`{{ 3|plural:"person,people" }}` is "3 people"."""
    one, many = words.split(",")
    return f"{count}\u00a0{one if count == 1 else many}"


@register.filter
def lookup(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)


@register.filter
def item(rows: list[Any], place: int) -> Any:
    """The row at that place, or nothing where there are fewer."""
    return rows[place] if place < len(rows) else ""


@register.filter
def state_word(name: str) -> str:
    return STATES[name][0]


@register.filter
def state_icon(name: str) -> str:
    return STATES[name][1]


@register.filter
def state_tone(name: str) -> str:
    return STATES[name][2]
