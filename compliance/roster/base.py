"""What the readers of a file share. Pure: no Django."""

from dataclasses import dataclass

MOST_BYTES = 2_000_000
MOST_ROWS = 5_000
MOST_COLUMNS = 30
LONGEST_CELL = 500


class Unreadable(Exception):
    """Nothing can be read from the file; the sentence says why, and what to do."""


@dataclass(frozen=True)
class Sheet:
    """The cells of a file as text, its heads first. `lines` are the rows' numbers as a spreadsheet shows them."""

    heads: list[str]
    rows: list[list[str]]
    lines: list[int]
    note: str = ""


def sheet_of(table: list[tuple[int, list[str]]], note: str = "") -> Sheet:
    """From numbered lines: the first that holds anything are the heads, and empty lines are left out."""
    filled = [(line, _trimmed(cells)) for line, cells in table]
    filled = [(line, cells) for line, cells in filled if cells]
    if not filled:
        raise Unreadable("The file is empty. The template shows the columns.")
    (_, heads), *rows = filled
    if len(rows) > MOST_ROWS:
        raise Unreadable(f"The file has more than {MOST_ROWS} people. Divide it, and import one part after the other.")
    return Sheet(heads, [cells for _, cells in rows], [line for line, _ in rows], note)


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at its end."""
    cells = [" ".join(cell.split()) for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells
