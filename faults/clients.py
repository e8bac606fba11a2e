"""One person takes the quiz as the page's script does: what is not acknowledged is sent again, with the same key.

Everything is written down before it is sent and after it was told; what the site owes follows from that alone.
"""

import json
import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import count
from typing import Any

from bench.browser import Browser, Reply
from bench.sitting import HIDDEN, ITEM, JSON
from faults.history import History
from faults.stage import Guest, People, browser

QUIZ = "/modules/needle-depth/quiz/"
STEM = re.compile(r'<legend\b[^>]*class="stem"[^>]*>(.*?)</legend>', re.DOTALL)
UNSEEN = re.compile(r'<span class="visually-hidden">.*?</span>')
CHOICE = re.compile(r'name="answer" value="([^"]+)"[^>]*><span>(.*?)</span>', re.DOTALL)
CHECKED = re.compile(r'name="answer" value="([^"]+)" checked')
FLAGGED = re.compile(r'name="flag" checked')
NUMBER = re.compile(r"/certificates/(PP-\d{4}-\d{6})/")
VERDICT = re.compile(r": (passed|not passed)</h1>")
PATIENCE_SECONDS = 60
CALM_SECONDS = 1
THINK_SECONDS = 0.02
WRONG = (0, 3, 0, 2, 0)  # in the end, one person after another: of any four, some pass and some do not


class GivenUp(Exception):
    """The site did not answer in time, or answered what no page of it leads to."""


class Stopped(Exception):
    """The tool has what it needs."""


@dataclass
class Item:
    """As one page shows it; another tab may know better."""

    position: int
    path: str
    revision: int
    answer: str
    flagged: bool
    right: str
    wrong: list[str]

    @property
    def choices(self) -> list[str]:
        return [self.right, *self.wrong]


@dataclass(eq=False)
class Visitor:
    """`calm`: nothing is broken on purpose while she visits, so that every request must be answered."""

    guest: Guest
    port: int
    history: History
    bank: frozenset[tuple[str, str]]
    rng: random.Random
    calm: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    attempt: str = ""

    def __post_init__(self) -> None:
        self.browser: Browser = browser(self.guest, self.port)

    @property
    def person(self) -> int:
        return self.guest[0]

    def beside(self) -> "Visitor":
        """Another tab: the same session and attempt over a connection of its own."""
        other = Visitor(self.guest, self.port, self.history, self.bank, self.rng, self.calm, self.stop, self.attempt)
        other.browser.cookies, other.browser.token = dict(self.browser.cookies), self.browser.token
        return other

    def insist(self, what: str, send: Callable[[], Reply], accepted: tuple[int, ...], **facts: Any) -> Reply:
        """Sent again until the site answers at all."""
        until = time.monotonic() + (CALM_SECONDS if self.calm else PATIENCE_SECONDS)
        while True:
            self.history.note(f"{what}.sent", person=self.person, **facts)
            began = time.monotonic()
            reply = self._try(send)
            if reply and reply.status in accepted:
                return reply
            status = reply.status if reply else 0
            headers = reply.headers if reply else {}
            self.history.note(
                "refused", on=what, status=status, calm=self.calm, seconds=time.monotonic() - began,
                retry_after=headers.get("retry-after", ""), leads=headers.get("location", ""),
            )  # fmt: skip
            if time.monotonic() > until or (status and status < 500):
                raise GivenUp(f"{what}: {status}")
            if self.stop.wait(self.rng.uniform(0.01, 0.08)):
                raise Stopped

    def _try(self, send: Callable[[], Reply]) -> Reply | None:
        try:
            return send()
        except (OSError, ValueError, IndexError):
            self.browser.close()
            return None

    # The steps

    def look(self) -> None:
        self.insist("quiz", lambda: self.browser.get(QUIZ), (200,))

    def start(self) -> str:
        self.look()
        return self.press_start()

    def press_start(self) -> str:
        """The attempt's public id; empty if the site sent her back to the quiz's page."""
        reply = self.insist("start", lambda: self.browser.post(QUIZ, {"declared": "yes"}), (302,))
        found = re.fullmatch(r"/attempts/([^/]+)/", reply.headers["location"])
        self.attempt = found[1] if found else ""
        self.history.note("start.told", person=self.person, attempt=self.attempt)
        return self.attempt

    def open(self) -> list[Item]:
        """The questions as the page shows them; none if the attempt is over."""
        reply = self.insist("take", lambda: self.browser.get(f"/attempts/{self.attempt}/"), (200, 302))
        items = [self._item(path, form) for path, form in ITEM.findall(reply.text)] if reply.status == 200 else []
        for item in items:
            self.history.note(
                "shown", person=self.person, attempt=self.attempt, position=item.position, revision=item.revision,
                answer=item.answer, flagged=item.flagged,
            )  # fmt: skip
        return items

    def _item(self, path: str, form: str) -> Item:
        hidden, stem, checked = dict(HIDDEN.findall(form)), STEM.search(form), CHECKED.search(form)
        asked = unescape(UNSEEN.sub("", stem[1])) if stem else ""
        choices = [((asked, unescape(text)) in self.bank, token) for token, text in CHOICE.findall(form)]
        return Item(
            position=int(path.rstrip("/").rpartition("/")[2]),
            path=path,
            revision=int(hidden["revision"]),
            answer=checked[1] if checked else "",
            flagged=bool(FLAGGED.search(form)),
            right=next(token for right, token in choices if right),
            wrong=[token for right, token in choices if not right],
        )

    def save(self, item: Item, answer: str | None = None, flag: bool | None = None) -> str:
        """What the site said: saved, stale or ended. A lost reply is asked for again with the same key."""
        facts: dict[str, Any] = {
            "attempt": self.attempt, "position": item.position, "key": secrets.token_hex(8), "base": item.revision,
            "answer": answer, "flag": flag,
        }  # fmt: skip
        fields = {"key": facts["key"]}
        if answer is not None:
            fields |= {"answer": answer, "revision": str(item.revision)}
        if flag is not None:
            fields |= {"flag_sent": "1"} | ({"flag": "on"} if flag else {})
        reply = self.insist("save", lambda: self.browser.post(item.path, fields, accept=JSON), (200, 404, 409), **facts)
        said: dict[str, Any] = json.loads(reply.body) if reply.status != 404 else {"state": "unknown here"}
        told = {"state": said["state"], "revision": said.get("revision"), "stored": said.get("answer")}
        self.history.note("save.told", person=self.person, **facts, **told)
        if told["state"] == "saved" and answer is not None:
            item.revision, item.answer = int(said["revision"]), answer
        elif told["state"] == "stale":
            item.revision, item.answer = int(said["revision"]), said["answer"]
        if told["state"] == "saved" and flag is not None:
            item.flagged = flag
        return str(told["state"])

    def settle(self, item: Item, answer: str) -> str:
        """Until it is this answer that is stored: on a newer one of another tab the person chooses her own again."""
        while (said := self.save(item, answer)) == "stale" and item.answer != answer:
            continue
        return said

    def check(self) -> None:
        self.insist("check", lambda: self.browser.get(f"/attempts/{self.attempt}/check/"), (200, 302))

    def submit(self) -> str:
        """Where the site leads, which is the result; or "404"."""
        path = f"/attempts/{self.attempt}/submit/"
        reply = self.insist("submit", lambda: self.browser.post(path, {}), (302, 404), attempt=self.attempt)
        leads = reply.headers.get("location", "404")
        self.history.note("submit.told", person=self.person, attempt=self.attempt, leads=leads)
        return leads

    def result(self) -> str:
        reply = self.insist("result", lambda: self.browser.get(f"/attempts/{self.attempt}/result/"), (200, 302))
        verdict, number = VERDICT.search(reply.text), NUMBER.search(reply.text)
        said = verdict[1] if verdict else ""
        self.history.note(
            "result.told", person=self.person, attempt=self.attempt, verdict=said, number=number[1] if number else ""
        )
        return said

    def answer_all(self, items: list[Item], wrong: int = 0) -> None:
        for number, item in enumerate(items):
            self.settle(item, self.rng.choice(item.wrong) if number < wrong else item.right)


def take(visitor: Visitor, steps: int, wrong: int) -> None:
    """A whole attempt in one tab or two: answers chosen, changed, flagged, the page loaded anew; handed in, pressed again.

    So many answers are wrong in the end.
    """
    rng = visitor.rng
    if not visitor.start():
        raise GivenUp("somebody who may start was not let in")
    tabs = [visitor, *([visitor.beside()] if rng.random() < 0.4 else [])]
    pages = [tab.open() for tab in tabs]
    for _ in range(rng.randint(steps // 2, steps)):
        number = rng.randrange(len(tabs))
        tab, item = tabs[number], rng.choice(pages[number])
        what = rng.random()
        if what < 0.1:
            pages[number] = tab.open()
        elif what < 0.25:
            visitor.save(rng.choice(pages[0]), flag=rng.random() < 0.5)  # one tab flags, so that the last word is known
        elif what < 0.35 and tab is visitor:
            tab.save(item, rng.choice(item.choices), flag=rng.random() < 0.5)
        else:
            tab.save(item, rng.choice(item.choices))
        if visitor.stop.wait(rng.uniform(0, 2 * THINK_SECONDS)):
            raise Stopped
    items = visitor.open()
    visitor.answer_all(items, wrong=wrong)
    visitor.save(items[-1], flag=True)
    visitor.open()
    visitor.check()
    presses = [visitor, *(visitor.beside() for _ in range(rng.randint(0, 2)))]
    at_once([tab.submit for tab in presses])
    visitor.result()


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each returned; they begin together. If any failed, the first that did is raised once all have ended."""
    gate = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    failures: list[Exception] = []

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(PATIENCE_SECONDS)
            results[place] = call()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


class Takers:
    """So many people at a time, each a whole attempt, one after another until they are stopped."""

    def __init__(self, people: People, history: History, port: int, seed: str, clients: int, steps: int) -> None:
        self.people, self.history, self.port, self.steps = people, history, port, steps
        self.stop = threading.Event()
        self.attempts = 0
        self.turns = count()
        self.failures: list[str] = []
        self.threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed} {number}"),)) for number in range(clients)
        ]

    def __enter__(self) -> "Takers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _work(self, rng: random.Random) -> None:
        while not self.stop.is_set():
            try:
                visitor = Visitor(self.people.take(), self.port, self.history, self.people.bank, rng, stop=self.stop)
                take(visitor, self.steps, WRONG[next(self.turns) % len(WRONG)])
                self.attempts += 1
            except Stopped:
                return
            except Exception as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                if len(self.failures) > 20:
                    return
