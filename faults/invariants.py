"""What must hold whatever was killed, filled or turned. Reads the history and the database, and names what does not.

`docs/reliability.md` says the same in words. Nothing here is told what was done to the site, or which fault was planted.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Sum

from certificates.models import Certificate
from compliance import records
from faults.history import Event
from quizzes import scoring
from quizzes.models import Attempt, AttemptGrant, AttemptItem, Candidacy, LateAnswer, Outcome, Response, Seal

HUNG_SECONDS = 30


@dataclass(frozen=True)
class Violation:
    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


@dataclass(frozen=True)
class Stored:
    revision: int
    answer: str
    key: str
    saved: float
    late: bool


Place = tuple[str, int]  # public id of the attempt, position of the item


class Ledger:
    """History and database side by side."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        for event in events:
            self.events[event["what"]].append(event)
        self.staged = {event["attempt"] for event in self.events["staged"]}
        rows = Attempt.objects.select_related("candidacy", "quiz_version", "seal").prefetch_related("outcomes")
        self.attempts: dict[str, Attempt] = {row.public_id: row for row in rows}
        self.items: dict[Place, AttemptItem] = {
            (row.attempt.public_id, row.position): row for row in AttemptItem.objects.select_related("attempt")
        }
        self.stored: dict[Place, list[Stored]] = defaultdict(list)
        for row in Response.objects.select_related("item__attempt").order_by("item", "revision", "pk"):
            place = (row.item.attempt.public_id, row.item.position)
            at = row.saved_at.timestamp()
            self.stored[place].append(Stored(row.revision, row.payload, row.client_key, at, row.late))
        kept = LateAnswer.objects.values_list("item__attempt__public_id", "item__position", "client_key", "answer")
        self.kept_late = set(kept)

    def told(self, what: str) -> list[Event]:
        return self.events[f"{what}.told"]

    def sent(self, what: str) -> list[Event]:
        return self.events[f"{what}.sent"]

    def own(self, event: Event) -> bool:
        attempt = self.attempts.get(event["attempt"])
        return attempt is not None and attempt.candidacy.person_id == event["person"]

    def latest(self, attempt: Attempt) -> float:
        """The last instant, of the site's clock, at which something may come in."""
        grace = timedelta(seconds=attempt.quiz_version.grace_seconds)
        return float((attempt.deadline_at + grace).timestamp())


def place_of(event: Event) -> Place:
    return event["attempt"], event["position"]


def site_time(event: Event) -> float:
    return float(event["at"] + event["turned"])


def lost_start(ledger: Ledger) -> Iterator[str]:
    """An attempt that was started is there, and its starter's."""
    for event in ledger.told("start"):
        if event["attempt"] and not ledger.own(event):
            yield f"attempt {event['attempt']} was given to {event['person']} and is not theirs"


def lost_answer(ledger: Ledger) -> Iterator[str]:
    """An answer acknowledged as saved is stored under the revision told, as it was sent."""
    for event in ledger.told("save"):
        if event["state"] == "saved" and event["answer"] is not None:
            rows = [row for row in ledger.stored[place_of(event)] if row.revision == event["revision"]]
            if not any(row.answer == event["answer"] and row.key == event["key"] for row in rows):
                yield f"{place_of(event)}: revision {event['revision']} was acknowledged and is {rows or 'not there'}"


def phantom_answer(ledger: Ledger) -> Iterator[str]:
    """Every stored answer was sent, with that key, for that question."""
    sent = {(*place_of(event), event["key"], event["answer"]) for event in ledger.sent("save")}
    for place, rows in ledger.stored.items():
        for row in rows:
            if place[0] not in ledger.staged and (*place, row.key, row.answer) not in sent:
                yield f"{place}: revision {row.revision} was never sent"
    for late_one in ledger.kept_late - sent:
        yield f"{late_one[:2]}: kept as late and never sent"


def lost_late_answer(ledger: Ledger) -> Iterator[str]:
    """An answer of which the page said that it came too late and is kept for the physician, is kept."""
    for event in ledger.told("save"):
        told = (*place_of(event), event["key"], event["answer"])
        if event["state"] == "ended" and event["stored"] == "kept" and told not in ledger.kept_late:
            yield f"{place_of(event)}: {event['answer']!r} was said to be kept as late"


def wrong_base(ledger: Ledger) -> Iterator[str]:
    """What is acknowledged follows the revision that the person had seen; a newer one is never overwritten unseen."""
    for event in ledger.told("save"):
        if event["state"] == "saved" and event["answer"] is not None and event["revision"] != event["base"] + 1:
            yield f"{place_of(event)}: saved as revision {event['revision']} upon {event['base']}"


def gap(ledger: Ledger) -> Iterator[str]:
    """Revisions run 1, 2, 3 and on; the question stands at the last, with its answer."""
    for place, item in ledger.items.items():
        rows = ledger.stored.get(place, [])
        if [row.revision for row in rows] != list(range(1, len(rows) + 1)):
            yield f"{place}: revisions {[row.revision for row in rows]}"
        if (item.revision, item.answer) != ((rows[-1].revision, rows[-1].answer) if rows else (0, "")):
            yield f"{place}: stands at revision {item.revision}, and the last stored is {rows[-1:]}"


def shown_otherwise(ledger: Ledger) -> Iterator[str]:
    """What a page showed as chosen, or a refusal gave as the newer answer, was stored under that revision."""
    shown = [(place_of(event), event["revision"], event["answer"]) for event in ledger.events["shown"]]
    shown += [
        (place_of(event), event["revision"], event["stored"])
        for event in ledger.told("save")
        if event["state"] == "stale"
    ]
    for place, revision, answer in shown:
        rows = {row.revision: row.answer for row in ledger.stored.get(place, [])}
        if rows.get(revision, "") != answer or (revision and revision not in rows):
            yield f"{place}: revision {revision} was shown as {answer!r} and is {rows.get(revision)!r}"


def lost_flag(ledger: Ledger) -> Iterator[str]:
    """The last flag acknowledged is the one that stands, unless another was sent after it and never answered."""
    last: dict[Place, Event] = {}
    for event in ledger.told("save"):
        if event["flag"] is not None and event["state"] == "saved":
            last[place_of(event)] = event
    unanswered = defaultdict(list)
    for event in ledger.sent("save"):
        if event["flag"] is not None:
            unanswered[place_of(event)].append(event)
    for place, told in last.items():
        later = any(event["at"] > told["at"] for event in unanswered[place])
        item = ledger.items.get(place)
        if not later and (item is None or item.flagged != told["flag"]):
            yield f"{place}: flag {told['flag']} was acknowledged"


def lost_hand_in(ledger: Ledger) -> Iterator[str]:
    """What was handed in is over and sealed, and the page led to its result."""
    for event in ledger.told("submit"):
        if event["leads"] != "404":
            attempt = ledger.attempts.get(event["attempt"])
            if event["leads"] != f"/attempts/{event['attempt']}/result/":
                yield f"{event['attempt']}: handed in, and led to {event['leads']}"
            if attempt is None or attempt.state not in Attempt.FINISHED:
                yield f"{event['attempt']}: handed in, and is {attempt.state if attempt else 'not there'}"


def late(ledger: Ledger) -> Iterator[str]:
    """Nothing counts that came after the deadline and its grace, by the site's clock and by what the tool had set it to."""
    first: dict[tuple[Any, ...], float] = {}
    for event in ledger.sent("save"):
        key = (*place_of(event), event["key"])
        first[key] = min(site_time(event), first.get(key, site_time(event)))
    for place, rows in ledger.stored.items():
        attempt = ledger.attempts[place[0]]
        for row in rows:
            came = max(row.saved, first.get((*place, row.key), row.saved))
            if not row.late and came > ledger.latest(attempt):
                yield f"{place}: revision {row.revision} came {came - ledger.latest(attempt):.0f} s too late"
    for attempt in ledger.attempts.values():
        ended = attempt.ended_at.timestamp() if attempt.ended_at else 0.0
        if attempt.state == Attempt.State.SUBMITTED and ended > ledger.latest(attempt):
            yield f"{attempt.public_id}: handed in after its time, and not scored as stored"


def after_the_end(ledger: Ledger) -> Iterator[str]:
    """What is over stays over: no answer is acknowledged once a hand-in was."""
    ended: dict[str, float] = {}
    for event in ledger.told("submit"):
        if event["leads"] != "404":
            ended[event["attempt"]] = min(event["at"], ended.get(event["attempt"], event["at"]))
    first: dict[str, float] = {}
    for event in ledger.sent("save"):
        first[event["key"]] = min(event["at"], first.get(event["key"], event["at"]))
    for event in ledger.told("save"):
        if event["state"] == "saved" and first.get(event["key"], 0) > ended.get(event["attempt"], float("inf")):
            yield f"{place_of(event)}: saved after it was handed in"


def ends_before_its_start(ledger: Ledger) -> Iterator[str]:
    """No attempt lasts less than no time, whatever the clock did."""
    for attempt in ledger.attempts.values():
        if attempt.ended_at and attempt.ended_at < attempt.started_at:
            yield f"{attempt.public_id}: ended {attempt.started_at - attempt.ended_at} before it was started"


def another_person(ledger: Ledger) -> Iterator[str]:
    """Nobody but its taker saves, sees, hands in or reads an attempt."""
    for event in ledger.told("save"):
        if event["state"] != "unknown here" and not ledger.own(event):
            yield f"{place_of(event)}: {event['person']}, whose attempt it is not, was told {event['state']}"
    for event in ledger.events["shown"]:
        if not ledger.own(event):
            yield f"{event['attempt']}: shown to {event['person']}"
    for what in ("submit", "result"):
        for event in ledger.told(what):
            if event.get("leads") != "404" and not ledger.own(event):
                yield f"{event['attempt']}: {what} by {event['person']}"
    senders = {(*place_of(event), event["key"]): event for event in ledger.sent("save")}
    for place, rows in ledger.stored.items():
        for row in rows:
            if (sender := senders.get((*place, row.key))) and not ledger.own(sender):
                yield f"{place}: revision {row.revision} was answered by {sender['person']}"


def too_many_attempts(ledger: Ledger) -> Iterator[str]:
    """Never more than the rule and the grants allow, counted on from 1, and one open at a time."""
    extra = dict(AttemptGrant.objects.values_list("candidacy").annotate(Sum("extra")))
    groups = defaultdict(list)
    for attempt in ledger.attempts.values():
        groups[attempt.candidacy_id].append(attempt)
    for candidacy, rows in groups.items():
        full = sorted(row.number or 0 for row in rows if row.kind == Attempt.Kind.FULL)
        allowed = max(row.quiz_version.attempts for row in rows) + extra.get(candidacy, 0)
        if len(full) > allowed or full != list(range(1, len(full) + 1)):
            yield f"candidacy {candidacy}: attempts {full}, allowed {allowed}"
        if sum(row.state == Attempt.State.OPEN for row in rows) > 1:
            yield f"candidacy {candidacy}: more than one open attempt"
    for person, count in Candidacy.objects.filter(closed_at=None).values_list("person").annotate(n=Count("pk")):
        if count > 1:
            yield f"person {person}: {count} open candidacies"


def seal(ledger: Ledger) -> Iterator[str]:
    """One for each attempt that is over, none before; in it the last answer stored for every question."""
    counts = dict(Seal.objects.values_list("attempt__public_id").annotate(Count("pk")))
    outcomes = dict(Outcome.objects.filter(number=1).values_list("attempt__public_id").annotate(Count("pk")))
    for attempt in ledger.attempts.values():
        name = attempt.public_id
        wanted = int(attempt.state in Attempt.FINISHED)
        if (counts.get(name, 0), outcomes.get(name, 0)) != (wanted, wanted):
            yield f"{name}: {attempt.state}, {counts.get(name, 0)} seals, {outcomes.get(name, 0)} outcomes"
        elif wanted:
            for item in json.loads(attempt.seal.text)["items"]:
                rows = ledger.stored.get((name, item["position"]), [])
                if (item["revision"], item["answer"]) != ((rows[-1].revision, rows[-1].answer) if rows else (0, "")):
                    yield f"{name}/{item['position']}: sealed {item['answer']!r} at {item['revision']}, stored {rows[-1:]}"


def score(ledger: Ledger) -> Iterator[str]:
    """Derived again from the seal alone, every score and every pass is the one on record."""
    for attempt in ledger.attempts.values():
        outcome = attempt.outcome
        if attempt.state in Attempt.FINISHED and outcome and hasattr(attempt, "seal"):
            again = scoring.score_sealed(json.loads(attempt.seal.text))
            if (again.total, again.most, again.passed) != (outcome.points, outcome.max_points, outcome.passed):
                yield f"{attempt.public_id}: {outcome.points} points, passed {outcome.passed}; from its seal {again}"


def certificate(ledger: Ledger) -> Iterator[str]:
    """One for each pass, no other; and every page named the same."""
    numbers = defaultdict(list)
    for name, number in Certificate.objects.values_list("attempt__public_id", "number"):
        numbers[name].append(number)
    for attempt in ledger.attempts.values():
        outcome = attempt.outcome
        held = numbers.get(attempt.public_id, [])
        if len(held) != int(bool(outcome and outcome.passed)):
            yield f"{attempt.public_id}: passed {bool(outcome and outcome.passed)}, certificates {held}"
    for event in ledger.told("result"):
        held = numbers.get(event["attempt"], [])
        if event["verdict"] and [event["number"]] != (held[:1] or [""]):
            yield f"{event['attempt']}: the result named certificate {event['number']!r}, on record {held}"


def told_otherwise(ledger: Ledger) -> Iterator[str]:
    """The result that was shown is the one on record."""
    for event in ledger.told("result"):
        attempt = ledger.attempts.get(event["attempt"])
        outcome = attempt.outcome if attempt else None
        if event["verdict"] and (outcome is None or (event["verdict"] == "passed") != outcome.passed):
            yield f"{event['attempt']}: shown as {event['verdict']}, on record {outcome}"


def no_answer(ledger: Ledger) -> Iterator[str]:
    """Where nothing is broken every request is answered. Where something is, a refusal says 503 and when to come back;
    nothing hangs, nobody is signed out, and the site comes back by itself."""
    for event in ledger.events["refused"]:
        what = f"{event['on']}: status {event['status']} after {event['seconds']:.1f} s"
        clear = event["status"] in (0, 503) and (event["status"] == 0 or event["retry_after"])
        stray = event["on"] in ("take", "result") and event["status"] == 404  # a stranger's
        if (event["calm"] or not clear or event["seconds"] > HUNG_SECONDS) and not stray:
            yield what
    for what in ("gave up", "not back"):
        for event in ledger.events[what]:
            yield f"{what}: {event}"
    for event in ledger.events["ready"]:
        if event["status"] != 200:
            yield f"after the upgrade the site is not ready: {event['said']}"


def record(ledger: Ledger) -> Iterator[str]:
    """`verify_records` finds nothing."""
    for finding in records.verify(everything=True).findings:
        yield str(finding)


INVARIANTS: dict[str, Callable[[Ledger], Iterator[str]]] = {
    "lost start": lost_start,
    "lost answer": lost_answer,
    "phantom answer": phantom_answer,
    "lost late answer": lost_late_answer,
    "wrong base": wrong_base,
    "gap": gap,
    "shown otherwise": shown_otherwise,
    "lost flag": lost_flag,
    "lost hand-in": lost_hand_in,
    "late": late,
    "after the end": after_the_end,
    "ends before its start": ends_before_its_start,
    "another person": another_person,
    "too many attempts": too_many_attempts,
    "seal": seal,
    "score": score,
    "certificate": certificate,
    "told otherwise": told_otherwise,
    "no answer": no_answer,
    "records": record,
}


def check(events: Iterable[Event]) -> list[Violation]:
    ledger = Ledger(events)
    return [Violation(name, what) for name, invariant in INVARIANTS.items() for what in invariant(ledger)]
