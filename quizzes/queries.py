"""Questions asked of the bank and of attempts."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Exists, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from quizzes import drawing, eligibility, scoring, timing
from quizzes.models import (
    Accommodation,
    Attempt,
    AttemptGrant,
    AttemptItem,
    Candidacy,
    ClinicClock,
    Mark,
    Outcome,
    PracticeAnswer,
    QuestionPoint,
    QuestionVersion,
    Quiz,
    QuizVersion,
)
from quizzes.models.bank import read
from staff import clock, frozen
from staff.access import LEARNING_ROLES, clinics_as
from staff.models import Clinic, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.prepared import prepared
from training.models import (
    KeyPointVersion,
    ModuleVersion,
    ProtocolValue,
    SectionVersion,
)
from training.queries import confirmed_at, live_versions_of, sections_of


def live_rules(quiz: Quiz) -> QuizVersion:
    return quiz.versions.order_by("-number")[0]


def clock_of(rules: QuizVersion, clinic: Clinic) -> int | None:
    """The clock in minutes that the quiz's rules and the clinic set; none by default."""
    latest = next(iter(_latest_clock(clinic.pk)), None)
    return timing.tighter(rules.limit_minutes, latest.limit_minutes if latest else None)


@prepared
def _latest_clock(clinic: int) -> QuerySet[ClinicClock]:
    return ClinicClock.objects.filter(clinic=clinic).order_by("-number")[:1]


def accommodations(person: StaffMember, on: date) -> QuerySet[Accommodation]:
    return Accommodation.objects.filter(person=person, ended_at=None, valid_from_on__lte=on, valid_until_on__gte=on)


def extra_time(person: StaffMember, clinic: Clinic) -> int:
    """Per cent of the clock that the person has today: 100 without an accommodation, else the most generous."""
    held = accommodations(person, clock.today(clinic.zone)).aggregate(most=Max("time_percent"))
    return int(held["most"] or 100)


def live_points(version: ModuleVersion) -> dict[int, KeyPointVersion]:
    """The version's key points by the key point's id."""
    name = (version.pk, version.sha256)
    return _points([name])[name]


@frozen.once
def _points(names: list[frozen.Name]) -> dict[frozen.Name, dict[int, KeyPointVersion]]:
    found: dict[frozen.Name, dict[int, KeyPointVersion]] = {}
    for name in names:
        rows = KeyPointVersion.objects.filter(section_version__places__module_version=name[0])
        found[name] = {row.key_point_id: row for row in rows.select_related("key_point", "section_version__section")}
    return found


def blueprint(rules: QuizVersion, points: dict[int, KeyPointVersion]) -> drawing.Blueprint:
    plan = json.loads(rules.blueprint)
    critical = frozenset(
        p.key_point.code for p in points.values() if p.critical and p.section_version.section.slug in plan["sections"]
    )
    return drawing.Blueprint(plan["sections"], plan["recall_at_most"], critical)


def signed_otherwise(clinic: Clinic) -> list[int]:
    """Protocol items for which the clinic has signed another value than the cautious default."""
    return [item for item, is_default in dict(_signed_values(clinic.pk)).items() if not is_default]


@prepared
def _signed_values(clinic: int) -> "QuerySet[ProtocolValue, tuple[int, bool]]":
    return ProtocolValue.objects.filter(clinic=clinic).order_by("number").values_list("item", "is_default")


def resting_on(rows: QuerySet[QuestionVersion], protocol: list[int]) -> QuerySet[QuestionVersion]:
    """Those of the items that depend, themselves or through a key point, on one of these protocol items."""
    points = Q(points__approved_against__depends_on__in=protocol)
    return rows.filter(Q(depends_on__in=protocol) | points).distinct()


def certifying(module: int) -> QuerySet[QuestionVersion]:
    return QuestionVersion.objects.filter(
        state=QuestionVersion.State.LIVE, question__section__module=module, question__bank="certifying"
    )


@dataclass(frozen=True)
class Drawable:
    """A certifying item as an attempt needs it; `points` are ids of key points."""

    pk: int
    kind: str
    body: str
    content: Mapping[str, Any]
    points: tuple[int, ...]


def pool(
    version: ModuleVersion, points: dict[int, KeyPointVersion], clinic: Clinic | None, person: StaffMember
) -> tuple[list[drawing.PoolItem], dict[str, Drawable]]:
    """The items this person may be given in this clinic: live, not stale, not resting on a protocol item signed otherwise.
    Without a clinic every cautious default holds.

    In plain rows: a bank has a hundred items, and a start waits for them.
    """
    seen = Counter(_given_before(person.pk))
    signed = signed_otherwise(clinic) if clinic else []
    rows = certifying(version.module_id)
    resting = set(resting_on(rows, signed).values_list("pk", flat=True)) if signed else set()
    tests: dict[int, list[tuple[int, str | None]]] = {}
    for tester, key_point, approved in _tested_points(version.module_id):
        tests.setdefault(tester, []).append((key_point, approved))
    items, drawable = [], {}
    for pk, question, code, kind, section, body in _bank_of(version.module_id):
        if pk in resting:
            continue
        tested, content = tests.get(pk, []), read(body)
        item = _pooled(code, section, content["level"], kind, tested, points, seen[question])
        if item:
            items.append(item)
            drawable[code] = Drawable(pk, kind, body, content, tuple(key_point for key_point, _ in tested))
    return items, drawable


@prepared
def _given_before(person: int) -> "QuerySet[AttemptItem, int]":
    met = AttemptItem.objects.filter(attempt__candidacy__person=person).order_by()
    return met.values_list("question_version__question_id", flat=True)


@prepared
def _tested_points(module: int) -> "QuerySet[QuestionPoint, Any]":
    rows = QuestionPoint.objects.filter(question_version__in=certifying(module))
    return rows.values_list("question_version_id", "key_point_id", "approved_against__content_sha256")


@prepared
def _bank_of(module: int) -> "QuerySet[QuestionVersion, Any]":
    rows = certifying(module).order_by("question__code")
    return rows.values_list("pk", "question_id", "question__code", "question__kind", "question__section__slug", "body")


def last_met(person: StaffMember) -> dict[str, datetime]:
    """By the item's code: when the person was last given it."""
    met = AttemptItem.objects.filter(attempt__candidacy__person=person).order_by("attempt__started_at")
    return dict(met.values_list("question_version__question__code", "attempt__started_at"))


def pool_item(row: QuestionVersion, points: Mapping[int, KeyPointVersion], seen: int = 0) -> drawing.PoolItem | None:
    """The item as drawing knows it; None if it is stale. Its points and what they were approved against are fetched."""
    tests = [
        (test.key_point_id, test.approved_against.content_sha256 if test.approved_against else None)
        for test in row.points.all()
    ]
    question = row.question
    return _pooled(question.code, question.section.slug, row.content["level"], question.kind, tests, points, seen)


def _pooled(
    code: str,
    section: str,
    level: str,
    kind: str,
    tests: Sequence[tuple[int, str | None]],
    points: Mapping[int, KeyPointVersion],
    seen: int,
) -> drawing.PoolItem | None:
    """`tests` are the ids of its key points, each with the hash it was approved against: stale if one is gone or reads anew."""
    tested = [points[key_point] for key_point, _ in tests if key_point in points]
    if [point.content_sha256 for point in tested] != [approved for _, approved in tests]:
        return None
    return _drawn(code, section, level, kind, tested, seen)


def as_drawn(row: QuestionVersion, points: Mapping[int, KeyPointVersion], seen: int = 0) -> drawing.PoolItem:
    """The item as drawing knows it, whatever it was approved against."""
    tested = [point for test in row.points.all() if (point := points.get(test.key_point_id))]
    question = row.question
    return _drawn(question.code, question.section.slug, row.content["level"], question.kind, tested, seen)


def _drawn(
    code: str, section: str, level: str, kind: str, tested: Sequence[KeyPointVersion], seen: int
) -> drawing.PoolItem:
    return drawing.PoolItem(
        code,
        section,
        level,
        frozenset(point.key_point.code for point in tested),
        frozenset(point.key_point.code for point in tested if point.critical),
        seen,
        kind == "case",
    )


def is_stale(approved: KeyPointVersion | None, now: KeyPointVersion | None) -> bool:
    """The key point reads otherwise than when the item was approved, or is gone."""
    return approved is None or now is None or approved.content_sha256 != now.content_sha256


def open_candidacy(person: StaffMember, quiz: Quiz) -> Candidacy | None:
    return next(iter(_open_candidacies(person.pk, quiz.pk)), None)


@prepared
def _open_candidacies(person: int, quiz: int) -> QuerySet[Candidacy]:
    """One at most."""
    return Candidacy.objects.filter(person=person, quiz=quiz, closed_at=None).select_related("clinic")


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
    return quiz.pk in passed_quizzes(person, [quiz])


def passed_quizzes(person: StaffMember, quizzes: Sequence[Quiz]) -> set[int]:
    """Those of the quizzes that the person has passed in her latest cycle, by id.

    A pass that a regrade took is among them until somebody has decided about its certificate.
    """
    cycles = Candidacy.objects.filter(person=person, quiz__in=quizzes).order_by("cycle").values_list("quiz", "pk")
    return _passed(list(dict(cycles).values()))


def _passed(candidacies: Sequence[int]) -> set[int]:
    """The quizzes of those of the candidacies that a pass has closed."""
    passed = Attempt.objects.closing().filter(candidacy__in=candidacies) if candidacies else Attempt.objects.none()
    return set(passed.order_by().values_list("candidacy__quiz", flat=True))


@dataclass(frozen=True)
class Situation:
    """How a person stands with a quiz, and the rows that say so. `attempts` are of every cycle, the first one first."""

    standing: eligibility.Standing
    rules: QuizVersion
    version: ModuleVersion | None
    candidacy: Candidacy | None
    attempts: list[Attempt]


def standing(person: StaffMember, quiz: Quiz, clinic: Clinic) -> eligibility.Standing:
    """Everything that decides whether the person may start this quiz for this clinic now."""
    return situation(person, quiz, clinic).standing


def standings(person: StaffMember, quizzes: Sequence[Quiz], clinic: Clinic) -> dict[int, eligibility.Standing]:
    """The same for several quizzes at once, by the quiz's id."""
    return {pk: found.standing for pk, found in situations(person, quizzes, clinic).items()}


def situation(person: StaffMember, quiz: Quiz, clinic: Clinic) -> Situation:
    return situations(person, [quiz], clinic)[quiz.pk]


def situations(person: StaffMember, quizzes: Sequence[Quiz], clinic: Clinic) -> dict[int, Situation]:
    """By the quiz's id, in a number of statements that does not grow with the quizzes."""
    asked = tuple(quiz.pk for quiz in quizzes)
    every_rule = {row.pk: row for row in _rules_of(asked)}
    rules = {row.quiz_id: row for row in every_rule.values()}
    versions = live_versions_of([quiz.module_id for quiz in quizzes])
    cycles = {row.pk: row for row in cycles_of(person.pk, asked)}
    candidacies = {row.quiz_id: row for row in cycles.values() if row.closed_at is None}
    everything: dict[int, list[Attempt]] = {quiz.pk: [] for quiz in quizzes}
    for attempt in _attempts_in(tuple(cycles)) if cycles else ():
        attempt.candidacy, attempt.quiz_version = cycles[attempt.candidacy_id], every_rule[attempt.quiz_version_id]
        everything[attempt.candidacy.quiz_id].append(attempt)
    grants = _grants([row.pk for row in candidacies.values() if everything[row.quiz_id]])
    sections = sections_of(versions)
    read = confirmed_at(person, [section for group in sections.values() for section in group])
    held = {quiz: [row for row in everything[quiz] if _counts_for(row, candidacies[quiz])] for quiz in candidacies}
    lasts = {quiz: _last_and_retest(rows) for quiz, rows in held.items()}
    missed = _missed([attempt for ended in lasts.values() for attempt in ended])
    latest = {row.quiz_id: row for row in cycles.values()}
    passed = _passed([row.pk for quiz_id, row in latest.items() if quiz_id not in candidacies])
    found = {}
    for quiz in quizzes:
        candidacy = candidacies.get(quiz.pk)
        mine, own, ended = sections.get(quiz.module_id, []), held.get(quiz.pk, []), lasts.get(quiz.pk, [])
        extra, early_at = grants.get(candidacy.pk, (0, None)) if candidacy else (0, None)
        last_ended_at = max((attempt.ended_at for attempt in ended if attempt.ended_at), default=None)
        again = _not_again(ended, mine, missed, read)
        stands = eligibility.Standing(
            attempts_allowed=rules[quiz.pk].attempts + extra,
            attempts_used=sum(not attempt.is_retest for attempt in own),
            attempts_voided=sum(_is_voided(row, candidacy) for row in everything[quiz.pk]) if candidacy else 0,
            open_attempt=next((row.public_id for row in own if row.state == Attempt.State.OPEN), ""),
            last_ended_at=last_ended_at,
            zone=(candidacy.clinic if candidacy else clinic).zone,
            next_day_hour=rules[quiz.pk].next_day_hour,
            opened_early=bool(last_ended_at and early_at and early_at >= last_ended_at),
            unread=tuple(section.title for section in mine if section.pk not in read),
            reread=tuple(section.title for section in again),
            retest=None
            if any(row.is_retest for row in own)
            else _retest(ended, versions.get(quiz.module_id), mine, again, clinic, person),
            closed=not mine or (candidacy is None and quiz.pk in passed),
        )
        found[quiz.pk] = Situation(stands, rules[quiz.pk], versions.get(quiz.module_id), candidacy, everything[quiz.pk])
    return found


@prepared
def _rules_of(quizzes: tuple[int, ...]) -> QuerySet[QuizVersion]:
    return QuizVersion.objects.filter(quiz__in=quizzes).order_by("number")


@prepared
def cycles_of(person: int, quizzes: tuple[int, ...]) -> QuerySet[Candidacy]:
    return Candidacy.objects.filter(person=person, quiz__in=quizzes).select_related("clinic").order_by("cycle")


@prepared
def _attempts_in(candidacies: tuple[int, ...]) -> QuerySet[Attempt]:
    return Attempt.objects.filter(candidacy__in=candidacies).prefetch_related("outcomes").order_by("started_at", "pk")


def _counts_for(attempt: Attempt, candidacy: Candidacy) -> bool:
    return bool(attempt.candidacy_id == candidacy.pk and attempt.state != Attempt.State.VOIDED)


def _is_voided(attempt: Attempt, candidacy: Candidacy) -> bool:
    voided = attempt.state == Attempt.State.VOIDED and not attempt.is_retest
    return bool(attempt.candidacy_id == candidacy.pk and voided)


def _grants(candidacies: Sequence[int]) -> dict[int, tuple[int, datetime]]:
    """By the candidacy's id: how many further attempts were opened, and when the last time. None before a first attempt."""
    if not candidacies:
        return {}
    rows = AttemptGrant.objects.filter(candidacy__in=candidacies).order_by().values_list("candidacy")
    return {pk: (extra, last) for pk, extra, last in rows.annotate(Sum("extra"), Max("granted_at"))}


def _last_and_retest(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Of a candidacy: the last whole attempt that ended, and the re-test that followed it if that ended too."""
    full = [row for row in attempts if row.ended_at and not row.is_retest]
    if not full:
        return []
    last = max(full, key=lambda row: row.number or 0)
    return [last, *(row for row in attempts if row.ended_at and row.parent_id == last.pk)]


def live_sections(modules: Collection[int]) -> dict[int, list[SectionVersion]]:
    """The sections of each module's live version in order, by the module's id."""
    return sections_of(live_versions_of(modules))


def _not_again(
    ended: Sequence[Attempt],
    sections: Sequence[SectionVersion],
    missed: dict[int, set[int]],
    read: Mapping[int, datetime],
) -> list[SectionVersion]:
    """The sections that one of these attempts missed points in and that were not confirmed since it ended."""
    since: dict[int, datetime] = {}
    for attempt in ended:
        since |= dict.fromkeys(missed.get(attempt.pk, ()), attempt.ended_at or clock.now())
    return [
        section
        for section in sections
        if section.section_id in since and (section.pk not in read or read[section.pk] <= since[section.section_id])
    ]


def _retest(
    ended: Sequence[Attempt],
    version: ModuleVersion | None,
    sections: Sequence[SectionVersion],
    again: Sequence[SectionVersion],
    clinic: Clinic,
    person: StaffMember,
) -> eligibility.Retest | None:
    """The critical re-test that the last attempt opened and that can be put together now."""
    if not ended or not ended[0].quiz_version.retest_items:
        return None
    last = ended[0]
    outcome = last.outcome
    position = scoring.opens_retest(outcome.decided) if outcome else 0
    if version is None or not position:
        return None
    tested = KeyPointVersion.objects.filter(
        attemptitempoint__item__attempt=last, attemptitempoint__item__position=position, critical=True
    )
    missed = tested.select_related("key_point", "section_version__section").first()
    passage = next((s for s in sections if missed and s.section_id == missed.section_version.section_id), None)
    if missed is None or passage is None:
        return None
    items, _ = pool(version, live_points(version), clinic, person)
    given = set(last.items.values_list("question_version__question__code", flat=True))
    others = [item for item in items if item.critical == {missed.key_point.code} and item.code not in given]
    if len(others) < last.quiz_version.retest_items:
        return None
    return eligibility.Retest(
        point=missed.key_point.code,
        passage=passage.title,
        section=passage.section.slug,
        items=last.quiz_version.retest_items,
        read_again=passage not in again,
    )


def missed_sections(attempt: Attempt) -> set[int]:
    """Sections that hold a key point of an item answered wrong."""
    return _missed([attempt]).get(attempt.pk, set())


def _missed(attempts: Sequence[Attempt]) -> dict[int, set[int]]:
    if not attempts:
        return {}
    missed = Mark.objects.missed().filter(item=OuterRef("pk"))
    wrong = AttemptItem.objects.filter(Exists(missed), attempt__in=attempts)
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
    return resting_on(certifying(version.module_id), signed).count() if signed else 0


LEAST_PEOPLE = 5


@dataclass(frozen=True)
class Practised:
    """How a key point was answered in practice: each person's last answer to each item. Under LEAST_PEOPLE nothing is told."""

    point: KeyPointVersion
    people: int
    answers: int
    right: int
    sure_wrong: int
    guessed: int

    @property
    def told(self) -> bool:
        return self.people >= LEAST_PEOPLE


def practised_points(version: ModuleVersion, clinics: Sequence[Clinic]) -> list[Practised]:
    """Every key point of the version; where many were sure of what is not so comes first, then where many were wrong."""
    learners = MembershipRole.objects.filter(
        membership__clinic__in=clinics, membership__ended_at=None, ended_at=None, role__in=LEARNING_ROLES
    )
    answers = PracticeAnswer.objects.filter(
        question_version__question__section__module=version.module_id, person__in=learners.values("membership__person")
    ).order_by("answered_at", "pk")
    last = {
        (person, question): (item, right, confidence)
        for person, question, item, right, confidence in answers.values_list(
            "person_id", "question_version__question_id", "question_version_id", "right", "confidence"
        ).iterator()
    }
    tests: dict[int, set[int]] = {}
    versions = {item for item, _, _ in last.values()}
    for row in QuestionPoint.objects.filter(question_version__in=versions):
        tests.setdefault(row.question_version_id, set()).add(row.key_point_id)
    rows = []
    for key_point, point in live_points(version).items():
        given = [(person, *row) for (person, _), row in last.items() if key_point in tests.get(row[0], ())]
        rows.append(
            Practised(
                point=point,
                people=len({person for person, *_ in given}),
                answers=len(given),
                right=sum(right for _, _, right, _ in given),
                sure_wrong=sum(confidence == "sure" and not right for _, _, right, confidence in given),
                guessed=sum(confidence == "guessing" for *_, confidence in given),
            )
        )

    def alarm(row: Practised) -> tuple[bool, int, int, str]:
        return (not row.told, -row.sure_wrong, row.right - row.answers, row.point.key_point.code)

    return sorted(rows, key=lambda row: alarm(row) if row.told else (True, 0, 0, row.point.key_point.code))
