"""Many at once: each call in a thread of its own, with a connection of its own and the test's clock."""

import contextvars
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

from django.db import connection

WAIT_SECONDS = 60


def at_once(*calls: Callable[[], Any], seconds: int = WAIT_SECONDS) -> list[Any]:
    """What each call returned, or the exception it raised, in order. They begin together."""
    gate = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(WAIT_SECONDS)
            results[place] = call()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [
        Thread(target=contextvars.copy_context().run, args=(run, place, call), daemon=True)
        for place, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
        assert not thread.is_alive(), "a thread hangs"
    return results
