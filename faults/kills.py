"""So many kills while people take the quiz: of workers, the server and PostgreSQL, anywhere and at each edge of a commit."""

import random
import time
from collections import Counter
from itertools import cycle

from faults import edges
from faults.clients import Takers
from faults.history import History
from faults.site import Site, until

# Of fifty, how many are what. At an edge it is the worker that dies, or PostgreSQL while the worker lives on.
DECKS = {
    "sqlite": {"worker at an edge": 26, "worker": 14, "all workers": 6, "server": 4},
    "postgresql": {
        "worker at an edge": 20,
        "worker": 8,
        "all workers": 4,
        "server": 3,
        "backend": 6,
        "PostgreSQL": 4,
        "PostgreSQL at an edge": 5,
    },
}
WAIT_SECONDS = 8
BACK_SECONDS = 40


def deck(engine: str, kills: int, rng: random.Random) -> list[str]:
    """Every kind in its share; of fewer than fifty the edges come first."""
    whole = [kind for kind, count in DECKS[engine].items() for _ in range(count)]
    cards = [whole[n * len(whole) // kills % len(whole)] for n in range(kills)] if kills < 50 else []
    while len(cards) < kills:
        cards += whole[: kills - len(cards)] if kills - len(cards) < len(whole) else whole
    rng.shuffle(cards)
    return cards


class Killer:
    def __init__(self, site: Site, history: History, takers: Takers, rng: random.Random) -> None:
        self.site, self.history, self.takers, self.rng = site, history, takers, rng
        places = [(act, side) for act in edges.ACTS for side in edges.SIDES]
        rng.shuffle(places)
        self.places = cycle(places)
        self.done: Counter[str] = Counter()
        self.edges: Counter[str] = Counter()

    def kill(self, kind: str) -> None:
        told = self.history.acknowledged
        if kind.endswith("at an edge"):
            kind = self._at_an_edge(kind)
        else:
            time.sleep(self.rng.uniform(0, 0.05))
        {
            "worker": self.site.kill_worker,
            "all workers": self.site.kill_workers,
            "server": self.site.restart_server,
            "backend": self.site.kill_backend,
            "PostgreSQL": self.site.restart_cluster,
            "PostgreSQL at an edge": self.site.raise_cluster,
        }.get(kind, lambda: None)()
        self.done[kind] += 1
        self.history.note("killed", kind=kind)
        began = time.monotonic()
        back = until(lambda: self.history.acknowledged > told + 2 or not self.alive, BACK_SECONDS)
        if not back:
            self.history.note("not back", kind=kind, seconds=time.monotonic() - began)

    @property
    def alive(self) -> bool:
        return any(thread.is_alive() for thread in self.takers.threads)

    def _at_an_edge(self, kind: str) -> str:
        """Nobody may come by in time, near the end of an attempt for instance; then it is a kill at a random point."""
        act, side = next(self.places)
        self.site.orders.give(act, side, "cluster" if kind.startswith("PostgreSQL") else "worker")
        until(lambda: self.site.orders.done, WAIT_SECONDS)
        if self.site.orders.withdraw():
            return "worker"
        self.edges[f"{side} {act}"] += 1
        return kind
