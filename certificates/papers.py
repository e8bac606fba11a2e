"""The stored papers: drawn once from the frozen facts, kept as bytes, the same file for ever."""

import json
import logging
from datetime import UTC, date

from django.conf import settings
from django.db import IntegrityError, transaction

from certificates import codes, drawing, fonts
from certificates.models import Certificate, CertificateFile, ProgrammeSigning
from staff import canonical
from staff.models import StoredFile

log = logging.getLogger(__name__)
MEDIA = {
    "pdf": "application/pdf",
    "png": "image/png",
    "letter": "application/pdf",
    "card": "application/pdf",
}
PDFS = tuple(format for format, media in MEDIA.items() if media == "application/pdf")
DRAWN_AHEAD = ("pdf", "png")  # the others when somebody asks


def day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def paper_of(certificate: Certificate) -> drawing.Paper:
    """What is printed, from the certificate's own columns and, of a programme, its signing's."""
    signing = certificate.signing if certificate.kind == Certificate.Kind.PROGRAMME else None
    return drawing.Paper(
        kind="knowledge" if certificate.kind == Certificate.Kind.KNOWLEDGE else "programme",
        kind_line=certificate.kind_line,
        title=certificate.title,
        name=certificate.printed_name,
        statement=certificate.statement,
        clinic_name=certificate.clinic_name,
        clinic_address=certificate.clinic_address,
        scope=tuple(line for line in certificate.scope.splitlines() if line),
        number=certificate.number,
        code=codes.grouped(certificate.code),
        verify_url=f"{certificate.site_url}/verify/",
        code_url=f"{certificate.site_url}/verify/{certificate.code}/",
        issued=day(certificate.issued_on),
        valid_from=day(certificate.valid_from_on),
        valid_until=day(certificate.valid_until_on),
        issued_on=certificate.issued_on,
        rule_line=certificate.rule_line,
        module_version=f"Module version {certificate.module_version_number}" if certificate.attempt_id else "",
        disclaimer=certificate.disclaimer,
        attempt_line=certificate.attempt_line,
        physician=signing.physician if signing else "",
        signed=signing.signed if signing else "",
        **_since_the_third(certificate, signing),
    )


def _since_the_third(certificate: Certificate, signing: ProgrammeSigning | None) -> dict[str, str]:
    """What designs 1 and 2 do not print, and so nothing for a certificate that was issued with one of them."""
    if certificate.design_version in ("1", "2"):
        return {}
    at = certificate.issued_at.astimezone(UTC)
    told = {
        "record": short(record_of(certificate)),
        "issued_at": f"{day(at.date())} at {at:%H:%M:%S} UTC",
        "note": f"Valid only as shown at {certificate.site_url}/verify/",
    }
    if signing:
        told |= {
            "credentials": signing.credentials,
            "versions": "; ".join(signing.versions.splitlines()),
            "programme_version": short(signing.programme_sha256),
        }
    return told


def record_of(certificate: Certificate) -> str:
    """SHA-256 of the sealed record it rests on: the attempt, or what the physician signed. Whole; the paper shows `short`."""
    facts = json.loads(certificate.facts)
    return str(facts["seal_sha256"] or facts["programme"]["dossier_sha256"])


def short(sha256: str) -> str:
    """The first sixteen digits, in fours."""
    return " ".join(sha256[n : n + 4] for n in range(0, min(len(sha256), 16), 4))


def file_of(certificate: Certificate, format: str) -> StoredFile:
    """The stored paper, drawn and stored first if it is not there yet. Two at once store one."""
    stored = CertificateFile.objects.filter(certificate=certificate, format=format).select_related("file").first()
    if stored:
        return stored.file
    data = _drawn(paper_of(certificate), format)
    sha256 = canonical.sha256(data)
    try:
        with transaction.atomic():
            file, _ = StoredFile.objects.get_or_create(
                sha256=sha256, defaults={"bytes": data, "media_type": MEDIA[format]}
            )
            CertificateFile.objects.create(certificate=certificate, format=format, file=file)
    except IntegrityError:
        return CertificateFile.objects.select_related("file").get(certificate=certificate, format=format).file
    return file


def _drawn(paper: drawing.Paper, format: str) -> bytes:
    loaded = fonts.load(settings.CERTIFICATE_FONTS)
    if format == "png":
        return drawing.png(paper, fonts=loaded)
    return drawing.pdf(paper, fonts=loaded, sheet=format) if format != "pdf" else drawing.pdf(paper, fonts=loaded)


def render_waiting(limit: int = 100) -> int:
    """Draw the papers of certificates that have none yet; from `tick`. A failed drawing is tried again next time."""
    done = 0
    for format in DRAWN_AHEAD:
        for certificate in Certificate.objects.exclude(files__format=format).order_by("pk")[:limit]:
            try:
                file_of(certificate, format)
                done += 1
            except (fonts.Unprintable, RuntimeError) as error:
                log.warning("certificate %s not drawn as %s: %s", certificate.number, format, type(error).__name__)
    return done
