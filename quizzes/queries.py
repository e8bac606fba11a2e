"""Questions asked of the bank and of attempts."""

import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import Count, Exists, IntegerField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from quizzes import drawing, eligibility, scoring, timing
from quizzes.models import (
    Accommodation,
    Attempt,
    AttemptGrant,
    AttemptItem,
    Candidacy,
    ClinicClock,
    Outcome,
    QuestionPoint,
    QuestionVersion,
    Quiz,
    QuizVersion,
)
from staff import clock
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from training.models import KeyPointVersion, ModuleVersion, ProtocolValue, SectionVersion
from training.queries import confirmed, live_version, places


def live_rules(quiz: Quiz) -> QuizVersion:
    return quiz.versions.order_by("-number")[0]


def clock_of(rules: QuizVersion, clinic: Clinic) -> int | None:
    """The clock in minutes that the quiz's rules and the clinic set; none by default."""
    latest = ClinicClock.objects.filter(clinic=clinic).order_by("-number").first()
    return timing.tighter(rules.limit_minutes, latest.limit_minutes if latest else None)


def accommodations(person: StaffMember, on: date) -> QuerySet[Accommodation]:
    return Accommodation.objects.filter(person=person, ended_at=None, valid_from_on__lte=on, valid_until_on__gte=on)


def extra_time(person: StaffMember, clinic: Clinic) -> int:
    """Per cent of the clock that the person has today: 100 without an accommodation, else the most generous."""
    held = accommodations(person, clock.today(clinic.zone)).aggregate(most=Max("time_percent"))
    return int(held["most"] or 100)


def live_points(version: ModuleVersion) -> dict[int, KeyPointVersion]:
    """The version's key points by the key point's id."""
    rows = KeyPointVersion.objects.filter(section_version__places__module_version=version).select_related(
        "key_point", "section_version__section"
    )
    return {row.key_point_id: row for row in rows}


def blueprint(rules: QuizVersion, points: dict[int, KeyPointVersion]) -> drawing.Blueprint:
    plan = json.loads(rules.blueprint)
    critical = frozenset(
        p.key_point.code for p in points.values() if p.critical and p.section_version.section.slug in plan["sections"]
    )
    return drawing.Blueprint(plan["sections"], plan["recall_at_most"], critical)


def signed_otherwise(clinic: Clinic) -> list[int]:
    """Protocol items for which the clinic has signed another value than the cautious default."""
    values = ProtocolValue.objects.filter(clinic=clinic).order_by("number").values_list("item", "is_default")
    return [item for item, is_default in dict(values).items() if not is_default]


def resting_on(rows: QuerySet[QuestionVersion], protocol: list[int]) -> QuerySet[QuestionVersion]:
    """Those of the items that depend, themselves or through a key point, on one of these protocol items."""
    points = Q(points__approved_against__depends_on__in=protocol)
    return rows.filter(Q(depends_on__in=protocol) | points).distinct()


def certifying(version: ModuleVersion) -> QuerySet[QuestionVersion]:
    return QuestionVersion.objects.filter(
        state=QuestionVersion.State.LIVE, question__section__module=version.module_id, question__bank="certifying"
    )


def pool(
    version: ModuleVersion, points: dict[int, KeyPointVersion], clinic: Clinic, person: StaffMember
) -> tuple[list[drawing.PoolItem], dict[str, QuestionVersion]]:
    """The items this person may be given in this clinic: live, not stale, not resting on a protocol item signed otherwise."""
    met = AttemptItem.objects.filter(attempt__candidacy__person=person)
    seen = Counter(met.values_list("question_version__question_id", flat=True))
    tests = QuestionPoint.objects.select_related("approved_against").only(
        "question_version", "key_point", "approved_against__content_sha256"
    )
    rows = certifying(version)
    signed = signed_otherwise(clinic)
    if signed:
        rows = rows.exclude(pk__in=resting_on(rows, signed))
    rows = rows.select_related("question__section").prefetch_related(Prefetch("points", tests))
    items, versions = [], {}
    for row in rows.order_by("question__code"):
        now = [points.get(test.key_point_id) for test in row.points.all()]
        tested = [point for point in now if point is not None]
        approved = [test.approved_against for test in row.points.all()]
        if any(is_stale(then, point) for then, point in zip(approved, now, strict=True)):
            continue
        items.append(
            drawing.PoolItem(
                row.question.code,
                row.question.section.slug,
                row.content["level"],
                frozenset(point.key_point.code for point in tested),
                frozenset(point.key_point.code for point in tested if point.critical),
                seen[row.question_id],
            )
        )
        versions[row.question.code] = row
    return items, versions


def last_met(person: StaffMember) -> dict[str, datetime]:
    """By the item's code: when the person was last given it."""
    met = AttemptItem.objects.filter(attempt__candidacy__person=person).order_by("attempt__started_at")
    return dict(met.values_list("question_version__question__code", "attempt__started_at"))


def is_stale(approved: KeyPointVersion | None, now: KeyPointVersion | None) -> bool:
    """The key point reads otherwise than when the item was approved, or is gone."""
    return approved is None or now is None or approved.content_sha256 != now.content_sha256


def open_candidacy(person: StaffMember, quiz: Quiz) -> Candidacy | None:
    return Candidacy.objects.filter(person=person, quiz=quiz, closed_at=None).select_related("clinic").first()


def with_attempts(rows: QuerySet[Candidacy]) -> QuerySet[Candidacy]:
    """With `used` and `allowed` full attempts, `running` ones of both kinds, and what decides about a re-test."""
    full = Q(attempts__kind=Attempt.Kind.FULL) & ~Q(attempts__state=Attempt.State.VOIDED)
    rules = QuizVersion.objects.filter(quiz=OuterRef("quiz")).order_by("-number").values("attempts")[:1]
    last = Attempt.objects.finished().filter(candidacy=OuterRef("pk"), kind=Attempt.Kind.FULL).order_by("-number")
    decided = Outcome.objects.filter(attempt__candidacy=OuterRef("pk"), attempt__kind=Attempt.Kind.FULL)
    extra = AttemptGrant.objects.filter(candidacy=OuterRef("pk")).order_by().values("candidacy")
    return rows.select_related("quiz").annotate(
        used=Count("attempts", filter=full),
        running=Count("attempts", filter=Q(attempts__state=Attempt.State.OPEN)),
        retested=Exists(retests(OuterRef("pk"))),
        retest_items=Subquery(last.values("quiz_version__retest_items")[:1]),
        decided=Subquery(decided.order_by("-attempt__number", "-number").values("clauses")[:1]),
        allowed=Subquery(rules, output_field=IntegerField())
        + Coalesce(Subquery(extra.annotate(sum=Sum("extra")).values("sum"), output_field=IntegerField()), 0),
    )


def is_locked(row: Candidacy) -> bool:
    """All attempts are used, none is running and no re-test is open: a physician must talk it through.

    Takes a row of `with_attempts`.
    """
    used_up = not row.running and row.used >= row.allowed  # type: ignore[attr-defined]
    return bool(used_up and not _retest_open(row))


def _retest_open(row: Candidacy) -> bool:
    if row.retested or not row.retest_items or not row.decided:  # type: ignore[attr-defined]
        return False
    return bool(scoring.opens_retest(json.loads(row.decided)))  # type: ignore[attr-defined]


def retests(candidacy: Any) -> QuerySet[Attempt]:
    """The critical re-tests of a candidacy that count: one at most."""
    found: QuerySet[Attempt] = Attempt.objects.filter(candidacy=candidacy, kind=Attempt.Kind.CRITICAL_RETEST)
    return found.exclude(state=Attempt.State.VOIDED)


def last_full(candidacy: Candidacy) -> Attempt | None:
    """The last finished whole attempt."""
    finished = candidacy.attempts.finished().filter(kind=Attempt.Kind.FULL).select_related("quiz_version")
    last: Attempt | None = finished.order_by("-number").first()
    return last


def has_passed(person: StaffMember, quiz: Quiz) -> bool:
    """In the latest cycle: then the quiz is closed until its renewal opens."""
    last = Candidacy.objects.filter(person=person, quiz=quiz).order_by("-cycle").first()
    return last is not None and Attempt.objects.filter(candidacy=last, outcomes__passed=True).exists()


def standing(person: StaffMember, quiz: Quiz, clinic: Clinic) -> eligibility.Standing:
    """Everything that decides whether the person may start this quiz for this clinic now."""
    rules = live_rules(quiz)
    candidacy = open_candidacy(person, quiz)
    version = live_version(quiz.module)
    sections = [place.section_version for place in places(version)] if version else []
    read = confirmed(person, sections)
    # After a revocation everything is read again; otherwise what was read stays read.
    anew = candidacy is not None and candidacy.reason == Candidacy.Reason.INCIDENT
    since = candidacy.opened_at if candidacy and anew else datetime.min.replace(tzinfo=UTC)
    held: list[Attempt] = []
    attempts: list[Attempt] = []
    allowed = rules.attempts
    early_at = None
    if candidacy:
        held = list(
            candidacy.attempts.exclude(state=Attempt.State.VOIDED).select_related("quiz_version").order_by("started_at")
        )
        attempts = [attempt for attempt in held if not attempt.is_retest]
        granted = candidacy.grants.aggregate(extra=Sum("extra"), last=Max("granted_at"))
        allowed += granted["extra"] or 0
        early_at = granted["last"]
    open_attempt = next((a for a in held if a.state == Attempt.State.OPEN), None)
    last = max((a for a in attempts if a.ended_at), key=lambda a: a.number or 0, default=None)
    again = next((a for a in held if a.is_retest and last and a.parent_id == last.pk), None)
    ended = [a for a in (last, again) if a and a.ended_at]
    since_missed: dict[int, datetime] = {}
    for attempt in ended:
        since_missed |= {section: attempt.ended_at or clock.now() for section in missed_sections(attempt)}
    to_read = [
        s
        for s in sections
        if s.section_id in since_missed and (s.pk not in read or read[s.pk].confirmed_at <= since_missed[s.section_id])
    ]
    retest = None
    if last and not any(a.is_retest for a in held):
        retest = _retest(last, version, sections, to_read, clinic, person)
    last_ended_at = max((a.ended_at for a in ended if a.ended_at), default=None)
    return eligibility.Standing(
        attempts_allowed=allowed,
        attempts_used=len(attempts),
        open_attempt=open_attempt.public_id if open_attempt else "",
        last_ended_at=last_ended_at,
        zone=(candidacy.clinic if candidacy else clinic).zone,
        next_day_hour=rules.next_day_hour,
        opened_early=bool(last_ended_at and early_at and early_at >= last_ended_at),
        unread=tuple(s.title for s in sections if s.pk not in read or read[s.pk].confirmed_at < since),
        reread=tuple(s.title for s in to_read),
        retest=retest,
        closed=not sections or (candidacy is None and has_passed(person, quiz)),
    )


def _retest(
    last: Attempt,
    version: ModuleVersion | None,
    sections: list[SectionVersion],
    to_read: list[SectionVersion],
    clinic: Clinic,
    person: StaffMember,
) -> eligibility.Retest | None:
    """The critical re-test that the last attempt opened and that can be put together now."""
    outcome = last.outcomes.order_by("-number").first()
    position = scoring.opens_retest(outcome.decided) if outcome and last.quiz_version.retest_items else 0
    tested = KeyPointVersion.objects.filter(
        attemptitempoint__item__attempt=last, attemptitempoint__item__position=position, critical=True
    )
    missed = tested.select_related("key_point", "section_version__section").first() if position and version else None
    if missed is None or version is None:
        return None
    passage = next((s for s in sections if s.section_id == missed.section_version.section_id), None)
    points = live_points(version)
    items, _ = pool(version, points, clinic, person)
    given = set(last.items.values_list("question_version__question__code", flat=True))
    others = [item for item in items if item.critical == {missed.key_point.code} and item.code not in given]
    if passage is None or len(others) < last.quiz_version.retest_items:
        return None
    return eligibility.Retest(
        point=missed.key_point.code,
        passage=passage.title,
        section=passage.section.slug,
        items=last.quiz_version.retest_items,
        read_again=passage not in to_read,
    )


def missed_sections(attempt: Attempt) -> set[int]:
    """Sections that hold a key point of an item answered wrong."""
    wrong = AttemptItem.objects.filter(attempt=attempt, marks__number=1, marks__points=0)
    return set(wrong.values_list("points__point_version__section_version__section", flat=True))


def attempts_visible_to(viewer: StaffMember) -> QuerySet[Attempt]:
    """Her own, and those taken for clinics whose physician she is."""
    own = Q(candidacy__person=viewer)
    supervised = Q(candidacy__clinic__in=clinics_as(viewer, Role.PHYSICIAN))
    return Attempt.objects.filter(own | supervised).select_related(
        "candidacy__person", "candidacy__clinic", "candidacy__quiz__module", "quiz_version", "module_version"
    )


def held_back(version: ModuleVersion, clinic: Clinic) -> int:
    """Certifying items that rest on a protocol item for which this clinic signed another value than the default."""
    signed = signed_otherwise(clinic)
    return resting_on(certifying(version), signed).count() if signed else 0
