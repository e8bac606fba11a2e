"""Loads the demo into an empty database, once, and keeps its accounts open under one password."""

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F

from compliance.demo import cast
from compliance.demo.elsewhere import sends_proof, sessions
from compliance.demo.histories import History, nothing
from compliance.demo.member import House, Member, adopts, assignments, reminds, rules, tick
from compliance.demo.people import added_twice, holds, sends_list
from compliance.demo.regrading import credits_what_was_missed
from compliance.demo.stage import Story, play
from quizzes import material
from staff import actions, clock
from staff.models import AuditEvent, OutgoingMail, StaffMember

FIRST_DAY = 460
FIRST_REMINDER = 14
FIRST_RENEWAL = 180  # no certificate of the demo opens for renewal before
ACCOUNTS = {
    "aesthetician@lakeside.example": "Treating staff, new",
    "physician@lakeside.example": "Supervising physician",
    "manager@lakeside.example": "Manager",
    "author@lakeside.example": "Author",
    "administrator@lakeside.example": "Administrator",
}
SIGNERS = ("physician@harbour.example",)  # whoever signs needs the password
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class DemoRefused(Exception):
    """Says why the demo cannot be loaded into this database, and what to do."""


def password() -> str:
    """The demo's password: PINPOINT_DEMO_PASSWORD, or one drawn once and kept in the data folder for its owner alone."""
    given = os.environ.get("PINPOINT_DEMO_PASSWORD", "").strip()
    if given:
        return given
    file = settings.DATA_DIR / "demo-password"
    drawn = "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(4))
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return str(file.read_text().strip())
    with os.fdopen(descriptor, "w") as out:
        out.write(f"{drawn}\n")
    return drawn


@transaction.atomic
def load(*, password: str, course: material.Course | None = None) -> bool:
    """Load everything or nothing; False where the demo is there already. `course` stands in for the shipped material."""
    if is_loaded():
        return False
    now = clock.now()
    today = min(clock.today(part.zone) for part in cast.CLINICS)
    houses = [House(part, today, now, password) for part in cast.CLINICS]
    began = datetime.combine(today - timedelta(days=FIRST_DAY), time(8, 30), tzinfo=UTC)
    _refuse_if_used(began)
    play(_stories(houses, began, course or material.read()), until=now)
    # Their day is past: otherwise the first tick would send fifteen months of mail at once.
    OutgoingMail.objects.filter(sent_at=None, due_at__lt=now).update(sent_at=F("due_at"), tries=1)
    return True


def is_loaded() -> bool:
    return StaffMember.objects.filter(email=next(iter(ACCOUNTS))).exists()


@transaction.atomic
def open_accounts(password: str) -> list[StaffMember]:
    """The demo's accounts in order, each under this password; one that has it already is not touched."""
    people = {person.email: person for person in StaffMember.objects.filter(email__in=[*ACCOUNTS, *SIGNERS])}
    for person in people.values():
        if not person.check_password(password):
            person.set_password(password)
            person.save(update_fields=["password"])
    return [people[email] for email in ACCOUNTS]


def _refuse_if_used(began: datetime) -> None:
    """An audit trail's times only rise, so that the demo's past cannot be told after something has happened."""
    first = AuditEvent.objects.order_by("at").first()
    if first and first.at >= began:
        raise DemoRefused(
            f"This database has been in use since {first.at:%d %B %Y, %H:%M} UTC, and the demo's fifteen months of history "
            "must come before anything else. Load the demo into an empty database, before load_material; it loads the "
            "material itself."
        )


def _stories(houses: list[House], began: datetime, course: material.Course) -> Iterator[Story]:
    unknown = make_password(secrets.token_urlsafe(32))
    own = make_password(houses[0].password)
    yield _installation(began, course, own)
    for house in houses:
        yield _opening(house, own, unknown)
        for module, ago in house.part.adopted.items():
            yield adopts(house, module, ago, "12:15")
        yield rules(house, FIRST_DAY - 3, "12:40")
        yield assignments(house)
        for place, part in enumerate(house.part.staff):
            member = Member(house, part)
            joins = _joins_at(member, place)
            yield _life(member, joins, own, unknown)
            for module, history in part.further.items():
                yield _further(member, joins, module, history)
            if part.practice:
                yield _further(member, joins, "practicals", part.practice)
        yield reminds(house, FIRST_REMINDER)
        yield sessions(house, *house.part.sessions)
    lakeside = houses[0]
    yield sends_proof(lakeside, "joaquin", 38, "Complications of needling", checked=36, credited=(35, "complications"))
    yield sends_proof(lakeside, "ngozi", 6, "Contraindications in practice", checked=4)
    yield sends_proof(lakeside, "bex", 2, "Hygiene in aesthetic practice")
    yield added_twice(lakeside, "danielle", again=70, proposed=66, decided=65)
    yield holds(lakeside, "lea", 44)
    yield sends_list(lakeside, 16)
    yield credits_what_was_missed(lakeside, "sterilisation", 8)
    yield tick(lakeside, FIRST_RENEWAL)


def _installation(began: datetime, course: material.Course, hashed: str) -> Story:
    """The material is published and the people of the installation are appointed."""
    yield began
    site = StaffMember.objects.pinpoint()
    material.load(course, by=site)
    yield began + timedelta(minutes=20)
    for (email, name), role in ((cast.ADMINISTRATOR, "administrator"), (cast.AUTHOR, "author")):
        person = actions.add_account(email=email, full_name=name, by=site)
        person.password = hashed
        person.save(update_fields=["password"])
        actions.appoint(person=person, role=role, by=site)


def _opening(house: House, own: str, unknown: str) -> Story:
    """The administrator opens the clinic with its manager and physician, who shows who she is before she signs."""
    part = house.part
    yield house.at(FIRST_DAY - 1, "09:00")
    administrator = StaffMember.objects.get(email=cast.ADMINISTRATOR[0])
    house.clinic = actions.open_clinic(name=part.name, address=part.address, zone=part.zone, by=administrator)
    leads = Member(house, part.manager), Member(house, part.physician)
    for member in leads:
        member.joins(by=administrator)
        member.chooses_password(_password_of(member, own, unknown))
    house.manager, house.physician = (member.person for member in leads)
    yield house.at(FIRST_DAY - 1, "13:40")
    actions.check_identity(
        membership=leads[1].membership(), how="Passport and licence seen in person", by=house.manager
    )


def _joins_at(member: Member, place: int) -> datetime:
    """In the clinic's first days here, one after another, or when she is hired, whichever is later."""
    first = member.house.at(FIRST_DAY - 2, "10:00") + timedelta(minutes=7 * place)
    return max(first, member.at(member.part.hired, "08:10"))


def _life(member: Member, joins: datetime, own: str, unknown: str) -> Story:
    """She is added, and goes on with her history."""
    yield joins
    member.joins(by=member.house.manager)
    if member.email in ACCOUNTS or member.part.history is not nothing:
        member.chooses_password(_password_of(member, own, unknown))
    yield from member.part.history(member)


def _further(member: Member, joins: datetime, module: str, history: History) -> Story:
    """What she does with another module, once she has joined."""
    yield joins + timedelta(minutes=1)
    yield from history(member.on(module))


def _password_of(member: Member, own: str, unknown: str) -> str:
    """The accounts' own; of anyone else a password that nobody knows, so that the pages show her as somebody who has one."""
    return own if member.email in (*ACCOUNTS, *SIGNERS) else unknown
