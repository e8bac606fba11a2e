"""When a practical is passed, and where a person stands with it. Pure: scores and days in, a word out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

NOT_DONE, PROMPTED, ALONE = SCORES = (0, 1, 2)
ON_A_PATIENT = ("supervised", "observed")
SIMULATED = "simulated"

# What is recorded of a treated area: how deep, in bands, and where. A record of what was done, no depth to choose by.
BANDS = {
    "0.5": "up to 0.5 mm",
    "1.0": "over 0.5 to 1.0 mm",
    "1.5": "over 1.0 to 1.5 mm",
    "more": "over 1.5 mm",
}
AREAS = {
    "forehead": "Forehead and temples",
    "periorbital": "Around the eyes, outside the orbital rim",
    "nose": "Nose",
    "cheeks": "Cheeks and jaw",
    "perioral": "Around the mouth and chin",
    "neck": "Neck",
    "decollete": "Upper chest",
    "hands": "Hands",
    "body": "Elsewhere on the body",
}


def passed(*, starred: bool, scores: Sequence[int | None]) -> bool:
    """A starred practical needs 2 on every line, another one no 0; a line that nobody scored passes nothing."""
    least = ALONE if starred else PROMPTED
    return bool(scores) and all(score is not None and score >= least for score in scores)


@dataclass(frozen=True)
class Seen:
    """One practical on one signed occasion, on this day of the clinic's calendar. `agreed`: the learner has acknowledged it."""

    passed: bool
    setting: str
    on: date
    agreed: bool = True
    sheet: str = ""


@dataclass(frozen=True)
class Standing:
    """`state`: passed, acknowledge, on-patient (passed in simulation only), failed or open; `seen` is what decides."""

    state: str
    seen: Seen | None = None


def standing(occasions: Sequence[Seen], *, drill: bool) -> Standing:
    """The last occasion decides; what is done on a patient is not proven by a simulation.

    After a pass on a patient a later simulation takes nothing away, unless it failed.
    """
    if not occasions:
        return Standing("open")
    last = occasions[-1]
    if not last.passed:
        return Standing("failed", last)
    counts = [seen for seen in _since_the_last_failure(occasions) if drill or seen.setting in ON_A_PATIENT]
    if not counts:
        return Standing("on-patient", last)
    return Standing("passed" if counts[-1].agreed else "acknowledge", counts[-1])


def _since_the_last_failure(occasions: Sequence[Seen]) -> list[Seen]:
    failures = [place for place, seen in enumerate(occasions) if not seen.passed]
    return list(occasions[failures[-1] + 1 :] if failures else occasions)


def repeated_from(occasions: Sequence[Seen], *, starred: bool, today: date) -> bool:
    """Whether a starred practical that failed today must wait for another day."""
    return starred and any(not seen.passed and seen.on == today for seen in occasions)


def counted(rows: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> dict[tuple[str, str], dict[str, int]]:
    """By area and band, how many occasions of each setting; in the order of the lists above."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for setting, areas in rows:
        for area, band in areas:
            counts = found.setdefault((area, band), {})
            counts[setting] = counts.get(setting, 0) + 1
    order = list(AREAS), list(BANDS)
    return dict(sorted(found.items(), key=lambda pair: (order[0].index(pair[0][0]), order[1].index(pair[0][1]))))
