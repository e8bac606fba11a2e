"""The pages of a regrade: choose, look, sign; the decision after it; and what the person sees."""

import pytest
from django.urls import reverse

from certificates.models import Certificate
from certificates.queries import state_of
from compliance.steps.physicians import physician_step
from compliance.waiting import waiting_for
from quizzes.models import Disposition, Regrade
from staff import clock
from tests import factories
from tests.certificates.test_regrading import corrected_away, corrected_to_answer, items_of, lost
from tests.people import PASSWORD
from tests.quizzes.test_retest import MINUTE

NEW = reverse("certificates:regrade-new")


def asked(item, option: str = "") -> str:
    query = f"?question={item.question_version.question.code}&version={item.question_version.number}"
    return f"{NEW}{query}&option={option}" if option else f"{NEW}{query}"


def signed(response, cast, **more) -> dict[str, str]:
    return {
        "shown_sha256": response.context["shown_sha256"],
        "opened_at": response.context["opened_at"].isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
        **more,
    }


@pytest.fixture
def failed(cast, module):
    """Not passed, because of a wrong key among others."""
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=2).attempt


@pytest.fixture
def physician(client, cast):
    client.force_login(cast.physician)
    return client


def test_choose_look_and_sign(physician, cast, failed):
    item = items_of(failed, critical=False, right=False)[0]
    page = physician.get(asked(item)).content.decode()
    assert page.count("No later version of this question is approved") == 3, (
        "beside both options and under the question"
    )
    corrected_to_answer(cast, item)
    looked = physician.get(asked(item, "new"))
    assert "Maya Lindqvist" in looked.content.decode()
    assert "A certificate is issued, valid from the day of passing" in looked.content.decode()
    assert not Regrade.objects.exists()
    answer = physician.post(asked(item, "new"), signed(looked, cast, reason="The key was wrong."))
    assert answer.status_code == 302
    row = Regrade.objects.get()
    assert (row.option, row.reason, row.signature.signer) == ("new", "The key was wrong.", cast.physician)
    assert "1 now passed" in physician.get(reverse("certificates:regrade-list")).content.decode()
    assert "Maya Lindqvist" in physician.get(row.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reason": ""}, "Say why the question is scored anew"),
        ({"password": "wrong"}, "The password is not right"),
        ({"shown_sha256": "0" * 64}, "The record changed while it was on your screen"),
    ],
    ids=["no reason", "wrong password", "another list"],
)
def test_nothing_is_signed_without(physician, cast, failed, change, sentence):
    item = items_of(failed, critical=False, right=False)[0]
    looked = physician.get(asked(item, "credit"))
    answer = physician.post(asked(item, "credit"), signed(looked, cast, reason="The key was wrong.") | change)
    assert answer.status_code == (409 if "shown_sha256" in change else 400)
    assert sentence in answer.content.decode()
    assert not Regrade.objects.exists()


def test_a_key_that_cannot_be_used_shows_no_list(physician, failed):
    item = items_of(failed, critical=False, right=False)[0]
    assert "touched" not in physician.get(asked(item, "new")).context


@pytest.mark.one_engine  # as many statements on both
def test_pages_take_as_many_queries_with_more_rows(physician, cast, module, failed, django_assert_max_num_queries):
    def taken(url: str) -> int:
        with django_assert_max_num_queries(80) as counted:
            assert physician.get(url).status_code == 200
        return len(counted)

    item = items_of(failed, critical=True, right=True)[0]
    urls = (asked(item, "withdraw"), reverse("certificates:regrade-list"))
    factories.make_regrade(
        plan=factories.plan_for(item, "both", corrected=corrected_away(cast, item)), by=cast.physician
    )
    details = [Regrade.objects.get().get_absolute_url()]
    physician.get(urls[0])
    first = [taken(url) for url in (*urls, *details)]
    for person in (cast.colleague, cast.support):
        drawn = items_of(factories.make_finished(person=person, course=module).attempt, critical=True, right=True)[0]
    factories.make_regrade(plan=factories.plan_for(drawn, "credit"), by=cast.physician)
    newest = Regrade.objects.order_by("-pk")[0]
    assert len(newest.entries) > 1
    assert [taken(url) for url in (*urls, newest.get_absolute_url())] == first


def test_an_author_sees_that_it_happened_and_no_names(client, cast, failed):
    item = items_of(failed, critical=False, right=False)[0]
    factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
    client.force_login(cast.author)
    page = client.get(reverse("certificates:regrade-list")).content.decode()
    assert item.question_version.question.code in page
    assert "1 attempt, 1 now passed".replace(" ", "\u00a0", 1) in page
    for person in (cast.aesthetician, cast.physician):
        assert person.full_name not in page


def test_the_result_shows_the_new_answer_labelled_after_a_pass(client, cast, module, failed):
    item = items_of(failed, critical=False, right=False)[0]
    factories.make_regrade(
        plan=factories.plan_for(item, "new", corrected=corrected_to_answer(cast, item)), by=cast.physician
    )
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[failed.public_id])).content.decode()
    texts = {option["id"]: option["text"] for option in item.question_version.content["options"]}
    was = next(option["text"] for option in item.question_version.content["options"] if option["key"])
    now = texts[dict(item.shown)[item.answer]]
    assert f"The answer to question {item.position} was “{was}”; it is “{now}”." in page.replace("&#x27;", "'")
    assert "First scored: 4 of 6, not passed. Now: 5 of 6, passed." in page
    assert "Your certificate is ready" in page


def test_the_result_of_a_fail_names_no_key(client, cast, module):
    """Neither the old one nor the new one: the question may be asked again."""
    attempt = factories.make_finished(person=cast.aesthetician, course=module, wrong=3).attempt
    item = items_of(attempt, critical=False, right=False)[0]
    corrected = corrected_away(cast, item)
    factories.make_regrade(plan=factories.plan_for(item, "new", corrected=corrected), by=cast.physician)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[attempt.public_id])).content.decode()
    assert "it was scored anew" in page
    given = dict(item.shown)[item.answer]
    for version in (item.question_version, corrected):
        for option in version.content["options"]:
            if option["id"] != given:
                assert option["text"] not in page


def test_a_withdrawn_question_is_neither_right_nor_missed(client, cast, module):
    attempt = factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1).attempt
    item = items_of(attempt, critical=True, right=False)[0]
    factories.make_regrade(plan=factories.plan_for(item, "withdraw"), by=cast.physician)
    client.force_login(cast.aesthetician)
    response = client.get(reverse("certificates:attempt-result", args=[attempt.public_id]))
    assert response.context["result"].missed == []
    assert [answer.state for answer in response.context["result"].answers if answer.position == item.position] == [
        "withdrawn"
    ]
    page = response.content.decode()
    assert "First scored: 5 of 6, not passed. Now: 5 of 5, passed." in page
    assert "At least 4 right: met." in page
    client.force_login(cast.physician)
    review = client.get(reverse("certificates:review-detail", args=[attempt.public_id])).content.decode()
    assert "Scored anew on" in review


def test_the_decision_waits_in_her_queue_and_is_signed_there(physician, cast, module):
    certificate = lost(cast, module)
    url = reverse("certificates:certificate-dispose", args=[certificate.number])
    work = waiting_for(cast.physician)
    assert [row.url for row in work.decisions] == [url]
    assert work.critical == ()
    assert physician_step(work).url == url
    for page in (
        reverse("compliance:home"),
        reverse("certificates:review-queue"),
        reverse("certificates:regrade-list"),
    ):
        assert url in physician.get(page).content.decode()
    looked = physician.get(url)
    assert looked.status_code == 200
    refused = physician.post(url, signed(looked, cast, decision="suspend", reason=" "))
    assert refused.status_code == 400
    done = physician.post(url, signed(looked, cast, decision="suspend", reason="Please sit it again."))
    assert done.status_code == 302
    assert Disposition.objects.get().reason == "Please sit it again."
    assert state_of(Certificate.objects.get()) == "suspended"
    assert waiting_for(cast.physician).decisions == ()
    assert physician.get(url).status_code == 302, "it waits for no decision any more"


def test_suspended_after_a_regrade_the_learner_sits_again(client, cast, module):
    """Her home leads to the passage and the quiz; her manager cannot lift it, her physician can."""
    certificate = lost(cast, module)
    client.force_login(cast.aesthetician)
    result = reverse("certificates:attempt-result", args=[certificate.attempt.public_id])
    assert "A physician decides about your certificate" in client.get(result).content.decode()
    factories.decide(certificate=certificate, decision="suspend", by=cast.physician)
    assert "As we discussed." in client.get(result).content.decode()
    assert "Read again" in client.get(reverse("compliance:home")).content.decode()
    with clock.at(clock.now() + 1440 * MINUTE):
        factories.read_all(person=cast.aesthetician, course=module)
        home = client.get(reverse("compliance:home")).content.decode()
        assert "suspended until you have passed again" in home
    lift = reverse("certificates:certificate-lift", args=[certificate.number])
    for person, expected in ((cast.manager, 403), (cast.physician, 200)):
        client.force_login(person)
        assert client.get(lift).status_code == expected


def test_what_is_handed_in_since_waits_to_be_scored_anew(physician, cast, module, failed):
    item = items_of(failed, critical=True, right=True)[0]
    running = factories.make_attempt(person=cast.colleague, course=module, seed=failed.seed)
    drawn = {row.question_version_id for row in running.items.all()}
    assert item.question_version_id in drawn
    factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
    assert waiting_for(cast.physician).regrades == ()
    factories.answer(attempt=running)
    factories.proof.submit(attempt=running, by=cast.colleague)
    (since,) = waiting_for(cast.physician).regrades
    assert since.attempts == 1
    assert physician.get(since.url).context["summary"]["attempts"] == 1
    for page in (
        reverse("compliance:home"),
        reverse("certificates:review-queue"),
        reverse("certificates:regrade-list"),
    ):
        assert since.url.replace("&", "&amp;") in physician.get(page).content.decode()
    factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
    assert waiting_for(cast.physician).regrades == ()
