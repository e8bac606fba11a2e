"""What was asked and what was told, one JSON a line. What the site has acknowledged is on the disk before anybody goes on."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faults.clock import Hands

Event = dict[str, Any]


class History:
    def __init__(self, file: Path, hands: Hands) -> None:
        self.file, self.hands = file, hands
        self.acknowledged = 0
        self.refused: Counter[str] = Counter()
        self._out = file.open("ab", buffering=0)
        self._lock = threading.Lock()

    def note(self, what: str, **facts: Any) -> None:
        """`at` is the machine's time in seconds, `turned` how far the site's clock was turned from it."""
        event = {"what": what, "at": time.time(), "turned": self.hands.turned, **facts}
        line = json.dumps(event).encode() + b"\n"
        told = what.endswith(".told")
        with self._lock:
            self._out.write(line)
            if what == "refused":
                self.refused[facts["on"]] += 1
            if told:
                os.fsync(self._out.fileno())
                self.acknowledged += 1

    def close(self) -> None:
        self._out.close()


def read(file: Path) -> Iterator[Event]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
