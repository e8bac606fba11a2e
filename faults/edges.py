"""Just before a COMMIT and just after it: where a process dies when the tool has ordered so.

An order is a file with three words: the act, the side, and what to kill. Whoever first comes to that edge takes the file
away, so one order kills once. Without a folder in the environment nothing here does anything.
"""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from bench.processes import Family

ACTS = ("start", "save", "flag", "submit")
SIDES = ("before", "after")
ADDRESSES = (
    ("start", re.compile(r"/modules/[^/]+/quiz/")),
    ("save", re.compile(r"/attempts/[^/]+/\d+/")),
    ("submit", re.compile(r"/attempts/[^/]+/submit/")),
)
WRITES = ("INSERT", "UPDATE", "DELETE")
_act: ContextVar[str] = ContextVar("act", default="")


def act_of(method: str, path: str) -> str:
    if method != "POST":
        return ""
    return next((act for act, pattern in ADDRESSES if pattern.fullmatch(path)), "")


@contextmanager
def acting(act: str) -> Iterator[None]:
    token = _act.set(act)
    try:
        yield
    finally:
        _act.reset(token)


class Orders:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "order"
        self.taken = folder / "order-taken"

    def give(self, act: str, side: str, target: str) -> None:
        self.taken.unlink(missing_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(f"{act} {side} {target}")
        new.rename(self.file)

    def withdraw(self) -> bool:
        """Whether it was in time: false if somebody has taken it."""
        with suppress(FileNotFoundError):
            self.file.unlink()
            return True
        return False

    @property
    def done(self) -> bool:
        return self.taken.exists()

    def take(self, act: str, side: str) -> str:
        """What to kill, if that was ordered for this edge."""
        try:
            wanted = self.file.read_text().split()
            if wanted[:2] != [act, side]:
                return ""
            self.file.rename(self.taken)
        except FileNotFoundError:
            return ""
        return wanted[2]


def reached(side: str, act: str = "") -> None:
    folder = os.environ.get("FAULTS_FOLDER")
    act = act or _act.get()
    if not folder or not act:
        return
    target = Orders(Path(folder)).take(act, side)
    if target == "cluster":
        kill_cluster(Path(os.environ["FAULTS_POSTMASTER"]))
    elif target:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_cluster(pid_file: Path) -> None:
    """PostgreSQL and every process of it, at once: what a crash of the machine leaves of it."""
    with suppress(FileNotFoundError):
        for pid in Family(int(pid_file.read_text().split()[0])).members():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Whoever is killed lingers until it is buried, and PostgreSQL does not start beside what looks like another.
        for lock in pid_file.parent.parent.glob(".s.PGSQL.*.lock"):
            lock.unlink()
        pid_file.unlink()


def around_statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A statement outside a transaction commits by itself. While an answer is sent, that is its flag."""
    alone = not context["connection"].in_atomic_block and sql.startswith(WRITES) and _act.get() == "save"
    if alone:
        reached("before", "flag")
    result = execute(sql, params, many, context)
    if alone:
        reached("after", "flag")
    return result
