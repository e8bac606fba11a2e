"""The files and the site never write over each other: what the site has stays, and the conflict is named."""

from dataclasses import replace

import pytest

from compliance.records import verify
from quizzes import approving, material
from quizzes.models import QuestionVersion
from tests import factories
from tests.compliance.test_publishing import NEW, OLD, approve_ahead, changed, publish
from training import drafting, markdown
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
