"""The pages of the practicals, without JavaScript."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from staff import canonical, clock
from tests import factories
from tests.people import PASSWORD
from training import observing
from training.models import Observation, ObservedLine, SelfEvaluation


def begin(client, cast, **fields):
    url = reverse("certificates:observation-start", args=[cast.lakeside.public_id, cast.aesthetician.public_id])
    return client.post(url, {"setting": "simulated", "practicals": ["P10"], **fields})


def page(name, sheet):
    return reverse(f"certificates:{name}", args=[sheet.public_id])


def test_from_the_start_to_the_answer_without_javascript(client, cast, module):
    client.force_login(cast.physician)
    begun = begin(client, cast)
    sheet = Observation.objects.get()
    assert begun.url == page("observation-sheet", sheet)
    whole = {"comment": "Calm.", "key": "k"} | {f"revision-{n}": "0" for n in (1, 2)}
    assert client.post(begun.url, whole | {"score-1": "2"}).url == begun.url
    done = client.post(begun.url, whole | {"score-1": "2", "score-2": "2"})
    assert done.url == page("observation-sign", sheet)
    assert "Calm." in client.get(done.url).text
    sheet.refresh_from_db()
    signature = {
        "shown_sha256": canonical.sha256(observing.seal_text(sheet)),
        "opened_at": clock.now().isoformat(),
        "email": cast.physician.email,
        "password": PASSWORD,
    }
    record = client.post(done.url, signature).url
    client.force_login(cast.aesthetician)
    first = client.get(record).text
    assert "how do you see yourself" in first
    assert "Calm." not in first
    assert client.post(record, {"self-P10-0": "1"}).status_code == 400
    client.post(record, {"self-P10-0": "1", "self-P10-1": "2"})
    assert SelfEvaluation.objects.get().given == [1, 2]
    assert "Calm." in client.get(record).text
    assert client.post(record, {"agrees": "no"}).status_code == 400
    client.post(record, {"agrees": "no", "text": "I was not prompted."})
    client.force_login(cast.physician)
    assert "I was not prompted." in client.get(record).text


def test_on_a_patient_device_and_cartridge_belong_to_the_record(client, cast, module):
    client.force_login(cast.physician)
    answer = begin(client, cast, setting="observed")
    assert answer.status_code == 400
    assert answer.text.count("On a patient this belongs to the record.") == 4
    assert not Observation.objects.exists()
    facts = {
        "device": "Example pen", "device_serial": "1", "cartridge_lot": "A", "cartridge_expires_on": "2028-01-31",
        "area-cheeks": "1.0",
    }  # fmt: skip
    begin(client, cast, setting="observed", **facts)
    assert Observation.objects.get().treated == [("cheeks", "1.0")]


def test_a_tap_is_answered_as_it_was_kept(client, cast, module):
    client.force_login(cast.physician)
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, score=None)
    url = reverse("certificates:observation-save", args=[sheet.public_id, 1])

    def tap(**fields):
        answer = client.post(url, {"score": "2", "revision": "0", "key": "a", **fields})
        return answer.status_code, answer.json()

    assert tap() == (200, {"state": "saved", "score": 2, "revision": 1})
    assert tap() == (200, {"state": "saved", "score": 2, "revision": 1})
    assert tap(score="0", key="b") == (409, {"state": "stale", "score": 2, "revision": 1})
    assert tap(score="9", revision="1")[0] == 400
    for line in ObservedLine.objects.filter(observation=sheet, score=None):
        client.post(
            reverse("certificates:observation-save", args=[sheet.public_id, line.position]),
            {"score": "2", "revision": "0", "key": "c"},
        )
    factories.sign_sheet(sheet=sheet, by=cast.physician)
    assert tap(score="0", revision="1", key="d") == (409, {"state": "ended"})


def test_two_devices_score_a_line_and_neither_is_overwritten(client, cast, module):
    client.force_login(cast.physician)
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, score=1)
    answer = client.post(
        page("observation-sheet", sheet), {"comment": "", "key": "k", "score-1": "2", "revision-1": "0"}
    )
    assert answer.status_code == 409
    assert "nothing was overwritten" in answer.text
    assert sheet.lines.get(position=1).score == 1


def test_a_manager_is_led_to_her_people(client, cast):
    client.force_login(cast.manager)
    page = client.get(reverse("certificates:practical-list")).text
    assert "stand on each person" in page
    assert f'href="{reverse("compliance:person-list")}">To the people' in page


def test_lists_cost_the_same_with_one_and_with_many(client, cast, module, django_assert_num_queries):
    client.force_login(cast.aesthetician)
    url = reverse("certificates:practical-list")
    factories.sign_sheet(sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician)
    client.get(url)

    def count():
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        return len(queries)

    one = count()
    for code in ("P3", "P4"):
        factories.sign_sheet(
            sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=[code]), by=cast.physician
        )
    with django_assert_num_queries(one):
        client.get(url)
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    client.force_login(cast.physician)
    client.get(url)
    few = count()
    factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=["P5"])
    factories.make_sheet(learner=cast.colleague, by=cast.physician, codes=["P5"])
    with django_assert_num_queries(few):
        client.get(url)


def test_an_observer_is_approved_on_the_page(client, cast, module):
    client.force_login(cast.physician)
    url = reverse("certificates:observer-decide", args=[cast.lakeside.public_id, cast.colleague.public_id])
    shown = client.get(url).context
    signature = {"approved": "yes", "shown_sha256": shown["shown_sha256"], "opened_at": clock.now().isoformat()}
    assert client.post(url, signature | {"email": cast.physician.email, "password": "wrong"}).status_code == 400
    client.post(url, signature | {"email": cast.physician.email, "password": PASSWORD})
    listed = client.get(reverse("certificates:observer-list")).context["rows"]
    assert {row.person: approved for row, approved in listed}[cast.colleague] is True
    assert cast.physician not in {row.person for row, _ in listed}


def test_a_signed_sheet_is_the_next_step_on_her_home(client, cast, module):
    client.force_login(cast.aesthetician)
    assert "Read what" not in client.get("/").text
    sheet = factories.sign_sheet(
        sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
    )
    page = client.get("/").text
    assert "Read what Elena Ruiz saw of you" in page
    assert sheet.get_absolute_url() in page
    factories.acknowledge(sheet=sheet)
    assert "Read what" not in client.get("/").text


def test_a_manager_reads_the_sheets_of_her_clinic_and_answers_none(client, cast, module):
    sheet = factories.sign_sheet(
        sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
    )
    open_one = factories.make_sheet(learner=cast.colleague, by=cast.physician)
    client.force_login(cast.manager)
    person = reverse("compliance:person-detail", args=[cast.aesthetician.public_id])
    assert sheet.get_absolute_url() in client.get(person).text
    shown = client.get(sheet.get_absolute_url())
    assert shown.status_code == 200
    assert '<form method="post">' not in shown.text.partition("<main")[2]
    assert f'href="{person}"' in shown.text
    assert client.post(sheet.get_absolute_url(), {"agrees": "yes"}).status_code == 403
    assert client.get(page("observation-detail", open_one)).status_code == 404
    client.force_login(cast.other_manager)
    assert client.get(sheet.get_absolute_url()).status_code == 404
