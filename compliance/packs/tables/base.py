"""A table of a pack: written as CSV, as JSON and as a page, from the same rows, some at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from compliance.exports import BOM, inert
from compliance.packs.scope import Scope

NOT_RECORDED = "not recorded"
AT_ONCE = 200  # rows
# For who works with the files, and in the way of who reads: these columns stand in CSV and JSON alone.
MACHINE = frozenset(
    {
        "person",
        "attempt",
        "sheet",
        "signature",
        "clinic",
        "key",
        "file",
        "verify",
        "rule",
        "disclaimer",
        "method",
        "cycle",
    }
    | {"seal_sha256", "section_sha256", "version_sha256", "facts_sha256", "file_sha256", "record_sha256"}
)
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Table:
    """`columns`: the key in CSV and JSON, and the heading a person reads. Values are plain; instants in the clinic's zone."""

    slug: str
    title: str
    about: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[Scope], Iterator[Row]]
    none: str = "Nothing in these days."
    long: bool = False  # not for reading: CSV and JSON alone

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.columns]

    @property
    def places_read(self) -> list[int]:
        """Of the columns that a page shows."""
        return [place for place, key in enumerate(self.keys) if key not in MACHINE]

    @property
    def headings(self) -> list[str]:
        return [self.columns[place][1] for place in self.places_read]


def written(value: Any, scope: Scope) -> Any:
    """As JSON takes it: days and instants in ISO 8601, an instant in the clinic's zone with its distance from UTC."""
    if isinstance(value, datetime):
        return value.astimezone(scope.zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return value


def shown(value: Any, scope: Scope) -> str:
    """As a person reads it; an instant with its distance from UTC."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        local = value.astimezone(scope.zone)
        offset = local.strftime("%z")
        return f"{shown(local.date(), scope)}, {local:%H:%M}\u00a0{offset[:3]}:{offset[3:]}"
    if isinstance(value, date):
        return f"{value.day}\u00a0{value:%b}\u00a0{value.year}"
    return str(value)


def plain(value: Any, scope: Scope) -> str:
    """As a cell of a CSV file, which no spreadsheet runs."""
    if value is None:
        return ""
    return inert(shown(value, scope) if isinstance(value, bool) else written(value, scope))


def pieces(rows: Iterable[Row], size: int = AT_ONCE) -> Iterator[list[Row]]:
    found = iter(rows)
    return iter(lambda: list(islice(found, size)), [])


def csv_head(table: Table) -> bytes:
    """With a byte-order mark, so that a spreadsheet reads names in any script."""
    return (BOM + _lines([table.keys])).encode()


def csv_rows(rows: Sequence[Row], scope: Scope) -> bytes:
    return _lines([[plain(value, scope) for value in row] for row in rows]).encode()


def _lines(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def json_head(table: Table) -> bytes:
    head = {"table": table.slug, "title": table.title, "about": table.about, "columns": dict(table.columns)}
    return json.dumps(head, ensure_ascii=False)[:-1].encode() + b', "rows": ['


def json_rows(table: Table, rows: Sequence[Row], scope: Scope, *, first: bool) -> bytes:
    """One row a line, its columns by name."""
    lines = [
        json.dumps(dict(zip(table.keys, (written(value, scope) for value in row), strict=True)), ensure_ascii=False)
        for row in rows
    ]
    return (("\n" if first else ",\n") + ",\n".join(lines)).encode()


JSON_END = b"\n]}\n"
