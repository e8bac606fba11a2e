import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import models
from django.urls import reverse

from quizzes import actions, queries
from quizzes.models import (
    Attempt,
    AttemptGrant,
    AttemptItem,
    Candidacy,
    Question,
    QuestionVersion,
    QuizVersion,
    Response,
    Seal,
)
from staff import audit, clock, signing, written
from staff.models import AuditEvent
from tests import factories
from training.models import ProtocolItem, ProtocolValue

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


class Broken(Exception):
    pass


def broken(*args, **kwargs):
    raise Broken


def rows() -> dict[str, list]:
    """Every row of the floors that an action could change."""
    tables = [model for app in ("staff", "quizzes", "certificates") for model in apps.get_app_config(app).get_models()]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in tables}


@pytest.fixture
def attempt(cast, module) -> Attempt:
    return factories.make_attempt(person=cast.aesthetician, course=module, seed="a seed")


def first(attempt: Attempt) -> AttemptItem:
    return attempt.items.order_by("position")[0]


def save(attempt: Attempt, *, choice: int = 0, base: int = 0, key: str = "k", by=None, position: int = 1, answer=None):
    """Choose an option of the item as it is shown, counted from 0."""
    if answer is None:
        answer = attempt.items.get(position=position).shown[choice][0]
    return actions.save_answer(
        attempt_id=attempt.public_id,
        person=by or attempt.candidacy.person,
        position=position,
        answer=answer,
        base_revision=base,
        client_key=key,
    )


def start(cast, module, **kwargs) -> Attempt:
    return actions.start(person=cast.aesthetician, quiz=module.quiz, clinic=cast.lakeside, **kwargs)


# Start


def test_start(cast, module, now):
    factories.read_all(person=cast.aesthetician, course=module)
    attempt = start(cast, module, seed="s", declaration="I answer alone.")
    assert (attempt.number, attempt.kind, attempt.state) == (1, "full", "open")
    assert (attempt.started_at, attempt.deadline_at) == (now, now + DAY)
    assert attempt.module_version == module.version
    assert [item.position for item in attempt.items.order_by("position")] == [1, 2, 3, 4, 5, 6]
    event = AuditEvent.objects.get(action="attempt.started")
    assert json.loads(event.body)["declared"] == "I answer alone."
    assert event.actor == cast.aesthetician


def test_start_keeps_the_key_points_as_they_read(attempt):
    drawn = {point.point_version.key_point.code for item in attempt.items.all() for point in item.points.all()}
    assert drawn == {"nd-17", "nd-18", "nd-19", "nd-20", "nd-21", "nd-22"}


def test_start_again_resumes(cast, module, attempt):
    before = rows()
    assert start(cast, module) == attempt
    assert rows() == before


def test_start_with_the_same_seed_asks_the_same(cast, module, attempt):
    other = factories.make_attempt(person=cast.colleague, course=module, seed="a seed")
    shown = [list(one.items.order_by("position").values_list("question_version", "tokens")) for one in (attempt, other)]
    assert shown[0] == shown[1]


def test_start_with_another_seed_asks_in_another_order(cast, module, attempt):
    other = factories.make_attempt(person=cast.colleague, course=module, seed="another")
    assert not {i.tokens for i in attempt.items.all()} & {i.tokens for i in other.items.all()}


def test_start_makes_its_own_seed(cast, module):
    seeds = {factories.make_attempt(person=who, course=module).seed for who in (cast.aesthetician, cast.colleague)}
    assert len(seeds) == 2
    assert all(len(seed) == 32 for seed in seeds)


def test_start_on_a_clock(cast, module, now):
    rules = module.quiz.versions.get()
    values = {f.name: getattr(rules, f.name) for f in rules._meta.fields if f.name not in ("id", "sha256")}
    QuizVersion.objects.create(**(values | {"number": 2, "limit_minutes": 45, "sha256": "2"}))
    assert factories.make_attempt(person=cast.aesthetician, course=module).deadline_at == now + 45 * MINUTE


def test_start_before_reading(cast, module):
    before = rows()
    with pytest.raises(actions.NotOpen) as refusal:
        start(cast, module)
    assert refusal.value.verdict.code == "read"
    assert rows() == before


def test_start_when_a_cell_cannot_be_filled(cast, module):
    factories.read_all(person=cast.aesthetician, course=module)
    QuestionVersion.objects.filter(question__code="nd-17-q1").update(state="retired")
    before = rows()
    with pytest.raises(actions.NotOpen, match="section technique-and-endpoint has 5 items for 6 places") as refusal:
        start(cast, module)
    assert refusal.value.verdict.code == "unfillable"
    assert rows() == before


def test_start_after_a_pass(cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    with pytest.raises(actions.NotOpen) as refusal:
        start(cast, module)
    assert refusal.value.verdict.code == "closed"


def test_start_waits_for_the_next_morning(cast, module, now):
    """The attempt ends at 08:00 in Denver on 2 November; the next opens at 06:00 on the 3rd, 13:00 UTC."""
    factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    opens = now.replace(day=3, hour=13)
    with clock.at(now + 6 * SECOND):
        factories.read_all(person=cast.aesthetician, course=module)
    with clock.at(opens - SECOND), pytest.raises(actions.NotOpen) as refusal:
        start(cast, module)
    assert (refusal.value.verdict.code, refusal.value.verdict.opens_at) == ("wait", opens)
    with clock.at(opens):
        assert start(cast, module).number == 2


def test_start_after_a_miss_asks_for_the_passage_first(cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    with clock.at(now + DAY), pytest.raises(actions.NotOpen) as refusal:
        start(cast, module)
    assert refusal.value.verdict.code == "reread"


def signature(cast, subject: models.Model, meaning: str):
    return signing.sign(
        by=cast.physician,
        clinic=cast.lakeside,
        meaning=meaning,
        subject=subject,
        record_sha256="0" * 64,
        seen=factories.seen("0" * 64, cast.physician),
    )


def grant_early(cast, candidacy: Candidacy) -> AttemptGrant:
    return actions.grant(
        candidacy=candidacy,
        kind=AttemptGrant.Kind.EARLY,
        extra=0,
        reason="She treats tomorrow morning.",
        signature=signature(cast, candidacy, "open-early"),
        by=cast.physician,
    )


def test_start_early_when_a_physician_opened_it(cast, module, now):
    failed = factories.make_finished(person=cast.aesthetician, course=module, wrong=2).attempt
    with clock.at(now + MINUTE):
        factories.read_all(person=cast.aesthetician, course=module)
        grant_early(cast, failed.candidacy)
        assert start(cast, module).number == 2


def test_opening_early_holds_for_the_next_attempt_only(cast, module, now):
    failed = factories.make_finished(person=cast.aesthetician, course=module, wrong=2).attempt
    with clock.at(now + MINUTE):
        grant_early(cast, failed.candidacy)
    with clock.at(now + 2 * MINUTE):
        factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    with clock.at(now + 3 * MINUTE):
        factories.read_all(person=cast.aesthetician, course=module)
        with pytest.raises(actions.NotOpen) as refusal:
            start(cast, module)
    assert refusal.value.verdict.code == "wait"


def test_start_broken_at_its_last_step_keeps_nothing(cast, module, monkeypatch):
    factories.read_all(person=cast.aesthetician, course=module)
    before = rows()
    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(Broken):
        start(cast, module)
    assert rows() == before


def test_grant_broken_at_its_last_step_keeps_nothing(cast, attempt, monkeypatch):
    signed = signature(cast, attempt.candidacy, "open-early")
    before = rows()
    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(Broken):
        actions.grant(
            candidacy=attempt.candidacy, kind="early", extra=0, reason="why", signature=signed, by=cast.physician
        )
    assert rows() == before


# Which items


def another_value(cast, item: ProtocolItem) -> None:
    ProtocolValue.objects.create(
        item=item,
        clinic=cast.lakeside,
        number=2,
        text="another value",
        is_default=False,
        signature=signature(cast, item, "adopt"),
    )


def pooled(module, clinic, person):
    return queries.pool(module.version, queries.live_points(module.version), clinic, person)


def pool_codes(cast, module, clinic) -> set[str]:
    return {item.code for item in pooled(module, clinic, cast.aesthetician)[0]}


def test_items_that_rest_on_a_changed_protocol_item_leave_that_clinics_draws(cast, module):
    item = ProtocolItem.objects.get(code="depth-order")
    QuestionVersion.objects.get(question__code="nd-22-q1").depends_on.add(item)
    another_value(cast, item)
    assert "nd-22-q1" not in pool_codes(cast, module, cast.lakeside)
    assert "nd-22-q1" in pool_codes(cast, module, cast.harbour)
    assert (queries.held_back(module.version, cast.lakeside), queries.held_back(module.version, cast.harbour)) == (1, 0)


def test_items_stay_while_the_cautious_default_stands(cast, module):
    """The adoption of the fixture took every default by signature."""
    QuestionVersion.objects.get(question__code="nd-22-q1").depends_on.add(ProtocolItem.objects.get(code="depth-order"))
    assert "nd-22-q1" in pool_codes(cast, module, cast.lakeside)


def test_pool_holds_live_certifying_items_only(cast, module):
    QuestionVersion.objects.filter(question__code="nd-21-q1").update(state="stale")
    certifying = set(Question.objects.filter(bank="certifying").values_list("code", flat=True))
    assert pool_codes(cast, module, cast.lakeside) == certifying - {"nd-21-q1"}


def test_pool_counts_how_often_the_person_met_an_item(cast, module, attempt):
    assert {item.seen for item in pooled(module, cast.lakeside, cast.aesthetician)[0]} == {1}
    assert {item.seen for item in pooled(module, cast.lakeside, cast.colleague)[0]} == {0}


# Save


def test_save(attempt, now):
    with clock.at(now + MINUTE):
        saved = save(attempt, choice=1)
    item = first(attempt)
    assert (saved.revision, saved.saved_at) == (1, now + MINUTE)
    assert (item.revision, item.answer) == (1, item.shown[1][0])
    response = Response.objects.get()
    assert (response.revision, response.payload, response.client_key) == (1, item.answer, "k")
    assert (response.saved_at, response.late) == (now + MINUTE, False)


def test_save_another_answer_keeps_the_history(attempt):
    save(attempt, choice=1)
    save(attempt, choice=2, base=1, key="k2")
    item = first(attempt)
    assert item.answer == item.shown[2][0]
    assert [r.payload for r in Response.objects.order_by("revision")] == [item.shown[1][0], item.shown[2][0]]


def test_save_taken_back(attempt):
    save(attempt, choice=1)
    save(attempt, answer="", base=1, key="k2")
    assert (first(attempt).answer, first(attempt).revision) == ("", 2)


def test_save_repeated_with_the_same_key_changes_nothing(attempt, now):
    saved = save(attempt, choice=1)
    before = rows()
    with clock.at(now + MINUTE):
        assert save(attempt, choice=1) == saved
    assert rows() == before


def test_save_repeated_after_another_one_says_what_is_stored_now(attempt):
    """To answer "saved" would show as chosen what is no longer stored."""
    save(attempt, choice=1)
    save(attempt, choice=2, base=1, key="k2")
    with pytest.raises(actions.Stale) as refusal:
        save(attempt, choice=1)
    assert refusal.value.item.revision == first(attempt).revision == 2


def test_save_repeated_with_a_long_key_changes_nothing(attempt):
    saved = save(attempt, choice=1, key="k" * 100)
    assert save(attempt, choice=1, key="k" * 100) == saved


def test_save_repeated_on_a_fresh_page_changes_nothing(attempt):
    """The key of a save comes again, this time with the newest revision."""
    saved = save(attempt, choice=1)
    assert save(attempt, choice=1, base=1) == saved
    assert Response.objects.count() == 1


def test_save_of_another_answer_under_a_used_key_is_not_reported_as_saved(attempt):
    """Going back in the browser and choosing otherwise sends the old form with its old key."""
    save(attempt, choice=1)
    with pytest.raises(actions.Stale) as refusal:
        save(attempt, choice=2)
    assert refusal.value.item.answer == first(attempt).shown[1][0]
    assert Response.objects.count() == 1


def test_save_from_a_stale_page_is_refused_with_the_newer_answer(attempt):
    save(attempt, choice=1)
    before = rows()
    with pytest.raises(actions.Stale) as refusal:
        save(attempt, choice=2, key="other tab")
    assert refusal.value.item.answer == first(attempt).shown[1][0]
    assert rows() == before


def test_save_from_a_revision_that_never_was(attempt):
    for base in (1, -1, 99):
        with pytest.raises(actions.Stale):
            save(attempt, base=base)
    assert not Response.objects.exists()


def test_save_of_what_is_no_option_of_this_question(attempt):
    anothers = attempt.items.get(position=2).shown[0][0]
    for answer in ("a", "x", "0" * 16, anothers):
        with pytest.raises(actions.UnknownAnswer):
            save(attempt, answer=answer)
    assert not Response.objects.exists()


def test_save_in_another_persons_attempt(cast, attempt):
    for who in (cast.colleague, cast.physician, cast.manager, cast.other_aesthetician):
        with pytest.raises(AttemptItem.DoesNotExist):
            save(attempt, by=who)
    assert not Response.objects.exists()


def test_save_at_a_place_that_is_not_there(attempt):
    for position in (0, 7):
        with pytest.raises(AttemptItem.DoesNotExist):
            save(attempt, answer="x", position=position)


def test_save_until_a_minute_after_the_deadline(attempt):
    for base, after in enumerate((timedelta(0), SECOND, 60 * SECOND)):
        with clock.at(attempt.deadline_at + after):
            assert save(attempt, base=base, key=f"k{base}").revision == base + 1


def test_save_later_than_that(attempt):
    before = rows()
    for after in (timedelta(seconds=60, microseconds=1), 61 * SECOND, DAY):
        with clock.at(attempt.deadline_at + after), pytest.raises(actions.AttemptEnded):
            save(attempt)
    assert rows() == before


def test_save_after_handing_in_leaves_the_seal(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    sealed, before = Seal.objects.get().text, rows()
    item = first(done.attempt)
    for base in (item.revision, 0, 7):
        with pytest.raises(actions.AttemptEnded):
            save(done.attempt, choice=2, base=base, key=f"late {base}")
    assert Seal.objects.get().text == sealed
    assert rows() == before


def test_save_broken_at_its_last_step_keeps_nothing(attempt, monkeypatch):
    before = rows()
    item, tell = first(attempt), written.tell
    monkeypatch.setattr(written, "tell", lambda sql, values: broken() if sql == actions.SHOW else tell(sql, values))
    with pytest.raises(Broken):
        save(attempt, answer=item.shown[0][0])
    monkeypatch.undo()
    assert rows() == before


# Flag


def flag(attempt: Attempt, *, by=None, flagged: bool = True) -> None:
    actions.set_flag(attempt_id=attempt.public_id, person=by or attempt.candidacy.person, position=1, flagged=flagged)


def test_flag_and_unflag(attempt):
    flag(attempt)
    assert first(attempt).flagged
    flag(attempt, flagged=False)
    assert not first(attempt).flagged


def test_flag_in_another_persons_attempt_is_not_found(client, cast, attempt):
    client.force_login(cast.colleague)
    got = client.post(
        reverse("quizzes:attempt-save", args=[attempt.public_id, 1]),
        {"flag_sent": "1", "flag": "on"},
        headers={"Accept": "application/json"},
    )
    assert not first(attempt).flagged
    assert got.status_code == 404


def test_flag_after_handing_in_says_that_it_ended(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.aesthetician)
    got = client.post(
        reverse("quizzes:attempt-save", args=[done.attempt.public_id, 1]),
        {"flag_sent": "1", "flag": "on"},
        headers={"Accept": "application/json"},
    )
    assert not first(done.attempt).flagged
    assert (got.status_code, got.json()["state"]) == (409, "ended")


# The view of a save, where the answer of the site matters


def post(client, attempt, data, *, script: bool = True):
    path = reverse("quizzes:attempt-save", args=[attempt.public_id, 1])
    return client.post(path, data, headers={"Accept": "application/json" if script else "text/html"})


def test_save_by_script_answers_with_revision_and_the_clinics_time(client, cast, attempt):
    client.force_login(cast.aesthetician)
    token = first(attempt).shown[0][0]
    got = post(client, attempt, {"answer": token, "revision": "0", "key": "k"})
    assert got.json() == {"state": "saved", "revision": 1, "answer": token, "at": "08:00:00"}


def test_save_by_form_goes_on(client, cast, attempt):
    client.force_login(cast.aesthetician)
    token = first(attempt).shown[0][0]
    for base, (go, ends) in enumerate({"next": "?q=2", "back": "?q=1", "4": "?q=4", "check": "/check/"}.items()):
        data = {"answer": token, "revision": base, "key": go, "go": go, "last": "6"}
        got = post(client, attempt, data, script=False)
        assert got.status_code == 302
        assert got["Location"].endswith(ends)


def test_save_by_a_form_that_was_tampered_with(client, cast, attempt):
    client.force_login(cast.aesthetician)
    got = post(client, attempt, {"answer": "", "revision": "x", "key": "k", "last": "six"}, script=False)
    assert got.status_code in (302, 400)


def test_save_after_the_end_leads_to_the_result(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    client.force_login(cast.aesthetician)
    item = first(done.attempt)
    another = next(token for token, _ in item.shown if token != item.answer)
    data = {"answer": another, "revision": "1", "key": "again"}
    result = reverse("certificates:attempt-result", args=[done.attempt.public_id])
    assert post(client, done.attempt, data).json() == {"state": "ended", "url": result, "answer": "kept"}
    assert post(client, done.attempt, data, script=False)["Location"] == result
