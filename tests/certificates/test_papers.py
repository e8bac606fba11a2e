import hashlib
from datetime import timedelta

import pytest

from certificates import drawing, fonts, papers
from certificates.models import Certificate, CertificateFile
from staff import clock
from staff.actions import correct_name
from staff.models import StoredFile
from tests import factories


@pytest.fixture
def certificate(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module).certificate


@pytest.fixture
def drawn(monkeypatch) -> list[str]:
    """Stands in for the drawing: which certificate was drawn how often."""
    calls: list[str] = []

    def draw(paper, *, fonts, sheet="pdf") -> bytes:
        calls.append(paper.number)
        return f"drawing {len(calls)} of {paper.number}".encode()

    monkeypatch.setattr(drawing, "pdf", draw)
    monkeypatch.setattr(drawing, "png", draw)
    return calls


def test_paper_says_what_was_frozen(certificate):
    paper = papers.paper_of(certificate)
    assert (paper.name, paper.title, paper.number) == ("Maya Lindqvist", "Needle depth", "PP-2026-000001")
    assert (paper.issued, paper.valid_from, paper.valid_until) == (
        "2 November 2026",
        "2 November 2026",
        "1 November 2027",
    )
    assert paper.code_url == f"https://training.example.com/verify/{certificate.code}/"
    assert paper.verify_url == "https://training.example.com/verify/"
    assert paper.module_version == "Module version 1"


def test_paper_says_by_what_record_and_when(certificate):
    paper = papers.paper_of(certificate)
    seal = certificate.attempt.seal_sha256
    assert paper.record == f"{seal[:4]} {seal[4:8]} {seal[8:12]} {seal[12:16]}"
    assert paper.issued_at == "2 November 2026 at 15:00:00 UTC"
    assert paper.note == "Valid only as shown at https://training.example.com/verify/"


def test_what_was_issued_with_an_earlier_design_says_what_it_said(certificate):
    """Drawn on another sheet years later, and held against by *check a file*."""
    certificate.design_version = "2"
    paper = papers.paper_of(certificate)
    assert (paper.record, paper.issued_at, paper.note) == ("", "", "")


def test_paper_keeps_its_address_when_the_site_moves(certificate, settings):
    settings.SITE_URL = "https://elsewhere.example.com"
    assert papers.paper_of(Certificate.objects.get()).verify_url == "https://training.example.com/verify/"


def test_drawn_once_and_the_same_file_ever_after(certificate, drawn):
    first = papers.file_of(certificate, "pdf")
    again = papers.file_of(certificate, "pdf")
    assert (first, bytes(again.bytes)) == (again, b"drawing 1 of PP-2026-000001")
    assert drawn == ["PP-2026-000001"]
    assert first.sha256 == hashlib.sha256(bytes(first.bytes)).hexdigest()
    assert first.media_type == "application/pdf"


def test_each_format_is_its_own_file(certificate, drawn):
    assert papers.file_of(certificate, "pdf") != papers.file_of(certificate, "png")
    assert set(CertificateFile.objects.values_list("format", "file__media_type")) == {
        ("pdf", "application/pdf"),
        ("png", "image/png"),
    }


def test_stored_by_somebody_else_in_the_meantime(certificate, drawn, monkeypatch):
    """Two at once draw it; one is stored, and both get that one."""
    inner = []
    real = drawing.pdf

    def slow(paper, *, fonts):
        if not inner:
            inner.append(None)
            inner[0] = papers.file_of(certificate, "pdf")
        return real(paper, fonts=fonts)

    monkeypatch.setattr(drawing, "pdf", slow)
    assert papers.file_of(certificate, "pdf") == inner[0]
    assert CertificateFile.objects.count() == 1


def test_waiting_papers_are_drawn_by_tick(cast, module, certificate, drawn):
    factories.make_finished(person=cast.colleague, course=module)
    assert papers.render_waiting() == 4
    assert papers.render_waiting() == 0
    assert StoredFile.objects.count() == 4


def test_a_failed_drawing_holds_up_nobody_and_is_tried_again(cast, module, certificate, drawn, monkeypatch):
    factories.make_finished(person=cast.colleague, course=module)
    real = drawing.pdf

    def failing(paper, *, fonts):
        if paper.number == certificate.number:
            raise RuntimeError("the typesetter stopped")
        return real(paper, fonts=fonts)

    monkeypatch.setattr(drawing, "pdf", failing)
    monkeypatch.setattr(papers.drawing, "pdf", failing)
    assert papers.render_waiting() == 3
    monkeypatch.setattr(drawing, "pdf", real)
    assert papers.render_waiting() == 1


def test_a_name_that_no_font_writes_is_not_drawn_and_undoes_nothing(certificate, drawn, monkeypatch):
    def unprintable(paper, *, fonts) -> bytes:
        raise error

    error = fonts.Unprintable.__new__(fonts.Unprintable)
    monkeypatch.setattr(drawing, "pdf", unprintable)
    assert papers.render_waiting() == 1
    assert Certificate.objects.count() == 1


def test_real_drawing_is_the_same_byte_for_byte(cast, certificate, now):
    """Drawn again a year later, after the holder has married, it is the very same file."""
    first = bytes(papers.file_of(certificate, "pdf").bytes)
    assert first.startswith(b"%PDF-")
    correct_name(
        person=cast.aesthetician,
        full_name="Maya Berg",
        latin_name="",
        clinic=cast.lakeside,
        reason="married",
        by=cast.manager,
    )
    with clock.at(now + timedelta(days=365)):
        again = drawing.pdf(
            papers.paper_of(Certificate.objects.get()), fonts=fonts.load(papers.settings.CERTIFICATE_FONTS)
        )
    assert again == first


def test_other_sheets_are_drawn_when_asked_for_and_stored(client, cast, certificate, drawn):
    assert papers.render_waiting() == 2
    client.force_login(cast.aesthetician)
    for sheet in ("letter", "card"):
        path = f"/certificates/{certificate.number}/{sheet}.pdf"
        first = client.get(path)
        assert first["Content-Disposition"] == f'attachment; filename="{certificate.number}-{sheet}.pdf"'
        assert client.get(path).content == first.content
    assert client.get(f"/certificates/{certificate.number}/tabloid.pdf").status_code == 404
    assert len(drawn) == 4
    assert papers.render_waiting() == 0
