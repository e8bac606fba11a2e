"""Certificates per second through the site's drawing, against typst alone on the same sheet.

`python -m bench.drawings COUNT FILE`.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import typst
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from bench.names import NAMES
from certificates import codes, drawing, fonts
from certificates.badges import baking, documents, proofs

SAMPLE = drawing.Paper(
    kind="knowledge",
    kind_line="Certificate of knowledge",
    title="Needle depth",
    name="Maya Lindqvist",
    statement="has passed the knowledge quiz in",
    clinic_name="Lakeside Skin Clinic",
    clinic_address="1 Lake Road, Example Town",
    scope=("Mechanical microneedling; radiofrequency not included",),
    number="PP-2026-000001",
    code="",
    verify_url="https://training.example.com/verify/",
    code_url="",
    issued="4 November 2026",
    valid_from="4 November 2026",
    valid_until="3 November 2027",
    issued_on=date(2026, 11, 4),
    rule_line="Rule: 12 of 15 right and every safety-critical question right. Cut score provisional.",
    module_version="Module version 1",
    disclaimer="Knowledge quiz completed, unproctored. Not a permit to treat.",
)
PDF: dict[str, Any] = {
    "format": "pdf",
    "pdf_standards": ["a-2a", "ua-1"],
    "timestamp": datetime(2026, 11, 4, tzinfo=UTC),
}
PNG: dict[str, Any] = {"format": "png", "ppi": drawing.PPI}


def paper(number: int) -> drawing.Paper:
    """Each another one: typst remembers what it has laid out."""
    code = codes.new()
    return replace(
        SAMPLE,
        name=NAMES[number % len(NAMES)],
        number=f"PP-2026-{number:06d}",
        code=codes.grouped(code),
        code_url=f"https://training.example.com/verify/{code}/",
    )


KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ISSUER = documents.Issuer(address="https://training.example.com", name="Example Training")


def signed(sheet: drawing.Paper) -> str:
    """The credential of a badge, as the site signs it."""
    held = documents.Holding(
        code=sheet.code.replace("-", ""),
        kind=sheet.kind,
        title=sheet.title,
        statement=sheet.statement,
        disclaimer=sheet.disclaimer,
        scope="\n".join(sheet.scope),
        rule_line=sheet.rule_line,
        module_slug="needle-depth",
        module_version="1",
        clinic_id="c",
        clinic_name=sheet.clinic_name,
        issued_at=datetime(2026, 11, 4, tzinfo=UTC),
        valid_from_on=date(2026, 11, 4),
        valid_until_on=date(2027, 11, 3),
        zone="America/Denver",
        subject=f"urn:uuid:{uuid4()}",
        identity_hash=documents.identity_hash("maya@example.com", sheet.number),
        salt=sheet.number,
        status_list=1,
        status_index=4711,
    )
    method = ISSUER.method(proofs.multikey(KEY.public_key()))
    made = proofs.sign(documents.credential(ISSUER, held), key=KEY, method=method, created="2026-11-04T12:00:00Z")
    return documents.text_of(made)


def badge(sheet: drawing.Paper, *, fonts: fonts.Fonts) -> bytes:
    """Drawn, signed and baked."""
    return baking.bake(drawing.png(sheet, fonts=fonts), signed(sheet))


class Inputs(Exception):
    """Carries what the drawing hands to typst."""


def inputs_of(sheet: drawing.Paper, loaded: fonts.Fonts) -> dict[str, Any]:
    def taken(**given: Any) -> None:
        raise Inputs(given)

    with mock.patch.object(drawing.typst, "Compiler", taken):
        try:
            drawing.pdf(sheet, fonts=loaded)
        except Inputs as found:
            given: dict[str, Any] = found.args[0]
            return given
    raise AssertionError("the drawing did not reach typst")


def typst_alone(given: dict[str, Any], form: dict[str, Any]) -> object:
    return typst.Compiler(**given).compile(**form)


def timed(calls: Iterable[Callable[[], object]]) -> dict[str, float]:
    """CPU milliseconds of this process, all its threads together, and milliseconds on the clock; a call each."""
    cpu = wall = 0.0
    count = 0
    for call in calls:
        began, began_cpu = time.perf_counter(), time.process_time()
        call()
        wall += time.perf_counter() - began
        cpu += time.process_time() - began_cpu
        count += 1
    return {
        "count": count,
        "cpu_ms": 1000 * cpu / count,
        "wall_ms": 1000 * wall / count,
        "per_core_second": count / cpu,
    }


def added(parts: list[dict[str, float]]) -> dict[str, float]:
    count = sum(part["count"] for part in parts)
    mean = {name: sum(part[name] * part["count"] for part in parts) / count for name in ("cpu_ms", "wall_ms")}
    figures = {"count": count, **mean, "per_core_second": 1000 / mean["cpu_ms"]}
    return {name: round(value, 2) for name, value in figures.items()}


def measure(count: int) -> dict[str, Any]:
    """The six in turns of ten, so that the machine's drift falls on all alike."""
    loaded = fonts.load(settings.CERTIFICATE_FONTS)
    for number in range(5):
        drawing.pdf(paper(900_000 + number), fonts=loaded)
    names = ("pdf", "pdf_typst_alone", "png", "png_typst_alone", "badge", "bake")
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    sizes = {"pdf": 0, "png": 0}
    for turn in range(count // 10):
        sheets = [[paper((turn * 5 + part) * 10 + n) for n in range(10)] for part in range(5)]
        given = {part: [inputs_of(sheet, loaded) for sheet in sheets[part]] for part in (1, 3)}
        turns["pdf"].append(timed(partial(drawing.pdf, sheet, fonts=loaded) for sheet in sheets[0]))
        turns["pdf_typst_alone"].append(timed(partial(typst_alone, each, PDF) for each in given[1]))
        turns["png"].append(timed(partial(drawing.png, sheet, fonts=loaded) for sheet in sheets[2]))
        turns["png_typst_alone"].append(timed(partial(typst_alone, each, PNG) for each in given[3]))
        turns["badge"].append(timed(partial(badge, sheet, fonts=loaded) for sheet in sheets[4]))
        stored = [(sheet, drawing.png(sheet, fonts=loaded)) for sheet in sheets[2]]
        turns["bake"].append(
            timed(partial(lambda one, picture: baking.bake(picture, signed(one)), *each) for each in stored)
        )
        sizes = {
            "pdf": len(drawing.pdf(sheets[0][0], fonts=loaded)),
            "png": len(drawing.png(sheets[2][0], fonts=loaded)),
        }
    figures: dict[str, Any] = {name: added(parts) for name, parts in turns.items()}
    return figures | {"pdf_kb": round(sizes["pdf"] / 1024, 1), "png_kb": round(sizes["png"] / 1024, 1)}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(measure(int(sys.argv[1]))))
