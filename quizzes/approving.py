"""Who makes an item live: a second named person. What waits for one, what goes stale, and what a form would then lack.

An approval holds for a wording and for key points that read so. It may be given ahead, over the draft of a section: then
publishing the draft makes the item's next version live at once, and no form ever lacks it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from quizzes import drawing
from quizzes.models import Approval, Question, QuestionPoint, QuestionVersion, Quiz
from quizzes.queries import as_drawn, blueprint, is_stale, live_points, live_rules
from staff import audit, canonical, clock
from staff.models import StaffMember
from training import drafting
from training.comparing import Part, words
from training.models import Draft, KeyPoint, KeyPointVersion, ModuleVersion, ProtocolItem, Section
from training.queries import live_version, live_versions

State = QuestionVersion.State
Points = Mapping[int, KeyPointVersion]


class NotApproved(Exception):
    """Says why this person cannot make the item live now, and what to do."""


def content_sha256(body: str, bank: str, kind: str, tests: Mapping[str, str], depends: Iterable[str]) -> str:
    """`tests` are the contents of the key points, by code."""
    return canonical.sha256_of([body, bank, kind, dict(tests), sorted(depends)])


@transaction.atomic
def propose_question(
    *,
    code: str,
    section: Section,
    bank: str,
    kind: str,
    body: Mapping[str, Any],
    points: Sequence[str],
    depends: Sequence[str] = (),
    by: StaffMember,
    origin: str = "site",
) -> QuestionVersion:
    """A new item, or a new wording of one: a draft that waits for a second named person. An earlier one is withdrawn."""
    question, _ = Question.objects.get_or_create(code=code, defaults={"section": section, "bank": bank, "kind": kind})
    question = Question.objects.select_for_update().get(pk=question.pk)
    if (question.bank, question.kind) != (bank, kind):
        raise ValueError(f"{code} is a {question.bank} item of kind {question.kind} and stays so: give it a new code")
    version = live_version(section.module)
    now = {point.key_point.code: point for point in live_points(version).values()} if version else {}
    unknown = [point for point in points if point not in now]
    if unknown or not points:
        raise ValueError(f"{code} tests {', '.join(unknown) or 'nothing'}: name key points of the live module")
    text = canonical.text(dict(body))
    tests = {point: now[point].content_sha256 for point in points}
    question.versions.filter(state=State.DRAFT).update(state=State.RETIRED)
    row = QuestionVersion.objects.create(
        question=question,
        number=_next_number(question),
        body=text,
        sha256=content_sha256(text, bank, kind, tests, depends),
        origin=origin,
        created_at=clock.now(),
        created_by=by,
    )
    QuestionPoint.objects.bulk_create(
        QuestionPoint(question_version=row, key_point=now[point].key_point, approved_against=now[point])
        for point in points
    )
    row.depends_on.set(ProtocolItem.objects.filter(code__in=depends))
    audit.record(clinic=None, by=by, action="item.proposed", subject=row, body={"code": code, "sha256": row.sha256})
    return row


def _next_number(question: Question) -> int:
    return 1 + (question.versions.aggregate(most=Max("number"))["most"] or 0)


def with_tests(rows: "QuerySet[QuestionVersion]") -> "QuerySet[QuestionVersion]":
    return rows.select_related("question__section__module", "created_by", "stale_by").prefetch_related(
        "points__key_point", "points__approved_against__section_version", "depends_on", "approvals"
    )


def sha_with(row: QuestionVersion, points: Points) -> str | None:
    """What the item's version would be called over these key points; None where it tests one that is gone."""
    tests = {}
    for test in row.points.all():
        now = points.get(test.key_point_id)
        if now is None:
            return None
        tests[test.key_point.code] = now.content_sha256
    question = row.question
    return content_sha256(row.body, question.bank, question.kind, tests, [item.code for item in row.depends_on.all()])


def is_outdated(row: QuestionVersion, points: Points) -> bool:
    return any(is_stale(test.approved_against, points.get(test.key_point_id)) for test in row.points.all())


def barred(row: QuestionVersion, draft: Draft | None = None) -> frozenset[int]:
    """Who cannot be the second person: who wrote the wording, and who wrote the text that it is read against."""
    writers = {person.pk for person in draft.writers.all()} if draft else set()
    return frozenset(pk for pk in (row.created_by_id, row.stale_by_id, *writers) if pk)


@dataclass(frozen=True)
class PointNow:
    """A key point that the item tests: as it reads now, with what changed since the item was approved."""

    code: str
    critical: bool
    parts: tuple[Part, ...]
    gone: bool = False

    @property
    def changed(self) -> bool:
        return self.gone or any(part.mark != "same" for part in self.parts)


@dataclass(frozen=True)
class Waiting:
    """An item that waits for a second person. `why` is new, stale or ahead (its key point is about to change)."""

    row: QuestionVersion
    why: str
    since: datetime
    sha256: str | None
    barred: frozenset[int]
    points: tuple[PointNow, ...]
    draft: Draft | None = None

    @property
    def code(self) -> str:
        return self.row.question.code

    @property
    def critical(self) -> bool:
        return any(point.critical for point in self.points)

    def may(self, person: StaffMember) -> bool:
        return person.pk not in self.barred and self.sha256 is not None


def _waiting(row: QuestionVersion, why: str, since: datetime, points: Points, draft: Draft | None = None) -> Waiting:
    shown = []
    for test in row.points.all():
        now, then = points.get(test.key_point_id), test.approved_against
        text = now.text if now else ""
        parts = words(then.text, text) if then else (Part(text),)
        shown.append(PointNow(test.key_point.code, bool(now and now.critical), parts, gone=now is None))
    return Waiting(row, why, since, sha_with(row, points), barred(row, draft), tuple(shown), draft)


@dataclass(frozen=True)
class Material:
    """What the queue reads of some modules, fetched at once: live key points, all key points, items that are live."""

    points: dict[int, dict[int, KeyPointVersion]]
    known: dict[int, dict[str, KeyPoint]]
    live: dict[int, list[QuestionVersion]]

    def drafted(self, draft: Draft) -> dict[int, KeyPointVersion]:
        module = draft.section.module_id
        return drafting.drafted_points(draft, self.points[module].values(), self.known[module])


def _material(modules: Iterable[int]) -> Material:
    wanted = {*modules}
    found = Material({pk: {} for pk in wanted}, {pk: {} for pk in wanted}, {pk: [] for pk in wanted})
    versions = [version for version in live_versions() if version.module_id in wanted]
    rows = KeyPointVersion.objects.filter(section_version__places__module_version__in=versions)
    for point in rows.select_related("key_point", "section_version__section"):
        found.points[point.key_point.module_id][point.key_point_id] = point
    for key_point in KeyPoint.objects.filter(module__in=wanted):
        found.known[key_point.module_id][key_point.code] = key_point
    items = QuestionVersion.objects.filter(state=State.LIVE, question__section__module__in=wanted)
    for item in with_tests(items).order_by("question__code"):
        found.live[item.question.section.module_id].append(item)
    return found


def queue() -> list[Waiting]:
    """Everything that waits for a second person, what waits longest first. A fixed number of queries."""
    rows = with_tests(QuestionVersion.objects.filter(state__in=[State.DRAFT, State.STALE]))
    waiting = {
        row.question_id: row for row in rows.order_by("question", "number")
    }  # a rewriting comes after what is stale
    drafts = list(
        Draft.objects.filter(closed_at=None)
        .select_related("section__module", "base__section")
        .prefetch_related("writers")
    )
    if not waiting and not drafts:
        return []
    material = _material(
        [row.question.section.module_id for row in waiting.values()] + [draft.section.module_id for draft in drafts]
    )
    found = []
    for row in waiting.values():
        is_new = row.state == State.DRAFT
        since = row.created_at if is_new else row.stale_at or row.created_at
        points = material.points[row.question.section.module_id]
        found.append(_waiting(row, "new" if is_new else "stale", since, points))
    for draft in drafts:
        found += _awaited(draft, material)
    return sorted(found, key=lambda one: (one.since, one.code))


def drafted(draft: Draft) -> dict[int, KeyPointVersion]:
    """The module's key points as they would read, by the key point's id."""
    return _material([draft.section.module_id]).drafted(draft)


def touched_by(draft: Draft) -> list[tuple[QuestionVersion, str | None]]:
    """The live items that do not hold for the drafted text, with what their next version would be called."""
    material = _material([draft.section.module_id])
    return _touched(draft, material, material.drafted(draft))


def _touched(draft: Draft, material: Material, points: Points) -> list[tuple[QuestionVersion, str | None]]:
    live = material.live[draft.section.module_id]
    return [(row, sha_with(row, points)) for row in live if is_outdated(row, points)]


def awaited_by(draft: Draft) -> list[Waiting]:
    """What could be approved over the draft before it is published, and was not."""
    return _awaited(draft, _material([draft.section.module_id]))


def _awaited(draft: Draft, material: Material) -> list[Waiting]:
    points = material.drafted(draft)
    return [
        _waiting(row, "ahead", draft.saved_at, points, draft)
        for row, sha256 in _touched(draft, material, points)
        if sha256 and not any(given.sha256 == sha256 for given in row.approvals.all())
    ]


def find(code: str, draft: Draft | None = None) -> Waiting | None:
    """The item under this code, as it waits in the queue."""
    if draft:
        return next((one for one in awaited_by(draft) if one.code == code), None)
    return next((one for one in queue() if one.code == code and one.draft is None), None)


@transaction.atomic
def approve(*, waiting: Waiting, seen_sha256: str, by: StaffMember) -> bool:
    """The second person says: right for this wording. True if it is live now, False if it waits for the text.

    Raises NotApproved. `seen_sha256` is what stood on the page that was read.
    """
    Question.objects.select_for_update().get(pk=waiting.row.question_id)
    row = with_tests(QuestionVersion.objects.filter(pk=waiting.row.pk)).get()
    draft = Draft.objects.filter(pk=waiting.draft.pk, closed_at=None).first() if waiting.draft else None
    if waiting.draft and draft is None:
        raise NotApproved("The draft was published or discarded meanwhile. Look again at what waits.")
    version = live_version(row.question.section.module)
    points: Points = drafted(draft) if draft else live_points(version) if version else {}
    sha256 = sha_with(row, points)
    if sha256 is None:
        raise NotApproved("It tests a key point that is gone. It must be written anew first.")
    if sha256 != seen_sha256 or row.state == State.RETIRED:
        raise NotApproved("The wording changed after you opened this page. Read it again as it stands now.")
    if by.pk in barred(row, draft):
        raise NotApproved("You wrote this item or the text it rests on. Somebody else approves it.")
    given, _ = Approval.objects.get_or_create(question_version=row, sha256=sha256, approved_by=by)
    audit.record(
        clinic=None,
        by=by,
        action="item.approved.ahead" if draft else "item.approved",
        subject=row,
        body={"code": row.question.code, "sha256": sha256},
    )
    if draft:
        return False
    _make_live(row, points, given)
    return True


@transaction.atomic
def turn_down(*, waiting: Waiting, reason: str, by: StaffMember) -> None:
    """A proposal is not taken; its reason is kept in the audit trail. Raises NotApproved."""
    Question.objects.select_for_update().get(pk=waiting.row.question_id)
    rows = QuestionVersion.objects.filter(pk=waiting.row.pk, state=State.DRAFT)
    if not rows.update(state=State.RETIRED):
        raise NotApproved("Only a proposal can be turned down, and this one waits no longer.")
    audit.record(
        clinic=None,
        by=by,
        action="item.turned_down",
        subject=waiting.row,
        reason=reason,
        body={"code": waiting.code},
    )


def _make_live(row: QuestionVersion, points: Points, given: Approval) -> QuestionVersion:
    """In the caller's transaction. What was approved against other key points is followed by its next version."""
    question = row.question
    question.versions.filter(state__in=[State.LIVE, State.STALE]).exclude(pk=row.pk).update(state=State.RETIRED)
    approved = {
        "state": State.LIVE,
        "approved_at": given.approved_at,
        "approved_by": given.approved_by,
        "approved_via": QuestionVersion.Via.PERSON,
    }
    if row.state == State.DRAFT and row.sha256 == given.sha256:
        QuestionVersion.objects.filter(pk=row.pk).update(**approved)
        return row
    QuestionVersion.objects.filter(pk=row.pk).update(state=State.RETIRED)
    made = QuestionVersion.objects.create(
        question=question,
        number=_next_number(question),
        body=row.body,
        sha256=given.sha256,
        origin=row.origin,
        created_at=clock.now(),
        created_by=row.created_by,
        **approved,
    )
    QuestionPoint.objects.bulk_create(
        QuestionPoint(question_version=made, key_point_id=test.key_point_id, approved_against=points[test.key_point_id])
        for test in row.points.all()
    )
    made.depends_on.set(row.depends_on.all())
    return made


def mark_stale(*, version: ModuleVersion, by: StaffMember) -> int:
    """After publishing, in its transaction: what was approved ahead goes live anew, every other outdated item leaves new
    draws until somebody approves it. Attempts under way keep theirs. How many went stale."""
    points = live_points(version)
    rows = with_tests(
        QuestionVersion.objects.filter(
            state__in=[State.LIVE, State.STALE, State.DRAFT], question__section__module=version.module_id
        )
    )
    stale: list[QuestionVersion] = []
    gone: list[QuestionVersion] = []
    for row in rows.order_by("question__code", "number"):
        if row.state == State.LIVE and not is_outdated(row, points):
            continue
        sha256 = sha_with(row, points)
        given = next((one for one in row.approvals.all() if one.sha256 == sha256 and one.approved_by_id != by.pk), None)
        if given:
            _make_live(row, points, given)
        elif row.state == State.LIVE:
            all_gone = not any(test.key_point_id in points for test in row.points.all())
            (gone if all_gone else stale).append(row)
    QuestionVersion.objects.filter(pk__in=[row.pk for row in stale]).update(
        state=State.STALE, stale_at=clock.now(), stale_by=by
    )
    QuestionVersion.objects.filter(pk__in=[row.pk for row in gone]).update(state=State.RETIRED)
    if stale or gone:
        audit.record(
            clinic=None,
            by=by,
            action="items.stale",
            subject=version,
            body={"stale": [row.question.code for row in stale], "retired": [row.question.code for row in gone]},
        )
    return len(stale)


def lacks_after(draft: Draft, *, publisher: StaffMember) -> list[str]:
    """What forms could no longer be given if the draft were published now, cell by cell; empty if nothing."""
    quiz = Quiz.objects.filter(module=draft.section.module_id).first()
    if quiz is None:
        return []
    points = drafted(draft)
    rules = live_rules(quiz)
    rows = with_tests(
        QuestionVersion.objects.filter(
            Q(state=State.LIVE) | Q(approvals__isnull=False),
            question__section__module=draft.section.module_id,
            question__bank=Question.Bank.CERTIFYING,
        )
        .exclude(state=State.RETIRED)
        .distinct()
    )
    pool = {}
    for row in rows.order_by("question__code", "number"):
        if (row.state == State.LIVE and not is_outdated(row, points)) or _is_given(row, points, publisher):
            pool[row.question.code] = as_drawn(row, points)
    asked = blueprint(rules, dict(points))
    lacking = [lack.sentence for lack in drawing.lacks(list(pool.values()), asked)]
    if lacking or not rules.retest_items:
        return lacking
    for code in sorted(asked.critical):
        others = sum(item.critical == {code} for item in pool.values()) - 1
        if others < rules.retest_items:
            lacking.append(
                f"a re-test on {code} needs {rules.retest_items} items beside the one missed, {others} are left"
            )
    return lacking


def _is_given(row: QuestionVersion, points: Points, publisher: StaffMember) -> bool:
    sha256 = sha_with(row, points)
    return any(given.sha256 == sha256 and given.approved_by_id != publisher.pk for given in row.approvals.all())
