"""Draws a certificate, as PDF and as PNG. Pure: the same paper and fonts give the same bytes on any day."""

import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import segno
import typst
from PIL import Image

from certificates.fonts import SANS, SERIF, Fonts, Unprintable

DESIGNS = {
    "pdf": Path(__file__).with_name("paper") / "certificate.typ",  # A4
    "letter": Path(__file__).with_name("paper") / "certificate.typ",
    "card": Path(__file__).with_name("paper") / "card.typ",
}
DESIGN_VERSION = "3"  # frozen into every certificate: count up when the drawing changes
DARK = re.compile(rb"\x01+")
QR_MASK = 2  # scanners read each of the eight; trying all for the fairest takes 3 ms, a sixth of a PDF
WIDTH = 1600
HEIGHT = 1131
PPI = WIDTH / (297 / 25.4)  # of an A4 sheet on its side
INK = (0x14, 0x25, 0x2A)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Exactly what is printed. Dates arrive written out; nobody's job title, licence, score or depth has a place."""

    kind: Literal["knowledge", "programme"]
    kind_line: str
    title: str
    name: str
    statement: str
    clinic_name: str
    clinic_address: str
    scope: tuple[str, ...]
    number: str
    code: str  # grouped for reading
    verify_url: str  # where a reader types the code
    code_url: str  # what the QR holds
    issued: str
    valid_from: str
    valid_until: str
    issued_on: date  # dates the document itself
    rule_line: str
    module_version: str
    disclaimer: str
    attempt_line: str = ""
    physician: str = ""  # programme certificates only
    signed: str = ""
    credentials: str = ""  # these three too, since the third design
    versions: str = ""
    programme_version: str = ""
    record: str = ""  # the rest on both kinds, since the third design
    issued_at: str = ""
    note: str = ""
    lang: str = "en"


def pdf(paper: Paper, *, fonts: Fonts, sheet: str = "pdf") -> bytes:
    """The certificate as PDF/A-2a and PDF/UA-1 at once: made to be kept, and to be read by ear. Or its wallet card."""
    dated = datetime.combine(paper.issued_on, time(), UTC)
    made = _compiler(paper, fonts, sheet).compile(format="pdf", pdf_standards=["a-2a", "ua-1"], timestamp=dated)
    return _pages(made)[0]


def png(paper: Paper, *, fonts: Fonts) -> bytes:
    """The certificate as a picture, 1600 pixels wide. Where the scope needs a second page, it hangs below the first.

    A single page stays as typst packed it: to unpack it and pack it smaller takes as long as to draw it.
    """
    made = _pages(_compiler(paper, fonts).compile(format="png", ppi=PPI))
    if len(made) == 1:
        return made[0]
    sheet = Image.new("RGB", (WIDTH, HEIGHT * len(made)))
    for number, page in enumerate(made):
        sheet.paste(Image.open(io.BytesIO(page)), (0, number * HEIGHT))
    out = io.BytesIO()
    sheet.save(out, "png")
    return out.getvalue()


def _compiler(paper: Paper, fonts: Fonts, sheet: str = "pdf") -> typst.Compiler:
    """A compiler for this one drawing: threads share the fonts, but may not share a compiler."""
    printed = {name: _printed(value) for name, value in vars(paper).items()}
    for text in _texts(printed.values()):
        if gaps := fonts.script_gaps(text):
            raise Unprintable(text, gaps)
    data = printed | {
        "issued_on": [paper.issued_on.year, paper.issued_on.month, paper.issued_on.day],
        "qr": qr(paper.code_url),
        "name_fonts": fonts.families_for(paper.name, first=SERIF),
        "text_fonts": fonts.families_for("", first=SANS),
    }
    if sheet != "pdf":
        data["sheet"] = sheet
    return typst.Compiler(
        input=DESIGNS[sheet].read_bytes(),
        font_paths=fonts.typst,
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )


def qr(url: str) -> str:
    """The code as SVG, one line for each run of dark modules. Of segno's own way to the same drawing most is for other sizes."""
    matrix = segno.make(url, error="m", micro=False, mask=QR_MASK).matrix
    lines, x, y = [], 0, 0
    for row, modules in enumerate(matrix):
        for run in DARK.finditer(modules):
            lines.append(f"m{run.start() - x} {row - y}h{run.end() - run.start()}")
            x, y = run.end(), row
    colour = "#{:02x}{:02x}{:02x}".format(*INK)
    side = len(matrix)
    return f'<svg viewBox="0 0 {side} {side}"><path stroke="{colour}" d="M0 0.5{"".join(lines)}"/></svg>'


def _printed(value: object) -> object:
    """A text of several lines, such as an address, is printed in one; the layout breaks lines where it must."""
    if isinstance(value, str):
        return ", ".join(filter(None, (line.strip(" ,\t") for line in value.splitlines()))) if "\n" in value else value
    return [_printed(line) for line in value] if isinstance(value, tuple) else value


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)


def _pages(made: bytes | list[bytes] | None) -> list[bytes]:
    return made if isinstance(made, list) else [made or b""]
