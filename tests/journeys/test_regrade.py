"""A wrong key, from the physician's look at what a regrade does to the decision about the certificate after it."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from certificates.models import Certificate
from certificates.queries import state_of
from tests import factories, people
from tests.journeys.conftest import in_every_look

pytestmark = pytest.mark.browser


def test_a_question_is_scored_anew_and_the_certificate_decided(visitor, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    right = done.attempt.items.filter(marks__points=1, points__point_version__critical=False)
    item = right.select_related("question_version__question").order_by("position")[0]
    given = dict(item.shown)[item.answer]
    factories.correct(version=item.question_version, by=cast.author, answered=given, wrongly=True)
    page = visitor().sign_in(cast.physician)

    def looked(_: str) -> None:
        pass

    page.goto(reverse("certificates:review-detail", args=[done.attempt.public_id]))
    page.locator("summary", has_text="right answers").click()
    page.locator(f"#q{item.position}").get_by_role("link", name="Score this question anew").click()
    page.get_by_role("radio", name="New key only").check()
    page.get_by_role("button", name="See what it does").click()
    expect(page.get_by_role("heading", name="What it does: new key only")).to_be_in_viewport()
    expect(page.get_by_text("No longer passed", exact=True)).to_be_visible()
    in_every_look(page, looked)

    page.get_by_label("Why it is scored anew").fill("The key named another layer.")
    page.get_by_label("Your e-mail").fill(cast.physician.email)
    page.get_by_label("Your password, to sign").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign for 1 attempt").click()
    expect(page.get_by_role("heading", name="Certificates to decide about (1)")).to_be_visible()
    in_every_look(page, looked)

    page.get_by_role("link", name=cast.aesthetician.full_name).click()
    in_every_look(page, looked)
    page.get_by_role("radio", name="The certificate is suspended").check()
    page.get_by_label("Why").fill("Please sit the quiz again.")
    page.get_by_label("Your password, to sign").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("heading", name="What happened since")).to_be_visible()
    assert state_of(Certificate.objects.get()) == "suspended"
