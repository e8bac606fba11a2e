"""A disk that can be full: a small one of memory where mounting is allowed, otherwise a limit on what processes may write."""

import ctypes
import os
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTE = 2**20
SIZE_MB = 768


class SmallDisk:
    how = f"a disk of {SIZE_MB} MB in memory"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def full(self) -> Iterator[None]:
        """Down to the last block that can be had."""
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb") as out:
                for step in (64 * MEGABYTE, MEGABYTE, 4096):
                    self._fill(out.fileno(), step)
            yield
        finally:
            ballast.unlink()

    def _fill(self, out: int, step: int) -> None:
        while True:
            try:
                os.posix_fallocate(out, os.fstat(out).st_size, step)
            except OSError:
                return


class Quota:
    """Every write to a file by the processes of the site and its database is refused, as on a full disk."""

    how = "a limit on the size of files"

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self.processes = processes

    @contextmanager
    def full(self) -> Iterator[None]:
        self._limit(0)
        try:
            yield
        finally:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for pid in self.processes():
            try:
                _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
            except ProcessLookupError:
                continue


@contextmanager
def folder() -> Iterator[tuple[Path, bool]]:
    """A folder for the site under test, and whether it is a small disk of its own."""
    with tempfile.TemporaryDirectory(prefix="pinpoint-faults-", dir=_roomy()) as name:
        home = Path(name)
        home.chmod(0o755)
        mounted = _mount(home)
        try:
            yield home, mounted
        finally:
            if mounted:
                subprocess.run(["umount", "--lazy", str(home)], check=True)


def _roomy() -> str | None:
    memory = Path("/dev/shm")  # what is killed here are processes, not the machine
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def _mount(home: Path) -> bool:
    if os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mount(b"tmpfs", str(home).encode(), b"tmpfs", 0, f"size={SIZE_MB}m,mode=755".encode()) == 0)
