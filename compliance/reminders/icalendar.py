"""Whole days as a calendar file, RFC 5545. Pure.

Only what a feed of whole days needs: no times, so no time zones; no repetition; text escaped, lines folded at 75 bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

LONGEST_LINE = 75
ESCAPED = {"\\": "\\\\", ";": "\\;", ",": "\\,", "\r\n": "\\n", "\n": "\\n", "\r": "\\n"}


@dataclass(frozen=True)
class Event:
    """`uid` stays with the event as long as it is the same one."""

    uid: str
    day: date
    title: str
    url: str = ""


def calendar(*, name: str, events: Sequence[Event], stamp: datetime, hours: int = 12) -> bytes:
    """`stamp` is when the feed last became another one; `hours`, how often a program may ask again."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Pinpoint//Due days//EN",
        f"NAME:{text(name)}",
        f"X-WR-CALNAME:{text(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:PT{hours}H",
        f"X-PUBLISHED-TTL:PT{hours}H",
    ]
    for event in events:
        lines += _event(event, f"{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    lines.append("END:VCALENDAR")
    return b"".join(folded(line) for line in lines)


def _event(event: Event, stamp: str) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{text(event.uid)}"
    yield f"DTSTAMP:{stamp}"
    yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{event.day + timedelta(days=1):%Y%m%d}"
    yield f"SUMMARY:{text(event.title)}"
    if event.url:
        yield f"URL:{event.url}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def text(value: str) -> str:
    """A value of type TEXT; signs that a file of lines cannot hold are left out."""
    for plain, escaped in ESCAPED.items():
        value = value.replace(plain, escaped)
    return "".join(sign for sign in value if sign >= " " and sign != "\x7f")


def folded(line: str) -> bytes:
    """Ended by CRLF, and broken after 75 bytes at most, never within a character."""
    parts, room = [b""], LONGEST_LINE
    for sign in line:
        coded = sign.encode()
        if len(parts[-1]) + len(coded) > room:
            parts.append(b"")
            room = LONGEST_LINE - 1
        parts[-1] += coded
    return b"\r\n ".join(parts) + b"\r\n"
