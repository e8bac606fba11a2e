import contextlib
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from staff import clock, guards
from tests import factories, people
from tests.compliance import tampering
from tests.compliance.histories import History, make_history
from tests.conftest import NOW

INSERT_ONLY = sorted({guard.table for guard in guards.all_guards() if guard.name == "insert_only"})
KEPT = sorted({guard.table for guard in guards.all_guards() if guard.name == "kept"})


@pytest.fixture(scope="module")
def kept_history(nothing_begun, django_db_blocker) -> Iterator[History]:
    """One history for the whole module, rolled back at its end."""
    quick = override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
    with django_db_blocker.unblock(), quick, clock.at(NOW), transaction.atomic():
        cast = people.make_cast()
        course = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician)
        yield make_history(cast, course)
        transaction.set_rollback(True)


@pytest.fixture
def history(kept_history, db) -> History:
    made: History = kept_history
    return made


@contextlib.contextmanager
def refused(sentence: str) -> Iterator[None]:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        yield
    assert sentence in str(caught.value)


@pytest.mark.parametrize("table", INSERT_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE", "DELETE"])
def test_insert_only_rows_stay(history, table, statement):
    """Not even to the same value, and not by SQL behind the site's back."""
    column = next(f.column for f in tampering.table(table)._meta.concrete_fields if not f.primary_key)
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        if cursor.fetchone()[0] == 0:
            assert table in WITHOUT_ROWS
            return
        sql = f'DELETE FROM "{table}"' if statement == "DELETE" else f'UPDATE "{table}" SET "{column}" = "{column}"'
        with refused(f"{table} is insert-only: a correction is a new row"):
            cursor.execute(sql)


# The history fills every other table.
WITHOUT_ROWS = {"training_keypointversion_depends_on", "quizzes_attemptgrant"}


@pytest.mark.parametrize("table", KEPT)
def test_kept_rows_are_never_deleted(history, table):
    with connection.cursor() as cursor, refused(f"{table} rows are never deleted: end them instead"):
        cursor.execute(f'DELETE FROM "{table}"')


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "UPDATE quizzes_attempt SET ended_at = started_at WHERE state <> 'open'",
            "a sealed attempt does not change",
        ),
        (
            "UPDATE quizzes_attempt SET deadline_at = started_at WHERE state = 'open'",
            "its deadline never moves back",
        ),
        ("UPDATE quizzes_attempt SET state = 'open' WHERE state <> 'open'", "a sealed attempt does not change"),
        ("UPDATE quizzes_attempt SET seed = 'x' WHERE state = 'open'", "an attempt keeps what it was started with"),
        (
            f"UPDATE quizzes_attemptitem SET answer = '' WHERE {tampering.SEALED}",
            "the items of a sealed attempt do not change",
        ),
        (
            f"UPDATE quizzes_attemptitem SET tokens = '[]' WHERE NOT ({tampering.SEALED})",
            "a drawn item keeps its question, order and place",
        ),
        ("UPDATE quizzes_attemptitem SET revision = 0 WHERE revision > 0", ""),
        ("UPDATE quizzes_questionversion SET body = '{}'", "a drawn question version keeps its wording"),
        (
            "UPDATE training_keypoint SET code = 'nd-99' WHERE id = (SELECT min(id) FROM training_keypoint)",
            "keeps its code",
        ),
        ("UPDATE staff_chain SET seq = seq - 1 WHERE seq > 0", "a chain only grows"),
        ("UPDATE staff_chain SET seq = seq + 2", "a chain only grows"),
        ("UPDATE certificates_numberseries SET last = last", "certificate numbers only rise"),
        ("DELETE FROM compliance_peopleimport", "a list of people that was applied stays on record"),
        ("UPDATE compliance_peopleimport SET counts = '{}'", "a list of people that was carried out does not change"),
    ],
)
def test_what_is_fixed_stays(history, sql, sentence):
    with connection.cursor() as cursor, refused(sentence):
        cursor.execute(sql)


def test_a_sealed_attempt_takes_no_further_item(history):
    with connection.cursor() as cursor, refused("a sealed attempt takes no further item"):
        cursor.execute(
            "INSERT INTO quizzes_attemptitem (attempt_id, position, question_version_id, tokens, flagged, answer, revision) "
            "SELECT attempt_id, 99, question_version_id, tokens, flagged, answer, revision "
            f"FROM quizzes_attemptitem WHERE {tampering.SEALED}"
        )


def test_an_item_is_questioned_only_once_its_attempt_has_ended(history):
    with connection.cursor() as cursor, refused("an item is questioned once its attempt has ended"):
        cursor.execute(
            "INSERT INTO quizzes_enquiry (public_id, person_id, clinic_id, item_id, text, asked_at) "
            "SELECT 'slipped', person_id, clinic_id, "
            f"(SELECT min(id) FROM quizzes_attemptitem WHERE NOT ({tampering.SEALED})), text, asked_at "
            "FROM quizzes_enquiry WHERE item_id IS NOT NULL"
        )


def test_nobody_answers_their_own_question(history):
    with connection.cursor() as cursor, refused("nobody answers their own question"):
        cursor.execute(
            "INSERT INTO quizzes_enquiryanswer (enquiry_id, text, closes, role, answered_at, answered_by_id) "
            "SELECT e.id, a.text, a.closes, a.role, a.answered_at, e.person_id "
            "FROM quizzes_enquiryanswer a JOIN quizzes_enquiry e ON e.id = a.enquiry_id"
        )


def test_every_table_that_refuses_updates_is_in_the_verifier_tests():
    """A new legal table is not forgotten there: it is changed byte by byte, or says here why not."""
    told_elsewhere = {"training_keypointversion_depends_on"}
    assert set(INSERT_ONLY) - told_elsewhere <= set(tampering.NAMED)


@pytest.mark.parametrize("table", ["quizzes_seal", "staff_auditevent", "certificates_certificate"])
def test_insert_only_rows_are_not_written_over(history, table):
    """SQLite deletes past its triggers to make room for INSERT OR REPLACE, unless they are recursive."""
    columns = ", ".join(f'"{field.column}"' for field in tampering.table(table)._meta.concrete_fields)
    over = f'INSERT OR REPLACE INTO "{table}" ({columns}) SELECT {columns} FROM "{table}"'
    if connection.vendor == "postgresql":
        over = (
            f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "{table}" '
            "ON CONFLICT (id) DO UPDATE SET id = excluded.id"
        )
    with connection.cursor() as cursor, refused(f"{table} is insert-only"):
        cursor.execute(over)
