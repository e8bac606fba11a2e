"""Nothing that leaves the site before an attempt is handed in tells which option is right (decision 38)."""

import json
import re
from dataclasses import replace
from functools import cache

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from certificates.actions import submit
from quizzes import actions, asking, material
from quizzes.models import Attempt, Enquiry, QuestionVersion, Quiz
from tests import factories
from tests.people import Cast
from training.models import Module
from training.queries import live_version

SEED = "the same seed"
CHANGING = (
    (rb'(name="csrfmiddlewaretoken" value=")[^"]*', rb"\1"),
    (rb'(name="key" value=")[^"]*', rb"\1"),
    (rb'("X-CSRFToken": ")[^"]*', rb"\1"),
)


@cache
def files() -> material.Course:
    return material.read(factories.SLICE)


def with_keys_moved(course: material.Course, by: int) -> material.Course:
    """The same items with the key `by` options further on; wording, ids and rationales stay where they were."""

    def moved(item):
        keys = [bool(option.get("key")) for option in item.options]
        options = tuple({**option, "key": keys[(n - by) % len(keys)]} for n, option in enumerate(item.options))
        return replace(item, options=options)

    (module, items, quiz), *_ = course.modules
    return replace(course, modules=((module, tuple(moved(item) for item in items), quiz),))


def sitting(cast, course):
    """An open attempt of Maya's on this bank, under the one seed."""
    material.load(course, by=cast.pinpoint)
    module = Module.objects.get()
    version = live_version(module)
    made = factories.Course(module, Quiz.objects.get(), version)
    factories.adopt(course=made, by=cast.physician, clinic=cast.lakeside)
    return factories.make_attempt(person=cast.aesthetician, course=made, seed=SEED)


def save(client: Client, item, token: str, *, revision: int, json_wanted: bool, key: str):
    return client.post(
        reverse("quizzes:attempt-save", args=[item.attempt.public_id, item.position]),
        {"answer": token, "revision": revision, "key": key, "flag_sent": "1", "flag": "on", "last": "6"},
        headers={"Accept": "application/json" if json_wanted else "text/html"},
    )


def everything_before_submit(client: Client, attempt: Attempt) -> dict:
    """Every page and answer of the sitting: each option of each item saved once, by script and by form."""
    take = reverse("quizzes:attempt-take", args=[attempt.public_id])
    check = reverse("quizzes:attempt-check", args=[attempt.public_id])
    seen = {"take": client.get(take), "check": client.get(check)}
    for item in attempt.items.select_related("attempt").order_by("position"):
        for n, (token, _) in enumerate(item.shown):
            name = f"{item.position}.{n}"
            seen[f"{name} saved"] = save(client, item, token, revision=2 * n, json_wanted=True, key=f"script {n}")
            seen[f"{name} sent"] = save(client, item, token, revision=2 * n + 1, json_wanted=False, key=f"form {n}")
        seen[f"{item.position} page"] = client.get(f"{take}?q={item.position}")
        seen[f"{item.position} stale"] = save(client, item, token, revision=0, json_wanted=True, key="stale")
        seen[f"{item.position} unknown"] = save(client, item, "a", revision=8, json_wanted=True, key="unknown")
    seen["take, all answered"] = client.get(take)
    seen["check, all answered"] = client.get(check)
    seen["rules"] = client.get(reverse("quizzes:quiz-detail", args=["needle-depth"]))
    return seen


def masked(response, attempt):
    """Status, headers and body but for what changes by chance: tokens against forgery, save keys, the request's id."""
    headers = sorted(f"{k}: {v}" for k, v in response.items() if k not in ("X-Request-ID", "Content-Length"))
    body = response.content
    for pattern, instead in CHANGING:
        body = re.sub(pattern, instead, body)
    whole = f"{response.status_code}\n{headers}\n".encode() + body
    return whole.replace(attempt.public_id.encode(), b"ATTEMPT")


def watched(cast: Cast, course: material.Course) -> tuple[dict[str, bytes], list[str]]:
    """What leaves the site on this bank, and which option was the key of each item; everything is undone after."""
    with transaction.atomic():
        attempt = sitting(cast, course)
        client = Client()
        client.force_login(cast.aesthetician)
        seen = {name: masked(got, attempt) for name, got in everything_before_submit(client, attempt).items()}
        contents = [item.question_version.content for item in attempt.items.order_by("position")]
        keys = [next(o["text"] for o in content["options"] if o["key"]) for content in contents]
        transaction.set_rollback(True)
    return seen, keys


def test_exchanging_the_key_changes_no_byte(cast):
    seen, keys = watched(cast, files())
    assert len(seen) > 60
    for by in (1, 2):
        other, other_keys = watched(cast, with_keys_moved(files(), by))
        assert all(key != moved for key, moved in zip(keys, other_keys, strict=True))
        assert [name for name in seen if seen[name] != other[name]] == []


def test_the_comparison_would_notice(cast, monkeypatch):
    """The same comparison fails when an answer to a save tells whether it is right."""
    real = actions.save_answer

    def telling(**kwargs):
        saved = real(**kwargs)
        version = QuestionVersion.objects.get(
            drawn__attempt__public_id=kwargs["attempt_id"], drawn__position=kwargs["position"]
        )
        item = version.drawn.get(attempt__public_id=kwargs["attempt_id"])
        key = next(option["id"] for option in version.content["options"] if option["key"])
        return replace(saved, revision=saved.revision + 1000 * (dict(item.shown)[kwargs["answer"]] == key))

    monkeypatch.setattr(actions, "save_answer", telling)
    seen, _ = watched(cast, files())
    other, _ = watched(cast, with_keys_moved(files(), 1))
    assert [name for name in seen if seen[name] != other[name]]


def in_page(text: str, page: str) -> bool:
    """In any spelling in which a page or a JSON answer could carry it."""
    return any(spelling in page for spelling in (text, escape(text), json.dumps(text)[1:-1]))


def test_no_rationale_leaves_before_submit(client, cast):
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    seen = [got.text for got in everything_before_submit(client, attempt).values()]
    for path in ("training:module-detail", "training:module-print", "training:module-points", "quizzes:practice"):
        seen.append(client.get(reverse(path, args=["needle-depth"])).text)
    rationales = [o["rationale"] for item in files().modules[0][1] for o in item.options]
    assert [r for r in rationales if any(in_page(r, page) for page in seen)] == []


def test_options_carry_tokens_and_nothing_else(client, cast):
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    page = client.get(reverse("quizzes:attempt-take", args=[attempt.public_id])).text
    radios = re.findall(r"<input[^>]*type=\"radio\"[^>]*>", page)
    tokens = [token for item in attempt.items.order_by("position") for token, _ in item.shown]
    assert radios == [
        f'<input class="form-check-input" type="radio" name="answer" value="{token}">' for token in tokens
    ]
    assert not re.search(r"data-(key|right|correct|answer)|is-key|rationale|\"correct\"", page)


def test_no_name_of_a_drawn_question_leaves_before_submit(client, cast):
    """A code such as nd-17-q1 would name the key point that holds the answer."""
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    for got in everything_before_submit(client, attempt).values():
        assert not re.search(r"nd-\d\d", got.text)


@pytest.mark.parametrize("token", ["a", "b", "c", "d"])
def test_option_names_are_no_answers(client, cast, token):
    """The bank's own names of options are unknown, right or wrong alike."""
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    item = attempt.items.select_related("attempt").first()
    got = save(client, item, token, revision=0, json_wanted=True, key="k")
    assert got.status_code == 400
    item.refresh_from_db()
    assert (item.answer, item.revision) == ("", 0)


def test_result_is_not_shown_before_submit(client, cast):
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    got = client.get(reverse("certificates:attempt-result", args=[attempt.public_id]))
    assert got.status_code == 302
    assert got["Location"] == attempt.get_absolute_url()


def test_physician_sees_no_open_attempt(client, cast):
    attempt = sitting(cast, files())
    client.force_login(cast.physician)
    assert client.get(reverse("certificates:review-detail", args=[attempt.public_id])).status_code == 404


def items_of(attempt: Attempt):
    """Each item with its key's text, the chosen text and whether that was right."""
    for item in attempt.items.select_related("question_version").order_by("position"):
        options = {option["id"]: option for option in item.question_version.content["options"]}
        chosen = options.get(dict(item.shown).get(item.answer, ""))
        key = next(option for option in options.values() if option["key"])
        yield options.values(), key, chosen


def test_failed_result_gives_no_key_away(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2, critical_wrong=1)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[done.attempt.public_id])).text
    assert "not passed" in page
    missed = [(options, key, chosen) for options, key, chosen in items_of(done.attempt) if chosen is not key]
    assert len(missed) == 3
    for options, key, chosen in missed:
        assert not in_page(key["text"], page)
        assert in_page(chosen["text"], page)
        assert not [option for option in options if in_page(option["rationale"], page)]


def test_failed_result_with_open_questions_gives_no_key_away(client, cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    submit(attempt=attempt, by=cast.aesthetician)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[attempt.public_id])).text
    assert [key["text"] for _, key, _ in items_of(attempt) if in_page(key["text"], page)] == []


def test_passed_result_shows_the_key_of_what_was_missed(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[done.attempt.public_id])).text
    (_, key, chosen), *_ = [row for row in items_of(done.attempt) if row[2] is not row[1]]
    assert in_page(key["text"], page)
    assert in_page(key["rationale"], page)
    assert in_page(chosen["rationale"], page)


def enquiry_pages(client, cast, attempt) -> dict:
    """Everything that the taker can open about questions, one asked about each item and answered."""
    seen = {}
    client.force_login(cast.aesthetician)
    for item in attempt.items.order_by("position"):
        path = reverse("certificates:item-question", args=[attempt.public_id, item.position])
        seen[f"{item.position} form"] = client.get(path)
        seen[f"{item.position} empty"] = client.post(path, {"text": ""})
        seen[f"{item.position} sent"] = client.post(path, {"text": f"About {item.position}."}, follow=True)
        enquiry = Enquiry.objects.get(item=item)
        seen[f"{item.position} open"] = client.get(enquiry.get_absolute_url())
        asking.answer(enquiry=enquiry, text="Read the passage again.", closes=True, by=cast.physician)
        seen[f"{item.position} home"] = client.get("/")
        seen[f"{item.position} answered"] = client.get(enquiry.get_absolute_url())
    seen["list"] = client.get("/questions/")
    seen["result"] = client.get(reverse("certificates:attempt-result", args=[attempt.public_id]))
    assert {got.status_code for got in seen.values()} == {200}
    return {name: got.text for name, got in seen.items()}


def test_questions_about_a_failed_attempt_give_no_key_away(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2, critical_wrong=1)
    seen = enquiry_pages(client, cast, done.attempt)
    for item, (options, key, chosen) in zip(
        done.attempt.items.order_by("position").select_related("question_version__question"),
        items_of(done.attempt),
        strict=True,
    ):
        assert in_page(chosen["text"], seen[f"{item.position} answered"])
        for name, page in seen.items():
            assert not [option for option in options if in_page(option["rationale"], page)], name
            assert item.question_version.question.code not in page, name
            assert chosen is key or not in_page(key["text"], page), name


def test_moving_the_key_of_an_item_changes_nothing_about_a_question_on_it(client, cast):
    """Whether she was right stands on her result; which other option was right stands nowhere."""

    def watched_pages(by: int) -> dict[str, bytes]:
        with transaction.atomic():
            attempt = sitting(cast, with_keys_moved(files(), by))
            submit(attempt=attempt, by=cast.aesthetician)  # nothing answered: every item is missed under every key
            seen = enquiry_pages(Client(), cast, attempt)
            known = [attempt.public_id, *Enquiry.objects.values_list("public_id", flat=True)]
            transaction.set_rollback(True)
        for name, page in seen.items():
            for public_id in known:
                page = page.replace(public_id, "ID")
            seen[name] = page.encode()
            for pattern, instead in CHANGING:
                seen[name] = re.sub(pattern, instead, seen[name])
        return seen

    here = watched_pages(0)
    for by in (1, 2):
        there = watched_pages(by)
        assert [name for name in here if here[name] != there[name]] == []


def test_questions_after_a_pass_show_what_the_result_shows(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    seen = enquiry_pages(client, cast, done.attempt)
    position, (_, key, chosen) = next(
        (n, row) for n, row in enumerate(items_of(done.attempt), start=1) if row[2] is not row[1]
    )
    assert in_page(key["text"], seen[f"{position} answered"])
    assert in_page(chosen["rationale"], seen[f"{position} answered"])


def test_practice_explains_only_after_an_answer(client, cast, module):
    client.force_login(cast.aesthetician)
    practice = [item for item in files().modules[0][1] if item.bank == "practice"]
    rationales = [option["rationale"] for item in practice for option in item.options]
    path = reverse("quizzes:practice", args=["needle-depth"])
    for number in range(1, len(practice) + 1):
        page = client.get(f"{path}?q={number}").text
        assert not [r for r in rationales if in_page(r, page)]
        assert "best answer" not in page
    answered = client.post(f"{path}?q=1", {"answer": "a"}).text
    assert [r for r in rationales if in_page(r, answered)]
    assert "(best answer)" in answered


def test_practice_never_shows_a_certifying_item(client, cast, module):
    client.force_login(cast.aesthetician)
    certifying = [item.stem for item in files().modules[0][1] if item.bank == "certifying"]
    path = reverse("quizzes:practice", args=["needle-depth"])
    for number in range(1, 12):
        page = client.post(f"{path}?q={number}", {"answer": "b"}).text
        assert not [stem for stem in certifying if in_page(stem, page)]
