#!/usr/bin/env python3
"""The site and its tick side by side, until Ctrl-C (or SIGTERM) or until one of them ends: `scripts/serve.py PORT`."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_SECONDS = 30
GRACE_SECONDS = 10


def commands(port: int) -> dict[str, list[str]]:
    """Not `python -m`: what runs must be the environment's own granian."""
    granian = Path(sys.executable).parent / "granian"
    return {
        "the server": [
            str(granian), "--interface", "wsgi", "--host", HOST, "--port", str(port), "--no-ws", "--log-level", "warning",
            "--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers", "config.wsgi:application",
        ],
        "manage.py tick": [sys.executable, "manage.py", "tick", "--every", "60"],
    }  # fmt: skip


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(port: int) -> int:
    if answers(port):
        raise SystemExit(f"Something else answers at port {port}. Choose another: make run PORT={port + 1}")
    signal.signal(signal.SIGTERM, interrupted)
    # In sessions of their own, so that Ctrl-C reaches them once, from here.
    children = {
        name: subprocess.Popen(command, cwd=ROOT, start_new_session=True) for name, command in commands(port).items()
    }
    try:
        return watch(children, port)
    except KeyboardInterrupt:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop(list(children.values()))


def watch(children: dict[str, "subprocess.Popen[bytes]"], port: int) -> int:
    """Returns when one of them has ended, which neither should."""
    began, told = time.monotonic(), False
    while True:
        for name, child in children.items():
            if child.poll() is not None:
                print(f"{name} ended with {child.returncode}, so the rest is stopped too.", file=sys.stderr)
                return child.returncode or 1
        if not told and answers(port):
            print(f"\nPinpoint is at http://{HOST}:{port} (Ctrl-C stops it).", flush=True)
            told = True
        if not told and time.monotonic() - began > START_SECONDS:
            print(f"The server does not answer after {START_SECONDS} seconds.", file=sys.stderr)
            return 1
        time.sleep(0.3)


def stop(children: list["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    until = time.monotonic() + GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isdigit():
        raise SystemExit(__doc__)
    sys.exit(main(int(sys.argv[1])))
