"""How a connection to the database is taken up again."""

import socket
from time import monotonic
from types import SimpleNamespace

import psycopg
import pytest
from django.db import connection, connections

from config.postgresql.base import RESTED_SECONDS, is_there
from config.sqlite.base import DatabaseOperations

Djangos = DatabaseOperations.__base__


@pytest.fixture
def ends():
    """Both ends of a connection; the first stands for ours."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def asked(ours: socket.socket, *, rested: float = 0, answers: bool = True) -> SimpleNamespace:
    """A connection that counts how often it is asked whether it is there."""

    def execute(statement: str) -> None:
        seen.questions += 1
        if not answers:
            raise psycopg.OperationalError("no answer")

    seen = SimpleNamespace(
        fileno=ours.fileno, used_at=monotonic() - rested, autocommit=True, execute=execute, questions=0
    )
    return seen


@pytest.mark.one_engine
def test_a_quiet_connection_is_taken_without_a_question(ends):
    ours = asked(ends[0])
    assert is_there(ours)
    assert ours.questions == 0


@pytest.mark.one_engine
@pytest.mark.parametrize("word", [b"E...terminating connection due to administrator command", b""])
def test_what_the_server_ended_is_not_there(ends, word):
    ends[1].sendall(word)
    ends[1].close()
    assert not is_there(asked(ends[0]))


@pytest.mark.one_engine
@pytest.mark.parametrize("answers", [True, False])
def test_what_has_rested_is_asked(ends, answers):
    ours = asked(ends[0], rested=RESTED_SECONDS + 1, answers=answers)
    assert is_there(ours) is answers
    assert ours.questions == 1


def test_a_connection_that_the_server_ended_is_replaced(db):
    if connection.vendor != "postgresql":
        return
    mine = connections.create_connection("default")
    try:
        mine.ensure_connection()
        ended = mine.connection.info.backend_pid
        mine.close()  # back to the pool
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
        with mine.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            assert cursor.fetchone()[0] != ended
    finally:
        mine.close()


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "text", ["2026-11-21 20:03:04.000500", "2026-11-21 20:03:04", "1999-12-31 23:59:59.999999", None]
)
def test_an_instant_of_sqlite_reads_as_django_reads_it(text):
    ours, djangos = (
        kind(connection).convert_datetimefield_value(text, None, connection) for kind in (DatabaseOperations, Djangos)
    )
    assert ours == djangos
    assert getattr(ours, "tzinfo", None) is getattr(djangos, "tzinfo", None)
