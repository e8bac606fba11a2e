"""The one next step of whoever learns."""

from collections.abc import Sequence
from datetime import timedelta

from django.urls import reverse

from compliance.steps.modules import ModuleRow, renewal_days
from compliance.steps.step import AGAIN, DONE, RUNNING, WAITING, Step
from staff.models import Clinic
from staff.templatetags.look import day, plural
from training.models import Observation, ProtocolReread, SectionVersion


def learner_step(rows: Sequence[ModuleRow], clinic: Clinic) -> Step:
    """The first thing the learner can do; else the first she waits for; else until when she is current."""
    ready = [row for row in rows if row.step and row.step.rank < DONE]
    first = min(ready, key=_turn, default=None)
    if first and first.step:
        return first.step
    modules = reverse("training:module-list")
    if not rows:
        return Step(
            "No module is published yet",
            "Your home shows the next step as soon as there is something to read. Nothing is due.",
            rank=DONE,
        )
    proofs = [
        (proof.valid_until_on, row.cell)
        for row in rows
        if (proof := row.cell.standing.proof) and row.cell.standing.word == "current"
    ]
    required = [row for row in rows if row.cell.standing.word != "not-required"]
    if required and proofs:
        until, soonest = min(proofs, key=lambda pair: pair[0])
        opens = until - timedelta(days=renewal_days(soonest))
        return Step(
            f"You are current until {day(until)}",
            f"Nothing is due. Renewal of {soonest.column.title} opens on {day(opens)}.",
            reverse("certificates:certificate-list"),
            "See your certificates",
            second_url=modules,
            second="Read a module",
            rank=DONE,
        )
    return Step(
        "Nothing is due",
        f"{clinic} requires no module of you at present. You may read every module and take its quiz.",
        modules,
        "Open the modules",
        rank=DONE,
    )


def _turn(row: ModuleRow) -> tuple[bool, bool, bool, bool, int]:
    """An attempt that runs first; then what one can do oneself, after an incident before all else and what is required before
    what is not; waiting last."""
    rank = row.step.rank if row.step else DONE
    return rank != RUNNING, rank >= WAITING, row.cell.incident is None, row.cell.standing.word == "not-required", rank


def sheet_step(sheet: Observation) -> Step:
    """An occasion counts once she has read it."""
    return Step(
        f"Read what {sheet.observer.full_name} saw of you",
        f"{sheet.word}, {day(sheet.observed_on)}. Score yourself first, then see the scores and say that you have read them: "
        "before that the occasion does not count.",
        sheet.get_absolute_url(),
        "Open the sheet",
        rank=AGAIN,
    )


def protocol_step(asked: ProtocolReread, version: SectionVersion) -> Step:
    """Her clinic decided otherwise than what she read."""
    return Step(
        f"Read again: {version.title}",
        f"Your clinic's protocol changed on {day(asked.asked_at)}: {asked.value.item.title.lower()}. Read what holds now, and "
        "confirm it at the end.",
        reverse("training:section-detail", args=[version.section.module.slug, version.section.slug]),
        "Read the section",
        kicker=f"about {plural(version.minutes, 'minute,minutes')}",
        rank=AGAIN,
    )
