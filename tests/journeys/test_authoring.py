"""A clinician changes one safety-critical key point on the site and sees the whole chain react, without help."""

import os
import re

import pytest
from playwright.sync_api import Page, expect

from certificates.queries import state_of
from compliance.models import PointTest
from quizzes.models import QuestionVersion
from quizzes.queries import live_points, pool
from tests import factories
from tests.compliance.test_publishing import NEW, NOTE, OLD
from tests.journeys.conftest import in_every_look
from tests.journeys.test_chain import fits
from training.queries import live_version

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("PINPOINT_SHOTS", "")


@pytest.fixture
def course(cast):
    """Four items on each critical point, and a re-test of one."""
    return factories.make_module(
        by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest(items=1)
    )


def look(page: Page, name: str) -> None:
    """In every look; leaves pictures where PINPOINT_SHOTS names a folder."""
    fit = fits(page)

    def check(seen: str) -> None:
        fit(seen)
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{seen}.png", full_page=True)

    in_every_look(page, check)


def drawable(course, cast) -> set[str]:
    version = live_version(course.module)
    assert version
    return {code for code in pool(version, live_points(version), cast.lakeside, cast.colleague)[1] if "nd-17" in code}


def approve(page: Page, code: str) -> None:
    page.get_by_role("link", name=re.compile(f"^{code}:")).click()
    page.get_by_role("button", name="It is right: approve it").click()
    page.wait_for_url("**/approvals/")


@pytest.mark.one_engine
def test_one_critical_key_point_and_everything_that_rests_on_it(visitor, cast, course):
    held = factories.make_finished(person=cast.aesthetician, course=course).certificate

    page = visitor().sign_in(cast.author)
    page.goto("/")
    page.get_by_role("link", name="Authoring", exact=True).click()
    look(page, "authoring")
    page.get_by_role("link", name="Technique and endpoint").click()
    body = page.get_by_label("Section, in Markdown")
    assert OLD in body.input_value()
    body.fill(body.input_value().replace(OLD, NEW))
    expect(page.locator("#checked ins").filter(has_text="Lift off, press")).to_be_visible()  # as one writes
    expect(page.get_by_role("heading", name="Nothing keeps it from being published")).to_be_visible()
    look(page, "section-edit")
    page.get_by_role("button", name="Save and see whom it touches").click()

    expect(page.get_by_text("1 person holds a certificate that rests on what changes")).to_be_visible()
    expect(page.get_by_text("5 items go stale")).to_be_visible()
    expect(page.get_by_text("critical key point nd-17 has no item")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Publish version 2"))).to_be_disabled()
    look(page, "section-publish-refused")
    page.get_by_role("link", name="Approvals").click()
    expect(page.get_by_text("none of them for you")).to_be_visible()

    second = visitor().sign_in(cast.physician)
    second.goto("/")
    second.get_by_role("link", name="Quiz items to approve").click()
    look(second, "approvals")
    second.get_by_role("link", name=re.compile("^nd-17-q11:")).click()
    look(second, "approval")
    second.get_by_role("button", name="It is right: approve it").click()
    approve(second, "nd-17-q12")

    page.goto(f"/authoring/{course.module.slug}/technique-and-endpoint/publish/")
    expect(page.get_by_text("2 items approved for the new text already")).to_be_visible()
    expect(page.get_by_text("Not possible here: words of a safety-critical point or a number changed.")).to_be_visible()
    page.get_by_label("What changed and why").fill(NOTE)
    look(page, "section-publish")
    page.get_by_role("button", name=re.compile("^Publish version 2")).click()
    expect(page.get_by_text("1 task went to the people it touches")).to_be_visible()
    assert drawable(course, cast) == {"nd-17-q11", "nd-17-q12"}
    assert QuestionVersion.objects.get(question__code="nd-17-q1").state == "stale"
    assert state_of(held) == "valid"

    maya = visitor().sign_in(cast.aesthetician)
    maya.goto("/")
    expect(maya.get_by_role("heading", name="Read nd-17 again: Technique and endpoint")).to_be_visible()
    look(maya, "home-task")
    maya.get_by_role("link", name="Read the passage").click()
    expect(maya.locator("#nd-17")).to_contain_text("Lift off, press gently")
    maya.get_by_role("button", name=re.compile("^I have read")).click()
    maya.goto("/")
    maya.get_by_role("link", name="Answer the questions").click()
    look(maya, "task")
    maya.get_by_role("button", name="Ask me").click()
    look(maya, "task-questions")
    for item in PointTest.objects.get().items.all():
        options = item.question_version.content["options"]
        maya.get_by_label(next(option["text"] for option in options if option["key"]), exact=True).nth(
            item.position - 1
        ).check()
    maya.get_by_role("button", name="Hand in").click()
    expect(maya.get_by_text("Nothing more is asked of you here")).to_be_visible()
    maya.goto("/")
    expect(maya.get_by_text("Asked of you because a text changed")).to_have_count(0)

    second.goto("/approvals/")
    for code in ("nd-17-q1", "nd-17-q13", "nd-17-q5"):
        approve(second, code)
    expect(second.get_by_text("No item waits")).to_be_visible()
    assert {"nd-17-q1", "nd-17-q11", "nd-17-q12"} <= drawable(course, cast)
