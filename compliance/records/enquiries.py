"""Questions and answers: as the audit trail tells of them, about what was the asker's to ask, by who might answer then."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from compliance.records.finding import Finding, about_then, chunks, compare, events_of, readable
from quizzes.asking import told_of, told_of_answer
from quizzes.models import Attempt, Enquiry, EnquiryAnswer
from staff.models import AuditEvent, Clinic, InstallationRole, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role

Held = list[tuple[datetime, datetime | None]]


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = Enquiry.objects.select_related("clinic__chain", "point_version", "item__attempt__candidacy")
    for chunk in chunks(rows.order_by("pk")):
        events = events_of("quizzes.enquiry", chunk)
        members = _memberships(chunk)
        for row in chunk:
            checked["enquiries"] += 1
            what = f"enquiry {row.public_id}"
            found = _enquiry(row, what, events[str(row.pk)], members[row.person_id, row.clinic_id])
            yield from readable(what, found)
    answers = EnquiryAnswer.objects.select_related("enquiry__clinic__chain")
    for some in chunks(answers.order_by("pk")):
        events = events_of("quizzes.enquiryanswer", some)
        entitled = _entitled(some)
        for answer in some:
            checked["answers to enquiries"] += 1
            what = f"answer {answer.pk} to enquiry {answer.enquiry.public_id}"
            key = (answer.role, answer.answered_by_id, answer.enquiry.clinic_id if answer.role == Role.PHYSICIAN else 0)
            yield from readable(what, _answer(answer, what, events[str(answer.pk)], entitled[key]))


def _enquiry(row: Enquiry, what: str, events: list[AuditEvent], members: Held) -> Iterator[Finding]:
    yield from _told(what, "enquiry.asked", events, told_of(row), row.clinic, row.person_id, row.asked_at)
    if not _then(members, row.asked_at):
        yield Finding(f"{what}, who asked", f"somebody who worked in clinic {row.clinic_id} then", "not so on record")
    if row.point_version:
        yield from compare(
            f"{what}, section of its key point", row.section_version_id, row.point_version.section_version_id
        )
    if row.item:
        candidacy, attempt = row.item.attempt.candidacy, row.item.attempt
        own = {"person": candidacy.person_id, "clinic": candidacy.clinic_id}
        yield from compare(f"{what}, whose attempt", own, {"person": row.person_id, "clinic": row.clinic_id})
        ended = attempt.state in Attempt.FINISHED and attempt.ended_at is not None and attempt.ended_at <= row.asked_at
        if not ended:
            yield Finding(f"{what}, its attempt", "ended before it was asked", f"{attempt.state}, {attempt.ended_at}")


def _answer(row: EnquiryAnswer, what: str, events: list[AuditEvent], entitled: Held) -> Iterator[Finding]:
    told = told_of_answer(row)
    yield from _told(what, "enquiry.answered", events, told, row.enquiry.clinic, row.answered_by_id, row.answered_at)
    for event in events:
        yield from compare(f"{what}, role as its event says", event.role, row.role)
    if row.answered_by_id == row.enquiry.person_id:
        yield Finding(f"{what}, who answered", "somebody else than who asked", "the same person")
    if row.answered_at < row.enquiry.asked_at:
        yield Finding(f"{what}, when", f"after it was asked, {row.enquiry.asked_at}", str(row.answered_at))
    if not _then(entitled, row.answered_at):
        yield Finding(f"{what}, who answered", f"entitled then as {row.role}", "not so on record")


def _told(
    what: str,
    action: str,
    events: list[AuditEvent],
    told: dict[str, object],
    clinic: Clinic,
    person: int,
    at: datetime,
) -> Iterator[Finding]:
    """Once, in its clinic's chain, by this person, then, and with these words."""
    yield from compare(f"{what}, its events", [action], [event.action for event in events])
    for event in events:
        yield from compare(f"{what}, as its event says", json.loads(event.body), told)
        yield from compare(f"{what}, chain of its event", event.chain_id, clinic.chain.pk)
        yield from compare(f"{what}, who it was by its event", event.actor_id, person)
        yield from about_then(f"{what}, when", event.at, at)


def _then(held: Held, at: datetime) -> bool:
    return any(since <= at and (until is None or until >= at) for since, until in held)


def _memberships(rows: list[Enquiry]) -> dict[tuple[int, int], Held]:
    found: dict[tuple[int, int], Held] = defaultdict(list)
    for row in Membership.objects.filter(
        person__in={row.person_id for row in rows}, clinic__in={row.clinic_id for row in rows}
    ):
        found[row.person_id, row.clinic_id].append((row.began_at, row.ended_at))
    return found


def _entitled(rows: list[EnquiryAnswer]) -> dict[tuple[str, int, int], Held]:
    """When these people were physicians of a clinic, or authors (of no clinic: 0)."""
    people = StaffMember.objects.filter(pk__in={row.answered_by_id for row in rows}).values("pk")
    found: dict[tuple[str, int, int], Held] = defaultdict(list)
    for role in MembershipRole.objects.filter(role=Role.PHYSICIAN, membership__person__in=people).select_related(
        "membership"
    ):
        key = (EnquiryAnswer.Role.PHYSICIAN.value, role.membership.person_id, role.membership.clinic_id)
        found[key].append((role.granted_at, role.ended_at))
    for author in InstallationRole.objects.filter(role=InstallationRole.Role.AUTHOR, person__in=people):
        found[EnquiryAnswer.Role.AUTHOR.value, author.person_id, 0].append((author.granted_at, author.ended_at))
    return found
