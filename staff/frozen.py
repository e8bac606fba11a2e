"""Published rows never change (a trigger sees to it), so that each worker asks for them once and remembers.

A function under `once` takes a list of what names published things beyond doubt, each its id and its hash, and never a person
or a clinic; it answers by name, and is asked only for those that are not known yet, all together. What it returns is shared
between requests: nobody changes it. What is read inside a transaction is not kept, since it may be half published still, or
rolled back.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TypeVar

from django.db import connection

Name = tuple[int, str]
Found = TypeVar("Found")
MOST = 200  # of each kind; then all are asked anew
_kept: list[dict[Name, object]] = []


def once(ask: Callable[[list[Name]], dict[Name, Found]]) -> Callable[[Iterable[Name]], dict[Name, Found]]:
    kept: dict[Name, Found] = {}
    _kept.append(kept)  # type: ignore[arg-type]

    @wraps(ask)
    def asked(names: Iterable[Name]) -> dict[Name, Found]:
        wanted = list(names)
        found = {name: kept[name] for name in wanted if name in kept}
        missing = [name for name in wanted if name not in found]
        if missing:
            new = ask(missing)
            if not connection.in_atomic_block:
                if len(kept) >= MOST:
                    kept.clear()
                kept.update(new)
            found |= new
        return found

    return asked


def forget() -> None:
    """For the tests, each of which has a database of its own."""
    for kept in _kept:
        kept.clear()
