"""Uploaded pictures: nothing but pixels is kept, and everything else is refused with a sentence."""

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image, PngImagePlugin

from compliance.records import verify
from staff.models import StoredFile
from training import drafting, pictures
from training.models import Picture

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
FIELDS = {
    "code": "Flush-Needle",
    "title": "A flush needle",
    "caption": "Stop at\r\npinpoint bleeding.",
    "words": "A needle in the skin.",
    "cites": "S0-21, D25",
}


def made(form: str, size: tuple[int, int] = (400, 300), mode: str = "RGB", **options: object) -> bytes:
    out = BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else None).save(out, form, **options)
    return out.getvalue()


def with_secrets() -> bytes:
    """A photograph on its side, with where it was taken, a comment, and a page behind it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SECRET-CAMERA"
    return made("JPEG", exif=exif, comment=b"SECRET-COMMENT") + b"<html>SECRET-TAIL</html>"


def test_only_pixels_are_kept():
    drawn = pictures.redrawn(with_secrets())
    assert b"SECRET" not in drawn.data
    assert (drawn.media_type, drawn.width, drawn.height) == ("image/jpeg", 300, 400)
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "SECRET")
    drawn = pictures.redrawn(made("PNG", pnginfo=note))
    assert b"SECRET" not in drawn.data
    assert drawn.media_type == "image/png"
    assert pictures.redrawn(made("WEBP")).media_type == "image/jpeg"


def test_no_wider_than_a_page():
    assert pictures.redrawn(made("PNG", (3000, 400))).width == pictures.WIDEST


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (SVG, "no PNG, JPEG or WebP"),
        (b"", "no PNG, JPEG or WebP"),
        (made("GIF", mode="P"), "no PNG, JPEG or WebP"),
        (made("PNG")[:300], "damaged|no PNG"),
        (made("PNG", (5000, 5000)), "more than 12 million pixels"),
        (made("PNG", (20_000, 20_000), mode="1"), "more than 12 million pixels"),
        (made("PNG", (100, 900)), "100 by 900 pixels"),
        (made("PNG") + b"x" * pictures.MOST_BYTES, "5 MB is the most"),
        (made("WEBP", save_all=True, append_images=[Image.new("RGB", (400, 300))]), "moves"),
    ],
    ids=["svg", "nothing", "gif", "cut", "large", "bomb", "small", "heavy", "moving"],
)
def test_what_is_refused(data, said):
    with pytest.raises(pictures.Refused, match=said):
        pictures.redrawn(data)


@pytest.fixture
def author(client, cast, module):
    client.force_login(cast.author)
    return client


def upload(author, data: bytes, **more: str):
    file = SimpleUploadedFile("../../evil.svg", data, content_type="image/svg+xml")
    return author.post(reverse("compliance:picture-list", args=["needle-depth"]), {**FIELDS, **more, "file": file})


def test_uploaded_shown_and_served(author, cast):
    assert upload(author, with_secrets()).status_code == 302
    row = Picture.objects.get(code="flush-needle")
    assert (row.svg, row.width, row.caption) == ("", 300, "Stop at pinpoint bleeding.")
    served = author.get(reverse("training:picture", args=[row.sha256]))
    assert (served["Content-Type"], served["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert b"SECRET" not in served.content
    section = row.module.sections.get()
    live = drafting.live_section(section)
    source = live.text.replace(
        "::: picture pinpoint-or-running", "::: picture flush-needle\n:::\n\n::: picture pinpoint-or-running"
    )
    assert drafting.check(section, source).problems == []
    title, body = drafting.title_and_body(source)
    page = author.post(
        reverse("compliance:section-edit", args=["needle-depth", section.slug]),
        {"title": title, "body": body, "revision": 0, "do": "preview"},
    )
    assert f'src="/pictures/{row.sha256}/"' in page.text
    assert 'alt="A flush needle"' in page.text
    assert verify().clean


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"code": "pinpoint-or-running"}, "has a picture pinpoint-or-running"),
        ({"cites": "S0-99"}, "unknown: S0-99"),
        ({"words": "Stop after 93 minutes."}, "Its words state 93"),
    ],
)
def test_what_the_register_does_not_carry(author, more, said):
    page = upload(author, made("PNG"), **more)
    assert page.status_code == 400
    assert said in page.text
    assert not Picture.objects.exclude(file=None).exists()


def test_no_other_stored_file_is_served(author, cast):
    """A certificate's paper lies in the same table."""
    other = StoredFile.objects.create(sha256="a" * 64, bytes=b"%PDF", media_type="application/pdf")
    assert author.get(reverse("training:picture", args=[other.sha256])).status_code == 404
