"""Questions asked of the bank and of attempts."""

import json
from collections import Counter
from collections.abc import Collection, Sequence

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
from training.models import (
    KeyPointVersion,
    ModuleVersion,
    ModuleVersionSection,
    ProtocolValue,
    ReadingConfirmation,
    SectionVersion,
)
from training.queries import confirmed


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
    return quiz.pk in passed_quizzes(person, [quiz])


def passed_quizzes(person: StaffMember, quizzes: Sequence[Quiz]) -> set[int]:
    """Those of the quizzes that the person has passed in her latest cycle, by id."""
    cycles = Candidacy.objects.filter(person=person, quiz__in=quizzes).order_by("cycle").values_list("quiz", "pk")
    passed = Attempt.objects.filter(candidacy__in=dict(cycles).values(), outcomes__passed=True)
    return set(passed.order_by().values_list("candidacy__quiz", flat=True))


def standing(person: StaffMember, quiz: Quiz, clinic: Clinic) -> eligibility.Standing:
    """Everything that decides whether the person may start this quiz for this clinic now."""
    return standings(person, [quiz], clinic)[quiz.pk]


def standings(person: StaffMember, quizzes: Sequence[Quiz], clinic: Clinic) -> dict[int, eligibility.Standing]:
    """The same for several quizzes at once, by the quiz's id, in a number of queries that does not grow with them."""
    rules = {row.quiz_id: row for row in QuizVersion.objects.filter(quiz__in=quizzes).order_by("number")}
    open_rows = Candidacy.objects.filter(person=person, quiz__in=quizzes, closed_at=None).select_related("clinic")
    candidacies = {row.quiz_id: row for row in open_rows}
    sections = live_sections([quiz.module_id for quiz in quizzes])
    read = confirmed(person, [section for group in sections.values() for section in group])
    attempts: dict[int, list[Attempt]] = {row.pk: [] for row in candidacies.values()}
    full = Attempt.objects.filter(candidacy__in=attempts, kind=Attempt.Kind.FULL)
    for attempt in full.exclude(state=Attempt.State.VOIDED).order_by("number"):
        attempts[attempt.candidacy_id].append(attempt)
    grants = {
        row["candidacy"]: row
        for row in AttemptGrant.objects.filter(candidacy__in=attempts)
        .order_by()
        .values("candidacy")
        .annotate(sum=Sum("extra"), last=Max("granted_at"))
    }
    lasts = {pk: row for pk, rows in attempts.items() if (row := next((r for r in reversed(rows) if r.ended_at), None))}
    missed = _missed(list(lasts.values()))
    passed = passed_quizzes(person, [quiz for quiz in quizzes if quiz.pk not in candidacies])
    found = {}
    for quiz in quizzes:
        candidacy = candidacies.get(quiz.pk)
        key = candidacy.pk if candidacy else 0
        mine, own, granted = sections.get(quiz.module_id, []), attempts.get(key, []), grants.get(key)
        last = lasts.get(key)
        early_at = granted["last"] if granted else None
        found[quiz.pk] = eligibility.Standing(
            attempts_allowed=rules[quiz.pk].attempts + (granted["sum"] if granted else 0),
            attempts_used=len(own),
            open_attempt=next((row.public_id for row in own if row.state == Attempt.State.OPEN), ""),
            last_ended_at=last.ended_at if last else None,
            zone=(candidacy.clinic if candidacy else clinic).zone,
            next_day_hour=rules[quiz.pk].next_day_hour,
            opened_early=bool(last and last.ended_at and early_at and early_at >= last.ended_at),
            unread=tuple(section.title for section in mine if section.pk not in read),
            reread=_not_again(last, mine, missed, read),
            closed=not mine or (candidacy is None and quiz.pk in passed),
        )
    return found


def live_sections(modules: Collection[int]) -> dict[int, list[SectionVersion]]:
    """The sections of each module's live version in order, by the module's id."""
    newest = ModuleVersion.objects.filter(module=OuterRef("module_version__module")).order_by("-number").values("pk")
    rows = ModuleVersionSection.objects.filter(
        module_version__module__in=modules, module_version=Subquery(newest[:1])
    ).select_related("section_version__section")
    found: dict[int, list[SectionVersion]] = {}
    for row in rows.order_by("position"):
        found.setdefault(row.section_version.section.module_id, []).append(row.section_version)
    return found


def _not_again(
    last: Attempt | None,
    sections: Sequence[SectionVersion],
    missed: dict[int, set[int]],
    read: dict[int, ReadingConfirmation],
) -> tuple[str, ...]:
    """Titles of the sections the last attempt missed points in that were not confirmed since."""
    if last is None:
        return ()
    ended_at = last.ended_at or clock.now()
    return tuple(
        section.title
        for section in sections
        if section.section_id in missed.get(last.pk, ())
        and (section.pk not in read or read[section.pk].confirmed_at <= ended_at)
    )


def missed_sections(attempt: Attempt) -> set[int]:
    """Sections that hold a key point of an item answered wrong."""
    return _missed([attempt]).get(attempt.pk, set())


def _missed(attempts: Sequence[Attempt]) -> dict[int, set[int]]:
    wrong = AttemptItem.objects.filter(attempt__in=attempts, marks__number=1, marks__points=0)
    found: dict[int, set[int]] = {}
    for attempt, section in wrong.order_by().values_list("attempt", "points__point_version__section_version__section"):
        found.setdefault(attempt, set()).add(section)
    return found


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
