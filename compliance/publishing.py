"""Publishing a draft with its impact: what changed, whom it touches, what is asked of them, and what stands in its way."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from certificates.models import Certificate
from certificates.queries import in_force, with_events
from compliance.models import Change, Task
from compliance.tasks import told_of_task
from quizzes import approving
from quizzes.models import Attempt
from staff import audit, clock, mail
from staff.models import Clinic, StaffMember
from staff.templatetags.look import day
from training import comparing, drafting, publishing
from training.drafting import Checked
from training.files import Problem
from training.models import Draft, KeyPointVersion, Module, ModuleVersion, SectionVersion
from training.publishing import point_sha256
from training.queries import live_version, places

DAYS = 14
PROSE = "text"  # what the choice for the text between key points is called
Effect = Change.Effect


class NotPublished(Exception):
    """Says what stands in the way; nothing was changed."""

    def __init__(self, sentences: Sequence[str]) -> None:
        self.sentences = list(sentences)
        super().__init__("; ".join(self.sentences))


@dataclass(frozen=True)
class Changed:
    """A key point (or the text between them) that reads otherwise: `mark` is changed, added or removed."""

    name: str
    mark: str
    row: comparing.Row | None
    critical: bool
    items: tuple[str, ...]
    people: int
    allowed: tuple[str, ...]
    cautious: str

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Value, words, and whether it may be chosen."""
        return [(value, label, value in self.allowed) for value, label in Effect.choices]

    @property
    def why_not_cosmetic(self) -> str:
        if Effect.COSMETIC in self.allowed:
            return ""
        if self.mark != "changed":
            return "Not possible here: a key point came or went."
        return "Not possible here: words of a safety-critical point or a number changed."


@dataclass(frozen=True)
class Impact:
    """Counts only: whoever writes sees no names."""

    draft: Draft
    checked: Checked
    live: SectionVersion
    rows: list[comparing.Row]
    changes: list[Changed]
    stale: list[str]
    ahead: list[str]
    people: int
    open_attempts: int
    lacking: list[str]
    number: int
    rebased: bool = field(default=False)

    @property
    def problems(self) -> list[Problem]:
        return self.checked.problems

    @property
    def outrun(self) -> bool:
        """The section was published anew since the draft was begun."""
        return self.draft.base_id != self.live.pk

    @property
    def changed_anything(self) -> bool:
        return self.draft.text != self.live.text

    @property
    def may_publish(self) -> bool:
        return self.changed_anything and not (self.problems or self.lacking or self.outrun)


def impact(draft: Draft, *, publisher: StaffMember) -> Impact:
    """What publishing the draft as it stands would do."""
    checked = drafting.check(draft.section, draft.text)
    live = drafting.live_section(draft.section)
    version = live_version(draft.section.module)
    assert live is not None  # a draft is written over a published section
    assert version is not None
    before = {row.key_point.code: row for row in live.points.select_related("key_point")}
    old_blocks = drafting.read(draft.section, live.text).blocks
    rows = comparing.compare(old_blocks, checked.file.blocks)
    shas = {code: point_sha256(block) for code, block in checked.points.items()}
    touched = approving.touched_by(draft)
    held = _held(draft.section.module, [*before, *shas])
    changes = []
    everyone: set[int] = set()
    for code in dict.fromkeys([*shas, *before]):
        old, new = before.get(code), shas.get(code)
        if old and new and old.content_sha256 == new:
            continue
        people = _resting(held, code, new)
        everyone |= people
        mark = "changed" if old and new else "added" if new else "removed"
        row = next((row for row in rows if row.name == "Key point" and row.code == code), None)
        items = tuple(
            item.question.code for item, _ in touched if any(test.key_point.code == code for test in item.points.all())
        )
        critical = bool((old and old.critical) or (code in shas and checked.points[code].critical))
        allowed = _allowed(mark, critical, old.text if old else "", checked.points[code].text if new else "")
        if old and new and old.critical != checked.points[code].critical:
            allowed = tuple(effect for effect in allowed if effect != Effect.COSMETIC)
        cautious = Effect.RETEST if critical and new else Effect.NOTIFY if mark == "removed" else Effect.REREAD
        changes.append(Changed(code, mark, row, critical, items, len(people), allowed, cautious))
    prose = [row for row in rows if row.name != "Key point" and row.mark != "same"]
    holders = set(held)
    if prose or drafting.title_and_body(live.text)[0] != checked.file.title:
        allowed = (Effect.COSMETIC.value, Effect.NOTIFY.value, Effect.REREAD.value)
        changes.append(Changed(PROSE, "changed", None, False, (), len(holders), allowed, Effect.COSMETIC))
        everyone |= holders
    given = {item.question.code for item, sha in touched if sha and _given(item, sha, publisher)}
    return Impact(
        draft=draft,
        checked=checked,
        live=live,
        rows=rows,
        changes=changes,
        stale=[item.question.code for item, _ in touched if item.question.code not in given],
        ahead=sorted(given),
        people=len(everyone),
        open_attempts=Attempt.objects.filter(
            state=Attempt.State.OPEN, candidacy__quiz__module=draft.section.module
        ).count(),
        lacking=approving.lacks_after(draft, publisher=publisher),
        number=version.number + 1,
    )


def _given(item: object, sha256: str, publisher: StaffMember) -> bool:
    approvals = item.approvals.all()  # type: ignore[attr-defined]
    return any(one.sha256 == sha256 and one.approved_by_id != publisher.pk for one in approvals)


def _allowed(mark: str, critical: bool, old: str, new: str) -> tuple[str, ...]:
    """Wording only: never where a critical point says other words, a number changes, or a point comes or goes."""
    if mark == "removed":
        return (Effect.NOTIFY.value, Effect.REREAD.value)
    asked = (Effect.NOTIFY.value, Effect.REREAD.value, Effect.RETEST.value)
    if mark == "added":
        return asked
    same = comparing.same_words(old, new)
    numbers = [word for word in old.split() if any(map(str.isdigit, word))]
    others = [word for word in new.split() if any(map(str.isdigit, word))]
    if same or (not critical and numbers == others):
        return (Effect.COSMETIC.value, *asked)
    return asked


Held = dict[int, dict[str, str]]


def _held(module: Module, codes: Sequence[str]) -> Held:
    """By the person's id: how these key points read in the version that her certificate in force rests on."""
    rows = with_events(
        Certificate.objects.filter(
            kind=Certificate.Kind.KNOWLEDGE, candidacy__quiz__module=module, person__is_active=True
        ).select_related("attempt")
    )
    version_of: dict[int, int] = {}
    for row in rows.order_by("issued_at", "pk"):
        if row.attempt and in_force(row):
            version_of[row.person_id] = row.attempt.module_version_id
    contents: dict[int, dict[str, str]] = defaultdict(dict)
    points = KeyPointVersion.objects.filter(
        section_version__places__module_version__in=set(version_of.values()), key_point__code__in=codes
    )
    for version, code, sha256 in points.values_list(
        "section_version__places__module_version", "key_point__code", "content_sha256"
    ):
        if version in set(version_of.values()):
            contents[version][code] = sha256
    return {person: contents[version] for person, version in version_of.items()}


def _resting(held: Held, code: str, new: str | None) -> set[int]:
    """Whose certificate rests on another wording of the point than this; a point that is gone touches who learnt it."""
    if new is None:
        return {person for person, points in held.items() if code in points}
    return {person for person, points in held.items() if points.get(code) != new}


@transaction.atomic
def publish(*, draft: Draft, revision: int, note: str, effects: Mapping[str, str], by: StaffMember) -> ModuleVersion:
    """The section's and the module's next version, with what it asks of whom. Raises NotPublished or drafting.Conflict."""
    module = Module.objects.select_for_update().get(pk=draft.section.module_id)
    current = Draft.objects.select_related("base", "section__module").get(pk=draft.pk)
    if current.closed_at or current.revision != revision:
        raise drafting.Conflict(drafting.open_draft(draft.section))
    found = impact(current, publisher=by)
    _refuse(found, effects, note)
    previous = live_version(module)
    assert previous is not None
    pictures = drafting.pictures_of(module, previous)
    section = publishing.section_version(module, found.checked.file, pictures, by, SectionVersion.Origin.SITE)
    versions = [
        section if place.section_version.section_id == current.section_id else place.section_version
        for place in places(previous)
    ]
    cosmetic = all(effects[one.name] == Effect.COSMETIC for one in found.changes)
    made, _ = publishing.module_version(
        module,
        json.loads(previous.details),
        versions,
        change=ModuleVersion.Change.COSMETIC if cosmetic else ModuleVersion.Change.CLINICAL,
        note=note,
        by=by,
    )
    approving.mark_stale(version=made, by=by)
    Draft.objects.filter(pk=current.pk).update(closed_at=clock.now(), closed_by=by, published=section)
    _ask(found, made, section, effects, by)
    audit.record(
        clinic=None,
        by=by,
        action="draft.published",
        subject=current,
        reason=note,
        body={
            "section": section.sha256,
            "version": made.number,
            "effects": {c.name: effects[c.name] for c in found.changes},
            "writers": drafting.writers_of(current),
        },
    )
    return made


def _refuse(found: Impact, effects: Mapping[str, str], note: str) -> None:
    sentences = [f"Line {problem.line}: {problem.sentence}." for problem in found.problems]
    sentences += [f"No form could be drawn any more: {lack}." for lack in found.lacking]
    if found.outrun:
        sentences.append("The section was published anew after this draft was begun: look at the difference first.")
    if not found.changed_anything:
        sentences.append("Nothing differs from what is published.")
    if not note.strip():
        sentences.append("Say in a sentence what changed and why.")
    for change in found.changes:
        if effects.get(change.name) not in change.allowed:
            sentences.append(f"Choose what the change of {change.name} asks of people.")
    if sentences:
        raise NotPublished(sentences)


def _ask(
    found: Impact, made: ModuleVersion, section: SectionVersion, effects: Mapping[str, str], by: StaffMember
) -> None:
    """A row for each change; a task for exactly those it touches; one mail to each of them."""
    module = made.module
    before = {row.key_point.code: row for row in found.live.points.select_related("key_point")}
    after = {row.key_point.code: row for row in section.points.select_related("key_point")}
    held = _held(module, [*before, *after])
    asked: dict[int, list[Change]] = defaultdict(list)
    changes: list[Change] = []
    for one in found.changes:
        old, new = before.get(one.name), after.get(one.name)
        point = new or old
        people = set(held) if one.name == PROSE else _resting(held, one.name, new.content_sha256 if new else None)
        change = Change.objects.create(
            module_version=made,
            section_version=section,
            key_point=point.key_point if point else None,
            before=old,
            after=new,
            effect=effects[one.name],
            people=len(people),
        )
        changes.append(change)
        if change.effect != Effect.COSMETIC:
            for pk in people:
                asked[pk].append(change)
    audit.record(
        clinic=None,
        by=by,
        action="changes.asked",
        subject=made,
        body={"changes": [told_of_change(row) for row in changes]},
    )
    clinics = _clinics(module, list(asked))
    now = clock.now()
    for person in StaffMember.objects.filter(pk__in=asked).order_by("pk"):
        clinic = clinics[person.pk]
        due_on = clock.today(clinic.zone) + timedelta(days=DAYS)
        tasks = [
            Task.objects.create(person=person, clinic=clinic, change=change, due_on=due_on, asked_at=now, asked_by=by)
            for change in asked[person.pk]
            if change.effect in (Effect.REREAD, Effect.RETEST)
        ]
        for task in tasks:
            audit.record(clinic=clinic, by=by, action="task.asked", subject=task, body=told_of_task(task))
        _tell(person, asked[person.pk], tasks, made, section)


def told_of_change(row: Change) -> dict[str, object]:
    """What the audit trail says of it."""
    return {
        "name": row.name,
        "effect": row.effect,
        "people": row.people,
        "before": row.before.content_sha256 if row.before else "",
        "after": row.after.content_sha256 if row.after else "",
    }


def _clinics(module: Module, people: list[int]) -> dict[int, Clinic]:
    """For whose clinic each of them holds the certificate."""
    rows = Certificate.objects.filter(
        kind=Certificate.Kind.KNOWLEDGE, candidacy__quiz__module=module, person__in=people
    )
    return {row.person_id: row.clinic for row in rows.select_related("clinic").order_by("issued_at", "pk")}


def _tell(
    person: StaffMember, changes: list[Change], tasks: list[Task], made: ModuleVersion, section: SectionVersion
) -> None:
    names = ", ".join(change.name for change in changes)
    path = reverse("training:section-detail", args=[made.module.slug, section.section.slug])
    anchor = next((f"#{change.name}" for change in changes if change.after), "")
    what = (
        f"Please read the passage again by {day(tasks[0].due_on)}. Your home shows what is asked, step by step."
        if tasks
        else "Nothing is asked of you."
    )
    mail.queue(
        to=person,
        key=f"changed:{made.pk}:{person.pk}",
        subject=f"{made.title} changed: {section.title}",
        body=(
            f"{person.full_name},\n\nthe section “{section.title}” of {made.title} reads otherwise now ({names}). "
            f"{made.note}\n\n{what} Your certificate stays as it is.\n\n{settings.SITE_URL}{path}{anchor}\n"
        ),
    )
