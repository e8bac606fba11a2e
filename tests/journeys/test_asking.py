"""Asking about a section and questioning an item, in a browser and without JavaScript, until the answer is read."""

import re

import pytest
from playwright.sync_api import expect

from quizzes.models import AnswerSeen, Enquiry
from tests import factories
from tests.journeys.conftest import in_every_look
from tests.journeys.test_chain import fits, look_at

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]
LONG = "Where is this written down? " + "Our sheet says another thing than this key point does. " * 15
SECTION = "/modules/needle-depth/technique-and-endpoint/"


def test_a_question_about_a_section_is_answered_and_read(visitor, cast, module):
    page = visitor(java_script_enabled=False).sign_in(cast.aesthetician)
    page.goto(SECTION)
    page.get_by_role("link", name="Ask about this").click()
    page.get_by_role("button", name="Send the question").click()
    expect(page.get_by_role("alert")).to_contain_text("This is still empty.")
    page.get_by_label("About").select_option("nd-17")
    page.get_by_role("textbox", name="Your question").fill(LONG)
    page.get_by_role("button", name="Send the question").click()
    expect(page.get_by_text("Nobody has answered yet")).to_be_visible()
    enquiry = Enquiry.objects.get()

    physician = visitor().sign_in(cast.physician)
    physician.goto("/")
    physician.locator(".next .btn-primary").click()
    in_every_look(physician, fits(physician))
    physician.get_by_role("link", name=re.compile("^Where is this written down")).click()
    in_every_look(physician, fits(physician))
    physician.get_by_label("Your answer").fill("On the sheet beside the sink.")
    physician.get_by_role("button", name="Send the answer").click()
    expect(physician.get_by_text("Nothing waits for an answer")).to_be_visible()

    page.goto("/")
    page.get_by_role("link", name="Elena Ruiz answered").click()
    expect(page.get_by_text("On the sheet beside the sink.")).to_be_visible()
    assert AnswerSeen.objects.get().answer.enquiry == enquiry
    page.goto("/")
    expect(page.get_by_role("link", name="Elena Ruiz answered")).to_have_count(0)


def test_an_item_is_questioned_from_the_result(visitor, cast, module):
    attempt = factories.make_finished(person=cast.aesthetician, course=module, wrong=1, critical_wrong=1).attempt
    page = visitor().sign_in(cast.aesthetician)
    page.goto(f"/attempts/{attempt.public_id}/result/")
    page.locator("#answers ~ ol summary").nth(1).click()
    page.get_by_role("link", name="Question this item 2").click()
    in_every_look(page, fits(page))
    page.get_by_label("What is wrong or unclear").fill("Two options say the same.")
    page.get_by_role("button", name="Send the question").click()
    enquiry = Enquiry.objects.get()
    in_every_look(page, fits(page))
    look_at(page, f"{SECTION}ask/", "/questions/", f"/attempts/{attempt.public_id}/result/")
    for person in (cast.physician, cast.author):
        look_at(visitor().sign_in(person), "/", "/questions/", enquiry.get_absolute_url())
    look_at(visitor().sign_in(cast.manager), "/questions/")
