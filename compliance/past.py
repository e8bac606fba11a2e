"""What was put on record after a day had passed, with effect on that day or before: left out of its matrix, named beside it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import F, Q

from certificates.models import Certificate, CertificateEvent
from compliance.models import Leave, Rule, Waiver
from compliance.queries import end_of
from staff.models import Clinic
from staff.templatetags.look import day

KINDS: dict[str, Any] = {"Rule": Rule, "Waiver": Waiver, "Leave": Leave}
MOST = 200

Line = tuple[datetime, str]


def recorded_since(clinics: Sequence[Clinic], on: date) -> list[str]:
    """A sentence for each, the first recorded first; a day ends at midnight in the clinic's zone."""
    found: list[Line] = []
    ends = {clinic.pk: end_of(on, clinic.zone) for clinic in clinics}
    for what, model in KINDS.items():
        later = Q(pk=None)
        for pk, end in ends.items():
            later |= Q(clinic=pk, recorded_at__gt=end) | Q(clinic=pk, ended_at__gt=end, ends_on__lte=on)
        rows = model.objects.filter(later, clinic__in=clinics, starts_on__lte=on).select_related("person")
        for row in rows.order_by("pk")[:MOST]:
            found += _said(row, what, ends[row.clinic_id], on)
    found += _certificates(ends, on)
    return [sentence for _, sentence in sorted(found)][:MOST]


def _said(row: Any, what: str, end: datetime, on: date) -> list[Line]:
    whom = f"for {row.person}" if row.person else f"for {row.get_role_display().lower()}"
    said = []
    if row.recorded_at > end:
        said.append((row.recorded_at, f"{what} {whom} from {day(row.starts_on)} on, recorded {day(row.recorded_at)}"))
    if row.ended_at and row.ended_at > end and row.ends_on <= on:
        said.append((row.ended_at, f"{what} {whom} ended from {day(row.ends_on)} on, recorded {day(row.ended_at)}"))
    return said


def _certificates(ends: dict[int, datetime], on: date) -> list[Line]:
    """Issued later and valid from then, and what was decided later with effect then."""
    issued, decided = Q(pk=None), Q(pk=None)
    for pk, end in ends.items():
        issued |= Q(clinic=pk, issued_at__gt=end)
        decided |= Q(certificate__clinic=pk, at__gt=end, effective_at__lte=end)
    rows = Certificate.objects.filter(issued, valid_from_on__lte=on).order_by("pk")
    said: list[Line] = [
        (
            row.issued_at,
            f"{row.number} of {row.holder_name}, valid from {day(row.valid_from_on)}, issued {day(row.issued_at)}",
        )
        for row in rows.only("number", "holder_name", "valid_from_on", "issued_at")[:MOST]
    ]
    events = CertificateEvent.objects.filter(decided, at__gt=F("effective_at")).select_related("certificate")
    for event in events.order_by("pk")[:MOST]:
        words = f"{event.get_kind_display().lower()} from {day(event.effective_at)}, recorded {day(event.at)}"
        said.append((event.at, f"{event.certificate.number} of {event.certificate.holder_name}, {words}"))
    return said
