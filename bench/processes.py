"""The servers under test, and what the kernel says they used."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.browser import HOST
from scripts import serve

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Family:
    """A process and everything it started, such as granian and its workers."""

    def __init__(self, root: int) -> None:
        self.root = root

    def members(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (fields := _stat(int(entry.name))):
                children.setdefault(int(fields[1]), []).append(int(entry.name))
        found, waiting = [], [self.root]
        while waiting:
            found.append(pid := waiting.pop())
            waiting += children.get(pid, [])
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all members, and of those that have ended."""
        ticks = 0
        for pid in self.members():
            if fields := _stat(pid):
                ticks += int(fields[11]) + int(fields[12])
                ticks += int(fields[13]) + int(fields[14]) if pid == self.root else 0
        return ticks / TICKS

    def forget_peaks(self) -> None:
        for pid in self.members():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def memory_mb(self, what: str) -> float:
        """`VmHWM` (the peak) or `VmRSS` (now), of the member that holds most."""
        return max(_status_kb(pid, what) for pid in self.members()) / 1024


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on: [1] parent, [11] user, [12] system, [13] and [14] of the ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _status_kb(pid: int, what: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{what}:")), 0)


def postmaster(backend: int) -> Family:
    """PostgreSQL's processes, from the id of one of its backends."""
    return Family(int(_stat(backend)[1]))


@contextmanager
def served(port: int, log: Path, application: str = "config.wsgi:application") -> Iterator[Family]:
    """The command of `make run`, at this port; another application in place of the site's."""
    command = [*serve.commands(port)["the server"][:-1], application]
    with log.open("w") as out:
        child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(child, port, log)
        yield Family(child.pid)
    finally:
        serve.stop([child])


def _wait(child: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not serve.answers(port):
        if child.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"The server did not start:\n{log.read_text()[-4000:]}")
        time.sleep(0.1)


def busy_share(seconds: float) -> float:
    """How much of all cores was in use meanwhile, 0 to 1."""

    def look() -> tuple[int, int]:
        fields = [int(value) for value in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        return sum(fields[:8]), fields[3] + fields[4]

    all_before, idle_before = look()
    time.sleep(seconds)
    all_after, idle_after = look()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)
