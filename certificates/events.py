"""What happens to a certificate after its issue: one row and one line of the audit trail."""

from certificates.models import Certificate, CertificateEvent
from staff import audit, canonical, clock
from staff.models import Signature, StaffMember


def record(
    certificate: Certificate,
    kind: str,
    by: StaffMember,
    reason_class: str,
    public_text: str,
    private_note: str,
    signature: Signature | None,
) -> CertificateEvent:
    """In the caller's transaction."""
    now = clock.now()
    event = CertificateEvent.objects.create(
        certificate=certificate,
        kind=kind,
        at=now,
        by=by,
        effective_at=now,
        reason_class=reason_class,
        public_text=public_text,
        private_note=private_note,
        signature=signature,
    )
    audit.record(
        clinic=certificate.clinic,
        by=by,
        action=f"certificate.{kind}",
        subject=certificate,
        reason=public_text,
        body={"number": certificate.number, "class": reason_class, "note_sha256": canonical.sha256(private_note)},
    )
    return event
