"""Cycles: each time that a clinic asks a person for a module. The site opens and closes them as rules and certificates say.

What is due is read from rules and certificates, never from here; a cycle is what stays on record of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from compliance.cells import Cell
from compliance.models import Cycle, CycleRun, Incident
from compliance.queries import board_of
from compliance.requirements.asking import holds
from compliance.situations import Row
from compliance.standing import IN_FORCE
from quizzes.models import Candidacy
from staff import audit, clock
from staff.models import Chain, Clinic, Heartbeat, StaffMember

BATCH = 200
AGAIN_AFTER = timedelta(minutes=10)
HEARTBEAT = "cycles settled"
CLOSING = ["closing", "certificate", "closed_at", "closed_by"]

Key = tuple[int, int]


def settle_due() -> int:
    """For the tick: at most every ten minutes."""
    last = Heartbeat.objects.filter(name=HEARTBEAT).values_list("beat_at", flat=True).first()
    if last and clock.now() - last < AGAIN_AFTER:
        return 0
    done = settle()
    Heartbeat.objects.update_or_create(name=HEARTBEAT, defaults={"beat_at": clock.now()})
    return done


def settle() -> int:
    """Open and close what is due, in each clinic where something was recorded since or a day has begun."""
    ran = {row.clinic_id: row for row in CycleRun.objects.all()}
    done = 0
    for chain in Chain.objects.exclude(clinic=None).select_related("clinic"):
        clinic = chain.clinic
        assert clinic is not None
        known = ran.get(clinic.pk)
        if known is None or (known.seq, known.ran_on) != (chain.seq, clock.today(clinic.zone)):
            done += settle_clinic(clinic)
    return done


@transaction.atomic
def settle_clinic(clinic: Clinic) -> int:
    """How many cycles were opened and closed."""
    today, site = clock.today(clinic.zone), StaffMember.objects.pinpoint()
    run, _ = CycleRun.objects.select_for_update().get_or_create(clinic=clinic, defaults={"seq": 0, "ran_on": today})
    opened, closed = _due(clinic, site)
    Cycle.objects.bulk_update(closed, CLOSING, batch_size=BATCH)
    Cycle.objects.bulk_create(opened)
    at_once = [row for row in opened if row.closing]
    for action, rows, told in (
        ("cycles.opened", opened, told_of),
        ("cycles.closed", [*closed, *at_once], told_of_closing),
    ):
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            audit.record(
                clinic=clinic, by=site, action=action, subject=clinic, body={"cycles": [told(row) for row in batch]}
            )
    run.seq, run.ran_on = Chain.objects.values_list("seq", flat=True).get(clinic=clinic), today
    run.save(update_fields=["seq", "ran_on"])
    return len(opened) + len(closed)


@transaction.atomic
def open_for(incident: Incident, *, by: StaffMember) -> Cycle:
    """The cycle of what was just asked after an incident; one that is open is closed, since it is asked anew."""
    rows = Cycle.objects.filter(person=incident.person_id, clinic=incident.clinic_id, module=incident.module_id)
    last = rows.select_for_update().order_by("number").last()
    if last and last.closed_at is None:
        _closed(last, Cycle.Closing.ANEW, by).save(update_fields=CLOSING)
        _tell(incident.clinic, by, "cycles.closed", told_of_closing(last))
    cycle = _of_incident(incident, last.number + 1 if last else 1, by)
    cycle.save(force_insert=True)
    _tell(incident.clinic, by, "cycles.opened", told_of(cycle))
    return cycle


def _tell(clinic: Clinic, by: StaffMember, action: str, told: dict[str, object]) -> None:
    audit.record(clinic=clinic, by=by, action=action, subject=clinic, body={"cycles": [told]})


def _of_incident(incident: Incident, number: int, by: StaffMember) -> Cycle:
    return Cycle(
        person_id=incident.person_id,
        clinic_id=incident.clinic_id,
        module_id=incident.module_id,
        number=number,
        reason=Cycle.Reason.INCIDENT,
        incident=incident,
        due_on=incident.due_on,
        opened_at=clock.now(),
        opened_by=by,
    )


def told_of(row: Cycle) -> dict[str, object]:
    told: dict[str, object] = {
        "cycle": row.pk,
        "person": row.person_id,
        "module": row.module_id,
        "number": row.number,
        "reason": str(row.reason),
        "due": row.due_on.isoformat(),
    }
    return told | ({"incident": row.incident_id} if row.incident_id else {})


def told_of_closing(row: Cycle) -> dict[str, object]:
    return {"cycle": row.pk, "closing": str(row.closing), "certificate": row.certificate_id}


@dataclass(frozen=True)
class Known:
    """The cycles of one person and module so far."""

    number: int = 0
    open: Cycle | None = None


def _due(clinic: Clinic, site: StaffMember) -> tuple[list[Cycle], list[Cycle]]:
    known: dict[Key, Known] = defaultdict(Known)
    for cycle in Cycle.objects.filter(clinic=clinic).select_related("incident").order_by("number"):
        known[cycle.person_id, cycle.module_id] = Known(cycle.number, None if cycle.closed_at else cycle)
    rows = board_of([clinic]).rows
    reasons = _reasons(clinic)
    opened: list[Cycle] = []
    closed: list[Cycle] = []
    met: set[Key] = set()
    for row in rows:
        for cell in row.modules:
            key = (row.person.pk, cell.column.module_id)
            met.add(key)
            _settle_cell(row, cell, known[key], reasons.get(key, ""), site, opened, closed)
    for key, had in list(known.items()):
        if had.open and key not in met:
            closed.append(_closed(had.open, Cycle.Closing.LEFT, site))
    return opened, closed


def _settle_cell(
    row: Row, cell: Cell, had: Known, reason: str, site: StaffMember, opened: list[Cycle], closed: list[Cycle]
) -> None:
    number, current = had.number, had.open
    closing = _closing(current, cell) if current else ""
    if current and closing:
        closed.append(_closed(current, closing, site, cell if closing == Cycle.Closing.MET else None))
        current = None
    if cell.incident and not current:
        opened.append(_of_incident(cell.incident, number + 1, site))
        return
    if current or not cell.required or cell.standing.state == "waived":
        return
    if cell.standing.state == "valid" and number == 0:  # held before it was asked: on record, and met at once
        opened.append(_closed(_opened(row, cell, 1, Cycle.Reason.INITIAL, site), Cycle.Closing.MET, site, cell))
    elif cell.standing.state != "valid":
        known = reason_of(cell.standing.state)
        opened.append(_opened(row, cell, number + 1, known if known == Cycle.Reason.RENEWAL else reason or known, site))


def _closing(current: Cycle, cell: Cell) -> str:
    """How the open cycle is closed now; empty where it stays open."""
    incident = current.incident
    if not cell.required:
        return Cycle.Closing.LEFT
    if incident is None and cell.incident:
        return Cycle.Closing.ANEW
    if incident and not holds(incident, clock.today(cell.membership.clinic.zone), clock.now()):
        return Cycle.Closing.LEFT
    waits = incident is not None and (cell.incident is not None or cell.waiver is not None)
    return Cycle.Closing.MET if not waits and is_met(current.reason, current.opened_at, cell) else ""


def is_met(reason: str, opened_at: datetime, cell: Cell) -> bool:
    """A certificate in force meets it; a renewal is met by one that was issued since."""
    if cell.certificate is None or cell.standing.proof is None or cell.standing.proof.state not in IN_FORCE:
        return False
    return reason != Cycle.Reason.RENEWAL or cell.certificate.issued_at > opened_at


def reason_of(state: str) -> str:
    """Where no cycle of the quiz is open that says it."""
    if state in ("expiring", "expired"):
        return Cycle.Reason.RENEWAL
    return Cycle.Reason.INCIDENT if state in ("revoked", "suspended") else Cycle.Reason.INITIAL


def _reasons(clinic: Clinic) -> dict[Key, str]:
    """Why the quiz is asked now, by person and module."""
    rows = Candidacy.objects.filter(
        person__membership__clinic=clinic, person__membership__ended_at=None, closed_at=None
    )
    return {(person, module): reason for person, module, reason in rows.values_list("person", "quiz__module", "reason")}


def _opened(row: Row, cell: Cell, number: int, reason: str, site: StaffMember) -> Cycle:
    proof = cell.standing.proof
    renewed = reason == Cycle.Reason.RENEWAL and proof is not None
    return Cycle(
        person=row.person,
        clinic=row.clinic,
        module_id=cell.column.module_id,
        number=number,
        reason=reason,
        due_on=proof.valid_until_on if renewed and proof else cell.standing.due_on,
        opened_at=clock.now(),
        opened_by=site,
    )


def _closed(cycle: Cycle, closing: str, site: StaffMember, cell: Cell | None = None) -> Cycle:
    cycle.closing, cycle.closed_at, cycle.closed_by = closing, clock.now(), site
    cycle.certificate = cell.certificate if cell else None
    return cycle


def cycles_of(person: StaffMember, clinics: Sequence[Clinic]) -> dict[tuple[int, int], list[Cycle]]:
    """By clinic and module, the first cycle first."""
    found: dict[tuple[int, int], list[Cycle]] = defaultdict(list)
    rows = (
        Cycle.objects.filter(person=person, clinic__in=clinics)
        .select_related("certificate", "incident")
        .order_by("number")
    )
    for row in rows:
        found[row.clinic_id, row.module_id].append(row)
    return found
