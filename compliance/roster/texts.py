"""A CSV file as spreadsheets really write it: its encoding and its separator are found, never guessed where it matters.

Pure: no Django.
"""

import codecs
import csv
import io
import re

from compliance.roster.base import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, Sheet, Unreadable, sheet_of

SEPARATORS = (",", ";", "\t")
SAVE_AGAIN = "Save it as “CSV UTF-8” or as XLSX, and send that."
# Two letters of Windows-1252 that together are one letter of UTF-8, such as "Ã¸": the file holds both.
TWICE_ENCODED = re.compile(rb"[\xc3-\xc5][\x80-\xbf]|\xe2\x80[\x80-\xbf]")


def text_of(data: bytes) -> str:
    """The file's text. UTF-8, UTF-16 (with its mark or told by its zeros) and Windows-1252."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return _decoded(data[len(mark) :], name)
    head = data[:2000]
    if len(head) > 3 and head.count(0) * 3 > len(head):  # Latin letters in UTF-16: every other byte is zero
        return _decoded(data, "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if TWICE_ENCODED.search(data):
            line = data.count(b"\n", 0, error.start) + 1
            raise Unreadable(
                f"Line {line} is written in another encoding than the rest of the file, so names would be garbled. {SAVE_AGAIN}"
            ) from None
        return _decoded(data, "cp1252")


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"Line {line} holds bytes that are no letters in any known encoding. {SAVE_AGAIN}") from None


def separator_of(text: str) -> str:
    """Of the first line: what stands outside quotes most often. One column alone has none."""
    first = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").partition("\n")[0])
    return max(SEPARATORS, key=first.count)


def read(data: bytes) -> Sheet:
    """Raises Unreadable."""
    text = text_of(data)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise Unreadable(f"Line {line} holds a zero byte, so this is not a text file. {SAVE_AGAIN}")
    text = text.removeprefix("\ufeff")
    declared = re.match(r'"?sep=([,;\t])"?\r?\n', text)  # as a spreadsheet may write above the heads
    skipped = 1 if declared else 0
    separator = declared[1] if declared else separator_of(text)
    body = text[declared.end() :] if declared else text
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator, strict=True)
    table: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for cells in reader:
            table.append((begins + skipped, _checked(cells, begins + skipped)))
            begins = reader.line_num + 1
            if len(table) > MOST_ROWS + 100:  # some may be empty; the exact limit is the sheet's
                break
    except csv.Error:
        raise Unreadable(
            f"Line {begins + skipped}: a quotation mark is opened and not closed, or stands inside a cell. {SAVE_AGAIN}"
        ) from None
    return sheet_of(table)


def _checked(cells: list[str], line: int) -> list[str]:
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(f"Line {line} has {len(cells)} cells; at most {MOST_COLUMNS} are read.")
    if any(len(cell) > LONGEST_CELL for cell in cells):
        raise Unreadable(f"A cell of line {line} has more than {LONGEST_CELL} letters. Was a quotation mark left open?")
    return cells
