"""The files and the site never write over each other: what the site has stays, and the conflict is named."""

import shutil
from dataclasses import replace
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from compliance import publishing
from compliance.records import verify
from quizzes import approving, material
from quizzes.models import QuestionVersion
from tests import factories
from tests.compliance.test_publishing import NEW, OLD, approve_ahead, changed, publish
from training import drafting, markdown, pictures
from training.models import Draft, ModuleVersion, Section, SectionVersion

COURSE = factories.course_with_retest(items=1)


def with_text(change) -> material.Course:
    """The course's files with their one section rewritten."""
    ((module, items, quiz),) = COURSE.modules
    (section,) = module.sections
    text = change(section.text)
    section = replace(section, text=text, blocks=tuple(markdown.blocks(text)))
    return replace(COURSE, modules=((replace(module, sections=(section,)), items, quiz),))


@pytest.fixture
def section(cast) -> Section:
    """Version 2 of it was written on the site; nd-17-q11 and -q12 are approved, the other items on nd-17 stale."""
    factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=COURSE)
    found = Section.objects.select_related("module").get()
    draft = drafting.save(section=found, source=changed(found), revision=0, by=cast.author)
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    return found


def states() -> list[tuple[int, str]]:
    return list(QuestionVersion.objects.order_by("pk").values_list("pk", "state"))


def test_the_same_files_again_change_nothing(cast, section):
    before = states()
    done = material.load(COURSE, by=cast.pinpoint)
    assert states() == before
    assert (done.published, done.items, done.retired) == ([], 0, 0)
    assert ["the file has an older text" in line for line in done.conflicts] == [True]
    assert not Draft.objects.filter(closed_at=None).exists()
    assert ModuleVersion.objects.count() == 2


def test_files_that_say_something_else_wait_as_a_draft(cast, section):
    """Once, and the items of what differs stay with the second person."""
    before = states()
    course = with_text(lambda text: text.replace(OLD, OLD.replace("Press gently", "Press firmly")))
    for said in ("waits as a draft", "a draft of the section is open"):
        done = material.load(course, by=cast.pinpoint)
        assert said in done.conflicts[0]
    draft = Draft.objects.get(closed_at=None)
    assert (draft.origin, draft.base.number) == ("file", 2)
    assert "Press firmly" in draft.text
    assert states() == before
    assert NEW in drafting.live_section(section).text


def test_files_that_say_the_same_as_the_site_are_no_conflict(cast, section):
    """Exported, committed, released: what waits for a second person still does."""
    course = with_text(lambda text: text.replace(OLD, NEW))
    done = material.load(course, by=cast.pinpoint)
    assert done.conflicts == []
    assert SectionVersion.objects.count() == 2
    assert QuestionVersion.objects.get(question__code="nd-17-q1").state == "stale"
    assert verify().clean


def test_an_item_written_on_the_site_stays(cast, section):
    row = QuestionVersion.objects.get(question__code="nd-19-q1", state="live")
    body = row.content | {"stem": "Small separate dots show on the cheek. What do they mean?"}
    approving.propose_question(
        code="nd-19-q1", section=section, bank="certifying", kind="single", body=body, points=["nd-19"], by=cast.author
    )
    material.load(COURSE, by=cast.pinpoint)
    row.refresh_from_db()
    assert row.state == "live"  # a proposal is not yet the item
    waiting = approving.find("nd-19-q1")
    approving.approve(waiting=waiting, seen_sha256=waiting.sha256, by=cast.physician)
    done = material.load(COURSE, by=cast.pinpoint)
    assert any("nd-19-q1 was edited on the site and stays" in line for line in done.conflicts)
    live = QuestionVersion.objects.get(question__code="nd-19-q1", state="live")
    assert live.content["stem"] == body["stem"]


@pytest.fixture
def folder(tmp_path):
    """The small course's own files, where they may be written."""
    shutil.copytree(factories.SLICE, tmp_path / "material")
    return tmp_path / "material"


@pytest.fixture
def loaded(cast, folder) -> Section:
    material.load(material.read(folder), by=cast.pinpoint)
    return Section.objects.select_related("module").get()


def files_of(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def exported(folder) -> str:
    out = StringIO()
    call_command("export_material", "needle-depth", str(folder), stdout=out)
    return out.getvalue()


def test_what_nobody_changed_is_written_byte_for_byte(loaded, folder, tmp_path):
    before = files_of(folder)
    assert exported(folder) == "Nothing differs.\n"
    assert files_of(folder) == before


def test_a_shipped_module_is_written_byte_for_byte(cast, tmp_path):
    """Into an empty folder."""
    course = factories.course_of(material.SHIPPED)
    one = tuple(row for row in course.modules if row[0].slug == "sterilisation")
    material.load(replace(course, modules=one), by=cast.pinpoint)
    call_command("export_material", "sterilisation", str(tmp_path), stdout=StringIO())
    shipped = {name: data for name, data in files_of(material.SHIPPED).items() if name.startswith("sterilisation/")}
    assert files_of(tmp_path) == shipped


def test_an_export_of_what_the_site_changed_loads_as_nothing_new(cast, loaded, folder):
    """A text, an item, a new item, a retired one and a picture."""
    data = BytesIO()
    Image.new("RGB", (400, 300), "red").save(data, "JPEG")
    pictures.add(
        module=loaded.module, code="flush", data=data.getvalue(), title="Flush", caption="A flush needle.", words="A needle.",
        to_scale=False, cites=["D25", "S0-21"], library=drafting.library(), by=cast.author,
    )  # fmt: skip
    row = QuestionVersion.objects.get(question__code="nd-19-q1", state="live")
    for code, stem in (
        ("nd-19-q1", "Small dots, “each” one: what do they mean?"),
        ("nd-19-q2", "Dots that part: what are they?"),
    ):
        approving.propose_question(
            code=code, section=loaded, bank="certifying", kind="single", body=row.content | {"stem": stem},
            points=["nd-19"], by=cast.author,
        )  # fmt: skip
        waiting = approving.find(code)
        approving.approve(waiting=waiting, seen_sha256=waiting.sha256, by=cast.physician)
    QuestionVersion.objects.filter(question__code="nd-18-q5").update(state="retired")
    text = changed(loaded, "a little harm", "some harm").replace("## More is", "::: picture flush\n:::\n\n## More is")
    draft = drafting.save(section=loaded, source=text, revision=0, by=cast.author)
    publishing.publish(draft=draft, revision=1, note="Plainer.", effects={"text": "cosmetic"}, by=cast.author)

    before = files_of(folder)
    assert "4 of" in exported(folder)
    after = files_of(folder)
    assert {name for name in after if after[name] != before.get(name)} == {
        "needle-depth/05-technique-and-endpoint.md",
        "needle-depth/module.yaml",
        "needle-depth/pictures/flush.jpg",
        "needle-depth/questions/05-technique-and-endpoint.yaml",
    }
    assert b"some harm" in after["needle-depth/05-technique-and-endpoint.md"]
    kept = before["needle-depth/questions/05-technique-and-endpoint.yaml"].split(b"- code: nd-19-q1")[0]
    assert after["needle-depth/questions/05-technique-and-endpoint.yaml"].startswith(kept)

    found = states()
    done = material.load(material.read(folder), by=cast.pinpoint)
    assert (done.published, done.items, done.retired, done.conflicts) == ([], 0, 0, [])
    assert states() == found
    assert exported(folder) == "Nothing differs.\n"


def test_what_cannot_be_exported_is_said(cast, loaded, tmp_path):
    with pytest.raises(CommandError, match="There are: needle-depth"):
        call_command("export_material", "skin", str(tmp_path))
    loaded.module.__class__.objects.create(slug="lasers", code="la")
    with pytest.raises(CommandError, match="no files of lasers"):
        call_command("export_material", "lasers", str(tmp_path))
