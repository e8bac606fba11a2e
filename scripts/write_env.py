#!/usr/bin/env python3
"""Write `.env` once, for one's own machine: random keys, local hosts, demo on, no TLS. An existing file is left alone."""

import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / ".env"


def text(port: str) -> str:
    return f"""# Written by `make run` for this machine alone. The README's table of settings describes each line.
SECRET_KEY={secrets.token_urlsafe(64)}
SIGNING_KEYS=first:{secrets.token_hex(32)}
ALLOWED_HOSTS=127.0.0.1,localhost
SITE_URL=http://127.0.0.1:{port}
SECURE_TLS=false
PINPOINT_DEMO=1
"""


def main(port: str) -> None:
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise SystemExit(f"PORT must be 1 to 65535, got {port}.")
    try:
        file = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(file, "w") as out:
        out.write(text(port))
    print("Wrote .env with new random keys, readable by you alone.")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "8000")
