"""Whether a person is current in a module. Pure: facts and the day go in, a word and the exact state come out.

Four words come first: current = valid; due soon = expiring, or within the days that a rule gives; not current = all else; not
required = no rule asks for it, or it is waived. The exact state stands beneath. A certificate that was withdrawn or has run out
is never excused by a recent hire.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DUE_DAYS = 30
SESSION_SLUG = "bbp-annual"
RENEW_DAYS = 60  # before the end of what is no certificate: a credit, a session on site

# Both in the order of alarm, as in the table of states.
WORDS = {
    "not-current": "Not current",
    "due-soon": "Due soon",
    "current": "Current",
    "not-required": "Not required",
}
STATES = {
    "overdue": "Overdue",
    "expired": "Expired",
    "revoked": "Revoked",
    "suspended": "Suspended",
    "locked": "Locked",
    "not-recorded": "Not recorded",
    "expiring": "Expiring",
    "due-soon": "Due soon",
    "supervision-pending": "Supervision pending",
    "awaiting-adoption": "Adoption pending",
    "in-progress": "In progress",
    "waived": "Waived",
    "valid": "Valid",
    "credited": "Credited",
    "not-started": "Not started",
    "not-required": "Not required",
}
WORD_ORDER = {word: place for place, word in enumerate(WORDS)}
STATE_ORDER = {state: place for place, state in enumerate(STATES)}
IN_FORCE = ("valid", "expiring")
STANDS = (*IN_FORCE, "supervision-pending")
WITHDRAWN = ("expired", "revoked", "suspended")
LATE, NEAR, FAR = "late", "near", "far"
COUNTING = (*STANDS, *WITHDRAWN)  # the states of certificates that decide anything


@dataclass(frozen=True)
class Proof:
    """A certificate of the module: its state now, its last day, and the day it was suspended or revoked."""

    state: str
    valid_until_on: date
    changed_on: date | None = None
    number: str = ""


@dataclass(frozen=True)
class Credit:
    """Outside training that a physician of the clinic let count: until when, who approved it and on which day."""

    valid_until_on: date
    approved_by: str
    approved_on: date


@dataclass(frozen=True)
class Facts:
    """What is known of one person and one module. `proofs` stand in the order of their issue.

    Without `due_on` it is the day by the standard rule, 30 days after being hired. `waived_until` is the last day of a waiver.
    `exact`: the state of what is held is told even where nobody asks for it. `again_by`: after an incident
    it is to be passed by that day, whatever is held.
    """

    required: bool
    hired_on: date
    proofs: Sequence[Proof] = ()
    sections: int = 0
    read: int = 0
    started: bool = False
    locked: bool = False
    awaiting_adoption: bool = False
    due_on: date | None = None
    waived_until: date | None = None
    exact: bool = False
    credit: Credit | None = None
    again_by: date | None = None


@dataclass(frozen=True)
class Standing:
    """`word` and `state` are keys of WORDS and STATES; `detail` is the exact state with its day, to stand beneath."""

    word: str
    state: str
    due_on: date
    facts: Facts
    proof: Proof | None = None
    said: str = ""  # in place of what the facts would say

    @property
    def detail(self) -> str:
        return self.said or _detail(self.facts, self.state, self.proof, self.due_on)

    @property
    def in_order(self) -> bool:
        return self.word in ("current", "not-required")

    @property
    def title(self) -> str:
        return WORDS[self.word]


def due_on(hired_on: date) -> date:
    return hired_on + timedelta(days=DUE_DAYS)


def nearness(due: date, hired_on: date, today: date) -> str:
    """Of what is asked for and not held, all that a day makes of the day on which it is due."""
    if today > due:
        return LATE
    return FAR if today < hired_on or (due - today).days > DUE_DAYS else NEAR


def decide(facts: Facts, today: date) -> Standing:
    proof = counting(facts.proofs)
    due = _due(facts, proof)
    if facts.credit and _stands_in(facts, facts.credit, proof):
        return _credited(facts, facts.credit, today)
    state = _state(facts, proof, due, today)
    return Standing(_word(facts, state, due, today), state, due, facts, proof)


def _due(facts: Facts, proof: Proof | None) -> date:
    """By the rules; after an incident by its own day, unless a rule asked earlier and was never met."""
    if facts.again_by is None:
        return facts.due_on or due_on(facts.hired_on)
    if facts.due_on is None or proof or facts.credit:
        return facts.again_by
    return min(facts.due_on, facts.again_by)


def _stands_in(facts: Facts, credit: Credit, proof: Proof | None) -> bool:
    """Never in place of what was withdrawn or of the talk after the last attempt; of two that ended the later one is told."""
    if not facts.required or facts.waived_until or facts.locked or facts.again_by:
        return False
    return proof is None or (proof.state == "expired" and proof.valid_until_on < credit.valid_until_on)


def _credited(facts: Facts, credit: Credit, today: date) -> Standing:
    """It says what it is, and is asked for again on its last day."""
    end = credit.valid_until_on
    if end < today:
        said = f"Overdue, outside training counted to {short_day(end)}"
        return Standing("not-current", "overdue", end, facts, said=said)
    said = f"Outside training to {short_day(end)}, approved by {credit.approved_by} on {short_day(credit.approved_on)}"
    soon = today >= end - timedelta(days=RENEW_DAYS)
    return Standing("due-soon" if soon else "current", "credited", end, facts, said=said)


def decide_session(
    *, required: bool, due: date, until: date | None, today: date, waived_until: date | None = None
) -> Standing:
    """The yearly session on site: `until` is the last day of the last one that counts. Without one nothing is recorded. What
    is held is told while it is waived, as of a module."""
    facts = Facts(required=required, hired_on=due, due_on=due, waived_until=waived_until)
    if not required:
        said = f"Session to {short_day(until)}" if until else ""
        return Standing("not-required", "not-required", due, facts, said=said)
    if waived_until and (until is None or until < today):
        return Standing("not-required", "waived", due, facts)
    if until is None:
        late = nearness(due, due, today) == LATE
        said = f"Not recorded, {'was due' if late else 'due'} {short_day(due)}"
        return Standing("not-current" if late else "due-soon", "not-recorded", due, facts, said=said)
    if until < today:
        return Standing("not-current", "expired", until, facts, said=f"Session ran out {short_day(until)}")
    if today >= until - timedelta(days=RENEW_DAYS):
        return Standing("due-soon", "expiring", until, facts, said=f"Session runs out {short_day(until)}")
    return Standing("current", "valid", until, facts, said=f"Session to {short_day(until)}")


def worst_word(words: Iterable[str]) -> str:
    """The most alarming; nobody asks anything of a person without modules."""
    return min(words, key=WORD_ORDER.__getitem__, default="not-required")


def alarm(state: str) -> int:
    """0 is the most alarming."""
    return STATE_ORDER[state]


def short_day(day: date) -> str:
    return f"{day.day}\u00a0{day:%b}\u00a0{day.year}"


def counting(proofs: Sequence[Proof]) -> Proof | None:
    """The one in force that lasts longest; without one, the last that says why there is none."""
    if not proofs:
        return None
    in_force = [proof for proof in proofs if proof.state in IN_FORCE] or [p for p in proofs if p.state in STANDS]
    if in_force:
        return max(in_force, key=lambda proof: proof.valid_until_on)
    return next((proof for proof in reversed(proofs) if proof.state in WITHDRAWN), None)


def _state(facts: Facts, proof: Proof | None, due: date, today: date) -> str:
    stands = proof is not None and proof.state in STANDS
    if proof and stands and not facts.again_by:
        return proof.state if facts.required or facts.exact else "valid"
    if not facts.required:
        return proof.state if proof and facts.exact else "not-required"
    if facts.waived_until:
        return "waived"
    if proof and not stands:
        return proof.state
    if facts.locked:
        return "locked"
    if facts.awaiting_adoption:
        return "awaiting-adoption"
    near = nearness(due, facts.hired_on, today)
    if near == LATE:
        return "overdue"
    if facts.started or facts.read:
        return "in-progress"
    return "not-started" if near == FAR else "due-soon"


def _word(facts: Facts, state: str, due: date, today: date) -> str:
    if not facts.required or state == "waived":
        return "not-required"
    if state == "valid":
        return "current"
    if state in STANDS or (state not in WITHDRAWN and nearness(due, facts.hired_on, today) != LATE):
        return "due-soon"
    return "not-current"


def _detail(facts: Facts, state: str, proof: Proof | None, due: date) -> str:
    name = STATES[state]
    if state == "waived" and facts.waived_until:
        return f"Waived to {short_day(facts.waived_until)}"
    if proof and state in STANDS:
        word = {"valid": "Valid to", "expiring": "Expires"}.get(state, f"{name}, valid to")
        return f"{word} {short_day(proof.valid_until_on)}"
    if proof and state == "expired":
        return f"Expired {short_day(proof.valid_until_on)}{', locked' if facts.locked else ''}"
    if proof and state in WITHDRAWN:
        return f"{name} {short_day(proof.changed_on)}" if proof.changed_on else name
    if state == "not-required":
        return ""
    read = f", {facts.read} of {facts.sections} read" if facts.read and state in ("overdue", "in-progress") else ""
    if state in ("locked", "awaiting-adoption"):
        return f"{name}, due {short_day(due)}"
    why = ", asked after an incident" if facts.again_by else ""
    if state == "overdue":
        return f"Overdue{why}{read}, was due {short_day(due)}"
    if facts.again_by:
        return f"Asked after an incident{read}, due {short_day(due)}"
    return f"{'Not started' if state == 'due-soon' else name}{read}, due {short_day(due)}"
