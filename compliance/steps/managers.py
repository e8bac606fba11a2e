"""The one next step of a manager, and how many people stand how."""

from datetime import date

from django.urls import reverse

from compliance.queries import Board
from compliance.steps.step import AGAIN, DONE, OPEN, Step
from staff.templatetags.look import day


def manager_step(board: Board, counts: dict[str, int]) -> Step:
    matrix = reverse("compliance:matrix")
    required = sum(counts.values()) - counts["not-required"]
    late, soon = counts["not-current"], counts["due-soon"]
    if not board.rows or len({row.person.pk for row in board.rows}) == 1:
        return Step(
            "No one else works here yet",
            "Add the people of your clinic. Each gets an invitation by e-mail with a link to choose a password.",
            reverse("compliance:person-add"),
            "Add a person",
            rank=OPEN,
        )
    if not required:
        return Step(
            "Nothing is required of anyone yet",
            "The clinic's rules ask nothing of those who work here, or no module is published. See Assignments.",
            matrix,
            "Open compliance",
            rank=DONE,
        )
    if late:
        return Step(
            count_sentence(counts),
            f"{f'Another {soon} {_have(soon)} a date in the next weeks. ' if soon else ''}"
            "The list shows why, the most urgent first.",
            f"{matrix}?word=not-current",
            "See who",
            second_url=reverse("compliance:sheet"),
            second="Inspection sheet",
            rank=AGAIN,
        )
    if soon:
        return Step(
            f"Everyone is current, {soon} of {required} {_have(soon)} a date soon",
            "They are expiring, or within 30 days of being hired.",
            f"{matrix}?word=due-soon",
            "See who",
            second_url=reverse("compliance:sheet"),
            second="Inspection sheet",
            rank=OPEN,
        )
    return Step(
        count_sentence(counts),
        "Nothing is due.",
        matrix,
        "Open compliance",
        second_url=reverse("compliance:sheet"),
        second="Inspection sheet",
        rank=DONE,
    )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def count_sentence(counts: dict[str, int], *, on: date | None = None) -> str:
    """The matrix's heading; with `on` as of a day that has passed."""
    required = sum(counts.values()) - counts["not-required"]
    late = counts["not-current"]
    is_, are, when = ("was", "were", f"On {day(on)}, ") if on else ("is", "are", "")
    if not required:
        return f"{when}nothing was required of anyone" if on else "Nothing is required of anyone yet"
    if not late and required > 1:
        return f"{when}all {required} people were current" if on else f"All {required} people are current"
    if not late:
        whole = (
            "the one person who had to be current was current"
            if on
            else "The one person who must be current is current"
        )
        return f"{when}{whole}"
    return (
        f"{when}{late} of {required} {'person' if required == 1 else 'people'} {is_ if late == 1 else are} not current"
    )
