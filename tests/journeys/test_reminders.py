"""The manager reminds one of those who are late, finds it in the log and in the mail; then her days go into a calendar."""

import re

import pytest
from django.core import mail as outbox
from django.core.management import call_command

from tests import factories
from tests.journeys.conftest import axe, expect, in_every_look, overflow, small_targets

pytestmark = [pytest.mark.browser, pytest.mark.one_engine]


def test_manager_reminds_and_takes_the_days_along(cast, visitor):
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
    factories.make_finished(person=cast.aesthetician, course=course)
    late = cast.colleague
    page = visitor().sign_in(cast.manager)

    # At any hour of the day, so that what follows does not depend on it.
    page.goto("/reminders/hours/")
    page.get_by_label("From", exact=True).select_option("0:00")
    page.get_by_label("Until").select_option("24:00")
    page.get_by_role("button", name="Set the hours").click()
    expect(page.get_by_text("go out between 0:00 and 24:00 from now on")).to_be_visible()
    axe(page)

    page.goto("/compliance/")
    page.get_by_label(f"Select {late.full_name}").check()
    page.get_by_role("button", name="Remind these people").click()
    expect(page.get_by_role("heading", name=re.compile(r"Remind 1.person"))).to_be_visible()
    expect(page.get_by_text(late.full_name)).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Reminders", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"1.person is reminded by mail"))).to_be_visible()
    expect(page.get_by_role("link", name=late.full_name)).to_be_visible()
    expect(page.get_by_text(f"by hand, {cast.manager.full_name}")).to_be_visible()
    call_command("tick")
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text=late.full_name).get_by_text("Sent", exact=True)).to_be_visible()
    (hers,) = [one for one in outbox.outbox if one.to == [late.email] and "reminds you" in one.body]
    assert course.version.title in hers.body

    def check(look: str) -> None:
        assert overflow(page) == 0, look
        assert small_targets(page) == [], look

    in_every_look(page, check)
    page.goto("/compliance/months/")
    expect(page.get_by_role("heading", name="Over the months")).to_be_visible()
    expect(page.get_by_text("1 of 2")).to_be_visible()
    in_every_look(page, check)

    page.get_by_text(cast.manager.full_name).first.click()
    page.get_by_role("link", name="Days in a calendar").click()
    page.get_by_role("button", name=re.compile(f"Make an address.*{cast.lakeside}")).click()
    expect(page.get_by_text("It is shown this once")).to_be_visible()
    axe(page)
    address = page.get_by_role("textbox", name="Address").input_value()
    file = page.request.get(address)
    assert file.status == 200
    assert "SUMMARY:" in file.text()
    assert late.full_name not in file.text()
    page.get_by_role("button", name=re.compile(f"Take it back.*{cast.lakeside}")).click()
    expect(page.get_by_text("The address is taken back")).to_be_visible()
    assert page.request.get(address).status == 404
