"""Canonical JSON (RFC 8785) for everything that is hashed: one spelling, no floats."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

MOST = 2**53 - 1  # of a number: beyond, JSON's readers round
_written = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def instant(value: datetime) -> str:
    """UTC with microseconds, the one spelling of an instant in a record."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """`value` in JSON's types, keys in order; Decimals and dates as text. A float is refused: it has more than one spelling."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):  # True and False among them
        if not -MOST <= value <= MOST:
            raise ValueError(f"{value} has no canonical form: not every reader of JSON tells it from its neighbours")
        return value
    if value is None:
        return value
    if isinstance(value, dict):
        named = {str(key): item for key, item in value.items()}
        return {key: plain(named[key]) for key in _in_order(named)}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def _in_order(keys: Iterable[str]) -> list[str]:
    """By their UTF-16 code units, as the RFC has it: in ASCII, where keys nearly always are, that is Python's own order."""
    ordered = sorted(keys)
    return ordered if "".join(ordered).isascii() else sorted(ordered, key=lambda key: key.encode("utf-16-be"))


def text(value: Any) -> str:
    """Python's own JSON escapes as the RFC does; what is particular to it, keys and numbers, is `plain`'s."""
    made = _written(plain(value))
    made.encode()  # half of a surrogate pair has no UTF-8, and so no hash
    return made


def sha256(value: str | bytes) -> str:
    """64 hexadecimal characters."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()


def sha256_of(value: Any) -> str:
    return sha256(text(value))
