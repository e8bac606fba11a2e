"""The site in the test's own process: every planted fault shows here, one request after another, within a second.

That the tool also sees them from outside, under kills and over HTTP, is `make faults PLANT=all`.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from bench.browser import Reply
from bench.stage import Stage
from faults import clients, clock, edges, plants, scenes, stage
from faults.history import History
from faults.scenes import House
from staff import clock as site_clock

LOST_EVERY = 4


class Browser:
    """Its reply to every fourth form is lost on the way, where that was asked for."""

    losing = False

    def __init__(self, cookies: Mapping[str, str]) -> None:
        self.client = Client(raise_request_exception=False)
        self.cookies, self.token = dict(cookies), ""
        self.turn = count(1)

    def get(self, path: str) -> Reply:
        return self._reply(self._signed_in().get(path))

    def post(self, path: str, fields: Mapping[str, str], accept: str = "text/html") -> Reply:
        reply = self._reply(self._signed_in().post(path, fields, headers={"Accept": accept}))
        if self.losing and next(self.turn) % LOST_EVERY == 0:
            raise ConnectionResetError
        return reply

    def close(self) -> None:
        pass

    def _signed_in(self) -> Client:
        for name, value in self.cookies.items():
            self.client.cookies[name] = value
        return self.client

    def _reply(self, response: Any) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, response.content, [])


class Losing(Browser):
    losing = True


class Site:
    port = 0
    cluster = None

    def __init__(self, folder: Path) -> None:
        self.orders = edges.Orders(folder)

    def command(self, *words: str, act: str = "") -> int:
        call_command(*words)
        return 0


def _in_turn(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    return [call() for call in calls]


@contextmanager
def house(built: Stage, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[House]:
    """The tool's scenes with the site in this process: what it does at once follows one another, and less of it."""
    hands = clock.Hands(folder)
    history = History(folder / "history.jsonl", hands)
    with patch.context() as inside:
        inside.setattr(site_clock, "_set", clock._Turned(hands, ContextVar("clock", default=None)))
        inside.setattr(clients, "browser", lambda guest, port: Browser(guest[1]))
        inside.setattr(clients, "THINK_SECONDS", 0)
        inside.setattr(clients, "at_once", _in_turn)
        inside.setattr(scenes, "at_once", _in_turn)
        inside.setattr(scenes, "AT_ONCE", 3)
        inside.setattr(scenes, "TABS", 2)
        people = stage.gather(built, history, fresh=8, last=1)
        made: Any = {"site": Site(folder), "disk": None, "people": people, "history": history}
        yield House(connection.vendor, **made, rng=random.Random(1), kills=1, clients=1)
    history.close()


def quiet(house: House) -> None:
    """Two whole attempts: one passes, one does not."""
    for wrong, steps in ((0, 8), (3, 2)):
        clients.take(house.visitor(calm=False), steps, wrong)


def replies_lost(house: House, patch: pytest.MonkeyPatch) -> None:
    """A worker that dies with what it has not committed, seen from outside: no reply, and what was left to do is not done."""
    with patch.context() as lossy:
        lossy.setattr(clients, "browser", lambda guest, port: Losing(guest[1]))
        lossy.setattr(plants, "Timer", _Never)
        quiet(house)


class _Never:
    def __init__(self, seconds: float, work: Any, given: Any) -> None:
        pass

    def start(self) -> None:
        pass


def clock_turned(house: House) -> None:
    """Somebody answers and hands in after her time, and again with the clock put back."""
    soon, late = house.visitor(), house.visitor()
    soon.start()
    soon.submit()
    late.start()
    first, second, *_ = late.open()
    late.save(first, first.right)
    house.history.hands.turn(scenes.DAY + 120)
    late.save(second, second.right)
    late.submit()
    house.history.hands.turn(-10)
    late.save(second, second.right)
    late.result()


def disk_full(house: House) -> None:
    """Two saves are refused by the database."""
    visitor = house.visitor(calm=False)
    visitor.start()
    first, second, *others = visitor.open()
    left = iter((True, True))

    def refuse(execute: Callable[..., Any], sql: str, *given: Any) -> Any:
        if sql.startswith("INSERT") and "quizzes_response" in sql and next(left, False):
            raise OperationalError("database or disk is full")
        return execute(sql, *given)

    with connection.execute_wrapper(refuse):
        visitor.save(first, first.right)
        visitor.save(second, second.right)
    visitor.answer_all(others)
    visitor.submit()
    visitor.result()
