"""What is done to the site, one scene after another. Each leaves it running, with its clock right."""

import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings

from faults import edges
from faults.clients import GivenUp, Item, Stopped, Takers, Visitor, at_once
from faults.disk import Quota, SmallDisk
from faults.history import History
from faults.kills import Killer, deck
from faults.site import Site, until
from faults.stage import People

HOUR = 3600
DAY = 24 * HOUR
AT_ONCE = 50
TABS = 10
BACK_SECONDS = 30


# Lakeside is in Denver: its clocks change at 09:00 and 08:00 UTC.
DATES = (
    "2026-12-31T23:59:59.500000+00:00",
    "2027-01-01T06:59:59+00:00",
    "2027-02-28T23:59:59+00:00",
    "2027-03-14T08:59:59+00:00",
    "2027-11-07T07:59:59+00:00",
    "2028-02-29T12:00:00+00:00",
    "2038-01-19T03:14:07+00:00",
)


@dataclass
class House:
    engine: str
    site: Site
    people: People
    history: History
    disk: SmallDisk | Quota
    rng: random.Random
    kills: int
    clients: int
    figures: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """Scenes without kills are repeated in a longer run."""
        return max(1, self.kills // 100)

    def visitor(self, *, calm: bool = True, last: bool = False) -> Visitor:
        guest = self.people.last.popleft() if last else self.people.take()
        rng = random.Random(self.rng.random())
        return Visitor(guest, self.site.port, self.history, self.people.bank, rng, calm)

    def takers(self) -> Takers:
        seed = str(self.rng.random())
        return Takers(self.people, self.history, self.site.port, seed, self.clients, steps=12)

    def told(self, takers: Takers) -> None:
        """What went wrong with the people who were taking it."""
        self.figures["attempts taken"] += takers.attempts
        for failure in takers.failures:
            self.history.note("gave up", said=failure)


def kills(house: House) -> None:
    with house.takers() as takers:
        killer = Killer(house.site, house.history, takers, house.rng)
        for kind in deck(house.engine, house.kills, house.rng):
            killer.kill(kind)
    house.site.settle()
    house.told(takers)
    house.figures["kills"] += killer.done.total()
    house.figures["kills at an edge"] += killer.edges.total()
    house.notes.append("killed: " + _listed(killer.done))
    house.notes.append("at the edges: " + _listed(killer.edges))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def quiet(house: House) -> None:
    """People take the quiz, and nothing is done to the site."""
    with house.takers() as takers:
        until(lambda: takers.attempts >= 6 or len(takers.failures) > 20, 30)
    house.told(takers)


def submits(house: House) -> None:
    """Fifty submits of one attempt at once."""
    for _ in range(house.rounds):
        visitor = house.visitor()
        visitor.start()
        visitor.answer_all(visitor.open())
        tabs = [visitor.beside() for _ in range(AT_ONCE)]
        at_once([tab.submit for tab in tabs])
        at_once([tab.result for tab in tabs])
        house.figures["submits at once"] += AT_ONCE


def starts(house: House) -> None:
    """Fifty starts at once where one attempt is left, and again where none is."""
    for _ in range(house.rounds):
        visitor = house.visitor(last=True)
        visitor.look()
        for _ in range(2):
            tabs = [visitor.beside() for _ in range(AT_ONCE)]
            visitor.attempt = max(at_once([tab.press_start for tab in tabs]))  # empty where nobody was let in
            house.figures["starts at once"] += AT_ONCE
            if visitor.attempt:
                visitor.answer_all(visitor.open(), wrong=4)
                visitor.submit()
                visitor.result()


def tabs(house: House) -> None:
    """Ten tabs save the same question at once, each another answer than its neighbour, on the same revision."""
    for _ in range(house.rounds * 2):
        visitor = house.visitor()
        visitor.start()
        others = [visitor.beside() for _ in range(TABS)]
        pages = [other.open() for other in others]
        for place in range(3):
            calls = []
            for n, (other, page) in enumerate(zip(others, pages, strict=True)):
                item = page[place]
                calls.append(partial(other.save, item, item.choices[n % len(item.choices)]))
            at_once(calls)
        visitor.open()
        visitor.submit()
        visitor.result()
        house.figures["saves of one question at once"] += 3 * TABS


def strangers(house: House) -> None:
    """Somebody else, signed in, with the address of an open attempt."""
    owner, stranger = house.visitor(), house.visitor()
    owner.start()
    items = owner.open()
    owner.answer_all(items)
    stranger.start()
    stranger.attempt = owner.attempt
    for item in items:
        with suppress(GivenUp):
            stranger.save(item, item.wrong[0])
    for trespass in (stranger.open, stranger.submit, stranger.result):
        with suppress(GivenUp):
            trespass()
    owner.open()
    owner.submit()
    owner.result()


def full_disk(house: House) -> None:
    """Saves while the disk is full: acknowledged and there, or refused in so many words. Then space again."""
    writer = house.visitor(calm=False)
    writer.start()
    with house.takers() as takers, _writing(writer):
        until(lambda: takers.attempts >= 1, 20)
        with house.disk.full():
            time.sleep(1 if house.kills < 500 else 10)
            began = house.history.acknowledged
            # PostgreSQL has room in pages that it has begun: after a hundred rows one must be refused.
            until(lambda: house.history.refused["save"] >= 5 or house.history.acknowledged > began + 150, 25)
            if house.site.cluster:
                house.site.ask_for_log()
                time.sleep(1)
        told = house.history.acknowledged

        def back() -> bool:
            if house.site.cluster:
                house.site.raise_cluster(0)  # it ends when it cannot write its log, and whoever runs it starts it again
            return house.history.acknowledged > told + 20

        if not until(back, 40):
            house.history.note("not back", kind="full disk", seconds=40)
    house.told(takers)
    house.notes.append(f"full: {house.disk.how}")


@contextmanager
def _writing(visitor: Visitor) -> Iterator[None]:
    """Somebody who changes her answers over and over meanwhile."""
    items = visitor.open()

    def write() -> None:
        with suppress(Stopped):
            while not visitor.stop.wait(0.01):
                item = visitor.rng.choice(items)
                visitor.save(item, visitor.rng.choice(item.choices))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        visitor.stop.set()
        thread.join()


def clock(house: House) -> None:
    """The server's clock is turned while attempts are open: back, forward over the deadline, and back again."""
    turn = house.history.hands.turn

    def begun() -> Visitor:
        visitor = house.visitor()
        visitor.start()
        visitor.answer_all(visitor.open()[:4])
        return visitor

    def finished(visitor: Visitor) -> None:
        items = visitor.open()
        for item in items:
            visitor.save(item, visitor.rng.choice(item.choices))
        visitor.submit()
        visitor.result()

    def tried(visitor: Visitor, items: list[Item]) -> None:
        for item in items:
            visitor.save(item, visitor.rng.choice(item.choices))

    for _ in range(house.rounds):
        slow, back, in_grace, too_late, twice, absent = (begun() for _ in range(6))
        turn(-10)
        finished(slow)
        turn(-HOUR)
        finished(back)
        turn(DAY + 20)  # past the deadline, within the grace
        finished(in_grace)
        pages = {visitor: visitor.open() for visitor in (too_late, twice, absent)}
        turn(DAY + 120)
        tried(too_late, pages[too_late])
        tried(twice, pages[twice])
        turn(-10)
        finished(twice)  # nobody had settled it while it was late, so it is open again
        turn(DAY + 120)
        too_late.submit()
        _settle(house)
        turn(-10)
        for visitor in (too_late, absent):
            tried(visitor, pages[visitor])
            visitor.submit()
            visitor.result()
        turn(0)
        house.figures["turns of the clock"] += 7


def _settle(house: House) -> None:
    """`tick` dies just before it commits, dies just after, and is then left to end."""
    for side in edges.SIDES:
        house.figures["kills"] += _killed_at(house, side, "tick")
    house.site.command("tick")


def _killed_at(house: House, side: str, *words: str) -> bool:
    """A command of manage.py, killed at the first such edge that it comes to."""
    house.site.orders.give(words[0], side, "command")
    code = house.site.command(*words, act=words[0])
    house.site.orders.withdraw()
    if killed := code == -signal.SIGKILL:
        house.figures["kills at an edge"] += 1
    return killed


def dates(house: House) -> None:
    """A whole attempt on days that calendars get wrong, in the clinic's zone or in UTC."""
    for instant in DATES:
        house.history.hands.turn(datetime.fromisoformat(instant).timestamp() - time.time())
        visitor = house.visitor()
        visitor.start()
        visitor.answer_all(visitor.open())
        visitor.submit()
        visitor.result()
        house.history.hands.turn(0)
    house.figures["odd dates"] += len(DATES)


def upgrade(house: House) -> None:
    """A restart into the next release, whose migration is killed before and after its commit. People keep what they have."""
    with house.takers() as takers:
        until(lambda: takers.attempts >= 1, 20)
        house.site.kill_server()
        house.site.upgrade()
        for side in edges.SIDES:
            house.figures["kills"] += _killed_at(house, side, "migrate", "upgrade", "--verbosity=0")
        house.site.command("migrate", "--verbosity=0")
        house.site.start()
        done = takers.attempts
        until(lambda: takers.attempts > done + house.clients, 30)
    house.told(takers)
    health = house.visitor()
    reply = health.browser.get("/readyz")
    house.history.note("ready", status=reply.status, said=reply.text)


def crowd(house: House) -> None:
    """Ten clients a worker who begin a request and never end it; on PostgreSQL every connection is in other hands as well."""
    slow = [_slow_client(house.site.port) for _ in range(10 * max(1, len(house.site.workers())))]
    try:
        with house.takers() as takers:
            until(lambda: takers.attempts >= 1, 20)
            if house.site.cluster:
                with house.site.crowded():
                    time.sleep(3 if house.kills < 500 else 25)  # a worker waits 20 seconds for a connection
            began, told = time.monotonic(), house.history.acknowledged
            if not until(lambda: house.history.acknowledged > told, BACK_SECONDS):
                house.history.note("not back", kind="crowd", seconds=BACK_SECONDS)
            house.notes.append(f"after the crowd: the next answer was acknowledged in {time.monotonic() - began:.1f} s")
        house.told(takers)
    finally:
        for line in slow:
            line.close()
    house.figures["slow clients"] += len(slow)


def _slow_client(port: int) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), 5)
    line.sendall(
        b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 100000\r\n\r\nlogin="
    )
    return line


def no_mail(house: House) -> None:
    """Somebody passes while no mail goes out; her mail waits, and goes out when it can."""
    folder = Path(settings.EMAIL_FILE_PATH)
    folder.mkdir(exist_ok=True)
    aside = folder.with_name("mail-aside")
    folder.rename(aside)
    folder.touch()  # a file where the folder was: every mail is refused
    try:
        visitor = house.visitor()
        visitor.start()
        visitor.answer_all(visitor.open())
        visitor.submit()
        visitor.result()
        house.site.command("tick")
    finally:
        folder.unlink()
        aside.rename(folder)
    before = len(list(folder.iterdir()))
    house.history.hands.turn(120)
    house.site.command("tick")
    house.history.hands.turn(0)
    late = len(list(folder.iterdir())) - before
    if not late:
        house.history.note("not back", kind="mail", seconds=120)
    house.figures["mails sent late"] += late


SCENES: dict[str, Callable[[House], None]] = {
    "quiet": quiet,
    "kills": kills,
    "submits": submits,
    "starts": starts,
    "tabs": tabs,
    "strangers": strangers,
    "full disk": full_disk,
    "clock": clock,
    "dates": dates,
    "crowd": crowd,
    "no mail": no_mail,
    "upgrade": upgrade,
}
WHOLE = (
    "kills",
    "submits",
    "starts",
    "tabs",
    "strangers",
    "full disk",
    "clock",
    "dates",
    "crowd",
    "no mail",
    "upgrade",
)
