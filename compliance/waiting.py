"""What waits for a physician: the exceptions only. A clean pass is visible elsewhere and never a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min
from django.urls import reverse

from certificates import programmes
from certificates.models import Certificate, CertificateEvent
from certificates.queries import certificates_to_decide, exceptions, passes_awaiting_adoption, with_events
from compliance import entrusting
from compliance.models import OutsideTraining
from compliance.outside import to_sign as to_sign_outside
from quizzes import approving
from quizzes.enquiries import waiting_in
from quizzes.models import Attempt, Candidacy, Outcome
from quizzes.models.enquiries import EnquiryQuerySet
from quizzes.queries import is_locked, with_attempts
from quizzes.regrades import Since, since_regrades
from staff import clock
from staff.access import Permission, clinics_as, has_permission
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import day, plural
from training.models import ModuleVersion
from training.observations import learners_of
from training.queries import live_versions, standing_adoption


@dataclass(frozen=True)
class AttemptWaiting:
    """`critical` counts the safety-critical answers that were wrong, `late` those that came after the end."""

    attempt: Attempt
    person: StaffMember
    title: str
    ended_at: datetime | None
    score: str
    critical: int
    late: int
    url: str

    @property
    def critical_words(self) -> str:
        return f"{self.critical} critical missed"

    @property
    def late_words(self) -> str:
        return f"{self.late} came late"


@dataclass(frozen=True)
class AdoptionWaiting:
    clinic: Clinic
    version: ModuleVersion
    passes: int
    url: str


@dataclass(frozen=True)
class QuestionsWaiting:
    """How many people's questions nobody has answered, and since when the oldest waits."""

    count: int
    oldest_at: datetime | None
    url: str

    @property
    def words(self) -> str:
        return f"{self.count} unanswered"


@dataclass(frozen=True)
class ItemsWaiting:
    """How many items this person could make live, and since when the oldest waits."""

    count: int
    oldest_at: datetime | None
    url: str

    @property
    def words(self) -> str:
        return f"{self.count} to approve"


@dataclass(frozen=True)
class DecisionWaiting:
    """A certificate whose pass a regrade took away."""

    certificate: Certificate
    url: str


@dataclass(frozen=True)
class ProgrammeWaiting:
    """Somebody of whom nothing but the signature is missing, or whose supervision is open since the signer left."""

    person: StaffMember
    title: str
    url: str
    text: str
    pending: bool = False
    days_left: int | None = None

    @property
    def state(self) -> str:
        """As the look names it: a week before the end it presses."""
        if not self.pending or self.days_left is None:
            return "due-soon"
        return "suspended" if self.days_left < 0 else "overdue" if self.days_left <= 7 else "supervision-pending"

    @property
    def word(self) -> str:
        if not self.pending or self.days_left is None:
            return "To sign"
        if self.days_left < 0:
            return "Suspended"
        return "Last day" if not self.days_left else f"{plural(self.days_left, 'day,days')} left"


@dataclass(frozen=True)
class PracticalsWaiting:
    """Who holds every module and lacks practicals."""

    people: tuple[StaffMember, ...] = ()
    url: str = ""

    @property
    def words(self) -> str:
        return f"{len(self.people)} to watch"


@dataclass(frozen=True)
class Waiting:
    locked: tuple[AttemptWaiting, ...]
    critical: tuple[AttemptWaiting, ...]
    adoptions: tuple[AdoptionWaiting, ...]
    questions: QuestionsWaiting
    items: ItemsWaiting
    decisions: tuple[DecisionWaiting, ...] = ()
    regrades: tuple[Since, ...] = ()
    programmes: tuple[ProgrammeWaiting, ...] = ()
    practicals: PracticalsWaiting = PracticalsWaiting()
    outside: tuple[OutsideTraining, ...] = ()

    @property
    def total(self) -> int:
        """Rows: all questions together are one, and so are all items and all people to watch."""
        rows = (
            self.locked,
            self.critical,
            self.adoptions,
            self.decisions,
            self.regrades,
            self.programmes,
            self.outside,
        )
        single = bool(self.questions.count) + bool(self.items.count) + bool(self.practicals.people)
        return sum(map(len, rows)) + single


def waiting_for(physician: StaffMember) -> Waiting:
    clinics = clinics_as(physician, Role.PHYSICIAN)
    locked = _locked(clinics, physician)
    critical = _critical(clinics, physician, [row.attempt.candidacy_id for row in locked])
    questions = questions_waiting(waiting_in(clinics, but_of=physician))
    to_sign, to_watch = _programmes(clinics, physician)
    return Waiting(
        tuple(locked),
        tuple(critical),
        tuple(_adoptions(clinics)),
        questions,
        items_waiting(physician),
        tuple(
            DecisionWaiting(row, reverse("certificates:certificate-dispose", args=[row.number]))
            for row in certificates_to_decide(clinics, but_of=physician)
        ),
        tuple(since_regrades(clinics, but_of=physician)),
        tuple(to_sign),
        PracticalsWaiting(tuple(to_watch), reverse("certificates:practical-list")),
        tuple(to_sign_outside(clinics, but_of=physician)),
    )


def _programmes(clinics: list[Clinic], physician: StaffMember) -> tuple[list[ProgrammeWaiting], list[StaffMember]]:
    """Programmes that only lack a signature, a predecessor's certificates, and who lacks nothing but practicals."""
    ready, to_watch = [], []
    for dossier in entrusting.dossiers(learners_of(clinics, but=physician)):
        lacking = {condition.code for condition in dossier.missing}
        if not lacking:
            args = [dossier.programme.slug, dossier.clinic.public_id, dossier.person.public_id]
            url = reverse("compliance:programme-sign", args=args)
            text = "Every condition is in order; your signature issues the certificate."
            ready.append(ProgrammeWaiting(dossier.person, dossier.programme.title, url, text))
        elif lacking & {"practicals", "recent"} and not lacking & {"modules", "once"}:
            to_watch.append(dossier.person)
    pending = Certificate.objects.filter(clinic__in=clinics, events__kind=CertificateEvent.Kind.PENDING)
    for certificate in with_events(pending.exclude(person=physician).distinct()):
        if programmes.supervision_open(certificate):
            url = reverse("certificates:certificate-endorse", args=[certificate.number])
            ready.append(_pending(certificate, url))
    return ready, to_watch


def _pending(certificate: Certificate, url: str) -> ProgrammeWaiting:
    """The day until which a successor takes over, and how near it is."""
    until = programmes.successor_until(certificate)
    assert until is not None
    left = (until - clock.today(certificate.zone)).days
    text = f"The physician who signed has left; take over by {day(until)}, or it is suspended."
    if left < 0:
        text = f"The physician who signed has left, and nobody took over by {day(until)}: it is suspended until somebody does."
    return ProgrammeWaiting(certificate.person, certificate.title, url, text, pending=True, days_left=left)


def items_waiting(person: StaffMember) -> ItemsWaiting:
    """None where she takes quizzes herself: their keys are not hers to see."""
    takes = has_permission(person, Permission.TAKE_QUIZZES)
    hers = [] if takes else [one.since for one in approving.queue() if one.may(person)]
    return ItemsWaiting(len(hers), min(hers, default=None), reverse("compliance:approval-list"))


def questions_waiting(rows: EnquiryQuerySet) -> QuestionsWaiting:
    found = rows.order_by().aggregate(count=Count("pk"), oldest=Min("asked_at"))
    return QuestionsWaiting(found["count"], found["oldest"], reverse("certificates:enquiry-list"))


def _shown(attempt: Attempt, outcome: Outcome) -> AttemptWaiting:
    missed = next((clause for clause in outcome.decided if clause["code"] == "critical"), None)
    return AttemptWaiting(
        attempt=attempt,
        person=attempt.candidacy.person,
        title=attempt.module_version.title,
        ended_at=attempt.ended_at,
        score=f"{outcome.points} of {outcome.max_points}",
        critical=len(missed["missed"]) if missed else 0,
        late=getattr(attempt, "late", 0),
        url=reverse("certificates:review-detail", args=[attempt.public_id]),
    )


def latest_outcomes(attempts: Sequence[Attempt]) -> dict[int, Outcome]:
    """By attempt; the highest number counts."""
    rows = Outcome.objects.filter(attempt__in=[attempt.pk for attempt in attempts]).order_by("number")
    return {row.attempt_id: row for row in rows}


def _locked(clinics: list[Clinic], physician: StaffMember) -> list[AttemptWaiting]:
    rows = with_attempts(Candidacy.objects.filter(clinic__in=clinics, closed_at=None).exclude(person=physician))
    candidacies = [row.pk for row in rows if is_locked(row)]
    attempts = list(
        Attempt.objects.finished()
        .filter(candidacy__in=candidacies, kind=Attempt.Kind.FULL)
        .select_related("candidacy__person", "module_version")
        .order_by("number")
    )
    last = {attempt.candidacy_id: attempt for attempt in attempts}
    outcomes = latest_outcomes(list(last.values()))
    shown = [_shown(attempt, outcomes[attempt.pk]) for attempt in last.values()]
    return sorted(shown, key=lambda row: str(row.ended_at))


def _critical(clinics: list[Clinic], physician: StaffMember, locked: list[int]) -> list[AttemptWaiting]:
    """Finished attempts with a safety-critical miss, or with answers come late, that nobody has seen to yet, oldest first.

    Those of locked people are left out: the talk that waits covers them.
    """
    supervised = Attempt.objects.finished().filter(candidacy__clinic__in=clinics)
    others = supervised.exclude(candidacy__person=physician).exclude(candidacy__in=locked)
    missed = exceptions(others).order_by().values("pk")
    attempts = list(
        Attempt.objects.filter(pk__in=missed)
        .select_related("candidacy__person", "module_version")
        .annotate(late=Count("items__late_answers"))
        .order_by("ended_at", "pk")
    )
    outcomes = latest_outcomes(attempts)
    shown = [_shown(attempt, outcomes[attempt.pk]) for attempt in attempts]
    return [row for row in shown if row.critical or row.late]


def _adoptions(clinics: list[Clinic]) -> list[AdoptionWaiting]:
    """Live versions without a standing adoption; where passes wait for it first."""
    passes = {
        (row["candidacy__clinic"], row["module_version__module"]): row["n"]
        for row in passes_awaiting_adoption()
        .filter(candidacy__clinic__in=clinics)
        .values("candidacy__clinic", "module_version__module")
        .annotate(n=Count("pk", distinct=True))
    }
    rows = [
        AdoptionWaiting(
            clinic,
            version,
            passes.get((clinic.pk, version.module_id), 0),
            reverse("certificates:module-adopt", args=[version.module.slug]),
        )
        for clinic in clinics
        for version in live_versions()
        if standing_adoption(clinic, version) is None
    ]
    return sorted(rows, key=lambda row: -row.passes)
