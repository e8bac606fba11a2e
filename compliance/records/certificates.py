"""Certificates: the frozen facts, the columns printed from them, the attempt behind, the events since, the stored files."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from certificates import codes, papers, validity
from certificates.models import Certificate, CertificateEvent, CertificateFile, NumberSeries
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, readable, words
from compliance.records.programmes import told_of
from quizzes.models import Attempt, Candidacy
from staff import canonical
from staff.models import AuditEvent, StoredFile, Tombstone

LABEL = "certificates.certificate"
FORMATS = ("pinpoint-certificate-1", "pinpoint-certificate-2", "pinpoint-certificate-3")
LATER = {"name_shown", "reissued_for"}  # columns that the first format did not know; empty there
# What the facts say of other rows; every other fact is a column of the same name.
REFERENCES = (
    "programme",
    "format",
    "person",
    "clinic",
    "attempt",
    "seal_sha256",
    "module",
    "quiz_sha256",
    "supersedes",
)
NOT_PRINTED = {"id", "person", "clinic", "candidacy", "attempt", "supersedes", "facts", "facts_sha256"}
FILES_AT_ONCE = 10
BEGINNINGS = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = (
        Certificate.objects.select_related(
            "clinic__chain",
            "candidacy",
            "supersedes",
            "signing__programme",
            "attempt__candidacy",
            "attempt__module_version__module",
            "attempt__quiz_version",
        )
        .defer("attempt__module_version__details", "supersedes__facts", "supersedes__scope")
        .prefetch_related(
            Prefetch("events", CertificateEvent.objects.order_by("pk")),
            Prefetch("files", CertificateFile.objects.select_related("file").defer("file__bytes")),
            "attempt__outcomes",
        )
    )
    for chunk in chunks(rows.order_by("pk")):
        events = events_of(LABEL, chunk)
        before = _ends_before(chunk)
        for row in chunk:
            checked["certificates"] += 1
            found = _certificate(row, events[str(row.pk)], before.get(row.pk), checked)
            yield from readable(f"certificate {row.number}", found)
    yield from _series()
    yield from _files(checked)


def _certificate(
    row: Certificate, events: list[AuditEvent], old_end: date | None, checked: Counter[str]
) -> Iterator[Finding]:
    what = f"certificate {row.number}"
    yield from compare(f"{what}, hash of its facts", canonical.sha256(row.facts), row.facts_sha256)
    try:
        facts = json.loads(row.facts)
    except ValueError:
        yield Finding(f"{what}, its facts", "JSON", words(row.facts))
        return
    if facts.get("format") not in FORMATS:
        yield Finding(f"{what}, format of its facts", " or ".join(FORMATS), words(facts.get("format")))
        return
    if canonical.text(facts) != row.facts:
        yield Finding(f"{what}, its facts", "canonical JSON", "another spelling of it")
    yield from compare(
        f"{what}, facts against columns",
        {k: v for k, v in facts.items() if k not in REFERENCES},
        _printed(row, facts["format"]),
    )
    yield from compare(
        f"{what}, facts against rows", {k: facts.get(k) for k in REFERENCES}, _references(row, facts["format"])
    )
    if facts["format"] == FORMATS[0]:
        yield from compare(f"{what}, choices of name", ["full", ""], [row.name_shown, row.reissued_for])
    yield from compare(f"{what}, check character of its code", row.code, codes.cleaned(row.code))
    if row.attempt:
        yield from _earned(row, row.attempt, facts, old_end)
    yield from _told(row, events, checked)
    for file in row.files.all():
        yield from compare(
            f"{what}, media type of its {file.format}", papers.MEDIA.get(file.format), file.file.media_type
        )
    drawn = {
        json.loads(e.body).get("format"): json.loads(e.body).get("sha256")
        for e in events
        if e.action == "certificate.drawn"
    }
    if drawn:
        yield from compare(
            f"{what}, its papers as their events say", drawn, {f.format: f.file.sha256 for f in row.files.all()}
        )


def _printed(row: Certificate, format: str) -> dict[str, Any]:
    unknown = NOT_PRINTED | (LATER if format == FORMATS[0] else set())
    return {
        field.name: canonical.plain(getattr(row, field.attname))
        for field in Certificate._meta.concrete_fields
        if field.name not in unknown
    }


def _references(row: Certificate, format: str) -> dict[str, Any]:
    attempt = row.attempt
    version = attempt.module_version if attempt else None
    return {
        "programme": told_of(row.signing, format) if row.kind == Certificate.Kind.PROGRAMME else None,
        "format": format,
        "person": row.person_id,
        "clinic": row.clinic_id,
        "attempt": attempt.public_id if attempt else None,
        "seal_sha256": attempt.seal_sha256 if attempt else None,
        "module": {"slug": version.module.slug, "version": version.number, "sha256": version.sha256}
        if version
        else None,
        "quiz_sha256": attempt.quiz_version.sha256 if attempt else None,
        "supersedes": row.supersedes.number if row.supersedes else None,
    }


def _earned(row: Certificate, attempt: Attempt, facts: dict[str, Any], old_end: date | None) -> Iterator[Finding]:
    """By this person, for this clinic, in a passed attempt; and the dates follow from the day of passing."""
    what = f"certificate {row.number}"
    owners = {
        "candidacy": attempt.candidacy_id,
        "person": attempt.candidacy.person_id,
        "clinic": attempt.candidacy.clinic_id,
    }
    held = {"candidacy": row.candidacy_id, "person": row.person_id, "clinic": row.clinic_id}
    yield from compare(f"{what}, its attempt", owners, held)
    # A regrade may have taken the pass since; what became of the certificate then is a disposition.
    if attempt.state not in Attempt.FINISHED or not any(outcome.passed for outcome in attempt.outcomes.all()):
        yield Finding(f"{what}, its attempt", "passed", f"{attempt.state}, not passed")
    before = row.supersedes
    if before is not None and before.attempt_id == row.attempt_id:
        dates = [[str(day) for day in (c.passed_on, c.valid_from_on, c.valid_until_on)] for c in (before, row)]
        yield from compare(f"{what}, dates of the copy that it corrects", *dates)
        return
    if attempt.ended_at is None:
        return
    passed_on = attempt.ended_at.astimezone(ZoneInfo(row.zone)).date()
    yield from compare(f"{what}, day of passing", passed_on, row.passed_on)
    module = attempt.module_version.module
    term = facts.get("validity") or {"months": module.validity_months, "days": module.validity_days}
    first, last = validity.term(passed_on, months=term["months"], days=term["days"], old_end=old_end)
    yield from compare(
        f"{what}, first and last day", [str(first), str(last)], [str(row.valid_from_on), str(row.valid_until_on)]
    )


def _ends_before(chunk: Iterable[Certificate]) -> dict[int, date]:
    """By certificate: the end of the one it renewed, if the person held one of an earlier cycle when it was issued; after an
    incident nothing is renewed."""
    rows = [row for row in chunk if row.candidacy and row.candidacy.reason != Candidacy.Reason.INCIDENT]
    held: dict[tuple[int, int], list[tuple[int, int, date, list[Any]]]] = defaultdict(list)
    for other in (
        Certificate.objects.filter(person__in={row.person_id for row in rows}, kind=Certificate.Kind.KNOWLEDGE)
        .select_related("candidacy")
        .prefetch_related("events")
        .only("pk", "person", "valid_until_on", "candidacy__quiz")
    ):
        if other.candidacy:
            revoked = [event.at for event in other.events.all() if event.kind == CertificateEvent.Kind.REVOKED]
            held[other.person_id, other.candidacy.quiz_id].append(
                (other.pk, other.candidacy.pk, other.valid_until_on, revoked)
            )
    ends = {}
    for row in rows:
        earlier = [
            until
            for pk, cycle, until, revoked in held[row.person_id, row.candidacy.quiz_id if row.candidacy else 0]
            if pk < row.pk and cycle != row.candidacy_id and not any(at <= row.issued_at for at in revoked)
        ]
        if earlier:
            ends[row.pk] = max(earlier)
    return ends


def _told(row: Certificate, events: list[AuditEvent], checked: Counter[str]) -> Iterator[Finding]:
    what = f"certificate {row.number}"
    issued = [event for event in events if event.action == "certificate.issued"]
    yield from compare(f"{what}, its events of issue", 1, len(issued))
    for event in issued:
        held = {
            "number": row.number,
            "attempt": row.attempt.public_id if row.attempt else None,
            "facts_sha256": row.facts_sha256,
        }
        said = json.loads(event.body)
        yield from compare(f"{what}, as its event of issue says", said, {name: held.get(name) for name in said})
        yield from compare(f"{what}, chain of its issue", row.clinic.chain.pk, event.chain_id)
    kinds = {f"certificate.{kind}" for kind in CertificateEvent.Kind.values}
    told = [event for event in events if event.action in kinds]
    since = list(row.events.all())
    checked["certificate events"] += len(since)
    said_since = [
        {
            "kind": e.action.removeprefix("certificate."),
            "by": e.actor_id,
            "public_text": e.reason,
            "class": json.loads(e.body).get("class"),
        }
        for e in told
    ]
    held_since = [{"kind": e.kind, "by": e.by_id, "public_text": e.public_text, "class": e.reason_class} for e in since]
    yield from compare(f"{what}, what happened to it since, as told", said_since, held_since)
    for event, own in zip(told, since, strict=False):
        for name, at in (("at", own.at), ("effective_at", own.effective_at)):
            yield from about_then(f"{what}, {own.kind}, {name}", event.at, at)
        note = json.loads(event.body).get("note_sha256")
        if note:
            yield from compare(
                f"{what}, {own.kind}, hash of its private note", note, canonical.sha256(own.private_note)
            )


def _series() -> Iterator[Finding]:
    """Numbers of a year run on from 1 to the last one given."""
    years = Certificate.objects.values_list("number", flat=True)
    given: Counter[int] = Counter()
    highest: dict[int, int] = {}
    deleted = Tombstone.objects.filter(label="certificates.certificate").values_list("name", flat=True)
    for number in chain(years.iterator(), deleted.iterator()):
        parts = number.split("-")
        if len(parts) == 3 and parts[0] == "PP" and parts[1].isdecimal() and parts[2].isdecimal():
            year = int(parts[1])
            given[year] += 1
            highest[year] = max(highest.get(year, 0), int(parts[2]))
        else:
            yield Finding(f"certificate {number}, its number", "PP, year and six digits", number)
    for row in NumberSeries.objects.order_by("year"):
        yield from compare(f"certificate numbers of {row.year}, the last given", row.last, highest.pop(row.year, 0))
        yield from compare(f"certificate numbers of {row.year}, how many", row.last, given[row.year])
    for year in highest:
        yield Finding(f"certificate numbers of {year}", "a row that counts them", "none")


def _files(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(StoredFile.objects.order_by("pk"), FILES_AT_ONCE):
        for row in chunk:
            checked["stored files"] += 1
            yield from compare(
                f"stored file {row.pk}, hash of its bytes", canonical.sha256(bytes(row.bytes)), row.sha256
            )
            begins = bytes(row.bytes[:8])
            told = next((kind for kind, sign in BEGINNINGS.items() if begins.startswith(sign)), "no known one")
            yield from compare(f"stored file {row.pk}, media type by its bytes", told, row.media_type)
