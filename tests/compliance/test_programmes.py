"""Programmes: what each asks for and of whom, how far one is, and the way through it on the home page."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.queries import board_of
from staff import clock
from staff.models import Membership
from tests import factories
from tests.people import make_person
from training.actions import confirm_reading
from training.models import Module, Programme
from training.queries import places

MICRONEEDLING = "/programmes/mechanical-microneedling/"
INFECTION = "/programmes/infection-control/"


def text(client, person, path: str = "/") -> str:
    client.force_login(person)
    response = client.get(path)
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def way(page: str) -> list[str]:
    """The titles of the modules in the first ordered list."""
    rows = page[page.index('<ol class="rows">') :].partition("</ol>")[0]
    return [re.sub(r"<[^>]+>", "", row) for row in re.findall(r"<h3>(.*?)</h3>", rows)]


def standings(cast) -> dict[str, list[str]]:
    return {row.person.full_name: [cell.standing.word for cell in row.cells] for row in board_of([cast.lakeside]).rows}


def statements(visit) -> int:
    with CaptureQueriesContext(connection) as made:
        visit()
    return len(made)


def test_modules_stand_in_the_order_of_the_programme(cast, four):
    slugs = ["sterilisation", "needle-depth", "contraindications", "complications"]
    assert list(Module.objects.values_list("slug", flat=True)) == slugs
    assert Programme.objects.get(slug="mechanical-microneedling").slugs == slugs


def test_a_module_loaded_later_takes_its_place(cast):
    factories.make_module(by=cast.pinpoint, slug="complications")
    factories.make_module(by=cast.pinpoint, slug="sterilisation")
    assert list(Module.objects.values_list("slug", flat=True)) == ["sterilisation", "complications"]


def test_what_is_required_of_whom(cast, four):
    """Treating staff need all four, support staff sterilisation alone; who does both needs all."""
    make_person(cast.lakeside, "Bea Both", "aesthetician", "support", by=cast.pinpoint)
    asked = {name: [word != "not-required" for word in words] for name, words in standings(cast).items()}
    assert asked == {
        "Maya Lindqvist": [True] * 4,
        "Danielle Osei": [True] * 4,
        "Bea Both": [True] * 4,
        "Tom Reyes": [True, False, False, False],
        "Elena Ruiz": [False] * 4,
        "Priya Raman": [False] * 4,
    }


def test_support_staff_are_current_with_sterilisation_alone(client, cast, four):
    factories.make_finished(person=cast.support, course=four["sterilisation"])
    assert standings(cast)["Tom Reyes"] == ["current", "not-required", "not-required", "not-required"]
    assert "You are current until 1 November 2027" in text(client, cast.support)


def test_a_certificate_beyond_the_programme_does_not_make_current(client, cast, four):
    factories.make_finished(person=cast.support, course=four["needle-depth"])
    assert standings(cast)["Tom Reyes"][:2] == ["not-current", "not-required"]
    assert "Start reading: " in text(client, cast.support)


@pytest.mark.parametrize(
    ("who", "scope"),
    [
        ("aesthetician", "Mechanical microneedling; radiofrequency not included"),
        ("support", "Infection control; treating patients not included"),
    ],
)
def test_the_certificate_names_the_scope_of_ones_own_programme(cast, four, who, scope):
    done = factories.make_finished(person=getattr(cast, who), course=four["sterilisation"])
    assert done.certificate.scope == scope


def test_home_shows_the_whole_way_and_one_next_step(client, cast, four):
    page = text(client, cast.aesthetician)
    assert way(page) == ["Sterilisation", "Needle depth", "Contraindications", "Complications"]
    assert page.count('class="next') == 1
    assert "/modules/sterilisation/technique-and-endpoint/" in page
    assert way(text(client, cast.support)) == ["Sterilisation"]


def test_home_counts_the_minutes_that_are_left(client, cast, four):
    """The small section takes two minutes and its quiz of six questions as many as its words do."""
    section = places(four["needle-depth"].version)[0].section_version.minutes
    quiz = four["needle-depth"].quiz.minutes
    page = text(client, cast.aesthetician)
    assert f"About {4 * (section + quiz)} minutes left" in page
    assert f"about {section + quiz} minutes, quiz included" in page
    factories.read_all(person=cast.aesthetician, course=four["needle-depth"])
    assert f"about {quiz} minutes left, quiz included" in text(client, cast.aesthetician)
    factories.make_finished(person=cast.aesthetician, course=four["needle-depth"], read=False, wrong=4)
    page = text(client, cast.aesthetician)
    assert f"about {section + quiz} minutes left, quiz included" in page, "the missed passage is read again"


def test_home_counts_no_minutes_for_what_is_passed(client, cast, four):
    section = places(four["needle-depth"].version)[0].section_version.minutes
    quiz = four["needle-depth"].quiz.minutes
    factories.make_finished(person=cast.aesthetician, course=four["needle-depth"])
    assert f"About {3 * (section + quiz)} minutes left" in text(client, cast.aesthetician)


def test_the_next_step_goes_through_the_modules_in_order(client, cast, four):
    for slug, following in (("sterilisation", "needle-depth"), ("needle-depth", "contraindications")):
        factories.make_finished(person=cast.aesthetician, course=four[slug])
        assert f"/modules/{following}/technique-and-endpoint/" in text(client, cast.aesthetician)
    factories.make_finished(person=cast.aesthetician, course=four["complications"])
    assert "/modules/contraindications/technique-and-endpoint/" in text(client, cast.aesthetician)
    factories.make_finished(person=cast.aesthetician, course=four["contraindications"])
    assert "You are current until" in text(client, cast.aesthetician)


def test_while_one_module_waits_the_next_is_offered(client, cast, four, now):
    factories.make_finished(person=cast.aesthetician, course=four["sterilisation"], wrong=4)
    with clock.at(now + timedelta(minutes=10)):
        factories.read_all(person=cast.aesthetician, course=four["sterilisation"])
        assert "Start reading: " in text(client, cast.aesthetician)
        assert "of Needle depth left" in text(client, cast.aesthetician)


def test_an_attempt_that_runs_comes_first_wherever_it_is(client, cast, four):
    attempt = factories.make_attempt(person=cast.support, course=four["complications"])
    page = text(client, cast.support)
    assert "Go on with the quiz Complications" in page
    assert f"/attempts/{attempt.public_id}/" in page
    assert "Also begun, not required of you" in page


def test_what_is_required_comes_before_what_was_only_begun(client, cast, four):
    section = places(four["needle-depth"].version)[0].section_version
    confirm_reading(person=cast.support, version=section)
    page = text(client, cast.support)
    assert "of Sterilisation left" in page
    assert "Also begun, not required of you" in page


def test_what_is_not_published_is_said_calmly(client, cast, module):
    for path in ("/", MICRONEEDLING):
        page = text(client, cast.aesthetician, path)
        assert way(page) == ["Sterilisation", "Needle depth", "Contraindications", "Complications"]
        assert page.count("Nothing is due for it until then.") == 3
        assert 'href="/modules/sterilisation/"' not in page
    assert "4 modules, 3 not published yet" in text(client, cast.aesthetician, "/programmes/")
    page = text(client, cast.support)
    assert "Nothing is due" in page
    assert "Not published yet" in page


def test_without_any_material(client, cast):
    assert "No programme yet" in text(client, cast.aesthetician, "/programmes/")
    assert "No programme yet" in text(client, cast.aesthetician)
    client.force_login(cast.aesthetician)
    assert client.get(MICRONEEDLING).status_code == 404


def test_programmes_say_who_needs_which(client, cast, four):
    page = text(client, cast.support, "/programmes/")
    assert "For treating staff · 4 modules" in page
    assert "For support staff · 1 module" in page
    assert page.count("Not required of you") == 1
    assert "Not required of you" not in text(client, cast.manager, "/programmes/")
    assert "so not of you" in text(client, cast.support, MICRONEEDLING)
    assert "so not of you" not in text(client, cast.support, INFECTION)


def test_programme_shows_how_far_with_its_dates(client, cast, four, now):
    done = factories.make_finished(person=cast.aesthetician, course=four["sterilisation"])
    page = text(client, cast.aesthetician, MICRONEEDLING)
    assert "1 of 4 current" in page
    number = done.certificate.number
    assert "Passed on 2 November 2026. Certificate" in page
    assert f"{number}</span>, 2 November 2026 to 1 November 2027." in page
    assert page.count("Adopted for Lakeside Skin Clinic by Elena Ruiz on 2 November 2026.") == 4


def test_programme_shows_a_pass_that_waits_for_adoption(client, cast):
    course = factories.make_module(by=cast.pinpoint, slug="sterilisation")
    factories.make_finished(person=cast.support, course=course)
    page = text(client, cast.support, INFECTION)
    assert "Passed on 2 November 2026. Not adopted for Lakeside Skin Clinic yet" in page
    assert "Certificate <" not in page


def test_programme_of_somebody_who_does_not_learn_shows_no_standing(client, cast, four):
    factories.make_finished(person=cast.aesthetician, course=four["sterilisation"])
    page = text(client, cast.manager, MICRONEEDLING)
    assert way(page) == ["Sterilisation", "Needle depth", "Contraindications", "Complications"]
    for absent in ("PP-2026", "sections read", "Passed on", 'class="next'):
        assert absent not in page


def test_practicals_and_signature_are_announced_without_a_button(client, cast, four):
    page = text(client, cast.aesthetician, MICRONEEDLING)
    assert page.count('class="col practical"') == 13
    assert page.count(", safety-critical</span>") == 12
    assert "An approved observer watches each of these" in page
    assert "the supervising physician signs the whole programme, and its certificate is issued" in page
    assert "<form" not in page[page.index('id="practicals"') : page.index('id="terms"')]
    assert "None: nobody is treated in this programme." in text(client, cast.support, INFECTION)


def test_programme_says_how_each_module_is_renewed(client, cast, four):
    page = text(client, cast.aesthetician, MICRONEEDLING)
    assert "<h3>Sterilisation</h3>" in page
    assert "through 364 days after it. At renewal every section is read again first." in page
    assert "<h3>Needle depth, Contraindications, Complications</h3>" in page


def test_a_stranger_s_progress_is_not_shown(client, cast, four):
    factories.make_finished(person=cast.aesthetician, course=four["sterilisation"])
    assert "Passed on" not in text(client, cast.colleague, MICRONEEDLING)


@pytest.mark.one_engine  # as many statements on both
def test_costs_the_same_with_two_modules_and_with_four(client, cast, module, django_assert_num_queries):
    """One begun and one not, then two of each."""
    person, paths = cast.aesthetician, ("/", "/programmes/", MICRONEEDLING, "/modules/", "/binder/")
    factories.make_finished(person=person, course=module, wrong=4)
    factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, slug="contraindications")
    for path in paths:
        text(client, person, path)
    few = {path: statements(lambda path=path: client.get(path)) for path in paths}
    courses = factories.make_modules(by=cast.pinpoint, adopted_by=cast.physician)
    factories.make_finished(person=person, course=courses["sterilisation"], wrong=4)
    for path in paths:
        client.get(path)
        with django_assert_num_queries(few[path]):
            client.get(path)


def test_a_new_member_has_thirty_days_for_each(client, cast, four):
    Membership.objects.filter(person=cast.support).update(hired_on=date(2026, 10, 20))
    page = text(client, cast.support)
    assert "Due 19 November 2026" in page
