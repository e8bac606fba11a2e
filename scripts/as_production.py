#!/usr/bin/env python3
"""Run a command with settings as an installation has them: `scripts/as_production.py COMMAND …`.

The values are made up for this one run, and nothing of the machine's own settings or .env gets through. SQLite, in a
folder that is gone afterwards.
"""

import os
import secrets
import subprocess
import sys
import tempfile

OWN = (
    "DEBUG",
    "PINPOINT_DEMO",
    "SECURE_TLS",
    "DATABASE_URL",
    "CACHE_URL",
    "EMAIL_URL",
    "TRUSTED_PROXIES",
    "SECRET_KEY_FALLBACKS",
    "BADGE_URL",
    "BADGE_KEYS",
    "SECURITY_CONTACT",
    "SECURITY_EXPIRES",
    "BACKUP_DRILL_DAYS",
)


def main(command: list[str]) -> int:
    if not command:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory(prefix="pinpoint-check-") as folder:
        values = {
            "PINPOINT_ENV_FILE": "",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "SIGNING_KEYS": f"check:{secrets.token_hex(32)}",
            "SITE_URL": "https://training.example.com",
            "ALLOWED_HOSTS": "training.example.com",
            "DATA_DIR": folder,
        }
        kept = {name: value for name, value in os.environ.items() if name not in OWN}
        return subprocess.run(command, env=kept | values, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
