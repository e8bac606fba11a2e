"""Verbs of a sitting: start, save, flag, finish. Finishing with its certificate is `certificates.actions.submit`."""

import json
import secrets
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Concat

from quizzes import drawing, eligibility, kinds, scoring, sealing, standard, timing
from quizzes.models import (
    Accommodation,
    Attempt,
    AttemptGrant,
    AttemptItem,
    AttemptItemPoint,
    Candidacy,
    ClinicClock,
    Disposition,
    Mark,
    Outcome,
    PracticeAnswer,
    QuestionVersion,
    Quiz,
    Response,
    Seal,
)
from quizzes.queries import (
    Drawable,
    blueprint,
    clock_of,
    cycles_of,
    extra_time,
    has_passed,
    last_full,
    last_met,
    live_points,
    open_candidacy,
    pool,
    situation,
)
from staff import audit, canonical, clock, mail, written
from staff.access import LEARNING_ROLES
from staff.models import Clinic, MembershipRole, OutgoingMail, Signature, StaffMember
from staff.prepared import prepared
from training.models import KeyPointVersion, ModuleVersion
from training.queries import live_version

REMINDER = "open-until:"
REMIND_BEFORE = timedelta(hours=4)

ATTEMPTS, ITEMS, POINTS = written.New(Attempt), written.New(AttemptItem), written.New(AttemptItemPoint)
MARKS, OUTCOMES, SEALS = written.New(Mark), written.New(Outcome), written.New(Seal)
END = "UPDATE quizzes_attempt SET state = %s, ended_at = %s, seal_sha256 = %s WHERE id = %s"
CLOSE = "UPDATE quizzes_candidacy SET closed_at = %s, closed_by_id = %s WHERE id = %s AND closed_at IS NULL"


class NotOpen(Exception):
    """The quiz cannot be started now; `verdict` says why."""

    def __init__(self, verdict: eligibility.Verdict, sentence: str = "") -> None:
        self.verdict = verdict
        super().__init__(sentence or verdict.code)


class AttemptEnded(Exception):
    """The attempt was handed in or its time is over: nothing was changed."""


class Stale(Exception):
    """Another tab or device saved a newer answer; `item` carries it."""

    def __init__(self, item: "Held") -> None:
        self.item = item
        super().__init__(f"revision is {item.revision}")


class UnknownAnswer(Exception):
    """The answer cannot be one to this item; the sentence says why."""


@dataclass(frozen=True)
class Saved:
    """`answer` as it is stored; `zone` is the clinic's, for showing the time."""

    revision: int
    saved_at: datetime
    zone: str
    answer: str


def candidacy_for(person: StaffMember, quiz: Quiz, clinic: Clinic) -> Candidacy:
    """The open candidacy, or a first one. After a pass the next is a renewal, which is opened above, not here.

    A candidacy that ended without a pass (its holder had left the clinic) is followed by another initial one.
    """
    known = cycles_of(person.pk, (quiz.pk,))
    found = next((row for row in known if row.closed_at is None), None)
    if found:
        return found
    if known and has_passed(person, quiz):
        raise NotOpen(eligibility.Verdict("closed"))
    cycle = 1 + len(known)
    try:
        with transaction.atomic():
            return Candidacy.objects.create(
                person=person, quiz=quiz, clinic=clinic, cycle=cycle, reason=Candidacy.Reason.INITIAL, opened_by=person
            )
    except IntegrityError:
        return Candidacy.objects.get(person=person, quiz=quiz, cycle=cycle)


@dataclass(frozen=True)
class Bank:
    """What a form may be drawn from, for one person in one clinic; `mean` is what a panel would have forms keep near."""

    version: ModuleVersion
    clinic: Clinic | None
    points: dict[int, KeyPointVersion]
    items: list[drawing.PoolItem]
    drawable: dict[str, Drawable]
    mean: int | None


def bank_for(person: StaffMember, quiz: Quiz, version: ModuleVersion, clinic: Clinic | None) -> Bank:
    points = live_points(version)
    items, drawable = pool(version, points, clinic, person)
    rated, mean = standard.rated(quiz, {code: item.body for code, item in drawable.items()})
    items = [replace(item, rating=rated.get(item.code)) for item in items] if rated else items
    return Bank(version, clinic, points, items, drawable, mean)


def start(*, person: StaffMember, quiz: Quiz, clinic: Clinic, seed: str = "", declaration: str = "") -> Attempt:
    """Start an attempt or the critical re-test that is due, or hand back the open one.

    Raises NotOpen. Parallel starts wait for each other on the candidacy. The bank, which is most of what is asked, is read
    before anybody has to wait; if another version was published meanwhile, it is read again.
    """
    open_now = open_candidacy(person, quiz)
    version = live_version(quiz.module)
    bank = bank_for(person, quiz, version, open_now.clinic if open_now else clinic) if version else None
    return _start(person, quiz, clinic, open_now, bank, seed, declaration)


@transaction.atomic
def _start(
    person: StaffMember,
    quiz: Quiz,
    clinic: Clinic,
    open_now: Candidacy | None,
    bank: Bank | None,
    seed: str,
    declaration: str,
) -> Attempt:
    candidacy = open_now or candidacy_for(person, quiz, clinic)
    lock_candidacy(candidacy.pk)
    found = situation(person, quiz, candidacy.clinic)
    where, version, rules = found.standing, found.version, found.rules
    current = next((row for row in found.attempts if row.state == Attempt.State.OPEN), None)
    if current:
        return current
    verdict = eligibility.verdict(where, clock.now())
    if verdict.code not in ("start", "retest"):
        raise NotOpen(verdict)
    if version is None or found.candidacy is None:  # the latter: closed while we waited
        raise NotOpen(eligibility.Verdict("closed"))
    if bank is None or (bank.version, bank.clinic) != (version, candidacy.clinic):
        bank = bank_for(person, quiz, version, candidacy.clinic)
    seed = seed or secrets.token_hex(16)
    again = where.retest if verdict.code == "retest" else None
    parent = last_full(candidacy) if again else None
    try:
        if again and parent:
            rules = parent.quiz_version
            form = drawing.retest(
                bank.items,
                point=again.point,
                without=frozenset(parent.items.values_list("question_version__question__code", flat=True)),
                met=last_met(person),
                places=again.items,
                seed=seed,
            )
        else:
            form = drawing.draw(bank.items, blueprint(rules, bank.points), seed, bank.mean)
    except drawing.Unfillable as gap:
        raise NotOpen(eligibility.Verdict("unfillable"), str(gap)) from gap
    now = clock.now()
    limit = timing.share(clock_of(rules, candidacy.clinic), len(form), rules.items)
    attempt = Attempt(
        candidacy=candidacy,
        quiz_version=rules,
        module_version=version,
        kind=Attempt.Kind.CRITICAL_RETEST if parent else Attempt.Kind.FULL,
        parent=parent,
        number=None if parent else where.attempts_used + where.attempts_voided + 1,
        seed=seed,
        started_at=now,
        deadline_at=timing.deadline(
            now, limit, rules.open_minutes, extra_time(person, candidacy.clinic) if limit else 100
        ),
        limit_minutes=limit,
    )
    ATTEMPTS.put(attempt)
    _insert_items(attempt, [(item.code, bank.drawable[item.code]) for item in form], bank.points)
    audit.record(
        clinic=candidacy.clinic,
        by=person,
        action="attempt.started",
        subject=attempt,
        body={
            "number": attempt.number,
            "rules": rules.sha256,
            "module": version.sha256,
            "seed": seed,
            "declared": declaration,
        },
    )
    return attempt


def _insert_items(attempt: Attempt, form: list[tuple[str, Drawable]], points: dict[int, KeyPointVersion]) -> None:
    rows = []
    for position, (code, item) in enumerate(form, start=1):
        tokens = drawing.tokens(attempt.seed, position, code, kinds.of(item.kind).groups(dict(item.content)))
        rows.append(
            AttemptItem(attempt=attempt, position=position, question_version_id=item.pk, tokens=canonical.text(tokens))
        )
    ITEMS.put(*rows)
    tested = [(row, key_point) for row, (_, item) in zip(rows, form, strict=True) for key_point in item.points]
    POINTS.put(*(AttemptItemPoint(item=row, point_version=points[key_point]) for row, key_point in tested))


def is_late(attempt: "Attempt | Held", moment: datetime, grace_seconds: int) -> bool:
    """After the deadline and its grace, for a save as for a submit."""
    return moment > attempt.deadline_at + timedelta(seconds=grace_seconds)


@dataclass(frozen=True)
class Held:
    """An item of an open or ended attempt with what a save needs to know of it."""

    pk: int
    answer: str
    revision: int
    shown: list[list[str]]
    kind: str
    state: str
    deadline_at: datetime
    grace_seconds: int
    zone: str

    @property
    def shut(self) -> bool:
        """Nothing can be changed any more."""
        return self.state != Attempt.State.OPEN or is_late(self, clock.now(), self.grace_seconds)


# The three statements of a save are written out (staff/written.py says why).
HELD = """
    SELECT item.id, item.answer, item.revision, item.tokens, question.kind, attempt.state, attempt.deadline_at,
        rules.grace_seconds, clinic.zone
    FROM quizzes_attempt attempt
        JOIN quizzes_candidacy candidacy ON candidacy.id = attempt.candidacy_id
        JOIN staff_clinic clinic ON clinic.id = candidacy.clinic_id
        JOIN quizzes_quizversion rules ON rules.id = attempt.quiz_version_id
        JOIN quizzes_attemptitem item ON item.attempt_id = attempt.id
        JOIN quizzes_questionversion version ON version.id = item.question_version_id
        JOIN quizzes_question question ON question.id = version.question_id
    WHERE attempt.public_id = %s AND candidacy.person_id = %s AND item.position = %s
"""
KEEP = "INSERT INTO quizzes_response (item_id, revision, payload, client_key, saved_at, late) VALUES (%s, %s, %s, %s, %s, %s)"
SHOW = "UPDATE quizzes_attemptitem SET answer = %s, revision = %s WHERE id = %s"


def _held(attempt_id: str, person: StaffMember, position: int) -> Held:
    """Locked until the transaction ends: with SQLite by the transaction itself. Raises AttemptItem.DoesNotExist."""
    lock = " FOR NO KEY UPDATE OF item, attempt" if connection.features.has_select_for_update else ""
    row = written.ask(HELD + lock, [attempt_id, person.pk, position])
    if row is None:
        raise AttemptItem.DoesNotExist
    pk, answer, revision, tokens, kind, state, deadline_at, grace_seconds, zone = row
    return Held(
        pk=pk,
        answer=answer,
        revision=revision,
        shown=json.loads(tokens),
        kind=kind,
        state=state,
        deadline_at=written.instant(deadline_at),
        grace_seconds=grace_seconds,
        zone=zone,
    )


def save_answer(
    *, attempt_id: str, person: StaffMember, position: int, answer: str, base_revision: int, client_key: str
) -> Saved:
    """Keep one answer. Authorised by attempt and person alone; repeating the same `client_key` changes nothing.

    `answer` is one or more pieces between spaces; it is stored as its kind writes it. "" takes an answer back.

    Raises AttemptItem.DoesNotExist, AttemptEnded, UnknownAnswer, or Stale with the newer answer.
    """
    key = client_key[:64]
    try:
        return _save(attempt_id, person, position, answer, base_revision, key)
    except IntegrityError:  # the key was used before: for this answer, or for another by an old page
        with transaction.atomic():
            item = _held(attempt_id, person, position)
        known = _repeated(item, key, _read(item, answer)[0])
        if known is None:
            raise Stale(item) from None
        return known


@transaction.atomic
def _save(attempt_id: str, person: StaffMember, position: int, answer: str, base_revision: int, key: str) -> Saved:
    item = _held(attempt_id, person, position)
    answer, refusal = _read(item, answer)
    if item.revision != base_revision:
        known = _repeated(item, key, answer)
        if known:
            return known
        if not item.shut:
            raise Stale(item)
    if item.shut:
        raise AttemptEnded
    if refusal:
        raise UnknownAnswer(str(refusal)) from refusal
    revision, now = item.revision + 1, clock.now()
    written.tell(KEEP, [item.pk, revision, answer, key, written.stored(now), False])
    written.tell(SHOW, [answer, revision, item.pk])
    return Saved(revision, now, item.zone, answer)


def _read(item: Held, answer: str) -> tuple[str, kinds.NotAnAnswer | None]:
    """The answer as its kind stores it, or as it came with the reason why it cannot be one."""
    try:
        return kinds.of(item.kind).read_answer(answer.split(), item.shown), None
    except kinds.NotAnAnswer as error:
        return answer, error


def _repeated(item: Held, key: str, answer: str) -> Saved | None:
    """The save that this one repeats, if nothing newer was saved since. A used key with another answer is an old page's."""
    known = Response.objects.filter(item=item.pk, client_key=key, payload=answer, revision=item.revision).first()
    return Saved(known.revision, known.saved_at, item.zone, answer) if known else None


def practise(*, person: StaffMember, item: QuestionVersion, right: bool, confidence: str) -> PracticeAnswer:
    """Keep how a practice item was answered. Nothing rests on it, so the audit trail does not tell of it."""
    return PracticeAnswer.objects.create(
        person=person, question_version=item, right=right, confidence=confidence, answered_at=clock.now()
    )


def set_flag(*, attempt_id: str, person: StaffMember, position: int, flagged: bool) -> None:
    """Raises AttemptItem.DoesNotExist, or AttemptEnded where nothing can be flagged any more."""
    mine = AttemptItem.objects.filter(
        attempt__public_id=attempt_id, attempt__candidacy__person=person, position=position
    )
    if not mine.filter(attempt__state=Attempt.State.OPEN).update(flagged=flagged):
        mine.only("pk").get()
        raise AttemptEnded


def locked_attempt(pk: int, candidacy: int) -> Attempt:
    """The attempt with its candidacy locked first, then itself: the lock order of the site."""
    lock_candidacy(candidacy)
    (attempt,) = _locked_attempts(pk)
    return attempt


@prepared
def lock_candidacy(pk: int) -> QuerySet[Candidacy]:
    return Candidacy.objects.select_for_update().only("pk").filter(pk=pk)


@prepared
def _locked_attempts(pk: int) -> QuerySet[Attempt]:
    rows = Attempt.objects.select_for_update(of=("self",)).select_related(
        "candidacy__person",
        "candidacy__clinic",
        "candidacy__quiz__module",
        "quiz_version",
        "parent",
        "module_version__module",
    )
    return rows.filter(pk=pk)


def finish(*, attempt: Attempt, state: str, ended_at: datetime, by: StaffMember) -> Outcome:
    """Score, seal and close a locked open attempt, in the caller's transaction."""
    attempt.state, attempt.ended_at = state, ended_at
    rows = sealing.rows_of(attempt)
    items = sealing.sealed_items(attempt, rows)
    rules = attempt.quiz_version
    scored = scoring.score_sealed(
        {
            "items": items,
            "quiz": {"cut": attempt.cut, "critical_rule": rules.critical_rule, "scoring_rule": rules.scoring_rule},
        }
    )
    text = sealing.text(attempt, items, scored)
    attempt.seal_sha256 = canonical.sha256(text)
    MARKS.put(
        *(
            Mark(item_id=row.pk, points=points, max_points=1, rule=rules.scoring_rule, cause="first")
            for row, points in zip(rows, scored.points, strict=True)
        )
    )
    outcome = Outcome(
        attempt=attempt,
        passed=scored.passed,
        points=scored.total,
        max_points=scored.most,
        clauses=canonical.text([clause.plain() for clause in scored.clauses]),
        cause="first",
    )
    OUTCOMES.put(outcome)
    SEALS.put(Seal(attempt=attempt, text=text, sha256=attempt.seal_sha256))
    written.tell(END, [attempt.state, written.stored(ended_at), attempt.seal_sha256, attempt.pk])
    if scored.passed:
        close_candidacy(attempt.candidacy, by=by)
    audit.record(
        clinic=attempt.candidacy.clinic,
        by=by,
        action=f"attempt.{state}",
        subject=attempt,
        body={"seal": attempt.seal_sha256, "points": scored.total, "of": scored.most, "passed": scored.passed},
    )
    return outcome


def close_candidacy(candidacy: Candidacy, *, by: StaffMember) -> None:
    written.tell(CLOSE, [written.stored(clock.now()), by.pk, candidacy.pk])


def reopen_candidacy(candidacy: Candidacy, *, by: StaffMember) -> bool:
    """As if it had not been passed: after a regrade took its pass. False where she has left, or a later cycle is there."""
    cycles = Candidacy.objects.filter(person=candidacy.person_id, quiz=candidacy.quiz_id)
    learns = MembershipRole.objects.filter(
        membership__person=candidacy.person_id,
        membership__clinic=candidacy.clinic_id,
        membership__ended_at=None,
        ended_at=None,
        role__in=LEARNING_ROLES,
    )
    if cycles.filter(cycle__gt=candidacy.cycle).exists() or not learns.exists():
        return False
    if not Candidacy.objects.filter(pk=candidacy.pk).exclude(closed_at=None).update(closed_at=None, closed_by=None):
        return False
    audit.record(clinic=candidacy.clinic, by=by, action="candidacy.reopened", subject=candidacy)
    return True


def dispose(*, outcome: Outcome, decision: str, reason: str, signature: Signature, by: StaffMember) -> Disposition:
    """Put on record what becomes of a pass that a regrade took, in the caller's transaction."""
    candidacy = outcome.attempt.candidacy
    row = Disposition.objects.create(
        outcome=outcome,
        candidate=candidacy.person,
        decision=decision,
        reason=reason,
        signature=signature,
        decided_at=clock.now(),
        decided_by=by,
    )
    audit.record(
        clinic=candidacy.clinic,
        by=by,
        role=signature.role,
        action=f"pass.{decision}",
        subject=row,
        reason=reason,
        body={"attempt": outcome.attempt.public_id, "outcome": outcome.number, "candidate": row.candidate_id},
    )
    return row


def void(*, attempt: Attempt, reason: str, by: StaffMember) -> None:
    """End an open attempt without a score, in the caller's transaction; the candidacy is locked. It uses up no attempt."""
    locked = Attempt.objects.select_for_update(of=("self",)).get(pk=attempt.pk)
    if locked.state != Attempt.State.OPEN:
        return
    locked.state, locked.ended_at = Attempt.State.VOIDED, max(clock.now(), locked.started_at)
    locked.save(update_fields=["state", "ended_at"])
    audit.record(clinic=attempt.candidacy.clinic, by=by, action="attempt.voided", subject=attempt, reason=reason)


@transaction.atomic
def grant(
    *, candidacy: Candidacy, kind: str, extra: int, reason: str, signature: Signature, by: StaffMember
) -> AttemptGrant:
    """Open further attempts after a recorded talk, or the next one before its time."""
    row = AttemptGrant.objects.create(
        candidacy=candidacy,
        kind=kind,
        extra=extra,
        reason=reason,
        signature=signature,
        granted_by=by,
        granted_at=clock.now(),
    )
    audit.record(
        clinic=candidacy.clinic,
        by=by,
        action=f"attempts.granted.{kind}",
        subject=candidacy,
        reason=reason,
        body={"extra": extra},
    )
    return row


@transaction.atomic
def set_clock(*, clinic: Clinic, limit_minutes: int | None, by: StaffMember) -> ClinicClock:
    """A clock on the clinic's quizzes from now on; attempts under way keep what they were started with."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    number = 1 + ClinicClock.objects.filter(clinic=clinic).count()
    row = ClinicClock.objects.create(clinic=clinic, number=number, limit_minutes=limit_minutes, set_by=by)
    audit.record(clinic=clinic, by=by, action="clock.set", subject=row, body={"limit_minutes": limit_minutes})
    return row


@transaction.atomic
def accommodate(
    *,
    person: StaffMember,
    clinic: Clinic,
    time_percent: int,
    category: str,
    valid_from_on: date,
    valid_until_on: date,
    by: StaffMember,
) -> Accommodation:
    """Give extra time in every quiz, and at once in the attempts under way. `clinic` is the giver's, for its record."""
    if person.pk == by.pk:
        raise ValueError("Nobody gives extra time to themselves.")
    row = Accommodation.objects.create(
        person=person,
        time_percent=time_percent,
        category=category,
        valid_from_on=valid_from_on,
        valid_until_on=valid_until_on,
        granted_by=by,
    )
    moved = _extend_open(person)
    audit.record(
        clinic=clinic,
        by=by,
        action="accommodation.granted",
        subject=row,
        body={
            "person": person.pk,
            "percent": time_percent,
            "category": category,
            "from": valid_from_on,
            "until": valid_until_on,
        },
    )
    for attempt, before in moved:
        audit.record(
            clinic=attempt.candidacy.clinic,
            by=by,
            action="attempt.extended",
            subject=attempt,
            body={"from": before, "to": attempt.deadline_at},
        )
    return row


def _extend_open(person: StaffMember) -> list[tuple[Attempt, datetime]]:
    """Move the deadlines of her running attempts with a clock, and say from when; a deadline never moves back."""
    running = Attempt.objects.of(person).filter(state=Attempt.State.OPEN).exclude(limit_minutes=None)
    moved = []
    for pk, candidacy in running.order_by("candidacy").values_list("pk", "candidacy_id"):
        attempt = locked_attempt(pk, candidacy)
        percent = extra_time(person, attempt.candidacy.clinic)
        until = timing.deadline(attempt.started_at, attempt.limit_minutes, attempt.quiz_version.open_minutes, percent)
        over = is_late(attempt, clock.now(), attempt.quiz_version.grace_seconds)
        if attempt.state == Attempt.State.OPEN and not over and until > attempt.deadline_at:
            moved.append((attempt, attempt.deadline_at))
            attempt.deadline_at = until
            attempt.save(update_fields=["deadline_at"])
    return moved


@transaction.atomic
def end_accommodation(*, accommodation: Accommodation, clinic: Clinic, by: StaffMember) -> bool:
    """No extra time from the next attempt on; what runs keeps it. False if it had ended before."""
    rows = Accommodation.objects.filter(pk=accommodation.pk, ended_at=None)
    if not rows.update(ended_at=clock.now(), ended_by=by):
        return False
    audit.record(
        clinic=clinic,
        by=by,
        action="accommodation.ended",
        subject=accommodation,
        body={"person": accommodation.person_id},
    )
    return True


def remind_of_open(limit: int = 500) -> int:
    """Four hours before an open day ends, the person hears of it by mail; an attempt with a clock is too short for that."""
    now = clock.now()
    told = OutgoingMail.objects.filter(dedupe_key=Concat(Value(REMINDER), OuterRef("public_id")))
    due = Attempt.objects.filter(
        ~Exists(told),
        state=Attempt.State.OPEN,
        limit_minutes=None,
        deadline_at__gt=now,
        deadline_at__lte=now + REMIND_BEFORE,
        started_at__lt=F("deadline_at") - 2 * REMIND_BEFORE,
    ).select_related("candidacy__person", "candidacy__clinic", "module_version")
    rows = list(due.order_by("deadline_at")[:limit])
    for attempt in rows:
        until = attempt.deadline_at.astimezone(ZoneInfo(attempt.candidacy.clinic.zone))
        mail.queue(
            to=attempt.candidacy.person,
            key=f"{REMINDER}{attempt.public_id}",
            subject=f"Your quiz is open until {until:%H:%M}: {attempt.module_version.title}",
            body=(
                f"{attempt.candidacy.person.full_name},\n\nyour attempt is open until {until:%A, %H:%M}. What you have "
                "saved by then is scored as it stands, open questions as wrong. Go on, or hand in, here:\n"
                f"{settings.SITE_URL}{attempt.get_absolute_url()}\n"
            ),
        )
    return len(rows)
