"""The one next step of each role."""

from datetime import date, timedelta

import pytest

from certificates import actions as proof
from quizzes.models import Review
from staff import clock
from staff.actions import open_clinic
from staff.models import Membership
from tests import factories
from tests.people import make_person
from training.models import KeyPoint


def home(client, person) -> str:
    client.force_login(person)
    response = client.get("/")
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def hired(person, day: date) -> None:
    Membership.objects.filter(person=person).update(hired_on=day)


def returned(cast, done, *, suspend: bool) -> Review:
    return proof.review(
        attempt=done.attempt,
        decision=Review.Decision.RETURNED,
        text="Read the endpoint again.",
        restudy=list(KeyPoint.objects.all()[:1]),
        suspend=suspend,
        seen=factories.seen(done.attempt.seal_sha256, cast.physician),
        by=cast.physician,
    )


def test_without_modules(client, cast):
    assert "No module is published yet" in home(client, cast.aesthetician)


def test_fresh_learner_starts_reading(client, cast, module):
    hired(cast.aesthetician, date(2026, 10, 20))
    page = home(client, cast.aesthetician)
    assert "Start reading: " in page
    assert "Due 19 November 2026" in page
    assert page.count('class="next') == 1


def test_after_reading_the_quiz(client, cast, module):
    factories.read_all(person=cast.aesthetician, course=module)
    page = home(client, cast.aesthetician)
    assert "Take the quiz" in page
    assert "/modules/needle-depth/quiz/" in page


def test_an_open_attempt_comes_first(client, cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    page = home(client, cast.aesthetician)
    assert "Go on with the quiz" in page
    assert "until 3 November 2026 at 08:00" in page
    assert f"/attempts/{attempt.public_id}/" in page


def test_failed_asks_to_read_again_and_says_when(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=4)
    page = home(client, cast.aesthetician)
    assert "Read again: " in page
    assert "The next attempt opens on 3 November 2026 at 06:00" in page
    assert "last attempt 2 of 6, 2 attempts left" in page


def test_read_again_waits_until_the_hour(client, cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=4)
    with clock.at(now + timedelta(minutes=10)):
        factories.read_all(person=cast.aesthetician, course=module)
        assert "Your next attempt at" in home(client, cast.aesthetician)
    with clock.at(now + timedelta(hours=30)):
        assert "attempt 2 of 3" in home(client, cast.aesthetician)


def test_locked_asks_the_physician(client, cast, module, now):
    factories.make_locked(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=3)):
        page = home(client, cast.aesthetician)
        assert "All 3 attempts are used" in page
        hers = home(client, cast.physician)
        assert "through with Maya Lindqvist" in hers
        assert "1 critical missed" not in hers, "the talk covers the attempts of a locked person"


def test_current_says_until_when_and_when_renewal_opens(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    page = home(client, cast.aesthetician)
    assert "You are current until 1 November 2027" in page
    assert "opens on 2 September 2027" in page


def test_renewal_opens_by_visiting(client, cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=320)):
        page = home(client, cast.aesthetician)
        assert "Renew " in page
        assert cast.aesthetician.candidacies.filter(closed_at=None, reason="renewal").count() == 1
    with clock.at(now + timedelta(days=400)):
        assert "Your certificate expired on 1 November 2027" in home(client, cast.aesthetician)


def test_returned_and_suspended_comes_back_when_read_again(client, cast, module, now):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    returned(cast, done, suspend=True)
    page = home(client, cast.aesthetician)
    assert "Elena Ruiz returned your attempt" in page
    with clock.at(now + timedelta(minutes=10)):
        factories.read_all(person=cast.aesthetician, course=module)
        assert "You are current until" in home(client, cast.aesthetician)


def test_suspended_by_the_manager(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    proof.suspend(
        certificate=done.certificate, reason_class="other", public_text="Held", private_note="", by=cast.manager
    )
    assert "is suspended since 2 November 2026" in home(client, cast.aesthetician)


def test_revoked_leads_to_the_quiz(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    proof.revoke(
        certificate=done.certificate,
        reason_class="retraining",
        public_text="Re-training required",
        private_note="",
        seen=factories.seen(done.certificate.facts_sha256, cast.physician),
        by=cast.physician,
    )
    assert "Your certificate was revoked on 2 November 2026" in home(client, cast.aesthetician)


def test_passed_before_adoption(client, cast):
    course = factories.make_module(by=cast.pinpoint)
    factories.make_finished(person=cast.aesthetician, course=course)
    assert "There is nothing for you to do" in home(client, cast.aesthetician)
    page = home(client, cast.physician)
    assert "Adopt " in page
    assert "1 pass waits for it" in page


def test_support_has_nothing_due(client, cast, module):
    assert "requires no module of you" in home(client, cast.support)


def test_physician_with_a_critical_miss(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    page = home(client, cast.physician)
    assert "Review Maya Lindqvist" in page
    assert "Maya" not in home(client, cast.other_physician)


def test_physician_with_nothing(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    assert "Nothing waits for you" in home(client, cast.physician)


def test_a_reviewed_miss_waits_no_longer(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    returned(cast, done, suspend=False)
    assert "Nothing waits for you" in home(client, cast.physician)


def test_a_miss_that_the_retest_made_good_waits_no_longer(client, cast, now):
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest())
    factories.make_finished(person=cast.aesthetician, course=course, critical_wrong=1)
    with clock.at(now + timedelta(minutes=5)):
        factories.make_finished(person=cast.aesthetician, course=course)
        assert "Nothing waits for you" in home(client, cast.physician)
        client.force_login(cast.physician)
        assert "Waiting (" not in client.get("/reviews/").text


def test_a_miss_that_was_talked_through_waits_no_longer(client, cast, module, now):
    last = factories.make_locked(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=4)):
        proof.record_talk(
            candidacy=last.candidacy,
            text="We went through the missed points.",
            seen=factories.seen(last.seal_sha256, cast.physician),
            by=cast.physician,
        )
        assert "Nothing waits for you" in home(client, cast.physician)


def test_manager_counts_and_names(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    page = home(client, cast.manager)
    assert "1 of 2 people is not current" in page
    assert "Danielle Osei" in page
    assert "Noor Haddad" not in page


def test_manager_when_all_are_current(client, cast, module):
    for person in (cast.aesthetician, cast.colleague):
        factories.make_finished(person=person, course=module)
    assert "All 2 people are current" in home(client, cast.manager)


def test_manager_of_an_empty_clinic(client, cast):
    alone = open_clinic(name="New Rooms", address="3 Hill", zone="UTC", by=cast.pinpoint)
    person = make_person(alone, "Alma Alone", "manager", by=cast.pinpoint)
    assert "No one else works here yet" in home(client, person)


@pytest.mark.parametrize(("who", "link"), [("author", "/styleguide/"), ("administrator", "/admin/")])
def test_house(client, cast, module, who, link):
    assert f'href="{link}"' in home(client, getattr(cast, who))


def test_two_roles_have_one_next_step(client, cast, module):
    both = make_person(cast.lakeside, "Bea Both", "aesthetician", "manager", by=cast.pinpoint)
    page = home(client, both)
    assert page.count('class="next') == 1
    assert "Start reading: " in page
    assert "Most urgent first" in page


@pytest.mark.one_engine  # as many statements on both
def test_home_costs_the_same_for_a_large_clinic(client, cast, module, django_assert_num_queries, crowd):
    home(client, cast.manager)
    few = crowd.count(lambda: client.get("/"))
    crowd.grow()
    with django_assert_num_queries(few):
        client.get("/")
