"""Is a file that somebody has one of ours, and if not quite, where does it differ? Nothing of it is kept.

A certificate is looked up by its code alone, never by its number: numbers can be counted up, codes cannot be guessed.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops

from certificates import codes, drawing, papers, reading
from certificates.badges import baking, issuing, verifying
from certificates.badges.baking import Unreadable
from certificates.models import Badge, Certificate, CertificateFile
from staff import canonical, clock
from staff.models import StoredFile

MOST_BYTES = 5 * 2**20
MOST_PIXELS = 1600 * 4000
MOST_SHOWN = 12  # differences
MOST_WORDS = 160  # letters of one
CODE = re.compile(r"(?<![0-9A-Z])(?:[0-9A-Z]{4}-){5}[0-9A-Z](?![0-9A-Z-])|(?<=/verify/)[0-9A-Z-]{21,26}(?=/)", re.I)
BADGE_ID = re.compile(r"https://[^/\s]+/verify/([0-9A-Za-z]{21})/badge\.json")
LABELS = {
    "kind_line": "Certificate",
    "name": "Name",
    "statement": "Statement",
    "title": "Title",
    "scope": "Scope",
    "clinic_name": "Issued by",
    "clinic_address": "Issued by",
    "number": "Number",
    "code": "Code",
    "issued": "Issued",
    "valid_from": "Valid from",
    "valid_until": "Valid to the end of",
    "module_version": "Material",
    "rule_line": "Rule",
    "attempt_line": "Re-test",
    "physician": "Supervising physician",
    "credentials": "Supervising physician",
    "signed": "Signed",
    "versions": "Material",
    "programme_version": "Programme",
    "record": "Record",
    "issued_at": "Issued",
    "disclaimer": "Note",
    "note": "Note",
}


class Busy(Exception):
    """Our own paper could not be read just now, so nothing can be said about another."""


@dataclass(frozen=True)
class Difference:
    """`where` on the paper or in the badge; what our record says there, and what the file says."""

    where: str
    ours: str
    theirs: str


@dataclass(frozen=True)
class Found:
    """identical: byte for byte ours. genuine: a badge of ours, untouched. altered. same-words: ours in words, not in bytes.
    not-ours: it carries no code or badge of ours, or one that we never issued. unreadable: no file that we could look into.
    """

    outcome: str
    certificate: Certificate | None = None
    what: str = "file"
    differences: list[Difference] = field(default_factory=list)
    reason: str = ""


def check(data: bytes, *, code: str = "") -> Found:
    """`code`: of the certificate that it is held against, where the file itself names none."""
    stored = _stored(canonical.sha256(data))
    if stored:
        return stored
    named = Certificate.objects.filter(code=codes.cleaned(code)).first() if codes.cleaned(code) else None
    if data.startswith(b"%PDF-"):
        try:
            return _check_pdf(data, named)
        except Busy:
            return Found(
                "unreadable", what="PDF", reason="We could not look into it just now. Send it again in a minute."
            )
    if data.startswith(baking.SIGNATURE):
        return _check_png(data, named)
    return Found(
        "unreadable", reason="It is neither a PDF nor a PNG. A photograph or a scan cannot be checked: type the code."
    )


def _stored(sha256: str) -> Found | None:
    file = CertificateFile.objects.filter(file__sha256=sha256).select_related("certificate").first()
    if file:
        return Found("identical", file.certificate, "PDF" if file.file.media_type == "application/pdf" else "picture")
    badge = Badge.objects.filter(file__sha256=sha256).select_related("certificate").first()
    return Found("identical", badge.certificate, "badge") if badge else None


def _check_pdf(data: bytes, named: Certificate | None) -> Found:
    text = reading.text_of(data)
    if text is None:
        return Found("unreadable", what="PDF", reason="This PDF cannot be read: it is damaged, locked or very large.")
    known = {codes.cleaned(found) for found in CODE.findall(text)} - {""}
    certificate = Certificate.objects.filter(code__in=known).first() or named
    if certificate is None:
        return Found("not-ours", what="PDF", reason="No code of a certificate from here stands in its text.")
    closest: list[Difference] | None = None
    for format in papers.PDFS:
        if format == "pdf" or CertificateFile.objects.filter(certificate=certificate, format=format).exists():
            ours = _own_words(papers.file_of(certificate, format).sha256)
            found = _word_differences(ours, text, papers.paper_of(certificate))
            closest = found if closest is None or len(found) < len(closest) else closest
    if closest:
        return Found("altered", certificate, "PDF", closest[:MOST_SHOWN])
    return Found("same-words", certificate, "PDF")


@lru_cache(maxsize=256)
def _own_words(sha256: str) -> str:
    """Of a stored paper, which never changes."""
    text = reading.text_of(bytes(StoredFile.objects.get(sha256=sha256).bytes))
    if text is None:  # not remembered: the machine was short of time or memory
        raise Busy
    return text


def _word_differences(ours: str, theirs: str, paper: drawing.Paper) -> list[Difference]:
    """Where the words part. None if the same words merely come in another order, as another program may write them."""
    one, other = ours.split(), theirs.split()
    if Counter(one) == Counter(other):
        return []
    found = []
    for tag, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag != "equal":
            found.append(Difference(_place(one, a, b, paper), _short(one[a:b]), _short(other[c:d])))
    return found


def _place(words: list[str], start: int, end: int, paper: drawing.Paper) -> str:
    """The line of the paper in which these words stand."""
    about = _squeezed(words[max(0, start - 1) : end + 1])
    exactly = _squeezed(words[start:end])
    for text in (about, exactly):
        for name, value in _lines(paper):
            if text and text in _squeezed([value]):
                return LABELS[name]
    for name, value in _lines(paper):
        if _squeezed([value]) and _squeezed([value]) in exactly:
            return LABELS[name]
    return "Beside the lines of the paper"


def _lines(paper: drawing.Paper) -> Iterator[tuple[str, str]]:
    for name in LABELS:
        value = getattr(paper, name)
        yield name, " ".join(value) if isinstance(value, tuple) else value


def _squeezed(words: list[str]) -> str:
    return "".join("".join(words).split())


def _short(words: list[str]) -> str:
    text = " ".join(words)
    return text if len(text) <= MOST_WORDS else f"{text[:MOST_WORDS]}…"


def _check_png(data: bytes, named: Certificate | None) -> Found:
    try:
        text = baking.baked(data)
        picture = _opened(data)
    except (Unreadable, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = str(error) if isinstance(error, Unreadable) else "the picture cannot be opened"
        return Found("unreadable", what="picture", reason=f"We could not look into it: {reason}.")
    if text is not None:
        return _check_badge(text, picture)
    if named is None:
        return Found(
            "not-ours", what="picture", reason="No badge is in it, so it does not say which certificate it shows."
        )
    return _against_picture(picture, named, "picture", "same-words")


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.width * image.height > MOST_PIXELS:
            raise Unreadable("the picture has more pixels than a certificate")
        return image.convert("RGB")


def _check_badge(text: str, picture: Image.Image) -> Found:
    same = Badge.objects.filter(sha256=canonical.sha256(text)).select_related("certificate").first()
    try:
        credential = json.loads(text)
    except (ValueError, RecursionError):
        return Found("not-ours", what="badge", reason="What is in the picture is not a badge that we can read.")
    if same:
        refused = _unproven(credential)
        if refused:
            return Found("not-ours", what="badge", reason=refused)
        return _against_picture(picture, same.certificate, "badge", "genuine")
    said = credential.get("id") if isinstance(credential, dict) else None
    name = BADGE_ID.fullmatch(said) if isinstance(said, str) else None
    certificate = Certificate.objects.filter(code=codes.cleaned(name.group(1))).first() if name else None
    badge = issuing.badge_of(certificate) if certificate else None
    if certificate is None or badge is None:
        return Found("not-ours", what="badge", reason="This site never issued the badge that is in it.")
    paths = verifying.differences(json.loads(badge.credential), credential)
    shown = [Difference(path, *_values(json.loads(badge.credential), credential, path)) for path in paths]
    return Found("altered", certificate, "badge", shown[:MOST_SHOWN])


def _unproven(credential: Any) -> str:
    """Why a credential that is stored here is all the same not to be trusted: its key was withdrawn, or badges are off."""
    if not issuing.is_on():
        return ""
    verdict = verifying.verify(
        credential,
        issuer_id=issuing.issuer().id,
        issuer_document=issuing.issuer_document(),
        status_list=None,
        at=clock.now(),
    )
    return "" if verdict.genuine else f"The badge in it no longer holds: {verdict.reason}."


def _values(ours: Any, theirs: Any, path: str) -> tuple[str, str]:
    for step in re.findall(r"[^.\[\]]+", path):
        ours, theirs = _inside(ours, step), _inside(theirs, step)
    return _short([_word(ours)]), _short([_word(theirs)])


def _inside(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    return value[int(step)] if isinstance(value, list) and step.isdecimal() and int(step) < len(value) else None


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _against_picture(picture: Image.Image, certificate: Certificate, what: str, untouched: str) -> Found:
    """The badge may be untouched and the picture around it not: a reader believes what the picture shows."""
    with Image.open(io.BytesIO(bytes(papers.file_of(certificate, "png").bytes))) as image:
        own = image.convert("RGB")
    if picture.size != own.size:
        sizes = f"{own.width} × {own.height} pixels", f"{picture.width} × {picture.height} pixels"
        return Found("altered", certificate, what, [Difference("The picture's size", *sizes)])
    box = ImageChops.difference(picture, own).getbbox()
    if box is None:
        return Found(untouched, certificate, what)
    return Found("altered", certificate, what, [Difference(_region(box, own.size), "", "")])


def _region(box: tuple[int, int, int, int], size: tuple[int, int]) -> str:
    left, top, right, bottom = (round(100 * value / size[n % 2]) for n, value in enumerate(box))
    return f"In the picture, {top} to {bottom} % from the top and {left} to {right} % from the left"
