"""Proof of training that somebody uploads: a picture is drawn anew, a PDF is kept as it came and only ever handed out to be
saved. What is compressed inside a PDF is not looked into; that is why none is shown in a page of ours."""

import re

from training import pictures
from training.pictures import Drawn, Refused

MOST_BYTES = 5 * 2**20
PDF = "application/pdf"
SUFFIXES = {PDF: "pdf", "image/png": "png", "image/jpeg": "jpg"}
ACTIVE = re.compile(rb"/(JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA)(?![A-Za-z0-9])")
ENCRYPTED = re.compile(rb"/Encrypt(?![A-Za-z0-9])")
ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")
HOW = "Send a PDF, PNG or JPEG of at most 5 MB."


def taken(data: bytes) -> Drawn:
    """The file as it is kept, told by what is in it and not by its name. Raises Refused."""
    if not data:
        raise Refused(f"The file is empty. {HOW}")
    if len(data) > MOST_BYTES:
        raise Refused(f"The file is too large. {HOW}")
    if data.startswith(b"%PDF-"):
        return _pdf(data)
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return pictures.redrawn(data)
    raise Refused(f"This is no PDF, PNG or JPEG, whatever its name says. {HOW}")


def _pdf(data: bytes) -> Drawn:
    if b"%%EOF" not in data[-2048:]:
        raise Refused("The PDF is cut off: its end is missing. Save it again and send it whole.")
    # A name may be written with escapes: /J#53 is /JS.
    plain = ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), data)
    if ENCRYPTED.search(plain):
        raise Refused("The PDF is locked with a password. Save it without one, or send a picture of the page.")
    if ACTIVE.search(plain):
        raise Refused(
            "The PDF holds a script, a form or another file. Print it to a new PDF, or send a picture of the page."
        )
    return Drawn(data, PDF, 0, 0)
