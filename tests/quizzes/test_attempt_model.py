"""The site and a small model of it do the same steps at the same times and must say and keep the same."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from certificates import actions as proof
from certificates.models import Certificate
from quizzes import actions as sitting
from quizzes.models import Attempt, AttemptGrant, Candidacy, Response
from staff import clock, signing
from staff.models import Membership
from tests import factories
from tests.people import make_person
from tests.quizzes.attempt_model import Model

QUICK = 100
PROOF = int(os.environ.get("SEQUENCES", "10000"))
PARTS = 4
WAITS = {
    "a minute": timedelta(minutes=1),
    "an hour": timedelta(hours=1),
    "a day": timedelta(days=1),
    "nearly a day": timedelta(hours=23, minutes=59),
}
# Instants around the end of the attempt that runs, and around the opening of the next.
EDGES = (timedelta(0), timedelta(seconds=60), timedelta(seconds=61))
OPENINGS = (timedelta(seconds=-1), timedelta(0))
FRESH, STALE, AHEAD, REPEATED, USED = "fresh", "stale", "ahead", "repeated", "used key"

# Each a whole step, so that one draw chooses it, in the share it has here. Few questions, so that saves meet.
SAVES = [
    ("save", position, choice, how)
    for position in (1, 2)
    for choice in (0, 1, 2, "nothing", "unknown")
    for how in (FRESH, FRESH, FRESH, STALE, AHEAD, REPEATED, USED)
]
OTHERS = [
    *[("start",)] * 3,
    *[("flag", position, flagged) for position in (1, 2) for flagged in (True, False)],
    *[("submit",)] * 2,
    *[("sit", frozenset(wrong)) for wrong in ((), (1,), (2, 3), (1, 4, 6))],
    ("fail",),
    ("miss one critical",),
    *[("tick",)] * 2,
    *[("wait", how_long) for how_long in WAITS],
    *[("wait until", after) for after in EDGES],
    ("read",),
    *[("start again", after) for after in OPENINGS] * 2,
    *[("talk",)] * 2,
    *[("early",)] * 2,
    ("leave",),
]
steps = st.sampled_from(SAVES + OTHERS * 3)
BEGUN = (("read",), ("start",))
# What somebody has behind her when a sequence begins, made once; and what she does first.
BEFORE = {
    "unread": (),
    "failed": (("read",), ("fail",)),
    "before the last": (("read",), ("fail",), ("fail",), ("next day",)),
    "before a re-test": (*BEGUN, ("miss one critical",), ("wait", "a minute"), ("read",)),
    "locked": (("read",), ("fail",), ("fail",), ("fail",)),
}
BEGINNINGS = (
    *[("unread", BEGUN)] * 3,
    ("unread", ()),
    ("failed", (("start again", OPENINGS[0]),)),
    ("before the last", (("start",),)),
    ("before a re-test", (("start",),)),
    ("locked", (("wait", "a minute"), ("talk",))),
)
sequences = st.tuples(st.sampled_from(BEGINNINGS), st.lists(steps, min_size=6, max_size=16))


class Both:
    """The site and the model, given the same steps."""

    def __init__(self, cast: Any, course: Any, person: Any) -> None:
        self.cast, self.course, self.person = cast, course, person
        self.model = Model(clock.now())
        self.attempt: Attempt | None = None
        self.items: list[Any] = []
        self.keys = 0

    def again(self) -> "Both":
        """From here on another time, once the database is back where it is now."""
        other = copy(self)
        other.model, other.items = deepcopy(self.model), list(self.items)
        return other

    def do(self, steps: Iterable[tuple]) -> None:
        for name, *given_ in steps:
            with clock.at(self.model.now):
                getattr(self, name.replace(" ", "_"))(*given_)

    # Steps

    def read(self) -> None:
        self.model.read()
        factories.read_all(person=self.person, course=self.course)

    def start(self) -> None:
        if self.model.left:  # the page lets in members only
            return
        critical: frozenset[int] = frozenset()
        try:
            attempt = sitting.start(person=self.person, quiz=self.course.quiz, clinic=self.cast.lakeside)
            said = "resume" if attempt == self.attempt else "retest" if attempt.is_retest else "start"
            if said != "resume":
                critical = self._drawn(attempt)
        except sitting.NotOpen as refusal:
            said = refusal.verdict.code
        assert said == self.model.start(critical)

    def _drawn(self, attempt: Attempt) -> frozenset[int]:
        self.attempt = attempt
        rows = attempt.items.select_related("question_version").prefetch_related("points__point_version")
        critical: set[int] = set()
        self.items = []
        for item in rows.order_by("position"):
            key = next(option["id"] for option in item.question_version.content["options"] if option["key"])
            self.items.append([token for token, option in sorted(item.shown, key=lambda pair: pair[1] != key)])
            if any(point.point_version.critical for point in item.points.all()):
                critical.add(item.position)
        return frozenset(critical)

    def save(self, position: int, choice: int | str, how: str) -> None:
        if self.attempt is None:
            return
        tokens = self.items[position - 1]
        token = {"nothing": "", "unknown": "0" * 16}[choice] if isinstance(choice, str) else tokens[choice]
        assert self.model.last
        answer = self.model.last.answers[position - 1]
        base, key = answer.revision, self._key()
        if how == STALE:
            base = max(0, base - 1)
        elif how == AHEAD:
            base += 1
        elif how in (REPEATED, USED) and answer.saves:
            key, (revision, stored) = list(answer.saves.items())[-1 if how == REPEATED else 0]
            base = revision - 1
            token = stored if how == REPEATED else token
        self._save(position, token, base, key)

    def _key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def _save(self, position: int, token: str, base: int, key: str) -> None:
        tokens = self.items[position - 1]
        assert self.attempt
        try:
            done = sitting.save_answer(
                attempt_id=self.attempt.public_id, person=self.person, position=position, answer=token,
                base_revision=base, client_key=key,
            )  # fmt: skip
            said = ("saved", done.revision)
        except sitting.Stale as newer:
            said = ("stale", newer.item.revision)
        except sitting.AttemptEnded:
            said = ("ended", 0)
        except sitting.UnknownAnswer:
            said = ("unknown", 0)
        assert said == self.model.save(
            position, token, right=token == tokens[0], known=token in tokens, base=base, key=key
        )

    def flag(self, position: int, flagged: bool) -> None:
        if self.attempt is None:
            return
        try:
            sitting.set_flag(attempt_id=self.attempt.public_id, person=self.person, position=position, flagged=flagged)
            said = "kept"
        except sitting.AttemptEnded:
            said = "ended"
        assert said == self.model.flag(position, flagged)

    def submit(self) -> None:
        if self.attempt is None:
            return
        done = proof.submit(attempt=self.attempt, by=self.person)
        said = (done.attempt.state, done.outcome.points, done.outcome.passed)
        assert said == self.model.submit()
        assert (done.certificate is not None) == done.outcome.passed

    def sit(self, wrong: set[int]) -> None:
        """Answer everything and hand in, so that sequences get far."""
        if self.attempt is None or self.model.open is None:
            return
        for position, tokens in enumerate(self.items, start=1):
            base = self.model.open.answers[position - 1].revision
            self._save(position, tokens[int(position in wrong)], base, self._key())
        self.submit()

    def fail(self) -> None:
        """An attempt handed in with three misses, as soon as it may start; nothing where none may."""
        self.start_again(timedelta(0))
        with clock.at(self.model.now):
            self.sit({1, 2, 3})

    def miss_one_critical(self) -> None:
        """All right but one on a critical point: what a re-test follows."""
        if self.model.open:
            self.sit({min(self.model.open.critical)})

    def tick(self) -> None:
        proof.settle_overdue()
        self.model.tick()

    def wait(self, how_long: str) -> None:
        self.model.now += WAITS[how_long]

    def wait_until(self, after: timedelta) -> None:
        if self.model.open:
            self.model.now = max(self.model.now, self.model.open.deadline_at + after)

    def next_day(self, after: timedelta = timedelta(0)) -> None:
        """To the moment at which the next attempt opens, or just before it, with the passages read again."""
        if self.model.opens_at:
            self.model.now = max(self.model.now, self.model.opens_at + after)
        with clock.at(self.model.now):
            self.read()

    def start_again(self, after: timedelta) -> None:
        self.next_day(after)
        with clock.at(self.model.now):
            self.start()

    def talk(self) -> None:
        self._grant(proof.record_talk, self.model.talk)

    def early(self) -> None:
        self._grant(proof.open_early, self.model.early)

    def _grant(self, action: Any, expected: Any) -> None:
        candidacy = Candidacy.objects.filter(person=self.person).first()
        last = Attempt.objects.of(self.person).finished().filter(kind=Attempt.Kind.FULL).order_by("-number").first()
        if candidacy is None or last is None:
            return  # there is no page to do it from
        try:
            action(
                candidacy=candidacy,
                text="Talked.",
                seen=factories.seen(last.seal_sha256, self.cast.physician),
                by=self.cast.physician,
            )
            said = "granted"
        except signing.SigningRefused:
            said = "refused"
        assert said == expected()

    def leave(self) -> None:
        if self.model.left:
            return
        proof.end_membership(membership=Membership.objects.get(person=self.person), reason="left", by=self.cast.manager)
        self.model.leave()

    # The same in the end

    def compare(self) -> None:
        attempts = list(Attempt.objects.of(self.person).order_by("pk").prefetch_related("outcomes", "items"))
        model = self.model
        assert [(a.number, a.state, a.started_at, a.deadline_at, a.ended_at) for a in attempts] == [
            (sheet.number, sheet.state, sheet.started_at, sheet.deadline_at, sheet.ended_at) for sheet in model.sheets
        ]
        for attempt, sheet in zip(attempts, model.sheets, strict=True):
            items = sorted(attempt.items.all(), key=lambda item: item.position)
            assert [(item.answer, item.revision, item.flagged) for item in items] == [
                (answer.token, answer.revision, answer.flagged) for answer in sheet.answers
            ]
            stored = Response.objects.filter(item__attempt=attempt).order_by("item__position", "revision")
            assert list(stored.values_list("item__position", "revision", "payload", "client_key")) == [
                (position, revision, token, key)
                for position, answer in enumerate(sheet.answers, start=1)
                for key, (revision, token) in answer.saves.items()
            ]
            outcomes = [(outcome.points, outcome.passed) for outcome in attempt.outcomes.all()]
            assert outcomes == ([] if sheet.state == "open" else [(sheet.points, sheet.passed)])
            held = Certificate.objects.filter(attempt=attempt).count()
            assert held == int(sheet.state != "open" and sheet.passed)
        grants = AttemptGrant.objects.filter(candidacy__person=self.person)
        assert sum(grant.extra for grant in grants) == model.extra
        if attempts:
            assert (attempts[0].candidacy.closed_at is not None) == (model.passed or model.left)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def course(cast):
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, loaded=factories.course_with_retest())


def hold(cast: Any, course: Any, examples: int, seed: int) -> None:
    starts = {}
    for number, (name, before) in enumerate(BEFORE.items()):
        person = make_person(cast.lakeside, f"Person {number}", "aesthetician", by=cast.pinpoint)
        starts[name] = Both(cast, course, person)
        starts[name].do(before)

    @seeded(seed)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(sequence=sequences)
    def same(sequence: tuple[tuple[str, tuple], list[tuple]]) -> None:
        (name, first), steps = sequence
        with undone():
            both = starts[name].again()
            both.do(first)
            both.do(steps)
            both.compare()

    same()


def test_site_and_model_do_the_same(cast, course):
    hold(cast, course, QUICK, 1)


@pytest.mark.proof
@pytest.mark.parametrize("part", range(PARTS))
def test_site_and_model_do_the_same_ten_thousand_times(cast, course, part):
    """In parts, so that every core has one."""
    hold(cast, course, PROOF // PARTS, 2 + part)
