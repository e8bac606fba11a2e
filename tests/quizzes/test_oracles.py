"""Nothing that leaves the site before an attempt is handed in tells which option is right."""

import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from certificates.actions import submit
from quizzes import actions, asking, kinds, material
from quizzes.models import Attempt, AttemptItem, Enquiry, Quiz
from staff import clock
from tests import factories
from tests.people import Cast
from tests.test_access import TABLE
from training.models import Module
from training.queries import live_version

pytestmark = pytest.mark.one_engine  # the bytes of pages

SEED = "the same seed"
CHANGING = (
    (rb'(name="csrfmiddlewaretoken" value=")[^"]*', rb"\1"),
    (rb'(name="key" value=")[^"]*', rb"\1"),
    (rb'("X-CSRFToken": ")[^"]*', rb"\1"),
    (rb'( id="m|labelledby="m|/extra-time/)\d+', rb"\1"),  # row numbers, which PostgreSQL never gives twice
)


@cache
def files() -> material.Course:
    return material.read(factories.SLICE)


BANKS = {"single best answers": files, "every kind": factories.every_kind}
both_banks = pytest.mark.parametrize("bank", BANKS.values(), ids=BANKS)


def turned(values: list, by: int) -> list:
    return [values[(n - by) % len(values)] for n in range(len(values))]


def other_key(content: kinds.Body, by: int) -> kinds.Body:
    """The same item with another key; wording, ids and rationales stay where they were."""
    changed = dict(content)
    for name in ("options", "regions"):
        if name in content:
            keys = turned([thing["key"] for thing in content[name]], by)
            changed[name] = [{**thing, "key": key} for thing, key in zip(content[name], keys, strict=True)]
    if "parts" in content:
        changed["parts"] = [other_key(part, by) for part in content["parts"]]
    if "sequence" in content:
        changed["sequence"] = turned(content["sequence"], by)
    if "lefts" in content:
        rights = [right["id"] for right in content["rights"]]
        after = dict(zip(rights, turned(rights, by), strict=True))
        changed["lefts"] = [{**left, "key": after[left["key"]]} for left in content["lefts"]]
    if "tolerance" in content:
        changed |= {"answer": str(70 + by), "tolerance": str(by)}
    return changed


def with_keys_moved(course: material.Course, by: int) -> material.Course:
    (module, items, quiz), *_ = course.modules
    moved = tuple(replace(item, content=other_key(item.content, by)) for item in items)
    return replace(course, modules=((module, moved, quiz),))


def sitting(cast, course):
    """An open attempt of Maya's on this bank, under the one seed."""
    material.load(course, by=cast.pinpoint)
    module = Module.objects.get()
    version = live_version(module)
    made = factories.Course(module, Quiz.objects.get(), version)
    factories.adopt(course=made, by=cast.physician, clinic=cast.lakeside)
    return factories.make_attempt(person=cast.aesthetician, course=made, seed=SEED)


def answers_to(item) -> list[list[str]]:
    """Answers of every sort that a form could send for this item, told by what is shown and by nothing else."""
    kind, shown = item.question_version.question.kind, item.shown
    tokens = [token for token, _ in shown]
    numbered = [token for token, name in shown if name.isdecimal()]
    others = {
        token: [other for other, name in shown if not name.isdecimal() and (kind == "match" or name[0] == number)]
        for token, number in shown
        if number.isdecimal()
    }
    if kind == "numeric":
        return [["1"], ["0,9"], ["0.90"], ["71"], ["-3.25"], ["900"]]
    if kind == "order":
        places = [[f"{token}:{n}" for n, token in enumerate(order, start=1)] for order in (tokens, tokens[::-1])]
        return [*places, places[0][1:], [f"{token}:1" for token in tokens]]
    if kind in ("match", "case"):
        picked = [[f"{left}:{others[left][n]}" for left in numbered] for n in range(3)]
        return [*picked, picked[0][:1]]
    if kind == "multiple":
        return [[token] for token in tokens] + [tokens[:2], tokens[1:3], tokens]
    return [[token] for token in tokens]


def save(client: Client, item, answer: list[str], *, revision: int, json_wanted: bool, key: str):
    return client.post(
        reverse("quizzes:attempt-save", args=[item.attempt.public_id, item.position]),
        {
            "answer": " ".join(answer) if json_wanted else answer,
            "revision": revision,
            "key": key,
            "flag_sent": "1",
            "flag": "on",
            "last": "6",
        },
        headers={"Accept": "application/json" if json_wanted else "text/html"},
    )


def everything_before_submit(client: Client, attempt: Attempt) -> dict:
    """Every page and reply of the sitting: each sort of answer to each item saved once, by script and by form."""
    take = reverse("quizzes:attempt-take", args=[attempt.public_id])
    check = reverse("quizzes:attempt-check", args=[attempt.public_id])
    seen = {"take": client.get(take), "check": client.get(check)}
    for item in attempt.items.select_related("attempt", "question_version__question").order_by("position"):
        for n, answer in enumerate(answers_to(item)):
            name = f"{item.position}.{n}"
            seen[f"{name} saved"] = save(client, item, answer, revision=2 * n, json_wanted=True, key=f"script {n}")
            seen[f"{name} sent"] = save(client, item, answer, revision=2 * n + 1, json_wanted=False, key=f"form {n}")
        last = 2 * n + 2
        seen[f"{item.position} page"] = client.get(f"{take}?q={item.position}")
        seen[f"{item.position} stale"] = save(client, item, answer, revision=0, json_wanted=True, key="stale")
        seen[f"{item.position} stale form"] = save(client, item, answer, revision=0, json_wanted=False, key="stale")
        seen[f"{item.position} merge"] = client.get(f"{take}?q={item.position}")
        seen[f"{item.position} unknown"] = save(client, item, ["a"], revision=last, json_wanted=True, key="unknown")
    seen["take, all answered"] = client.get(take)
    seen["check, all answered"] = client.get(check)
    seen["rules"] = client.get(reverse("quizzes:quiz-detail", args=["needle-depth"]))
    seen["clock"] = client.get(reverse("quizzes:attempt-clock", args=[attempt.public_id]))
    return seen


def masked(response, attempt):
    """Status, headers and body but for what changes by chance: tokens against forgery, save keys, the request's id."""
    headers = sorted(f"{k}: {v}" for k, v in response.items() if k not in ("X-Request-ID", "Content-Length"))
    body = response.getvalue()
    for pattern, instead in CHANGING:
        body = re.sub(pattern, instead, body)
    whole = f"{response.status_code}\n{headers}\n".encode() + body
    return whole.replace(attempt.public_id.encode(), b"ATTEMPT")


def watched(cast: Cast, course: material.Course) -> tuple[dict[str, bytes], list]:
    """What leaves the site on this bank, and the key of each item; everything is undone after."""
    with transaction.atomic():
        attempt = sitting(cast, course)
        client = Client()
        client.force_login(cast.aesthetician)
        seen = {name: masked(got, attempt) for name, got in everything_before_submit(client, attempt).items()}
        versions = [item.question_version for item in attempt.items.order_by("position")]
        keys = [kinds.of(version.question.kind).key(version.content) for version in versions]
        transaction.set_rollback(True)
    return seen, keys


# One other key in every run, a second in `make proof`
other_keys = pytest.mark.parametrize("by", [1, pytest.param(2, marks=pytest.mark.proof)])


@both_banks
@other_keys
def test_exchanging_the_key_changes_no_byte(cast, bank, by):
    seen, keys = watched(cast, bank())
    assert len(seen) > 60
    assert {"open", "saved", "stale", "unknown"} == {
        json.loads(body.split(b"\n", 2)[2])["state"] for body in seen.values() if b"application/json" in body
    }
    other, moved = watched(cast, with_keys_moved(bank(), by))
    assert all(key != another for key, another in zip(keys, moved, strict=True))
    assert [name for name in seen if seen[name] != other[name]] == []


@pytest.mark.proof
@both_banks
def test_the_comparison_would_notice(cast, monkeypatch, bank):
    """The same comparison fails when an answer to a save tells whether it is right."""
    real = actions.save_answer

    def telling(**kwargs):
        saved = real(**kwargs)
        item = AttemptItem.objects.get(attempt__public_id=kwargs["attempt_id"], position=kwargs["position"])
        version = item.question_version
        kind = kinds.of(version.question.kind)
        right = kind.is_right(kind.key(version.content), kind.in_ids(saved.answer, item.shown))
        return replace(saved, revision=saved.revision + 1000 * right)

    monkeypatch.setattr(actions, "save_answer", telling)
    seen, keys = watched(cast, bank())
    other, _ = watched(cast, with_keys_moved(bank(), 1))
    told = {name.split(".")[0] for name in seen if seen[name] != other[name] and name.endswith("saved")}
    assert len(told) >= len(keys) - 4  # to match, order, multiple and case not every answer was tried


# What is addressed by an attempt that is over, or by what came of one, may tell what its result tells.
AFTERWARDS = {"finished", "number", "code", "asked"}
CERTIFICATES = "compliance:certificates-zip"  # of attempts that are over; the archive tells when it was made
# Events are hashed with a drawn salt, and a signed manifest tells the hashes of its files.
SALTED = ("compliance:trail-csv", "compliance:dossier-file")
HASHES = re.compile(rb"\b(?:[0-9a-f]{128}|[0-9a-f]{64})\b")


def unpacked(page: bytes) -> bytes:
    """The files of a ZIP one after the other, under the status and headers it came with."""
    head, found, packed = page.partition(b"PK\x03\x04")
    if not found:
        return page
    with zipfile.ZipFile(io.BytesIO(found + packed)) as archive:
        return head + b"\n".join(name.encode() + b"\n" + archive.read(name) for name in archive.namelist())


def pages_while_it_runs(cast: Cast, course: material.Course) -> dict[str, bytes]:
    """Every page, part and export that the taker and her manager can get while an attempt is open."""
    with transaction.atomic():
        attempt = sitting(cast, course)
        names = {
            "open": attempt.public_id,
            "maya": cast.aesthetician.public_id,
            "lakeside": cast.lakeside.public_id,
            "extra": factories.accommodate(person=cast.aesthetician, by=cast.manager).pk,
        }
        seen = {}
        for who in ("aesthetician", "manager"):
            client = Client()
            client.force_login(getattr(cast, who))
            for name, (args, cells) in TABLE.items():
                if cells[who] != 200 or AFTERWARDS & {*args} or name == CERTIFICATES:
                    continue
                path = reverse(name, args=[names.get(str(arg), arg) for arg in args])
                page = masked(client.get(path), attempt)
                seen[f"{who}: {name}"] = HASHES.sub(b"HASH", unpacked(page)) if name in SALTED else page
                if name in ("training:search", "quizzes:practice", "compliance:matrix"):
                    part = client.get(path, {"q": "blood"}, headers={"HX-Request": "true"})
                    seen[f"{who}: part of {name}"] = masked(part, attempt)
        changing = [value.encode() for value in map(str, names.values()) if len(value) > 8]
        transaction.set_rollback(True)
    for name in seen:
        for value in changing:
            seen[name] = seen[name].replace(value, b"ID")
    return seen


def test_no_page_part_or_export_depends_on_a_key_while_an_attempt_runs(cast):
    here = pages_while_it_runs(cast, factories.every_kind())
    assert len(here) > 60
    assert not [name for name, body in here.items() if body.startswith(b"5")]
    there = pages_while_it_runs(cast, with_keys_moved(factories.every_kind(), 1))
    assert [name for name in here if here[name] != there[name]] == []


def in_page(text: str, page: str) -> bool:
    """In any spelling in which a page or a JSON answer could carry it."""
    return any(spelling in page for spelling in (text, escape(text), json.dumps(text)[1:-1]))


def rationales_of(item) -> list[str]:
    return list(kinds.of(item.kind).rationales(item.content).values())


@both_banks
def test_no_rationale_leaves_before_submit(client, cast, bank):
    attempt = sitting(cast, bank())
    client.force_login(cast.aesthetician)
    seen = [got.text for got in everything_before_submit(client, attempt).values()]
    for path in ("training:module-detail", "training:module-print", "training:module-points", "quizzes:practice"):
        seen.append(client.get(reverse(path, args=["needle-depth"])).text)
    drawn = [item for item in bank().modules[0][1] if item.bank == "certifying"]
    rationales = [rationale for item in drawn for rationale in rationales_of(item)]
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


VALUE = re.compile(r'<(?:input[^>]*name="answer[^"]*"|option)[^>]*\bvalue="([^"]*)"')
A_TOKEN = re.compile(r"[0-9a-f]{16}")


def test_forms_of_every_kind_carry_tokens_and_places_and_nothing_else(client, cast):
    attempt = sitting(cast, factories.every_kind())
    client.force_login(cast.aesthetician)
    page = client.get(reverse("quizzes:attempt-take", args=[attempt.public_id])).text
    values = VALUE.findall(page)
    tokens = {token for item in attempt.items.all() for token, _ in item.shown}
    words = {word for value in values for word in value.split(":")}
    assert {word for word in words if A_TOKEN.fullmatch(word)} < tokens
    assert {word for word in words if not A_TOKEN.fullmatch(word)} == {"", "1", "2", "3", "4"}
    named = set(re.findall(r'name="answer-([^"]*)"', page)) | set(re.findall(r'data-pick="([^"]*)"', page))
    assert named < tokens
    assert not re.search(r"data-(key|right|correct|answer)|is-key|rationale|tolerance|\"correct\"", page)


def test_tokens_are_those_of_one_attempt_alone(cast):
    """The same item in another attempt is answered with other tokens, in another order."""
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.every_kind())
    attempts = [factories.make_attempt(person=person, course=course) for person in (cast.aesthetician, cast.colleague)]
    one, other = ({token for item in attempt.items.all() for token, _ in item.shown} for attempt in attempts)
    assert len(one) == len(other) > 40
    assert not one & other


def test_a_reply_repeats_the_answer_and_says_no_more(client, cast):
    """Right, wrong and half-given answers of every kind are answered in the same words."""
    attempt = sitting(cast, factories.every_kind())
    client.force_login(cast.aesthetician)
    for item in attempt.items.select_related("attempt", "question_version__question"):
        right, wrong = factories.could_answer(item)
        for n, answer in enumerate([right, wrong[0], right.split()[0]]):
            got = save(client, item, answer.split(), revision=n, json_wanted=True, key=f"k{n}")
            assert got.json() == {"state": "saved", "revision": n + 1, "answer": answer, "at": "08:00:00"}


def test_what_comes_late_is_answered_alike_and_shown_without_a_word_on_right_or_wrong(client, cast):
    """Of every kind, right and wrong; the attempt ran out with nothing answered."""
    attempt = sitting(cast, factories.every_kind())
    client.force_login(cast.aesthetician)
    result = reverse("certificates:attempt-result", args=[attempt.public_id])
    with clock.at(attempt.deadline_at + timedelta(minutes=5)):
        for item in attempt.items.select_related("attempt", "question_version__question"):
            right, (wrong, *_) = factories.could_answer(item)
            for n, answer in enumerate((right, wrong)):
                got = save(client, item, answer.split(), revision=0, json_wanted=True, key=f"k{n}")
                assert got.json() == {"state": "ended", "url": result, "answer": "kept"}
        page = client.get(result).text
    rows = re.findall(r"<li>(?:(?!</li>).)*Came late:.*?</li>", page, re.S)
    assert len(rows) == 2 * attempt.items.count()
    assert all(
        "Not counted" in row and not re.search(r"[Rr]ight|[Ww]rong|Missed|tone-good|tone-stop", row) for row in rows
    )
    rationales = [rationale for item in factories.every_kind().modules[0][1] for rationale in rationales_of(item)]
    assert [r for r in rationales if in_page(r, page)] == []


LOOKING = ("key", "is_right", "partly_right", "rationales", "rows", "told", "right_answer", "wrong_answers", "sealed")


@both_banks
def test_nothing_before_submit_looks_at_a_key_or_names_a_drawn_question(cast, monkeypatch, bank):
    """A code such as nd-17-q1 would name the key point that holds the answer. And what is not read takes no time: no reply
    can come sooner or later for a right answer than for a wrong one."""

    def looked(*args, **kwargs):
        raise AssertionError("somebody looked at the key")

    attempt = sitting(cast, bank())
    client = Client()
    client.force_login(cast.aesthetician)
    for kind in kinds.KINDS.values():
        for name in LOOKING:
            monkeypatch.setattr(type(kind), name, looked)
    for got in everything_before_submit(client, attempt).values():
        assert not re.search(r"nd-\d\d", got.text)
    with pytest.raises(AssertionError, match="looked at the key"):
        submit(attempt=attempt, by=cast.aesthetician)


@pytest.mark.parametrize("token", ["a", "b", "c", "d"])
def test_option_names_are_no_answers(client, cast, token):
    """The bank's own names of options are unknown, right or wrong alike."""
    attempt = sitting(cast, files())
    client.force_login(cast.aesthetician)
    item = attempt.items.select_related("attempt").first()
    got = save(client, item, [token], revision=0, json_wanted=True, key="k")
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
    """Each item told in words, and whether it was right."""
    for item in attempt.items.select_related("question_version__question").order_by("position"):
        kind, content = kinds.of(item.question_version.question.kind), item.question_version.content
        texts = kind.texts(content)
        shown = [[token, name, texts[name]] for token, name in item.shown]
        told = kind.told(kind.key(content), item.answer, shown, kind.rationales(content))
        yield told, kind.is_right(kind.key(content), kind.in_ids(item.answer, item.shown))


@both_banks
def test_failed_result_gives_no_key_away(client, cast, bank):
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=bank())
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=6, critical_wrong=1)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[done.attempt.public_id])).text
    assert "not passed" in page
    missed = [told for told, right in items_of(done.attempt) if not right]
    assert len(missed) == (5 if bank is files else 7)
    stems = " ".join(item.question_version.content["stem"] for item in done.attempt.items.all())
    for told in missed:
        assert told.key in stems or not in_page(told.key, page)  # a short number may stand in another question
        assert in_page(told.answer, page)
        assert not [row for row in told.rows if row.rationale and in_page(row.rationale, page)]


def test_failed_result_with_open_questions_gives_no_key_away(client, cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    submit(attempt=attempt, by=cast.aesthetician)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[attempt.public_id])).text
    assert [told.key for told, _ in items_of(attempt) if in_page(told.key, page)] == []


@both_banks
def test_passed_result_shows_the_key_of_what_was_missed(client, cast, bank):
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=bank())
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=1)
    client.force_login(cast.aesthetician)
    page = client.get(reverse("certificates:attempt-result", args=[done.attempt.public_id])).text
    (told,) = [told for told, right in items_of(done.attempt) if not right]
    assert in_page(told.key, page)
    assert [row for row in told.rows if row.rationale and row.counts]
    assert all(in_page(row.rationale, page) for row in told.rows if row.counts)


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


@both_banks
def test_questions_about_a_failed_attempt_give_no_key_away(client, cast, bank):
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=bank())
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=6, critical_wrong=1)
    seen = enquiry_pages(client, cast, done.attempt)
    for item, (told, right) in zip(
        done.attempt.items.order_by("position").select_related("question_version__question"),
        items_of(done.attempt),
        strict=True,
    ):
        assert in_page(told.answer, seen[f"{item.position} answered"])
        for name, page in seen.items():
            assert not [row for row in told.rows if row.rationale and in_page(row.rationale, page)], name
            assert item.question_version.question.code not in page, name
            assert right or not in_page(told.key, page), name


@both_banks
@other_keys
def test_moving_the_key_of_an_item_changes_nothing_about_a_question_on_it(cast, bank, by):
    """Whether she was right stands on her result; which other option was right stands nowhere."""

    def watched_pages(moved: int) -> dict[str, bytes]:
        with transaction.atomic():
            attempt = sitting(cast, with_keys_moved(bank(), moved))
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

    here, there = watched_pages(0), watched_pages(by)
    assert [name for name in here if here[name] != there[name]] == []


def test_questions_after_a_pass_show_what_the_result_shows(client, cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    seen = enquiry_pages(client, cast, done.attempt)
    position, told = next((n, told) for n, (told, right) in enumerate(items_of(done.attempt), start=1) if not right)
    assert in_page(told.key, seen[f"{position} answered"])
    assert all(in_page(row.rationale, seen[f"{position} answered"]) for row in told.rows if row.chosen)


def test_practice_explains_only_after_an_answer(client, cast, module):
    client.force_login(cast.aesthetician)
    practice = [item for item in files().modules[0][1] if item.bank == "practice"]
    rationales = [rationale for item in practice for rationale in rationales_of(item)]
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
