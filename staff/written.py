"""Statements that are written out, since they are asked in every request or twenty times an attempt: the ORM takes five to ten
times as long to put one together as the database takes to answer it."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection, models

Found = TypeVar("Found", bound=models.Model)


def ask(sql: str, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
        return row


def tell(sql: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def instant(value: Any) -> datetime:
    """An instant as it comes from a statement: SQLite keeps it as text."""
    if connection.vendor == "sqlite":
        value = connection.ops.convert_datetimefield_value(value, None, connection)  # type: ignore[attr-defined]
    found: datetime = value
    return found


def stored(moment: datetime) -> Any:
    """The other way round."""
    return connection.ops.adapt_datetimefield_value(moment)


class Row(Generic[Found]):
    """The row of a model that a unique column finds. Columns are named, so that one added by a newer release disturbs nobody.

    `further` are names with what SQL says of each; they come as the database gives them, and stand beside the fields.
    """

    def __init__(self, model: type[Found], column: str, **further: str) -> None:
        fields, table = model._meta.concrete_fields, model._meta.db_table
        self.model, self.names, self.further = model, [field.attname for field in fields], list(further)
        self.columns = [field.get_col(table) for field in fields]
        said = [*(f'"{table}"."{field.column}"' for field in fields), *further.values()]
        self.sql = f'SELECT {", ".join(said)} FROM "{table}" WHERE "{table}"."{column}" = %s'  # noqa: S608 (a table of ours)

    def get(self, value: Any) -> Found | None:
        row = ask(self.sql, [value])
        if row is None:
            return None
        values = list(row[: len(self.columns)])
        for place, column, convert in self.converters:
            values[place] = convert(values[place], column, connection)
        found = self.model.from_db(connection.alias, self.names, values)
        found.__dict__.update(zip(self.further, row[len(values) :], strict=True))
        return found

    @cached_property
    def converters(self) -> list[tuple[int, Any, Any]]:
        """What the engine gives otherwise than the model has it, by its place: with SQLite instants and truth, mostly."""
        return [
            (place, column, convert)
            for place, column in enumerate(self.columns)
            for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
        ]


class New(Generic[Found]):
    """Puts new rows of a model in, all of them by one statement, and gives each its id.

    `save` and `bulk_create` put that statement together anew each time, which takes them longer than the database needs for it.
    """

    def __init__(self, model: type[Found]) -> None:
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        columns, table = ", ".join(f'"{field.column}"' for field in self.fields), model._meta.db_table
        self.begin = f'INSERT INTO "{table}" ({columns}) VALUES '  # noqa: S608 (a table of ours)
        self.row = f"({', '.join(['%s'] * len(self.fields))})"

    def put(self, *rows: Found) -> None:
        if not rows:
            return
        values = [
            field.get_db_prep_save(field.pre_save(row, True), connection) for row in rows for field in self.fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(f"{self.begin}{', '.join([self.row] * len(rows))} RETURNING id", values)
            found = cursor.fetchall()
        for row, (pk,) in zip(rows, found, strict=True):
            row.pk, row._state.adding, row._state.db = pk, False, connection.alias
