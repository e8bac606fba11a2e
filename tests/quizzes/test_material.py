"""Loading publishes new versions of what changed, and of nothing else."""

from dataclasses import replace
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from quizzes import material
from quizzes.models import QuestionVersion, QuizVersion
from staff.models import AuditEvent, StaffMember
from tests import factories
from tests.quizzes.test_files import ITEMS
from tests.training.test_files import EXCLUSIONS, MODULE, SECTION, made
from training import markdown
from training.actions import confirm_reading
from training.models import (
    Citation,
    Fact,
    KeyPoint,
    KeyPointVersion,
    Module,
    Position,
    SectionVersion,
    Source,
    Term,
)
from training.queries import confirmed, live_version, places

pytestmark = pytest.mark.django_db


def shipped() -> material.Course:
    return factories.course_of(material.SHIPPED)


def only(slug: str) -> material.Course:
    """The shipped course with this one module."""
    course = shipped()
    return replace(course, modules=tuple(row for row in course.modules if row[0].slug == slug))


def load(course: material.Course) -> material.Loaded:
    return material.load(course, by=StaffMember.objects.pinpoint())


def rows() -> dict[str, list]:
    tables = [model for app in ("training", "quizzes") for model in apps.get_app_config(app).get_models()]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in tables}


def small(tmp_path, *edits) -> material.Course:
    return material.read(made(tmp_path / str(len(list(tmp_path.iterdir()))), *edits))


def live(code: str) -> QuestionVersion:
    return QuestionVersion.objects.get(question__code=code, state="live")


def with_section(course: material.Course, slug: str, old: str, new: str) -> material.Course:
    """The course with one section's text edited."""
    (module, items, quiz), *_ = course.modules
    sections = []
    for section in module.sections:
        if section.slug == slug:
            assert old in section.text
            text = section.text.replace(old, new)
            section = replace(section, text=text, blocks=tuple(markdown.blocks(text)))
        sections.append(section)
    return replace(course, modules=((replace(module, sections=tuple(sections)), items, quiz),))


# By module: sections, key points that are critical.
SHIPPED_MODULES = {
    "sterilisation": (8, 7),
    "needle-depth": (7, 4),
    "contraindications": (8, 8),
    "complications": (8, 5),
}


def test_whole_shipped_course():
    done = load(shipped())
    assert sorted(done.published) == sorted(f"{module.data['title']}, version 1" for module, _, _ in shipped().modules)
    for slug, (sections, critical) in SHIPPED_MODULES.items():
        version = live_version(Module.objects.get(slug=slug))
        assert len(places(version)) == sections
        points = KeyPointVersion.objects.filter(section_version__places__module_version=version, critical=True)
        assert points.count() == critical
        items = QuestionVersion.objects.filter(state="live", question__section__module__slug=slug)
        assert items.filter(question__bank="certifying").count() >= 5 * critical + 2 * (15 - critical)
        assert items.filter(question__bank="practice").count() >= 2 * sections
        rules = QuizVersion.objects.get(quiz__module__slug=slug)
        assert (rules.items, rules.cut, rules.retest_items) == (15, 12, 3)
    assert Module.objects.count() == len(SHIPPED_MODULES)
    assert done.items == QuestionVersion.objects.filter(state="live").count()
    library = shipped().library
    for model, files in ((Source, library.sources), (Fact, library.facts), (Position, library.positions)):
        assert model.objects.count() == len(files)


def test_loading_twice_changes_nothing():
    load(shipped())
    before, events = rows(), AuditEvent.objects.count()
    done = load(shipped())
    assert (done.published, done.items, done.retired) == ([], 0, 0)
    assert rows() == before
    assert AuditEvent.objects.count() == events


def test_changed_section_leaves_the_others_as_they_are(cast):
    load(only("needle-depth"))
    module = Module.objects.get()
    first = {place.section_version.section.slug: place.section_version for place in places(live_version(module))}
    for version in first.values():
        confirm_reading(person=cast.aesthetician, version=version)
    items = dict(QuestionVersion.objects.values_list("question__code", "sha256"))
    load(
        with_section(
            only("needle-depth"), "technique-and-endpoint", "Needling does a little harm", "Needling does some harm"
        )
    )
    latest = live_version(module)
    assert latest.number == 2
    second = {place.section_version.section.slug: place.section_version for place in places(latest)}
    assert {slug for slug in first if first[slug] != second[slug]} == {"technique-and-endpoint"}
    assert second["technique-and-endpoint"].number == 2
    assert len(confirmed(cast.aesthetician, second.values())) == 6
    assert dict(QuestionVersion.objects.values_list("question__code", "sha256")) == items


def test_changed_key_point_makes_its_items_new(tmp_path):
    load(small(tmp_path))
    load(small(tmp_path, (SECTION, "Extra passes are no bonus.", "Extra passes bring nothing.")))
    numbers = dict(QuestionVersion.objects.filter(state="live").values_list("question__code", "number"))
    assert {code for code, number in numbers.items() if number == 2} == {"nd-22-q1"}
    assert set(numbers.values()) == {1, 2}
    assert QuestionVersion.objects.get(question__code="nd-22-q1", number=1).state == "retired"
    point = live("nd-22-q1").points.get()
    assert point.approved_against.section_version.number == 2


def test_a_key_point_made_critical_makes_its_items_new(tmp_path):
    load(small(tmp_path))
    load(small(tmp_path, (SECTION, "::: point nd-20", "::: point nd-20 critical")))
    assert live("nd-20-q1").number == 2


def test_changed_item_is_a_new_version(tmp_path):
    load(small(tmp_path))
    done = load(small(tmp_path, (ITEMS, "What do you change?", "What do you do now?")))
    assert (done.published, done.items, done.retired) == ([], 1, 0)
    assert live("nd-20-q1").number == 2
    assert "What do you change?" in QuestionVersion.objects.get(question__code="nd-20-q1", number=1).body


def without(course: material.Course, code: str) -> material.Course:
    (module, items, quiz), *_ = course.modules
    return replace(course, modules=((module, tuple(item for item in items if item.code != code), quiz),))


def test_item_removed_from_the_files_is_retired(tmp_path):
    course = small(tmp_path)
    load(course)
    assert load(without(course, "nd-22-q1")).retired == 1
    assert QuestionVersion.objects.get(question__code="nd-22-q1").state == "retired"
    assert load(without(course, "nd-22-q1")).retired == 0


def test_item_that_comes_back_is_live_again(tmp_path):
    course = small(tmp_path)
    load(course)
    load(without(course, "nd-22-q1"))
    load(course)
    assert live("nd-22-q1").number == 2


def test_key_point_that_goes_is_retired_and_comes_back(tmp_path):
    """Its code stays for ever."""
    course = small(tmp_path)
    load(course)
    gone = without(
        with_section(course, "technique-and-endpoint", "::: point nd-22\n", "::: picture pinpoint-or-running\n"),
        "nd-22-q1",
    )
    load(gone)
    assert KeyPoint.objects.get(code="nd-22").retired_by.email == "pinpoint@system.invalid"
    load(course)
    assert KeyPoint.objects.get(code="nd-22").retired_at is None


def test_changed_rules_make_a_new_quiz_version_only(tmp_path):
    load(small(tmp_path))
    done = load(small(tmp_path, (MODULE, "cut: 5", "cut: 6")))
    assert (done.published, done.items) == ([], 0)
    assert list(QuizVersion.objects.order_by("number").values_list("number", "cut")) == [(1, 5), (2, 6)]


def test_changed_summary_publishes_without_new_sections(tmp_path):
    load(small(tmp_path))
    done = load(small(tmp_path, (MODULE, "title: Needle depth", "title: Needle depths")))
    assert done.published == ["Needle depths, version 2"]
    assert SectionVersion.objects.count() == 1


def test_points_and_prose_rest_on_their_rows(tmp_path):
    load(small(tmp_path))
    cited = {
        (row.point.key_point.code if row.point else "", (row.fact or row.position).code)
        for row in Citation.objects.select_related("point__key_point", "fact", "position")
    }
    assert {("nd-17", "S0-21"), ("nd-17", "D25"), ("nd-18", "V12.1"), ("", "V69.1")} <= cited


def test_reason_for_leaving_a_fact_out_comes_and_goes(tmp_path):
    reason = "It is about needling at home, which this small course does not cover."
    load(small(tmp_path))
    assert Fact.objects.get(code="S3-33").left_out == reason
    load(small(tmp_path, (EXCLUSIONS, reason, "Another reason.")))
    assert Fact.objects.get(code="S3-33").left_out == "Another reason."
    load(small(tmp_path, (EXCLUSIONS, "S3-33", "S3-42")))
    assert dict(Fact.objects.exclude(left_out="").values_list("code", "left_out")) == {"S3-42": reason}


def test_what_positions_and_words_cite_comes_and_goes():
    course = factories.course_of(factories.SLICE)
    library = course.library

    def held() -> list[set[str]]:
        position, word = Position.objects.get(code="D02"), Term.objects.get(code=term)
        told = (position.cites, word.facts, word.positions)
        return [set(many.values_list("code", flat=True)) for many in told]

    term = next(iter(library.terms))
    for cites in (["S0-07", "S1-04"], ["S1-04", "S2-48"], []):
        positions = library.positions | {"D02": library.positions["D02"] | {"cites": cites}}
        terms = library.terms | {term: library.terms[term] | {"cites": [*cites, *["D02"][: len(cites)]]}}
        load(replace(course, library=replace(library, positions=positions, terms=terms)))
        assert held() == [set(cites), set(cites), {"D02"} if cites else set()]
        assert Position.objects.get(code="D01").cites.count() == len(library.positions["D01"]["cites"])


def test_a_source_said_otherwise_is_written_again():
    course = factories.course_of(factories.SLICE)
    load(course)
    before = Source.objects.get(code="S0")
    sources = course.library.sources | {"S0": course.library.sources["S0"] | {"title": "Another title"}}
    load(replace(course, library=replace(course.library, sources=sources)))
    after = Source.objects.get(code="S0")
    assert (after.pk, after.title, after.kind) == (before.pk, "Another title", before.kind)


def test_an_item_ships_approved_by_release(tmp_path):
    load(small(tmp_path))
    version = live("nd-17-q1")
    assert (version.approved_via, version.approved_by.email) == ("release", "pinpoint@system.invalid")


def test_an_open_attempt_keeps_what_it_was_drawn_on(cast, tmp_path):
    course = factories.make_module(by=cast.pinpoint)
    attempt = factories.make_attempt(person=cast.aesthetician, course=course)
    drawn = set(attempt.items.values_list("question_version", flat=True))
    load(small(tmp_path, (SECTION, "Extra passes are no bonus.", "Extra passes bring nothing.")))
    attempt.refresh_from_db()
    assert attempt.module_version == course.version
    assert set(attempt.items.values_list("question_version", flat=True)) == drawn
    assert QuestionVersion.objects.get(pk__in=drawn, question__code="nd-22-q1").state == "retired"


def test_broken_at_its_last_step_keeps_nothing(tmp_path, monkeypatch):
    course, before = small(tmp_path), rows()
    monkeypatch.setattr(material, "_load_items", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load(course)
    assert rows() == before


def command(*args) -> str:
    out = StringIO()
    call_command("load_material", *args, stdout=out)
    return out.getvalue().strip()


def test_command(tmp_path):
    root = made(tmp_path)
    assert command(root, "--check") == "1 modules, no problem found."
    assert not Module.objects.exists()
    assert command(root) == "Published: Needle depth, version 1. 8 items new or changed, 0 retired."
    assert command(root) == "Nothing changed."


def test_check_names_a_section_that_is_too_hard_to_read(tmp_path):
    """Loading does not refuse it."""
    hard = (
        "Notwithstanding considerable individual variability, practitioners universally acknowledge that inadvertently "
    )
    hard += (
        "excessive instrumentation precipitates inflammatory complications necessitating interdisciplinary management. "
    )
    root = made(tmp_path, (SECTION, "Use light pressure", hard * 4 + "Use light pressure"))
    text = (root / SECTION).read_text(encoding="utf-8")
    for piece in ("A little starts healing; too much starts a scar. ", "We count dots that join as running. "):
        text = text.replace(piece, "")
    (root / SECTION).write_text(text, encoding="utf-8")
    with pytest.raises(
        CommandError, match=r"1 sections are too hard to read:\nneedle-depth/05-technique-and-endpoint.md:1: reads"
    ):
        command(root, "--check")
    assert command(root).startswith("Published")


def test_command_says_every_problem_and_loads_nothing(tmp_path):
    root = made(tmp_path, (MODULE, "cut: 5", "cut: 9"), (ITEMS, "kind: single", "kind: many"))
    with pytest.raises(CommandError) as refusal:
        command(root)
    assert str(refusal.value).startswith("2 problems, nothing was loaded:\n")
    assert "module.yaml:" in str(refusal.value)
    assert not Module.objects.exists()
