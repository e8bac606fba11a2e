"""The words of reminders and digests: plain text, one link a mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from compliance.reminders.timing import Matter
from staff.templatetags.look import day as day_in_words
from staff.templatetags.look import plural

MOST_NAMED = 25
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Named:
    """A line about somebody, as her manager reads it."""

    name: str
    text: str


@dataclass(frozen=True)
class Digest:
    """What a manager is told of a clinic: everything once a week, `escalated` on the day it comes up."""

    clinic: str
    late: Sequence[Named] = ()
    soon: Sequence[Named] = ()
    endorse: Sequence[Named] = ()
    escalated: Sequence[Named] = ()

    @property
    def any(self) -> bool:
        return bool(self.late or self.soon or self.endorse or self.escalated)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def says(matter: Matter, today: date) -> str:
    """What, and by when, as she herself reads it."""
    on, left = day_in_words(matter.day), (matter.day - today).days
    if matter.kind == "withdrawn":
        return f"{matter.title}: your certificate was {matter.state} on {on}."
    if matter.kind == "expiry":
        end = (
            f"your certificate expired on {on}" if left < 0 else f"your certificate is valid through {on}, {_in(left)}"
        )
        return f"{matter.title}: {end}.{_locked(matter)}"
    if matter.kind == "licence":
        ran = f"ran out on {on}" if left < 0 else f"runs out on {on}, {_in(left)}"
        return f"{matter.title}: the one on record {ran}. Give the new one to your manager, who records it."
    if matter.kind == "task":
        return f"{matter.title}: {'was to be' if left < 0 else 'to be'} read again by {on}{_when(left)}."
    asked = "passed again after an incident" if matter.again else "held"
    return f"{matter.title}: {'was to be' if left < 0 else 'to be'} {asked} by {on}{_when(left)}.{_locked(matter)}"


def told(matter: Matter) -> str:
    """The same in few words, for her manager."""
    on = day_in_words(matter.day)
    if matter.kind == "withdrawn":
        return f"{matter.title}, {matter.state} since {on}"
    if matter.kind == "expiry":
        return f"{matter.title}, certificate to {on}"
    if matter.kind == "licence":
        return f"{matter.title}, to {on}"
    what = "read again" if matter.kind == "task" else "after an incident, due" if matter.again else "due"
    return f"{matter.title}, {what} by {on}"


def _locked(matter: Matter) -> str:
    if matter.state != "locked":
        return ""
    return " All attempts are used: your supervising physician records a talk with you, and two more open."


def _in(left: int) -> str:
    return "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"


def _when(left: int) -> str:
    return "" if left < 0 else f", {_in(left)}"


def subject(own: Sequence[Matter], digests: Sequence[Digest], today: date) -> str:
    if own:
        late = [matter for matter in own if (matter.day - today).days < 0]
        if len(own) == 1:
            what = "overdue" if late else f"{day_in_words(own[0].day)}"
            return plain(f"{own[0].title}: {what}")
        if len(late) == len(own):
            return f"{len(own)} things are overdue"
        return f"{len(own)} things to do{f', {len(late)} of them overdue' if late else ''}"
    named = ", ".join(digest.clinic for digest in digests)
    if not any(digest.late or digest.soon or digest.endorse for digest in digests):
        return f"{named}: late for more than a week"
    people = len({row.name for digest in digests for row in digest.late})
    return plain(f"{named}: {plural(people, 'person is,people are')} not current")


def body(
    *,
    name: str,
    own: Sequence[tuple[str, Matter]],
    digests: Sequence[Digest],
    today: date,
    url: str,
    asked_by: str = "",
) -> str:
    """`own` are her matters, each with the name of the clinic that asks."""
    parts = [f"{name},"]
    if own:
        parts += _own(own, today, asked_by)
    for digest in digests:
        parts += _digest(digest)
    parts.append(f"{'Your next step' if own else 'Who it is and why'}: {url}" if own or digests else url)
    if not asked_by:
        parts.append(_why(bool(own), bool(digests)))
    return plain("\n\n".join(parts)) + "\n"


def _own(own: Sequence[tuple[str, Matter]], today: date, asked_by: str) -> list[str]:
    parts = [f"{asked_by} reminds you:"] if asked_by else []
    clinics = list(dict.fromkeys(clinic for clinic, _ in own))
    for clinic in clinics:
        mine = [matter for asking, matter in own if asking == clinic]
        late = [says(matter, today) for matter in mine if matter.day < today or matter.kind == "withdrawn"]
        soon = [says(matter, today) for matter in mine if matter.day >= today and matter.kind != "withdrawn"]
        if late:
            parts.append(_listed(f"{clinic}, overdue:", late))
        if soon:
            parts.append(_listed(f"{clinic}, soon:", soon))
    return parts


def _digest(digest: Digest) -> list[str]:
    groups = (
        ("late for more than a week", digest.escalated),
        ("not current", digest.late),
        ("within 30 days", digest.soon),
        ("supervision to be taken over by a physician", digest.endorse),
    )
    return [
        _listed(f"{digest.clinic}, {title}:", [f"{row.name}: {row.text}" for row in rows])
        for title, rows in groups
        if rows
    ]


def _listed(title: str, lines: Sequence[str]) -> str:
    shown = [f"- {line}" for line in lines[:MOST_NAMED]]
    if len(lines) > MOST_NAMED:
        shown.append(f"- and {len(lines) - MOST_NAMED} more")
    return "\n".join([title, *shown])


def _why(own: bool, digests: bool) -> str:
    hers = "You are reminded 30 and 7 days before a day, and each week once it has passed."
    theirs = "As a manager you get this once a week, and when somebody is late for more than a week."
    return " ".join(part for part, wanted in ((hers, own), (theirs, digests)) if wanted)
