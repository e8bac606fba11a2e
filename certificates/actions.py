"""Verbs of proof: hand in with the certificate in one transaction, adopt, review, revoke. Each is signed or recorded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from certificates import causes, codes, drawing, events, fonts, holding, names, papers, sharing, validity
from certificates.models import Certificate, CertificateEvent, NumberSeries
from certificates.queries import (
    REVIEW_READ,
    holding_of,
    is_lost,
    passes_awaiting_adoption,
    read_by_candidate,
    state_of,
    with_events,
)
from quizzes import actions as sitting
from quizzes.eligibility import Standing, verdict
from quizzes.models import Attempt, AttemptGrant, Candidacy, Outcome, Quiz, Review
from quizzes.queries import last_full, standing
from staff import actions as staff_actions
from staff import audit, canonical, clock, mail, signing, written
from staff.access import LEARNING_ROLES, is_same
from staff.models import Clinic, Membership, MembershipRole, Signature, StaffMember
from staff.models.clinics import Role
from staff.prepared import prepared
from training import protocol
from training.actions import ask_to_read_anew, record_adoption
from training.models import Adoption, KeyPoint, Module, ModuleVersion, Programme, ReadingConfirmation, SectionVersion
from training.queries import standing_adoption

KIND_LINE = "Certificate of knowledge"
STATEMENT = "has passed the knowledge quiz in"
DISCLAIMER = "Knowledge quiz completed, unproctored. Not a permit to treat."
FORMAT = "pinpoint-certificate-3"  # of the facts; 1 knew of no choice of name, 2 of no credentials and versions
TALK_OPENS = 2
MOST_TOGETHER = 20
RENEWAL_HORIZON_DAYS = 366  # no renewal window is longer; the certificate's own decides

CERTIFICATES = written.New(Certificate)
COUNT = "UPDATE certificates_numberseries SET last = %s WHERE id = %s"
# What a corrected copy repeats of the one before.
KEPT_AT_REISSUE = (
    "title",
    "kind_line",
    "statement",
    "scope",
    "clinic_name",
    "clinic_address",
    "module_version_number",
    "rule_line",
    "disclaimer",
    "attempt_line",
    "passed_on",
    "valid_from_on",
    "valid_until_on",
    "zone",
    "renewal_days",
    "kind",
)


@dataclass(frozen=True)
class Finished:
    attempt: Attempt
    outcome: Outcome
    certificate: Certificate | None


def outcome_of(attempt: Attempt) -> Outcome:
    """The one that counts: the highest number."""
    outcome: Outcome = attempt.outcomes.order_by("-number")[0]
    return outcome


def submit(*, attempt: Attempt, by: StaffMember) -> Finished:
    """Hand in. However often it is pressed, the first outcome stands; too late, what is stored is scored."""
    return _finish(attempt, by=by, handed_in=True)


def settle(*, attempt: Attempt) -> Finished | None:
    """Score an attempt whose time is over as stored; None while it is not over. An absent person's end is the deadline."""
    if attempt.state == Attempt.State.OPEN and not sitting.is_late(
        attempt, clock.now(), attempt.quiz_version.grace_seconds
    ):
        return None
    return _finish(attempt, by=StaffMember.objects.pinpoint(), handed_in=False)


@transaction.atomic
def _finish(attempt: Attempt, *, by: StaffMember, handed_in: bool, closing: bool = False) -> Finished:
    locked = sitting.locked_attempt(attempt.pk, attempt.candidacy_id)
    if locked.state == Attempt.State.OPEN:
        now = max(clock.now(), locked.started_at)  # the server's clock may have been put back meanwhile
        late = sitting.is_late(locked, now, locked.quiz_version.grace_seconds)
        if late:
            state, ended_at = Attempt.State.EXPIRED, locked.deadline_at
        elif handed_in:
            state, ended_at = Attempt.State.SUBMITTED, now
        elif closing:
            state, ended_at = Attempt.State.EXPIRED, now
        else:
            raise ValueError(f"attempt {locked.public_id} is not over before {locked.deadline_at}")
        outcome = sitting.finish(attempt=locked, state=state, ended_at=ended_at, by=by)
        certificate = issue(attempt=locked, by=by) if outcome.passed else None
        _tell_locked(locked, outcome)
    else:
        outcome = outcome_of(locked)
        certificate = first_of(locked)
    return Finished(locked, outcome, certificate)


def _tell_locked(attempt: Attempt, outcome: Outcome) -> None:
    """When the last attempt is used, the physicians of the clinic hear of it."""
    candidacy = attempt.candidacy
    if outcome.passed:
        return
    where = standing(candidacy.person, candidacy.quiz, candidacy.clinic)
    if where.retest or where.attempts_used < where.attempts_allowed:
        return
    for physician in staff_with_role(candidacy.clinic, "physician"):
        if physician.pk != candidacy.person_id:
            mail.queue(
                to=physician,
                key=f"locked:{attempt.public_id}:{physician.pk}",
                subject=f"{candidacy.person.full_name} needs a talk before another attempt",
                body=(
                    f"{candidacy.person.full_name} has used all attempts of the quiz “{attempt.module_version.title}”.\n"
                    f"Two more open when you have talked it through and recorded that:\n{settings.SITE_URL}/reviews/\n"
                ),
            )


def staff_with_role(clinic: Clinic, role: str) -> list[StaffMember]:
    return list(
        StaffMember.objects.filter(
            is_active=True,
            membership__clinic=clinic,
            membership__ended_at=None,
            membership__roles__role=role,
            membership__roles__ended_at=None,
        ).distinct()
    )


def issue(*, attempt: Attempt, by: StaffMember) -> Certificate | None:
    """The knowledge certificate of a passed attempt, once, in the caller's transaction; None until the version is adopted.

    Valid from the day of passing, also when it is issued later, at adoption. A pass and an adoption at the same moment
    cannot miss each other: each records an event first, and so holds the clinic's chain while it looks for the other.
    """
    existing = first_of(attempt)
    if existing:
        return existing
    clinic = attempt.candidacy.clinic
    if standing_adoption(clinic, attempt.module_version) is None:
        return None
    certificate = _new_certificate(attempt, _previous(attempt))
    try:
        with transaction.atomic():
            CERTIFICATES.put(certificate)
    except IntegrityError:
        return first_of(attempt)
    audit.record(
        clinic=clinic,
        by=by,
        action="certificate.issued",
        subject=certificate,
        body={"number": certificate.number, "attempt": attempt.public_id, "facts_sha256": certificate.facts_sha256},
    )
    person = attempt.candidacy.person
    mail.queue(
        to=person,
        key=f"certificate:{certificate.number}",
        subject=f"Your certificate: {certificate.title}",
        body=(
            f"{person.full_name},\n\nyou passed the knowledge quiz “{certificate.title}”. "
            f"Your certificate {certificate.number} is valid through {_day(certificate.valid_until_on)}:\n"
            f"{settings.SITE_URL}{certificate.get_absolute_url()}\n"
        ),
    )
    return certificate


def first_of(attempt: Attempt) -> Certificate | None:
    """The one issued for the attempt; corrected copies follow it."""
    return next(iter(_issued_for(attempt.pk)), None)


@prepared
def _issued_for(attempt: int) -> "QuerySet[Certificate]":
    return Certificate.objects.filter(attempt=attempt).order_by("issued_at", "pk")[:1]


def _renewed(attempt: Attempt) -> Certificate | None:
    """The newest of the same quiz, which the one to be issued replaces; a revoked one is not replaced."""
    newest = next(iter(_newest_of(attempt.candidacy.person_id, attempt.candidacy.quiz_id)), None)
    if newest is None or newest.events.filter(kind=CertificateEvent.Kind.REVOKED).exists():
        return None
    return newest


def _of_the_quiz(person: int, quiz: int) -> "QuerySet[Certificate]":
    return Certificate.objects.filter(person=person, candidacy__quiz=quiz, kind=Certificate.Kind.KNOWLEDGE)


@prepared
def _newest_of(person: int, quiz: int) -> "QuerySet[Certificate]":
    return _of_the_quiz(person, quiz).filter(superseded_by=None).order_by("-issued_at", "-pk")[:1]


def _previous(attempt: Attempt) -> Certificate | None:
    """The last certificate of the same module that a renewal continues. What is passed after an incident counts from its own
    day: else an incident would lengthen what is held.

    One of the same cycle is none: it rests on a pass that a regrade took, and its days do not count towards the next.
    """
    if attempt.candidacy.cycle == 1 or attempt.candidacy.reason == Candidacy.Reason.INCIDENT:
        return None
    earlier = _of_the_quiz(attempt.candidacy.person_id, attempt.candidacy.quiz_id).exclude(
        candidacy=attempt.candidacy_id
    )
    return earlier.exclude(events__kind=CertificateEvent.Kind.REVOKED).order_by("-valid_until_on").first()


def _day(value: date) -> str:
    return f"{value.day} {value:%B %Y}"


def next_number(year: int) -> str:
    """PP-2026-000001 and on, from a locked row."""
    locked = NumberSeries.objects.select_for_update()
    series = locked.filter(year=year).first()
    if series is None:  # the year's first
        NumberSeries.objects.get_or_create(year=year)
        series = locked.get(year=year)
    written.tell(COUNT, [series.last + 1, series.pk])
    return f"PP-{year}-{series.last + 1:06d}"


def rule_line(attempt: Attempt) -> str:
    """The clock as the clinic set it; that somebody had longer is nobody's business."""
    rules, whole = attempt.quiz_version, attempt.parent or attempt
    clock_set = f", with a clock of {whole.limit_minutes} minutes" if whole.limit_minutes else ""
    asked = f"{rules.cut} of {rules.items} right and every safety-critical question right{clock_set}"
    return f"Rule: {asked}. Cut score {rules.cut_basis}."


def attempt_line(attempt: Attempt) -> str:
    """Cites both sittings where a critical re-test followed the attempt."""
    parent = attempt.parent
    if parent is None or parent.ended_at is None or attempt.ended_at is None:
        return ""
    zone = ZoneInfo(attempt.candidacy.clinic.zone)
    first, second = (row.ended_at.astimezone(zone).date() for row in (parent, attempt) if row.ended_at)
    return f"Attempt {parent.number} of {_day(first)} with the critical re-test of {_day(second)}."


def _new_certificate(attempt: Attempt, before: Certificate | None) -> Certificate:
    candidacy, version = attempt.candidacy, attempt.module_version
    clinic, person, module = candidacy.clinic, candidacy.person, version.module
    renewed = _renewed(attempt)
    passed_on = (attempt.ended_at or clock.now()).astimezone(ZoneInfo(clinic.zone)).date()
    start, end = validity.term(
        passed_on,
        months=module.validity_months,
        days=module.validity_days,
        old_end=before.valid_until_on if before else None,
    )
    programme = _programme(attempt)
    chosen = name_choice(person)
    printed = {
        "holder_name": person.full_name,
        "printed_name": names.shown_as(printable(person), chosen),
        "name_shown": chosen,
        "reissued_for": "",
        "title": version.title,
        "kind_line": KIND_LINE,
        "statement": STATEMENT,
        "scope": programme.scope if programme else "",
        "clinic_name": clinic.name,
        "clinic_address": clinic.address,
        "module_version_number": version.number,
        "rule_line": rule_line(attempt),
        "disclaimer": DISCLAIMER,
        "attempt_line": attempt_line(attempt),
        "passed_on": passed_on,
        "valid_from_on": start,
        "valid_until_on": end,
        "zone": clinic.zone,
        "renewal_days": programme.renewal_opens_days if programme else 60,
        "design_version": drawing.DESIGN_VERSION,
        "site_url": settings.SITE_URL,
        "issued_at": clock.now(),
        "kind": Certificate.Kind.KNOWLEDGE,
        "number": next_number(clock.today(clinic.zone).year),
        "code": codes.new(),
    }
    return _frozen(printed, attempt, supersedes=renewed)


def _frozen(printed: dict[str, Any], attempt: Attempt, *, supersedes: Certificate | None) -> Certificate:
    """What is printed as columns, and the canonical JSON of it with what it rests on."""
    candidacy, version = attempt.candidacy, attempt.module_version
    facts = canonical.text(
        {
            "format": FORMAT,
            **printed,
            "person": candidacy.person_id,
            "clinic": candidacy.clinic_id,
            "attempt": attempt.public_id,
            "seal_sha256": attempt.seal_sha256,
            "module": {"slug": version.module.slug, "version": version.number, "sha256": version.sha256},
            "quiz_sha256": attempt.quiz_version.sha256,
            "supersedes": supersedes.number if supersedes else None,
        }
    )
    return Certificate(
        person=candidacy.person,
        clinic=candidacy.clinic,
        candidacy=candidacy,
        attempt=attempt,
        supersedes=supersedes,
        facts=facts,
        facts_sha256=canonical.sha256(facts),
        **printed,
    )


def name_choice(person: StaffMember) -> str:
    """As on her newest certificate; the full name until she chose otherwise."""
    return next(iter(_names_shown(person.pk)), names.FULL)


@prepared
def _names_shown(person: int) -> "QuerySet[Certificate, str]":
    newest = Certificate.objects.filter(person=person).order_by("-issued_at", "-pk")
    return newest.values_list("name_shown", flat=True)[:1]


def present_copy(certificate: Certificate) -> Certificate:
    """The last of its corrected copies, or itself. A renewal is another certificate."""
    while newer := certificate.superseded_by.exclude(reissued_for="").first():
        certificate = newer
    return certificate


class ReissueRefused(Exception):
    """Says, in a sentence for the holder, why nothing was issued."""


def mail_to_holder(*, certificate: Certificate, by: StaffMember) -> bool:
    """The PDF and its public page to the holder's own address, once a day; whether it was queued now."""
    if certificate.person_id != by.pk:
        raise ValueError("a certificate is mailed to its holder alone")
    return mail.queue(
        to=by,
        key=f"own-copy:{certificate.number}:{clock.today(certificate.zone)}",
        subject=f"Your certificate {certificate.number}: {certificate.title}",
        body=(
            f"{by.full_name},\n\nyou asked for your certificate “{certificate.title}”, valid through "
            f"{_day(certificate.valid_until_on)}. The PDF is attached.\n\nAnyone can check it here:\n"
            f"{sharing.public_page(certificate)}\n"
        ),
        file=papers.file_of(certificate, "pdf"),
        file_name=f"{certificate.number}.pdf",
    )


@transaction.atomic
def reissue(*, certificate: Certificate, name_shown: str, by: StaffMember) -> Certificate:
    """The same certificate with the holder's present name, shown as she chooses; it replaces the one before for good.

    Same proof and same dates under a new number and code. What is the same already is left as it is.
    """
    attempt = certificate.attempt
    if attempt is None:
        raise ReissueRefused("This is no certificate of knowledge.")
    Candidacy.objects.select_for_update().get(pk=attempt.candidacy_id)
    present = refuse_reissue(certificate, by)
    if is_lost(present):
        raise ReissueRefused(
            f"A question of its quiz was corrected, and a physician has still to decide about {certificate.number}."
        )
    if reads_so(certificate, name_shown, by):
        return certificate
    newer = _frozen(printed_anew(certificate, name_shown, by), attempt, supersedes=certificate)
    newer.save(force_insert=True)
    tell_reissue(newer, by)
    return newer


def refuse_reissue(certificate: Certificate, by: StaffMember) -> Certificate:
    """What speaks against it whatever the kind; the certificate as it is now. Raises ReissueRefused."""
    if certificate.person_id != by.pk:
        raise ReissueRefused("How a name is shown is the holder's own choice.")
    present = with_events(Certificate.objects.filter(pk=certificate.pk)).get()
    if state_of(present) not in (*validity.IN_FORCE, "not-yet-valid"):
        raise ReissueRefused(f"{certificate.number} is not in force, so it is not issued again.")
    return present


def reads_so(certificate: Certificate, name_shown: str, by: StaffMember) -> bool:
    return (name_shown, by.full_name) == (certificate.name_shown, certificate.holder_name)


def printed_anew(certificate: Certificate, name_shown: str, by: StaffMember) -> dict[str, Any]:
    """What the copy prints: all as before but the name, the number, the code and when it was issued."""
    corrected = by.full_name != certificate.holder_name
    return {name: getattr(certificate, name) for name in KEPT_AT_REISSUE} | {
        "holder_name": by.full_name,
        "printed_name": names.shown_as(printable(by), name_shown),
        "name_shown": name_shown,
        "reissued_for": Certificate.Reissue.NAME if corrected else Certificate.Reissue.NAME_SHOWN,
        "design_version": drawing.DESIGN_VERSION,
        "site_url": settings.SITE_URL,
        "issued_at": clock.now(),
        "number": next_number(clock.today(certificate.zone).year),
        "code": codes.new(),
    }


def tell_reissue(newer: Certificate, by: StaffMember) -> None:
    attempt = newer.attempt.public_id if newer.attempt else None
    audit.record(
        clinic=newer.clinic,
        by=by,
        action="certificate.issued",
        subject=newer,
        reason=newer.get_reissued_for_display(),
        body={"number": newer.number, "attempt": attempt, "facts_sha256": newer.facts_sha256},
    )


def _programme(attempt: Attempt) -> Programme | None:
    """The first that asks for the module of what the person does in the clinic; else the first that asks for it at all."""
    asking = [row for row in _programmes() if attempt.module_version.module.slug in row.slugs]
    roles = set(_roles_held(attempt.candidacy.person_id, attempt.candidacy.clinic_id))
    return next((row for row in asking if roles & set(row.asked_of)), asking[0] if asking else None)


@prepared
def _programmes() -> "QuerySet[Programme]":
    return Programme.objects.all()


@prepared
def _roles_held(person: int, clinic: int) -> "QuerySet[MembershipRole, str]":
    held = MembershipRole.objects.filter(
        membership__person=person, membership__clinic=clinic, membership__ended_at=None, ended_at=None
    )
    return held.values_list("role", flat=True)


def printable(person: StaffMember) -> str:
    """The name as the certificate's fonts can write it; a name they cannot write is found when it is entered."""
    try:
        return fonts.load(settings.CERTIFICATE_FONTS).printable_name(person.full_name, person.latin_name)
    except fonts.Unprintable:
        return person.latin_name or person.full_name


def before_adopting(clinic: Clinic, version: ModuleVersion) -> str:
    """The hash of what is on screen before a version is signed: its own, and the defaults that could be taken with it."""
    return canonical.sha256_of([version.sha256, {item.code: item.default for item in protocol.undecided(clinic)}])


def adopt(
    *, clinic: Clinic, version: ModuleVersion, with_defaults: bool, seen: signing.Seen, by: StaffMember
) -> Adoption:
    """Sign a module version for the clinic; passes that waited for it get their certificates. Twice gives the first."""
    with transaction.atomic():
        signature = signing.sign(
            by=by,
            clinic=clinic,
            meaning="adopt-defaults" if with_defaults else "adopt",
            subject=version,
            record_sha256=version.sha256,
            seen=seen.with_typed(version.sha256, on=before_adopting(clinic, version)),
        )
        existing = Adoption.objects.filter(clinic=clinic, module_version=version).first()
        adoption = existing or record_adoption(clinic=clinic, version=version, signature=signature)
        if with_defaults:
            protocol.take_defaults(clinic=clinic, items=protocol.undecided(clinic), signature=signature, by=by)
        audit.record(
            clinic=clinic,
            by=by,
            role="physician",
            action="module.adopted",
            subject=version,
            body={"sha256": version.sha256},
        )
        for attempt in _passes_waiting(clinic, version):
            issue(attempt=attempt, by=by)
    return adoption


def _passes_waiting(clinic: Clinic, version: ModuleVersion) -> list[Attempt]:
    """Passed attempts of this version or its cosmetic successors, for this clinic, that hold no certificate yet."""
    later = ModuleVersion.objects.filter(module=version.module_id, number__gt=version.number).order_by("number")
    covered = [version.pk]
    for successor in later:
        if successor.change != ModuleVersion.Change.COSMETIC:
            break
        covered.append(successor.pk)
    passed = passes_awaiting_adoption().filter(candidacy__clinic=clinic, module_version__in=covered)
    return list(
        passed.select_related(
            "candidacy__person", "candidacy__clinic", "candidacy__quiz", "quiz_version", "module_version__module"
        ).order_by("ended_at", "pk")
    )


REVIEWED: dict[str, str] = {Review.Decision.ENDORSED: "review.endorsed", Review.Decision.RETURNED: "review.returned"}


def review_terms(
    *, attempt: Attempt, decision: str, text: str, restudy: list[str], fate: str | None
) -> dict[str, object]:
    """What a review's signature covers. `restudy` are codes in their order; `fate` is what becomes of the certificate."""
    return {
        "format": "pinpoint-review-1",
        "attempt": attempt.public_id,
        "seal_sha256": attempt.seal_sha256,
        "decision": decision,
        "text_sha256": canonical.sha256(text),
        "restudy": restudy,
        "certificate": fate,
    }


def review(
    *,
    attempt: Attempt,
    decision: str,
    text: str,
    restudy: list[KeyPoint],
    suspend: bool,
    seen: signing.Seen,
    by: StaffMember,
) -> Review:
    """Endorse a sealed attempt, or return it with what to study again; a returned pass may suspend its certificate."""
    candidacy = attempt.candidacy
    if is_same(by, candidacy.person_id):
        raise signing.SigningRefused("Nobody reviews their own attempt. Ask another physician of the clinic.")
    if attempt.state not in Attempt.FINISHED:
        raise signing.SigningRefused("This attempt is not handed in yet, so there is nothing to sign.")
    with transaction.atomic():
        certificate = Certificate.objects.filter(attempt=attempt).first()
        returned = decision == Review.Decision.RETURNED
        fate = ("suspend" if suspend else "keep") if returned and certificate else None
        codes = sorted(point.code for point in restudy)
        terms = review_terms(attempt=attempt, decision=decision, text=text, restudy=codes, fate=fate)
        over = canonical.sha256_of(terms)
        signature = signing.sign(
            by=by,
            clinic=candidacy.clinic,
            meaning="return" if returned else "endorse",
            subject=attempt,
            record_sha256=over,
            seen=seen.with_typed(over, on=attempt.seal_sha256),
        )
        row = Review.objects.create(
            attempt=attempt,
            candidate=candidacy.person,
            reviewer=by,
            decision=decision,
            text=text,
            signature=signature,
            reviewed_at=clock.now(),
        )
        row.restudy.set(restudy)
        audit.record(
            clinic=candidacy.clinic, by=by, role=signature.role, action=REVIEWED[decision], subject=row, body=terms
        )
        if returned:
            if certificate and suspend:
                record_event(certificate, "suspended", by, "restudy", "Re-study after a review", text, signature=None)
            mail.queue(
                to=candidacy.person,
                key=f"returned:{row.pk}",
                subject=f"{by.full_name} returned your attempt: {attempt.module_version.title}",
                body=(
                    f"{candidacy.person.full_name},\n\n{by.full_name} reviewed your attempt and wrote:\n\n{text}\n\n"
                    f"What to read again is on your result:\n{settings.SITE_URL}/attempts/{attempt.public_id}/result/\n"
                ),
            )
    return row


@transaction.atomic
def acknowledge(*, review: Review, by: StaffMember) -> None:
    """The candidate has read what her physician decided: an event of the trail, which nothing changes. Twice is once."""
    if review.candidate_id != by.pk:
        raise ValueError("the candidate alone says that she has read a review")
    candidacy = review.attempt.candidacy
    list(sitting.lock_candidacy(candidacy.pk))
    if not read_by_candidate([review]):
        told = told_of_reading(review)
        audit.record(clinic=candidacy.clinic, by=by, action=REVIEW_READ, subject=review, body=told)


def told_of_reading(row: Review) -> dict[str, str]:
    """What the trail says of what was read: the record that the physician signed."""
    return {"signed_sha256": row.signature.record_sha256}


@transaction.atomic
def endorse_together(*, seen: Mapping[Attempt, signing.Seen], by: StaffMember) -> list[Review]:
    """Endorse up to twenty attempts that were each opened, under one re-authentication; all of them or none.

    Each has a row and a signature of its own, over what of it was on screen.
    """
    if not 0 < len(seen) <= MOST_TOGETHER:
        raise signing.SigningRefused(f"Between 1 and {MOST_TOGETHER} records are signed at once. Nothing was signed.")
    rows = []
    for place, (attempt, shown) in enumerate(seen.items()):
        evidence = replace(shown.evidence, continuous=shown.evidence.continuous or place > 0)
        rows.append(
            review(
                attempt=attempt,
                decision=Review.Decision.ENDORSED,
                text="",
                restudy=[],
                suspend=False,
                seen=replace(shown, evidence=evidence),
                by=by,
            )
        )
    return rows


def record_talk(*, candidacy: Candidacy, text: str, seen: signing.Seen, by: StaffMember) -> AttemptGrant:
    """The talk that opens two more attempts after the last one failed."""
    if is_same(by, candidacy.person_id):
        raise signing.SigningRefused("Nobody records a talk with themselves. Ask another physician of the clinic.")
    with transaction.atomic():
        last, where = _locked_standing(candidacy)
        if last is None or where.retest or where.open_attempt or where.attempts_used < where.attempts_allowed:
            raise signing.SigningRefused("Attempts are still open here, so no talk is needed to open more.")
        signature = _sign_grant(candidacy, last, "talk", seen, by)
        row = sitting.grant(
            candidacy=candidacy, kind=AttemptGrant.Kind.TALK, extra=TALK_OPENS, reason=text, signature=signature, by=by
        )
        mail.queue(
            to=candidacy.person,
            key=f"talk:{row.pk}",
            subject="Two more attempts are open",
            body=(
                f"{candidacy.person.full_name},\n\n{by.full_name} recorded your talk. Two more attempts of the quiz are "
                "open once the missed passages are confirmed again:\n"
                f"{settings.SITE_URL}/modules/{candidacy.quiz.module.slug}/quiz/\n"
            ),
        )
    return row


def open_early(*, candidacy: Candidacy, text: str, seen: signing.Seen, by: StaffMember) -> AttemptGrant:
    """Open the next attempt before its time, with a reason; the missed passages are still confirmed first."""
    if is_same(by, candidacy.person_id):
        raise signing.SigningRefused("Nobody opens their own attempt early. Ask another physician of the clinic.")
    with transaction.atomic():
        last, where = _locked_standing(candidacy)
        waits = verdict(replace(where, unread=(), reread=()), clock.now()).code == "wait"
        if last is None or candidacy.closed_at or not waits:
            raise signing.SigningRefused("No further attempt waits for its time here, so nothing was opened.")
        signature = _sign_grant(candidacy, last, "open-early", seen, by)
        return sitting.grant(
            candidacy=candidacy, kind=AttemptGrant.Kind.EARLY, extra=0, reason=text, signature=signature, by=by
        )


def _locked_standing(candidacy: Candidacy) -> tuple[Attempt | None, Standing]:
    """The last finished attempt and the standing, with the candidacy locked."""
    Candidacy.objects.select_for_update().get(pk=candidacy.pk)
    return last_full(candidacy), standing(candidacy.person, candidacy.quiz, candidacy.clinic)


def _sign_grant(candidacy: Candidacy, last: Attempt, meaning: str, seen: signing.Seen, by: StaffMember) -> Signature:
    """Signed over the seal of the last attempt: what was talked about, or what the next one follows."""
    return signing.sign(
        by=by,
        clinic=candidacy.clinic,
        meaning=meaning,
        subject=candidacy,
        record_sha256=last.seal_sha256,
        seen=seen,
    )


def record_event(
    certificate: Certificate,
    kind: str,
    by: StaffMember,
    reason_class: str,
    public_text: str,
    private_note: str,
    signature: Signature | None,
) -> CertificateEvent:
    """One event; what rests on a certificate of knowledge is held or let go with it."""
    event = events.record(certificate, kind, by, reason_class, public_text, private_note, signature)
    if certificate.kind == Certificate.Kind.KNOWLEDGE and kind in ("suspended", "lifted", "revoked"):
        holding.settle_programmes(certificate.person)
    return event


def _hold_still(certificate: Certificate) -> None:
    """Nobody issues it again under another name meanwhile."""
    if certificate.candidacy_id:
        Candidacy.objects.select_for_update().get(pk=certificate.candidacy_id)
    else:
        Certificate.objects.select_for_update().get(pk=certificate.pk)


def revoke(
    *,
    certificate: Certificate,
    reason_class: str,
    public_text: str,
    private_note: str,
    seen: signing.Seen,
    by: StaffMember,
) -> CertificateEvent:
    """Withdraw for good, signed, with a reason the public sees. The quiz opens again in a new cycle."""
    if is_same(by, certificate.person_id):
        raise signing.SigningRefused("Nobody revokes their own certificate. Ask another physician of the clinic.")
    with transaction.atomic():
        _hold_still(certificate)
        if certificate.events.filter(kind=CertificateEvent.Kind.REVOKED).exists():
            raise signing.SigningRefused(f"{certificate.number} is revoked already; nothing was changed.")
        newer = present_copy(certificate)
        if newer != certificate:
            raise signing.SigningRefused(
                f"{certificate.number} was replaced by {newer.number} meanwhile. Nothing was signed: look at that one."
            )
        signature = signing.sign(
            by=by,
            clinic=certificate.clinic,
            meaning="revoke",
            subject=certificate,
            record_sha256=certificate.facts_sha256,
            seen=seen,
        )
        return withdraw(
            certificate=certificate,
            reason_class=reason_class,
            public_text=public_text,
            private_note=private_note,
            signature=signature,
            by=by,
        )


def withdraw(
    *,
    certificate: Certificate,
    reason_class: str,
    public_text: str,
    private_note: str,
    signature: Signature,
    by: StaffMember,
) -> CertificateEvent:
    """What a signed revocation does, in the caller's transaction."""
    event = record_event(certificate, "revoked", by, reason_class, public_text, private_note, signature)
    open_cycle(certificate, Candidacy.Reason.INCIDENT, by=by)
    mail.queue(
        to=certificate.person,
        key=f"revoked:{certificate.number}",
        subject=f"Certificate {certificate.number} was revoked",
        body=(
            f"{certificate.person.full_name},\n\n{by.full_name} revoked your certificate “{certificate.title}”: "
            f"{public_text}.\nWhat to do next is on your home page: {settings.SITE_URL}/\n"
        ),
    )
    return event


def suspend(
    *, certificate: Certificate, reason_class: str, public_text: str, private_note: str, by: StaffMember
) -> None:
    """Hold until somebody decides; a manager or a physician may. Of a corrected certificate the copy that holds is meant."""
    with transaction.atomic():
        _hold_still(certificate)
        certificate = present_copy(certificate)
        if validity.state(holding_of(certificate), clock.now()) in ("revoked", "suspended"):
            return
        record_event(certificate, "suspended", by, reason_class, public_text, private_note, None)


class LiftRefused(Exception):
    """Says, in a sentence for whoever pressed it, why nothing was lifted."""


def lift(*, certificate: Certificate, private_note: str, by: StaffMember) -> None:
    """End what holds it. Raises LiftRefused where nobody suspended it, or where what it rests on still holds it."""
    with transaction.atomic():
        _hold_still(certificate)
        certificate = with_events(Certificate.objects.filter(pk=certificate.pk)).get()
        refusal = why_not_lifted(certificate)
        if refusal:
            raise LiftRefused(refusal)
        last = causes.open_suspensions(certificate)[-1]
        record_event(certificate, "lifted", by, last.reason_class, "", private_note, None)


def why_not_lifted(certificate: Certificate) -> str:
    """What keeps its suspension from being lifted by hand, or nothing; uses what `with_events` fetched."""
    held = causes.open_suspensions(certificate)
    if state_of(certificate) != "suspended":
        return f"{certificate.number} is not suspended, so there is nothing to lift."
    if not held:
        return (
            "The physician who supervised left, and nobody took over in time. That is not lifted: another physician of the "
            "clinic takes over the supervision and signs for it."
        )
    missing = holding.missing_modules(certificate) if held[-1].reason_class == holding.BASIS else []
    if missing:
        return f"A certificate it rests on is not in force: {', '.join(missing)}. Once it is, this one is let go by itself."
    return ""


def open_cycle(certificate: Certificate, reason: str, *, by: StaffMember) -> Candidacy | None:
    """The next cycle of the same quiz, for the clinic where she works now; none if one is open or she has left."""
    quiz_id = certificate.candidacy.quiz_id if certificate.candidacy else None
    members = Membership.objects.filter(person=certificate.person, ended_at=None, roles__role__in=LEARNING_ROLES)
    places = list(members.filter(roles__ended_at=None).order_by("pk").values_list("clinic", flat=True))
    if quiz_id is None or not places:
        return None
    place = certificate.clinic_id if certificate.clinic_id in places else places[0]
    return _next_cycle(certificate.person, quiz_id, place, reason, by)


def open_incident_cycle(*, person: StaffMember, module: Module, clinic: Clinic, by: StaffMember) -> None:
    """After an incident the module is read in full and passed again, whatever is held; a cycle that is open serves for it."""
    quiz = Quiz.objects.filter(module=module, candidacy__person=person).first()
    opened = _next_cycle(person, quiz.pk, clinic.pk, Candidacy.Reason.INCIDENT, by) if quiz else None
    if opened is None:
        ask_to_read_anew(person=person, module=module, clinic=clinic, by=by)


def _next_cycle(person: StaffMember, quiz_id: int, clinic_id: int, reason: str, by: StaffMember) -> Candidacy | None:
    cycles = Candidacy.objects.filter(person=person, quiz=quiz_id)
    if cycles.filter(closed_at=None).exists():
        return None
    try:
        with transaction.atomic():
            opened = Candidacy.objects.create(
                person=person,
                quiz_id=quiz_id,
                clinic_id=clinic_id,
                cycle=1 + max(cycles.values_list("cycle", flat=True)),
                reason=reason,
                opened_by=by,
                opened_at=clock.now(),
            )
            module = opened.quiz.module
            # After a revocation or an incident everything is read again, and where the module says so at renewal too.
            if reason == Candidacy.Reason.INCIDENT or module.renewal == Module.Renewal.FULL:
                ask_to_read_anew(person=person, module=module, clinic=opened.clinic, by=by)
            return opened
    except IntegrityError:
        return None


def open_renewals(person: StaffMember | None = None) -> int:
    """Open the renewal cycle of each certificate whose window has come; from `tick`, and when the person visits home."""
    soon = clock.now().date() + timedelta(days=RENEWAL_HORIZON_DAYS)
    same_quiz = {"person": OuterRef("person"), "candidacy__quiz": OuterRef("candidacy__quiz")}
    later = Certificate.objects.filter(**same_quiz, valid_until_on__gt=OuterRef("valid_until_on"))
    cycle = Candidacy.objects.filter(person=OuterRef("person"), quiz=OuterRef("candidacy__quiz"), closed_at=None)
    waiting = Certificate.objects.filter(
        ~Exists(later),
        ~Exists(cycle),
        kind=Certificate.Kind.KNOWLEDGE,
        valid_until_on__lte=soon,
        person__is_active=True,
    )
    if person:
        waiting = waiting.filter(person=person)
    opened = 0
    for certificate in with_events(waiting).select_related("candidacy").order_by("valid_until_on", "pk"):
        if validity.state(holding_of(certificate), clock.now()) in ("expiring", "expired"):
            opened += open_cycle(certificate, Candidacy.Reason.RENEWAL, by=StaffMember.objects.pinpoint()) is not None
    return opened


def lift_restudied(person: StaffMember | None = None) -> int:
    """End suspensions whose returned passages have all been confirmed again since the review."""
    suspended = Count("events", filter=Q(events__kind=CertificateEvent.Kind.SUSPENDED))
    again = Count("events", filter=Q(events__kind=CertificateEvent.Kind.LIFTED))
    held = Certificate.objects.alias(held=suspended, lifted=again).filter(held__gt=F("lifted"))
    if person:
        held = held.filter(person=person)
    lifted = 0
    for certificate in with_events(held):
        row = Review.objects.filter(attempt=certificate.attempt_id, decision=Review.Decision.RETURNED).first()
        last = [event for event in certificate.events.all() if event.kind == CertificateEvent.Kind.SUSPENDED][-1]
        held_now = state_of(certificate) == "suspended" and causes.open_suspensions(certificate)
        if row and held_now and last.reason_class == "restudy" and last.at >= row.reviewed_at and restudy_done(row):
            lift(
                certificate=certificate,
                private_note="The passages were confirmed again.",
                by=StaffMember.objects.pinpoint(),
            )
            lifted += 1
    return lifted


def restudy_done(row: Review) -> bool:
    """Every section with a returned key point was confirmed again after the review."""
    sections, again = _restudied(row)
    return bool(sections) and sections <= again


def restudy_missing(row: Review) -> list[str]:
    """Titles of the sections that are still to be confirmed again."""
    sections, again = _restudied(row)
    titles = SectionVersion.objects.filter(section__in=sections - again).order_by("section", "number")
    return sorted(dict(titles.values_list("section", "title")).values())


def _restudied(row: Review) -> tuple[set[int], set[int]]:
    """The sections that a return asks for, and those of them that were confirmed since."""
    points = [point.pk for point in row.restudy.all()]
    sections = set(
        KeyPoint.objects.filter(pk__in=points).values_list("versions__section_version__section", flat=True).distinct()
    )
    again = set(
        ReadingConfirmation.objects.filter(
            person=row.candidate, confirmed_at__gt=row.reviewed_at, section_version__section__in=sections
        ).values_list("section_version__section", flat=True)
    )
    return sections, again


def settle_overdue(
    person: StaffMember | None = None, clinics: Collection[Clinic] | None = None, limit: int = 500
) -> int:
    """Score what ran out of time, each attempt in a transaction of its own: from `tick`, and for whoever visits.

    A person's home settles her own, a physician's queue those of her clinics.
    """
    now = clock.now()
    overdue = Attempt.objects.filter(state=Attempt.State.OPEN, deadline_at__lt=now).select_related("quiz_version")
    if person is not None:
        overdue = overdue.of(person)
    if clinics is not None:
        overdue = overdue.filter(candidacy__clinic__in=clinics)
    return sum(settle(attempt=attempt) is not None for attempt in overdue.order_by("deadline_at")[:limit])


def change_membership(
    *, membership: Membership, job_title: str, staff_number: str, hired_on: date, roles: list[str], by: StaffMember
) -> Membership:
    """Another title, number, day or other roles, in one transaction with what losing a role closes or ends."""
    with transaction.atomic():
        held = set(membership.roles.filter(ended_at=None).values_list("role", flat=True))
        if held & set(LEARNING_ROLES) and not set(roles) & set(LEARNING_ROLES):
            _close_attempts(membership, by=by)
        current = staff_actions.change_member(
            membership=membership,
            job_title=job_title,
            staff_number=staff_number,
            hired_on=hired_on,
            roles=roles,
            by=by,
        )
        if Role.PHYSICIAN in held and Role.PHYSICIAN not in roles:
            holding.supervisor_gone(membership=membership, by=by)
        return current


def _close_attempts(membership: Membership, *, by: StaffMember) -> None:
    """The clinic's open attempts of that person are scored as stored, and count no further ones."""
    person, clinic = membership.person, membership.clinic
    for attempt in Attempt.objects.filter(candidacy__person=person, candidacy__clinic=clinic, state=Attempt.State.OPEN):
        _finish(attempt, by=by, handed_in=False, closing=True)
    for candidacy in Candidacy.objects.filter(person=person, clinic=clinic, closed_at=None):
        sitting.close_candidacy(candidacy, by=by)


def end_membership(*, membership: Membership, reason: str, by: StaffMember) -> bool:
    """End it, and close the clinic's open attempts as stored, in one transaction."""
    with transaction.atomic():
        _close_attempts(membership, by=by)
        physician = holding.is_physician(membership)
        ended = staff_actions.close_membership(membership=membership, by=by, reason=reason)
        if ended:
            holding.membership_ended(membership=membership, was_physician=physician, by=by)
        return ended
