"""Every kind of item, and seals of the first format."""

import json

import pytest

from compliance import records
from quizzes import sealing
from quizzes.models import Attempt, AttemptItem, Response, Seal
from staff import canonical
from tests import emptied, factories
from training.models import Picture


@pytest.fixture
def every_kind(cast, of_every_kind):
    """One attempt handed in, one still open with an answer to each item, under the triggers."""
    done = factories.make_finished(person=cast.aesthetician, course=of_every_kind, wrong=2)
    still_open = factories.make_attempt(person=cast.colleague, course=of_every_kind)
    factories.answer(attempt=still_open, wrong=1)
    return done.attempt


def test_verify_scores_every_kind_again(every_kind):
    report = records.verify(everything=True)
    assert report.findings == []
    assert report.checked["scores derived again"] == 1


@pytest.mark.parametrize("kind", ["single", "multiple", "numeric", "order", "match", "hotspot", "case"])
def test_verify_names_an_answer_of_a_kind_made_right(every_kind, kind):
    """Item, last save and seal are changed alike; the score that the seal then gives is not the one on record."""
    item = every_kind.items.select_related("question_version__question", "attempt").filter(
        question_version__question__kind=kind
    )[0]
    right, (wrong, *_) = factories.could_answer(item)
    other = wrong if item.answer == right else right
    with emptied.unguarded():
        last = item.responses.order_by("-revision")[0]
        Response.objects.filter(pk=last.pk).update(payload=other)
        AttemptItem.objects.filter(pk=item.pk).update(answer=other)
        seal = Seal.objects.get(attempt=every_kind)
        sealed = json.loads(seal.text)
        row = sealed["items"][item.position - 1]
        row["answer"] = other
        row["history_sha256"] = sealing.history_sha256(list(item.responses.order_by("revision")))
        text = canonical.text(sealed)
        Seal.objects.filter(pk=seal.pk).update(text=text, sha256=canonical.sha256(text))
        Attempt.objects.filter(pk=every_kind.pk).update(seal_sha256=canonical.sha256(text))
    named = [finding.what for finding in records.verify(everything=True).findings]
    assert any("points in its seal" in what for what in named), named


def test_verify_names_a_picture_that_an_item_was_set_over(every_kind):
    with emptied.unguarded():
        Picture.objects.filter(code="face-plain").delete()
    named = [finding.what for finding in records.verify(everything=True).findings]
    assert "question nd-20-q2, version 1, the picture it is set over" in named


def test_verify_reads_a_seal_of_the_first_format(cast, monkeypatch):
    """Single best answers were sealed in it, and in nothing but its name did the seal say otherwise."""
    monkeypatch.setattr(sealing, "FORMAT", sealing.FIRST_FORMAT)
    course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
    factories.make_finished(person=cast.aesthetician, course=course, wrong=1)
    monkeypatch.undo()
    assert json.loads(Seal.objects.get().text)["format"] == sealing.FIRST_FORMAT
    assert records.verify(everything=True).findings == []


def test_verify_names_another_kind_in_a_seal_of_the_first_format(cast, of_every_kind, monkeypatch):
    monkeypatch.setattr(sealing, "FORMAT", sealing.FIRST_FORMAT)
    factories.make_finished(person=cast.aesthetician, course=of_every_kind)
    monkeypatch.undo()
    (finding,) = records.verify(everything=True).findings
    assert "kinds of item in a seal of the first format" in finding.what
