"""Why a certificate is in its state: since when, for which class of reason, in which words for the public; and who ends it.

What is asked is the state that is shown, not what happened last. All of it uses what `with_events` fetched.
"""

from dataclasses import dataclass
from datetime import datetime

from certificates import validity
from certificates.models import Certificate, CertificateEvent
from certificates.queries import state_of
from staff import clock

Kind = CertificateEvent.Kind
BY_PHYSICIANS = ("regrade", "restudy")  # suspended until the quiz is passed or the passages are read again
LAPSED = "No successor took over within thirty days."


@dataclass(frozen=True)
class Cause:
    """`reason`: the class that the public reads; `until`: when it turns into another state by itself."""

    at: datetime
    reason: str = ""
    text: str = ""
    until: datetime | None = None


def causes_of(certificate: Certificate, at: datetime | None = None) -> list[Cause]:
    """What its state at that instant rests on, the oldest first; nothing where its dates alone say it."""
    at = at or clock.now()
    state = state_of(certificate, at)
    if state == "suspended":
        found = [told(event) for event in open_suspensions(certificate, at)]
        lapse = lapsed_at(certificate, at)
        return [*found, Cause(lapse, CertificateEvent(reason_class="supervision").reason, LAPSED)] if lapse else found
    if state == "superseded":
        newer = min(certificate.superseded_by.all(), key=lambda row: row.issued_at)
        return [Cause(newer.issued_at, newer.get_reissued_for_display() if newer.reissued_for else "")]
    if state == "supervision-pending":
        pending = [event for event in _happened(certificate, at) if event.kind == Kind.PENDING][-1]
        until = validity.successor_by(validity.Event(pending.kind, pending.effective_at))
        return [told(pending, until)]
    if state in (Kind.REVOKED, Kind.ENDED):
        return [told(event) for event in _happened(certificate, at) if event.kind == state][:1]
    return []


def open_suspensions(certificate: Certificate, at: datetime | None = None) -> list[CertificateEvent]:
    """Those that nobody has lifted since."""
    found: list[CertificateEvent] = []
    for event in _happened(certificate, at or clock.now()):
        if event.kind == Kind.SUSPENDED:
            found.append(event)
        elif event.kind == Kind.LIFTED:
            found = []
    return found


def lapsed_at(certificate: Certificate, at: datetime | None = None) -> datetime | None:
    """When it was suspended because nobody took over the supervision; None if somebody did, or still may in time."""
    at = at or clock.now()
    since = [e for e in _happened(certificate, at) if e.kind in (Kind.PENDING, Kind.ENDORSED)][-1:]
    if not since or since[0].kind != Kind.PENDING:
        return None
    until = validity.successor_by(validity.Event(since[0].kind, since[0].effective_at))
    return until if until <= at else None


def is_for_physicians(certificate: Certificate) -> bool:
    """Held until the quiz is passed or the passages are read again: only a physician lifts that by hand."""
    held = state_of(certificate) == "suspended"
    return held and any(event.reason_class in BY_PHYSICIANS for event in open_suspensions(certificate))


def _happened(certificate: Certificate, at: datetime) -> list[CertificateEvent]:
    events = [event for event in certificate.events.all() if event.effective_at <= at]
    return sorted(events, key=lambda event: event.effective_at)


def told(event: CertificateEvent, until: datetime | None = None) -> Cause:
    """As the public reads it: the class, and the sentence where it says more."""
    text = event.public_text.strip()
    same = text.rstrip(".").casefold() == event.reason.casefold()
    if text and text[-1] not in ".!?…":
        text += "."
    return Cause(event.effective_at, event.reason, "" if same else text, until)
