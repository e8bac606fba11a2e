"""Plays stories in the order of time. A story is a generator that yields the instant at which it goes on."""

import heapq
from collections.abc import Generator, Iterable
from datetime import datetime

from staff import clock

Story = Generator[datetime, None, None]


def play(stories: Iterable[Story], *, until: datetime) -> None:
    """Resume whichever story comes next, under the clock at its instant, until all have ended; none may reach `until`."""
    waiting: list[tuple[datetime, int, Story]] = []
    for place, story in enumerate(stories):
        first = next(story, None)
        if first is not None:
            waiting.append((first, place, story))
    heapq.heapify(waiting)
    while waiting:
        at, place, story = heapq.heappop(waiting)
        if at >= until:
            raise ValueError(f"story {place} goes on at {at}, which is not before {until}")
        with clock.at(at):
            following = next(story, None)
        if following is not None:
            if following < at:
                raise ValueError(f"story {place} goes back from {at} to {following}")
            heapq.heappush(waiting, (following, place, story))
