from datetime import date, timedelta

import pytest

from compliance import standing
from compliance.standing import Facts, Proof, decide
from staff.templatetags import look

TODAY = date(2026, 11, 2)
LONG_AGO = date(2026, 1, 5)
NEW = date(2026, 10, 20)
LATER = date(2027, 5, 1)


def facts(hired_on: date = LONG_AGO, **known) -> Facts:
    return Facts(required=known.pop("required", True), hired_on=hired_on, sections=7, **known)


def proof(state: str, until: date = LATER, **known) -> Proof:
    return Proof(state, until, **known)


@pytest.mark.parametrize(
    ("known", "word", "state", "detail"),
    [
        pytest.param(facts(proofs=[proof("valid")]), "current", "valid", "Valid to 1 May 2027", id="valid"),
        pytest.param(facts(proofs=[proof("expiring")]), "due-soon", "expiring", "Expires 1 May 2027", id="expiring"),
        pytest.param(
            facts(proofs=[proof("expired", date(2026, 11, 1))]), "not-current", "expired", "Expired 1 Nov 2026", id="expired"
        ),
        pytest.param(
            facts(proofs=[proof("expired", date(2026, 11, 1))], locked=True),
            "not-current", "expired", "Expired 1 Nov 2026, locked", id="expired and locked",
        ),
        pytest.param(
            facts(proofs=[proof("revoked", changed_on=date(2026, 6, 9))]),
            "not-current", "revoked", "Revoked 9 Jun 2026", id="revoked",
        ),
        pytest.param(
            facts(NEW, proofs=[proof("revoked", changed_on=TODAY)]),
            "not-current", "revoked", "Revoked 2 Nov 2026", id="revoked soon after hire is not excused",
        ),
        pytest.param(
            facts(proofs=[proof("suspended", changed_on=date(2026, 11, 1))]),
            "not-current", "suspended", "Suspended 1 Nov 2026", id="suspended",
        ),
        pytest.param(
            facts(proofs=[proof("revoked"), proof("valid")]), "current", "valid", "Valid to 1 May 2027", id="passed anew"
        ),
        pytest.param(
            facts(proofs=[proof("valid"), proof("revoked", changed_on=TODAY)]),
            "current", "valid", "Valid to 1 May 2027", id="another one still holds",
        ),
        pytest.param(
            facts(proofs=[proof("expiring", TODAY), proof("valid")]),
            "current", "valid", "Valid to 1 May 2027", id="renewed early",
        ),
        pytest.param(
            facts(proofs=[proof("superseded"), proof("ended"), proof("not-yet-valid")]),
            "not-current", "overdue", "Overdue, was due 4 Feb 2026", id="what does not count",
        ),
        pytest.param(facts(), "not-current", "overdue", "Overdue, was due 4 Feb 2026", id="overdue"),
        pytest.param(
            facts(read=3, started=True),
            "not-current", "overdue", "Overdue, 3 of 7 read, was due 4 Feb 2026", id="overdue, reading",
        ),
        pytest.param(facts(locked=True), "not-current", "locked", "Locked, due 4 Feb 2026", id="locked"),
        pytest.param(facts(NEW, locked=True), "due-soon", "locked", "Locked, due 19 Nov 2026", id="locked, in time"),
        pytest.param(
            facts(awaiting_adoption=True),
            "not-current", "awaiting-adoption", "Adoption pending, due 4 Feb 2026", id="adoption pending",
        ),
        pytest.param(facts(NEW), "due-soon", "due-soon", "Not started, due 19 Nov 2026", id="new"),
        pytest.param(
            facts(NEW, read=2, started=True),
            "due-soon", "in-progress", "In progress, 2 of 7 read, due 19 Nov 2026", id="reading",
        ),
        pytest.param(facts(NEW, started=True), "due-soon", "in-progress", "In progress, due 19 Nov 2026", id="opened"),
        pytest.param(
            facts(TODAY + timedelta(days=9)), "due-soon", "not-started", "Not started, due 11 Dec 2026", id="begins later"
        ),
        pytest.param(facts(required=False), "not-required", "not-required", "", id="not required"),
        pytest.param(
            facts(required=False, proofs=[proof("expired")]), "not-required", "not-required", "", id="not required, expired"
        ),
        pytest.param(
            facts(required=False, proofs=[proof("expiring")]),
            "not-required", "valid", "Valid to 1 May 2027", id="not required, holds one",
        ),
    ],
)  # fmt: skip
def test_decide(known, word, state, detail):
    found = decide(known, TODAY)
    assert (found.word, found.state, found.detail.replace("\u00a0", " ")) == (word, state, detail)


@pytest.mark.parametrize(("days_ago", "word"), [(30, "due-soon"), (31, "not-current")])
def test_decide_on_the_last_day(days_ago, word):
    assert decide(facts(TODAY - timedelta(days=days_ago)), TODAY).word == word


def test_worst_word():
    assert standing.worst_word(["current", "not-required"]) == "current"
    assert standing.worst_word(["current", "due-soon", "not-current"]) == "not-current"
    assert standing.worst_word([]) == "not-required"


def test_states_stand_in_the_order_of_alarm():
    named = [name for name in look.STATES if name in standing.STATES]
    assert list(standing.STATES) == named


UNTIL, ON = date(2026, 12, 31), date(2026, 6, 1)
CREDIT = standing.Credit(UNTIL, "Elena Ruiz", date(2026, 1, 15))
SAID = "Outside training to 31\xa0Dec\xa02026, approved by Elena Ruiz on 15\xa0Jan\xa02026"


@pytest.mark.parametrize(
    ("facts", "today", "word", "state", "detail"),
    [
        ({}, ON, "current", "credited", SAID),
        ({"read": 3, "sections": 6}, ON, "current", "credited", SAID),
        ({}, UNTIL - timedelta(days=61), "current", "credited", SAID),
        ({}, UNTIL - timedelta(days=60), "due-soon", "credited", SAID),
        ({}, UNTIL, "due-soon", "credited", SAID),
        (
            {},
            UNTIL + timedelta(days=1),
            "not-current",
            "overdue",
            "Overdue, outside training counted to 31\xa0Dec\xa02026",
        ),
        ({"required": False}, ON, "not-required", "not-required", ""),
        ({"waived_until": UNTIL}, ON, "not-required", "waived", "Waived to 31\xa0Dec\xa02026"),
        ({"locked": True}, ON, "not-current", "locked", None),
        ({"proofs": [standing.Proof("valid", UNTIL)]}, ON, "current", "valid", "Valid to 31\xa0Dec\xa02026"),
        ({"proofs": [standing.Proof("expired", date(2026, 5, 1))]}, ON, "current", "credited", SAID),
        ({"proofs": [standing.Proof("revoked", UNTIL)]}, ON, "not-current", "revoked", "Revoked"),
        ({"proofs": [standing.Proof("suspended", UNTIL)]}, ON, "not-current", "suspended", "Suspended"),
    ],
)
def test_a_credit_stands_in_for_a_module_and_excuses_nothing(facts, today, word, state, detail):
    found = standing.decide(
        standing.Facts(**{"required": True, "hired_on": date(2025, 1, 1), "credit": CREDIT} | facts), today
    )
    assert (found.word, found.state) == (word, state)
    assert detail in (None, found.detail)


@pytest.mark.parametrize(
    ("required", "until", "today", "word", "state"),
    [
        (False, None, ON, "not-required", "not-required"),
        (True, None, ON, "due-soon", "not-recorded"),
        (True, None, ON + timedelta(days=1), "not-current", "not-recorded"),
        (True, UNTIL, ON, "current", "valid"),
        (True, UNTIL, UNTIL - timedelta(days=60), "due-soon", "expiring"),
        (True, UNTIL, UNTIL, "due-soon", "expiring"),
        (True, UNTIL, UNTIL + timedelta(days=1), "not-current", "expired"),
    ],
)
def test_the_yearly_session(required, until, today, word, state):
    found = standing.decide_session(required=required, due=ON, until=until, today=today)
    assert (found.word, found.state) == (word, state)
