import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command

from staff import clock
from tests import factories, people

NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER") is None:
        os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs its own loop beside the tests


@pytest.fixture(scope="session")
def static_files() -> None:
    """The hashed static files, collected once for all workers."""
    settings.STATIC_ROOT.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{settings.STATIC_ROOT}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _static(static_files) -> None:
    """Pages name hashed files, as they do in production."""


@pytest.fixture
def now() -> Iterator[datetime]:
    """The clock stands at 2 November 2026, 15:00 UTC (09:00 in Denver, where Lakeside is)."""
    with clock.at(NOW):
        yield NOW


@pytest.fixture
def cast(db, now) -> people.Cast:
    """The people of every test: two clinics, each role, a leaver, an author, an administrator."""
    return people.make_cast()


@pytest.fixture
def module(cast):
    """A small published module with its quiz; adopted by Lakeside's physician."""
    return factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)


@pytest.fixture
def lifted_guards(transactional_db) -> Iterator[None]:
    """Transactional tests empty the database at their end: for that alone the triggers are lifted."""
    yield
