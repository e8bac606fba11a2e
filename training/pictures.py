"""Pictures that people upload: read within limits, drawn anew by Pillow, so that nothing but pixels is kept.

A picture of ours is an SVG from the material's files; none is taken from a browser.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any

from django.db import transaction
from PIL import Image, ImageOps, UnidentifiedImageError

from staff import audit, canonical
from staff.models import StaffMember, StoredFile
from training import numbers
from training.files import Library
from training.models import Module, Picture

FORMATS = {"PNG": ("image/png", "png"), "JPEG": ("image/jpeg", "jpg"), "WEBP": ("image/webp", "webp")}
SUFFIXES = dict(FORMATS.values())
MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 12_000_000
LEAST_SIDE = 200
WIDEST = 1600


class Refused(Exception):
    """Says what is wrong with the picture, and what would do."""


@dataclass(frozen=True)
class Drawn:
    data: bytes
    media_type: str
    width: int
    height: int

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


def measured(data: bytes) -> Drawn:
    """A picture as it is, if it is one and within the limits. Raises Refused."""
    if len(data) > MOST_BYTES:
        raise Refused(f"The file has {_mega(len(data))} MB; {_mega(MOST_BYTES)} MB is the most. Save it smaller.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=list(FORMATS)) as image:
                return _within(image, data)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombWarning) as error:
        raise Refused("This is no PNG, JPEG or WebP picture that can be read. Save it as one of these.") from error
    except Image.DecompressionBombError as error:
        raise Refused(_too_many()) from error


def _within(image: Image.Image, data: bytes) -> Drawn:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise Refused(_too_many())
    if min(width, height) < LEAST_SIDE:
        raise Refused(
            f"The picture is {width} by {height} pixels; at least {LEAST_SIDE} on each side can be looked at."
        )
    if getattr(image, "n_frames", 1) > 1:
        raise Refused("The picture moves. Save the one frame that is to be shown.")
    return Drawn(data, FORMATS[str(image.format)][0], width, height)


def redrawn(data: bytes) -> Drawn:
    """The picture's pixels in a new file: upright, no wider than a page, without anything that was written beside them.
    Raises Refused."""
    media_type = measured(data).media_type
    try:
        with Image.open(BytesIO(data), formats=list(FORMATS)) as opened:
            image = ImageOps.exif_transpose(opened)
            sees_through = "A" in image.getbands() or "transparency" in image.info
            image = image.convert("RGBA" if sees_through else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Refused("The picture is damaged: it cannot be read to its end.") from error
    image.thumbnail((WIDEST, WIDEST * 4))
    fresh = Image.frombytes(image.mode, image.size, image.tobytes())
    out = BytesIO()
    if media_type == "image/png" or sees_through:
        fresh.save(out, "PNG", optimize=True)
        return Drawn(out.getvalue(), "image/png", *fresh.size)
    fresh.save(out, "JPEG", quality=88, optimize=True)
    return Drawn(out.getvalue(), "image/jpeg", *fresh.size)


def _mega(count: int) -> str:
    return f"{count / (1024 * 1024):.1f}".removesuffix(".0")


def _too_many() -> str:
    return f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels. Save it smaller."


def fields(
    *,
    title: str,
    caption: str,
    words: str,
    to_scale: bool,
    svg: str = "",
    file: str = "",
    cites: Sequence[str] = (),
) -> dict[str, Any]:
    """What a picture is hashed over: the drawing itself, or the uploaded file's hash and what its words rest on."""
    shown: dict[str, Any] = {"title": title, "caption": caption, "words": words, "to_scale": to_scale}
    return shown | ({"file": file, "cites": list(cites)} if file else {"svg": svg})


def content_sha256(module: str, code: str, shown: dict[str, Any]) -> str:
    return canonical.sha256_of([module, code, shown])


def stored(drawn: Drawn) -> StoredFile:
    return StoredFile.objects.get_or_create(
        sha256=drawn.sha256, defaults={"bytes": drawn.data, "media_type": drawn.media_type}
    )[0]


@transaction.atomic
def add(
    *,
    module: Module,
    code: str,
    data: bytes,
    title: str,
    caption: str,
    words: str,
    to_scale: bool,
    cites: list[str],
    library: Library,
    by: StaffMember,
) -> Picture:
    """Take a picture in under a new name. Raises Refused."""
    if Picture.objects.filter(module=module, code=code).exists():
        raise Refused(f"This module has a picture {code}. Choose another name: what was published stays as it was.")
    unknown = [cite for cite in cites if cite not in library.facts and cite not in library.positions]
    if unknown or not cites:
        raise Refused(f"Name rows of the register it rests on; unknown: {', '.join(unknown) or 'none was given'}.")
    lost = numbers.uncarried(f"{words} {caption}", library.text_of(cites))
    if lost:
        raise Refused(f"Its words state {', '.join(lost)}, which no row it cites carries.")
    drawn = redrawn(data)
    shown: dict[str, Any] = {"title": title, "caption": caption, "words": words, "to_scale": to_scale}
    row = Picture.objects.create(
        module=module,
        code=code,
        svg="",
        file=stored(drawn),
        width=drawn.width,
        height=drawn.height,
        cites=canonical.text(cites),
        sha256=content_sha256(module.slug, code, fields(**shown, file=drawn.sha256, cites=cites)),
        **shown,
    )
    audit.record(clinic=None, by=by, action="picture.added", subject=row, body={"code": code, "sha256": row.sha256})
    return row
