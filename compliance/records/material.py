"""What is taught and asked: every hash of content derived again from the content, and the rows taken from a text."""

import json
from collections import Counter
from collections.abc import Iterator

from django.db.models import Prefetch

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered, readable
from quizzes import standard
from quizzes.models import CutFile, Question, QuestionPoint, QuestionVersion, Quiz, QuizVersion
from staff import canonical
from staff.models import AuditEvent
from training import markdown, pictures
from training.models import (
    Citation,
    KeyPointVersion,
    Module,
    ModuleVersion,
    ModuleVersionSection,
    Picture,
    Section,
    SectionVersion,
)


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _pictures(checked)
    yield from _sections(checked)
    yield from _modules(checked)
    yield from _rules(checked)
    yield from _cut_files(checked)
    yield from _questions(checked)
    yield from _version_numbers()


def _version_numbers() -> Iterator[Finding]:
    """A version that is gone leaves a gap below those that followed."""
    for modules in chunks(Module.objects.prefetch_related("versions").order_by("pk")):
        for module in modules:
            yield from numbered(f"versions of module {module}", [row.number for row in module.versions.all()])
    for sections in chunks(Section.objects.select_related("module").prefetch_related("versions").order_by("pk")):
        for section in sections:
            yield from numbered(f"versions of section {section}", [row.number for row in section.versions.all()])
    for quizzes in chunks(Quiz.objects.select_related("module").prefetch_related("versions").order_by("pk")):
        for quiz in quizzes:
            yield from numbered(f"rules of the {quiz}", [row.number for row in quiz.versions.all()])
    for questions in chunks(Question.objects.prefetch_related("versions").order_by("pk")):
        for question in questions:
            yield from numbered(f"versions of question {question}", [row.number for row in question.versions.all()])


def _pictures(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(Picture.objects.select_related("module", "file").defer("file__bytes").order_by("pk")):
        for row in chunk:
            checked["pictures"] += 1
            yield from readable(f"picture {row.code} ({row.pk})", _picture(row))


def _picture(row: Picture) -> Iterator[Finding]:
    what = f"picture {row.code} ({row.pk})"
    if row.file is None:
        yield from compare(f"{what}, what it cites", "[]", row.cites)
    shown = pictures.fields(
        title=row.title,
        caption=row.caption,
        words=row.words,
        to_scale=row.to_scale,
        svg=row.svg,
        file=row.file.sha256 if row.file else "",
        cites=json.loads(row.cites),
    )
    made = pictures.content_sha256(row.module.slug, row.code, shown)
    yield from compare(f"{what}, hash of its content", made, row.sha256)


def _sections(checked: Counter[str]) -> Iterator[Finding]:
    rows = SectionVersion.objects.select_related("section__module").prefetch_related(
        "pictures",
        Prefetch(
            "points",
            KeyPointVersion.objects.select_related("key_point").prefetch_related("depends_on").order_by("position"),
        ),
        Prefetch("citations", Citation.objects.select_related("fact", "position", "point__key_point")),
    )
    for chunk in chunks(rows.order_by("pk"), 50):
        for row in chunk:
            checked["section versions"] += 1
            yield from readable(f"section version {row.pk}", _section(row, checked))


def _section(row: SectionVersion, checked: Counter[str]) -> Iterator[Finding]:
    what = f"section {row.section}, version {row.number}"
    blocks = markdown.blocks(row.text)
    pictures = {picture.code: picture.sha256 for picture in row.pictures.all()}
    shown = [block.code for block in blocks if block.kind == "picture"]
    yield from compare(f"{what}, pictures", sorted({*shown}), sorted(pictures))
    made = canonical.sha256_of([row.title, row.text, [pictures.get(code, "") for code in shown]])
    yield from compare(f"{what}, hash of its content", made, row.sha256)
    points = list(row.points.all())
    in_text = [block for block in blocks if block.kind == "point"]
    yield from compare(
        f"{what}, key points", [block.code for block in in_text], [point.key_point.code for point in points]
    )
    for place, (block, point) in enumerate(zip(in_text, points, strict=False), start=1):
        checked["key point versions"] += 1
        called = f"{what}, key point {point.key_point.code}"
        depends = sorted(item.code for item in point.depends_on.all())
        expected = {"text": block.text, "critical": block.critical, "depends": sorted(block.depends), "position": place}
        found = {"text": point.text, "critical": point.critical, "depends": depends, "position": point.position}
        yield from compare(called, expected, found)
        made = canonical.sha256_of([point.text, point.critical, depends])
        yield from compare(f"{called}, hash of its content", made, point.content_sha256)
    cited = [
        (block.code if block.kind == "point" else "", code) for block in blocks for code in dict.fromkeys(block.cites)
    ]
    rows = [_cited(citation) for citation in row.citations.all()]
    yield from compare(f"{what}, citations", [*map(list, sorted(cited))], [*map(list, sorted(rows))])


def _cited(row: Citation) -> tuple[str, str]:
    target = row.fact or row.position
    return (row.point.key_point.code if row.point else "", target.code if target else "")


def _modules(checked: Counter[str]) -> Iterator[Finding]:
    rows = ModuleVersion.objects.select_related("module").prefetch_related(
        Prefetch("places", ModuleVersionSection.objects.select_related("section_version__section").order_by("position"))
    )
    for chunk in chunks(rows.order_by("pk"), 50):
        events = events_of("training.moduleversion", chunk)
        for row in chunk:
            checked["module versions"] += 1
            yield from readable(f"module version {row.pk}", _module(row, events[str(row.pk)]))


def _module(row: ModuleVersion, events: list[AuditEvent]) -> Iterator[Finding]:
    what = f"module {row.module.slug}, version {row.number}"
    details = json.loads(row.details)
    places = list(row.places.all())
    yield from numbered(f"{what}, places of its sections", [place.position for place in places])
    made = canonical.sha256_of([details, [place.section_version.sha256 for place in places]])
    yield from compare(f"{what}, hash of its content", made, row.sha256)
    yield from compare(f"{what}, title", details.get("title"), row.title)
    yield from compare(f"{what}, spelling of its details", canonical.text(details), row.details)
    foreign = [
        place.section_version.section.slug
        for place in places
        if place.section_version.section.module_id != row.module_id
    ]
    yield from compare(f"{what}, sections of another module", [], foreign)
    yield from _published(row, what, [event for event in events if event.action == "module.published"])


def _published(row: ModuleVersion, what: str, events: list[AuditEvent]) -> Iterator[Finding]:
    yield from compare(f"{what}, its events of publication", 1, len(events))
    for event in events:
        said = json.loads(event.body)
        held = {"number": row.number, "sha256": row.sha256, "change": row.change, "note": row.note}
        yield from compare(f"{what}, as its event says", said, {name: held.get(name) for name in said})
        yield from compare(f"{what}, published by", event.actor_id, row.published_by_id)
        yield from about_then(f"{what}, when it was published", event.at, row.published_at)


def _rules(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(QuizVersion.objects.select_related("quiz__module").order_by("pk")):
        for row in chunk:
            checked["quiz versions"] += 1
            hashed = ("blueprint", "items", "cut", "critical_rule", "limit_minutes", "open_minutes", "attempts")
            rules = {name: getattr(row, name) for name in hashed}
            # What the files do not set is in the hash only where it is not what the site gives.
            given = {"retest_items": 0, "grace_seconds": 60, "next_day_hour": 6}
            rules |= {name: getattr(row, name) for name, usual in given.items() if getattr(row, name) != usual}
            made = canonical.sha256_of(rules)
            yield from compare(f"quiz {row.quiz.module.slug}, rules {row.number}, hash", made, row.sha256)


def _cut_files(checked: Counter[str]) -> Iterator[Finding]:
    """Each file against its hash, its event, the ratings that it was made of, and the rules that name it."""
    for chunk in chunks(CutFile.objects.select_related("panel__quiz__module").order_by("pk")):
        told = events_of("quizzes.cutfile", chunk)
        for row in chunk:
            checked["cut-score files"] += 1
            what = f"cut-score file {row.name}"
            yield from compare(f"{what}, hash", canonical.sha256(row.text), row.sha256)
            yield from readable(what, _cut_file(row, told[str(row.pk)], what))


def _cut_file(row: CutFile, events: list[AuditEvent], what: str) -> Iterator[Finding]:
    found = row.found
    yield from compare(f"{what}, mean", found["mean"], row.mean)
    yield from compare(f"{what}, next review", found["next_review_on"], row.next_review_on.isoformat())
    yield from compare(
        f"{what}, ratings", standard.rated_again(row), {item["code"]: item["mean"] for item in found["items"]}
    )
    named = row.panel.quiz.versions.filter(cut_basis=standard.basis(row)).exists()
    yield from compare(f"{what}, rules that name it", "there", "there" if named else "gone")
    yield from compare(f"{what}, its events of filing", 1, len(events))
    for event in events:
        yield from compare(f"{what}, hash in its event", json.loads(event.body)["sha256"], row.sha256)
        yield from compare(f"{what}, filed by", event.actor_id, row.filed_by_id)
        yield from about_then(f"{what}, when it was filed", event.at, row.filed_at)


def _questions(checked: Counter[str]) -> Iterator[Finding]:
    rows = QuestionVersion.objects.select_related("question").prefetch_related(
        Prefetch("points", QuestionPoint.objects.select_related("key_point", "approved_against")), "depends_on"
    )
    pictures = set(Picture.objects.values_list("sha256", flat=True))
    for chunk in chunks(rows.order_by("pk")):
        for row in chunk:
            checked["question versions"] += 1
            yield from readable(f"question version {row.pk}", _question(row, pictures))


def _question(row: QuestionVersion, pictures: set[str]) -> Iterator[Finding]:
    what = f"question {row.question.code}, version {row.number}"
    picture = row.content.get("picture_sha256")
    if picture and picture not in pictures:
        yield Finding(f"{what}, the picture it is set over", "there", "gone")
    for point in row.points.all():
        if point.approved_against:
            yield from compare(
                f"{what}, key point approved against", point.key_point_id, point.approved_against.key_point_id
            )
    tests = {
        point.key_point.code: point.approved_against.content_sha256
        for point in row.points.all()
        if point.approved_against
    }
    depends = sorted(item.code for item in row.depends_on.all())
    made = canonical.sha256_of([row.body, row.question.bank, row.question.kind, tests, depends])
    yield from compare(f"{what}, hash of its content", made, row.sha256)
