"""The shipped course from the first section to the fourth certificate, in a browser, one next step after the other."""

import re

import pytest
from playwright.sync_api import Page, expect

from certificates.models import Certificate
from quizzes import material
from quizzes.models import Attempt, Quiz
from tests import factories
from tests.journeys.conftest import axe, overflow
from tests.journeys.test_chain import start
from tests.journeys.test_kinds import give, rights
from training.queries import live_versions, places

pytestmark = pytest.mark.browser


@pytest.fixture
def shipped(cast) -> list[factories.Course]:
    """The whole course as it ships, adopted by her physician, in the course's order."""
    material.load(factories.course_of(material.SHIPPED), by=cast.pinpoint)
    courses = [factories.Course(row.module, Quiz.objects.get(module=row.module), row) for row in live_versions()]
    for course in courses:
        factories.adopt(course=course, by=cast.physician, clinic=cast.lakeside)
    return courses


def home_shows(page: Page, title: str) -> None:
    """This step and no other."""
    page.goto("/")
    expect(page.locator(".next")).to_have_count(1)
    expect(page.locator(".next").get_by_role("heading")).to_have_text(title)
    expect(page.locator(".next .btn-primary")).to_have_count(1)


def read_in_order(page: Page, course: factories.Course) -> None:
    """From her home's step through every section, as the confirmation of each leads to the next."""
    page.locator(".next .btn-primary").click()
    for place in places(course.version):
        expect(page.get_by_role("heading", level=1)).to_contain_text(place.section_version.title)
        page.get_by_role("button", name=re.compile("^I have read this")).click()


def answer_all(page: Page, attempt: Attempt) -> None:
    """Every answer is right, and all are saved before the page that hands in."""
    keys = rights(attempt)
    for position, answer in sorted(keys.items()):
        page.locator(f"[data-go='{position}']").click()
        give(page, f"#q{position}", answer)
    expect(page.locator("#tally")).to_contain_text(f"{len(keys)} of {len(keys)} answered")
    expect(page.locator("#saved")).to_contain_text("Saved")
    page.get_by_role("link", name="Check and hand in").click()
    expect(page.get_by_text("Every question is answered.")).to_be_visible()


@pytest.mark.one_engine
def test_one_next_step_after_the_other_leads_to_four_certificates(visitor, cast, shipped):
    assert [course.module.slug for course in shipped] == list(factories.ALL_MODULES)
    page = visitor().sign_in(cast.aesthetician)
    for held, course in enumerate(shipped):
        title, sections = course.version.title, places(course.version)
        home_shows(page, f"Start reading: {sections[0].section_version.title}")
        read_in_order(page, course)
        home_shows(page, f"Take the quiz {title}")
        page.locator(".next .btn-primary").click()
        attempt = start(page)
        answer_all(page, attempt)
        page.get_by_role("button", name="Hand in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"{title}: passed")
        certificates = Certificate.objects.filter(person=cast.aesthetician)
        assert certificates.count() == held + 1
        assert certificates.latest("issued_at").attempt == attempt
    page.goto("/")
    expect(page.locator(".next").get_by_role("heading")).to_have_text(re.compile("^You are current until "))
    expect(page.locator(".next")).to_contain_text("Nothing is due.")
    axe(page)
    page.get_by_role("link", name="See your certificates").click()
    for course in shipped:
        expect(page.get_by_role("main").get_by_text(course.version.title).first).to_be_visible()
    axe(page)


@pytest.mark.one_engine
def test_pages_of_every_shipped_module(visitor, cast, shipped):
    page = visitor().sign_in(cast.aesthetician)
    paths = ["/programmes/mechanical-microneedling/"]
    for course in shipped:
        address = f"/modules/{course.module.slug}/"
        first, *_, last = (place.section_version.section.slug for place in places(course.version))
        paths += [address, f"{address}{first}/", f"{address}{last}/", f"{address}quiz/"]
    for path in paths:
        page.goto(path)
        axe(page)
        assert overflow(page) == 0, path


@pytest.mark.one_engine
def test_quiz_of_the_last_module_is_accessible_at_each_stage(visitor, cast, shipped):
    """The other modules' pages of the quiz are made by the same templates."""
    course = shipped[-1]
    factories.read_all(person=cast.aesthetician, course=course)
    page = visitor().sign_in(cast.aesthetician)
    page.goto(f"/modules/{course.module.slug}/quiz/")
    attempt = start(page)
    axe(page)
    answer_all(page, attempt)
    axe(page)
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{course.version.title}: passed")
    axe(page)
    page.get_by_role("link", name="See the certificate").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    axe(page)
