"""Many clients at once, for a bounded time or over a bounded list."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.browser import Unexpected


@dataclass
class Counted:
    """`seconds` each call took, over `span` seconds on the clock; what failed is counted by its message."""

    span: float = 0
    seconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counted") -> None:
        self.span += other.span
        self.seconds += other.seconds
        self.errors += other.errors

    def figures(self) -> dict[str, Any]:
        def at(share: float) -> float:
            return round(1000 * quantile(self.seconds, share), 1)

        return {
            "count": len(self.seconds),
            "per_second": round(len(self.seconds) / self.span, 1) if self.span else 0,
            "median_ms": at(0.5),
            "p95_ms": at(0.95),
            "p99_ms": at(0.99),
            "max_ms": at(1),
            "errors": sum(self.errors.values()),
            "first_errors": dict(self.errors.most_common(3)),
        }


def quantile(values: Sequence[float], share: float) -> float:
    """Nothing is 0."""
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def for_a_while(calls: Sequence[Callable[[], None]], seconds: float, every: float = 0) -> Counted:
    """One thread for each of `calls`, again and again until the time is over, or once in `every` seconds."""

    def work(number: int, call: Callable[[], None], counted: Counted) -> None:
        due = time.perf_counter() + every * number / len(calls)
        until = due + seconds
        while (began := max(due, time.perf_counter())) < until:
            time.sleep(max(0.0, due - time.perf_counter()))
            _once(call, time.perf_counter(), counted)
            due = began + every

    return _together([partial(work, number, call) for number, call in enumerate(calls)])


def through(calls: Sequence[Callable[[], None]], clients: int) -> Counted:
    """Each of `calls` once, so many at a time."""
    waiting = list(reversed(calls))

    def work(counted: Counted) -> None:
        while True:
            try:
                call = waiting.pop()
            except IndexError:
                return
            _once(call, time.perf_counter(), counted)

    return _together([work] * clients)


def _once(call: Callable[[], None], began: float, counted: Counted) -> None:
    try:
        call()
    except (Unexpected, OSError) as error:
        counted.errors[f"{type(error).__name__}: {error}"[:300]] += 1
    else:
        counted.seconds.append(time.perf_counter() - began)


def _together(work: Sequence[Callable[[Counted], None]]) -> Counted:
    parts = [Counted() for _ in work]
    threads = [threading.Thread(target=run, args=(part,)) for run, part in zip(work, parts, strict=True)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Counted()
    for part in parts:
        whole.add(part)
    whole.span = time.perf_counter() - began
    return whole
