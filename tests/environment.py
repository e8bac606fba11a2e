"""Loaded before Django: the settings the tests run with. The developer's own .env is not read."""

import os
import shutil
import tempfile
from pathlib import Path

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
MEMORY = Path("/dev/shm")


def _folder() -> str | None:
    """In memory where there is room: SQLite waits for the disk at every commit (synchronous=FULL stays on)."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 512 * 2**20
    return str(MEMORY) if roomy else None


MADE_HERE = "PINPOINT_TEST_DATA" not in os.environ
DATA = Path(
    tempfile.mkdtemp(prefix="pinpoint-tests-", dir=_folder()) if MADE_HERE else os.environ["PINPOINT_TEST_DATA"]
)
os.environ["PINPOINT_TEST_DATA"] = str(DATA)

os.environ["PINPOINT_ENV_FILE"] = ""
os.environ["SECRET_KEY"] = "tests-only-0123456789012345678901234567890123456789012345678901234"
os.environ["SITE_URL"] = "https://training.example.com"
os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1,training.example.com"
os.environ["SIGNING_KEYS"] = "test:" + "0123456789abcdef" * 4
os.environ["SECURE_TLS"] = "false"
os.environ["DATA_DIR"] = str(DATA / WORKER)
os.environ["STATIC_ROOT"] = str(DATA / "static")
os.environ["LOG_LEVEL"] = "ERROR"
os.environ["CACHE_URL"] = "locmemcache://"
NOT_SET = ("DEBUG", "EMAIL_URL", "PINPOINT_DEMO", "TRUSTED_PROXIES", "BADGE_URL", "BADGE_KEYS", "BACKUP_DRILL_DAYS")
for name in (*NOT_SET, "SECURITY_CONTACT", "SECURITY_EXPIRES"):
    os.environ.pop(name, None)
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)


def chromium() -> str | None:
    """The browser of the journeys: the one named in PINPOINT_CHROMIUM, or the machine's. Chromium's headless shell draws the
    same pages with a quarter less work."""
    names = (
        os.environ.get("PINPOINT_CHROMIUM", ""),
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    )
    return next((path for name in names if name and (path := shutil.which(name))), None)
