"""The pages of writing, publishing and approving."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance import publishing, tasks
from compliance.models import Task
from quizzes import approving
from staff import clock
from tests import factories
from tests.compliance.test_publishing import NEW, OLD, answer, approve_ahead, changed, live_text, publish
from training import drafting
from training.models import Draft, Fact, Section

WHERE = ("needle-depth", "technique-and-endpoint")
EDIT = reverse("compliance:section-edit", args=WHERE)
PUBLISH = reverse("compliance:section-publish", args=WHERE)


@pytest.fixture
def course(cast):
    return factories.make_module(
        by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest(items=1)
    )


@pytest.fixture
def section(course) -> Section:
    return Section.objects.select_related("module").get()


@pytest.fixture
def author(client, cast):
    client.force_login(cast.author)
    return client


def sent(source: str, **more: object) -> dict[str, object]:
    title, body = drafting.title_and_body(source)
    return {"title": title, "body": body.replace("\n", "\r\n"), "revision": 0, "do": "save", **more}


def test_a_clinician_writes_previews_and_saves(author, section):
    page = author.get(EDIT).text
    assert "Saving makes a draft" in page
    text = changed(section)
    preview = author.post(EDIT, sent(text, do="preview")).text
    assert "<ins>Lift off, press</ins>" in preview
    assert not Draft.objects.exists()
    assert author.post(EDIT, sent(text)).status_code == 302
    draft = Draft.objects.get()
    assert (draft.text, draft.revision) == (text, 1)
    assert "Draft over version 1" in author.get(EDIT).text
    assert NEW not in author.get(reverse("training:section-detail", args=WHERE)).text


def test_what_is_sent_as_it_was_is_no_draft(author, section):
    author.post(EDIT, sent(live_text(section)))
    assert not Draft.objects.exists()


SAID = [
    ("S0-21, D25\n:::\n\nBy", "S0-99, D25\n:::\n\nBy", "cites S0-99, which is neither"),
    ("means stop.", "means stop after 17 minutes.", "states 17, which no row it cites carries"),
    (OLD, "", "has no text"),
    ("::: point nd-19", "::: point nd-17", "nd-17 stands twice"),
    ("::: point nd-19", "::: point st-19", "is called nd-01 to nd-99"),
    ("::: picture pinpoint-or-running", "::: picture of-nothing", "is not one of this module's"),
    ("## Bone and eyes", "# Bone and eyes", "headings inside a section are level 2"),
]


def test_the_checks_speak_as_one_writes(author, section):
    for old, new, said in SAID:
        text = changed(section, old, new)
        if not new:
            text = text.replace(", and needle no\nmore until it has been reviewed.", "")
        page = author.post(reverse("compliance:section-check", args=WHERE), sent(text))
        assert said in page.text.replace("&#x27;", "'")
        assert 'hx-swap-oob="true"' in page.text
    assert not Draft.objects.exists()


def test_a_hard_sentence_is_named(author, section):
    hard = (
        "Notwithstanding contraindications, practitioners systematically differentiate physiological manifestations. "
        * 20
    )
    text = changed(section, "## Bone and eyes", f"{hard}\n\n## Bone and eyes")
    assert "reads at grade" in author.post(reverse("compliance:section-check", args=WHERE), sent(text)).text


@pytest.mark.parametrize(
    ("do", "more", "there", "gone"),
    [
        ("add nd-17", {}, ["::: point nd-23\nSay here"], []),
        ("split nd-17 2", {}, ["::: point nd-17 critical", "::: point nd-23 critical\nPress gently"], []),
        ("merge nd-20", {"merge-nd-20": "nd-22"}, ["Extra passes are no bonus."], ["point nd-22"]),
        ("retire nd-19", {}, ["::: point nd-22"], ["point nd-19"]),
    ],
)
def test_key_points_are_blocks(author, section, do, more, there, gone):
    author.post(EDIT, sent(live_text(section), do=do, **more))
    text = Draft.objects.get().text
    assert all(piece in text for piece in there)
    assert not any(piece in text for piece in gone)


def test_a_retired_code_is_never_used_again(author, cast, section):
    """Not by the next new point, and not by typing it."""
    author.post(EDIT, sent(live_text(section), do="add nd-17"))
    author.post(EDIT, sent(Draft.objects.get().text, do="retire nd-23", revision=1))
    author.post(EDIT, sent(Draft.objects.get().text, do="add nd-17", revision=2))
    assert "::: point nd-23" in Draft.objects.get().text  # it was never published, so it never was a key point
    draft = Draft.objects.get()
    drafting.discard(draft=draft, revision=draft.revision, by=cast.author)
    point = section.module.key_points.get(code="nd-19")
    point.retired_at, point.retired_by = draft.opened_at, cast.author
    point.save()
    checked = drafting.check(section, live_text(section))
    assert any("nd-19 was retired" in problem.sentence for problem in checked.problems)


def test_the_second_writer_gets_the_conflict_and_both_texts(author, cast, section):
    theirs = changed(section, OLD, NEW.replace("Lift off", "Lift up"))
    drafting.save(section=section, source=theirs, revision=0, by=cast.administrator)
    page = author.post(EDIT, sent(changed(section)))
    assert page.status_code == 409
    for text in ("Otto Administrator saved this section", "Lift up, press gently", "Lift off, press gently"):
        assert text in page.text
    assert Draft.objects.get().text == theirs
    author.post(EDIT, sent(changed(section), revision=1))
    assert "Lift off" in Draft.objects.get().text


def test_publishing_names_what_is_in_the_way_and_then_does_it(author, cast, section, course):
    factories.make_finished(person=cast.aesthetician, course=course)
    draft = drafting.save(section=section, source=changed(section), revision=0, by=cast.author)
    page = author.get(PUBLISH).text.replace("\u00a0", " ")
    for text in (
        "1 person",
        "no quiz of this module could be put together",
        "critical key point nd-17 has no item",
        "disabled",
    ):
        assert text in page
    choice = {"revision": 1, "effect-nd-17": "retest", "note": "The order of the steps is said now."}
    refused = author.post(PUBLISH, choice)
    assert refused.status_code == 400
    assert "No form could be drawn any more" in refused.text
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    assert author.post(PUBLISH, choice | {"note": " "}).status_code == 400
    assert author.post(PUBLISH, choice | {"effect-nd-17": "cosmetic"}).status_code == 400
    assert author.post(PUBLISH, choice).status_code == 302
    assert Task.objects.count() == 1
    assert NEW.split(".")[0] in author.get(reverse("training:section-detail", args=WHERE)).text


def test_an_author_sees_counts_and_no_names(author, cast, section, course):
    factories.make_finished(person=cast.aesthetician, course=course)
    drafting.save(section=section, source=changed(section), revision=0, by=cast.author)
    for path in (PUBLISH, EDIT, reverse("compliance:section-list"), reverse("compliance:approval-list")):
        assert cast.aesthetician.full_name not in author.get(path).text


def test_the_live_text_moved_on(author, cast, section):
    """A draft over a version that was followed by another waits until its writer has seen the difference."""
    draft = drafting.save(section=section, source=changed(section, "## Bone", "## Bones"), revision=0, by=cast.author)
    Draft.objects.filter(pk=draft.pk).update(closed_at=draft.opened_at, closed_by=cast.author)
    other = drafting.save(
        section=section, source=changed(section, "a little harm", "some harm"), revision=0, by=cast.administrator
    )
    publishing.publish(draft=other, revision=1, note="Plainer.", effects={"text": "cosmetic"}, by=cast.administrator)
    Draft.objects.filter(pk=draft.pk).update(closed_at=None, closed_by=None)
    assert "was published after the draft was begun" in author.get(PUBLISH).text
    refused = author.post(PUBLISH, {"revision": 1, "effect-text": "cosmetic", "note": "Plural."})
    assert "look at the difference first" in refused.text
    author.post(reverse("compliance:section-settle", args=WHERE), {"revision": 1, "do": "take-live"})
    done = author.post(PUBLISH, {"revision": 2, "effect-text": "cosmetic", "note": "Plural."})
    assert done.status_code == 302


def test_whatever_is_sent_is_answered(author, section):
    """Characters that PostgreSQL does not store, numbers that no column holds, and a title without end."""
    text = changed(section, OLD, f"{NEW}\x00\x1b")
    assert author.post(EDIT, sent(text, revision="9" * 30)).status_code == 302
    assert Draft.objects.get().text == changed(section)
    checked = author.post(reverse("compliance:section-check", args=WHERE), sent(text, title="a" * 300))
    assert "the title has 300 letters" in checked.text
    assert author.post(PUBLISH, {"revision": "9" * 30, "note": "\x00"}).status_code in (302, 400)
    for path in (
        f"{reverse('compliance:approval-detail', args=['nd-17-q1'])}?draft={'9' * 30}",
        EDIT.replace("needle", "nail"),
    ):
        assert author.get(path).status_code == 404
    assert author.get(reverse("compliance:register"), {"q": "\x00"}).status_code == 200


def test_a_draft_is_discarded(author, section):
    author.post(EDIT, sent(changed(section)))
    author.post(reverse("compliance:section-settle", args=WHERE), {"revision": 9, "do": "discard"})
    assert Draft.objects.get().closed_at is None
    author.post(reverse("compliance:section-settle", args=WHERE), {"revision": 1, "do": "discard"})
    assert Draft.objects.get().closed_at
    assert drafting.open_draft(section) is None


def test_the_register_is_found_by_words_and_code(author, section):
    page = reverse("compliance:register")
    assert "[@S0-21]" in author.get(page, {"q": "S0-21"}).text
    Fact.objects.filter(code="S0-21").update(verified="no")
    assert "[@S0-21]" not in author.get(page, {"q": "S0-21"}).text
    part = author.get(page, {"q": "zzz"}, headers={"HX-Request": "true"}).text
    assert "Nothing in the register" in part
    assert "<html" not in part


def test_a_physician_approves_in_the_queue(client, cast, section, course):
    draft = drafting.save(section=section, source=changed(section), revision=0, by=cast.author)
    client.force_login(cast.physician)
    listed = client.get(reverse("compliance:approval-list")).text
    assert "approve it ahead" in listed
    assert "Quiz items to approve" in client.get("/").text
    one = f"{reverse('compliance:approval-detail', args=['nd-17-q11'])}?draft={draft.pk}"
    page = client.get(one).text
    assert "<ins>Lift off, press</ins>" in page
    assert client.post(one, {"do": "approve", "seen": "another"}).status_code == 400
    found = approving.find("nd-17-q11", draft)
    assert client.post(one, {"do": "approve", "seen": found.sha256}).status_code == 302
    assert client.get(one).status_code == 404
    approve_ahead(draft, "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    stale = reverse("compliance:approval-detail", args=["nd-17-q1"])
    found = approving.find("nd-17-q1")
    client.force_login(cast.author)
    assert "Not yours to approve" in client.get(stale).text
    assert client.post(stale, {"do": "approve", "seen": found.sha256}).status_code == 400
    client.force_login(cast.other_physician)
    assert client.post(stale, {"do": "approve", "seen": found.sha256}).status_code == 302
    assert client.get(stale).status_code == 404


def test_a_proposal_waits_is_turned_down_or_taken(client, cast, section, course):
    row = course.module.sections.get().questions.get(code="nd-19-q1").versions.get()
    body = row.content | {"stem": "Small separate dots show on the cheek. What do they mean?"}
    made = [
        approving.propose_question(
            code="nd-19-q1",
            section=section,
            bank="certifying",
            kind="single",
            body=body,
            points=["nd-19"],
            by=cast.author,
        )
        for _ in range(2)
    ]
    assert [one.row.pk for one in approving.queue()] == [made[1].pk]
    path = reverse("compliance:approval-detail", args=["nd-19-q1"])
    client.force_login(cast.physician)
    assert client.post(path, {"do": "turn-down", "reason": " "}).status_code == 400
    found = approving.find("nd-19-q1")
    client.post(path, {"do": "approve", "seen": found.sha256})
    made[1].refresh_from_db()
    assert (made[1].state, made[1].approved_by) == ("live", cast.physician)
    row.refresh_from_db()
    assert row.state == "retired"


@pytest.mark.one_engine  # as many statements on both
def test_lists_ask_as_much_of_many_as_of_one(author, cast, section, course, django_assert_num_queries):
    """Of one item over one draft, and of many over drafts of two modules."""
    listed, written = reverse("compliance:approval-list"), reverse("compliance:section-list")
    other = factories.make_module(by=cast.pinpoint, slug="complications", title="Complications").module.sections.get()
    draft = drafting.save(section=section, source=changed(section), revision=0, by=cast.author)
    codes = [one.code for one in approving.awaited_by(draft)]
    approve_ahead(draft, *codes[1:], by=cast.physician)
    for path in (listed, written):
        author.get(path)
    with CaptureQueriesContext(connection) as few:
        assert codes[0] in author.get(listed).text
        author.get(written)
    drafting.save(section=section, source=draft.text.replace("Lift off", "Lift up"), revision=1, by=cast.author)
    drafting.save(section=other, source=changed(other), revision=0, by=cast.author)
    with django_assert_num_queries(len(few)):
        page = author.get(listed).text
        author.get(written)
    assert codes[-1] in page
    assert "cm-17-q1" in page


def holder(cast, course, section):
    factories.make_finished(person=cast.aesthetician, course=course)
    draft = drafting.save(section=section, source=changed(section), revision=0, by=cast.author)
    approve_ahead(draft, "nd-17-q11", "nd-17-q12", by=cast.physician)
    publish(draft, cast.author)
    return cast.aesthetician


def test_the_holder_is_led_through_her_task(client, cast, section, course, now):
    person = holder(cast, course, section)
    client.force_login(person)
    home = client.get("/").text
    assert "Read nd-17 again: Technique and endpoint" in home
    assert "your certificate stays as it is" in home
    task = reverse("compliance:task", args=[Task.objects.get().public_id])
    assert "Read the passage" in client.get(task).text
    with clock.at(now + timedelta(hours=1)):
        client.post(reverse("training:section-confirm", args=WHERE), {"version": 2})
    assert "Answer on nd-17" in client.get("/").text
    client.post(task, {"do": "start"})
    page = client.get(task).text
    assert page.count("<fieldset") == 2
    assert client.post(task, {}).status_code == 400
    test = tasks.running(Task.objects.get())
    given = {f"q{n}-answer": text for n, text in enumerate(answer(test, right=True), start=1)}
    assert client.post(task, given).status_code == 302
    assert "Nothing more is asked of you here" in client.get(task).text
    assert "Asked of you because a text changed" not in client.get("/").text


def test_a_task_is_hers_alone_and_her_manager_sees_how_it_stands(client, cast, section, course):
    person = holder(cast, course, section)
    task = reverse("compliance:task", args=[Task.objects.get().public_id])
    client.force_login(cast.colleague)
    assert client.get(task).status_code == 404
    client.force_login(cast.manager)
    assert (
        "Asked because a text changed" in client.get(reverse("compliance:person-detail", args=[person.public_id])).text
    )
