"""Does everything on record add up? Walks all of it and names what does not, in words; changes nothing.

Each part is a generator of findings that counts what it looked at, in constant memory: rows come in chunks, and what hangs
on a chunk comes with it in a fixed number of queries. Nothing found names a person: rows are called by their public ids.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import IntegrityError, connection, transaction

from compliance.records import (
    acts,
    attempts,
    badges,
    certificates,
    chains,
    changes,
    clinics,
    drafts,
    enquiries,
    factors,
    imports,
    keeping,
    late,
    material,
    merges,
    outgoing,
    outside,
    panels,
    people,
    practicals,
    programmes,
    regrades,
    reminders,
    requirements,
    signatures,
    times,
)
from compliance.records.finding import Finding
from staff import guards

__all__ = ["Finding", "Report", "findings", "verify"]

PARTS = (
    chains.findings,
    material.findings,
    attempts.findings,
    certificates.findings,
    badges.findings,
    signatures.findings,
    acts.findings,
    regrades.findings,
    practicals.findings,
    programmes.findings,
    enquiries.findings,
    late.findings,
    changes.findings,
    reminders.findings,
    requirements.findings,
    outside.findings,
    times.findings,
    keeping.findings,
    factors.findings,
    merges.findings,
    outgoing.findings,
    people.findings,
    clinics.findings,
    imports.findings,
    drafts.findings,
    panels.findings,
)


@dataclass
class Report:
    """What was looked at, by name, and what did not add up (only the first, unless all were asked for)."""

    checked: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings


def triggers(checked: Counter[str]) -> Iterator[Finding]:
    checked["triggers"] += sum(len(guard.trigger_names()) for guard in guards.all_guards())
    for name in guards.missing():
        yield Finding(f"trigger {name}", "in place", "missing: run manage.py migrate, and find out who removed it")


def references(checked: Counter[str]) -> Iterator[Finding]:
    """PostgreSQL itself keeps foreign keys true; SQLite does so only where every writer has switched that on."""
    if connection.vendor == "sqlite":
        try:
            connection.check_constraints()
        except IntegrityError as error:
            yield Finding("foreign keys", "each to a row that is there", str(error))


def findings(checked: Counter[str]) -> Iterator[Finding]:
    """Everything that does not add up, the first thing first. `checked` counts what was looked at so far."""
    for part in (triggers, references, *PARTS):
        yield from part(checked)


def verify(*, everything: bool = False) -> Report:
    """Walk the records as they stand at one instant; stop at the first finding unless `everything` is asked for."""
    report = Report()
    with one_instant():
        for finding in findings(report.checked):
            report.findings.append(finding)
            if not everything:
                break
    return report


@contextmanager
def one_instant() -> Iterator[None]:
    """Reads inside see one state of the database, and hold up no writer."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # Django would begin IMMEDIATE and keep every writer waiting; a deferred transaction only reads.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
