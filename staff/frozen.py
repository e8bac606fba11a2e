"""Published rows never change (a trigger sees to it), so that each worker asks for them once and remembers.

A function under `once` takes what names the published thing beyond doubt, its id and its hash, and never a person or a clinic.
What it returns is shared between requests: nobody changes it. What is read inside a transaction is not kept, since it may be
half published still, or rolled back.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.db import connection

Ask = TypeVar("Ask", bound=Callable[..., Any])
MOST = 200  # of each kind; then all are asked anew
_kept: list[dict[Any, Any]] = []


def once(ask: Ask) -> Ask:
    kept: dict[Any, Any] = {}
    _kept.append(kept)

    @wraps(ask)
    def asked(*names: Any) -> Any:
        found = kept.get(names)
        if found is None:
            found = ask(*names)
            if not connection.in_atomic_block:
                if len(kept) >= MOST:
                    kept.clear()
                kept[names] = found
        return found

    return asked  # type: ignore[return-value]


def forget() -> None:
    """For the tests, each of which has a database of its own."""
    for kept in _kept:
        kept.clear()
