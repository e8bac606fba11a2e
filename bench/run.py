#!/usr/bin/env python3
"""Measure the site and the floors beneath it.

`bench/run.py [--engine sqlite|postgresql|both] [--quick] [--minutes M] [--out FOLDER]`

Prints tables, writes figures.json and appends a dated section to figures.md in the folder (beside this file; with
--quick nowhere, unless --out names one). README.md says what each figure means.
"""

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:] = [str(ROOT), *(path for path in sys.path if Path(path or ".").resolve() != HERE)]

from bench import processes, report  # noqa: E402
from scripts import as_production, with_postgres  # noqa: E402

ENGINES = ("sqlite", "postgresql")
NO_POSTGRESQL = "not measured: PostgreSQL's binaries (initdb, pg_ctl) are not on this machine"


def environment(home: Path, engine: str) -> dict[str, str]:
    """As an installation has it, but on loopback without TLS. Nothing of the machine's own .env gets through."""
    ours = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PINPOINT_ENV_FILE": "",
        "PYTHONPATH": str(ROOT),
        "SECRET_KEY": secrets.token_urlsafe(64),
        "SIGNING_KEYS": f"bench:{secrets.token_hex(32)}",
        "SITE_URL": "http://127.0.0.1:8000",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_TLS": "false",
        "LOG_LEVEL": "ERROR",
        "DATA_DIR": str(home / engine),
        "STATIC_ROOT": str(home / "static"),
    }
    (home / engine).mkdir()
    return {name: value for name, value in os.environ.items() if name not in as_production.OWN} | ours


def measured(engine: str, home: Path, quick: bool, minutes: float) -> dict[str, Any]:
    if engine == "postgresql" and with_postgres.binaries() is None:
        return {"skipped": NO_POSTGRESQL}
    out = home / f"{engine}.json"
    command = [sys.executable, "-m", "bench.engine", str(out), str(minutes), *(["--quick"] if quick else [])]
    values = environment(home, engine)
    if engine == "sqlite":
        code = subprocess.run(command, cwd=ROOT, env=values, check=False).returncode
    else:
        # SQLite runs with synchronous=FULL, so PostgreSQL must wait for the disk as well, or the two could not stand side
        # by side.
        durable = mock.patch.dict(with_postgres.SETTINGS, with_postgres.DURABLE)
        with mock.patch.dict(os.environ, values, clear=True), durable:
            code = with_postgres.main(command)
    if code:
        raise SystemExit(f"The measurement on {engine} ended with {code}.")
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures


def drawings(home: Path, quick: bool) -> dict[str, Any]:
    out = home / "drawings.json"
    command = [sys.executable, "-m", "bench.drawings", "20" if quick else "160", str(out)]
    print("  drawing certificates …", flush=True)
    subprocess.run(command, cwd=ROOT, env=environment(home, "drawings"), check=True)
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures


def machine(busy: float) -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    packages = {name: version(name) for name in ("django", "granian", "typst", "psycopg")}
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "busy_before": round(busy, 2),
        "python": platform.python_version(),
    } | packages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="both")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything, to see that it works")
    parser.add_argument("--minutes", type=float, default=0, help="40 clients save steadily for so long; 5 proves it")
    parser.add_argument("--out", type=Path, help="the folder for figures.json and figures.md")
    asked = parser.parse_args()
    out = asked.out or (None if asked.quick else HERE)
    began = datetime.now(UTC)
    busy = processes.busy_share(3)
    if busy > 0.1:
        print(f"{busy:.0%} of the machine was busy before the start: these figures are provisional.", flush=True)
    with tempfile.TemporaryDirectory(prefix="pinpoint-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        figures: dict[str, Any] = {
            "measured_at": f"{began:%Y-%m-%dT%H:%MZ}",
            "command": " ".join(["bench/run.py", *sys.argv[1:]]),
            "machine": machine(busy),
            "engines": {
                engine: measured(engine, home, asked.quick, asked.minutes)
                for engine in ENGINES
                if asked.engine in (engine, "both")
            },
            "drawing": drawings(home, asked.quick),
        }
    figures["machine"]["busy_after"] = round(processes.busy_share(3), 2)
    figures["seconds"] = round((datetime.now(UTC) - began).total_seconds())
    text = report.markdown(figures)
    print(f"\n{text}")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
        earlier = (out / "figures.md").read_text() if (out / "figures.md").exists() else report.HEAD
        (out / "figures.md").write_text(f"{earlier.rstrip()}\n\n{text}")


if __name__ == "__main__":
    main()
