"""The site under test: its database, its server, the process they are forked from; and how each is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from bench.processes import Family, free_port
from faults import edges
from scripts import serve
from scripts.with_postgres import Cluster

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STEADY_SECONDS = 1


class Nursery:
    def __init__(self, log: Path, release: str = "this") -> None:
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faults.nursery"],
            cwd=ROOT,
            env=os.environ | {"FAULTS_RELEASE": release},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            bufsize=1,
        )
        self._hear()

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the nursery has ended:\n{Path(self.log.name).read_text()[-4000:]}")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.log.close()


class Site:
    """`plant` is put into every server that is started from then on."""

    def __init__(self, folder: Path, log: Path, nursery: Nursery, cluster: Cluster | None, rng: random.Random) -> None:
        self.log, self.nursery, self.cluster, self.rng = log, nursery, cluster, rng
        self.orders = edges.Orders(folder)
        self.port = free_port()
        self.server = 0
        self.plant = ""

    def start(self) -> None:
        self.server = int(self.nursery.ask(serve=True, port=self.port, plant=self.plant)["pid"])
        until = time.monotonic() + START_SECONDS
        while not serve.answers(self.port):
            if time.monotonic() > until:
                raise RuntimeError(f"the server does not answer:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)

    def command(self, *words: str, act: str = "") -> int:
        """A command of manage.py in a process of its own: its exit code, or minus the signal that ended it."""
        return int(self.nursery.ask(command=words, act=act)["code"])

    def upgrade(self) -> None:
        """From now on the next release is what is started."""
        self.nursery.close()
        self.nursery = Nursery(self.log, "next")

    def workers(self) -> list[int]:
        return [pid for pid in Family(self.server).members() if pid != self.server]

    def processes(self) -> list[int]:
        """All that write, the database's among them."""
        found = Family(self.server).members()
        return found + (Family(self.postmaster).members() if self.cluster else [])

    @property
    def postmaster_file(self) -> Path:
        assert self.cluster
        return self.cluster.data / "postmaster.pid"

    @property
    def postmaster(self) -> int:
        return int(self.postmaster_file.read_text().split()[0])

    def settle(self) -> None:
        """Until the same workers have been there for a second: one that has taken its order to die may not have come to it."""
        seen, since, end = self.workers(), time.monotonic(), time.monotonic() + START_SECONDS
        while time.monotonic() < min(since + STEADY_SECONDS, end):
            time.sleep(0.02)
            if (found := self.workers()) != seen:
                seen, since = found, time.monotonic()

    # What is killed

    def kill_worker(self) -> None:
        if workers := self.workers():
            _kill(self.rng.choice(workers))

    def kill_workers(self) -> None:
        for pid in self.workers():
            _kill(pid)

    def kill_server(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.server, signal.SIGKILL)

    def restart_server(self) -> None:
        """The whole process group, and up again as the service manager does it."""
        self.kill_server()
        self.start()

    def kill_backend(self) -> None:
        """PostgreSQL then drops every connection and recovers by itself."""
        members = [pid for pid in Family(self.postmaster).members() if _is_backend(pid)]
        if members:
            _kill(self.rng.choice(members))

    def restart_cluster(self) -> None:
        edges.kill_cluster(self.postmaster_file)
        self.raise_cluster()

    def raise_cluster(self, seconds: float = 5) -> None:
        """Unless it runs: the file with its number goes when it was killed, and when it ended by itself."""
        assert self.cluster
        if until(lambda: not self.postmaster_file.exists(), seconds):
            self.cluster.launch()

    def ask_for_log(self) -> None:
        """PostgreSQL writes ahead into files it has reserved: only when it needs another does a full disk stop it."""
        assert self.cluster
        with suppress(psycopg.Error):
            for _ in range(20):
                maintain(self.cluster, "SELECT pg_logical_emit_message(true, 'faults', 'on')", "SELECT pg_switch_wal()")

    @contextmanager
    def crowded(self) -> Iterator[None]:
        """Every connection that PostgreSQL gives out is held by somebody else, those of the site's workers among them."""
        assert self.cluster
        url, _, site = self.cluster.url.rpartition("/")
        held: list[psycopg.Connection[Any]] = []
        try:
            left = 1
            while left:
                with suppress(psycopg.OperationalError):
                    while True:
                        held.append(psycopg.connect(f"{url}/template1", autocommit=True, connect_timeout=5))
                asked = held[0].execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s", [site]
                )
                left = (asked.fetchone() or [0])[0]
            yield
        finally:
            for session in held:
                session.close()

    def close(self) -> None:
        self.kill_server()


def maintain(cluster: Cluster, *statements: LiteralString) -> None:
    url = cluster.url.rpartition("/")[0] + "/template1"
    with closing(psycopg.connect(url, autocommit=True, connect_timeout=5)) as session:
        for statement in statements:
            session.execute(statement)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_backend(pid: int) -> bool:
    """One that serves a client: its title names the client's address."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return b"127.0.0.1(" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
