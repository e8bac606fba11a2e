"""A database of an earlier state of the site, with its records, comes up to this one and adds up.

`tests/upgrade/` holds its rows as SQL, without passwords: first the demo as it was then (one module, 34 attempts, 22
certificates), later what `scripts/keep_upgrade.py` keeps of a release. Nothing of it is made anew: what the migrations of today
do to yesterday's rows is the test.
"""

import json
import lzma
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from compliance import backups
from scripts.keep_upgrade import KEYS

pytestmark = pytest.mark.proof
KEPT = sorted((settings.BASE_DIR / "tests/upgrade").glob("*.sql.xz"))
# The migration that adds it bears another number since; where it is there already, SQLite makes the table anew.
COMES_LATER = {"quizzes_quiz.minutes"}


def then(file: Path, folder: Path) -> Path:
    """The database as it was, as a file of SQLite's."""
    made = folder / "then.sqlite3"
    with closing(sqlite3.connect(made)) as database:
        database.executescript(lzma.decompress(file.read_bytes()).decode())
    return made


def manage(url: str, *words: str) -> str:
    run = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env=os.environ | KEYS | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture
def empty() -> Iterator[str]:
    """On PostgreSQL: the address of a database of its own."""
    url = f"{backups._own_url()}_upgrade".replace("postgresql://", "postgres://", 1)
    server, name = backups._server_of(url)
    backups._drop(url)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield url
    backups._drop(url)


def checked(said: str) -> dict[str, int]:
    report = json.loads(said)
    assert report["clean"], report["findings"]
    counted: dict[str, int] = report["checked"]
    return counted


@pytest.mark.django_db
@pytest.mark.parametrize("file", KEPT, ids=lambda path: path.stem)
def test_a_database_of_then_comes_up_to_now(tmp_path, file, request):
    old = then(file, tmp_path)
    with closing(sqlite3.connect(old)) as database:
        events = database.execute("SELECT count(*) FROM staff_auditevent").fetchone()[0]
        certificates = database.execute("SELECT count(*) FROM certificates_certificate").fetchone()[0]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{old}"
    else:
        url = request.getfixturevalue("empty")
        step_back(old, url)
        carry_over(old, url)
    manage(url, "migrate", "--verbosity", "0")
    now = checked(manage(url, "verify_records", "--json", "--all"))
    assert now["audit events"] == events > 100
    assert now["certificates"] == certificates > 0
    assert now["scores derived again"] > 0


def step_back(old: Path, url: str) -> None:
    """The tables as the migrations of then leave them, as far as these still bear their names."""
    with closing(sqlite3.connect(old)) as database:
        applied = database.execute("SELECT app, name FROM django_migrations ORDER BY id").fetchall()
    there = MigrationLoader(None).disk_migrations
    for app, name in {app: name for app, name in applied if (app, name) in there}.items():
        manage(url, "migrate", app, name, "--verbosity", "0")


def carry_over(old: Path, url: str) -> None:
    """The rows of then into PostgreSQL's tables of then, as they are: neither triggers nor foreign keys act meanwhile."""
    with closing(sqlite3.connect(old)) as file, psycopg.connect(url) as there:
        there.execute("SET session_replication_role = replica")
        kinds: dict[str, dict[str, str]] = {}
        for table, column, kind in there.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            kinds.setdefault(table, {})[column] = kind
        known = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        tables = sorted((known & set(kinds)) - {"django_migrations"})
        there.execute(
            sql.SQL("TRUNCATE {}").format(
                sql.SQL(", ").join(map(sql.Identifier, sorted(set(kinds) - {"django_migrations"})))
            )
        )
        for table in tables:
            names = [name for _, name, *_ in file.execute(f'PRAGMA table_info("{table}")')]
            names = [name for name in names if name in kinds[table] or f"{table}.{name}" not in COMES_LATER]
            listed = ", ".join(f'"{name}"' for name in names)
            rows = file.execute(f'SELECT {listed} FROM "{table}"')
            put = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            )
            as_kept = [kinds[table][name] for name in names]
            there.cursor().executemany(put, ([kept(v, k) for v, k in zip(row, as_kept, strict=True)] for row in rows))
            if kinds[table].get("id") in ("bigint", "integer"):
                there.execute(
                    sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), coalesce(max(id), 1)) FROM {}").format(
                        sql.Literal(table), sql.Identifier(table)
                    )
                )


def kept(value: Any, kind: str) -> Any:
    """SQLite's value as PostgreSQL takes it: SQLite keeps instants as naive texts in UTC, and no booleans."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    return f"{value}+00:00" if kind == "timestamp with time zone" else value
