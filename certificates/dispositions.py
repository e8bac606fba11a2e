"""What becomes of a certificate whose pass a regrade took away: a physician decides, signed, and nothing by itself."""

from django.conf import settings
from django.db import transaction

from certificates import validity
from certificates.actions import outcome_of, record_event, withdraw
from certificates.models import Certificate
from certificates.queries import holding_of, is_lost
from quizzes import actions as sitting
from quizzes.models import Candidacy, Disposition
from staff import clock, mail, signing
from staff.access import is_same
from staff.models import Signature, StaffMember

PUBLIC = "A question of the quiz was corrected"
MEANINGS: dict[str, str] = {
    Disposition.Decision.KEEP: "keep",
    Disposition.Decision.SUSPEND: "suspend",
    Disposition.Decision.REVOKE: "revoke",
}
TOLD: dict[str, str] = {
    Disposition.Decision.KEEP: "lets it stand. There is nothing for you to do",
    Disposition.Decision.SUSPEND: "suspended it until you have passed the quiz again. Your home page says what is next",
}


def dispose(
    *, certificate: Certificate, decision: str, reason: str, seen: signing.Seen, by: StaffMember
) -> Disposition:
    """Keep the certificate, suspend it until the quiz is passed again, or revoke it. Raises SigningRefused."""
    if is_same(by, certificate.person_id):
        raise signing.SigningRefused("Nobody decides about their own certificate. Ask another physician of the clinic.")
    assert certificate.attempt is not None  # a knowledge certificate has one
    with transaction.atomic():
        candidacy = Candidacy.objects.select_for_update().get(pk=certificate.attempt.candidacy_id)
        if not is_lost(certificate):
            raise signing.SigningRefused(
                f"{certificate.number} waits for no decision any more; look at its page. Nothing was signed."
            )
        signature = signing.sign(
            by=by,
            clinic=certificate.clinic,
            meaning=MEANINGS[decision],
            subject=certificate,
            record_sha256=certificate.facts_sha256,
            seen=seen,
        )
        row = sitting.dispose(
            outcome=outcome_of(certificate.attempt), decision=decision, reason=reason, signature=signature, by=by
        )
        _carry_out(row, certificate, candidacy, signature, by)
    return row


def _carry_out(
    row: Disposition, certificate: Certificate, candidacy: Candidacy, signature: Signature, by: StaffMember
) -> None:
    if row.decision == Disposition.Decision.REVOKE:
        withdraw(
            certificate=certificate,
            reason_class="regrade",
            public_text=PUBLIC,
            private_note=row.reason,
            signature=signature,
            by=by,
        )
        return
    if row.decision == Disposition.Decision.SUSPEND:
        record_event(certificate, "suspended", by, "regrade", PUBLIC, row.reason, signature)
        sitting.reopen_candidacy(candidacy, by=by)
    mail.queue(
        to=certificate.person,
        key=f"disposition:{row.pk}",
        subject=f"About your certificate {certificate.number}",
        body=(
            f"{certificate.person.full_name},\n\na question of the quiz “{certificate.title}” was corrected, and your "
            f"corrected score does not meet the rule. {by.full_name} has looked at your certificate and "
            f"{TOLD[row.decision]}.\nThe reason is on your result:\n"
            f"{settings.SITE_URL}/attempts/{row.outcome.attempt.public_id}/result/\n"
        ),
    )


def is_suspended_for_regrade(certificate: Certificate) -> bool:
    """Held until the quiz is passed again: only a physician lifts that by hand. Uses what `with_events` fetched."""
    if validity.state(holding_of(certificate), clock.now()) != "suspended":
        return False
    held = [event for event in certificate.events.all() if event.kind == "suspended"]
    return bool(held) and held[-1].reason_class == "regrade"
