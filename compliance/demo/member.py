"""What one person of the demo does, move by move, through the actions that the site's pages call."""

import random
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from certificates import actions as proof
from certificates import programmes
from certificates.models import Certificate
from compliance import actions, entrusting
from compliance.demo.stage import Story
from compliance.reminders import sending
from compliance.requirements import assigning, incidents
from quizzes import actions as sitting
from quizzes import asking, kinds, late
from quizzes.models import Attempt, AttemptItem, Enquiry, Quiz, Review
from quizzes.queries import live_rules, missed_sections
from quizzes.views.rules import DECLARATION
from staff import actions as staff_actions
from staff import canonical
from staff.models import Clinic, InstallationRole, Membership, StaffMember
from staff.models.clinics import Role
from staff.signing import Evidence, Seen
from training import observing, protocol
from training.actions import confirm_reading, keep_place, open_section
from training.models import KeyPoint, KeyPointVersion, Module, ModuleVersion, Observation, SectionVersion
from training.queries import live_version, places

FIRST_MODULE = "needle-depth"
Sitting = Generator[datetime, None, Attempt]
Asked = Generator[datetime, None, Enquiry]
Handed = Generator[datetime, None, proof.Finished]


@dataclass(frozen=True)
class Licence:
    """`days` from today to its last valid day; below zero it has expired."""

    type: str
    number: str
    days: int


@dataclass(frozen=True)
class Part:
    """`mailbox` is the local part of the address, `hired` the days since the first working day.

    `history` is hers with needle depth and with the people around her; `further` those with other modules, by slug.
    """

    mailbox: str
    name: str
    title: str
    hired: int
    history: "Callable[[Member], Story]"
    licence: Licence | None = None
    role: str = Role.AESTHETICIAN
    latin: str = ""
    further: "Mapping[str, Callable[[Member], Story]]" = field(default_factory=dict)
    practice: "Callable[[Member], Story] | None" = None


@dataclass(frozen=True)
class ClinicPart:
    """`adopted`: by module, the days since its physician adopted it; a module that is missing waits for her.

    `on_leave` is who is away, `waived` who need not hold which module for a while, `incident` who passes which module again
    and why, each by the name in the address. `sessions`: the days since each on site.
    """

    name: str
    address: str
    zone: str
    domain: str
    authority: str
    adopted: Mapping[str, int]
    physician: Part
    manager: Part
    staff: tuple[Part, ...]
    on_leave: str = ""
    waived: tuple[str, str] | None = None
    incident: tuple[str, str, str] | None = None
    rule: str = "Example Practice Act, section 12 (invented): under a physician's written delegation."
    sessions: tuple[int, ...] = ()


@dataclass
class House:
    """A clinic of the demo as its stories share it. What stands last is there once it is opened."""

    part: ClinicPart
    today: date
    now: datetime
    password: str
    clinic: Clinic = field(init=False)
    manager: StaffMember = field(init=False)
    physician: StaffMember = field(init=False)

    def at(self, ago: int, hour: str) -> datetime:
        """`hour` (HH:MM) on the clinic's clock, that many days before today."""
        return datetime.combine(
            self.today - timedelta(days=ago), time.fromisoformat(hour), tzinfo=ZoneInfo(self.part.zone)
        )

    def seen(self, sha256: str, signer: StaffMember, *, since: datetime) -> Seen:
        return Seen(sha256, since, Evidence(password=self.password, email=signer.email), accepts=True)


class Member:
    """A person of the demo with one module at a time.

    Each choice left open comes from her own seeded generator, one for each module, so that every load tells the same,
    whatever is added to her other modules.
    """

    person: StaffMember

    def __init__(self, house: House, part: Part, module: str = FIRST_MODULE) -> None:
        self.house, self.part, self.module = house, part, module
        self.email = f"{part.mailbox}@{house.part.domain}"
        seed = self.email if module == FIRST_MODULE else f"{self.email} {module}"
        self.random = random.Random(seed)  # noqa: S311 (nothing here is secret)

    def on(self, module: str) -> "Member":
        """The same person, who has joined, with another module."""
        other = Member(self.house, self.part, module)
        other.person = self.person
        return other

    @cached_property
    def quiz(self) -> Quiz:
        return Quiz.objects.select_related("module").get(module__slug=self.module)

    @cached_property
    def version(self) -> ModuleVersion:
        return published(self.module)

    def at(self, ago: int, hour: str) -> datetime:
        """About `hour`: within the next quarter of an hour."""
        return self.house.at(ago, hour) + timedelta(seconds=self.random.randrange(900))

    def soon(self, least: int, most: int) -> timedelta:
        return timedelta(seconds=self.random.randint(least, most))

    # Who she is

    def joins(self, *, by: StaffMember) -> None:
        part, house = self.part, self.house
        membership = actions.add_person(
            clinic=house.clinic,
            full_name=part.name,
            latin_name=part.latin,
            email=self.email,
            job_title=part.title,
            hired_on=house.today - timedelta(days=part.hired),
            roles=[part.role],
            by=by,
        )
        self.person = membership.person
        if part.licence:
            staff_actions.record_licence(
                person=self.person,
                type=part.licence.type,
                number=part.licence.number,
                authority=house.part.authority,
                expires_on=house.today + timedelta(days=part.licence.days),
                clinic=house.clinic,
                by=by,
            )

    def membership(self) -> Membership:
        return Membership.objects.select_related("person", "clinic").get(
            person=self.person, clinic=self.house.clinic, ended_at=None
        )

    def chooses_password(self, hashed: str) -> None:
        self.person.password = hashed
        self.person.save(update_fields=["password"])

    def leaves(self, ago: int, hour: str, reason: str) -> Story:
        yield self.at(ago, hour)
        proof.end_membership(membership=self.membership(), reason=reason, by=self.house.manager)

    # Reading

    def sections(self) -> list[SectionVersion]:
        return [place.section_version for place in places(self.version)]

    def reads(self, ago: int, hour: str = "09:10", sections: Iterable[SectionVersion] | None = None) -> Story:
        """Open each section, read it at an ordinary pace, confirm it."""
        at = self.at(ago, hour)
        yield at
        for version in self.sections() if sections is None else sections:
            yield (at := at + self.soon(4, 40))
            open_section(person=self.person, version=version)
            yield (at := at + self.soon(50 * version.minutes, 95 * version.minutes))
            confirm_reading(person=self.person, version=version)

    def reads_half(self, ago: int, hour: str) -> Story:
        """The first half confirmed; the section after it opened and left at its first key point."""
        found = self.sections()
        half = len(found) // 2
        yield from self.reads(ago, hour, found[:half])
        opened = found[half]
        open_section(person=self.person, version=opened)
        point = opened.points.select_related("key_point").order_by("position").first()
        if point:
            keep_place(person=self.person, version=opened, place=point.key_point.code)

    def reads_again(self, attempt: Attempt, ago: int, hour: str = "08:40") -> Story:
        """The passages that the attempt missed."""
        missed = missed_sections(attempt)
        yield from self.reads(ago, hour, [version for version in self.sections() if version.section_id in missed])

    # Asking

    def asks(self, ago: int, hour: str, point: str, text: str) -> Asked:
        yield self.at(ago, hour)
        row = KeyPointVersion.objects.select_related("section_version").get(
            key_point__code=point, section_version__in=self.sections()
        )
        clinic = self.house.clinic
        return asking.ask_about(section=row.section_version, point=row, clinic=clinic, text=text, by=self.person)

    def questions_item(self, ago: int, hour: str, text: str) -> Asked:
        """The first item she missed in her last attempt at this module."""
        yield self.at(ago, hour)
        missed = AttemptItem.objects.filter(
            attempt__candidacy__person=self.person, attempt__candidacy__quiz=self.quiz, marks__points=0
        )
        item = missed.order_by("-attempt__started_at", "position")[0]
        return asking.question_item(item=item, text=text, by=self.person)

    def is_answered(self, enquiry: Enquiry, ago: int, hour: str, text: str, *, by: StaffMember) -> Story:
        yield self.at(ago, hour)
        asking.answer(enquiry=enquiry, text=text, closes=True, by=by)

    # The quiz

    def enough_right(self) -> int:
        """Ordinary items missed in a passed attempt, by chance."""
        rules = live_rules(self.quiz)
        return self.random.randint(0, min(2, rules.items - rules.cut))

    def too_many(self) -> int:
        """Ordinary items missed in an attempt below the cut."""
        rules = live_rules(self.quiz)
        return rules.items - rules.cut + self.random.randint(1, 2)

    def starts(self, at: datetime) -> Sitting:
        yield at
        return sitting.start(
            person=self.person,
            quiz=self.quiz,
            clinic=self.house.clinic,
            seed=f"{self.random.getrandbits(128):032x}",
            declaration=DECLARATION,
        )

    def answers(
        self, attempt: Attempt, at: datetime, *, wrong: int = 0, critical: int = 0, share: float = 1
    ) -> Generator[datetime, None, datetime]:
        """Save the answers one by one, `wrong` ordinary and `critical` critical ones wrongly; returns the last instant.

        Six and a half to eleven minutes for a whole form, and a re-test at the same pace; `share` of it where she stops
        before the end.
        """
        items = list(
            attempt.items.select_related("question_version__question").prefetch_related("points__point_version")
        )
        items.sort(key=lambda item: item.position)
        weighty = [item for item in items if any(point.point_version.critical for point in item.points.all())]
        ordinary = [item for item in items if item not in weighty]
        missed = {*self.random.sample(ordinary, wrong), *self.random.sample(weighty, critical)}
        pace = self.random.uniform(390, 660) / attempt.quiz_version.items
        for item in items[: round(len(items) * share)]:
            yield (at := at + timedelta(seconds=pace * self.random.uniform(0.6, 1.4)))
            right, others = self._could_answer(item)
            answer = self.random.choice(others) if item in missed else right
            if self.random.random() < 0.15:  # she thinks again
                self._save(item, next(other for other in (right, *others) if other != answer))
                yield (at := at + self.soon(3, 9))
            self._save(item, answer)
        return at

    def _could_answer(self, item: AttemptItem) -> tuple[str, list[str]]:
        """The right answer and wrong ones, as this attempt names them."""
        kind, content = kinds.of(item.question_version.question.kind), item.question_version.content
        return kind.right_answer(content, item.shown), kind.wrong_answers(content, item.shown)

    def _save(self, item: AttemptItem, answer: str) -> None:
        saved = sitting.save_answer(
            attempt_id=item.attempt.public_id,
            person=self.person,
            position=item.position,
            answer=answer,
            base_revision=item.revision,
            client_key=f"{self.random.getrandbits(128):032x}",
        )
        item.revision = saved.revision

    def brings_late(self, attempt: Attempt, *, chosen_at: datetime) -> None:
        """Answers to the last two questions, which waited on her phone for a connection."""
        for item in attempt.items.select_related("question_version__question").order_by("-position")[:2]:
            late.keep(
                attempt_id=attempt.public_id,
                person=self.person,
                position=item.position,
                answer=self._could_answer(item)[0],
                base_revision=0,
                client_key=f"phone-{item.position}",
                chosen_at=chosen_at,
            )

    def sits(self, ago: int, hour: str = "10:00", *, wrong: int | None = None, critical: int = 0) -> Handed:
        """A whole sitting, handed in. Passed, with a miss or two by chance, unless told otherwise."""
        at = self.at(ago, hour)
        attempt = yield from self.starts(at)
        missed = self.enough_right() if wrong is None else wrong
        at = yield from self.answers(attempt, at, wrong=missed, critical=critical)
        yield at + self.soon(15, 50)
        return proof.submit(attempt=attempt, by=self.person)

    def fails(self, ago: int, hour: str = "10:00", *, critical: int = 0) -> Handed:
        """Below the cut."""
        return (yield from self.sits(ago, hour, wrong=self.too_many() - critical, critical=critical))

    def passes(
        self, ago: int, hour: str = "10:00", *, wrong: int | None = None
    ) -> Generator[datetime, None, Certificate]:
        done = yield from self.sits(ago, hour, wrong=wrong)
        assert done.certificate is not None
        return done.certificate

    # At the couch

    def is_watched(self, ago: int, hour: str, setting: str, codes: Sequence[str], *, prompted: str = "") -> Story:
        """One sheet by her physician, which she reads the same evening; `prompted` names a practical with a 1 on it."""
        at = self.at(ago, hour)
        yield at
        physician = self.house.physician
        on_patient = setting != Observation.Setting.SIMULATED
        sheet = observing.start(
            learner=self.person,
            clinic=self.house.clinic,
            setting=setting,
            codes=codes,
            by=physician,
            device="Example Pen 3" if on_patient else "",
            device_serial=f"EP3-{self.random.randrange(1000, 9999)}" if on_patient else "",
            cartridge_lot=f"L{self.random.randrange(10000, 99999)}" if on_patient else "",
            cartridge_expires_on=self.house.today + timedelta(days=400) if on_patient else None,
            areas=self._areas() if on_patient else (),
        )
        for line in sheet.lines.select_related("practical").order_by("position"):
            yield (at := at + self.soon(20, 70))
            observing.save_score(
                sheet_id=sheet.public_id,
                observer=physician,
                position=line.position,
                score=1 if line.practical.code == prompted and line.criterion == 0 else 2,
                base_revision=0,
                client_key=f"{self.random.getrandbits(128):032x}",
            )
        if prompted:
            observing.write_comment(sheet=sheet, text="Needed a prompt once. To be repeated on another day.")
        yield (at := at + self.soon(60, 200))
        observing.sign(
            sheet=sheet,
            seen=self.house.seen(
                canonical.sha256(observing.seal_text(sheet)), physician, since=at - timedelta(seconds=40)
            ),
            by=physician,
        )
        yield (at := at + self.soon(3000, 9000))
        versions = list(dict.fromkeys(line.practical for line in sheet.lines.select_related("practical")))
        observing.evaluate_oneself(
            person=self.person,
            scores={version: [self.random.choice((1, 2, 2, 2)) for _ in version.lines] for version in versions},
        )
        yield at + self.soon(60, 240)
        sheet.refresh_from_db()
        observing.acknowledge(sheet=sheet, agrees=True, text="", by=self.person)

    def _areas(self) -> list[tuple[str, str]]:
        return [
            (area, self.random.choice(("0.5", "1.0"))) for area in self.random.sample(("cheeks", "forehead", "neck"), 2)
        ]

    def is_entrusted(self, ago: int, hour: str) -> Story:
        """Her physician signs the programme."""
        opened = self.at(ago, hour)
        yield opened + self.soon(240, 600)
        physician = self.house.physician
        programme = programmes.treating_programmes()[0]
        membership = self.membership()
        entrusting.sign_programme(
            membership=membership,
            programme=programme,
            seen=self.house.seen(entrusting.dossier_of(membership, programme).sha256, physician, since=opened),
            by=physician,
        )

    # What her physician does

    def is_reviewed(
        self, attempt: Attempt, ago: int, hour: str, *, text: str, returned: bool = False, suspend: bool = False
    ) -> Story:
        opened = self.at(ago, hour)
        yield opened + self.soon(150, 420)
        physician = self.house.physician
        attempt.refresh_from_db()
        proof.review(
            attempt=attempt,
            decision=Review.Decision.RETURNED if returned else Review.Decision.ENDORSED,
            text=text,
            restudy=points_missed(attempt) if returned else [],
            suspend=suspend,
            seen=self.house.seen(attempt.seal_sha256, physician, since=opened),
            by=physician,
        )

    def is_talked_with(self, attempt: Attempt, ago: int, hour: str, text: str) -> Story:
        opened = self.at(ago, hour)
        yield opened + self.soon(900, 1500)
        physician = self.house.physician
        attempt.refresh_from_db()
        proof.record_talk(
            candidacy=attempt.candidacy,
            text=text,
            seen=self.house.seen(attempt.seal_sha256, physician, since=opened),
            by=physician,
        )

    def is_revoked(
        self, certificate: Certificate, ago: int, hour: str, *, reason_class: str, public_text: str, private_note: str
    ) -> Story:
        opened = self.at(ago, hour)
        yield opened + self.soon(200, 600)
        physician = self.house.physician
        proof.revoke(
            certificate=certificate,
            reason_class=reason_class,
            public_text=public_text,
            private_note=private_note,
            seen=self.house.seen(certificate.facts_sha256, physician, since=opened),
            by=physician,
        )


def published(module: str) -> ModuleVersion:
    version = live_version(Module.objects.get(slug=module))
    assert version is not None
    return version


def author() -> StaffMember:
    return StaffMember.objects.get(installationrole__role=InstallationRole.Role.AUTHOR)


def points_missed(attempt: Attempt) -> list[KeyPoint]:
    return list(
        KeyPoint.objects.filter(
            versions__attemptitempoint__item__attempt=attempt, versions__attemptitempoint__item__marks__points=0
        ).distinct()
    )


def tick(house: House, first: int) -> Story:
    """What the site's own tick does to certificates and attempts, once a night from `first` days ago."""
    for ago in range(first, 0, -1):
        yield house.at(ago, "03:00")
        proof.settle_overdue()
        proof.open_renewals()
        proof.lift_restudied()


def reminds(house: House, first: int) -> Story:
    """What the site's own tick sends in the clinic's hours, each morning from `first` days ago."""
    for ago in range(first, 0, -1):
        yield house.at(ago, "08:05")
        sending.remind_clinic(house.clinic)


def adopts(house: House, module: str, ago: int, hour: str) -> Story:
    opened = house.at(ago, hour)
    yield opened + timedelta(minutes=17, seconds=8)
    version = published(module)
    proof.adopt(
        clinic=house.clinic,
        version=version,
        with_defaults=True,
        seen=house.seen(version.sha256, house.physician, since=opened),
        by=house.physician,
    )


def rules(house: House, ago: int, hour: str) -> Story:
    """The physician signs which licence types may perform here, and under which rule."""
    opened = house.at(ago, hour)
    yield opened + timedelta(minutes=9, seconds=31)
    types = sorted({part.licence.type for part in house.part.staff if part.licence})
    protocol.sign_state_rule(
        clinic=house.clinic,
        rule=house.part.rule,
        licence_types=types,
        seen=house.seen(protocol.rule_before_sha256(house.clinic), house.physician, since=opened),
        by=house.physician,
    )


def assignments(house: House) -> Story:
    """What the manager decides about single people: somebody is away, somebody passes a module again after an incident, and
    somebody else need not hold one yet."""
    away, incident, waived = house.part.on_leave, house.part.incident, house.part.waived
    if away:
        yield house.at(11, "16:40")
        dates = {"starts_on": house.today - timedelta(days=9), "until_on": house.today + timedelta(days=24)}
        assigning.record_leave(person=_of(house, away), clinic=house.clinic, by=house.manager, **dates)
    if incident:
        yield house.at(5, "12:10")
        incidents.ask_again(
            person=_of(house, incident[0]),
            clinic=house.clinic,
            modules=[published(incident[1]).module],
            reason=incident[2],
            due_on=house.today + timedelta(days=9),
            by=house.manager,
        )
    if waived:
        yield house.at(3, "09:25")
        assigning.waive(
            person=_of(house, waived[0]),
            clinic=house.clinic,
            module=published(waived[1]).module,
            reason="Assists at treatments only, until the end of the probation.",
            starts_on=house.today - timedelta(days=3),
            until_on=house.today + timedelta(days=85),
            by=house.manager,
        )


def _of(house: House, mailbox: str) -> StaffMember:
    return StaffMember.objects.get(email=f"{mailbox}@{house.part.domain}")


# What is watched on one occasion; the drills first, then what belongs to a treatment.
DRILLS = ("P1", "P10", "P12")
TREATMENT = ("P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P11", "P13")
