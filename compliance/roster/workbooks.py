"""An XLSX workbook, opened only after it was measured: the reader keeps a sheet as one block from its first cell to its last,
so that two cells far apart would take all memory there is. Pure: no Django.
"""

import io
import zipfile
from datetime import date, datetime
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from compliance.roster.base import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS, Sheet, Unreadable, sheet_of
from staff import archives

MOST_PARTS = 200
MOST_UNPACKED = 20_000_000
MOST_RATIO = 200
LAST_ROW = MOST_ROWS + 200  # empty ones among them
LONGEST_SHARED = 1_000
NOT_WHOLE = "The file is not a whole XLSX workbook. Save it again, or send a CSV file."
READ = ("[Content_Types].xml", "_rels/", "xl/")


def read(data: bytes) -> Sheet:
    """The first sheet that is shown. Raises Unreadable."""
    packed = _measured(data)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(packed))
        shown = [
            sheet.name
            for sheet in book.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ]
        if not shown:
            raise Unreadable("The workbook shows no sheet.")
        table = book.get_sheet_by_name(shown[0]).to_python(skip_empty_area=False)
    except (Unreadable, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # the reader's own panics are no Exception
        raise Unreadable(NOT_WHOLE) from None
    note = f"Of {len(shown)} sheets the first, “{shown[0][:60]}”, was read." if len(shown) > 1 else ""
    return sheet_of([(line, [_text(cell, line) for cell in row]) for line, row in enumerate(table, 1)], note)


def _text(cell: Any, line: int) -> str:
    """Days as ISO, whole numbers without a point. Raises Unreadable."""
    if isinstance(cell, datetime):
        cell = cell.date()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell)
    if len(text) > LONGEST_CELL:
        raise Unreadable(f"A cell of line {line} has more than {LONGEST_CELL} letters.")
    return text


def _measured(data: bytes) -> bytes:
    """A fresh archive of the parts that are read, each unpacked within limits and looked through."""
    out = io.BytesIO()
    left = MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as fresh:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS:
                raise Unreadable(f"The workbook has {len(parts)} parts; at most {MOST_PARTS} are read.")
            if not any(part.filename == "xl/workbook.xml" for part in parts):
                raise Unreadable("This is no XLSX workbook. Save the list as XLSX or CSV.")
            seen: set[str] = set()
            for part in parts:
                name = part.filename
                if not name.startswith(READ) or not name.endswith((".xml", ".rels")):
                    continue
                if name.lower() in seen or part.flag_bits & 1:
                    raise Unreadable("The workbook is encrypted, or one of its parts is in it twice. Save it again.")
                if not archives.is_ordinary(part):
                    raise Unreadable(NOT_WHOLE)
                seen.add(name.lower())
                with archive.open(part) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0 or len(content) > MOST_RATIO * max(1000, part.compress_size):
                    raise Unreadable("The workbook swells far beyond its size when it is unpacked, so it was not read.")
                _look_through(content)
                fresh.writestr(name, content)
    except archives.NOT_WHOLE:
        raise Unreadable(NOT_WHOLE) from None
    return out.getvalue()


def _look_through(content: bytes) -> None:
    """No document type (nothing can be expanded), no cell beyond the rows and columns that are read, and no long text that
    many cells could share."""
    measure = _Measure()
    parser = expat.ParserCreate()
    parser.StartElementHandler = measure.begun
    parser.EndElementHandler = measure.ended
    parser.CharacterDataHandler = measure.written
    parser.StartDoctypeDeclHandler = measure.declared
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        raise Unreadable(NOT_WHOLE) from None


class _Measure:
    def __init__(self) -> None:
        self.row = self.column = self.letters = 0
        self.shared = False

    def begun(self, name: str, given: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self.row, self.column = _number(given.get("r")) or self.row + 1, 0
            case "c":
                column, row = _place(given.get("r"))
                self.column, self.row = column or self.column + 1, row or self.row
            case "si":
                self.letters, self.shared = 0, True
                return
            case _:
                return
        if self.row > LAST_ROW:
            raise Unreadable(f"The sheet reaches beyond row {LAST_ROW}. Delete what stands far below the list.")
        if self.column > MOST_COLUMNS:
            raise Unreadable(f"The sheet reaches beyond column {MOST_COLUMNS}. Delete what stands far beside the list.")

    def ended(self, name: str) -> None:
        if name.rpartition(":")[2] == "si":
            self.shared = False

    def written(self, text: str) -> None:
        self.letters += len(text)
        if self.shared and self.letters > LONGEST_SHARED:
            raise Unreadable(f"A cell of the workbook has more than {LONGEST_SHARED} letters.")

    def declared(self, *_: Any) -> None:
        raise Unreadable("The workbook declares a document type, as no spreadsheet does, so it was not read.")


def _number(given: str | None) -> int:
    """A row's number; zero where none is given."""
    if not given:
        return 0
    if not (given.isascii() and given.isdigit() and len(given) < 9):
        raise Unreadable(NOT_WHOLE)
    return int(given)


def _place(given: str | None) -> tuple[int, int]:
    """Column and row of "C12", from 1; zero where it names none."""
    if not given:
        return 0, 0
    letters = given.rstrip("0123456789")
    digits = given[len(letters) :]
    if not (letters.isascii() and letters.isalpha() and digits) or len(given) > 11:
        raise Unreadable(NOT_WHOLE)
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - 64
    return column, int(digits)
