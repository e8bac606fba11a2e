"""Sends, begins and carries out an import of people. Each row is a transaction of its own: what was done stays done, and
what is left goes on after an interruption, from `tick`."""

import json
import logging
from collections.abc import Collection
from datetime import date, timedelta

from django.db import DatabaseError, OperationalError, transaction

from certificates.actions import change_membership, end_membership
from compliance import actions
from compliance.models import PeopleImport, PeopleImportRow
from compliance.roster import planning, texts, workbooks
from compliance.roster.base import MOST_BYTES, Sheet, Unreadable
from compliance.roster.columns import Fault, Read, heads_of, read_rows
from staff import audit, canonical, clock
from staff.access import clinics_as
from staff.actions import correct_name
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role

log = logging.getLogger(__name__)
Outcome = PeopleImportRow.Outcome
AT_ONCE = 100
A_TICK = 1_000
KEPT_DAYS = 30
SINCE = "The clinic has changed since you looked, so this line was not taken. Send the file again to see it anew."


class Changed(Exception):
    """Something else would happen than what was shown."""


def sheet_of(data: bytes) -> Sheet:
    """A workbook is told by its first bytes, whatever its name says. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file has more than {MOST_BYTES // 1_000_000} MB. Send the list alone.")
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise Unreadable("This is a workbook of the old kind, or an encrypted one. Save it as XLSX without a password.")
    return workbooks.read(data) if data[:4] == b"PK\x03\x04" else texts.read(data)


@transaction.atomic
def send(
    *, clinic: Clinic, data: bytes, file_name: str, key: str, mode: str, full_roster: bool, by: StaffMember
) -> PeopleImport:
    """Keep the rows of a file to be looked at; nobody is added or changed. Raises Unreadable."""
    sheet = sheet_of(data)
    places, unread = heads_of(sheet, key)
    rows = read_rows(sheet, places)
    if not rows:
        raise Unreadable("The file names its columns and nobody beneath them.")
    sent = PeopleImport.objects.create(
        clinic=clinic,
        key=key,
        mode=mode,
        full_roster=full_roster,
        file_name=file_name[-120:] or "list",
        file_sha256=canonical.sha256(data),
        columns=canonical.text([[places[place] for place in sorted(places)], unread]),
        note=sheet.note[:200],
        sent_by=by,
    )
    PeopleImportRow.objects.bulk_create(
        [
            PeopleImportRow(
                part_of=sent,
                position=position,
                line=row.line,
                cells=canonical.text(row.cells),
                faults=canonical.text([fault.plain() for fault in row.faults]),
            )
            for position, row in enumerate(rows, 1)
        ],
        batch_size=500,
    )
    return sent


def read_of(row: PeopleImportRow) -> Read:
    return Read(row.line, json.loads(row.cells), tuple(Fault(*fault) for fault in json.loads(row.faults)))


def plan_of(sent: PeopleImport, *, by: StaffMember) -> planning.Plan:
    return planning.plan(sent, [read_of(row) for row in sent.rows.filter(line__gt=0)], by=by)


def may_import(person: StaffMember, clinic: Clinic) -> bool:
    return person.is_active and (clinic in clinics_as(person, Role.MANAGER) or person.is_administrator)


@transaction.atomic
def begin(*, sent: PeopleImport, shown: str, drop: Collection[str], invites: bool, by: StaffMember) -> None:
    """Fix what was shown as what will be done. `drop`: public ids of people to let go, each confirmed by name.

    Begun before, it stays as it was. Raises Changed where the clinic no longer is as it was shown.
    """
    sent = PeopleImport.objects.select_for_update().get(pk=sent.pk)
    if sent.began_at:
        return
    plan = plan_of(sent, by=by)
    absent = {row.person.public_id: row for row in plan.absent}
    if plan.sha256 != shown or not set(drop) <= set(absent) or (drop and plan.keyless):
        raise Changed
    rows = list(sent.rows.all())
    for row, verdict in zip(rows, plan.verdicts, strict=True):
        row.planned = verdict.sha256
        if verdict.verdict == planning.ERROR:
            row.outcome = Outcome.ERROR
            row.faults = canonical.text([fault.plain() for fault in verdict.faults])
            row.said = " ".join(fault.sentence for fault in verdict.faults)
    PeopleImportRow.objects.bulk_update(rows, ["planned", "outcome", "said", "faults"], batch_size=200)
    PeopleImportRow.objects.bulk_create(
        [
            PeopleImportRow(
                part_of=sent,
                position=len(rows) + place,
                line=0,
                cells=canonical.text({"full_name": absent[key].person.full_name, "email": absent[key].person.email}),
                membership=absent[key],
            )
            for place, key in enumerate(sorted(drop), 1)
        ]
    )
    sent.began_at, sent.began_by, sent.invites = clock.now(), by, invites
    sent.save(update_fields=["began_at", "began_by", "invites"])
    body = {
        "file_sha256": sent.file_sha256,
        "planned": plan.counts,
        "ended": len(drop),
        "full_roster": sent.full_roster,
        "sent_sha256": sent_sha256(sent),
    }
    audit.record(clinic=sent.clinic, by=by, action="people.imported", subject=sent, body=body)


def sent_sha256(sent: PeopleImport) -> str:
    """Over what was sent and chosen with it, and who sent it when."""
    return canonical.sha256_of(
        [
            *(sent.public_id, sent.key, sent.mode, sent.invites, sent.file_name, sent.columns, sent.note),
            *(sent.sent_at, sent.sent_by_id),
        ]
    )


def work(sent: PeopleImport, most: int = AT_ONCE) -> int:
    """Carry out the next rows; returns how many. May be called by several workers at once, and again after a failure."""
    waiting = list(sent.rows.filter(outcome="").values_list("pk", flat=True)[:most])
    for pk in waiting:
        try:
            _carry_out(sent.pk, pk)
        except OperationalError:
            raise  # the database is away or busy: the row waits
        except (DatabaseError, Membership.DoesNotExist, actions.AlreadyMember):
            _note(pk, SINCE)
        except Exception:
            log.exception("import %s: row %s failed", sent.pk, pk)
            _note(
                pk,
                "The site failed at this line and has written down why. Send the file again; what is done stays done.",
            )
    _finish(sent.pk)
    return len(waiting)


def _note(pk: int, said: str) -> None:
    PeopleImportRow.objects.filter(pk=pk, outcome="").update(outcome=Outcome.ERROR, said=said)


@transaction.atomic
def _carry_out(sent_pk: int, pk: int) -> None:
    sent = PeopleImport.objects.select_for_update(of=("self",)).select_related("clinic", "began_by").get(pk=sent_pk)
    row = PeopleImportRow.objects.select_related("membership").get(pk=pk)
    by = sent.began_by
    if row.outcome or by is None:
        return
    if not may_import(by, sent.clinic):
        row.outcome, row.said = (
            Outcome.ERROR,
            f"{by.full_name} no longer manages {sent.clinic}, so this line was not taken.",
        )
    elif row.line:
        _apply(row, sent, by)
    else:
        _let_go(row, sent, by)
    row.save(update_fields=["outcome", "said", "membership"])


def _apply(row: PeopleImportRow, sent: PeopleImport, by: StaffMember) -> None:
    read = read_of(row)
    verdict = planning.judge(read, planning.Scene(sent.clinic, of=read), sent, by=by)
    if verdict.sha256 != row.planned:
        row.outcome, row.said = Outcome.ERROR, SINCE
        return
    row.outcome = verdict.verdict
    if verdict.adds:
        row.membership = _add(read.cells, sent, by)
        name = row.membership.person.full_name
        if name != read.cells["full_name"]:
            row.said = f"This address was known already, so the name on record stays: {name}."
    elif verdict.membership:
        row.membership = _change(verdict, verdict.membership, sent, by)
        row.said = "; ".join(change.sentence for change in verdict.changes)


def _add(cells: dict[str, str], sent: PeopleImport, by: StaffMember) -> Membership:
    return actions.add_person(
        clinic=sent.clinic,
        full_name=cells["full_name"],
        latin_name=cells.get("latin_name", ""),
        email=cells["email"],
        job_title=cells["job_title"],
        staff_number=cells.get("staff_number", ""),
        hired_on=date.fromisoformat(cells["hired_on"]),
        roles=cells["roles"].split(),
        invites=sent.invites,
        by=by,
    )


def _change(verdict: planning.Verdict, membership: Membership, sent: PeopleImport, by: StaffMember) -> Membership:
    changed = {change.column: change.after for change in verdict.changes}
    person = membership.person
    if changed.keys() & {"full_name", "latin_name"}:
        correct_name(
            person=person,
            full_name=changed.get("full_name", person.full_name),
            latin_name=changed.get("latin_name", person.latin_name),
            clinic=sent.clinic,
            reason=f"Import of {sent.file_name}",
            by=by,
        )
    if not changed.keys() - {"full_name", "latin_name"}:
        return membership
    return change_membership(
        membership=membership,
        job_title=changed.get("job_title", membership.job_title),
        staff_number=changed.get("staff_number", membership.staff_number),
        hired_on=date.fromisoformat(changed.get("hired_on", membership.hired_on.isoformat())),
        roles=changed.get("roles", planning.held_roles(membership)).split(),
        by=by,
    )


def _let_go(row: PeopleImportRow, sent: PeopleImport, by: StaffMember) -> None:
    membership = row.membership
    if membership is None or membership.person_id == by.pk:
        row.outcome, row.said = Outcome.ERROR, "Nobody ends their own membership."
    elif end_membership(membership=membership, reason=f"Not in the full roster {sent.file_name}", by=by):
        row.outcome = Outcome.DROPPED
    else:
        row.outcome, row.said = Outcome.ERROR, SINCE


@transaction.atomic
def _finish(pk: int) -> None:
    sent = PeopleImport.objects.select_for_update().get(pk=pk)
    if sent.ended_at or sent.rows.filter(outcome="").exists():
        return
    counts = dict.fromkeys(Outcome.values, 0)
    for outcome in sent.rows.values_list("outcome", flat=True):
        counts[outcome] += 1
    sent.ended_at, sent.counts = clock.now(), canonical.text(counts)
    sent.save(update_fields=["ended_at", "counts"])
    if sent.began_by:
        audit.record(
            clinic=sent.clinic, by=sent.began_by, action="people.import-ended", subject=sent, body={"counts": counts}
        )


def go_on() -> int:
    """For `tick`: what was begun and is not done."""
    done = 0
    for sent in PeopleImport.objects.filter(began_at__isnull=False, ended_at=None).order_by("began_at", "pk"):
        done += work(sent, A_TICK)
    return done


def forget_old() -> int:
    """For `tick`: the rows of a file go after a month, and a file that was never applied goes with them."""
    before = clock.now() - timedelta(days=KEPT_DAYS)
    old = PeopleImport.objects.filter(sent_at__lt=before).exclude(began_at__isnull=False, ended_at=None)
    rows, _ = PeopleImportRow.objects.filter(part_of__in=old).delete()
    old.filter(began_at=None).delete()
    return rows
