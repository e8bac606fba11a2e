"""The calendar file, sign by sign: RFC 5545, sections 3.1 (lines), 3.3.11 (text) and 3.6.1 (events of whole days)."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.reminders.icalendar import Event, calendar, folded, text

STAMP = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_a_whole_file():
    events = [
        Event("abc@training.example.com", date(2026, 12, 31), "Needle depth: last day, 2 people", "https://a.example/")
    ]
    assert calendar(name="Pinpoint", events=events, stamp=STAMP) == (
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Pinpoint//Due days//EN\r\nNAME:Pinpoint\r\nX-WR-CALNAME:Pinpoint\r\n"
        b"REFRESH-INTERVAL;VALUE=DURATION:PT12H\r\nX-PUBLISHED-TTL:PT12H\r\n"
        b"BEGIN:VEVENT\r\nUID:abc@training.example.com\r\nDTSTAMP:20261121T093000Z\r\n"
        b"DTSTART;VALUE=DATE:20261231\r\nDTEND;VALUE=DATE:20270101\r\n"
        b"SUMMARY:Needle depth: last day\\, 2 people\r\nURL:https://a.example/\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n"
        b"END:VCALENDAR\r\n"
    )


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("a, b; c", "a\\, b\\; c"),
        ("a\\n", "a\\\\n"),
        ("a\r\nEND:VEVENT", "a\\nEND:VEVENT"),
        ("a\rb\nc", "a\\nb\\nc"),
        ("a\x00\x07\x7fb", "ab"),
    ],
    ids=["commas", "a backslash", "a line slipped in", "other ends of lines", "control characters"],
)
def test_text_cannot_leave_its_line(plain, written):
    assert text(plain) == written


@given(
    st.text(
        alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\x85\u2028\u2029"), max_size=300
    )
)
def test_long_lines_are_folded_and_come_back(value):
    line = folded(f"SUMMARY:{value}")
    parts = line.removesuffix(b"\r\n").split(b"\r\n ")
    assert all(len(part) + bool(place) <= 75 for place, part in enumerate(parts))
    assert "".join(part.decode() for part in parts) == f"SUMMARY:{value}"
