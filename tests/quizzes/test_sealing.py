import json
from pathlib import Path

import pytest

from certificates.actions import submit
from quizzes import kinds, scoring, sealing
from quizzes.models import AttemptItem, Mark, QuestionVersion, Response, Seal
from staff import canonical, clock
from tests import emptied, factories


@pytest.fixture
def done(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=1)


def sealed_of(attempt):
    return json.loads(Seal.objects.get(attempt=attempt).text)


def test_seal_is_canonical_and_hashed(done):
    seal = Seal.objects.get()
    assert seal.text == canonical.text(json.loads(seal.text))
    assert seal.sha256 == done.attempt.seal_sha256 == canonical.sha256(seal.text)


def test_seal_alone_gives_the_score_again(done):
    sealed = sealed_of(done.attempt)
    scored = scoring.score_sealed(sealed)
    assert (scored.total, scored.most, scored.passed) == (5, 6, True)
    assert sealed["outcome"] == {
        "points": 5,
        "of": 6,
        "passed": True,
        "clauses": [clause.plain() for clause in scored.clauses],
    }
    assert [item["points_earned"] for item in sealed["items"]] == list(scored.points)
    assert list(Mark.objects.order_by("item__position").values_list("points", flat=True)) == list(scored.points)


def test_seal_says_everything_about_the_sitting(cast, done, now):
    sealed = sealed_of(done.attempt)
    assert (sealed["person"], sealed["clinic"], sealed["cycle"]) == (cast.aesthetician.pk, cast.lakeside.pk, 1)
    assert (sealed["number"], sealed["state"], sealed["seed"]) == (1, "submitted", done.attempt.seed)
    assert sealed["ended_at"] == canonical.instant(now)
    assert sealed["quiz"]["cut"] == 5
    assert sealed["quiz"]["cut_basis"] == "provisional: no panel has rated it"
    assert sealed["module"]["slug"] == "needle-depth"


def test_seal_keeps_wording_order_key_and_points(done):
    for item, row in zip(sealed_of(done.attempt)["items"], done.attempt.items.order_by("position"), strict=True):
        version = row.question_version
        options = {option["id"]: option for option in version.content["options"]}
        assert (item["question"], item["version"], item["sha256"]) == (version.question.code, 1, version.sha256)
        assert item["stem"] == version.content["stem"]
        assert item["shown"] == [[token, option, options[option]["text"]] for token, option in row.shown]
        assert options[item["key"]]["key"]
        assert item["points"] == [
            {
                "code": point.point_version.key_point.code,
                "critical": point.point_version.critical,
                "content_sha256": point.point_version.content_sha256,
                "section": "technique-and-endpoint",
                "section_version": 1,
            }
            for point in row.points.all()
        ]


def test_seal_keeps_answers_with_a_hash_of_their_history(done):
    for item, row in zip(sealed_of(done.attempt)["items"], done.attempt.items.order_by("position"), strict=True):
        history = list(Response.objects.filter(item=row).order_by("revision"))
        assert (item["answer"], item["revision"]) == (row.answer, row.revision)
        assert item["history_sha256"] == sealing.history_sha256(history)
        history[0].payload = "another"
        assert item["history_sha256"] != sealing.history_sha256(history)


def test_seal_counts_earlier_meetings(cast, module, now):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=3)
    with clock.at(now.replace(day=3)):
        factories.read_all(person=cast.aesthetician, course=module)
        second = factories.make_finished(person=cast.aesthetician, course=module, read=False)
    assert {item["met_before"] for item in sealed_of(second.attempt)["items"]} == {1}


def test_seal_of_nothing_answered(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    finished = submit(attempt=attempt, by=cast.aesthetician)
    sealed = sealed_of(finished.attempt)
    assert {(item["answer"], item["revision"], item["points_earned"]) for item in sealed["items"]} == {("", 0, 0)}
    assert {item["history_sha256"] for item in sealed["items"]} == {canonical.sha256_of([])}


def test_seal_does_not_follow_the_bank(done):
    """A key exchanged afterwards, even past the triggers, changes no score."""
    before = scoring.score_sealed(sealed_of(done.attempt))
    with emptied.unguarded():
        for version in QuestionVersion.objects.all():
            content = version.content
            for option in content["options"]:
                option["key"] = not option["key"]
            QuestionVersion.objects.filter(pk=version.pk).update(body=canonical.text(content))
    assert scoring.score_sealed(sealed_of(done.attempt)) == before


def test_tampering_with_an_item_shows(done):
    """What the seal says and what the rows say differ as soon as one answer is changed past the triggers."""
    row = done.attempt.items.order_by("position")[0]
    with emptied.unguarded():
        AttemptItem.objects.filter(pk=row.pk).update(answer=row.shown[-1][0], flagged=True)
    assert sealing.sealed_items(done.attempt)[0] != {
        name: value for name, value in sealed_of(done.attempt)["items"][0].items() if name != "points_earned"
    }


# Every kind, and seals of the first format


@pytest.fixture
def handed_in(cast, of_every_kind):
    """One of them wrong."""
    return factories.make_finished(person=cast.aesthetician, course=of_every_kind, wrong=1)


def test_seal_of_every_kind_gives_the_score_again(handed_in):
    sealed = sealed_of(handed_in.attempt)
    assert sealed["format"] == "pinpoint-attempt-2"
    assert {item["kind"] for item in sealed["items"]} == set(kinds.KINDS)
    scored = scoring.score_sealed(sealed)
    assert (scored.total, scored.most, scored.passed) == (9, 10, True)
    assert [item["points_earned"] for item in sealed["items"]] == list(scored.points)


@pytest.mark.parametrize("code", list(kinds.KINDS))
def test_seal_needs_nothing_else_to_score_an_item_of_a_kind(handed_in, code):
    """From the text alone: the answer given scores as it did, another one scores otherwise."""
    sealed = sealed_of(handed_in.attempt)
    place = next(n for n, item in enumerate(sealed["items"]) if item["kind"] == code)
    row = handed_in.attempt.items.get(position=place + 1)
    right, wrong = factories.could_answer(row)
    points = []
    for answer in (right, wrong[0], right.split()[0] + " x", ""):
        sealed["items"][place]["answer"] = answer
        points.append(scoring.score_sealed(sealed).points[place])
    assert points == [1, 0, 0, 0]


def test_seal_keeps_the_wording_of_every_kind(handed_in):
    for item, row in zip(
        sealed_of(handed_in.attempt)["items"],
        handed_in.attempt.items.order_by("position").select_related("question_version__question"),
        strict=True,
    ):
        kind, content = kinds.of(item["kind"]), row.question_version.content
        texts = kind.texts(content)
        assert [[token, name] for token, name, _ in item["shown"]] == row.shown
        assert {name: text for _, name, text in item["shown"]} == texts
        assert item["key"] == kind.key(content)
        if item["kind"] == "hotspot":
            assert item["picture_sha256"] == content["picture_sha256"]
    assert "0.9" in json.dumps(sealed_of(handed_in.attempt)["items"])


FIRST_FORMAT = Path(__file__).parent / "seals" / "pinpoint-attempt-1.json"


def test_seal_of_the_first_format_still_scores():
    """Written by the site before it knew other kinds than single best answers."""
    text = FIRST_FORMAT.read_text(encoding="utf-8").strip()
    sealed = json.loads(text)
    assert sealed["format"] == sealing.FIRST_FORMAT
    assert canonical.text(sealed) == text
    scored = scoring.score_sealed(sealed)
    assert [item["points_earned"] for item in sealed["items"]] == list(scored.points) == [0, 1, 1, 1, 1, 1]
    assert sealed["outcome"]["clauses"] == [clause.plain() for clause in scored.clauses]


def test_both_formats_say_the_same_of_a_single_best_answer(done):
    first, second = json.loads(FIRST_FORMAT.read_text(encoding="utf-8")), sealed_of(done.attempt)
    assert {name: type(value) for name, value in first.items()} == {name: type(v) for name, v in second.items()}
    assert {frozenset(item) for item in first["items"]} == {frozenset(item) for item in second["items"]}
    assert {type(item["key"]) for item in second["items"]} == {str}
