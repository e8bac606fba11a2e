"""One run on one engine, or one for each planted fault from the same beginning."""

import argparse
import random
import shutil
import threading
import time
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import connection, connections

from faults import invariants, plants, scenes, stage
from faults.clients import GivenUp
from faults.clock import Hands
from faults.disk import Quota, SmallDisk
from faults.history import History, read
from faults.invariants import Violation
from faults.scenes import House
from faults.site import Nursery, Site, maintain
from scripts.with_postgres import Cluster

NAMED_AT_MOST = 12
PLANT_KILLS = 8


def plants_of(asked: str) -> list[str]:
    names = list(plants.PLANTS) if asked == "all" else asked.split(",")
    if unknown := set(names) - set(plants.PLANTS):
        raise SystemExit(f"No such fault to plant: {', '.join(unknown)}. There are {', '.join(plants.PLANTS)}.")
    return names


class Run:
    def __init__(
        self, asked: argparse.Namespace, *, home: Path, control: Path, mounted: bool, cluster: Cluster | None
    ) -> None:
        self.asked, self.home, self.control, self.mounted, self.cluster = asked, home, control, mounted, cluster
        self.hands = Hands(control)
        self.log = control / "site.log"
        self.nursery = Nursery(self.log)

    def close(self) -> None:
        self.nursery.close()

    # One run

    def once(self, began: float) -> int:
        kills: int = self.asked.kills
        history = self._history("history.jsonl")
        people = stage.build(history, fresh=100 + kills, last=max(2, kills // 50))
        names = self.asked.scenes.split(",") if self.asked.scenes else scenes.WHOLE
        house, violations = self._play(history, people, names, "", kills)
        seconds = time.monotonic() - began
        for note in house.notes:
            print(f"  {note}")
        _name(violations)
        print(self._figures(house, violations, seconds), flush=True)
        return int(bool(violations))

    def _figures(self, house: House, violations: list[Violation], seconds: float) -> str:
        counts = {**house.figures, "answers acknowledged": 0}
        saves = [e for e in read(house.history.file) if e["what"] == "save.told" and e["state"] == "saved"]
        counts["answers acknowledged"] = sum(event["answer"] is not None for event in saves)
        found = Counter(violation.invariant for violation in violations)
        said = ", ".join(f"{count} {name}" for name, count in counts.items())
        zero = ", ".join(f"{found[name]} {name}" for name in ("lost answer", "phantom answer", "certificate"))
        return f"faults {connection.vendor}: {said}; {zero}; {len(violations)} violations; {seconds:.0f} s"

    # Planted faults, each from the same beginning

    def each(self, names: list[str]) -> int:
        history = self._history("history-staged.jsonl")
        people = stage.build(history, fresh=60, last=1)
        history.close()
        self._keep_beginning()
        missed = []
        for name in names:
            plant = plants.PLANTS[name]
            began = time.monotonic()
            self._back_to_the_beginning()
            again = replace(people, fresh=people.fresh.copy(), last=people.last.copy(), lock=threading.Lock())
            file = self.control / f"history-{name}.jsonl"
            shutil.copy(history.file, file)
            _, violations = self._play(self._history(file.name), again, plant.scenes, name, PLANT_KILLS)
            found = Counter(violation.invariant for violation in violations)
            named = found[plant.found_as]
            if not named:
                missed.append(name)
            counts = ", ".join(f"{count} {invariant}" for invariant, count in found.most_common())
            said = "found" if named else "NOT FOUND"
            print(
                f"  {said}: {name}: {len(violations)} violations ({counts}), {time.monotonic() - began:.1f} s",
                flush=True,
            )
        print(
            f"faults {connection.vendor}: {len(names)} planted, {len(names) - len(missed)} found"
            + (f", not found: {', '.join(missed)}" if missed else "")
        )
        return int(bool(missed))

    def _keep_beginning(self) -> None:
        _leave_database()
        if self.cluster:
            self._maintain("CREATE DATABASE beginning TEMPLATE postgres")
        else:
            shutil.copy(settings.DATABASES["default"]["NAME"], self.home / "beginning.sqlite3")

    def _back_to_the_beginning(self) -> None:
        _leave_database()
        if self.cluster:
            # Until the next checkpoint a copy's sequences would be set back by a crash.
            self._maintain(
                "DROP DATABASE postgres WITH (FORCE)", "CREATE DATABASE postgres TEMPLATE beginning", "CHECKPOINT"
            )
        else:
            name = Path(settings.DATABASES["default"]["NAME"])
            for suffix in ("-wal", "-shm"):
                name.with_name(name.name + suffix).unlink(missing_ok=True)
            shutil.copy(self.home / "beginning.sqlite3", name)

    def _maintain(self, *statements: str) -> None:
        assert self.cluster
        maintain(self.cluster, *statements)

    # Both

    def _history(self, name: str) -> History:
        return History(self.control / name, self.hands)

    def _play(
        self, history: History, people: stage.People, names: tuple[str, ...] | list[str], plant: str, kills: int
    ) -> tuple[House, list[Violation]]:
        rng = random.Random(self.asked.seed)
        _leave_database()
        site = Site(self.control, self.log, self.nursery, self.cluster, rng)
        site.plant = plant
        disk = SmallDisk(self.home) if self.mounted else Quota(site.processes)
        engine = "postgresql" if self.cluster else "sqlite"
        house = House(engine, site, people, history, disk, rng, kills, self.asked.clients)
        try:
            site.start()
            for name in names:
                began = time.monotonic()
                try:
                    scenes.SCENES[name](house)
                except GivenUp as error:
                    history.note("gave up", said=f"{name}: {error}")
                except Exception as error:
                    traceback.print_exc()
                    history.note("gave up", said=f"{name}: {type(error).__name__}: {error}")
                if not plant:
                    print(f"  {connection.vendor}: {name}, {time.monotonic() - began:.1f} s", flush=True)
                history.hands.turn(0)
        finally:
            site.close()
            self.nursery = site.nursery
        if self.cluster:
            site.raise_cluster(0)
        history.close()
        return house, invariants.check(read(history.file))


def _leave_database() -> None:
    """No connection of the tool's own is left."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]


def _name(violations: list[Violation]) -> None:
    for violation in violations[:NAMED_AT_MOST]:
        print(f"  VIOLATED {violation}")
    for invariant, count in Counter(violation.invariant for violation in violations).items():
        print(f"  {count} × {invariant}")
