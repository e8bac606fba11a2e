"""What a test has committed is taken out again, and what most of them begin with is kept to be put back as it was.

Django's own flush truncates every table and tells every app that it migrated: seconds for each test, on PostgreSQL most.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any

from django.db import connection, transaction

# Django fills these once, after the migrations.
STAY = {"django_content_type", "auth_permission"}
# The search's index: on SQLite a table of no model, on PostgreSQL a column that it fills itself.
BESIDE = {"training_passage_words": ("rowid", "text", "whole", "code")}
FILLED_ITSELF = {("training_passage", "document")}
# A guard of another table looks into these when a row is put there.
FIRST = (
    "staff_signingacceptance",
    "quizzes_candidacy",
    "quizzes_attempt",
    "quizzes_attemptitem",
    "quizzes_enquiry",
    "training_observation",
)

Rows = dict[str, Any]


@cache
def _columns() -> dict[str, tuple[str, ...]]:
    """The tables that tests fill, with the columns that can be written."""
    found = {}
    with connection.cursor() as cursor:
        tables = connection.introspection.django_table_names(only_existing=True)
        for table in sorted(tables, key=lambda table: table not in FIRST):
            if table not in STAY:
                cursor.execute(f'SELECT * FROM "{table}" LIMIT 0')
                names = [column[0] for column in cursor.description]
                found[table] = tuple(name for name in names if (table, name) not in FILLED_ITSELF)
    return found | (BESIDE if connection.vendor == "sqlite" else {})


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def empty() -> None:
    """Nothing is left in any table, past the guards, which are there again afterwards."""
    if connection.vendor == "sqlite":
        with _beside() as database:
            filled = [table for table in _columns() if database.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone()]
            triggers = database.execute(
                "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            lifted = [(name, sql) for name, table, sql in triggers if table in filled]
            for name, _ in lifted:
                database.execute(f'DROP TRIGGER "{name}"')
            for table in filled:
                database.execute(f'DELETE FROM "{table}"')
            for _, sql in lifted:
                database.execute(sql)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in _columns())
        )
        filled = [table for (table,) in cursor.fetchall()]
        for table in filled:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        for table in filled:
            cursor.execute(f'DELETE FROM "{table}"')
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in filled:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """For rows that no action would write so: a deadline five minutes from now, a forged answer. Without a table, of all."""
    tables = tables or tuple(_columns())
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
            lifted = [(name, sql) for name, table, sql in cursor.fetchall() if table in tables]
            down, up = [f'DROP TRIGGER "{name}"' for name, _ in lifted], [sql for _, sql in lifted]
        else:
            down = [f'ALTER TABLE "{table}" DISABLE TRIGGER USER' for table in tables]
            up = [f'ALTER TABLE "{table}" ENABLE TRIGGER USER' for table in tables]
            down.insert(0, "SET CONSTRAINTS ALL IMMEDIATE")  # no table is altered while a check of its rows is pending
            up.append("SET CONSTRAINTS ALL DEFERRED")
        for statement in down:
            cursor.execute(statement)
        yield
        for statement in up:
            cursor.execute(statement)


def taken() -> Rows:
    """Every row there is, in the engine's own form."""
    if connection.vendor == "sqlite":
        with _beside() as database:
            read = {
                table: database.execute(f'SELECT {_listed(columns)} FROM "{table}"').fetchall()
                for table, columns in _columns().items()
            }
        return {table: rows for table, rows in read.items() if rows}
    with connection.cursor() as cursor:
        copied = {
            table: _copied(cursor, f'COPY "{table}" ({_listed(columns)}) TO STDOUT')
            for table, columns in _columns().items()
        }
    return {table: text for table, text in copied.items() if text}


def _copied(cursor: Any, statement: str) -> bytes:
    with cursor.copy(statement) as copy:
        return b"".join(bytes(part) for part in copy)


def put_back(rows: Rows) -> None:
    """Into an empty database. Row numbers go on where they were, since emptying does not turn them back."""
    if connection.vendor == "sqlite":
        with _beside() as database:
            for table, kept in rows.items():
                columns = _columns()[table]
                places = ", ".join("?" * len(columns))
                database.executemany(f'INSERT INTO "{table}" ({_listed(columns)}) VALUES ({places})', kept)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        for table, kept in rows.items():
            with cursor.copy(f'COPY "{table}" ({_listed(_columns()[table])}) FROM STDIN') as copy:
                copy.write(kept)


@contextmanager
def _beside() -> Iterator[sqlite3.Connection]:
    """A connection that gives values as they are stored and follows no foreign key; one transaction."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=20, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")
