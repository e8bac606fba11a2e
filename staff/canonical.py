"""Canonical JSON (RFC 8785) for everything that is hashed: one spelling, no floats."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import rfc8785


def instant(value: datetime) -> str:
    """UTC with microseconds, the one spelling of an instant in a record."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain(value: Any) -> Any:
    """`value` in JSON's types; Decimals and dates as text. A float is refused: it has more than one spelling."""
    if isinstance(value, bool) or value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def text(value: Any) -> str:
    return rfc8785.dumps(plain(value)).decode()


def sha256(value: str | bytes) -> str:
    """64 hexadecimal characters."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()


def sha256_of(value: Any) -> str:
    return sha256(text(value))
