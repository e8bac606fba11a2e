from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from staff import clock, signing
from staff.models import AuditEvent, Signature
from tests import factories
from training import observing
from training.models import Acknowledgement, Observation, ObservedLine, ObservedScore
from training.observations import observes_in, seen_of, shown_for


def start(cast, **fields):
    return observing.start(
        **{
            "learner": cast.aesthetician,
            "clinic": cast.lakeside,
            "setting": "simulated",
            "codes": ["P10"],
            "by": cast.physician,
        }
        | fields
    )


def save(sheet, by, position=1, score=2, revision=0, key="tap"):
    return observing.save_score(
        sheet_id=sheet.public_id, observer=by, position=position, score=score, base_revision=revision, client_key=key
    )


def test_the_physician_observes_by_role_and_others_once_approved(cast, module):
    assert observes_in(cast.physician) == [cast.lakeside]
    with pytest.raises(observing.NotObservable, match="not an approved observer"):
        start(cast, by=cast.colleague)
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    assert start(cast, by=cast.colleague).observer == cast.colleague
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    assert observes_in(cast.colleague) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda cast: {"learner": cast.physician}, "Nobody observes themselves"),
        (lambda cast: {"learner": cast.support}, "No programme asks practicals"),
        (lambda cast: {"learner": cast.other_aesthetician}, "No programme asks practicals"),
        (lambda cast: {"by": cast.other_physician}, "not an approved observer"),
        (lambda cast: {"by": cast.manager}, "not an approved observer"),
        (lambda cast: {"codes": ["P99"]}, "at least one practical"),
    ],
)
def test_refused(cast, module, change, sentence):
    with pytest.raises(observing.NotObservable, match=sentence):
        start(cast, **change(cast))
    assert not Observation.objects.exists()


def test_two_do_not_observe_each_other_in_turn(cast, module):
    for person in (cast.colleague, cast.aesthetician):
        factories.approve_observer(person=person, by=cast.physician)
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.colleague, codes=["P10"], setting="simulated")
    turned = factories.make_sheet(learner=cast.colleague, by=cast.aesthetician, codes=["P10"], setting="simulated")
    factories.sign_sheet(sheet=sheet, by=cast.colleague)
    with pytest.raises(signing.SigningRefused, match="in turn"):
        factories.sign_sheet(sheet=turned, by=cast.aesthetician)
    with pytest.raises(observing.NotObservable, match="in turn"):
        start(cast, learner=cast.colleague, by=cast.aesthetician)


def test_the_database_refuses_oneself(cast, module):
    with pytest.raises(IntegrityError), transaction.atomic():
        Observation.objects.create(
            clinic=cast.lakeside, learner=cast.physician, observer=cast.physician, setting="simulated",
            observed_on=clock.today("UTC"),
        )  # fmt: skip


def test_begun_twice_is_one_sheet(cast, module):
    assert start(cast) == start(cast)
    assert AuditEvent.objects.filter(action="observation.started").count() == 1


def test_a_tap_sent_twice_counts_once_and_a_stale_one_overwrites_nothing(cast, module):
    sheet = start(cast)
    first = save(sheet, cast.physician, score=1, key="a")
    assert save(sheet, cast.physician, score=1, key="a") == first
    with pytest.raises(observing.Stale) as stale:
        save(sheet, cast.physician, score=2, key="b")
    assert (stale.value.line.score, stale.value.line.revision) == (1, 1)
    assert save(sheet, cast.physician, score=2, revision=1, key="c").revision == 2
    assert list(ObservedScore.objects.values_list("score", flat=True)) == [1, 2]
    assert sheet.lines.get(position=1).score == 2


def test_only_the_observer_scores_and_only_until_it_is_signed(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician)
    with pytest.raises(ObservedLine.DoesNotExist):
        save(sheet, cast.aesthetician)
    with pytest.raises(ValueError, match="a score is 0, 1 or 2"):
        save(sheet, cast.physician, score=3, revision=1)
    factories.sign_sheet(sheet=sheet, by=cast.physician)
    with pytest.raises(observing.SheetEnded):
        save(sheet, cast.physician, score=0, revision=1, key="late")


def test_signing(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=["P6", "P13"])
    signed = factories.sign_sheet(sheet=sheet, by=cast.physician)
    assert [(row["code"], row["passed"]) for row in signed.sealed["practicals"]] == [("P6", True), ("P13", True)]
    assert signed.signature.record_sha256 == signed.seal_sha256
    assert signed.signature.role == "physician"
    with pytest.raises(signing.SigningRefused, match="signed or put aside already"):
        factories.sign_sheet(sheet=sheet, by=cast.physician)
    assert Signature.objects.filter(meaning_code="observe").count() == 1


def test_an_observer_signs_as_one_and_no_longer_when_withdrawn(cast, module):
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.colleague)
    other = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, codes=["P3"])
    assert factories.sign_sheet(sheet=sheet, by=cast.colleague).signature.role == "observer"
    with pytest.raises(signing.SigningRefused, match="Only who watched"):
        factories.sign_sheet(sheet=other, by=cast.colleague)
    late = factories.make_sheet(learner=cast.aesthetician, by=cast.colleague, codes=["P7"])
    factories.approve_observer(person=cast.colleague, by=cast.physician)
    with pytest.raises(signing.SigningRefused, match="not an approved observer"):
        factories.sign_sheet(sheet=late, by=cast.colleague)


def test_what_is_signed_is_what_was_seen(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician)
    with pytest.raises(signing.SigningRefused, match="changed while it was on your screen"):
        observing.sign(
            sheet=sheet,
            seen=factories.seen("0" * 64, cast.physician),
            by=cast.physician,
        )
    assert Observation.objects.get().state == "open"


def test_a_line_without_a_score_is_not_signed(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, score=None)
    with pytest.raises(signing.SigningRefused, match="not scored yet"):
        factories.sign_sheet(sheet=sheet, by=cast.physician)


def test_a_failed_starred_practical_is_repeated_on_another_day(cast, module, now):
    failed = factories.make_sheet(learner=cast.aesthetician, by=cast.physician, score=1)
    factories.sign_sheet(sheet=failed, by=cast.physician)
    with pytest.raises(observing.NotObservable, match="P6 failed today"):
        start(cast, codes=["P6", "P10"])
    with clock.at(now + timedelta(days=1)):
        assert start(cast, codes=["P6", "P10"])


def test_it_counts_once_she_has_read_it(cast, module):
    sheet = factories.sign_sheet(
        sheet=factories.make_sheet(learner=cast.aesthetician, by=cast.physician), by=cast.physician
    )
    state = {row.version.code: row.standing.state for row in shown_for(cast.aesthetician)}
    assert (state["P6"], state["P3"]) == ("acknowledge", "open")
    factories.acknowledge(sheet=sheet)
    assert {row.version.code: row.standing.state for row in shown_for(cast.aesthetician)}["P6"] == "passed"
    assert observing.acknowledge(sheet=sheet, agrees=False, text="no", by=cast.aesthetician).agrees
    assert Acknowledgement.objects.count() == 1


def test_a_sheet_put_aside_counts_for_nothing(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician)
    assert not observing.put_aside(sheet=sheet, by=cast.colleague)
    assert observing.put_aside(sheet=sheet, by=cast.physician)
    assert seen_of(cast.aesthetician) == {}


def test_a_wrong_password_signs_nothing(cast, module):
    sheet = factories.make_sheet(learner=cast.aesthetician, by=cast.physician)
    with pytest.raises(signing.SigningRefused, match="password is not right"):
        observing.sign(
            sheet=sheet,
            seen=factories.seen("", cast.physician, password="wrong"),
            by=cast.physician,
        )
    assert not Signature.objects.filter(meaning_code="observe").exists()
