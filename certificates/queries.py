"""Questions asked of certificates and of the attempts behind them: whose to see, in what state, and what waits."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from certificates import validity
from certificates.models import Certificate, CertificateEvent
from quizzes.models import Attempt, AttemptGrant, Candidacy, Disposition, LateAnswer, Mark, Outcome, Review
from staff import clock
from staff.access import clinics_as
from staff.models import AuditEvent, Clinic, StaffMember
from staff.models.clinics import Role

REVIEW_READ = "review.acknowledged"


def read_by_candidate(reviews: Sequence[Review]) -> dict[int, datetime]:
    """When she whom they are about said that she has read them; nothing is asked where there is none."""
    if not reviews:
        return {}
    told = AuditEvent.objects.filter(
        subject_type=Review._meta.label_lower, subject_id__in=[str(row.pk) for row in reviews], action=REVIEW_READ
    )
    return {int(pk): at for pk, at in told.order_by("-pk").values_list("subject_id", "at")}


def with_events(rows: "QuerySet[Certificate]") -> "QuerySet[Certificate]":
    return rows.select_related("person", "clinic").prefetch_related(
        Prefetch("events", CertificateEvent.objects.select_related("by", "signature")), "superseded_by"
    )


def told_apart(rows: "QuerySet[Certificate]") -> "QuerySet[Certificate]":
    """Each with `is_untouched`: nothing has happened to it since its issue, so its dates alone say its state."""
    events = CertificateEvent.objects.filter(certificate=OuterRef("pk"))
    newer = Certificate.objects.filter(supersedes=OuterRef("pk"))
    return rows.annotate(is_untouched=~Exists(events) & ~Exists(newer))


def dates_of(certificate: Certificate) -> validity.Holding:
    """What `validity.state` takes, of a certificate to which nothing has happened."""
    return validity.Holding(
        valid_from_on=certificate.valid_from_on,
        valid_until_on=certificate.valid_until_on,
        zone=certificate.zone,
        renewal_days=certificate.renewal_days,
    )


def holding_of(certificate: Certificate) -> validity.Holding:
    """The same of any; uses what `with_events` fetched."""
    return replace(
        dates_of(certificate),
        events=[validity.Event(event.kind, event.effective_at) for event in certificate.events.all()],
        superseded_at=min((newer.issued_at for newer in certificate.superseded_by.all()), default=None),
    )


def state_of(certificate: Certificate, at: datetime | None = None) -> str:
    """Uses what `with_events` or `told_apart` fetched."""
    found = dates_of(certificate) if getattr(certificate, "is_untouched", False) else holding_of(certificate)
    return validity.state(found, at or clock.now())


@dataclass(frozen=True)
class Step:
    """One thing that happened to a certificate, as its holder reads it."""

    at: datetime
    what: str
    why: str = ""


def copies_before(certificate: Certificate) -> list[Certificate]:
    """The copies under another name that it replaced, the newest first."""
    found = []
    while certificate.reissued_for and certificate.supersedes:
        certificate = certificate.supersedes
        found.append(certificate)
    return found


def history(certificate: Certificate) -> list[Step]:
    """From its issue on, the oldest first; uses what `with_events` fetched, and the one that it supersedes."""
    before = certificate.supersedes
    issued = f"Issued, replacing {before.number}" if before else "Issued"
    steps = [Step(certificate.issued_at, issued, certificate.get_reissued_for_display())]
    steps += [
        Step(event.effective_at, event.get_kind_display(), event.public_text) for event in certificate.events.all()
    ]
    steps += [
        Step(newer.issued_at, f"Replaced by {newer.number}", newer.get_reissued_for_display())
        for newer in certificate.superseded_by.all()
    ]
    return sorted(steps, key=lambda step: step.at)


def in_force(certificate: Certificate) -> bool:
    return state_of(certificate) in validity.IN_FORCE


def visible_to(viewer: StaffMember) -> "QuerySet[Certificate]":
    """Her own, under every account of hers; those of the clinics she manages or supervises."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    return with_events(
        Certificate.objects.filter(Q(person=viewer) | Q(person__merged_into=viewer) | Q(clinic__in=clinics))
    )


def exceptions(attempts: "QuerySet[Attempt]") -> "QuerySet[Attempt]":
    """Attempts that wait for a physician: a critical point missed, the last attempt used or answers come late, unseen so far.

    A review, a talk recorded since and a pass since are all an answer. Where a regrade took a pass, what waits is the
    decision about its certificate.
    """
    critical_miss = Mark.objects.missed().filter(
        item__attempt=OuterRef("pk"), item__points__point_version__critical=True
    )
    reviewed = Review.objects.filter(attempt=OuterRef("pk"))
    talked = AttemptGrant.objects.filter(candidacy=OuterRef("candidacy"), granted_at__gte=OuterRef("ended_at"))
    passed = Attempt.objects.passed().filter(candidacy=OuterRef("candidacy"))
    failed = Attempt.objects.not_passed().filter(pk=OuterRef("pk"))
    once = Outcome.objects.filter(attempt=OuterRef("pk"), passed=True)
    waiting = Q(Exists(critical_miss)) | Q(Exists(failed), number__gte=F("quiz_version__attempts"))
    unseen = Q(~Exists(reviewed), ~Exists(talked), ~Exists(once))
    return attempts.filter(waiting & unseen | Q(Exists(_unseen_late())), ~Exists(passed))


def _unseen_late() -> "QuerySet[LateAnswer]":
    """Late answers of an attempt that no review and no recorded talk has followed."""
    reviewed = Review.objects.filter(attempt=OuterRef("item__attempt"), reviewed_at__gt=OuterRef("arrived_at"))
    talked = AttemptGrant.objects.filter(
        candidacy=OuterRef("item__attempt__candidacy"), granted_at__gt=OuterRef("arrived_at")
    )
    return LateAnswer.objects.filter(~Exists(reviewed), ~Exists(talked), item__attempt=OuterRef("pk"))


def certified_otherwise() -> Exists:
    """For a query of attempts: the cycle has a certificate of another attempt already, which nobody has undone."""
    others = Certificate.objects.filter(
        candidacy=OuterRef("candidacy"), attempt__in=Attempt.objects.closing().values("pk")
    )
    return Exists(others.exclude(attempt=OuterRef("pk")))


def passes_awaiting_adoption() -> "QuerySet[Attempt]":
    """Passed in the person's latest cycle, and without a certificate until a physician adopts the version."""
    later = Candidacy.objects.filter(
        person=OuterRef("candidacy__person"), quiz=OuterRef("candidacy__quiz"), cycle__gt=OuterRef("candidacy__cycle")
    )
    passed: QuerySet[Attempt] = Attempt.objects.finished().passed().filter(certificates=None)
    return passed.filter(~Exists(later), ~certified_otherwise()).order_by()


def is_lost(certificate: Certificate) -> bool:
    """Whether a regrade took its pass and no physician has decided about it since."""
    return bool(resting_on_lost_passes(Certificate.objects.filter(pk=certificate.pk)))


def certificates_to_decide(clinics: Collection[Clinic], *, but_of: StaffMember) -> "list[Certificate]":
    """What the physicians of these clinics have to decide about after a regrade."""
    return resting_on_lost_passes(Certificate.objects.filter(clinic__in=clinics).exclude(person=but_of))


IN_QUESTION = ("valid", "expiring", "not-yet-valid", "suspended")


def resting_on_lost_passes(rows: "QuerySet[Certificate]") -> "list[Certificate]":
    """Those whose pass a regrade took away and about which no physician has decided since, the oldest first."""
    passed = Attempt.objects.passed().filter(candidacy=OuterRef("candidacy"))
    lost = Attempt.objects.not_passed().filter(pk=OuterRef("attempt"))
    last = Outcome.objects.filter(attempt=OuterRef("outcome__attempt"), passed=True).order_by("-number")
    decided = Disposition.objects.filter(
        outcome__attempt=OuterRef("attempt"), outcome__number__gt=Subquery(last.values("number")[:1])
    )
    found = with_events(rows.filter(Exists(lost), ~Exists(passed), ~Exists(decided), superseded_by=None))
    return [row for row in found.order_by("issued_at", "pk") if state_of(row) in IN_QUESTION]
