from datetime import timedelta

import pytest
from django.db import transaction
from django.urls import reverse

from certificates import actions
from certificates.queries import state_of
from compliance import records
from quizzes.models import AttemptGrant, Review
from staff import audit, clock, signing
from staff.models import AuditEvent, OutgoingMail, Signature
from tests import factories
from tests.certificates.test_actions import give_back
from tests.people import PASSWORD
from training.models import KeyPoint

DAY = timedelta(days=1)
QUEUE = "/reviews/"


@pytest.fixture
def missed(cast, module):
    """Maya missed a safety-critical question."""
    return factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1).attempt


def detail(attempt):
    return reverse("certificates:review-detail", args=[attempt.public_id])


def signing_form(cast, attempt, **fields) -> dict:
    return {
        "shown_sha256": attempt.seal_sha256,
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
        **fields,
    }


def waiting(client):
    """The part of the queue above the list of all attempts."""
    return client.get(QUEUE).text.split('id="all"')[0]


def test_queue_holds_a_critical_miss(client, cast, missed):
    client.force_login(cast.physician)
    assert "Maya Lindqvist" in waiting(client)


def test_clean_pass_is_listed_and_never_a_task(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.physician)
    assert "Nothing waits for you" in waiting(client)
    assert "Maya Lindqvist" in client.get(QUEUE).text


def test_ordinary_miss_is_no_task(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=3)
    client.force_login(cast.physician)
    assert "Nothing waits for you" in waiting(client)


def test_locked_person_waits_until_the_talk(client, cast, module, now):
    last = factories.make_locked(person=cast.aesthetician, course=module)
    client.force_login(cast.physician)
    assert "Maya Lindqvist has used all attempts" in waiting(client)
    path = reverse("certificates:review-talk", args=[last.public_id])
    assert client.get(path).status_code == 200
    got = client.post(path, signing_form(cast, last, text="We looked at bleeding."))
    assert (got.status_code, got["Location"]) == (302, QUEUE)
    assert AttemptGrant.objects.get().granted_by == cast.physician
    assert "has used all attempts" not in waiting(client)


def test_talk_stands_on_the_review_with_its_meaning_and_time(client, cast, module):
    last = factories.make_locked(person=cast.aesthetician, course=module)
    client.force_login(cast.physician)
    client.post(
        reverse("certificates:review-talk", args=[last.public_id]),
        signing_form(cast, last, text="We looked at bleeding."),
    )
    page = client.get(detail(last)).text
    assert "We looked at bleeding." in page
    assert signing.MEANINGS["talk"] in page
    assert "UTC\u221207:00, America/Denver" in page


def test_what_was_chosen_stays_after_a_mistyped_password(client, cast, missed):
    """And nothing that was unticked comes back to be signed at the second try."""
    client.force_login(cast.physician)
    first = client.get(detail(missed))
    assert first.context["ticked"]
    other = next(gap.code for gap in first.context["result"].gaps if gap.code not in first.context["ticked"])
    opened_at = (clock.now() - timedelta(minutes=4)).isoformat()
    chosen = {"decision": "returned", "text": "Look again.", "restudy": [other], "certificate": "keep"}
    again = client.post(
        detail(missed), signing_form(cast, missed, **chosen, opened_at=opened_at) | {"password": "wrong"}
    )
    assert again.status_code == 400
    assert 'value="returned" checked' in again.text
    assert (again.context["ticked"], again.context["fate"]) == ([other], "keep")
    assert again.context["opened_at"] == clock.now() - timedelta(minutes=4), "the reading did not begin anew"


@pytest.mark.parametrize(("critical", "fate"), [(1, "suspend"), (0, "")])
def test_suspending_is_the_default_where_a_critical_point_was_missed(client, cast, module, critical, fate):
    attempt = factories.make_finished(
        person=cast.aesthetician, course=module, wrong=1 - critical, critical_wrong=critical
    ).attempt
    client.force_login(cast.physician)
    assert client.get(detail(attempt)).context["fate"] == fate


def test_whoever_returns_a_pass_says_what_becomes_of_its_certificate(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    client.force_login(cast.physician)
    code = KeyPoint.objects.order_by("pk").first().code
    chosen = {"decision": "returned", "text": "Look again.", "restudy": [code]}
    got = client.post(detail(done.attempt), signing_form(cast, done.attempt, **chosen))
    assert "Choose whether the certificate is suspended or stays in force." in got.text
    assert not Review.objects.exists()
    assert (
        client.post(detail(done.attempt), signing_form(cast, done.attempt, **chosen, certificate="keep")).status_code
        == 302
    )
    assert state_of(done.certificate) == "valid"


def test_talk_says_why_nothing_was_signed(client, cast, missed):
    client.force_login(cast.physician)
    path = reverse("certificates:review-talk", args=[missed.public_id])
    got = client.post(path, signing_form(cast, missed, text="Too early."))
    assert got.status_code == 400
    assert "Attempts are still open here, so no talk is needed to open more." in got.text
    assert "Fill in the note: it is part of the record." in client.post(path, signing_form(cast, missed)).text
    assert not Signature.objects.filter(meaning_code="talk").exists()


def test_next_attempt_opened_early_on_the_page(client, cast, missed):
    client.force_login(cast.physician)
    path = reverse("certificates:review-early", args=[missed.public_id])
    assert client.get(path).status_code == 200
    assert client.post(path, signing_form(cast, missed, text="She treats tomorrow.")).status_code == 302
    assert AttemptGrant.objects.get().kind == "early"


def test_reviewed_attempt_waits_no_more(client, cast, missed):
    give_back(cast, missed)
    client.force_login(cast.physician)
    assert "Nothing waits for you" in waiting(client)


def test_physician_sees_keys_and_rationales(client, cast, missed):
    client.force_login(cast.physician)
    page = client.get(detail(missed)).text
    for item in missed.items.select_related("question_version__question"):
        for option in item.question_version.content["options"]:
            assert option["text"] in page.replace("&quot;", '"').replace("&#x27;", "'")
            assert option["rationale"] in page.replace("&quot;", '"').replace("&#x27;", "'")
        assert f"{item.question_version.question.code} version 1" in page


def test_physician_sees_earlier_attempts_of_her_clinic(client, cast, module, missed, now):
    with clock.at(now + DAY):
        factories.read_all(person=cast.aesthetician, course=module)
        second = factories.make_finished(person=cast.aesthetician, course=module, read=False).attempt
    client.force_login(cast.physician)
    assert detail(missed) in client.get(detail(second)).text


def test_endorse_on_the_page(client, cast, missed):
    client.force_login(cast.physician)
    got = client.post(detail(missed), signing_form(cast, missed, decision="endorsed"))
    assert (got.status_code, got["Location"]) == (302, QUEUE)
    row = Review.objects.get()
    assert (row.decision, row.reviewer, row.signature.signer) == ("endorsed", cast.physician, cast.physician)
    assert row.signature.auth_method == "email+password"


def test_second_signature_takes_the_password_alone(client, cast, module, missed):
    other = factories.make_finished(person=cast.colleague, course=module).attempt
    client.force_login(cast.physician)
    client.post(detail(missed), signing_form(cast, missed, decision="endorsed"))
    client.post(detail(other), signing_form(cast, other, decision="endorsed", email=""))
    assert Review.objects.get(attempt=other).signature.auth_method == "password"


def test_return_on_the_page(client, cast, missed):
    client.force_login(cast.physician)
    form = signing_form(cast, missed, decision="returned", text="Look again at bleeding.", restudy=["nd-17"])
    assert client.post(detail(missed), form).status_code == 302
    row = Review.objects.get()
    assert [point.code for point in row.restudy.all()] == ["nd-17"]
    assert "Look again at bleeding." in OutgoingMail.objects.get(dedupe_key=f"returned:{row.pk}").body
    client.force_login(cast.aesthetician)
    result = client.get(reverse("certificates:attempt-result", args=[missed.public_id])).text
    assert "Look again at bleeding." in result
    assert "To study again: nd-17" in result


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"decision": "returned", "text": "", "restudy": ["nd-17"]}, "Say what is to be studied again and why"),
        ({"decision": "returned", "text": "Again."}, "Tick at least one key point to study again"),
        ({"decision": "endorsed", "password": ""}, "<p>Type your password to sign. Nothing was signed.</p>"),
        ({"decision": "endorsed", "password": "wrong"}, "The password is not right"),
        ({"decision": "endorsed", "email": "x@example.com"}, "The e-mail address is not the one you sign in with"),
        ({"decision": "endorsed", "shown_sha256": "0" * 64}, "The record changed while it was on your screen"),
    ],
)
def test_page_says_why_nothing_was_signed(client, cast, missed, changes, sentence):
    client.force_login(cast.physician)
    got = client.post(detail(missed), signing_form(cast, missed, **changes))
    assert got.status_code == (409 if "shown_sha256" in changes else 400)
    assert sentence in got.text
    assert not Review.objects.exists()


def test_what_is_not_right_leads_to_the_sentence_that_says_why(client, cast, missed):
    client.force_login(cast.physician)
    got = client.post(detail(missed), signing_form(cast, missed, decision="returned", text="")).text
    assert 'accesskey="c" aria-invalid="true" aria-describedby="signing-error"' in got
    assert '<fieldset class="mb-3" aria-describedby="signing-error"><legend>To study again' in got
    assert "aria-invalid" not in client.get(detail(missed)).text


def test_ten_wrong_passwords_stop_signing_for_an_hour(client, cast, missed):
    client.force_login(cast.physician)
    for _ in range(10):
        client.post(detail(missed), signing_form(cast, missed, decision="endorsed", password="wrong"))
    got = client.post(detail(missed), signing_form(cast, missed, decision="endorsed"))
    assert "Ten signings failed within an hour" in got.text
    told = set(OutgoingMail.objects.values_list("person", flat=True))
    assert told == {cast.physician.pk, cast.manager.pk}


def test_strangers_see_nothing(client, cast, missed):
    for person, status in (
        (cast.other_physician, 404),
        (cast.manager, 403),
        (cast.aesthetician, 403),
        (cast.colleague, 403),
    ):
        client.force_login(person)
        assert client.get(detail(missed)).status_code == status
        got = client.post(detail(missed), signing_form(cast, missed, decision="endorsed"))
        assert got.status_code == status
    assert not Review.objects.exists()
    client.force_login(cast.other_physician)
    assert "Maya" not in client.get(QUEUE).text


def test_a_physician_does_not_review_herself(client, cast, module):
    from staff.models import MembershipRole

    membership = cast.physician.membership_set.get()
    MembershipRole.objects.create(membership=membership, role="aesthetician", granted_by=cast.manager)
    cast.physician.__dict__.pop("_memberships", None)
    own = factories.make_finished(person=cast.physician, course=module, critical_wrong=1).attempt
    client.force_login(cast.physician)
    assert client.get(detail(own)).status_code == 404
    assert "Elena Ruiz" not in waiting(client).split("<main")[1]


def test_results_page_leads_the_physician_to_the_review(client, cast, missed):
    client.force_login(cast.physician)
    got = client.get(reverse("certificates:attempt-result", args=[missed.public_id]))
    assert got["Location"] == detail(missed)


def test_the_candidate_says_that_she_has_read_it_and_her_physician_sees_it(client, cast, missed):
    client.force_login(cast.physician)
    page = detail(missed)
    client.post(page, signing_form(cast, missed, decision="returned", text="Read it again.", restudy=["nd-17"]))
    review = Review.objects.get()
    assert "Maya Lindqvist has not said yet that this is read." in client.get(page).text
    result = reverse("certificates:attempt-result", args=[missed.public_id])
    url = reverse("certificates:review-read", args=[missed.public_id])
    for stranger, code in ((cast.physician, 403), (cast.colleague, 404)):
        client.force_login(stranger)
        assert client.post(url, {"review": review.pk}).status_code == code
    client.force_login(cast.aesthetician)
    assert "I have read this</button>" in client.get(result).text
    assert client.post(url, {"review": review.pk + 1}).status_code == 404
    for _ in range(2):
        assert client.post(url, {"review": review.pk}).url == result
    event = AuditEvent.objects.get(action="review.acknowledged")
    assert (event.actor, event.subject_id, event.at) == (cast.aesthetician, str(review.pk), clock.now())
    assert "I have read this</button>" not in client.get(result).text
    client.force_login(cast.physician)
    assert "Read by Maya Lindqvist, 2\u00a0November" in client.get(page).text
    assert records.verify(everything=True).findings == []


def test_records_name_a_review_read_by_somebody_else(cast, missed):
    actions.review(
        attempt=missed,
        decision="endorsed",
        text="",
        restudy=[],
        suspend=False,
        seen=factories.seen(missed.seal_sha256, cast.physician),
        by=cast.physician,
    )
    review = Review.objects.get()
    with pytest.raises(ValueError, match="the candidate alone"):
        actions.acknowledge(review=review, by=cast.colleague)
    body = {"signed_sha256": "0" * 64}
    with transaction.atomic():
        for _ in range(2):
            audit.record(
                clinic=cast.lakeside, by=cast.colleague, action="review.acknowledged", subject=review, body=body
            )
    found = {finding.what.partition(", ")[2] for finding in records.verify(everything=True).findings}
    assert {"who read it", "its events", "as review.acknowledged says, signed_sha256"} <= found
