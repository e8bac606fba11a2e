"""Draws a certificate, as PDF and as PNG. Pure: the same paper and fonts give the same bytes on every machine and day."""

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Literal

import segno
import typst
from PIL import Image

from certificates.fonts import SANS, SERIF, Fonts, Unprintable

DESIGN = Path(__file__).with_name("paper") / "certificate.typ"
DESIGN_VERSION = "1"
STANDARDS: list[Literal["a-2a", "ua-1"]] = ["a-2a", "ua-1"]
WIDTH = 1600
PPI = WIDTH / (297 / 25.4)  # of an A4 sheet on its side

# The colours of the design, each in sixteen steps from white: all that antialiasing makes of ink on white.
INKS = ((0x14, 0x25, 0x2A), (0x4A, 0x5C, 0x61), (0x0B, 0x5C, 0x65), (0xB3, 0x20, 0x3F))
STEPS = 15


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
    lang: str = "en"


def pdf(paper: Paper, *, fonts: Fonts) -> bytes:
    """One PDF, A-2a and UA-1 at once: archival, and readable by ear."""
    made = _compiler(paper, fonts).compile(format="pdf", pdf_standards=STANDARDS, timestamp=_midnight(paper.issued_on))
    assert isinstance(made, bytes)
    return made


def png(paper: Paper, *, fonts: Fonts) -> bytes:
    """One picture, 1600 pixels wide. A scope that needs a second page hangs it below the first."""
    made = _compiler(paper, fonts).compile(format="png", ppi=PPI)
    pages = [Image.open(io.BytesIO(page)).convert("RGB") for page in (made if isinstance(made, list) else [made])]
    sheet = pages[0]
    if len(pages) > 1:
        sheet = Image.new("RGB", (WIDTH, sum(page.height for page in pages)), "white")
        for at, page in enumerate(pages):
            sheet.paste(page, (0, sum(above.height for above in pages[:at])))
    out = io.BytesIO()
    sheet.quantize(palette=PALETTE, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()


def _compiler(paper: Paper, fonts: Fonts) -> typst.Compiler:
    """A compiler for this one drawing: threads share the fonts but must not share a compiler."""
    for text in _texts(paper):
        if gaps := fonts.script_gaps(text):
            raise Unprintable(text, gaps)
    data = asdict(paper) | {
        "issued_on": [paper.issued_on.year, paper.issued_on.month, paper.issued_on.day],
        "qr": segno.make(paper.code_url, error="m", micro=False).svg_inline(border=0, omitsize=True, dark=DARK),
        "name_fonts": fonts.families_for(paper.name, first=SERIF),
        "text_fonts": fonts.families_for("", first=SANS),
    }
    return typst.Compiler(
        input=DESIGN.read_bytes(),
        font_paths=fonts.typst,
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )


def _texts(paper: Paper) -> Iterator[str]:
    for field in fields(paper):
        value = getattr(paper, field.name)
        yield from value if isinstance(value, tuple) else [value] if isinstance(value, str) else []


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _palette() -> Image.Image:
    shades = [
        round(255 + (ink - 255) * step / STEPS) for colour in INKS for step in range(STEPS + 1) for ink in colour
    ]
    palette = Image.new("P", (1, 1))
    palette.putpalette(shades)
    return palette


DARK = "#14252a"
PALETTE = _palette()
