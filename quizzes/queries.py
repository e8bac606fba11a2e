"""Questions asked of the bank and of attempts."""

import json
from collections import Counter
from datetime import UTC, datetime

from django.db.models import Count, IntegerField, Max, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from quizzes import drawing, eligibility
from quizzes.models import (
    Attempt,
    AttemptGrant,
    AttemptItem,
    Candidacy,
    QuestionPoint,
    QuestionVersion,
    Quiz,
    QuizVersion,
)
from staff import clock
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from training.models import KeyPointVersion, ModuleVersion, ProtocolValue
from training.queries import confirmed, live_version, places


def live_rules(quiz: Quiz) -> QuizVersion:
    return quiz.versions.order_by("-number")[0]


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
        item = pool_item(row, points, seen[row.question_id])
        if item:
            items.append(item)
            versions[item.code] = row
    return items, versions


def pool_item(row: QuestionVersion, points: dict[int, KeyPointVersion], seen: int = 0) -> drawing.PoolItem | None:
    """The item as drawing knows it; None if it is stale. Its points and what they were approved against are fetched."""
    tests = list(row.points.all())
    now = [points.get(test.key_point_id) for test in tests]
    if any(is_stale(test.approved_against, point) for test, point in zip(tests, now, strict=True)):
        return None
    tested = [point for point in now if point is not None]
    return drawing.PoolItem(
        row.question.code,
        row.question.section.slug,
        row.content["level"],
        frozenset(point.key_point.code for point in tested),
        frozenset(point.key_point.code for point in tested if point.critical),
        seen,
    )


def is_stale(approved: KeyPointVersion | None, now: KeyPointVersion | None) -> bool:
    """The key point reads otherwise than when the item was approved, or is gone."""
    return approved is None or now is None or approved.content_sha256 != now.content_sha256


def open_candidacy(person: StaffMember, quiz: Quiz) -> Candidacy | None:
    return Candidacy.objects.filter(person=person, quiz=quiz, closed_at=None).select_related("clinic").first()


def with_attempts(rows: QuerySet[Candidacy]) -> QuerySet[Candidacy]:
    """With `used`, `running` and `allowed` full attempts, as the quiz's rules in force and the grants say."""
    full = Q(attempts__kind=Attempt.Kind.FULL) & ~Q(attempts__state=Attempt.State.VOIDED)
    rules = QuizVersion.objects.filter(quiz=OuterRef("quiz")).order_by("-number").values("attempts")[:1]
    extra = AttemptGrant.objects.filter(candidacy=OuterRef("pk")).order_by().values("candidacy")
    return rows.select_related("quiz").annotate(
        used=Count("attempts", filter=full),
        running=Count("attempts", filter=full & Q(attempts__state=Attempt.State.OPEN)),
        allowed=Subquery(rules, output_field=IntegerField())
        + Coalesce(Subquery(extra.annotate(sum=Sum("extra")).values("sum"), output_field=IntegerField()), 0),
    )


def is_locked(row: Candidacy) -> bool:
    """All attempts are used and none is running: a physician must talk it through. Takes a row of `with_attempts`."""
    return bool(not row.running and row.used >= row.allowed)  # type: ignore[attr-defined]


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
    attempts: list[Attempt] = []
    allowed = rules.attempts
    early_at = None
    if candidacy:
        attempts = list(
            candidacy.attempts.filter(kind=Attempt.Kind.FULL).exclude(state=Attempt.State.VOIDED).order_by("number")
        )
        granted = candidacy.grants.aggregate(extra=Sum("extra"), last=Max("granted_at"))
        allowed += granted["extra"] or 0
        early_at = granted["last"]
    open_attempt = next((a for a in attempts if a.state == Attempt.State.OPEN), None)
    last = max((a for a in attempts if a.ended_at), key=lambda a: a.number or 0, default=None)
    reread: tuple[str, ...] = ()
    if last:
        missed = missed_sections(last)
        reread = tuple(
            s.title
            for s in sections
            if s.section_id in missed
            and (s.pk not in read or read[s.pk].confirmed_at <= (last.ended_at or clock.now()))
        )
    return eligibility.Standing(
        attempts_allowed=allowed,
        attempts_used=len(attempts),
        open_attempt=open_attempt.public_id if open_attempt else "",
        last_ended_at=last.ended_at if last else None,
        zone=(candidacy.clinic if candidacy else clinic).zone,
        next_day_hour=rules.next_day_hour,
        opened_early=bool(last and last.ended_at and early_at and early_at >= last.ended_at),
        unread=tuple(s.title for s in sections if s.pk not in read or read[s.pk].confirmed_at < since),
        reread=reread,
        closed=not sections or (candidacy is None and has_passed(person, quiz)),
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
