#!/usr/bin/env python3
"""Break the site on purpose, and look whether anything was lost: `python -m faults [--kills 50] [--engine sqlite]`.

Everything is made for the run and thrown away: database, server, people. Nothing but loopback is reached. Exit code 1 if
an invariant is violated, or, with --plant, if a planted fault was not found. docs/reliability.md says what is done and held.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.run import environment
from faults import disk
from scripts import with_postgres

ENGINES = ("sqlite", "postgresql")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="both")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clients", type=int, default=4, help="people who take the quiz at a time")
    parser.add_argument("--seed", default="pinpoint", help="which processes die, and when")
    parser.add_argument("--scenes", help="only these, comma-separated")
    parser.add_argument("--plant", default="", help="faults to plant one by one, comma-separated, or all")
    parser.add_argument("--keep", type=Path, help="a folder to keep history and log in")
    asked = parser.parse_args()
    if asked.engine == "both":
        sys.exit(max(_each(engine) for engine in ENGINES))
    if asked.engine == "postgresql" and with_postgres.binaries() is None:
        raise SystemExit("There are no PostgreSQL binaries here. On Debian or Ubuntu: apt-get install postgresql.")
    sys.exit(run(asked))


def _each(engine: str) -> int:
    if engine == "postgresql" and with_postgres.binaries() is None:
        print("Skipped on PostgreSQL, whose binaries (initdb, pg_ctl) are not on this machine.")
        return 0
    return subprocess.run([sys.executable, "-m", "faults", *sys.argv[1:], "--engine", engine], check=False).returncode


def run(asked: argparse.Namespace) -> int:
    began = time.monotonic()
    signal.signal(signal.SIGTERM, with_postgres.interrupted)
    with ExitStack() as stack:
        home, mounted = stack.enter_context(disk.folder())
        control = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pinpoint-faults-control-")))
        os.environ.update(environment(home, asked.engine))
        for name in ("DATABASE_URL", "CACHE_URL", "EMAIL_URL", "PINPOINT_DEMO", "DEBUG"):
            os.environ.pop(name, None)
        (home / "fonts").mkdir()
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "faults.settings",
            "FAULTS_FOLDER": str(control),
            "CERTIFICATE_FONTS": str(home / "fonts"),
            "DATABASE_POOL": "4",
        }
        cluster = _cluster(home) if asked.engine == "postgresql" else None
        if cluster:
            stack.callback(cluster.stop)
            os.environ["DATABASE_URL"] = cluster.url
            os.environ["FAULTS_POSTMASTER"] = str(cluster.data / "postmaster.pid")
        import django

        django.setup()
        from faults.engine import Run, plants_of

        running = Run(asked, home=home, control=control, mounted=mounted, cluster=cluster)
        stack.callback(running.close)
        code = running.each(plants_of(asked.plant)) if asked.plant else running.once(began)
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            for file in (*control.glob("history*"), *control.glob("*.log")):
                shutil.copy(file, asked.keep)
        return code


def _cluster(home: Path) -> with_postgres.Cluster:
    with_postgres.SETTINGS |= with_postgres.DURABLE | {"max_wal_size": "128MB", "shared_buffers": "32MB"}
    folder = with_postgres.binaries()
    assert folder
    (home / "cluster").mkdir()
    cluster = with_postgres.Cluster(folder, home / "cluster")
    cluster.start()
    return cluster


if __name__ == "__main__":
    main()
