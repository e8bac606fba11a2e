"""Files for managers: a CSV that a spreadsheet cannot run, and a ZIP of certificates that never stands in memory."""

import csv
import io
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.conf import settings
from django.db.models.functions import Length
from pypdf import PdfWriter
from zipstream import ZipStream

from certificates import papers
from certificates.models import Certificate, CertificateFile
from certificates.queries import state_of, with_events
from certificates.validity import IN_FORCE
from compliance.gathering import changed_on
from compliance.queries import Board
from compliance.situations import Row
from staff.models import Clinic, StoredFile

log = logging.getLogger(__name__)
BOM = "\ufeff"
CHUNK = 50
MANIFEST = [
    "file",
    "number",
    "holder",
    "title",
    "clinic",
    "valid_from",
    "valid_until",
    "state",
    "since",
    "sha256",
    "verify",
]
MOST_PRINTED = 500  # in one PDF, which stands in memory
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def inert(value: object) -> str:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front, so that it is shown instead."""
    text = str(value)
    return f"'{text}" if text.startswith(BEGINS_A_FORMULA) else text


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """With a byte-order mark, so that a spreadsheet reads names in any script."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows:
        writer.writerow([inert(value) for value in row])
    return BOM + out.getvalue()


def people_csv(board: Board, rows: Sequence[Row]) -> str:
    head = ["name", "latin_name", "email", "clinic", "job_title", "roles", "hired_on", "word"]
    for column in board.columns:
        head += [f"{column.slug} {what}" for what in ("word", "state", "valid_until", "certificate")]
    return csv_text([head, *(_person_line(row) for row in rows)])


def _person_line(row: Row) -> list[object]:
    person = row.person
    line: list[object] = [person.full_name, person.latin_name, person.email, row.clinic.name, row.membership.job_title]
    line += [row.role_names, row.membership.hired_on.isoformat(), row.word]
    for cell in row.cells:
        held = cell.certificate
        line += [cell.standing.word, cell.standing.state]
        line += [held.valid_until_on.isoformat(), held.number] if held else ["", ""]
    return line


def certificates_of(rows: Sequence[Row], clinics: Sequence[Clinic]) -> list[int]:
    """The ids of what these clinics issued to these people, by name and number; superseded ones left out."""
    people = {row.person_id for row in rows}
    issued = (
        Certificate.objects.filter(clinic__in=[clinic.pk for clinic in clinics], superseded_by=None)
        .order_by("holder_name", "number")
        .values_list("pk", "person")
    )
    return [pk for pk, person in issued if person in people]


def file_name(certificate: Certificate) -> str:
    """In ASCII and unique: "Maya-Lindqvist-PP-2026-000001.pdf". What is not in force lies in a folder."""
    folder = "" if state_of(certificate) in IN_FORCE else "not-in-force/"
    return f"{folder}{ascii_name(certificate)}-{certificate.number}.pdf"


def ascii_name(certificate: Certificate) -> str:
    for name in (certificate.holder_name, certificate.printed_name, certificate.person.latin_name):
        if letters := ascii_words(name):
            return letters
    return "holder"


def ascii_words(text: str) -> str:
    """Its letters that ASCII has, with dashes between the words; perhaps none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def zip_of(pks: Sequence[int]) -> tuple[Iterable[bytes], int | None]:
    """The archive and, where every paper is drawn already, its length, so that a browser can show how far it is."""
    stored = {pk: found for some in _chunks(pks) for pk, found in _stored(some).items()}
    if len(stored) < len(pks):
        return zip_chunks(pks), None
    archive = ZipStream(sized=True)
    lines: list[list[str]] = []
    for some in _chunks(pks):
        for certificate in _certificates(some):
            size, sha256 = stored[certificate.pk]
            name = file_name(certificate)
            archive.add(_bytes_of(certificate.pk), name, size=size)
            lines.append(_manifest_line(certificate, name, sha256))
    archive.add(_manifest(lines), "manifest.csv")
    return archive, len(archive)


def zip_chunks(pks: Sequence[int], *, each: Callable[[], None] = lambda: None) -> Iterator[bytes]:
    """The archive piece by piece, drawing what is missing: a few certificates are held at a time, the manifest comes last.

    A paper that cannot be drawn does not stop the others: its line in the manifest says so. `each`: called after each.
    """
    archive = ZipStream()
    lines: list[list[str]] = []
    for some in _chunks(pks):
        for certificate in _certificates(some):
            name, sha256 = file_name(certificate), "not drawn: ask your administrator"
            try:
                paper = papers.file_of(certificate, "pdf")
            except Exception:
                log.exception("the paper of certificate %s was not drawn", certificate.number)
            else:
                archive.add(bytes(paper.bytes), name)
                sha256 = paper.sha256
                yield from archive.all_files()
            lines.append(_manifest_line(certificate, name, sha256))
            each()
    archive.add(_manifest(lines), "manifest.csv")
    yield from archive.finalize()


def merged(pks: Sequence[int], *, sheet: str) -> bytes | None:
    """One PDF of those in force, a certificate after the other, for a printer; None if none is.

    Nobody hangs up what no longer holds. It is kept nowhere: each paper by itself is the record.
    """
    writer = PdfWriter()
    for some in _chunks(pks):
        for certificate in _certificates(some):
            if state_of(certificate) in IN_FORCE:
                writer.append(io.BytesIO(bytes(papers.file_of(certificate, sheet).bytes)))
    if not writer.pages:
        return None
    writer.compress_identical_objects()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _chunks(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    return (pks[start : start + CHUNK] for start in range(0, len(pks), CHUNK))


def _certificates(pks: Sequence[int]) -> list[Certificate]:
    found = {row.pk: row for row in with_events(Certificate.objects.filter(pk__in=pks)).defer("facts")}
    return [found[pk] for pk in pks]


def _stored(pks: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Size and SHA-256 of the PDFs that are drawn already, by certificate."""
    rows = CertificateFile.objects.filter(certificate__in=pks, format="pdf").annotate(size=Length("file__bytes"))
    return {pk: (size, sha256) for pk, size, sha256 in rows.values_list("certificate", "size", "file__sha256")}


def _bytes_of(pk: int) -> Iterator[bytes]:
    """Read when the archive comes to it, not before."""
    yield bytes(StoredFile.objects.get(certificatefile__certificate=pk, certificatefile__format="pdf").bytes)


def _manifest(lines: list[list[str]]) -> bytes:
    return csv_text([MANIFEST, *lines]).encode()


def _manifest_line(certificate: Certificate, name: str, sha256: str) -> list[str]:
    since = changed_on(certificate)
    return [
        name,
        certificate.number,
        certificate.holder_name,
        certificate.title,
        certificate.clinic_name,
        certificate.valid_from_on.isoformat(),
        certificate.valid_until_on.isoformat(),
        state_of(certificate),
        since.isoformat() if since else "",
        sha256,
        f"{settings.SITE_URL}/verify/{certificate.code}/",
    ]
