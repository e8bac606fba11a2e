"""A badge inside a picture: one iTXt chunk of a PNG. Pure."""

import io
import zlib

from PIL import Image, PngImagePlugin

KEYWORD = "openbadgecredential"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 2000


class Unreadable(ValueError):
    """Says what is wrong with a picture."""


def bake(picture: bytes, credential: str) -> bytes:
    """The picture with the credential in it, uncompressed and in front of the pixels; one that was there is replaced."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(KEYWORD, credential, lang="", tkey="", zip=False)
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture), formats=["PNG"]) as image:
        image.load()
        image.info = {name: value for name, value in image.info.items() if name in ("transparency", "gamma", "dpi")}
        image.save(out, "png", pnginfo=info, compress_level=7)
    return out.getvalue()


def baked(picture: bytes) -> str | None:
    """The credential in the picture; None if there is none. Two, or one that is not laid out as the standard says, is refused."""
    found = []
    for name, body in _chunks(picture):
        if name != b"iTXt":
            continue
        keyword, _, rest = body.partition(b"\0")
        if keyword == KEYWORD.encode():
            found.append(rest)
    if not found:
        return None
    if len(found) > 1:
        raise Unreadable("the picture holds more than one badge")
    head, rest = found[0][:2], found[0][2:]
    language, _, rest = rest.partition(b"\0")
    translated, separator, text = rest.partition(b"\0")
    if head != b"\0\0" or language or translated or not separator:
        raise Unreadable("the badge in the picture is not laid out as Open Badges 3.0 says")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("the badge in the picture is not text") from error


def _chunks(picture: bytes) -> list[tuple[bytes, bytes]]:
    if not picture.startswith(SIGNATURE):
        raise Unreadable("this is not a PNG")
    at, chunks = len(SIGNATURE), []
    while at < len(picture):
        length = int.from_bytes(picture[at : at + 4])
        name, body = picture[at + 4 : at + 8], picture[at + 8 : at + 8 + length]
        sealed = picture[at + 8 + length : at + 12 + length]
        if len(body) != length or len(sealed) != 4 or zlib.crc32(name + body) != int.from_bytes(sealed):
            raise Unreadable("the PNG is damaged")
        chunks.append((name, body))
        if len(chunks) > MOST_CHUNKS:
            raise Unreadable("the PNG has more parts than a picture needs")
        at += 12 + length
        if name == b"IEND":
            break
    return chunks
