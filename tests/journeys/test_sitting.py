"""The sitting of a quiz in a browser: what the page says is saved is saved, whatever the connection does.

One engine is enough for what the page does by itself: the saves it sends are those of the others here and of tests/quizzes.
"""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from certificates.models import Certificate
from quizzes.models import Attempt, AttemptItem, LateAnswer, Response
from staff import clock
from tests import emptied, factories
from tests.journeys.conftest import Visitor, axe, in_every_look, overflow, small_targets

pytestmark = pytest.mark.browser

SAVE = re.compile(r"/attempts/[\w-]+/\d+/$")
SAVED = re.compile(r"^\s*Saved \d\d:\d\d:\d\d\s*$")
LOST = (r"net::ERR_", r"status of 50\d")
REFUSED = r"status of 409"
SHOTS = os.environ.get("PINPOINT_SHOTS", "")


@pytest.fixture
def attempt(cast, module) -> Attempt:
    return factories.make_attempt(person=cast.aesthetician, course=module, seed="a quiet morning")


@pytest.fixture
def maya(visitor, cast) -> Visitor:
    one: Visitor = visitor()
    one.sign_in(cast.aesthetician)
    return one


def take(attempt: Attempt, position: int = 0) -> str:
    return f"/attempts/{attempt.public_id}/" + (f"?q={position}" if position else "")


def stored(attempt: Attempt) -> dict[int, str]:
    return dict(AttemptItem.objects.filter(attempt=attempt).values_list("position", "answer"))


def right(attempt: Attempt) -> dict[int, str]:
    """The key of each position, as the token its taker sees."""
    keys = {}
    for item in AttemptItem.objects.filter(attempt=attempt).select_related("question_version"):
        key = next(option["id"] for option in item.question_version.content["options"] if option["key"])
        keys[item.position] = next(token for token, option in item.shown if option == key)
    return keys


def tokens(attempt: Attempt, position: int) -> list[str]:
    return [token for token, _ in AttemptItem.objects.get(attempt=attempt, position=position).shown]


def choose(page: Page, position: int, token: str) -> None:
    page.bring_to_front()  # a tab behind another is drawn so seldom that each step waits two seconds
    page.locator(f"#q{position} .choice", has=page.locator(f'[value="{token}"]')).click()


def on(page: Page, position: int, count: int = 6) -> None:
    expect(page.locator("#where")).to_have_text(f"Question {position} of {count}")
    expect(page.locator(f"#q{position}")).to_be_visible()
    expect(page.locator(".item:visible")).to_have_count(1)
    expect(page).to_have_title(re.compile(f"^Question {position} of {count} "))
    expect(page.locator('[aria-current="step"]')).to_have_text(str(position))


def queued(page: Page) -> list[dict]:
    """What this device still holds."""
    return list(
        page.evaluate(
            """() => new Promise((resolve) => {
                 const opening = indexedDB.open("pinpoint-sitting", 1);
                 opening.onupgradeneeded = () => opening.result.createObjectStore("answers", {keyPath: ["attempt", "position"]});
                 opening.onsuccess = () => {
                   const all = opening.result.transaction("answers").objectStore("answers").getAll();
                   all.onsuccess = () => { opening.result.close(); resolve(all.result); };
                 };
               })"""
        )
    )


def photograph(page: Page, name: str) -> Callable[[str], None]:
    def shoot(look: str) -> None:
        assert overflow(page) == 0, f"{page.url} overflows in {look}"
        assert not small_targets(page), f"{page.url} in {look}: {small_targets(page)}"
        if SHOTS:
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{look}.png"), full_page=look.startswith("390"))

    return shoot


@pytest.mark.one_engine
def test_whole_quiz_by_keyboard_alone(maya, attempt):
    page, keys = maya.page, right(attempt)
    page.goto(take(attempt))
    for position in range(1, 7):
        on(page, position)
        if position == 1:
            page.locator(".skip").focus()
        else:
            expect(page.locator(f"#q{position} legend")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        for _ in range(4):
            if page.locator(f"#q{position} :checked[name=answer]").get_attribute("value") == keys[position]:
                break
            page.keyboard.press("ArrowDown")
        expect(page.locator(f'#q{position} [value="{keys[position]}"]')).to_be_checked()
        expect(page.locator("#saved")).to_have_text(SAVED)
        assert stored(attempt)[position] == keys[position]
        if position == 3:
            page.reload()
            on(page, 3)
            page.go_back()
            on(page, 2)
            page.go_forward()
            on(page, 3)
            expect(page.locator(f'#q3 [value="{keys[3]}"]')).to_be_checked()
            expect(page.locator(".navigator .done")).to_have_count(3)
            page.locator(f'#q3 [value="{keys[3]}"]').focus()
        page.keyboard.press("Enter")
    page.wait_for_url("**/check/")
    expect(page.get_by_text("Every question is answered.")).to_be_visible()
    page.get_by_role("button", name="Hand in").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/result/")
    assert Certificate.objects.filter(attempt=attempt).count() == 1


@pytest.mark.one_engine
def test_saved_is_said_only_after_the_server_has_answered(maya, attempt):
    page, (first, second, *_) = maya.page, tokens(attempt, 1)
    held: list[Route] = []
    page.route(SAVE, lambda route: held.append(route))
    page.goto(take(attempt))
    expect(page.locator("#saved")).to_be_hidden()
    choose(page, 1, first)
    expect(page.locator("#saved")).to_have_text("Saving…")
    expect(page.locator("#tally")).to_contain_text("0 of 6 answered")
    choose(page, 1, second)
    choose(page, 1, first)
    choose(page, 1, second)
    page.wait_for_timeout(300)
    assert len(held) == 1  # one request at a time, whatever is pressed
    expect(page.locator("#saved")).to_have_text("Saving…")
    held[0].continue_()
    page.wait_for_timeout(300)
    assert len(held) == 2  # of the three newer choices, the last
    expect(page.locator("#saved")).to_have_text("Saving…")
    held[1].continue_()
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(page.locator("#tally")).to_contain_text("1 of 6 answered")
    expect(page.locator("#progress")).to_have_js_property("value", 1)
    assert stored(attempt)[1] == second
    assert list(Response.objects.values_list("payload", flat=True).order_by("revision")) == [first, second]
    assert queued(page) == []


@pytest.mark.one_engine
def test_flag_is_saved_at_once(maya, attempt):
    page = maya.page
    page.goto(take(attempt, 2))
    page.get_by_role("checkbox", name="Flag this question").check()
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(page.get_by_role("link", name="Question 2: not answered, flagged")).to_be_visible()
    assert AttemptItem.objects.get(attempt=attempt, position=2).flagged
    assert not Response.objects.exists()
    with page.expect_response(SAVE):
        page.get_by_role("checkbox", name="Flag this question").uncheck()
    expect(page.get_by_role("link", name="Question 2: not answered", exact=True)).to_be_visible()
    assert not AttemptItem.objects.get(attempt=attempt, position=2).flagged


@pytest.mark.one_engine
def test_double_press_moves_one_question(maya, attempt):
    page = maya.page
    page.goto(take(attempt))
    page.get_by_role("button", name="Save and continue").dblclick()
    page.wait_for_timeout(500)
    on(page, 2)
    page.get_by_role("button", name="Back").dblclick()
    page.wait_for_timeout(500)
    on(page, 1)


def test_connection_lost_for_two_answers_and_back(maya, attempt):
    maya.forgive(*LOST)
    page = maya.page
    page.goto(take(attempt))
    first, second = tokens(attempt, 1)[0], tokens(attempt, 2)[1]
    with maya.offline():
        choose(page, 1, first)
        alert = page.get_by_role("alert").filter(has_text="No connection since")
        expect(alert).to_be_visible()
        expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
        page.get_by_role("button", name="Save and continue").click()
        on(page, 2)
        choose(page, 2, second)
        expect(page.locator("#saved")).to_have_text("2 answers not sent yet")
        expect(page.locator("#q2").get_by_text("Not sent yet, kept on this device")).to_be_visible()
        expect(page.get_by_role("link", name="Question 1: answer not sent yet")).to_be_visible()
        assert [entry["answer"] for entry in sorted(queued(page), key=lambda e: e["at"])] == [first, second]
        page.get_by_role("link", name="Check and hand in").click()
        expect(page.get_by_text("The check page opens when they have been sent.")).to_be_visible()
        assert set(stored(attempt).values()) == {""}
        page.get_by_role("link", name="Question 3: not answered").click()
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    expect(alert).to_be_hidden()
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(page.locator("#spoken")).to_have_text("Connection is back. All answers are saved.")
    assert [url.rstrip("/").rsplit("/", 1)[1] for url in sent] == ["1", "2"]
    assert (stored(attempt)[1], stored(attempt)[2]) == (first, second)
    assert queued(page) == []
    on(page, 3)  # she had gone on: nothing pulls her to the check page


@pytest.mark.one_engine
def test_unsent_answer_outlives_the_page(maya, attempt):
    maya.forgive(*LOST)
    page, first = maya.page, tokens(attempt, 1)[0]
    page.goto(take(attempt))
    page.route(SAVE, lambda route: route.abort())
    choose(page, 1, first)
    expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
    page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?": yes
    page.goto(take(attempt, 1))
    expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
    expect(page.locator(f'#q1 [value="{first}"]')).to_be_checked()
    page.unroute(SAVE)
    expect(page.locator("#saved")).to_have_text(SAVED)
    assert stored(attempt)[1] == first
    assert queued(page) == []


@pytest.mark.one_engine
def test_check_page_waits_for_what_is_not_sent(maya, attempt):
    maya.forgive(*LOST)
    page, first = maya.page, tokens(attempt, 1)[0]
    page.goto(take(attempt))
    page.route(SAVE, lambda route: route.abort())
    choose(page, 1, first)
    page.get_by_role("link", name="Check and hand in").click()
    expect(page.get_by_text("The check page opens when they have been sent.")).to_be_visible()
    page.unroute(SAVE)
    page.wait_for_url("**/check/")
    assert stored(attempt)[1] == first


def test_saved_but_the_answer_to_it_was_lost(maya, attempt):
    """The same key is asked again: one response, no quarrel with oneself, and the choice made since then goes after it."""
    maya.forgive(*LOST)
    page, (first, second, *_) = maya.page, tokens(attempt, 1)
    page.goto(take(attempt))

    def swallow(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route(SAVE, swallow, times=1)
    choose(page, 1, first)
    expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
    choose(page, 1, second)
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(page.locator(".merge")).to_have_count(0)
    assert list(Response.objects.values_list("payload", flat=True).order_by("revision")) == [first, second]


def test_leaving_while_saving_still_sends(maya, attempt):
    page, first = maya.page, tokens(attempt, 1)[0]
    page.add_init_script("window.fetch = () => new Promise(() => {})")  # the request is under way and stays so
    page.goto(take(attempt))
    choose(page, 1, first)
    expect(page.locator("#saved")).to_have_text("Saving…")
    page.get_by_role("link", name="Leave and come back later").click()
    page.wait_for_url("**/modules/needle-depth/")
    for _ in range(50):
        if stored(attempt)[1]:
            break
        page.wait_for_timeout(100)
    assert stored(attempt)[1] == first


def test_signed_out_in_between_loses_nothing(maya, attempt, cast):
    maya.forgive(r"status of 403")
    page, first = maya.page, tokens(attempt, 1)[0]
    page.goto(take(attempt))
    maya.context.clear_cookies()
    choose(page, 1, first)
    alert = page.get_by_role("alert").filter(has_text="You are no longer signed in.")
    expect(alert).to_be_visible()
    expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
    with maya.context.expect_page() as opened:
        alert.get_by_role("link").click()
    other = opened.value
    other.get_by_label("Work e-mail").fill(cast.aesthetician.email)
    other.get_by_label("Password", exact=True).fill(factories.PASSWORD)
    other.get_by_role("button", name="Sign in", exact=True).click()
    other.wait_for_url(lambda url: "login" not in url)
    page.bring_to_front()
    expect(page.locator("#saved")).to_have_text(SAVED)
    expect(alert).to_be_hidden()
    assert stored(attempt)[1] == first


@pytest.mark.one_engine
def test_sign_out_empties_this_device(maya, attempt):
    maya.forgive(*LOST)
    page = maya.page
    page.goto(take(attempt))
    page.route(SAVE, lambda route: route.abort())
    choose(page, 1, tokens(attempt, 1)[0])
    expect(page.locator("#saved")).to_have_text("1 answer not sent yet")
    other = maya.context.new_page()
    other.goto("/accounts/logout/")
    assert len(queued(other)) == 1
    other.get_by_role("button", name="Sign out").last.click()
    other.wait_for_url("**/login/")
    assert queued(other) == []


@pytest.mark.parametrize("decision", ["Keep the saved one", "Use my choice"])
def test_two_tabs_disagree_and_the_person_decides(maya, attempt, decision):
    maya.forgive(REFUSED)
    page = maya.page
    theirs, mine, *_ = tokens(attempt, 1)
    texts = {
        token: option["text"]
        for item in AttemptItem.objects.filter(attempt=attempt, position=1).select_related("question_version")
        for token, name in item.shown
        for option in item.question_version.content["options"]
        if option["id"] == name
    }
    page.goto(take(attempt))
    other = maya.context.new_page()
    other.goto(take(attempt))
    choose(other, 1, theirs)
    expect(other.locator("#saved")).to_have_text(SAVED)
    choose(page, 1, mine)
    merge = page.get_by_role("alert").filter(has_text="Another tab or device")
    expect(merge).to_contain_text(f"“{texts[theirs]}”. Here you chose “{texts[mine]}”.")
    expect(page.locator("#saved")).to_have_text("Question 1: two answers")
    assert stored(attempt)[1] == theirs
    page.reload()  # the question stays open until she has decided
    expect(merge).to_be_visible()
    page.get_by_role("link", name="Check and hand in").click()
    expect(merge.get_by_role("button").first).to_be_focused()
    assert stored(attempt)[1] == theirs
    merge.get_by_role("button", name=decision).click()
    expect(merge).to_have_count(0)
    kept = mine if decision == "Use my choice" else theirs
    if decision == "Use my choice":
        expect(page.locator("#saved")).to_have_text(SAVED)
    expect(page.locator(f'#q1 [value="{kept}"]')).to_be_checked()
    assert stored(attempt)[1] == kept
    expect(page.locator("#saved")).not_to_contain_text("Saving")
    assert queued(page) == []


def test_same_answer_in_two_tabs_is_no_quarrel(maya, attempt):
    maya.forgive(REFUSED)
    page, same = maya.page, tokens(attempt, 1)[0]
    page.goto(take(attempt))
    other = maya.context.new_page()
    other.goto(take(attempt))
    for tab in (other, page):
        choose(tab, 1, same)
        expect(tab.locator("#saved")).to_have_text(SAVED)
    expect(page.locator(".merge")).to_have_count(0)
    assert stored(attempt)[1] == same


def test_attempt_handed_in_elsewhere_leads_to_the_result(maya, attempt):
    maya.forgive(REFUSED)
    page = maya.page
    page.goto(take(attempt))
    factories.answer(attempt=attempt)
    factories.proof.submit(attempt=attempt, by=attempt.candidacy.person)
    choose(page, 1, tokens(attempt, 1)[0])
    page.wait_for_url("**/result/")


def late_ones(attempt: Attempt) -> dict[int, str]:
    return dict(LateAnswer.objects.filter(item__attempt=attempt).values_list("item__position", "answer"))


def test_answers_that_arrive_after_the_end_are_named_and_kept(maya, attempt):
    maya.forgive(*LOST, REFUSED)
    page, late = maya.page, {1: tokens(attempt, 1)[0], 2: tokens(attempt, 2)[1], 3: tokens(attempt, 3)[0]}
    page.goto(take(attempt))
    with maya.offline():
        for position in (1, 2):
            choose(page, position, late[position])
            page.get_by_role("button", name="Save and continue").click()
        expect(page.locator("#saved")).to_have_text("2 answers not sent yet")
        factories.proof.submit(attempt=attempt, by=attempt.candidacy.person)
    alert = page.get_by_role("alert").filter(has_text="This attempt has ended.")
    expect(alert).to_contain_text("The last answers to questions 1, 2 are kept for your physician, and do not count.")
    expect(alert).not_to_contain_text("too late to be kept", use_inner_text=True)
    expect(page.locator("#q1 :checked[name=answer]")).to_have_count(0)
    expect(page.locator("#q3 [name=answer]").first).to_be_disabled()
    assert queued(page) == []
    assert late_ones(attempt) == {1: late[1], 2: late[2]}
    axe(page)
    alert.get_by_role("link", name="Open your result").click()
    page.wait_for_url("**/result/")
    expect(page.get_by_role("heading", name="Arrived after the end")).to_be_visible()
    axe(page)
    # The same where the page was closed meanwhile: what is still on the device comes with the next page she opens.
    page.evaluate(
        """([attempt, answer]) => new Promise((resolve) => {
             indexedDB.open("pinpoint-sitting", 1).onsuccess = ({target}) => {
               const put = target.result.transaction("answers", "readwrite").objectStore("answers").put(
                 {attempt, position: 3, answer, revision: 0, key: "from the phone", at: 1.5e12, until: 1.5e9});
               put.onsuccess = () => { target.result.close(); resolve(); };
             };
           })""",
        [attempt.public_id, late[3]],
    )
    page.goto("/")
    alert = page.get_by_role("alert").filter(has_text="The last answers to question 3 are kept for your physician")
    expect(alert).to_be_visible()
    axe(page)
    assert late_ones(attempt) == late
    assert queued(page) == []
    alert.get_by_role("link", name="Open the result").click()
    page.wait_for_url(f"**/attempts/{attempt.public_id}/result/")
    expect(page.get_by_text("3 answers reached the site after this attempt had ended.")).to_be_visible()


def test_double_press_hands_in_once(maya, attempt):
    factories.answer(attempt=attempt)
    page = maya.page
    page.goto(take(attempt) + "check/")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.get_by_role("button", name="Hand in").dblclick()
    page.wait_for_url("**/result/")
    assert len(posts) == 1
    assert Certificate.objects.filter(attempt=attempt).count() == 1


@pytest.mark.one_engine
def test_hand_in_without_connection_says_so(maya, attempt):
    factories.answer(attempt=attempt)
    page = maya.page
    page.goto(take(attempt) + "check/")
    with maya.offline():
        page.get_by_role("button", name="Hand in").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was handed in, and nothing is lost")
    expect(page.locator("#offline")).to_be_hidden()
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/result/")


@pytest.mark.one_engine
def test_clock_counts_down_and_warns_once(visitor, cast, attempt):
    def leave(minutes: float) -> None:
        with emptied.unguarded("quizzes_attempt"):
            Attempt.objects.update(limit_minutes=45, deadline_at=clock.now() + timedelta(minutes=minutes))

    page = visitor().sign_in(cast.aesthetician)
    leave(4.9)
    page.goto(take(attempt))
    expect(page.locator("#spoken")).to_have_text("5 minutes left.")
    for path in (take(attempt), take(attempt) + "check/"):
        page.goto(path)
        expect(page.locator("#clock")).to_have_text(re.compile(r"^4:\d\d left$"))
        page.wait_for_timeout(150)
        expect(page.locator("#spoken")).to_be_empty()
    leave(12)
    page.clock.install()
    page.route(
        "**/clock/", lambda route: route.fulfill(json={})
    )  # the server's time does not run ahead with the page's
    page.goto(take(attempt))
    expect(page.locator("#clock")).to_have_text("12 min left")
    heard: list[str] = []
    page.expose_function("heard", lambda sentence: heard.append(sentence))
    page.evaluate(
        """() => new MutationObserver(() => heard(document.getElementById("spoken").textContent))
             .observe(document.getElementById("spoken"), {childList: true})"""
    )
    for _ in range(23):
        page.clock.run_for(30_000)
    page.wait_for_timeout(200)
    assert [sentence for sentence in heard if sentence] == ["5 minutes left.", "1 minute left."]
    expect(page.locator("#clock")).to_have_text(re.compile(r"^0:\d\d left$"))
    page.clock.run_for(40_000)
    expect(page.get_by_role("alert").filter(has_text="Time is over.")).to_be_visible()
    expect(page.locator("#q1 input").last).to_be_disabled()


@pytest.mark.one_engine
def test_extra_time_shows_while_the_quiz_runs(visitor, cast, attempt):
    with emptied.unguarded("quizzes_attempt"):
        started_at = clock.now() - timedelta(minutes=33)
        Attempt.objects.update(started_at=started_at, limit_minutes=45, deadline_at=started_at + timedelta(minutes=45))
    page = visitor().sign_in(cast.aesthetician)
    page.clock.install()
    page.goto(take(attempt))
    expect(page.locator("#clock")).to_have_text("12 min left")
    factories.accommodate(person=cast.aesthetician, by=cast.manager, percent=150)
    page.clock.run_for(21_000)
    expect(page.locator("#clock")).to_have_text(re.compile("3[45] min left"))
    page.clock.run_for(100)
    expect(page.locator("#spoken")).to_have_text("You have been given 23 more minutes.")


def test_whole_quiz_without_javascript(visitor, cast, attempt):
    one = visitor(java_script_enabled=False)
    page, keys = one.sign_in(cast.aesthetician), right(attempt)
    page.goto(take(attempt))
    for position in range(1, 7):
        expect(page.locator("#where")).to_have_text(f"Question {position} of 6")
        choose(page, position, keys[position])
        if position == 2:
            page.get_by_role("checkbox", name="Flag this question").check()
        page.get_by_role("button", name="Save and check" if position == 6 else "Save and continue").click()
        expect(page.locator("#saved") if position < 6 else page.locator("main")).to_contain_text(
            "Saved" if position < 6 else "Every question is answered."
        )
        assert stored(attempt)[position] == keys[position]
    expect(page.get_by_text("Flagged", exact=True)).to_be_visible()
    page.get_by_role("button", name="Hand in").click()
    page.wait_for_url("**/result/")
    assert Certificate.objects.filter(attempt=attempt).count() == 1


@pytest.mark.one_engine
def test_stale_answer_without_javascript_shows_both(visitor, cast, attempt):
    one = visitor(java_script_enabled=False)
    page = one.sign_in(cast.aesthetician)
    theirs, mine, *_ = tokens(attempt, 1)
    page.goto(take(attempt, 1))
    other = one.context.new_page()
    other.goto(take(attempt, 1))
    choose(other, 1, theirs)
    other.get_by_role("button", name="Save and continue").click()
    choose(page, 1, mine)
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was overwritten")
    expect(page.locator(f'#q1 [value="{theirs}"]')).to_be_checked()
    assert stored(attempt)[1] == theirs


@pytest.mark.one_engine
def test_focus_is_never_hidden_under_the_bar(maya, attempt):
    page = maya.page
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(take(attempt, 2))
    page.locator("#to-check").focus()
    for _ in range(14):
        page.keyboard.press("Shift+Tab")
        hidden = page.evaluate(
            """() => { const f = document.activeElement, bar = document.querySelector(".sitting").getBoundingClientRect();
                 return f !== document.body && !f.matches(".skip") && f.getBoundingClientRect().top < bar.bottom - 1
                   && getComputedStyle(document.querySelector(".sitting")).position === "sticky" ? f.outerHTML : "" }"""
        )
        assert not hidden


@pytest.mark.one_engine
def test_every_state_of_the_page_in_every_look(maya, attempt):
    maya.forgive(*LOST, REFUSED)
    page = maya.page
    page.goto(take(attempt))
    in_every_look(page, photograph(page, "1-first"))

    choose(page, 1, tokens(attempt, 1)[1])
    page.get_by_role("button", name="Save and continue").click()
    choose(page, 2, tokens(attempt, 2)[0])
    page.get_by_role("checkbox", name="Flag this question").check()
    expect(page.locator("#saved")).to_have_text(SAVED)
    in_every_look(page, photograph(page, "2-answered"))

    other = maya.context.new_page()
    other.goto(take(attempt, 3))
    page.get_by_role("link", name="Question 3: not answered").click()
    choose(other, 3, tokens(attempt, 3)[0])
    expect(other.locator("#saved")).to_have_text(SAVED)
    choose(page, 3, tokens(attempt, 3)[1])
    expect(page.locator(".merge")).to_be_visible()
    in_every_look(page, photograph(page, "3-merge"))
    page.get_by_role("button", name="Use my choice").click()
    expect(page.locator("#saved")).to_have_text(SAVED)

    page.get_by_role("link", name="Question 4: not answered").click()
    with maya.offline():
        choose(page, 4, tokens(attempt, 4)[2])
        expect(page.locator("#offline")).to_be_visible()
        in_every_look(page, photograph(page, "4-offline"))
    expect(page.locator("#saved")).to_have_text(SAVED)

    page.get_by_role("link", name="Check and hand in").click()
    page.wait_for_url("**/check/")
    in_every_look(page, photograph(page, "5-check-open"))
    factories.answer(attempt=attempt)
    page.reload()
    axe(page)
    in_every_look(page, photograph(page, "6-check-all"))
