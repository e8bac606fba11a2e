"""Items of every kind in a browser: the same form with and without JavaScript, saved as a single best answer is."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from certificates.models import Certificate
from quizzes import actions, kinds
from quizzes.models import Attempt, AttemptItem, PracticeAnswer, QuestionVersion
from tests import factories, people
from tests.journeys.conftest import Visitor, in_every_look, overflow
from tests.journeys.test_sitting import LOST, REFUSED, SAVE, SAVED, SHOTS, on, photograph, queued, stored, take

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]


@pytest.fixture
def course(cast) -> factories.Course:
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.every_kind())


@pytest.fixture
def attempt(cast, course) -> Attempt:
    return factories.make_attempt(person=cast.aesthetician, course=course, seed="one of each")


@pytest.fixture
def maya(visitor, cast) -> Visitor:
    one: Visitor = visitor()
    one.sign_in(cast.aesthetician)
    return one


def items(attempt: Attempt) -> dict[str, AttemptItem]:
    """By kind; the single best answers are the last of theirs."""
    rows = AttemptItem.objects.filter(attempt=attempt).select_related("question_version__question", "attempt")
    return {row.question_version.question.kind: row for row in rows.order_by("position")}


def rights(attempt: Attempt) -> dict[int, str]:
    rows = AttemptItem.objects.filter(attempt=attempt).select_related("question_version__question")
    return {row.position: factories.could_answer(row)[0] for row in rows}


def give(page: Page, where: str, answer: str) -> None:
    """Answer with what the form has: ticks, selects or a number."""
    page.bring_to_front()
    for piece in answer.split():
        field = page.locator(f'[value="{piece}"]')
        if page.locator(f"{where} .numeric").count():
            page.locator(f"{where} .numeric input").fill(piece)
        elif page.locator(f"{where} select").count():
            page.locator(f"{where} select", has=field).select_option(piece)
        else:
            page.locator(f"{where} .choice", has=field).click()


def given(page: Page, where: str) -> str:
    """What the form shows as answered, as one line."""
    return str(
        page.evaluate(
            """(where) => [...document.querySelectorAll(`${where} [name^=answer]:not([type=hidden])`)]
                 .filter((e) => !["radio", "checkbox"].includes(e.type) || e.checked)
                 .map((e) => e.value).filter(Boolean).join(" ")""",
            where,
        )
    )


def comes_back(page: Page, where: str, answer: str) -> None:
    """What the device kept is read, and shown, a moment after the page is there."""
    for _ in range(100):
        if given(page, where) == answer:
            return
        page.wait_for_timeout(50)
    assert given(page, where) == answer


def test_every_kind_with_javascript(maya, attempt):
    page, keys = maya.page, rights(attempt)
    page.goto(take(attempt))
    for position, answer in keys.items():
        on(page, position, len(keys))
        give(page, f"#q{position}", answer)
        page.get_by_role("button", name=re.compile("^Save and ")).click()
    page.wait_for_url("**/check/")
    expect(page.get_by_text("Every question is answered.")).to_be_visible()
    assert stored(attempt) == keys
    page.get_by_role("link", name="Back to the questions").click()
    for position, answer in keys.items():
        comes_back(page, f"#q{position}", answer)
    expect(page.locator(".navigator .done")).to_have_count(len(keys))
    page.get_by_role("link", name="Check and hand in").click()
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/result/")
    assert Certificate.objects.filter(attempt=attempt).count() == 1


def test_every_kind_without_javascript(visitor, cast, attempt):
    page, keys = visitor(java_script_enabled=False).sign_in(cast.aesthetician), rights(attempt)
    page.goto(take(attempt))
    for position, answer in keys.items():
        expect(page.locator("#where")).to_have_text(f"Question {position} of {len(keys)}")
        give(page, f"#q{position}", answer)
        page.get_by_role("button", name=re.compile("^Save and ")).click()
        page.wait_for_url(re.compile(rf"\?q={position + 1}$|/check/$"))
        assert stored(attempt)[position] == answer
    expect(page.get_by_text("Every question is answered.")).to_be_visible()
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/result/")
    assert Certificate.objects.filter(attempt=attempt).count() == 1


def test_each_change_is_saved_at_once(maya, attempt):
    """A tick, a place and a match are each one short request; nothing waits for the button."""
    page = maya.page
    for kind in ("multiple", "order", "match", "case"):
        item = items(attempt)[kind]
        page.goto(take(attempt, item.position))
        pieces = factories.could_answer(item)[0].split()
        for count in range(1, len(pieces) + 1):
            with page.expect_response(SAVE):
                give(page, f"#q{item.position}", pieces[count - 1])
            expect(page.locator("#saved")).to_have_text(SAVED)
            assert stored(attempt)[item.position].split() == [p for p in pieces if p in pieces[:count]]
    multiple = items(attempt)["multiple"]
    page.goto(take(attempt, multiple.position))
    first = stored(attempt)[multiple.position].split()[0]
    with page.expect_response(SAVE):
        give(page, f"#q{multiple.position}", first)  # a second press takes the tick away
    expect(page.locator("#saved")).to_have_text(SAVED)
    assert first not in stored(attempt)[multiple.position]


def test_number_is_saved_while_typing_and_shown_as_it_is_stored(maya, attempt):
    maya.forgive(r"status of 400")
    page, item = maya.page, items(attempt)["numeric"]
    page.goto(take(attempt, item.position))
    field = page.locator(f"#q{item.position} .numeric input")
    field.press_sequentially("2,50")
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(field).to_be_focused()
    assert stored(attempt)[item.position] == "2.5"
    field.fill("2,50 mm")
    with page.expect_response(SAVE):
        field.blur()
    expect(field).to_have_value("2.5")
    field.fill("about two")
    field.blur()
    alert = page.locator(f"#q{item.position}").get_by_role("alert")
    expect(alert).to_contain_text("“about two” is not a number such as 12 or 0.75. Nothing was changed")
    expect(field).to_have_value("2.5")
    field.fill("3")
    field.press("Enter")
    expect(page.locator("#saved")).to_have_text(SAVED)
    assert stored(attempt)[item.position] == "3"
    page.go_back()
    expect(alert).to_have_count(0)
    field.fill("")
    with page.expect_response(SAVE):
        field.blur()
    assert stored(attempt)[item.position] == ""


def test_typed_number_survives_leaving(maya, attempt):
    """The page is closed before the number was sent: it is sent then."""
    page, item = maya.page, items(attempt)["numeric"]
    page.goto(take(attempt, item.position))
    page.locator(f"#q{item.position} .numeric input").press_sequentially("7")
    page.goto("/modules/needle-depth/")
    for _ in range(50):
        if stored(attempt)[item.position]:
            break
        page.wait_for_timeout(100)
    assert stored(attempt)[item.position] == "7"


def test_half_an_answer_is_saved_and_counts_as_none(maya, attempt):
    page, item = maya.page, items(attempt)["order"]
    pieces = factories.could_answer(item)[0].split()
    page.goto(take(attempt, item.position))
    give(page, f"#q{item.position}", " ".join(pieces[:-1]))
    expect(page.locator("#saved")).to_have_text(SAVED)
    link = page.get_by_role("link", name=f"Question {item.position}: answer not complete")
    expect(link).to_be_visible()
    expect(page.locator("#tally")).to_contain_text("0 of 10 answered")
    page.reload()
    comes_back(page, f"#q{item.position}", " ".join(pieces[:-1]))
    expect(link).to_be_visible()
    page.get_by_role("link", name="Check and hand in").click()
    expect(page.get_by_text("1 of them is answered in part: what is not complete is saved")).to_be_visible()
    expect(page.get_by_text("Not complete", exact=True)).to_have_count(1)
    page.go_back()
    twice = pieces[-1].split(":")[0] + ":1"  # two steps in the same place: no gap, and not whole
    give(page, f"#q{item.position}", twice)
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(link).to_be_visible()
    give(page, f"#q{item.position}", pieces[-1])
    expect(page.get_by_role("link", name=f"Question {item.position}: answered")).to_be_visible()


def test_letter_in_the_picture_is_the_line_in_the_list(maya, attempt):
    page, item = maya.page, items(attempt)["hotspot"]
    page.goto(take(attempt, item.position))
    for token, _ in item.shown[::-1]:
        with page.expect_response(SAVE):
            page.locator(f'#q{item.position} [data-pick="{token}"]').click()
        expect(page.locator(f'#q{item.position} [value="{token}"]')).to_be_checked()
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(attempt)[item.position] == token


def test_two_tabs_disagree_in_every_kind(maya, attempt):
    """Each kind says both answers in plain words; the one decided for, in turns hers and the saved one, is stored and shown."""
    maya.forgive(REFUSED)
    page, other = maya.page, maya.context.new_page()
    for turn, (kind, item) in enumerate(items(attempt).items()):
        decision = ("Keep the saved one", "Use my choice")[turn % 2]
        theirs, (mine, *_) = factories.could_answer(item)
        page.goto(take(attempt, item.position))
        other.goto(take(attempt, item.position))
        give(other, f"#q{item.position}", theirs)
        other.locator("h1").click()
        expect(other.locator("#saved")).to_have_text(SAVED)
        expect(other.get_by_role("link", name=f"Question {item.position}: answered")).to_be_visible()
        give(page, f"#q{item.position}", mine)
        page.locator("h1").click()
        merge = page.locator(f"#q{item.position} .merge")
        expect(merge).to_be_visible()
        said = told(item, theirs)
        expect(merge.locator("[data-theirs]")).to_have_text(said)
        expect(merge.locator("[data-mine]")).to_have_text(told(item, mine))
        assert stored(attempt)[item.position] == theirs, kind
        merge.get_by_role("button", name=decision).click()
        expect(merge).to_have_count(0)
        kept = mine if decision == "Use my choice" else theirs
        expect(page.locator("#saved")).not_to_contain_text("Saving")
        if decision == "Use my choice":
            expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(attempt)[item.position] == kept, kind
        assert given(page, f"#q{item.position}") == kept, kind
        assert queued(page) == []


def told(item: AttemptItem, answer: str) -> str:
    """As the site would say it; in the picture's list a region has its letter, too."""
    kind, content = kinds.of(item.question_version.question.kind), item.question_version.content
    words = kind.in_words(kind.in_ids(answer, item.shown), kind.texts(content))
    if kind.code != "hotspot":
        return words
    letter = "ABCDEF"[[token for token, _ in item.shown].index(answer)]
    return f"{letter} {words}"


def test_unsent_answers_of_every_kind_outlive_the_page(maya, attempt):
    maya.forgive(*LOST)
    page, keys = maya.page, rights(attempt)
    page.goto(take(attempt))
    page.route(SAVE, lambda route: route.abort())
    for position, answer in keys.items():
        give(page, f"#q{position}", answer)
        page.get_by_role("button", name=re.compile("^Save and ")).click()
    expect(page.locator("#saved")).to_have_text(f"{len(keys)} answers not sent yet")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(take(attempt, 1))
    for position, answer in keys.items():
        comes_back(page, f"#q{position}", answer)
    page.unroute(SAVE)
    expect(page.locator("#saved")).to_have_text(SAVED)
    assert stored(attempt) == keys
    assert queued(page) == []


def test_stale_answer_of_every_kind_without_javascript(visitor, cast, attempt):
    one = visitor(java_script_enabled=False)
    page = one.sign_in(cast.aesthetician)
    other = one.context.new_page()
    for kind, item in items(attempt).items():
        theirs, (mine, *_) = factories.could_answer(item)
        for tab in (page, other):
            tab.goto(take(attempt, item.position))
        for tab, answer in ((other, theirs), (page, mine)):
            give(tab, f"#q{item.position}", answer)
            tab.get_by_role("button", name=re.compile("^Save and ")).click()
        alert = page.get_by_role("alert")
        for answer in (theirs, mine):
            expect(alert).to_contain_text(told(item, answer).removeprefix("A ").removeprefix("B ").removeprefix("C "))
        assert stored(attempt)[item.position] == theirs, kind


def test_every_kind_in_every_look(maya, attempt):
    page = maya.page
    for kind, item in items(attempt).items():
        page.goto(take(attempt, item.position))
        give(page, f"#q{item.position}", factories.could_answer(item)[0])
        page.locator("h1").click()
        expect(page.locator("#saved")).to_have_text(SAVED)
        in_every_look(page, photograph(page, f"kind-{kind}-answered"))


def test_result_and_review_of_every_kind_in_every_look(visitor, cast, course):
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=6, critical_wrong=1)
    page = visitor().sign_in(cast.aesthetician)
    page.goto(f"/attempts/{done.attempt.public_id}/result/")
    for fold in page.locator("#answers ~ ol details summary").all():
        fold.click()
    in_every_look(page, pictured(page, "kinds-result"))
    page = visitor().sign_in(cast.physician)
    page.goto(f"/reviews/{done.attempt.public_id}/")
    in_every_look(page, pictured(page, "kinds-review"))


def pictured(page: Page, name: str) -> Callable[[str], None]:
    """As `photograph`, where the target of a link is the row that it stands in."""

    def shoot(look: str) -> None:
        assert overflow(page) == 0, f"{page.url} overflows in {look}"
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{look}.png"), full_page=look.startswith("390"))

    return shoot


def test_practice_of_every_kind(maya, cast, course):
    """Answered, explained, with what being sure of it means; one row each, in every look."""
    page = maya.page
    practice = QuestionVersion.objects.filter(question__bank="practice").select_related("question")
    rows = list(practice.order_by("question__code"))
    seen = set()
    for number, row in enumerate(rows, start=1):
        kind = row.question.kind
        if kind in seen:
            continue
        seen.add(kind)
        page.goto(f"/modules/needle-depth/practice/?q={number}")
        in_every_look(page, photograph(page, f"practice-{kind}"))
        shown = kinds.of(kind).by_name(row.content)
        give(page, "#practice", kinds.of(kind).wrong_answers(row.content, shown)[0])
        page.get_by_text("Sure", exact=True).click()
        page.get_by_role("button", name="Show the answer").click()
        expect(page.get_by_text("You were sure, and it is otherwise.")).to_be_visible()
        in_every_look(page, photograph(page, f"practice-{kind}-explained"))
        kept = PracticeAnswer.objects.latest("pk")
        assert (kept.person, kept.question_version, kept.right, kept.confidence) == (
            cast.aesthetician, row, False, "sure",
        )  # fmt: skip
    assert seen == {"single", "multiple", "order", "match", "hotspot", "case"}


def test_what_practice_shows_a_physician_in_every_look(visitor, cast, course):
    item = QuestionVersion.objects.get(question__code="nd-17-q5", state="live")
    names = ("Ann Abel", "Bea Berg", "Cleo Cruz", "Dora Dahl", "Eva Eis")
    for name in names:
        person = people.make_person(cast.lakeside, name, "aesthetician", by=cast.pinpoint)
        actions.practise(person=person, item=item, right=name < "C", confidence="sure")
    page = visitor().sign_in(cast.physician)
    page.goto("/protocol/")
    page.get_by_role("link", name="What practice shows of your staff: Needle depth").click()
    expect(page.get_by_role("heading", name="nd-17, safety-critical")).to_be_visible()
    expect(page.locator(".rows li").first).to_contain_text("3 sure and wrong")
    assert not [name for name in names if name in page.content()]
    in_every_look(page, pictured(page, "practice-summary"))
