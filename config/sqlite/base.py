"""SQLite with one queue for writers.

SQLite lets one writer in at a time and makes the others poll; under load that polling has a long tail. Here a write
transaction first takes a lock (threads of this process in turn, then one file lock between processes) and gives it back
at COMMIT or ROLLBACK, so that writers wait in line instead.
"""

import fcntl
import os
import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.backends.sqlite3.operations import DatabaseOperations as SQLiteOperations
from django.db.backends.sqlite3.schema import DatabaseSchemaEditor
from django.db.utils import OperationalError

_turns: defaultdict[str, Any] = defaultdict(threading.Lock)
WAIT_SECONDS = 30


class SchemaEditor(DatabaseSchemaEditor):
    """Sets triggers aside while a table is made anew, and puts them back in the same transaction.

    SQLite does not rename a table that a trigger of another table speaks of, and drops the triggers of the old one.
    """

    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND (tbl_name = %s OR instr(sql, %s))",
                [model._meta.db_table, model._meta.db_table],
            )
            triggers = cursor.fetchall()
        for name, _ in triggers:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}", params=None)
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc]
        if kwargs.get("delete_field") is None:  # else one may speak of it; after the migrate all are made anew
            for _, text in triggers:
                self.execute(text, params=None)


class DatabaseOperations(SQLiteOperations):
    def convert_datetimefield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """An instant stands as text in UTC. Django asks its settings for the zone of each; a page reads some hundred."""
        if type(value) is str and self.connection.timezone is UTC:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return super().convert_datetimefield_value(value, expression, connection)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
    SchemaEditorClass = SchemaEditor
    _lock_file: int | None = None
    _lock_pid: int | None = None
    _turn: Any = None

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._give_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        self._give_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._give_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._give_turn()
            if self._lock_file is not None and self._lock_pid == os.getpid():
                os.close(self._lock_file)
                self._lock_file = None

    def _take_turn(self) -> None:
        name = str(self.settings_dict["NAME"])
        if self.is_in_memory_db() or self._turn is not None:
            return
        turn = _turns[name]
        if not turn.acquire(timeout=WAIT_SECONDS):
            raise OperationalError(f"waited {WAIT_SECONDS} s for another writer of {name}")
        try:
            if self._lock_file is None or self._lock_pid != os.getpid():
                self._lock_file = os.open(f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
                self._lock_pid = os.getpid()
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        except BaseException:
            turn.release()
            raise
        self._turn = turn

    def _give_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            if self._lock_file is not None:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
            turn.release()

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        if not self.is_in_memory_db():
            level = connection.execute("PRAGMA synchronous").fetchone()[0]
            if level != 2:
                raise OperationalError(f"SQLite must run with synchronous=FULL (2), it runs with {level}")
        return connection
