#!/usr/bin/env python3
"""Run a command against a throw-away PostgreSQL cluster: `scripts/with_postgres.py COMMAND …`.

The cluster is made from the machine's own binaries, as an unprivileged user (PostgreSQL refuses root), on a free port of
the loopback address, under a random password, and is gone when the command ends. The command finds its address in
DATABASE_URL and TEST_DATABASE_URL. `--available` only says, by its exit code, whether the binaries are there.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
# Nothing here outlives the run, so nothing needs to survive a power cut.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "on",
}
# For whoever measures, or kills, a database as an installation has it.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


def _version(folder: Path) -> tuple[int, ...]:
    text = "".join(char if char.isdigit() else " " for char in folder.parent.name)
    return tuple(int(part) for part in text.split())


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, the newest where there are several."""
    found = [Path(path).parent for path in [shutil.which("initdb")] if path]
    if config := shutil.which("pg_config"):
        shown = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        found += [Path(shown)] if shown else []
    for pattern in PLACES:
        found += sorted(Path("/").glob(pattern.lstrip("/")), key=_version, reverse=True)
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


def unprivileged() -> dict[str, Any]:
    """What subprocess needs to run as somebody else than root; nothing where we are not root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            who = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def interrupted(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


class Cluster:
    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home, self.port, self.password = folder, home, free_port(), secrets.token_urlsafe(24)
        self.who = unprivileged()
        self.data = home / "data"

    def tool(self, name: str, *arguments: str) -> None:
        run = subprocess.run(
            [str(self.folder / name), *arguments],
            **self.who,
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=(self.home / "tools.log").open("a"),
            stderr=subprocess.STDOUT,
            check=False,
        )
        if run.returncode:
            told = "\n".join(path.read_text() for path in sorted(self.home.glob("*.log")))
            raise SystemExit(f"{name} ended with {run.returncode}:\n{told[-4000:]}")

    def start(self) -> None:
        self.create()
        self.launch()

    def create(self) -> None:
        word, log = self.home / "password", self.home / "tools.log"
        word.touch(mode=0o600)
        word.write_text(self.password)
        log.touch()
        if self.who:
            for path in (self.home, word, log):
                os.chown(path, self.who["user"], self.who["group"])
        self.tool(
            "initdb", "-D", str(self.data), "-U", "pinpoint", "-A", "scram-sha-256", "--pwfile", str(word), "-E", "UTF8",
            "--locale=C", "--no-sync",
        )  # fmt: skip

    def launch(self) -> None:
        """Also after a crash: it recovers on the way."""
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        options += f" -c port={self.port} -c unix_socket_directories={self.home}"
        self.tool(
            "pg_ctl", "-D", str(self.data), "-l", str(self.home / "server.log"), "-w", "-t", "60", "-o", options, "start"
        )  # fmt: skip

    def stop(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.tool("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    @property
    def url(self) -> str:
        return f"postgres://pinpoint:{self.password}@127.0.0.1:{self.port}/postgres"


def main(command: list[str]) -> int:
    folder = binaries()
    if command == ["--available"]:
        return 0 if folder else 1
    if not command:
        raise SystemExit(__doc__)
    if folder is None:
        raise SystemExit("There are no PostgreSQL binaries here. On Debian or Ubuntu: apt-get install postgresql.")
    signal.signal(signal.SIGTERM, interrupted)
    home = Path(tempfile.mkdtemp(prefix="pinpoint-postgres-"))
    cluster = Cluster(folder, home)
    try:
        cluster.start()
        print(f"PostgreSQL from {folder} at {cluster.url}", flush=True)
        environment = os.environ | {"DATABASE_URL": cluster.url, "TEST_DATABASE_URL": cluster.url}
        return _run(command, environment)
    finally:
        cluster.stop()
        shutil.rmtree(home, ignore_errors=True)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """The command's exit code. Ctrl-C reaches the command itself; it is left to end in its own way."""
    with subprocess.Popen(command, env=environment) as child:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:
                continue
            except SystemExit:
                child.terminate()
                child.wait()
                raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
