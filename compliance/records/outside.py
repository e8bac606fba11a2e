"""Outside training and the sessions on site: each row as the audit trail tells of it, and as its signature covers it."""

from collections import Counter
from collections.abc import Iterator

from django.db.models import Prefetch

from compliance import bloodborne, outside
from compliance.models import (
    HepatitisOffer,
    OutsideTraining,
    SiteAttendance,
    SiteSession,
    SiteTrainer,
)
from compliance.records.acts import rests
from compliance.records.finding import Finding, Told, as_told, chunks, counted_in_clinics, events_of, gone, readable
from staff.models import AuditEvent


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _trainings(checked)
    yield from _trainers(checked)
    yield from _sessions(checked)
    yield from _offers(checked)
    for action, what, model in (
        ("outside.sent", "outside training", OutsideTraining),
        ("site-session.recorded", "site session", SiteSession),
        ("site-trainer.named", "site trainer", SiteTrainer),
        ("hepatitis-b.offered", "offer", HepatitisOffer),
    ):
        yield from gone(action, what, model)


def _trainings(checked: Counter[str]) -> Iterator[Finding]:
    rows = OutsideTraining.objects.select_related(
        "clinic__chain", "file", "check_made", "decision__signature", "decision__module", "withdrawal"
    ).defer("file__bytes")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("compliance.outsidetraining", chunk)
        for row in chunk:
            checked["outside trainings"] += 1
            what = f"outside training {row.public_id}"
            yield from readable(what, _training(what, row, events[str(row.pk)]))


def _training(what: str, row: OutsideTraining, events: list[AuditEvent]) -> Iterator[Finding]:
    told: list[Told] = [("outside.sent", outside.told_of_training(row), row.sent_by_id, row.sent_at)]
    if hasattr(row, "check_made"):
        made = row.check_made
        told.append(("outside.checked", outside.told_of_check(made), made.checked_by_id, made.checked_at))
    if hasattr(row, "decision"):
        decided = row.decision
        action = "outside.approved" if decided.approved else "outside.declined"
        signer = decided.signature.signer_id
        told.append((action, outside.told_of_decision(decided), signer, decided.decided_at))
        yield from rests(
            f"{what}, its decision",
            decided.signature,
            meanings=["credit" if decided.approved else "decline-credit"],
            at=decided.decided_at,
            subject=("compliance.outsidetraining", row.pk),
            clinic=row.clinic_id,
        )
        for who in {signer, getattr(getattr(row, "check_made", None), "checked_by_id", signer)}:
            if who == row.person_id:
                yield Finding(f"{what}, who decided it", "somebody else", "the person herself")
    if hasattr(row, "withdrawal"):
        end = row.withdrawal
        told.append(("outside.withdrawn", outside.told_of_withdrawal(end), end.withdrawn_by_id, end.withdrawn_at))
    yield from as_told(what, row.clinic.chain.pk, events, told)


def _trainers(checked: Counter[str]) -> Iterator[Finding]:
    def told(row: SiteTrainer) -> Told:
        return "site-trainer.named", bloodborne.told_of_trainer(row), row.named_by_id, row.named_at

    rows = SiteTrainer.objects.all()
    yield from counted_in_clinics(checked, rows, one="site trainer", many="site trainers", told=told)


def _sessions(checked: Counter[str]) -> Iterator[Finding]:
    attended = Prefetch("attendances", SiteAttendance.objects.order_by("pk"))
    rows = SiteSession.objects.select_related("clinic__chain", "signature", "withdrawal").prefetch_related(attended)
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("compliance.sitesession", chunk)
        for row in chunk:
            checked["site sessions"] += 1
            what = f"site session {row.public_id}"
            yield from readable(what, _session(what, row, events[str(row.pk)]))


def _session(what: str, row: SiteSession, events: list[AuditEvent]) -> Iterator[Finding]:
    came = [(one.person_id, one.job_title) for one in row.attendances.all()]
    told: list[Told] = [
        ("site-session.recorded", bloodborne.told_of_session(row, came), row.recorded_by_id, row.recorded_at)
    ]
    if hasattr(row, "withdrawal"):
        end = row.withdrawal
        told.append(
            ("site-session.withdrawn", bloodborne.told_of_withdrawal(end), end.withdrawn_by_id, end.withdrawn_at)
        )
    yield from rests(
        what,
        row.signature,
        meanings=["record-session"],
        at=row.recorded_at,
        subject=("staff.clinic", row.clinic_id),
        clinic=row.clinic_id,
        signer=row.recorded_by_id,
    )
    yield from as_told(what, row.clinic.chain.pk, events, told)


def _offers(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(HepatitisOffer.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("compliance.hepatitisoffer", chunk)
        for row in chunk:
            checked["offers"] += 1
            told = [("hepatitis-b.offered", bloodborne.told_of_offer(row), row.recorded_by_id, row.recorded_at)]
            yield from readable(
                f"offer {row.pk}", as_told(f"offer {row.pk}", row.clinic.chain.pk, events[str(row.pk)], told)
            )
