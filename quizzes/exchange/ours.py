"""The items of our own files, one YAML list, with everything that they hold. Pure."""

from collections.abc import Sequence
from typing import Any

import yaml

from quizzes.exchange.base import MOST_ITEMS, Found, Outgoing, Unreadable
from quizzes.kinds import KINDS

MOST_DEPTH = 12
COMMON = ("code", "bank", "kind", "level", "points", "depends", "stem")
OPTIONAL = ("order", "tolerance", "others", "source")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def read(text: str) -> list[Found]:
    """Every item of the file. Raises Unreadable."""
    rows = _rows(text)
    if not isinstance(rows, list) or not rows:
        raise Unreadable("There is no item in the file: it is a list of items, each with its code.")
    if len(rows) > MOST_ITEMS:
        raise Unreadable(f"The file has more than {MOST_ITEMS} items: divide it.")
    return [_found(row) for row in rows]


def _rows(text: str) -> Any:
    depth = 0
    try:
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.AliasEvent):
                raise Unreadable("The file refers to a part of itself, as none of ours does. It was not read.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise Unreadable(f"The file nests deeper than {MOST_DEPTH} levels, as none of ours does.")
        return yaml.load(text, Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", at line {mark.line + 1}" if mark else ""
        raise Unreadable(f"The file is not readable as YAML{where}.") from None


def _found(row: Any) -> Found:
    if not isinstance(row, dict):
        return Found(str(row)[:60], reason="it is no mapping of fields")
    name = str(row.get("code") or row.get("stem") or "")[:60]
    lacking = [field for field in ("code", "kind", "stem", "points") if not row.get(field)]
    if lacking:
        return Found(name, reason=f"it lacks {', '.join(lacking)}")
    kind = KINDS.get(str(row["kind"]))
    if kind is None:
        return Found(name, code=name, reason=f"kind is {row['kind']}: {', '.join(KINDS)}")
    if not isinstance(row["points"], list) or not isinstance(row.get("depends") or [], list):
        return Found(name, code=name, reason="points and depends are lists of codes")
    tags = [str(point) for point in row["points"]] + [f"depends:{code}" for code in row.get("depends") or []]
    tags += [f"{field}:{row[field]}" for field in ("level", "bank") if row.get(field)]
    fields = {field: row[field] for field in ("kind", "stem", *kind.needs, *OPTIONAL) if field in row}
    return Found(name, {"stem": str(row["stem"])} | fields | {"kind": kind.code}, str(row["code"]), tuple(tags))


def write(items: Sequence[Outgoing]) -> tuple[str, list[tuple[str, str]]]:
    text = yaml.dump([item.row for item in items], Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text, []
