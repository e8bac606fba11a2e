"""The matrix of a day that has passed says what it said on that day, by what was on record then; what came later is named."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates import actions as proof
from certificates.models import Certificate
from certificates.queries import state_of
from certificates.validity import IN_FORCE
from compliance import trends
from compliance.models import Incident, Leave, Rule, Waiver
from compliance.queries import Board, board_of, end_of, proven_on
from compliance.requirements import assigning, incidents
from compliance.situations import Row
from compliance.standing import worst_word
from staff import clock
from staff.actions import add_member, close_membership
from staff.models import MembershipRole
from tests import factories, people
from tests.conftest import NOW

QUICK = 6
PROOF = int(os.environ.get("SEQUENCES", "10000")) // 50
DENVER = ZoneInfo("America/Denver")
FIRST = date(2026, 11, 2)


def text(response) -> str:
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def agrees(row: Row) -> bool:
    """Word and states, which are worked out once for everybody in her situation, are those of her own cells."""
    shown = [cell for cell in row.cells if cell.column.kind == "module" or cell.standing.state != "not-required"]
    asked = [cell for cell in row.modules if cell.required and cell.waiver is None]
    proven = sum(cell.standing.state in IN_FORCE for cell in asked)
    return (
        row.situation.asked,
        row.situation.proven,
        row.word,
        row.states,
        len(row.situation.proofs) + row.situation.signed,
    ) == (
        len(asked),
        proven,
        worst_word(cell.standing.word for cell in row.cells),
        frozenset(cell.standing.state for cell in shown),
        sum(cell.certificate is not None for cell in row.cells),
    )


def said(board: Board) -> list[Any]:
    """Everything a row says."""
    assert all(agrees(row) for row in board.rows)
    return [
        (
            row.person.pk,
            row.roles,
            row.away_until,
            row.back_on,
            [
                (
                    cell.column.slug,
                    cell.standing.word,
                    cell.standing.detail,
                    cell.standing.due_on if cell.asks else None,
                    cell.certificate and cell.certificate.number,
                    [ask.rule for ask in cell.asks],
                    cell.waiver,
                    cell.incident,
                )
                for cell in row.cells
            ],
        )
        for row in board.rows
    ]


class Refused(Exception):
    """Undoes the example."""


@dataclass
class Teller:
    """Does random things at Lakeside and writes down what the matrix said at the end of each day."""

    cast: people.Cast
    adopted: factories.Course
    waiting: factories.Course
    said_on: dict[date, list[Any]] = field(default_factory=dict)

    @property
    def treating(self) -> list[Any]:
        return [self.cast.aesthetician, self.cast.colleague, self.cast.support]

    def do(self, name: str, who: int, on: date) -> None:
        """What is not possible at that moment is left undone."""
        act, person = getattr(self, name), self.treating[who % 3]
        with contextlib.suppress(Exception), transaction.atomic():
            act(person, on)

    def read(self, person, on):
        factories.read_all(person=person, course=self.adopted)

    def start(self, person, on):
        factories.make_attempt(person=person, course=self.adopted)

    def pass_quiz(self, person, on):
        factories.make_finished(person=person, course=self.adopted)

    def pass_unadopted(self, person, on):
        factories.make_finished(person=person, course=self.waiting)

    def fail(self, person, on):
        factories.make_finished(person=person, course=self.adopted, wrong=4, critical_wrong=1)

    def adopt(self, person, on):
        factories.adopt(course=self.waiting, by=self.cast.physician, clinic=self.cast.lakeside)

    def suspend(self, person, on):
        held = Certificate.objects.filter(person=person).latest("issued_at")
        act = proof.lift if state_of(held) == "suspended" else proof.suspend
        told: dict[str, Any] = {"private_note": ""}
        if act is proof.suspend:
            told |= {"reason_class": "other", "public_text": "Held"}
        act(certificate=held, by=self.cast.manager, **told)

    def revoke(self, person, on):
        held = Certificate.objects.filter(person=person).latest("issued_at")
        proof.revoke(
            certificate=held,
            reason_class="error",
            public_text="In error",
            private_note="",
            by=self.cast.physician,
            seen=factories.seen(held.facts_sha256, self.cast.physician),
        )

    def add_rule(self, person, on):
        assigning.add_rule(
            clinic=self.cast.lakeside, role="support", module=self.adopted.module, days=3, starts_on=on + timedelta(days=1),
            by=self.cast.manager,
        )  # fmt: skip

    def ask_by_hand(self, person, on):
        assigning.add_rule(
            clinic=self.cast.lakeside, person=person, module=self.waiting.module, days=5, starts_on=on, reason="x",
            by=self.cast.manager,
        )  # fmt: skip

    def end_something(self, person, on):
        for model in (Rule, Waiver, Leave, Incident):
            row = model._default_manager.filter(ended_at=None).first()
            if row:
                assigning.end(row=row, ends_on=max(row.starts_on, on), reason="Over.", by=self.cast.manager)

    def waive(self, person, on):
        assigning.waive(
            person=person, clinic=self.cast.lakeside, module=self.adopted.module, reason="x", starts_on=on,
            until_on=on + timedelta(days=4), by=self.cast.physician,
        )  # fmt: skip

    def after_incident(self, person, on):
        incidents.ask_again(
            person=person, clinic=self.cast.lakeside, modules=[self.adopted.module, self.waiting.module], reason="x",
            due_on=on + timedelta(days=2), by=self.cast.manager,
        )  # fmt: skip

    def go_away(self, person, on):
        """Entered late: it began two days ago."""
        assigning.record_leave(
            person=person, clinic=self.cast.lakeside, starts_on=on - timedelta(days=2), until_on=on + timedelta(days=3),
            by=self.cast.manager,
        )  # fmt: skip

    def leave_clinic(self, person, on):
        close_membership(membership=person.membership_set.get(ended_at=None), by=self.cast.manager)

    def come_back(self, person, on):
        add_member(
            clinic=self.cast.lakeside, email=person.email, full_name="", job_title="Aesthetician", hired_on=on,
            roles=["aesthetician"], by=self.cast.manager,
        )  # fmt: skip

    def change_role(self, person, on):
        held = person.membership_set.get(ended_at=None)
        rows = MembershipRole.objects.filter(membership=held, role="aesthetician", ended_at=None)
        if not rows.update(ended_at=clock.now(), ended_by=self.cast.manager):
            MembershipRole.objects.create(membership=held, role="aesthetician", granted_by=self.cast.manager)

    def write_down(self, on: date) -> None:
        with clock.at(end_of_day(on)):
            proof.settle_overdue()
            self.said_on[on] = said(board_of([self.cast.lakeside]))


STEPS = [
    "read", "start", "pass_quiz", "pass_quiz", "pass_unadopted", "fail", "fail", "adopt", "suspend", "revoke", "add_rule",
    "ask_by_hand", "end_something", "waive", "after_incident", "go_away", "leave_clinic", "come_back", "change_role",
]  # fmt: skip
STORIES = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STEPS), st.integers(0, 2)), min_size=4, max_size=14)


def end_of_day(on: date) -> datetime:
    return datetime.combine(on + timedelta(days=1), time.min, tzinfo=DENVER) - timedelta(microseconds=1)


def tell(story: list[tuple[int, str, int]]) -> None:
    """Each step some days after the one before; then every day is asked about from a year later."""
    cast = people.make_cast()
    adopted = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
    teller = Teller(cast, adopted, factories.make_module(by=cast.pinpoint, slug="sterilisation"))
    on = FIRST
    for days, name, who in story:
        for _ in range(days):
            teller.write_down(on)
            on += timedelta(days=1)
        with clock.at(datetime.combine(on, time(10), tzinfo=DENVER) + timedelta(minutes=len(teller.said_on))):
            teller.do(name, who, on)
    for _ in range(3):
        teller.write_down(on)
        on += timedelta(days=1)
    with clock.at(end_of_day(on + timedelta(days=500))):
        for asked, then in teller.said_on.items():
            past = board_of([cast.lakeside], on=asked)
            assert said(past) == then, f"{asked}"
            assert proven_on(cast.lakeside, asked) == trends.proven_of(past)


def examples(count: int):
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count == QUICK,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def tried(story) -> None:
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with contextlib.suppress(Refused), quick, clock.at(NOW), transaction.atomic():
        tell(story)
        raise Refused


@examples(QUICK)
@given(STORIES)
def test_a_past_day_says_what_it_said(db, story):
    tried(story)


@pytest.mark.proof
@examples(PROOF)
@given(STORIES)
def test_a_past_day_says_what_it_said_after_many_histories(db, story):
    tried(story)


@pytest.fixture
def told(cast, module, now) -> Iterator[date]:
    """Maya passes on the third day; on the tenth a leave from the second on is entered, and her certificate is suspended."""
    with clock.at(now + timedelta(days=2)):
        done = factories.make_finished(person=cast.aesthetician, course=module)
    with clock.at(now + timedelta(days=9)):
        assigning.record_leave(
            person=cast.aesthetician, clinic=cast.lakeside, starts_on=FIRST + timedelta(days=1),
            until_on=FIRST + timedelta(days=40), by=cast.manager,
        )  # fmt: skip
        proof.suspend(
            certificate=done.certificate, reason_class="other", public_text="Held", private_note="", by=cast.manager
        )
        close_membership(membership=cast.colleague.membership_set.get(), by=cast.manager)
    with clock.at(now + timedelta(days=20)):
        yield FIRST


def test_page_as_of_a_day(client, cast, told):
    client.force_login(cast.manager)
    today = text(client.get("/compliance/"))
    assert "Suspended 11 Nov 2026" in today
    assert "On leave to 12 December 2026" in today
    assert "Danielle Osei" not in today
    then = text(client.get(f"/compliance/?on={told + timedelta(days=5)}"))
    assert "<h1>On 7 November 2026, 1 of 2 people was not current</h1>" in then
    assert "Valid to 3 Nov 2027" in then
    assert "Danielle Osei" in then
    assert "On leave to" not in then
    assert "Leave for Maya Lindqvist from 3 November 2026 on, recorded 11 November 2026" in then
    assert "reminders/send" not in then
    before = text(client.get(f"/compliance/?on={told + timedelta(days=1)}"))
    assert "2 of 2 people were not current" in before
    assert "Valid to" not in before


def test_what_a_past_day_hands_on(client, cast, told):
    client.force_login(cast.physician)
    on = told + timedelta(days=5)
    sheet = client.get(f"/compliance/people.csv?on={on}")
    assert "Danielle Osei" in sheet.text
    assert f"-{on}.csv" in sheet["Content-Disposition"]
    page = text(client.get(f"/compliance/?on={on}"))
    hers = f"/compliance/of/{cast.colleague.public_id}/{cast.lakeside.public_id}/needle-depth/"
    assert f'href="{hers}?on={on}"' in page
    assert client.get(hers).status_code == 404
    assert "as it stood at the end of 7 November 2026" in text(client.get(f"{hers}?on={on}"))
    assert "Who was current" in text(client.get(f"/compliance/print/?on={on}"))
    # Nothing is done to the people of a past day.
    assert "Danielle Osei" not in text(client.get(f"/compliance/download/?on={on}"))


def test_locked_on_the_days_on_which_she_was(cast, module, now):
    last = factories.make_locked(person=cast.colleague, course=module)
    with clock.at(now + timedelta(days=5)):
        proof.record_talk(
            candidacy=last.candidacy,
            text="Talked it through.",
            seen=factories.seen(last.seal_sha256, cast.physician),
            by=cast.physician,
        )
    with clock.at(now + timedelta(days=9)):
        found = {}
        for days in (1, 2, 4, 5):
            (row,) = board_of([cast.lakeside], cast.colleague, on=FIRST + timedelta(days=days)).rows
            found[days] = row.cells[0].standing.state
    assert found == {1: "overdue", 2: "locked", 4: "locked", 5: "overdue"}


@pytest.mark.parametrize("on", ["2027-11-02", "2026-11-22", "yesterday", ""])
def test_a_day_that_is_not_past_is_today(client, cast, told, on):
    client.force_login(cast.manager)
    assert "As it stood" not in text(client.get(f"/compliance/?on={on}"))


def test_a_day_ends_at_midnight_in_the_clinics_zone(cast, module):
    eve = datetime(2026, 11, 3, 6, 30, tzinfo=ZoneInfo("UTC"))  # half past eleven at Lakeside, past midnight at Harbour
    with clock.at(eve):
        for person, clinic in ((cast.support, cast.lakeside), (cast.other_aesthetician, cast.harbour)):
            assigning.record_leave(
                person=person, clinic=clinic, starts_on=FIRST, until_on=FIRST + timedelta(days=9), by=cast.manager
            )
    with clock.at(eve + timedelta(days=3)):
        assert end_of(FIRST, "America/Denver") == datetime(2026, 11, 3, 6, 59, 59, 999999, tzinfo=ZoneInfo("UTC"))
        board = board_of([cast.lakeside, cast.harbour], on=FIRST)
        away = {row.person for row in board.rows if row.leave}
        assert away == {cast.support}


def test_waived_and_on_leave_are_counted_and_open_their_names(client, cast, module):
    dates: dict[str, Any] = {"starts_on": FIRST, "until_on": FIRST + timedelta(days=9)}
    known: dict[str, Any] = {"clinic": cast.lakeside, "by": cast.manager}
    assigning.waive(person=cast.colleague, module=module.module, reason="Elsewhere.", **dates, **known)
    assigning.record_leave(person=cast.support, **dates, **known)
    client.force_login(cast.manager)
    page = text(client.get("/compliance/"))
    assert 'href="?state=waived"' in page
    assert 'href="?state=on-leave"' in page
    assert "Select Danielle Osei" in text(client.get("/compliance/?state=waived"))
    away = text(client.get("/compliance/?state=on-leave"))
    assert "Select Tom Reyes" in away
    assert "Select Danielle Osei" not in away
    cell = f"/compliance/of/{cast.colleague.public_id}/{cast.lakeside.public_id}/needle-depth/"
    page = text(client.get(cell))
    assert "Every clinic has this rule from its start." in page
    assert "Elsewhere. Approved by Priya Raman" in page
    assert "End the waiver" in page


def test_the_programme_certificate_has_a_column_of_its_own(client, cast, module):
    programme = factories.ready_for_programme(person=cast.colleague, course=module, by=cast.physician)
    assert [column.kind for column in board_of([cast.lakeside]).columns] == ["module"]
    signed = factories.sign_programme(person=cast.colleague, programme=programme, by=cast.physician)
    board = board_of([cast.lakeside])
    assert [column.title for column in board.columns][1:] == ["Programme certificate"]
    cells = {row.person: row.cells[1] for row in board.rows}
    hers, mayas = cells[cast.colleague], cells[cast.aesthetician]
    assert (hers.standing.word, hers.standing.state, hers.certificate) == ("not-required", "valid", signed)
    assert (mayas.standing.word, mayas.standing.state) == ("not-required", "not-required")
    assigning.add_rule(
        clinic=cast.lakeside, role="aesthetician", programme=programme, signed=True, days=60, starts_on=FIRST,
        by=cast.manager,
    )  # fmt: skip
    cells = {row.person: row.cells[1] for row in board_of([cast.lakeside]).rows}
    assert cells[cast.colleague].standing.word == "current"
    assert (cells[cast.aesthetician].standing.word, cells[cast.aesthetician].standing.due_on) == (
        "due-soon",
        FIRST + timedelta(days=60),
    )
    client.force_login(cast.manager)
    assert "The physician signs it when its conditions are met" in text(client.get(cells[cast.aesthetician].page))
