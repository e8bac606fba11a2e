"""The yearly training in blood-borne pathogens, as a clinic records it: who gives it, where the exposure control plan is, each
dated session and who came. The duty is the employer's; this is a record of what was done, and says no more."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet

from compliance import standing
from compliance.models import HepatitisOffer, SiteAttendance, SiteSession, SiteSessionWithdrawal, SiteTrainer
from compliance.models.requirements import SESSION_TITLE
from compliance.requirements.asking import Demands, Required, Works, last_day, required
from compliance.roll import Whom
from staff import audit, canonical, clock, signing
from staff.access import LEARNING_ROLES, clinics_as
from staff.models import Clinic, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.prepared import padded, prepared
from staff.templatetags.look import day

FORMAT = "pinpoint-site-session-1"
SLUG, TITLE = standing.SESSION_SLUG, SESSION_TITLE
VALID_DAYS = 364  # through the day before the same day a year on, however long the months are
OLDEST_DAYS = 6 * 366


class NotAllowed(Exception):
    """Says in a sentence why this is not done."""


@dataclass(frozen=True)
class Facts:
    """A session as it is recorded."""

    held_on: date
    minutes: int
    place: str
    trainer_name: str
    trainer_qualification: str
    trainer_contact: str
    summary: str
    questions_answered: bool
    plan: str


def trainer_of(clinic: Clinic) -> SiteTrainer | None:
    """Whom the clinic names now."""
    return SiteTrainer.objects.filter(clinic=clinic).select_related("named_by").order_by("-number").first()


def valid_until(held_on: date) -> date:
    return held_on + timedelta(days=VALID_DAYS)


def last_sessions(whom: Whom) -> dict[tuple[int, int], date]:
    """By person and clinic, the day of the last session that counted then; one statement. Without answered questions none
    does."""
    return {(person, clinic): held_on for person, clinic, held_on in _sessions(whom)}


@prepared
def _sessions(whom: Whom) -> "QuerySet[SiteAttendance, tuple[int, int, date]]":
    rows = SiteAttendance.objects.filter(
        Q(session__withdrawal=None) | Q(session__withdrawal__withdrawn_at__gt=whom.at),
        whom.all("person"),
        session__questions_answered=True,
        session__recorded_at__lte=whom.at,
    )
    return rows.order_by("session__held_on").values_list("person", "session__clinic", "session__held_on")


def began_at(whom: Whom) -> dict[int, date]:
    """By clinic where these people worked, the day on which it first named its trainer, by then: from there on it records
    here."""
    return {row.clinic_id: row.named_at.astimezone(ZoneInfo(row.clinic.zone)).date() for row in _first_trainers(whom)}


@prepared
def _first_trainers(whom: Whom) -> "QuerySet[SiteTrainer]":
    rows = SiteTrainer.objects.filter(clinic__in=whom.places, number=1, named_at__lte=whom.at)
    return rows.select_related("clinic")


def due_on(hired_on: date, began: date) -> date:
    """At the hire: training comes before the first exposure. Who was there before has thirty days."""
    return max(hired_on, began + timedelta(days=standing.DUE_DAYS))


def asked_by(membership: Works, roles: Collection[str], began: date | None, asked: Required | None) -> date | None:
    """By when a session is asked of her: of whoever learns since the clinic records here, or by a rule. None where it is not."""
    days = [asked.due_on] if asked else []
    if began is not None and set(roles) & set(LEARNING_ROLES):
        days.append(due_on(membership.hired_on, began))
    return min(days, default=None)


def offers_of(people: Any, clinics: Sequence[Clinic]) -> dict[tuple[int, int], HepatitisOffer]:
    """By person and clinic, the offer that was recorded last."""
    rows = HepatitisOffer.objects.filter(person__in=people, clinic__in=clinics).select_related("recorded_by")
    return {(row.person_id, row.clinic_id): row for row in rows.order_by("recorded_at", "pk")}


@transaction.atomic
def name_trainer(
    *, clinic: Clinic, name: str, qualification: str, contact: str, plan: str, by: StaffMember
) -> SiteTrainer:
    """Whom the clinic names as its trainer, and where its plan is; the same again changes nothing. Raises NotAllowed."""
    if clinic not in clinics_as(by, Role.MANAGER, Role.PHYSICIAN):
        raise NotAllowed(f"You neither manage nor supervise {clinic}, so nothing was kept.")
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    before = trainer_of(clinic)
    named = {"name": name, "qualification": qualification, "contact": contact, "plan": plan}
    if before and named == {field: getattr(before, field) for field in named}:
        return before
    row = SiteTrainer.objects.create(
        clinic=clinic, number=before.number + 1 if before else 1, named_at=clock.now(), named_by=by, **named
    )
    audit.record(clinic=clinic, by=by, action="site-trainer.named", subject=row, body=told_of_trainer(row))
    return row


def told_of_trainer(row: SiteTrainer) -> dict[str, object]:
    said = [row.name, row.qualification, row.contact, row.plan]
    return {"number": row.number, "sha256": canonical.sha256_of(said)}


def may_attend(clinic: Clinic) -> list[Membership]:
    """Whom the page offers: everybody who works in the clinic now, by name."""
    rows = Membership.objects.filter(clinic=clinic, ended_at=None).select_related("person")
    return list(rows.order_by("person__full_name", "pk"))


def before_sha256(clinic: Clinic, here: Sequence[Membership]) -> str:
    """What stands on the page before anything is typed: the trainer named now, and who is offered with which job title."""
    named = trainer_of(clinic)
    offered = [[row.person_id, row.job_title] for row in here]
    return canonical.sha256_of({"clinic": clinic.pk, "trainer": named.number if named else 0, "offered": offered})


def record(row: SiteSession, attended: Sequence[tuple[int, str]]) -> str:
    """What is signed, canonical; a verifier derives it again from the rows."""
    return canonical.text(
        {
            "format": FORMAT,
            "session": row.public_id,
            "clinic": row.clinic_id,
            "held_on": row.held_on,
            "minutes": row.minutes,
            "place": row.place,
            "trainer": [row.trainer_name, row.trainer_qualification, row.trainer_contact],
            "summary": row.summary,
            "questions_answered": row.questions_answered,
            "plan": row.plan,
            "attended": sorted([person, title] for person, title in attended),
        }
    )


def recorder_role(by: StaffMember, clinic: Clinic) -> str:
    """As what somebody signs a session: the clinic's manager, or its physician. Raises SigningRefused."""
    held = MembershipRole.objects.select_for_update(of=("self",)).filter(
        membership__person=by, membership__clinic=clinic, membership__ended_at=None, role=Role.MANAGER, ended_at=None
    )
    if by.is_active and held.first():
        return Role.MANAGER
    return signing.physician_role(by, clinic).role


def title_on(rows: Sequence[Membership], on: date, zone: str) -> str:
    """The job title of that day: of several rows the last that had begun by then, or the first."""
    begun = [row for row in rows if row.began_at.astimezone(ZoneInfo(zone)).date() <= on]
    return (begun[-1] if begun else rows[0]).job_title


@transaction.atomic
def record_session(
    *, clinic: Clinic, facts: Facts, people: Sequence[StaffMember], seen: signing.Seen, by: StaffMember
) -> SiteSession:
    """Put a session on record, signed. Raises SigningRefused with nothing written."""
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    today = clock.today(clinic.zone)
    if not today - timedelta(days=OLDEST_DAYS) <= facts.held_on <= today:
        raise signing.SigningRefused("The day of the session lies in the future, or too far back. Nothing was signed.")
    here = may_attend(clinic)
    attended = _attended(clinic, facts.held_on, people, here)
    session = SiteSession(clinic=clinic, recorded_at=clock.now(), recorded_by=by, **vars(facts))
    over = canonical.sha256(record(session, attended))
    signature = signing.sign(
        by=by,
        clinic=clinic,
        meaning="record-session",
        subject=clinic,
        record_sha256=over,
        seen=seen.with_typed(over, on=before_sha256(clinic, here)),
        authority=lambda: recorder_role(by, clinic),
    )
    session.signature = signature
    session.save(force_insert=True)
    for person, title in attended:
        SiteAttendance.objects.create(session=session, person_id=person, job_title=title)
    audit.record(
        clinic=clinic, by=by, action="site-session.recorded", subject=session, body=told_of_session(session, attended)
    )
    return session


def told_of_session(row: SiteSession, attended: Sequence[tuple[int, str]]) -> dict[str, object]:
    return {"people": sorted(person for person, _ in attended), "sha256": canonical.sha256(record(row, attended))}


def _attended(
    clinic: Clinic, on: date, people: Sequence[StaffMember], here: Sequence[Membership]
) -> list[tuple[int, str]]:
    """Who came, with the job title of the day. Refused for who did not work in the clinic then."""
    if not people:
        raise signing.SigningRefused("Name at least one person who came. Nothing was signed.")
    offered = {row.person_id: row for row in here}
    rows: dict[int, list[Membership]] = {}
    for row in Membership.objects.filter(clinic=clinic, person__in=people).order_by("began_at", "pk"):
        rows.setdefault(row.person_id, []).append(row)
    for person in people:
        if person.pk not in offered:
            raise signing.SigningRefused(f"{person} does not work at {clinic}. Nothing was signed.")
        if min(row.hired_on for row in rows[person.pk]) > on:
            hired = day(min(row.hired_on for row in rows[person.pk]))
            raise signing.SigningRefused(f"{person} was hired on {hired}, after the session. Nothing was signed.")
    return [(person.pk, title_on(rows[person.pk], on, clinic.zone)) for person in people]


@transaction.atomic
def withdraw(*, session: SiteSession, reason: str, by: StaffMember) -> SiteSessionWithdrawal:
    """Recorded wrongly: it counts for nobody, and stays on record. Raises NotAllowed."""
    SiteSession.objects.select_for_update().get(pk=session.pk)
    row = SiteSession.objects.select_related("clinic", "withdrawal").get(pk=session.pk)
    if row.clinic not in clinics_as(by, Role.MANAGER, Role.PHYSICIAN):
        raise NotAllowed(f"You neither manage nor supervise {row.clinic}, so nothing was withdrawn.")
    if hasattr(row, "withdrawal"):
        raise NotAllowed("It is withdrawn already.")
    made = SiteSessionWithdrawal.objects.create(
        session=row, reason=reason.strip(), withdrawn_at=clock.now(), withdrawn_by=by
    )
    audit.record(clinic=row.clinic, by=by, action="site-session.withdrawn", subject=row, body=told_of_withdrawal(made))
    return made


def told_of_withdrawal(made: SiteSessionWithdrawal) -> dict[str, object]:
    return {"reason_sha256": canonical.sha256(made.reason)}


@transaction.atomic
def record_offer(*, person: StaffMember, clinic: Clinic, offered_on: date, by: StaffMember) -> HepatitisOffer:
    """When the vaccination was offered. Whether it was taken is nobody's business here. Raises NotAllowed."""
    if clinic not in clinics_as(by, Role.MANAGER):
        raise NotAllowed(f"You do not manage {clinic}, so nothing was kept.")
    if not Membership.objects.filter(person=person, clinic=clinic, ended_at=None).exists():
        raise NotAllowed(f"{person} does not work at {clinic}.")
    row = HepatitisOffer.objects.create(
        person=person, clinic=clinic, offered_on=offered_on, recorded_at=clock.now(), recorded_by=by
    )
    audit.record(clinic=clinic, by=by, action="hepatitis-b.offered", subject=row, body=told_of_offer(row))
    return row


def told_of_offer(row: HepatitisOffer) -> dict[str, object]:
    return {"person": row.person_id, "offered_on": row.offered_on.isoformat()}


@dataclass(frozen=True)
class Standing:
    """One person in one clinic: the last session that counts and the last offer."""

    membership: Membership
    held_on: date | None
    offer: HepatitisOffer | None
    due_on: date
    today: date
    waived_until: date | None = None

    @property
    def decided(self) -> standing.Standing:
        until = valid_until(self.held_on) if self.held_on else None
        return standing.decide_session(
            required=True, due=self.due_on, until=until, today=self.today, waived_until=self.waived_until
        )

    @property
    def state(self) -> str:
        return self.decided.state

    @property
    def word(self) -> str:
        return self.decided.detail if self.held_on or self.state == "waived" else "Not recorded"


def standings(clinic: Clinic) -> list[Standing]:
    """Everybody of whom a session is asked in the clinic, or would be, the most pressing first; a fixed number of statements."""
    at, today = clock.now(), clock.today(clinic.zone)
    rows = list(Membership.objects.filter(clinic=clinic, ended_at=None).select_related("person"))
    roles: dict[int, list[str]] = defaultdict(list)
    held_roles = MembershipRole.objects.filter(membership__in=rows, ended_at=None)
    for membership, role in held_roles.values_list("membership", "role"):
        roles[membership].append(role)
    people = [row.person_id for row in rows]
    whom = Whom(at, (clinic.pk,), padded(people))
    demands = Demands(whom, [], several=people)
    held, offers = last_sessions(whom), offers_of(people, [clinic])
    began = began_at(whom).get(clinic.pk)
    found = []
    for row in rows:
        row.clinic = clinic
        asked = required(row, demands.since(row), demands.asks(row, roles[row.pk], today), SLUG, None)
        due = asked_by(row, roles[row.pk], began or today, asked)
        if due is not None:
            waiver, key = demands.waiver(row, None, today), (row.person_id, clinic.pk)
            waived_until = last_day(waiver, at) if waiver else None
            found.append(Standing(row, held.get(key), offers.get(key), due, today, waived_until))
    order = ("expired", "not-recorded", "expiring", "waived", "valid")
    return sorted(found, key=lambda one: (order.index(one.state), one.membership.person.full_name.casefold()))
