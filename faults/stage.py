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
from staff import clock
from staff.models import StaffMember
from tests.factories import SLICE, make_finished, read_all

Guest = tuple[int, dict[str, str]]


@dataclass
class People:
    """`fresh` have read everything; `last` have used all attempts but one, and may start it. Each is taken once."""

    stage: Stage
    fresh: deque[Guest] = field(default_factory=deque)
    last: deque[Guest] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Guest:
        with self.lock:
            if not self.fresh:
                raise RuntimeError("everybody has taken the quiz: the run needs more people")
            return self.fresh.popleft()

    @property
    def bank(self) -> frozenset[tuple[str, str]]:
        return self.stage.bank


def build(history: History, *, fresh: int, last: int) -> People:
    call_command("migrate", verbosity=0)
    began = clock.now()
    with clock.at(began - timedelta(days=5)):
        stage = bench.build(SLICE)
        rows = bench.learners(stage, stage.cast.lakeside, last, "last")
    for days in (4, 2):
        with clock.at(began - timedelta(days=days)):
            for person in rows:
                failed = make_finished(person=person, course=stage.course, wrong=3, read=days < 4)
                history.note("staged", attempt=failed.attempt.public_id)
    with clock.at(began - timedelta(hours=1)):
        for person in rows:
            read_all(person=person, course=stage.course)
    people = People(stage, last=deque(_guests(rows)))
    people.fresh.extend(_guests(bench.learners(stage, stage.cast.lakeside, fresh, "fresh")))
    connections.close_all()
    return people


def _guests(rows: Iterable[StaffMember]) -> list[Guest]:
    return [(person.pk, bench.cookies_of(person)) for person in rows]


def browser(guest: Guest, port: int) -> Browser:
    return Browser(port, dict(guest[1]))
