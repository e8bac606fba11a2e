"""What holds or ends a programme certificate without a signature: somebody leaves, or what it rests on falls away."""

from django.db import transaction
from django.db.models import Q, QuerySet

from certificates import events, validity
from certificates.models import Certificate, CertificateBasis, CertificateEvent
from certificates.queries import copies_before, state_of, with_events
from staff.models import Membership, StaffMember
from staff.models.clinics import Role

BASIS = "basis"


def _programmes() -> "QuerySet[Certificate]":
    rows = Certificate.objects.filter(kind=Certificate.Kind.PROGRAMME, superseded_by=None)
    return with_events(rows.exclude(events__kind__in=["revoked", "ended"]))


def membership_ended(*, membership: Membership, was_physician: bool, by: StaffMember) -> None:
    """In the transaction that ends it: the holder's own certificates end, those she signed wait for a successor."""
    for certificate in _programmes().filter(person=membership.person, clinic=membership.clinic):
        events.record(certificate, "ended", by, "left", "The holder works at the clinic no longer.", "", None)
    if was_physician:
        supervisor_gone(membership=membership, by=by)


def supervisor_gone(*, membership: Membership, by: StaffMember) -> None:
    """In the transaction that takes the physician's role: what she signed for the clinic waits for a successor."""
    for certificate in _programmes().filter(clinic=membership.clinic).select_related("signing__signature"):
        if _supervisor(certificate) == membership.person_id:
            text = "The supervising physician works at the clinic no longer; a successor may take over."
            events.record(certificate, "pending", by, "supervision", text, "", None)


def _supervisor(certificate: Certificate) -> int | None:
    """Who signed or took over last; None where nobody supervises now."""
    copies = [certificate, *copies_before(certificate)]
    since = [event for copy in copies for event in copy.events.all() if event.kind in ("pending", "endorsed")]
    since.sort(key=lambda event: (event.at, event.pk))
    if not since:
        return int(certificate.signing.signature.signer_id)
    return since[-1].by_id if since[-1].kind == "endorsed" else None


def is_physician(membership: Membership) -> bool:
    return membership.roles.filter(role=Role.PHYSICIAN, ended_at=None).exists()


def settle_programmes(person: StaffMember | None = None) -> int:
    """Hold a programme certificate while a module it rests on is not proven, and let it go when it is again.

    In the transaction of what changed, and from `tick` for what expires.
    """
    rows = _programmes().filter(person__is_active=True)
    if person:
        rows = rows.filter(Q(person=person) | Q(person__aliases=person))
    changed = 0
    for certificate in rows.order_by("pk"):
        last = [e for e in certificate.events.all() if e.kind in ("suspended", "lifted")][-1:]
        held = bool(last) and last[0].kind == "suspended"
        if held and last[0].reason_class != BASIS:
            continue
        missing = missing_modules(certificate)
        if bool(missing) == held or (not held and state_of(certificate) == "expired"):
            continue
        with transaction.atomic():
            site = StaffMember.objects.pinpoint()
            if missing:
                text = f"Not proven at present: {', '.join(missing)}."
                events.record(certificate, CertificateEvent.Kind.SUSPENDED, site, BASIS, text, "", None)
            else:
                note = "Every module is proven again."
                events.record(certificate, CertificateEvent.Kind.LIFTED, site, BASIS, "", note, None)
        changed += 1
    return changed


def missing_modules(certificate: Certificate) -> list[str]:
    """Titles of the basis for which she holds no certificate in force now."""
    basis = CertificateBasis.objects.filter(certificate=certificate).exclude(knowledge=None)
    wanted = {
        row.knowledge.candidacy.quiz_id: row.knowledge.title
        for row in basis.select_related("knowledge__candidacy")
        if row.knowledge and row.knowledge.candidacy
    }
    rows = with_events(
        Certificate.objects.filter(
            Q(person=certificate.person_id) | Q(person__merged_into=certificate.person_id), candidacy__quiz__in=wanted
        ).select_related("candidacy")
    )
    proven = {row.candidacy.quiz_id for row in rows if row.candidacy and state_of(row) in validity.IN_FORCE}
    return sorted(title for quiz, title in wanted.items() if quiz not in proven)
