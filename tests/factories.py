"""Things the tests need, made by the site's own actions. Keyword-only."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import override_settings

from certificates import actions as proof
from certificates import dispositions, regrading
from certificates.models import Certificate
from compliance import bloodborne, entrusting, outside
from compliance.models import OutsideDecision, OutsideTraining, PeopleImport, SiteSession, SiteTrainer
from compliance.roster import applying as roster
from quizzes import actions as sitting
from quizzes import kinds, material
from quizzes.models import (
    Accommodation,
    Attempt,
    AttemptItem,
    Disposition,
    QuestionPoint,
    QuestionVersion,
    Quiz,
    Regrade,
)
from staff import actions as staff_actions
from staff import canonical, clock, factors, resetting
from staff.models import Clinic, FactorReset, Membership, StaffMember
from staff.signing import Evidence, Seen
from tests.people import PASSWORD
from training import markdown, observing, protocol
from training.actions import confirm_reading
from training.models import Module, ModuleVersion, Observation, Programme
from training.queries import live_version, places

SLICE = Path(__file__).parent / "material"


@dataclass
class Course:
    """One published module with everything that hangs on it."""

    module: Module
    quiz: Quiz
    version: ModuleVersion


@cache
def course_of(root: Path) -> material.Course:
    """The material is read once a test run; loading it is what the tests do again and again."""
    return material.read(root)


PREFIXES = {"sterilisation": "st", "needle-depth": "nd", "contraindications": "ci", "complications": "cm"}
ALL_MODULES = tuple(PREFIXES)


def likeness(*, slug: str, course: material.Course, title: str = "") -> material.Course:
    """The small course's one module under another slug and prefix, so that a programme has several."""
    if slug == "needle-depth" and not title:
        return course
    (module, items, quiz) = course.modules[0]

    def own(text: str) -> str:
        return text.replace("nd-", f"{PREFIXES[slug]}-")

    name = title or slug.replace("-", " ").capitalize()
    sections = tuple(
        replace(section, text=(text := own(section.text)), blocks=tuple(markdown.blocks(text)))
        for section in module.sections
    )
    data = {**module.data, "slug": slug, "code": PREFIXES[slug], "title": name}
    renamed = tuple(replace(item, code=own(item.code), points=tuple(map(own, item.points))) for item in items)
    return material.Course(course.library, ((replace(module, data=data, sections=sections), renamed, quiz),))


def make_modules(*, by: StaffMember, adopted_by: StaffMember | None = None, slugs=ALL_MODULES) -> dict[str, "Course"]:
    """One small module under each of the slugs."""
    return {slug: make_module(by=by, adopted_by=adopted_by, slug=slug) for slug in slugs}


# Every form of it has an item of each kind; those on critical key points are single best answers.
OF_EVERY_KIND = {
    "skin-in-cross-section": ["nd-01-q3"],
    "from-puncture-to-collagen": ["nd-06-q3"],
    "devices-and-their-limits": ["nd-09-q3"],
    "choosing-the-depth": ["nd-12-q3"],
    "technique-and-endpoint": ["nd-17-q1", "nd-18-q1", "nd-19-q3", "nd-20-q2"],
    "too-deep": ["nd-23-q1", "nd-26-q3"],
}


@cache
def every_kind() -> material.Course:
    """The shipped course with ten certifying items, which are thus on every form, and all of its practice; cut 8."""
    course = course_of(material.SHIPPED)
    module, items, quiz = next(row for row in course.modules if row[0].slug == "needle-depth")
    drawn = {code for codes in OF_EVERY_KIND.values() for code in codes}
    kept = tuple(item for item in items if item.bank == "practice" or item.code in drawn)
    places = {section: len(codes) for section, codes in OF_EVERY_KIND.items()}
    return replace(course, modules=((module, kept, replace(quiz, sections=places, recall_at_most=10, cut=8)),))


def evidence(person: StaffMember, *, password: str = PASSWORD) -> Evidence:
    return Evidence(password=password, email=person.email)


def seen(sha256: str, person: StaffMember, *, password: str = PASSWORD) -> Seen:
    return Seen(sha256, clock.now(), evidence(person, password=password), accepts=True)


def give_app(*, person: StaffMember) -> str:
    """An authenticator app; its secret."""
    secret = factors.new_secret()
    factors.add_app(person=person, secret=secret, step=0)
    return secret


def app_shows(secret: str, steps: int = 0) -> str:
    """The code of now, or of so many half minutes on."""
    return str(format_hotp_value(hotp_value(secret, int(clock.now().timestamp()) // 30 + steps)))


def reset_factor(*, person: StaffMember, by: StaffMember, reason: str = "Phone lost.") -> FactorReset:
    give_app(person=person)
    membership = Membership.objects.select_related("clinic", "person").get(person=person, ended_at=None)
    screen = resetting.before_sha256(membership.clinic, person)
    return resetting.reset(membership=membership, reason=reason, seen=seen(screen, by), by=by)


@cache
def course_with_retest(items: int = 3) -> material.Course:
    """The small course with three further items on each critical point and a re-test of `items`."""
    course = course_of(SLICE)
    module, bank, quiz = course.modules[0]
    critical = [item for item in bank if item.bank == "certifying" and item.points[0] in ("nd-17", "nd-18")]
    more = [
        replace(item, code=f"{item.points[0]}-q{10 + n}", stem=f"{item.stem} Case {n}.")
        for item in critical
        for n in range(1, 4)
    ]
    return replace(course, modules=((module, (*bank, *more), replace(quiz, retest=items)),))


@cache
def course_of_four() -> material.Course:
    """Four small modules, each with a re-test, as one course."""
    four = [likeness(slug=slug, course=course_with_retest()) for slug in ALL_MODULES]
    return replace(four[0], modules=tuple(module for course in four for module in course.modules))


def make_module(
    *,
    by: StaffMember,
    adopted_by: StaffMember | None = None,
    clinic: Clinic | None = None,
    root: Path = SLICE,
    loaded: material.Course | None = None,
    slug: str = "needle-depth",
    title: str = "",
) -> Course:
    """The small course under tests/material (section 2.5, six items, cut 5), under another slug, or another course."""
    material.load(likeness(slug=slug, course=loaded or course_of(root), title=title), by=by)
    module = Module.objects.get(slug=slug)
    version = live_version(module)
    assert version is not None
    course = Course(module, Quiz.objects.get(module=module), version)
    if adopted_by:
        adopt(course=course, by=adopted_by, clinic=clinic or adopted_by.membership_set.get().clinic)
    return course


def adopt(*, course: Course, by: StaffMember, clinic: Clinic, with_defaults: bool = True):
    return proof.adopt(
        clinic=clinic,
        version=course.version,
        with_defaults=with_defaults,
        seen=seen(course.version.sha256, by),
        by=by,
    )


def read_all(*, person: StaffMember, course: Course) -> None:
    for place in places(course.version):
        confirm_reading(person=person, version=place.section_version)


def make_attempt(*, person: StaffMember, course: Course, read: bool = True, seed: str = "") -> Attempt:
    """An open attempt; the sections are read first unless `read` is False."""
    if read:
        read_all(person=person, course=course)
    return sitting.start(
        person=person, quiz=course.quiz, clinic=person.membership_set.get(ended_at=None).clinic, seed=seed
    )


def could_answer(item: AttemptItem) -> tuple[str, list[str]]:
    """The right answer and wrong ones, as a page would send them."""
    kind, content = kinds.of(item.question_version.question.kind), item.question_version.content
    return kind.right_answer(content, item.shown), kind.wrong_answers(content, item.shown)


def answer(*, attempt: Attempt, wrong: int = 0, critical_wrong: int = 0) -> None:
    """Answer every item; the first `wrong` ordinary and `critical_wrong` critical ones wrongly."""
    items = attempt.items.select_related("question_version__question").prefetch_related("points__point_version")
    for item in items.order_by("position"):
        critical = any(point.point_version.critical for point in item.points.all())
        miss = critical_wrong > 0 if critical else wrong > 0
        if miss and critical:
            critical_wrong -= 1
        elif miss:
            wrong -= 1
        right, wrong_ones = could_answer(item)
        sitting.save_answer(
            attempt_id=attempt.public_id,
            person=attempt.candidacy.person,
            position=item.position,
            answer=wrong_ones[0] if miss else right,
            base_revision=item.revision,
            client_key=f"test-{item.pk}-{item.revision}",
        )


def make_finished(*, person: StaffMember, course: Course, wrong: int = 0, critical_wrong: int = 0, read: bool = True):
    """A submitted attempt with its outcome and, if passed and adopted, its certificate."""
    attempt = make_attempt(person=person, course=course, read=read)
    answer(attempt=attempt, wrong=wrong, critical_wrong=critical_wrong)
    return proof.submit(attempt=attempt, by=person)


BADGE_SEED = "5eed" * 16


def badges(**changes: object) -> override_settings:
    """An installation that issues badges."""
    return override_settings(
        **{
            "BADGE_URL": "https://training.example.com",
            "BADGE_KEYS": [BADGE_SEED],
            "BADGE_ISSUER_NAME": "Example Training",
        }
        | changes
    )


def accommodate(*, person: StaffMember, by: StaffMember, percent: int = 150) -> Accommodation:
    """Extra time for a year from today, where the giver works."""
    clinic = by.membership_set.get(ended_at=None).clinic
    today = clock.today(clinic.zone)
    return sitting.accommodate(
        person=person, clinic=clinic, time_percent=percent, category="reading",
        valid_from_on=today, valid_until_on=today + timedelta(days=365), by=by,
    )  # fmt: skip


def make_locked(*, person: StaffMember, course: Course) -> Attempt:
    """Three attempts failed, a day apart; the clock must be steered by the caller's `now`."""
    finished = None
    start = clock.now()
    for day in range(3):
        with clock.at(start + timedelta(days=day)):
            read_all(person=person, course=course)
            finished = make_finished(person=person, course=course, wrong=4, critical_wrong=1, read=False)
    assert finished is not None
    last: Attempt = finished.attempt
    return last


def correct(*, version: QuestionVersion, by: StaffMember, answered: str = "", wrongly: bool = False) -> QuestionVersion:
    """The next version of a single best answer, which asks the same and has another key.

    The key is the option that was `answered` (an id), or, `wrongly`, another than that and the first key.
    """
    content = version.content
    options = content["options"]
    first = next(option["id"] for option in options if option["key"])
    others = [option["id"] for option in options if option["id"] not in (first, answered)]
    key = others[0] if wrongly or not answered else answered
    content["options"] = [{**option, "key": option["id"] == key} for option in options]
    body = canonical.text(content)
    tests = {
        test.key_point.code: test.approved_against.content_sha256
        for test in version.points.all()
        if test.approved_against
    }
    QuestionVersion.objects.filter(question=version.question, state="live").update(state="retired")
    later = QuestionVersion.objects.create(
        question=version.question,
        number=version.number + 1,
        body=body,
        sha256=canonical.sha256_of([body, version.question.bank, version.question.kind, tests, []]),
        state="live",
        created_by=by,
        approved_at=clock.now(),
        approved_by=by,
        approved_via="release",
    )
    for test in version.points.all():
        QuestionPoint.objects.create(
            question_version=later, key_point=test.key_point, approved_against=test.approved_against
        )
    return later


def plan_for(
    item: AttemptItem, option: str, *, corrected: QuestionVersion | None = None, clinic: Clinic | None = None
) -> regrading.Plan:
    """A regrade of the version that this item is of, in its clinic."""
    return regrading.Plan(clinic or item.attempt.candidacy.clinic, item.question_version, option, corrected)


def make_regrade(*, plan: regrading.Plan, by: StaffMember, reason: str = "The key was wrong.") -> Regrade:
    """Dry run and signature at once."""
    found = regrading.consequences(plan, by=by)
    return regrading.regrade(
        plan=plan,
        reason=reason,
        seen=seen(canonical.sha256(regrading.listed(plan, found)), by),
        by=by,
    )


def decide(*, certificate: Certificate, decision: str, by: StaffMember) -> Disposition:
    return dispositions.dispose(
        certificate=certificate,
        decision=decision,
        reason="As we discussed.",
        seen=seen(certificate.facts_sha256, by),
        by=by,
    )


def approve_observer(*, person: StaffMember, by: StaffMember) -> None:
    membership = person.membership_set.get(ended_at=None)
    number, approved = observing.next_decision(membership.clinic, person)
    terms = observing.observer_terms(clinic=membership.clinic, person=person, number=number, approved=approved)
    observing.decide_observer(
        membership=membership,
        approved=approved,
        seen=seen(canonical.sha256(terms), by),
        by=by,
    )


ON_A_PATIENT = {
    "device": "Example pen",
    "device_serial": "21-0447",
    "cartridge_lot": "LOT-1",
    "cartridge_expires_on": date(2028, 1, 31),
    "areas": [("cheeks", "1.0")],
}


def make_sheet(
    *, learner: StaffMember, by: StaffMember, codes=("P6",), setting: str = "supervised", score: int | None = 2
) -> Observation:
    """An open sheet, each line scored with `score`; None leaves them all open."""
    clinic = learner.membership_set.get(ended_at=None).clinic
    facts: dict[str, Any] = ON_A_PATIENT if setting != "simulated" else {}
    sheet = observing.start(learner=learner, clinic=clinic, setting=setting, codes=list(codes), by=by, **facts)
    if score is not None:
        for line in sheet.lines.all():
            observing.save_score(
                sheet_id=sheet.public_id,
                observer=by,
                position=line.position,
                score=score,
                base_revision=0,
                client_key=f"tap-{line.pk}",
            )
    return sheet


def sign_sheet(*, sheet: Observation, by: StaffMember) -> Observation:
    return observing.sign(
        sheet=sheet,
        seen=seen(canonical.sha256(observing.seal_text(sheet)), by),
        by=by,
    )


def acknowledge(*, sheet: Observation, agrees: bool = True, text: str = "") -> None:
    """She scores herself, reads and answers."""
    versions = {line.practical for line in sheet.lines.select_related("practical")}
    observing.evaluate_oneself(person=sheet.learner, scores={version: [2] * len(version.lines) for version in versions})
    observing.acknowledge(sheet=sheet, agrees=agrees, text=text, by=sheet.learner)


ALL_PRACTICALS = tuple(f"P{number}" for number in range(1, 14))


def pass_practicals(*, learner: StaffMember, by: StaffMember, codes=ALL_PRACTICALS) -> Observation:
    """All of them on one occasion, signed and acknowledged."""
    sheet = sign_sheet(sheet=make_sheet(learner=learner, by=by, codes=codes), by=by)
    acknowledge(sheet=sheet)
    return sheet


def licence(*, person: StaffMember, type: str = "Aesthetician", days: int = 800) -> None:
    clinic = person.membership_set.get(ended_at=None).clinic
    staff_actions.record_licence(
        person=person,
        type=type,
        number=f"X-{person.pk}-{person.licence_set.count()}",
        authority="Example Board",
        expires_on=clock.today(clinic.zone) + timedelta(days=days),
        clinic=clinic,
        by=StaffMember.objects.pinpoint(),
    )


def sign_rule(*, by: StaffMember, types=("Aesthetician",)) -> None:
    clinic = by.membership_set.get(ended_at=None).clinic
    protocol.sign_state_rule(
        clinic=clinic,
        rule="Example Code 1-2-3: under a physician's delegation.",
        licence_types=list(types),
        seen=seen(protocol.rule_before_sha256(clinic), by),
        by=by,
    )


def programme_of(*modules: str) -> Programme:
    """Mechanical microneedling, asking these modules alone."""
    programme = Programme.objects.get(slug="mechanical-microneedling")
    if modules:
        programme.modules = canonical.text(list(modules))
        programme.save(update_fields=["modules"])
    return programme


def ready_for_programme(*, person: StaffMember, course: Course, by: StaffMember) -> Programme:
    """Everything but the signature, where the programme asks this one module."""
    programme = programme_of(course.module.slug)
    if not person.certificates.filter(kind="knowledge").exists():
        make_finished(person=person, course=course)
    pass_practicals(learner=person, by=by)
    licence(person=person)
    licence(person=by, type="Physician")
    sign_rule(by=by)
    return programme


def sign_programme(*, person: StaffMember, programme: Programme, by: StaffMember) -> Certificate:
    membership = person.membership_set.select_related("person", "clinic").get(ended_at=None)
    return entrusting.sign_programme(
        membership=membership,
        programme=programme,
        seen=seen(entrusting.dossier_of(membership, programme).sha256, by),
        by=by,
    )


def make_import(*, clinic: Clinic, by: StaffMember) -> PeopleImport:
    """A file of one person, looked at and not applied."""
    return send_list(clinic=clinic, lines=["nia@lakeside.example,Nia Newcomer,Nurse,aesthetician,2026-11-01"], by=by)


def send_list(*, clinic: Clinic, lines: list[str], by: StaffMember) -> PeopleImport:
    data = "\n".join(["email,full_name,job_title,roles,hired_on", *lines]).encode()
    return roster.send(
        clinic=clinic, data=data, file_name="staff.csv", key="email", mode="both", full_roster=False, by=by
    )


PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def outside_training(
    *, person: StaffMember, by: StaffMember, checked_by: StaffMember | None = None, days: int = 30, **fields: Any
) -> OutsideTraining:
    """Sent for the person's one clinic, and checked if somebody is named."""
    clinic = person.membership_set.get(ended_at=None).clinic
    facts = {
        "provider": "Society of Example",
        "title": "Depth and endpoint",
        "held_on": clock.today(clinic.zone) - timedelta(days=days),
        "hours": Decimal("6.5"),
        "trainer": "Ines Albrecht",
        "qualification": "Registered nurse",
    }
    row = outside.send(
        person=person,
        clinic=clinic,
        facts=outside.Facts(**(facts | fields)),  # type: ignore[arg-type]
        data=PDF,
        client_key=f"outside-{person.pk}-{OutsideTraining.objects.count()}",
        by=by,
    )
    if checked_by:
        outside.check(training=row, text="The original seen.", by=checked_by)
        row = OutsideTraining.objects.get(pk=row.pk)
    return row


def decide_outside(
    *, training: OutsideTraining, by: StaffMember, approved: bool = True, slug: str = "needle-depth", **changes: Any
) -> OutsideDecision:
    module = Module.objects.get(slug=slug)
    choice: dict[str, Any] = {
        "approved": approved,
        "module": module,
        "valid_until_on": outside.latest_until(training, module),
        "text": "The same depths and endpoint." if approved else "Another device altogether.",
        "seen": seen(outside.shown_sha256(training), by),
    }
    return outside.decide(training=training, by=by, **(choice | changes))


def name_trainer(*, by: StaffMember, clinic: Clinic | None = None, name: str = "Ines Albrecht") -> SiteTrainer:
    return bloodborne.name_trainer(
        clinic=clinic or by.membership_set.get(ended_at=None).clinic,
        name=name,
        qualification="Infection control nurse",
        contact="ines@example.org",
        plan="Red binder at the desk",
        by=by,
    )


def site_session(*, people: list[StaffMember], by: StaffMember, days: int = 3, **fields: Any) -> SiteSession:
    clinic = by.membership_set.get(ended_at=None).clinic
    facts = {
        "held_on": clock.today(clinic.zone) - timedelta(days=days),
        "minutes": 60,
        "place": "Treatment room 2",
        "trainer_name": "Ines Albrecht",
        "trainer_qualification": "Infection control nurse",
        "trainer_contact": "ines@example.org",
        "summary": "Our sharps, our plan, what to do after a needlestick.",
        "questions_answered": True,
        "plan": "Red binder at the desk",
    }
    return bloodborne.record_session(
        clinic=clinic,
        facts=bloodborne.Facts(**(facts | fields)),  # type: ignore[arg-type]
        people=people,
        seen=seen(bloodborne.before_sha256(clinic, bloodborne.may_attend(clinic)), by),
        by=by,
    )
