"""A question scored anew after a mistake in its key: first what that would do to each attempt, then, signed, done.

The list of consequences is made by one function, for the page and again under the locks: what is signed is what was shown.
Nothing is overwritten. Each attempt on the list gets a further mark and a further outcome, which name the regrade.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from certificates.actions import issue
from certificates.models import Certificate
from certificates.queries import IN_QUESTION, state_of, with_events
from quizzes import actions as sitting
from quizzes import scoring
from quizzes.models import Attempt, AttemptItem, Candidacy, Disposition, Mark, Outcome, QuestionVersion, Regrade
from quizzes.regrades import key_of, regrades_of
from staff import audit, canonical, clock, mail, signing
from staff.access import LEARNING_ROLES
from staff.models import Clinic, MembershipRole, StaffMember
from training.models import ModuleVersion
from training.queries import standing_adoption

FORMAT = "pinpoint-regrade-1"
EFFECTS: dict[str, str] = {
    "issued": "A certificate is issued, valid from the day of passing, and the cycle is closed",
    "waits": "The pass waits for the adoption of the module version; then its certificate is issued",
    "later-cycle": "A later cycle has begun, so nothing is issued",
    "decide": "Its certificate stays until a physician has decided about it",
    "reopens": "No certificate rests on the pass: the quiz is open again",
    "left": "No certificate rests on the pass, and the person learns here no more or in a later cycle",
    "settled": "Its certificate no longer holds, so there is nothing to decide",
    "otherwise": "Another attempt of the same cycle carries the pass",
    "retest-opens": "A critical re-test opens once the passage is read again",
    "retest-closes": "The critical re-test is no longer open",
    "voids": "The attempt that is under way is ended without a score",
}


@dataclass(frozen=True)
class Plan:
    """This version, in this clinic, in this way; `corrected` has the key where the option needs one."""

    clinic: Clinic
    version: QuestionVersion
    option: str
    corrected: QuestionVersion | None = None

    @cached_property
    def correction(self) -> scoring.Correction:
        return scoring.Correction(self.option, key_of(self.corrected) if self.corrected else None)


@dataclass(frozen=True)
class Consequence:
    """What becomes of one attempt. `position` is the question's place in it; 0 for a re-test that only follows one."""

    attempt: Attempt
    position: int
    before: Outcome
    after: scoring.Scored
    effects: tuple[str, ...] = ()
    certificate: Certificate | None = None
    running: Attempt | None = None

    @property
    def clauses(self) -> list[dict[str, Any]]:
        return [clause.plain() for clause in self.after.clauses]

    @property
    def changes(self) -> bool:
        after = (self.after.total, self.after.most, self.after.passed)
        return (self.before.points, self.before.max_points, self.before.passed) != after or bool(self.effects)

    @property
    def turn(self) -> str:
        if self.before.passed == self.after.passed:
            return ""
        return "passes" if self.after.passed else "falls"

    @property
    def in_words(self) -> list[str]:
        return [EFFECTS[effect] for effect in self.effects]

    def plain(self) -> dict[str, Any]:
        return {
            "attempt": self.attempt.public_id,
            "seal_sha256": self.attempt.seal_sha256,
            "position": self.position,
            "outcome": self.before.number + 1,
            "points": [self.before.points, self.after.total],
            "of": [self.before.max_points, self.after.most],
            "passed": [self.before.passed, self.after.passed],
            "effects": list(self.effects),
            "certificate": self.certificate.number if self.certificate else None,
        }


def listed(plan: Plan, found: Sequence[Consequence]) -> str:
    """The list as it is signed and kept: canonical JSON, no names."""
    corrected = plan.corrected
    return canonical.text(
        {
            "format": FORMAT,
            "clinic": plan.clinic.pk,
            "question": plan.version.question.code,
            "version": plan.version.number,
            "sha256": plan.version.sha256,
            "option": plan.option,
            "corrected": {"version": corrected.number, "sha256": corrected.sha256} if corrected else None,
            "key": plan.correction.key,
            "attempts": [row.plain() for row in found],
        }
    )


@dataclass
class _Facts:
    """What the cycles on the list share, asked once for all of them."""

    plan: Plan
    places: dict[int, int]
    regraded: dict[int, dict[int, Regrade]]
    seals: dict[int, dict[str, Any]]
    certificates: dict[int, list[Certificate]]
    latest: set[int]
    learning: set[int]
    adopted: dict[int, bool] = field(default_factory=dict)

    def is_adopted(self, version: ModuleVersion) -> bool:
        if version.pk not in self.adopted:
            self.adopted[version.pk] = standing_adoption(self.plan.clinic, version) is not None
        return self.adopted[version.pk]


def consequences(plan: Plan, *, by: StaffMember) -> list[Consequence]:
    """Every finished attempt for the clinic that had the version and is not scored so already; never the signer's own.

    With the re-tests that followed them. In a number of queries that does not grow with the attempts. Writes nothing.
    """
    cycles: dict[int, list[Attempt]] = {}
    drawn = _drawn(plan, by)
    rows = (
        Attempt.objects.filter(candidacy__in=drawn.values("candidacy"))
        .exclude(state=Attempt.State.VOIDED)
        .select_related(
            "candidacy__person",
            "candidacy__clinic",
            "candidacy__quiz__module",
            "quiz_version",
            "module_version__module",
            "seal",
        )
        .prefetch_related("outcomes")
        .order_by("candidacy", "started_at", "pk")
    )
    for row in rows:
        cycles.setdefault(row.candidacy_id, []).append(row)
    facts = _facts(plan, cycles)
    found = [entry for group in cycles.values() for entry in _of_a_cycle(group, facts)]
    return sorted(found, key=lambda row: (row.attempt.ended_at or row.attempt.started_at, row.attempt.pk))


def _drawn(plan: Plan, by: StaffMember) -> Any:
    rows = Attempt.objects.finished().filter(candidacy__clinic=plan.clinic, items__question_version=plan.version)
    return rows.exclude(candidacy__person=by).order_by()


def _facts(plan: Plan, cycles: dict[int, list[Attempt]]) -> _Facts:
    attempts = [attempt for group in cycles.values() for attempt in group]
    people = {attempt.candidacy.person_id for attempt in attempts}
    quizzes = {attempt.candidacy.quiz_id for attempt in attempts}
    places = AttemptItem.objects.filter(attempt__in=[row.pk for row in attempts], question_version=plan.version)
    certificates: dict[int, list[Certificate]] = {}
    for row in with_events(Certificate.objects.filter(candidacy__in=cycles)).order_by("issued_at", "pk"):
        certificates.setdefault(row.candidacy_id or 0, []).append(row)
    numbers = Candidacy.objects.filter(person__in=people, quiz__in=quizzes).order_by("cycle")
    last = {(person, quiz): pk for person, quiz, pk in numbers.values_list("person", "quiz", "pk")}
    learning = MembershipRole.objects.filter(
        membership__clinic=plan.clinic, membership__ended_at=None, ended_at=None, role__in=LEARNING_ROLES
    )
    return _Facts(
        plan=plan,
        places=dict(places.values_list("attempt", "position")),
        regraded=regrades_of(attempts),
        seals={row.pk: json.loads(row.seal.text) for row in attempts if row.state in Attempt.FINISHED},
        certificates=certificates,
        latest=set(last.values()),
        learning=set(learning.values_list("membership__person", flat=True)),
    )


def _of_a_cycle(attempts: Sequence[Attempt], facts: _Facts) -> list[Consequence]:
    """Scored anew, full attempts first: whether a re-test counts depends on the attempt before it."""
    finished = [row for row in attempts if row.state in Attempt.FINISHED]
    before = {row.pk: outcome for row in finished if (outcome := row.outcome)}
    after: dict[int, scoring.Scored] = {}
    for row in sorted(finished, key=lambda row: row.is_retest):
        scored = _scored(row, before, after, facts)
        if scored:
            after[row.pk] = scored
    return [_with_effects(row, attempts, before, after, facts) for row in finished if row.pk in after]


def _scored(
    attempt: Attempt, before: dict[int, Outcome], after: dict[int, scoring.Scored], facts: _Facts
) -> scoring.Scored | None:
    """None where nothing is scored anew."""
    regraded = facts.regraded.get(attempt.pk, {})
    place = _place(attempt, facts)
    follows = _follows(attempt, before, after, facts)
    stood = next((c["met"] for c in before[attempt.pk].decided if c["code"] == "follows"), True)
    if not place and (follows is None or follows == stood):
        return None
    corrections = {position: row.correction for position, row in regraded.items()}
    if place:
        corrections[place] = facts.plan.correction
    return scoring.score_sealed(facts.seals[attempt.pk], corrections, follows=follows)


def _place(attempt: Attempt, facts: _Facts) -> int:
    """The question's place in the attempt; 0 if it has none there, or is scored so already."""
    place = facts.places.get(attempt.pk, 0)
    now = facts.regraded.get(attempt.pk, {}).get(place)
    return 0 if now and now.correction == facts.plan.correction else place


def _follows(
    attempt: Attempt, before: dict[int, Outcome], after: dict[int, scoring.Scored], facts: _Facts
) -> bool | None:
    """Whether a re-test still completes the attempt before it; None for any other."""
    if attempt.parent_id is None:
        return None
    now, then = after.get(attempt.parent_id), before[attempt.parent_id]
    return scoring.still_follows(
        facts.seals[attempt.pk],
        facts.seals[attempt.parent_id],
        passed=now.passed if now else then.passed,
        clauses=[clause.plain() for clause in now.clauses] if now else then.decided,
    )


def _with_effects(
    attempt: Attempt,
    attempts: Sequence[Attempt],
    before: dict[int, Outcome],
    after: dict[int, scoring.Scored],
    facts: _Facts,
) -> Consequence:
    held = {pk: outcome.passed for pk, outcome in before.items()}
    holds = held | {pk: scored.passed for pk, scored in after.items()}
    entry = Consequence(attempt, _place(attempt, facts), before[attempt.pk], after[attempt.pk])
    running = next((row for row in attempts if row.state == Attempt.State.OPEN), None)
    effects: list[str] = []
    certificate = None
    if entry.turn == "passes":
        first = next(pk for pk in holds if holds[pk])
        if any(held.values()) or first != attempt.pk:
            effects.append("otherwise")
        elif attempt.candidacy_id not in facts.latest:
            effects.append("later-cycle")
        else:
            effects.append("issued" if facts.is_adopted(attempt.module_version) else "waits")
    elif entry.turn == "falls":
        certificate = _in_question(attempt, facts)
        effects.append(_fallen(attempt, any(holds.values()), certificate, facts))
    effects += _of_retest(entry, attempts, any(holds.values()))
    ends = running and _ends_running(running, entry, any(holds.values()))
    if ends:
        effects.append("voids")
    return Consequence(
        attempt, entry.position, entry.before, entry.after, tuple(effects), certificate, running if ends else None
    )


def _in_question(attempt: Attempt, facts: _Facts) -> Certificate | None:
    """The cycle's newest certificate, if it still holds or may hold again."""
    rows = facts.certificates.get(attempt.candidacy_id, [])
    return next((row for row in reversed(rows) if state_of(row) in IN_QUESTION), None)


def _fallen(attempt: Attempt, otherwise: bool, certificate: Certificate | None, facts: _Facts) -> str:
    if otherwise:
        return "otherwise"
    if certificate:
        return "decide"
    if facts.certificates.get(attempt.candidacy_id):
        return "settled"
    here = attempt.candidacy_id in facts.latest and attempt.candidacy.person_id in facts.learning
    return "reopens" if here else "left"


def _of_retest(entry: Consequence, attempts: Sequence[Attempt], passed: bool) -> list[str]:
    """What the last whole attempt of an open cycle now opens or opens no longer."""
    full = [row for row in attempts if not row.is_retest and row.state in Attempt.FINISHED]
    taken = any(row.is_retest and row.state in Attempt.FINISHED for row in attempts)
    last = max(full, key=lambda row: row.number or 0, default=None)
    if last != entry.attempt or taken or entry.attempt.candidacy.closed_at:
        return []
    if not entry.attempt.quiz_version.retest_items:
        return []
    opened = scoring.opens_retest(entry.before.decided)
    opens = 0 if passed else scoring.opens_retest(entry.clauses)
    if opens == opened:
        return []
    return ["retest-opens"] if opens else ["retest-closes"]


def _ends_running(running: Attempt, entry: Consequence, passed: bool) -> bool:
    """A re-test that nothing opens any more, and any attempt of a cycle that is passed by this one, are ended."""
    if running.is_retest and running.parent_id == entry.attempt.pk:
        return scoring.opens_retest(entry.clauses) != scoring.opens_retest(entry.before.decided) or passed
    return passed and entry.turn == "passes"


@transaction.atomic
def regrade(*, plan: Plan, reason: str, seen: signing.Seen, by: StaffMember) -> Regrade:
    """Score the version anew, signed over exactly the list shown. Raises SigningRefused with nothing written."""
    _lock(plan, by)
    found = consequences(plan, by=by)
    if not found:
        raise signing.SigningRefused("No finished attempt is left to be scored in this way. Nothing was signed.")
    text = listed(plan, found)
    signature = signing.sign(
        by=by,
        clinic=plan.clinic,
        meaning="regrade",
        subject=plan.version,
        record_sha256=canonical.sha256(text),
        seen=seen,
    )
    row = Regrade.objects.create(
        clinic=plan.clinic,
        question_version=plan.version,
        option=plan.option,
        corrected=plan.corrected,
        key=canonical.text(plan.correction.key) if plan.corrected else "",
        reason=reason,
        listed=text,
        listed_sha256=signature.record_sha256,
        signature=signature,
        regraded_at=clock.now(),
        regraded_by=by,
    )
    audit.record(
        clinic=plan.clinic,
        by=by,
        role=signature.role,
        action="question.regraded",
        subject=row,
        reason=reason,
        body=body_of(row),
    )
    _write(row, found, by)
    for entry in found:
        _carry_out(row, entry, by)
        _tell(row, entry)
    return row


def body_of(row: Regrade) -> dict[str, Any]:
    """What the audit trail says of a regrade."""
    return {
        "regrade": row.public_id,
        "question": row.question_version.question.code,
        "version": row.question_version.number,
        "option": row.option,
        "corrected": row.corrected.number if row.corrected else None,
        "listed_sha256": row.listed_sha256,
    }


def _lock(plan: Plan, by: StaffMember) -> None:
    """The cycles on the list, in the order of their ids, then what is under way in them: nothing ends or begins meanwhile."""
    ids = sorted(set(_drawn(plan, by).values_list("candidacy", flat=True)))
    list(Candidacy.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    open_rows = Attempt.objects.filter(candidacy__in=ids, state=Attempt.State.OPEN)
    list(open_rows.select_for_update(of=("self",)).order_by("pk"))


def _write(row: Regrade, found: Sequence[Consequence], by: StaffMember) -> None:
    """Further marks and outcomes, and an event for each attempt."""
    items = {
        (item.attempt_id, item.position): item
        for item in AttemptItem.objects.filter(
            attempt__in=[entry.attempt.pk for entry in found], question_version=row.question_version
        )
        .annotate(last=Max("marks__number"))
        .order_by("pk")
    }
    marks, outcomes = [], []
    for entry in found:
        rule = entry.attempt.quiz_version.scoring_rule
        if entry.position:
            item = items[entry.attempt.pk, entry.position]
            points, worth = entry.after.points[entry.position - 1], entry.after.worth[entry.position - 1]
            number = item.last + 1
            marks.append(Mark(item=item, number=number, points=points, max_points=worth, rule=rule, cause=row.cause))
        outcomes.append(
            Outcome(
                attempt=entry.attempt,
                number=entry.before.number + 1,
                passed=entry.after.passed,
                points=entry.after.total,
                max_points=entry.after.most,
                clauses=canonical.text(entry.clauses),
                cause=row.cause,
            )
        )
    Mark.objects.bulk_create(marks)
    Outcome.objects.bulk_create(outcomes)
    for outcome in outcomes:
        audit.record(
            clinic=row.clinic,
            by=by,
            role=row.signature.role,
            action="attempt.regraded",
            subject=outcome.attempt,
            body={
                "regrade": row.public_id,
                "outcome": outcome.number,
                "points": outcome.points,
                "of": outcome.max_points,
                "passed": outcome.passed,
            },
        )


def _carry_out(row: Regrade, entry: Consequence, by: StaffMember) -> None:
    if entry.running:
        sitting.void(attempt=entry.running, reason="A regrade made it needless.", by=by)
    if {"issued", "waits"} & set(entry.effects):
        sitting.close_candidacy(entry.attempt.candidacy, by=by)
        issue(attempt=entry.attempt, by=by)
    if "reopens" in entry.effects:
        sitting.dispose(
            outcome=Outcome.objects.get(attempt=entry.attempt, cause=row.cause),
            decision=Disposition.Decision.REOPEN,
            reason=row.reason,
            signature=row.signature,
            by=by,
        )
        sitting.reopen_candidacy(entry.attempt.candidacy, by=by)


def _tell(row: Regrade, entry: Consequence) -> None:
    """By mail, without what was asked or answered; the result page says the rest."""
    if not entry.changes:
        return
    attempt = entry.attempt
    person = attempt.candidacy.person
    mail.queue(
        to=person,
        key=f"{row.cause}:{attempt.public_id}",
        subject=f"A question was corrected: {attempt.module_version.title}",
        body=(
            f"{person.full_name},\n\na mistake was found in a question of your quiz “{attempt.module_version.title}”, and "
            f"your score was counted again. {_sentence(entry)}\nWhat was corrected is on your result:\n"
            f"{settings.SITE_URL}/attempts/{attempt.public_id}/result/\n"
        ),
    )


def _sentence(entry: Consequence) -> str:
    if entry.turn == "passes":
        return "You have passed now."
    if entry.turn == "falls" and "decide" in entry.effects:
        return (
            "The corrected score no longer meets the rule. Your certificate stays as it is until a physician of your clinic "
            "has decided; you are told. There is nothing for you to do now."
        )
    if entry.turn == "falls" and "otherwise" not in entry.effects:
        return "The corrected score no longer meets the rule. Your home page says what is next."
    return "Whether you passed has not changed."


def summary(found: Iterable[Consequence]) -> dict[str, int]:
    """For the top of the page: how many attempts, and what turns."""
    rows = list(found)
    return {
        "attempts": len(rows),
        "changed": sum(row.changes for row in rows),
        "passes": sum(row.turn == "passes" for row in rows),
        "falls": sum(row.turn == "falls" for row in rows),
        "certificates": sum("decide" in row.effects for row in rows),
    }
