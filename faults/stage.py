"""Who takes part: bench's two clinics over the small course of the tests, with people who may start, one by one."""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from django.core.management import call_command
from django.db import connections

from bench import stage as bench
from bench.browser import Browser
from bench.stage import Stage
from faults.history import History
from quizzes.models import QuestionVersion
from staff import clock
from staff.models import StaffMember
from tests.factories import SLICE, make_finished, read_all

Guest = tuple[int, dict[str, str]]


@dataclass
class People:
    """`fresh` have read everything; `last` have used all attempts but one, and may start it. Each is taken once.

    `bank` holds every right answer as (stem, text of the option): nobody asks a database that is being killed.
    """

    stage: Stage
    bank: frozenset[tuple[str, str]]
    fresh: deque[Guest] = field(default_factory=deque)
    last: deque[Guest] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Guest:
        with self.lock:
            if not self.fresh:
                raise RuntimeError("everybody has taken the quiz: the run needs more people")
            return self.fresh.popleft()


def build(history: History, *, fresh: int, last: int) -> People:
    call_command("migrate", verbosity=0)
    with clock.at(clock.now() - timedelta(days=5)):
        built = bench.build(SLICE)
    people = gather(built, history, fresh=fresh, last=last)
    connections.close_all()
    return people


def gather(built: Stage, history: History, *, fresh: int, last: int) -> People:
    began = clock.now()
    with clock.at(began - timedelta(days=4)):
        rows = bench.learners(built, built.cast.lakeside, last, "last")
    for days in (4, 2):
        with clock.at(began - timedelta(days=days)):
            for person in rows:
                failed = make_finished(person=person, course=built.course, wrong=3, read=days < 4)
                history.note("staged", attempt=failed.attempt.public_id)
    with clock.at(began - timedelta(hours=1)):
        for person in rows:
            read_all(person=person, course=built.course)
    people = People(built, _right_answers(), last=deque(_guests(rows)))
    people.fresh.extend(_guests(bench.learners(built, built.cast.lakeside, fresh, "fresh")))
    return people


def _right_answers() -> frozenset[tuple[str, str]]:
    contents = [version.content for version in QuestionVersion.objects.filter(state=QuestionVersion.State.LIVE)]
    return frozenset((c["stem"], option["text"]) for c in contents for option in c["options"] if option["key"])


def _guests(rows: Iterable[StaffMember]) -> list[Guest]:
    return [(person.pk, bench.cookies_of(person)) for person in rows]


def browser(guest: Guest, port: int) -> Browser:
    return Browser(port, dict(guest[1]))
