"""A question scored anew: what the list says, what is written, and what follows for certificates and re-tests."""

import json

import pytest

from certificates import actions as proof
from certificates import regrading
from certificates.models import Certificate
from certificates.queries import passes_awaiting_adoption, resting_on_lost_passes, state_of
from compliance import records
from quizzes import eligibility
from quizzes.models import Attempt, AttemptItem, Disposition, Mark, Outcome, Regrade
from quizzes.queries import has_passed, standing
from staff import clock
from staff.models import AuditEvent, OutgoingMail, Signature
from staff.signing import SigningRefused
from tests import factories
from tests.quizzes.test_retest import MINUTE, read_again, take

KEPT = (Mark, Outcome, Regrade, Disposition, Signature, AuditEvent, Certificate, OutgoingMail)


@pytest.fixture
def retested(cast):
    """The small course with its re-test."""
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest())


def items_of(attempt: Attempt, *, critical: bool, right: bool) -> list[AttemptItem]:
    """Its items of this sort, as first scored."""
    rows = attempt.items.filter(points__point_version__critical=critical, marks__number=1, marks__points=int(right))
    return list(rows.select_related("question_version__question", "attempt__candidacy__clinic").order_by("position"))


def id_of_answer(item: AttemptItem) -> str:
    return dict(item.shown)[item.answer]


def corrected_to_answer(cast, item: AttemptItem):
    """A later version whose key is what this item was answered with."""
    return factories.correct(version=item.question_version, by=cast.author, answered=id_of_answer(item))


def corrected_away(cast, item: AttemptItem):
    return factories.correct(version=item.question_version, by=cast.author, answered=id_of_answer(item), wrongly=True)


def counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in KEPT}


def code_now(cast, course, person=None) -> str:
    where = standing(person or cast.aesthetician, course.quiz, cast.lakeside)
    return eligibility.verdict(where, clock.now()).code


def clean() -> list[str]:
    return [str(finding) for finding in records.verify(everything=True).findings]


# The list


def test_dry_run_writes_nothing_and_names_what_turns(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    plan = factories.plan_for(item, "new", corrected=corrected_to_answer(cast, item))
    before = counts()
    (entry,) = regrading.consequences(plan, by=cast.physician)
    assert counts() == before
    assert (entry.before.points, entry.after.total, entry.turn) == (4, 5, "passes")
    assert entry.effects == ("issued",)
    assert regrading.summary([entry]) == {"attempts": 1, "changed": 1, "passes": 1, "falls": 0, "certificates": 0}


def test_list_is_of_the_clinic_and_never_the_signer_s_own(cast, module):
    factories.adopt(course=module, by=cast.other_physician, clinic=cast.harbour)
    hers = factories.make_finished(person=cast.aesthetician, course=module).attempt
    item = hers.items.select_related("question_version__question", "attempt__candidacy__clinic").first()
    taken = {item.question_version_id: {hers.pk}}
    for person in (cast.colleague, cast.other_aesthetician):
        for drawn in factories.make_finished(person=person, course=module).attempt.items.all():
            if drawn.question_version_id in taken and person == cast.colleague:
                taken[drawn.question_version_id].add(drawn.attempt_id)
    plan = factories.plan_for(item, "credit")
    found = {entry.attempt.pk for entry in regrading.consequences(plan, by=cast.physician)}
    assert found == taken[item.question_version_id]
    own = {entry.attempt.pk for entry in regrading.consequences(plan, by=cast.aesthetician)}
    assert own == found - {hers.pk}


@pytest.mark.one_engine  # as many statements on both
def test_list_takes_no_more_queries_with_more_attempts(cast, module, django_assert_max_num_queries):
    one = factories.make_finished(person=cast.aesthetician, course=module).attempt
    item = items_of(one, critical=True, right=True)[0]
    plan = factories.plan_for(item, "withdraw")
    with django_assert_max_num_queries(50) as first:
        regrading.consequences(plan, by=cast.physician)
    for person in (cast.colleague, cast.support):
        attempt = factories.make_attempt(person=person, course=module)
        factories.answer(attempt=attempt)
        proof.submit(attempt=attempt, by=person)
    with django_assert_max_num_queries(len(first)):
        regrading.consequences(plan, by=cast.physician)


def test_a_list_that_changed_is_refused(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    item = items_of(done.attempt, critical=True, right=False)[0]
    plan = factories.plan_for(item, "credit")
    shown = regrading.listed(plan, regrading.consequences(plan, by=cast.physician))
    other = factories.make_attempt(person=cast.colleague, course=module, seed=done.attempt.seed)
    factories.answer(attempt=other)
    proof.submit(attempt=other, by=cast.colleague)
    before = counts()
    with pytest.raises(SigningRefused, match="changed while it was on your screen"):
        regrading.regrade(
            plan=plan,
            reason="Wrong.",
            seen=factories.seen(factories.canonical.sha256(shown), cast.physician),
            by=cast.physician,
        )
    assert counts() == before


def test_a_broken_last_step_keeps_nothing(cast, module, monkeypatch):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    plan = factories.plan_for(item, "credit")
    before = counts()

    def broken(row, entry):
        raise RuntimeError("no mail today")

    monkeypatch.setattr(regrading, "_tell", broken)
    with pytest.raises(RuntimeError, match="no mail"):
        factories.make_regrade(plan=plan, by=cast.physician)
    assert counts() == before
    assert done.attempt.candidacy.closed_at is None


def test_scored_so_already_is_not_listed_again(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module)
    item = items_of(done.attempt, critical=False, right=True)[0]
    plan = factories.plan_for(item, "credit")
    factories.make_regrade(plan=plan, by=cast.physician)
    with pytest.raises(SigningRefused, match="No finished attempt is left"):
        factories.make_regrade(plan=plan, by=cast.physician)


# What follows


def test_a_fail_that_becomes_a_pass_is_certified_from_its_day(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    plan = factories.plan_for(item, "both", corrected=corrected_to_answer(cast, item))
    with clock.at(clock.now() + 3000 * MINUTE):
        row = factories.make_regrade(plan=plan, by=cast.physician)
        certificate = Certificate.objects.get(attempt=done.attempt)
        assert str(certificate.valid_from_on) == "2026-11-02"
        assert code_now(cast, module) == "closed"
        assert (
            OutgoingMail.objects.get(dedupe_key=f"{row.cause}:{done.attempt.public_id}").body.count("passed now") == 1
        )
        assert clean() == []
    marks = list(item.marks.order_by("number").values_list("number", "points", "max_points", "cause"))
    assert marks == [(1, 0, 1, "first"), (2, 1, 1, row.cause)]
    assert list(done.attempt.outcomes.order_by("number").values_list("passed", "points", "cause")) == [
        (False, 4, "first"),
        (True, 5, row.cause),
    ]
    assert not passes_awaiting_adoption().exists()


def test_a_pass_before_adoption_waits_for_it(cast):
    course = factories.make_module(by=cast.pinpoint)
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    plan = factories.plan_for(item, "credit")
    assert [entry.effects for entry in regrading.consequences(plan, by=cast.physician)] == [("waits",)]
    factories.make_regrade(plan=plan, by=cast.physician)
    assert list(passes_awaiting_adoption()) == [done.attempt]
    factories.adopt(course=course, by=cast.physician, clinic=cast.lakeside)
    assert Certificate.objects.get().attempt == done.attempt


def test_a_pass_ends_what_was_under_way_in_the_cycle(cast, module):
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    with clock.at(clock.now() + 1440 * MINUTE):
        running = factories.make_attempt(person=cast.aesthetician, course=module)
        plan = factories.plan_for(item, "credit")
        assert regrading.consequences(plan, by=cast.physician)[0].effects == ("issued", "voids")
        factories.make_regrade(plan=plan, by=cast.physician)
        running.refresh_from_db()
        assert running.state == "voided"
        assert Certificate.objects.count() == 1
        assert clean() == []


def lost(cast, module, *, wrong: int = 1):
    """A pass at the cut that a corrected key takes away, with its certificate."""
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=wrong)
    item = items_of(done.attempt, critical=False, right=True)[0]
    plan = factories.plan_for(item, "new", corrected=corrected_away(cast, item))
    assert regrading.consequences(plan, by=cast.physician)[0].effects == ("decide",)
    factories.make_regrade(plan=plan, by=cast.physician)
    return done.certificate


def test_a_pass_that_falls_leaves_its_certificate_to_the_physician(cast, module):
    certificate = lost(cast, module)
    assert state_of(certificate) == "valid"
    assert not Attempt.objects.passed().exists()
    assert has_passed(cast.aesthetician, module.quiz), "closed until somebody has decided"
    assert code_now(cast, module) == "closed"
    assert resting_on_lost_passes(Certificate.objects.all()) == [certificate]
    assert clean() == []


@pytest.mark.parametrize(
    ("decision", "state", "code"),
    [("keep", "valid", "closed"), ("suspend", "suspended", "reread"), ("revoke", "revoked", "read")],
)
def test_a_disposition_is_signed_and_decides(cast, module, decision, state, code):
    certificate = lost(cast, module)
    with clock.at(clock.now() + MINUTE):
        row = factories.decide(certificate=certificate, decision=decision, by=cast.physician)
        found = Certificate.objects.get(pk=certificate.pk)
        assert state_of(found) == state
        assert code_now(cast, module) == code
        assert row.signature.meaning_code == decision
        assert not resting_on_lost_passes(Certificate.objects.all())
        assert clean() == []
        with pytest.raises(SigningRefused, match="waits for no decision"):
            factories.decide(certificate=certificate, decision="keep", by=cast.physician)


def test_passed_again_after_a_suspension_counts_from_that_day(cast, module):
    certificate = lost(cast, module)
    with clock.at(clock.now() + 1440 * MINUTE):
        factories.decide(certificate=certificate, decision="suspend", by=cast.physician)
        factories.read_all(person=cast.aesthetician, course=module)
    with clock.at(clock.now() + 1500 * MINUTE):
        again = factories.make_finished(person=cast.aesthetician, course=module, read=False)
        assert again.attempt.candidacy_id == certificate.candidacy_id
        assert again.attempt.number == 2
        assert again.certificate.supersedes == certificate
        assert str(again.certificate.valid_from_on) == "2026-11-03"
        assert str(again.certificate.valid_until_on) == "2027-11-02"
        assert clean() == []


def test_nobody_decides_about_their_own(cast, module):
    certificate = lost(cast, module)
    with pytest.raises(SigningRefused, match="Nobody decides about their own"):
        factories.decide(certificate=certificate, decision="keep", by=cast.aesthetician)


def test_a_pass_without_a_certificate_falls_and_the_quiz_is_open(cast):
    course = factories.make_module(by=cast.pinpoint)
    done = factories.make_finished(person=cast.aesthetician, course=course, wrong=1)
    item = items_of(done.attempt, critical=False, right=True)[0]
    plan = factories.plan_for(item, "new", corrected=corrected_away(cast, item))
    assert [entry.effects for entry in regrading.consequences(plan, by=cast.physician)] == [("reopens",)]
    factories.make_regrade(plan=plan, by=cast.physician)
    assert Disposition.objects.get().decision == "reopen"
    assert code_now(cast, course) == "reread"
    assert clean() == []


def test_nothing_changes_where_nothing_turns(cast, module):
    """Said to nobody by mail, and on record all the same."""
    done = factories.make_finished(person=cast.aesthetician, course=module)
    item = items_of(done.attempt, critical=False, right=True)[0]
    sent = OutgoingMail.objects.count()
    factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
    assert OutgoingMail.objects.count() == sent
    assert done.attempt.outcomes.count() == 2
    assert clean() == []


# The critical re-test


def test_a_healed_critical_miss_needs_no_retest(cast, retested):
    done = factories.make_finished(person=cast.aesthetician, course=retested, critical_wrong=1)
    item = items_of(done.attempt, critical=True, right=False)[0]
    plan = factories.plan_for(item, "new", corrected=corrected_to_answer(cast, item))
    assert regrading.consequences(plan, by=cast.physician)[0].effects == ("issued", "retest-closes")
    factories.make_regrade(plan=plan, by=cast.physician)
    assert code_now(cast, retested) == "closed"
    assert clean() == []


def test_one_of_two_critical_misses_healed_opens_the_retest(cast, retested):
    done = factories.make_finished(person=cast.aesthetician, course=retested, critical_wrong=2)
    item = items_of(done.attempt, critical=True, right=False)[0]
    plan = factories.plan_for(item, "withdraw")
    entry = regrading.consequences(plan, by=cast.physician)[0]
    assert (entry.effects, entry.turn) == (("retest-opens",), "")
    factories.make_regrade(plan=plan, by=cast.physician)
    assert code_now(cast, retested) == "retest-read"
    assert clean() == []


def test_a_retest_under_way_ends_where_nothing_opens_it(cast, retested):
    done = factories.make_finished(person=cast.aesthetician, course=retested, critical_wrong=1)
    item = items_of(done.attempt, critical=True, right=True)[0]
    read_again(cast, retested)
    with clock.at(clock.now() + 2 * MINUTE):
        running = proof.sitting.start(person=cast.aesthetician, quiz=retested.quiz, clinic=cast.lakeside)
        plan = factories.plan_for(item, "new", corrected=corrected_away(cast, item))
        assert regrading.consequences(plan, by=cast.physician)[0].effects == ("retest-closes", "voids")
        factories.make_regrade(plan=plan, by=cast.physician)
        running.refresh_from_db()
        assert (running.is_retest, running.state) == (True, "voided")
        assert clean() == []


def test_a_retest_falls_with_the_attempt_before_it(cast, retested):
    """Passed on the one point missed; now a second critical point of that attempt counts as missed."""
    done = factories.make_finished(person=cast.aesthetician, course=retested, critical_wrong=1)
    item = items_of(done.attempt, critical=True, right=True)[0]
    read_again(cast, retested)
    again = take(cast, retested)
    plan = factories.plan_for(item, "new", corrected=corrected_away(cast, item))
    with clock.at(clock.now() + 5 * MINUTE):
        found = regrading.consequences(plan, by=cast.physician)
        assert [(entry.attempt, entry.position > 0, entry.effects) for entry in found] == [
            (done.attempt, True, ()),
            (again.attempt, False, ("decide",)),
        ]
        factories.make_regrade(plan=plan, by=cast.physician)
        last = again.attempt.outcomes.order_by("number").last()
        assert (last.number, last.passed) == (2, False)
        assert json.loads(last.clauses)[2] == {"code": "follows", "met": False, "have": 0, "need": 1, "missed": []}
        assert resting_on_lost_passes(Certificate.objects.all()) == [again.certificate]
        assert clean() == []


def test_a_certificate_of_the_retest_stands_where_the_attempt_passes_by_itself(cast, retested):
    done = factories.make_finished(person=cast.aesthetician, course=retested, critical_wrong=1)
    item = items_of(done.attempt, critical=True, right=False)[0]
    read_again(cast, retested)
    again = take(cast, retested)
    with clock.at(clock.now() + 5 * MINUTE):
        row = factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
        assert [entry["effects"] for entry in row.entries] == [["otherwise"]]
        assert Certificate.objects.get() == again.certificate
        assert not passes_awaiting_adoption().exists()
        assert clean() == []


def test_a_later_cycle_is_left_alone(cast, module):
    """An old attempt of a cycle that ended without a pass passes now; the later cycle's certificate stays the newest."""
    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=2)
    item = items_of(done.attempt, critical=False, right=False)[0]
    proof.sitting.close_candidacy(done.attempt.candidacy, by=cast.pinpoint)
    with clock.at(clock.now() + MINUTE):
        later = factories.make_finished(person=cast.aesthetician, course=module)
        row = factories.make_regrade(plan=factories.plan_for(item, "credit"), by=cast.physician)
        assert ["later-cycle"] in [entry["effects"] for entry in row.entries]
        assert Certificate.objects.get() == later.certificate
        assert not passes_awaiting_adoption().exists()


def test_a_certificate_stands_while_another_attempt_of_its_cycle_passes(cast, retested):
    """The first attempt is healed; then the second, which has the certificate, falls."""
    first = factories.make_finished(person=cast.aesthetician, course=retested, wrong=2)
    healed = items_of(first.attempt, critical=False, right=False)[0]
    with clock.at(clock.now() + 1440 * MINUTE):
        factories.read_all(person=cast.aesthetician, course=retested)
        second = factories.make_finished(person=cast.aesthetician, course=retested, read=False)
        factories.make_regrade(plan=factories.plan_for(healed, "credit"), by=cast.physician)
        item = items_of(second.attempt, critical=True, right=True)[0]
        assert not first.attempt.items.filter(question_version=item.question_version).exists(), "unseen ones come first"
        plan = factories.plan_for(item, "new", corrected=corrected_away(cast, item))
        assert [row.effects for row in regrading.consequences(plan, by=cast.physician)] == [("otherwise",)]
        factories.make_regrade(plan=plan, by=cast.physician)
        assert not resting_on_lost_passes(Certificate.objects.all())
        assert not passes_awaiting_adoption().exists()
        assert Certificate.objects.get() == second.certificate
        assert clean() == []
