"""Verbs of the practicals: approve an observer, score beside the couch, sign, evaluate oneself, acknowledge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction

from staff import audit, canonical, clock, signing
from staff.access import clinics_as
from staff.models import Clinic, Membership, Signature, StaffMember
from staff.models.clinics import Role
from training import practicals
from training.models import (
    Acknowledgement,
    Observation,
    ObservedLine,
    ObservedScore,
    ObserverDecision,
    PracticalVersion,
    SelfEvaluation,
)
from training.observations import is_observer, live_practicals, may_be_observed, seen_of

FORMAT = "pinpoint-observation-1"
OBSERVER_FORMAT = "pinpoint-observer-1"


class SheetEnded(Exception):
    """The sheet is signed or put aside."""


class Stale(Exception):
    """Somebody scored the line since; `line` is how it stands."""

    def __init__(self, line: ObservedLine) -> None:
        super().__init__(str(line))
        self.line = line


class NotObservable(Exception):
    """Says in a sentence why this person does not observe this learner now."""


@dataclass(frozen=True)
class Saved:
    score: int
    revision: int
    saved_at: datetime


def observer_terms(*, clinic: Clinic, person: StaffMember, number: int, approved: bool) -> str:
    """What the physician signs, and what a verifier derives again from the row."""
    return canonical.text(
        {
            "format": OBSERVER_FORMAT,
            "clinic": clinic.pk,
            "person": person.pk,
            "number": number,
            "approved": approved,
        }
    )


def next_decision(clinic: Clinic, person: StaffMember) -> tuple[int, bool]:
    """The number of the next decision and what it would be: the opposite of the last."""
    last = ObserverDecision.objects.filter(clinic=clinic, person=person).order_by("-number").first()
    return (last.number + 1, not last.approved) if last else (1, True)


@transaction.atomic
def decide_observer(*, membership: Membership, approved: bool, seen: signing.Seen, by: StaffMember) -> ObserverDecision:
    """Approve a member of the clinic as an observer, or withdraw that; signed by the clinic's physician."""
    clinic, person = membership.clinic, membership.person
    Membership.objects.select_for_update().get(pk=membership.pk)
    if person.pk == by.pk:
        raise signing.SigningRefused("Nobody approves themselves. A supervising physician observes by her role.")
    if membership.ended_at:
        raise signing.SigningRefused(f"{person} works at {clinic} no longer, so nothing was signed.")
    number, opposite = next_decision(clinic, person)
    if approved != opposite:
        raise signing.SigningRefused("That is decided already. Nothing was signed: look at the list again.")
    terms = observer_terms(clinic=clinic, person=person, number=number, approved=approved)
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="approve-observer" if approved else "withdraw-observer",
        subject=membership,
        record_sha256=canonical.sha256(terms),
        seen=seen,
    )
    row = ObserverDecision.objects.create(
        clinic=clinic, person=person, number=number, approved=approved, signature=signature, decided_at=clock.now()
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="observer.approved" if approved else "observer.withdrawn",
        subject=row,
        body={"person": person.pk, "number": number},
    )
    return row


def why_not(*, observer: StaffMember, learner: StaffMember, clinic: Clinic) -> str:
    """The sentence that refuses, or empty."""
    if observer.pk == learner.pk:
        return "Nobody observes themselves. Ask another observer of the clinic."
    if not is_observer(observer, clinic):
        return f"You are not an approved observer at {clinic}. A supervising physician approves observers there."
    if not may_be_observed(learner, clinic):
        return f"No programme asks practicals of {learner} at {clinic}."
    if Observation.objects.filter(learner=observer, observer=learner, state=Observation.State.SIGNED).exists():
        return f"{learner} has observed you, and two people do not observe each other in turn. Ask another observer."
    return ""


def refused_today(*, learner: StaffMember, versions: Sequence[PracticalVersion], today: date) -> list[str]:
    """Starred practicals that failed today: they are repeated on another day."""
    seen = seen_of(learner)
    return [
        version.code
        for version in versions
        if practicals.repeated_from(seen.get(version.code, ()), starred=version.starred, today=today)
    ]


@transaction.atomic
def start(
    *,
    learner: StaffMember,
    clinic: Clinic,
    setting: str,
    codes: Sequence[str],
    by: StaffMember,
    device: str = "",
    device_serial: str = "",
    cartridge_lot: str = "",
    cartridge_expires_on: date | None = None,
    areas: Sequence[tuple[str, str]] = (),
) -> Observation:
    """Open a sheet with the criteria of these practicals; a sheet that is open already goes on."""
    sentence = why_not(observer=by, learner=learner, clinic=clinic)
    if sentence:
        raise NotObservable(sentence)
    versions = [version for version in live_practicals() if version.code in set(codes)]
    if not versions:
        raise NotObservable("Choose at least one practical to observe.")
    today = clock.today(clinic.zone)
    again = refused_today(learner=learner, versions=versions, today=today)
    if again:
        raise NotObservable(
            f"{', '.join(again)} failed today. A safety-critical practical is repeated on another day; leave it out."
        )
    try:
        with transaction.atomic():
            sheet = Observation.objects.create(
                clinic=clinic,
                learner=learner,
                observer=by,
                setting=setting,
                device=device.strip(),
                device_serial=device_serial.strip(),
                cartridge_lot=cartridge_lot.strip(),
                cartridge_expires_on=cartridge_expires_on,
                areas=canonical.text(list(areas)),
                observed_on=today,
                started_at=clock.now(),
            )
    except IntegrityError:
        return Observation.objects.get(learner=learner, observer=by, state=Observation.State.OPEN)
    criteria = [(version, place) for version in versions for place in range(len(version.lines))]
    ObservedLine.objects.bulk_create(
        ObservedLine(observation=sheet, position=position, practical=version, criterion=place)
        for position, (version, place) in enumerate(criteria, start=1)
    )
    audit.record(
        clinic=clinic,
        by=by,
        action="observation.started",
        subject=sheet,
        body={"learner": learner.pk, "setting": setting, "practicals": [version.code for version in versions]},
    )
    return sheet


@transaction.atomic
def save_score(
    *, sheet_id: str, observer: StaffMember, position: int, score: int, base_revision: int, client_key: str
) -> Saved:
    """Keep one tap. Authorised by sheet and observer alone; repeating the same `client_key` changes nothing.

    Raises ObservedLine.DoesNotExist, SheetEnded, ValueError for no score there is, or Stale with how the line stands.
    """
    line = (
        ObservedLine.objects.select_related("observation")
        .select_for_update(of=("self", "observation"))
        .get(observation__public_id=sheet_id, observation__observer=observer, position=position)
    )
    if score not in practicals.SCORES:
        raise ValueError(f"a score is 0, 1 or 2, got {score}")
    key = client_key[:64]
    if line.revision != base_revision or line.observation.state != Observation.State.OPEN:
        known = ObservedScore.objects.filter(line=line, client_key=key, score=score, revision=line.revision).first()
        if known:
            return Saved(known.score, known.revision, known.saved_at)
        if line.observation.state == Observation.State.OPEN:
            raise Stale(line)
    if line.observation.state != Observation.State.OPEN:
        raise SheetEnded
    now = clock.now()
    try:
        with transaction.atomic():
            ObservedScore.objects.create(
                line=line, revision=line.revision + 1, score=score, client_key=key, saved_at=now
            )
    except IntegrityError:
        raise Stale(line) from None
    ObservedLine.objects.filter(pk=line.pk).update(score=score, revision=line.revision + 1)
    return Saved(score, line.revision + 1, now)


def write_comment(*, sheet: Observation, text: str) -> None:
    """What the observer saw, in her words; part of the sheet until it is signed."""
    if not Observation.objects.filter(pk=sheet.pk, state=Observation.State.OPEN).update(comment=text.strip()):
        raise SheetEnded
    sheet.comment = text.strip()


def seal_text(sheet: Observation) -> str:
    """All of the sheet as it is signed, with the wording of each criterion and the history of each score."""
    lines = sheet.lines.select_related("practical").prefetch_related("saves").order_by("position")
    rows: dict[str, dict[str, object]] = {}
    for line in lines:
        version = line.practical
        row = rows.setdefault(
            version.code,
            {
                "code": version.code,
                "version": version.number,
                "sha256": version.sha256,
                "title": version.title,
                "starred": version.starred,
                "drill": version.drill,
                "lines": [],
            },
        )
        row["lines"].append(  # type: ignore[attr-defined]
            {
                "position": line.position,
                "criterion": line.text,
                "score": line.score,
                "revision": line.revision,
                "history_sha256": canonical.sha256_of(
                    [[save.revision, save.score, save.client_key, save.saved_at] for save in line.saves.all()]
                ),
            }
        )
    for row in rows.values():
        scores = [line["score"] for line in row["lines"]]  # type: ignore[attr-defined]
        row["passed"] = practicals.passed(starred=bool(row["starred"]), scores=scores)
    return canonical.text(
        {
            "format": FORMAT,
            "observation": sheet.public_id,
            "clinic": sheet.clinic_id,
            "learner": sheet.learner_id,
            "observer": sheet.observer_id,
            "setting": sheet.setting,
            "observed_on": sheet.observed_on,
            "device": sheet.device,
            "device_serial": sheet.device_serial,
            "cartridge_lot": sheet.cartridge_lot,
            "cartridge_expires_on": sheet.cartridge_expires_on,
            "areas": sheet.treated,
            "comment": sheet.comment,
            "started_at": sheet.started_at,
            "practicals": list(rows.values()),
        }
    )


@transaction.atomic
def sign(*, sheet: Observation, seen: signing.Seen, by: StaffMember) -> Observation:
    """Seal the sheet under the observer's signature."""
    sheet = Observation.objects.select_for_update(of=("self",)).select_related("clinic", "learner").get(pk=sheet.pk)
    if sheet.observer_id != by.pk:
        raise signing.SigningRefused("Only who watched signs the sheet. Nothing was signed.")
    if sheet.state != Observation.State.OPEN:
        raise signing.SigningRefused("This sheet is signed or put aside already. Nothing was changed.")
    if sheet.lines.filter(score=None).exists():
        raise signing.SigningRefused(
            "Some lines are not scored yet. Score each, or begin a sheet without that practical."
        )
    versions = list(PracticalVersion.objects.filter(pk__in=sheet.lines.values("practical")))
    again = refused_today(learner=sheet.learner, versions=versions, today=sheet.observed_on)
    if again:
        raise signing.SigningRefused(
            f"{', '.join(again)} failed on another sheet of the same day, and is repeated on another day. "
            "Nothing was signed."
        )

    def authority() -> str:
        sentence = why_not(observer=by, learner=sheet.learner, clinic=sheet.clinic)
        if sentence:
            raise signing.SigningRefused(sentence)
        if sheet.clinic in clinics_as(by, Role.PHYSICIAN):
            return signing.physician_role(by, sheet.clinic).role
        return "observer"

    text = seal_text(sheet)
    signature = signing.sign(
        by=by,
        clinic=sheet.clinic,
        meaning="observe",
        subject=sheet,
        record_sha256=canonical.sha256(text),
        seen=seen,
        authority=authority,
    )
    return _sealed(sheet, text, signature, by)


def _sealed(sheet: Observation, text: str, signature: Signature, by: StaffMember) -> Observation:
    sheet.state, sheet.ended_at, sheet.signature = Observation.State.SIGNED, clock.now(), signature
    sheet.seal, sheet.seal_sha256 = text, canonical.sha256(text)
    sheet.save(update_fields=["state", "ended_at", "signature", "seal", "seal_sha256"])
    audit.record(
        clinic=sheet.clinic,
        by=by,
        action="observation.signed",
        subject=sheet,
        body={"learner": sheet.learner_id, "seal_sha256": sheet.seal_sha256},
    )
    return sheet


@transaction.atomic
def put_aside(*, sheet: Observation, by: StaffMember) -> bool:
    """A sheet that is not to be signed; it stays on record as put aside."""
    open_ones = Observation.objects.filter(pk=sheet.pk, observer=by, state=Observation.State.OPEN)
    if not open_ones.update(state=Observation.State.VOIDED, ended_at=clock.now()):
        return False
    audit.record(
        clinic=sheet.clinic,
        by=by,
        action="observation.put_aside",
        subject=sheet,
        body={"learner": sheet.learner_id},
    )
    return True


@transaction.atomic
def evaluate_oneself(*, person: StaffMember, scores: Mapping[PracticalVersion, Sequence[int]]) -> list[SelfEvaluation]:
    """How the learner sees herself, before she is shown how she was seen."""
    rows = []
    for version, given in scores.items():
        if len(given) != len(version.lines) or not set(given) <= set(practicals.SCORES):
            raise ValueError(f"{version.code} has {len(version.lines)} lines, each 0, 1 or 2; got {list(given)}")
        number = SelfEvaluation.objects.filter(person=person, practical=version).count() + 1
        rows.append(
            SelfEvaluation.objects.create(
                person=person,
                practical=version,
                number=number,
                scores=canonical.text(list(given)),
                evaluated_at=clock.now(),
            )
        )
    return rows


@transaction.atomic
def acknowledge(*, sheet: Observation, agrees: bool, text: str, by: StaffMember) -> Acknowledgement:
    """The learner has read the signed sheet. Pressed twice, the first stands."""
    if sheet.learner_id != by.pk or sheet.state != Observation.State.SIGNED:
        raise ValueError("the learner acknowledges a signed sheet")
    try:
        with transaction.atomic():
            row = Acknowledgement.objects.create(
                observation=sheet,
                agrees=agrees,
                text=text.strip(),
                seal_sha256=sheet.seal_sha256,
                acknowledged_at=clock.now(),
            )
    except IntegrityError:
        return Acknowledgement.objects.get(observation=sheet)
    audit.record(
        clinic=sheet.clinic,
        by=by,
        action="observation.acknowledged",
        subject=sheet,
        body={
            "agrees": agrees,
            "text_sha256": canonical.sha256(row.text),
            "seal_sha256": sheet.seal_sha256,
        },
    )
    return row
