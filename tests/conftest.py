import fcntl
import gc
import hashlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection
from django.db.backends.postgresql.creation import DatabaseCreation
from django.test import TransactionTestCase
from whitenoise import WhiteNoise

from staff import clock, frozen
from tests import emptied, environment, factories, people, stages

FLUSHES = 5
RARELY = (20_000, 20, 20)  # Python looks for cycles at every 700 objects: a tenth of the run, with this many loaded
NOW = datetime(2026, 11, 2, 15, 0, tzinfo=UTC)
MIGRATED = (
    f"migrated_{environment.DATA.name}"  # PostgreSQL's database as the migrations leave it, for the other workers
)


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(*RARELY)
    if os.environ.get("PYTEST_XDIST_WORKER") is None:
        os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs its own loop beside the tests


def pytest_unconfigure(config: pytest.Config) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER") is None and environment.MADE_HERE:
        shutil.rmtree(environment.DATA, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For what touches no database one engine is enough. A browser test that failed goes once more: what a browser does
    beside the test is not the site's fault twice in a row, and the report names it and shows how it failed the first time.
    Without Chromium they are skipped, and say how to have it."""
    items[:] = stages.in_order(items)
    for item in items:
        if "django_db_setup" not in getattr(item, "fixturenames", ()) and not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.one_engine)
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    if environment.chromium() is None:
        how = "Chromium is not on this machine. To have it: apt-get install chromium, or name it in PINPOINT_CHROMIUM."
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=how))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI set, a skipped test is a failed run."""
    report = session.config.pluginmanager.get_plugin("terminalreporter")
    if report and os.environ.get("CI") and report.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        report.write_line("With CI set, nothing may be skipped.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How each test failed that went once more."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.write_sep("_", f"went once more: {report.nodeid} ({report.when})", yellow=True)
        terminalreporter.write_line(report.longreprtext)


@contextmanager
def alone_at(what: str) -> Iterator[None]:
    """One worker of the run at a time."""
    environment.DATA.mkdir(parents=True, exist_ok=True)
    with open(environment.DATA / f"{what}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def static_files() -> None:
    """The hashed static files, collected once for all workers."""
    with alone_at("static"):
        if not (settings.STATIC_ROOT / "staticfiles.json").exists():
            call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture(autouse=True, scope="session")
def _static_files_looked_up_once() -> Iterator[None]:
    """WhiteNoise looks at every file whenever a site is built, and each `Client()` builds one."""
    look_up = WhiteNoise.update_files_dictionary
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def update(self: WhiteNoise, root: str, prefix: str) -> None:
        if (root, prefix) not in found:
            look_up(self, root, prefix)
            found[root, prefix] = dict(self.files)
        self.files.update(found[root, prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoise, "update_files_dictionary", update)
        yield


@pytest.fixture(scope="session")
def _migrated(request) -> Path | None:
    """SQLite's database as the migrations leave it, kept between runs until one of them changes."""
    if connection.vendor != "sqlite":
        return None
    digest = hashlib.sha256(sys.version.encode())
    for pattern in ("*/migrations/*.py", "*/guards.py", "requirements-dev.txt"):
        for path in sorted(settings.BASE_DIR.glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    kept: Path = request.config.cache.mkdir("migrated") / f"{digest.hexdigest()[:16]}.sqlite3"
    return kept


@pytest.fixture(scope="session")
def _turn() -> Iterator[ExitStack]:
    """One worker migrates, the others begin with what it made."""
    with ExitStack() as turn:
        yield turn


@pytest.fixture(scope="session")
def django_db_keepdb(_migrated, _turn, django_db_blocker, django_db_modify_db_settings) -> bool:
    """After each worker's database has its own name, or the copy would lie where nobody looks."""
    _turn.enter_context(alone_at("migrating"))
    if _migrated is None:
        with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED])
            if cursor.fetchone():
                connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED
        return False
    if not _migrated.exists():
        return False
    shutil.copy(_migrated, connection.settings_dict["TEST"]["NAME"])
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, django_db_keepdb, _migrated, _turn) -> Iterator[None]:
    made = not django_db_keepdb and not connection.settings_dict["TEST"].get("TEMPLATE")
    if made and _migrated is None:
        _on_the_server(django_db_blocker, "CREATE DATABASE {} TEMPLATE {}", MIGRATED, connection.settings_dict["NAME"])
    elif made:
        _keep(_migrated, django_db_blocker)
    _turn.close()
    yield
    if made and _migrated is None:
        with alone_at("migrating"):
            _on_the_server(django_db_blocker, "DROP DATABASE {}", MIGRATED)


def _on_the_server(blocker: Any, statement: str, *names: str) -> None:
    """Nobody may be connected to a database that is copied."""
    server: Any = connection
    with blocker.unblock():
        server.close()
        server.close_pool()
        with server._nodb_cursor() as cursor:
            cursor.execute(statement.format(*map(server.ops.quote_name, names)))


def _keep(migrated: Path, blocker: Any) -> None:
    for old in migrated.parent.iterdir():
        old.unlink(missing_ok=True)
    with blocker.unblock(), tempfile.TemporaryDirectory(dir=migrated.parent.parent) as folder:
        whole = Path(folder) / "whole.sqlite3"
        with closing(sqlite3.connect(whole)) as copy:
            connection.connection.backup(copy)
        whole.replace(migrated)


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    yield
    cache.clear()
    frozen.forget()


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = stages.QUICK_HASHERS


@pytest.fixture(autouse=True)
def _static(static_files) -> None:
    """Pages name hashed files, as they do in production."""


@pytest.fixture
def now() -> Iterator[datetime]:
    """The clock stands at 2 November 2026, 15:00 UTC (09:00 in Denver, where Lakeside is)."""
    with clock.at(NOW):
        yield NOW


@pytest.fixture(scope="module")
def _stages(django_db_setup, django_db_blocker, static_files) -> Iterator[stages.Stages]:
    kept = stages.Stages(at=NOW)
    yield kept
    with django_db_blocker.unblock():
        kept.set(())


@pytest.fixture(scope="module")
def nothing_begun(_stages, django_db_blocker) -> None:
    """For what a file makes once for itself: not on top of what another test began with."""
    with django_db_blocker.unblock():
        _stages.set(())


@pytest.fixture(scope="session")
def _committed(django_db_setup, static_files) -> stages.Committed:
    return stages.Committed(at=NOW)


@pytest.fixture
def _begun_with(request, _stages, _committed, django_db_blocker) -> dict[str, Any]:
    wanted = stages.wanted_by(request.node)
    with django_db_blocker.unblock():
        if stages.is_transactional(request.node):
            _stages.set(())
            by_real_time = request.node.get_closest_marker("browser") is not None
            ready: dict[str, Any] = _committed.begin(wanted, by_real_time)
        else:
            _stages.set(wanted)
            ready = _stages.copy()
    return ready


@pytest.fixture
def _django_db_helper(_begun_with, _django_db_helper) -> None:
    """pytest-django's own, which opens the test's transaction, after what it is to lie in."""


@pytest.fixture
def cast(_begun_with, db, now) -> people.Cast:
    """The people of every test: two clinics, each role, a leaver, an author, an administrator."""
    found: people.Cast = _begun_with["cast"]
    return found


@pytest.fixture
def module(_begun_with, cast) -> factories.Course:
    """A small published module with its quiz; adopted by Lakeside's physician."""
    found: factories.Course = _begun_with["module"]
    return found


@pytest.fixture
def four(_begun_with, cast) -> dict[str, factories.Course]:
    """All four modules, small, adopted by Lakeside's physician."""
    found: dict[str, factories.Course] = _begun_with["four"]
    return found


@pytest.fixture
def shipped(_begun_with, cast) -> factories.Course:
    """The shipped course as it is; Lakeside has adopted needle depth with every cautious default."""
    found: factories.Course = _begun_with["shipped"]
    return found


@pytest.fixture
def of_every_kind(_begun_with, cast) -> factories.Course:
    """A module whose form has an item of each kind."""
    found: factories.Course = _begun_with["of_every_kind"]
    return found


@pytest.fixture(autouse=True, scope="session")
def _emptied_between_transactional_tests() -> Iterator[None]:
    """What a transactional test committed is taken out at its end, and what migrations seeded (Pinpoint itself, the
    house's chain) is put back."""
    seed = import_module("staff.migrations.0002_pinpoint_itself").seed

    def empty(self: TransactionTestCase) -> None:
        for left in reversed(range(FLUSHES)):
            try:
                emptied.empty()
                break
            except (
                OperationalError,
                IntegrityError,
            ):  # a request of the page just closed still holds a lock, or wrote a row
                if not left:
                    raise
                sleep(0.5)
        seed(apps, None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True, scope="session")
def _dropped_even_if_in_use() -> Iterator[None]:
    """While a browser's event loop runs, Django gives the main thread a second connection, which nobody can reach and
    close any more once the browser is gone; and PostgreSQL drops no database that somebody is connected to."""

    def drop(self: Any, test_database_name: str, verbosity: int) -> None:
        self.connection.close_pool()
        with self._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {self.connection.ops.quote_name(test_database_name)} WITH (FORCE)")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseCreation, "_destroy_test_db", drop)
        yield
