"""One key point changed on the site, and everything that hangs on it."""

from datetime import timedelta

import pytest

from certificates.models import Certificate
from certificates.queries import state_of
from compliance import publishing, tasks
from compliance.models import Change, Task
from compliance.records import verify
from quizzes import actions as sitting
from quizzes import approving, kinds
from quizzes.models import Approval, AttemptItem, QuestionVersion
from quizzes.queries import live_points, pool
from staff import clock
from staff.models import AuditEvent, OutgoingMail
from tests import factories
from training import drafting, points
from training.actions import confirm_reading
from training.models import Draft, ModuleVersion, Section
from training.queries import live_version

NEW = (
    "Blood that flows or keeps coming, or a bruise that spreads, means stop. Lift off, press gently, tell the physician"
)
OLD = "Blood that flows or keeps coming, or a bruise that spreads, means stop. Press gently, tell the physician"
NOTE = "The order of the steps is said now."


@pytest.fixture
def course(cast):
    return factories.make_module(
        by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest(items=1)
    )


@pytest.fixture
def section(course) -> Section:
    return Section.objects.select_related("module").get()


def live_text(section: Section) -> str:
    live = drafting.live_section(section)
    assert live
    return live.text


def changed(section: Section, old: str = OLD, new: str = NEW) -> str:
    text = live_text(section)
    assert old in text
    return text.replace(old, new)


@pytest.fixture
def draft(cast, section) -> Draft:
    """The critical point nd-17 gained an instruction."""
    return drafting.save(section=section, source=changed(section), revision=0, by=cast.author)


def approve_ahead(draft: Draft, *codes: str, by) -> None:
    for code in codes:
        one = approving.find(code, draft)
        assert one
        assert not approving.approve(waiting=one, seen_sha256=one.sha256 or "", by=by)


def publish(draft: Draft, by, effect: str = "retest", **more: str) -> ModuleVersion:
    draft.refresh_from_db()
    return publishing.publish(draft=draft, revision=draft.revision, note=NOTE, effects={"nd-17": effect, **more}, by=by)


def drawable(course, cast) -> set[str]:
    version = live_version(course.module)
    assert version
    return {item.code for item in pool(version, live_points(version), cast.lakeside, cast.colleague)[0]}


def test_the_chain_of_one_critical_point(cast, course, section, draft, now):
    held = factories.make_finished(person=cast.aesthetician, course=course).certificate
    running = factories.make_attempt(person=cast.colleague, course=course)
    before = list(running.items.values_list("question_version", flat=True))

    found = publishing.impact(draft, publisher=cast.author)
    assert [change.name for change in found.changes] == ["nd-17"]
    assert found.people == 1
    assert found.open_attempts == 1
    assert {"nd-17-q1", "nd-17-q11", "nd-17-q5"} <= set(found.stale)
    assert found.lacking[0] == "critical key point nd-17 has no item"
    with pytest.raises(publishing.NotPublished, match="nd-17 has no item"):
        publish(draft, cast.author)

    with pytest.raises(approving.NotApproved, match="Somebody else"):
        approve_ahead(draft, "nd-17-q11", by=cast.author)
    approve_ahead(draft, "nd-17-q11", by=cast.physician)
    assert publishing.impact(draft, publisher=cast.author).lacking == [
        "a re-test on nd-17 needs 1 items beside the one missed, 0 are left"
    ]
    approve_ahead(draft, "nd-17-q12", by=cast.physician)

    with clock.at(now + timedelta(hours=1)):
        made = publish(draft, cast.author)
    assert (made.number, made.change, made.note) == (2, "clinical", NOTE)
    assert {code for code in drawable(course, cast) if code.startswith("nd-17")} == {"nd-17-q11", "nd-17-q12"}
    assert list(running.items.values_list("question_version", flat=True)) == before
    q11 = QuestionVersion.objects.get(question__code="nd-17-q11", state="live")
    assert (q11.number, q11.approved_by, q11.approved_via, q11.created_by) == (
        2,
        cast.physician,
        "person",
        cast.pinpoint,
    )
    q1 = QuestionVersion.objects.get(question__code="nd-17-q1")
    assert (q1.state, q1.stale_by) == ("stale", cast.author)

    assert state_of(held) == "valid"
    task = Task.objects.get()
    assert (task.person, task.change.effect, task.change.people) == (cast.aesthetician, "retest", 1)
    assert OutgoingMail.objects.filter(person=cast.aesthetician, subject__startswith="Needle depth changed").exists()

    one = approving.find("nd-17-q1")
    assert one
    assert one.why == "stale"
    assert not one.may(cast.author)
    with clock.at(now + timedelta(hours=2)):
        assert approving.approve(waiting=one, seen_sha256=one.sha256 or "", by=cast.other_physician)
    assert "nd-17-q1" in drawable(course, cast)
    q1.refresh_from_db()
    assert q1.state == "retired"
    assert verify().clean


def answer(test, *, right: bool) -> list[str]:
    given = []
    for row, shown in tasks.shown(test):
        kind = kinds.of(row.question_version.question.kind)
        content = row.question_version.content
        given.append(kind.right_answer(content, shown) if right else kind.wrong_answers(content, shown)[0])
    return given


def test_a_holder_reads_again_and_answers(cast, course, section, draft, now):
    factories.make_finished(person=cast.aesthetician, course=course)
    factories.make_finished(person=cast.colleague, course=course, wrong=6)
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    task = Task.objects.get()
    assert tasks.one(task).state == "read"
    with pytest.raises(tasks.NotNow):
        tasks.start(task=task)

    live = drafting.live_section(section)
    for hour, right in ((1, False), (2, True)):
        with clock.at(now + timedelta(hours=hour)):
            confirm_reading(person=cast.aesthetician, version=live)
            assert tasks.one(task).state == "answer"
            test = tasks.start(task=task)
            assert tasks.start(task=task) == test
            assert {row.question_version.question.code for row, _ in tasks.shown(test)} == {"nd-17-q11", "nd-17-q12"}
            answers = answer(test, right=right)
            result = tasks.hand_in(test=test, answers=answers)
            assert (result.passed, tasks.hand_in(test=test, answers=answers)) == (right, result)
            assert tasks.one(task).state == ("done" if right else "read")
    assert tasks.asked_of([cast.aesthetician]) == {}
    assert verify().clean


def test_what_a_change_may_ask(cast, course, section):
    """A critical point's words are never cosmetic; its commas are, and so are a plain point's words but not its numbers."""
    cases = {
        (OLD, NEW): False,
        ("means stop. Press gently", "means: stop. Press gently"): True,
        ("minor and temporary", "minor and short"): True,
    }
    for (old, new), cosmetic in cases.items():
        draft = drafting.save(section=section, source=changed(section, old, new), revision=0, by=cast.author)
        (change,) = publishing.impact(draft, publisher=cast.author).changes
        assert ("cosmetic" in change.allowed) is cosmetic, new
        drafting.discard(draft=draft, revision=1, by=cast.author)


def test_words_between_the_points_touch_no_item(cast, course, section):
    factories.make_finished(person=cast.aesthetician, course=course)
    text = changed(section, "Needling does a little harm on purpose.", "Needling harms a little, on purpose.")
    draft = drafting.save(section=section, source=text, revision=0, by=cast.author)
    before = drawable(course, cast)
    made = publishing.publish(draft=draft, revision=1, note="Plainer.", effects={"text": "cosmetic"}, by=cast.author)
    assert made.change == "cosmetic"
    assert drawable(course, cast) == before
    assert not Task.objects.exists()
    assert Change.objects.get().key_point is None
    assert not OutgoingMail.objects.filter(subject__contains="changed").exists()


def test_an_approval_lapses_when_the_draft_is_changed_again(cast, course, draft):
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    drafting.save(section=draft.section, source=draft.text.replace("Lift off", "Lift up"), revision=1, by=cast.author)
    draft.refresh_from_db()
    assert publishing.impact(draft, publisher=cast.author).ahead == []
    assert Approval.objects.count() == 2


def test_two_people_write_at_once(cast, section, draft):
    theirs = drafting.save(section=section, source=draft.text + "\nMore.\n", revision=1, by=cast.administrator)
    with pytest.raises(drafting.Conflict) as conflict:
        drafting.save(section=section, source=draft.text, revision=1, by=cast.author)
    assert conflict.value.draft == theirs
    with pytest.raises(drafting.Conflict):
        drafting.save(section=section, source=draft.text, revision=0, by=cast.author)
    draft.refresh_from_db()
    assert draft.text.endswith("More.\n")
    assert set(draft.writers.all()) == {cast.author, cast.administrator}


def test_nothing_is_kept_where_the_last_step_fails(cast, course, draft, monkeypatch):
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    monkeypatch.setattr(publishing, "_ask", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(draft, cast.author)
    draft.refresh_from_db()
    assert draft.closed_at is None
    assert ModuleVersion.objects.count() == 1
    assert not QuestionVersion.objects.filter(state="stale").exists()


def test_a_retired_point_takes_its_items_along(cast, course, section):
    source = points.retire(live_text(section), "nd-22")
    draft = drafting.save(section=section, source=source, revision=0, by=cast.author)
    with pytest.raises(publishing.NotPublished, match="6 places"):
        publishing.publish(draft=draft, revision=1, note=NOTE, effects={"nd-22": "notify"}, by=cast.author)


def test_a_started_attempt_keeps_its_items(cast, course, draft):
    attempt = factories.make_attempt(person=cast.colleague, course=course)
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    item = AttemptItem.objects.filter(attempt=attempt, question_version__state="stale").first() or attempt.items.first()
    right, _ = factories.could_answer(item)
    saved = sitting.save_answer(
        attempt_id=attempt.public_id,
        person=cast.colleague,
        position=item.position,
        answer=right,
        base_revision=0,
        client_key="k",
    )
    assert saved.revision == 1


def test_every_act_is_in_the_trail(cast, course, draft):
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    done = set(AuditEvent.objects.filter(actor__in=[cast.author, cast.physician]).values_list("action", flat=True))
    assert {"draft.opened", "item.approved.ahead", "module.published", "items.stale", "draft.published"} <= done
    assert not Certificate.objects.exists()
