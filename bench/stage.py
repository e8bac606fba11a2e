"""Who takes part: two clinics that have adopted the shipped course, people who have read it, their sessions made beforehand."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from bench import keys
from bench.browser import Browser, Unexpected
from bench.names import NAMES
from certificates import codes, papers
from certificates.models import Certificate, CertificateFile
from quizzes import material
from quizzes.models import QuestionVersion
from staff import actions, clock
from staff.models import Clinic, StaffMember
from tests.factories import Course, adopt, make_module, read_all
from tests.people import Cast, make_cast


@dataclass(frozen=True)
class Stage:
    cast: Cast
    course: Course


def build(root: Path = material.SHIPPED) -> Stage:
    with transaction.atomic():
        cast = make_cast()
        course = make_module(by=cast.pinpoint, adopted_by=cast.physician, root=root)
        adopt(course=course, by=cast.other_physician, clinic=cast.harbour)
    return Stage(cast, course)


def answers() -> dict[str, keys.Known]:
    """A right and a wrong answer to each item, of whatever kind, by its wording: the takers must pass."""
    live = QuestionVersion.objects.filter(state=QuestionVersion.State.LIVE)
    rows = [(row.question.kind, row.content) for row in live.select_related("question")]
    found = {content["stem"]: keys.known(kind, content) for kind, content in rows}
    if len(found) < len(rows):
        raise Unexpected("two items have the same wording")
    return found


def learners(stage: Stage, clinic: Clinic, count: int, group: str) -> list[StaffMember]:
    """Treating staff who have confirmed every section, so that the quiz is open to them."""
    people = []
    with transaction.atomic():
        for number in range(count):
            membership = actions.add_member(
                clinic=clinic,
                email=f"{group}-{number}@bench.example",
                full_name=NAMES[number % len(NAMES)],
                job_title="Aesthetician",
                hired_on=date(2026, 1, 5),
                roles=["aesthetician"],
                by=stage.cast.pinpoint,
            )
            read_all(person=membership.person, course=stage.course)
            people.append(membership.person)
    return people


def cookies_of(person: StaffMember) -> dict[str, str]:
    """A session as the sign-in and its first page leave it."""
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session["used_at"] = int(clock.now().timestamp())
    session.create()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key)}


def signed_in(people: list[StaffMember], port: int) -> list[Browser]:
    with transaction.atomic():
        return [Browser(port, cookies_of(person)) for person in people]


def to_a_thousand(clinic: Clinic) -> None:
    """As many further certificates of the clinic's people as make a thousand that are not superseded."""
    present = list(Certificate.objects.filter(clinic=clinic, superseded_by=None).order_by("pk"))
    file = papers.file_of(present[0], "pdf")
    last = Certificate.objects.order_by("-pk")[0].pk
    own = {"id", "attempt", "number", "code", "kind", "supersedes"}
    fields = [field.attname for field in Certificate._meta.concrete_fields if field.name not in own]
    rows = [
        Certificate(
            **{name: getattr(present[n % len(present)], name) for name in fields},
            id=last + n,
            number=f"PP-2026-{500_000 + n}",
            code=codes.new(),
            kind=Certificate.Kind.PROGRAMME,
        )
        for n in range(1, 1001 - len(present))
    ]
    Certificate.objects.bulk_create(rows, batch_size=200)
    CertificateFile.objects.bulk_create([CertificateFile(certificate=row, format="pdf", file=file) for row in rows])
