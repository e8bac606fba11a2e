"""What a manager or a physician sees of one person, and whom a manager may change."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Prefetch, Q
from django.http import Http404
from django.urls import reverse

from certificates import programmes
from certificates.models import Certificate
from certificates.queries import state_of, with_events
from compliance import entrusting
from compliance.forms import matches
from compliance.queries import Board, board_of
from compliance.situations import Row
from compliance.waiting import latest_outcomes
from quizzes.models import Accommodation, Attempt, Outcome, Review
from quizzes.queries import attempts_visible_to
from staff import clock, factors
from staff.access import clinics_as, people_visible_to
from staff.models import AuditEvent, Clinic, Licence, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role
from training.models import Observation
from training.observations import sheets_visible_to


def person_for(viewer: StaffMember, public_id: str) -> StaffMember:
    """404 for a stranger."""
    person = people_visible_to(viewer).select_related("merged_into").filter(public_id=public_id).first()
    if person is None:
        raise Http404("no such person")
    return person


def managed(viewer: StaffMember, person: StaffMember) -> list[Membership]:
    """The person's open memberships in clinics that the viewer manages: through them she may change something."""
    return list(
        Membership.objects.filter(person=person, clinic__in=clinics_as(viewer, Role.MANAGER), ended_at=None)
        .select_related("person", "clinic")
        .order_by("clinic__name", "pk")
    )


def aliases_shown(viewer: StaffMember, person: StaffMember) -> list[StaffMember]:
    """Accounts merged into this one, as far as the viewer sees them."""
    return list(people_visible_to(viewer).filter(merged_into=person).order_by("email"))


def transferable(viewer: StaffMember, person: StaffMember) -> list[Clinic]:
    """The viewer's other clinics, where the person does not work yet."""
    held = set(Membership.objects.filter(person=person, ended_at=None).values_list("clinic", flat=True))
    return [clinic for clinic in clinics_as(viewer, Role.MANAGER) if clinic.pk not in held]


def attempts_under_way(membership: Membership) -> int:
    return Attempt.objects.filter(
        candidacy__person=membership.person, candidacy__clinic=membership.clinic, state=Attempt.State.OPEN
    ).count()


def extra_time_shown(viewer: StaffMember, person: StaffMember) -> list[Accommodation] | None:
    """For the person and her managers; None where it is nobody's business."""
    if viewer != person and not managed(viewer, person):
        return None
    return list(Accommodation.objects.filter(person=person).select_related("granted_by", "ended_by"))


def _hers(person: StaffMember, path: str = "person") -> Q:
    """Under this account, and under those that were merged into it."""
    return Q(**{path: person}) | Q(**{f"{path}__merged_into": person})


@dataclass(frozen=True)
class AttemptShown:
    """State and score; the answers are for the person and her physicians. `url` leads a physician to them."""

    attempt: Attempt
    state: str
    word: str
    url: str


@dataclass(frozen=True)
class CertificateShown:
    certificate: Certificate
    state: str
    url: str


@dataclass(frozen=True)
class MembershipShown:
    """`checkable`: the viewer may record the identity check, since it was not she who gave the physician's role."""

    membership: Membership
    roles: tuple[MembershipRole, ...]
    managed: bool
    checkable: bool

    @property
    def unchecked(self) -> bool:
        """A physician whose identity nobody has checked: she cannot sign."""
        return any(role.role == Role.PHYSICIAN and role.identity_checked_at is None for role in self.roles)


def memberships_shown(viewer: StaffMember, person: StaffMember) -> list[MembershipShown]:
    """In the viewer's clinics, open ones first; of herself all."""
    seen = Membership.objects.filter(_hers(person))
    if viewer != person:
        seen = seen.filter(clinic__in=clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN))
    managing = {clinic.pk for clinic in clinics_as(viewer, Role.MANAGER)}
    rows = seen.select_related("clinic", "ended_by").prefetch_related(
        Prefetch("roles", MembershipRole.objects.select_related("identity_checked_by").order_by("role"))
    )
    return [
        MembershipShown(
            row,
            tuple(role for role in row.roles.all() if row.ended_at or role.ended_at is None),
            row.ended_at is None and row.clinic_id in managing,
            not any(role.role == Role.PHYSICIAN and role.granted_by_id == viewer.pk for role in row.roles.all()),
        )
        for row in sorted(rows, key=lambda row: (row.ended_at is not None, -row.began_at.timestamp()))
    ]


@dataclass(frozen=True)
class ProgrammeShown:
    """`url` leads the physician to the signature."""

    dossier: programmes.Dossier
    url: str

    @property
    def passed(self) -> int:
        return sum(row.standing.state == "passed" for row in self.dossier.practicals)


def dossiers_shown(viewer: StaffMember, person: StaffMember) -> list[ProgrammeShown]:
    """Her signed programmes in the viewer's clinics, with the practicals."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    members = list(
        Membership.objects.filter(person=person, clinic__in=clinics, ended_at=None)
        .select_related("person", "clinic")
        .prefetch_related("roles")
    )
    signs = clinics_as(viewer, Role.PHYSICIAN)
    shown = []
    for dossier in entrusting.dossiers(members):
        roles = {role.role for role in dossier.membership.roles.all() if role.ended_at is None}
        if roles & set(dossier.programme.asked_of):
            args = [dossier.programme.slug, dossier.clinic.public_id, person.public_id]
            may = dossier.clinic in signs and person != viewer
            shown.append(ProgrammeShown(dossier, reverse("compliance:programme-sign", args=args) if may else ""))
    return shown


def certificates_shown(viewer: StaffMember, person: StaffMember) -> list[CertificateShown]:
    """Those of the viewer's clinics; of somebody who works in one of them now, also those another clinic issued."""
    seen = {clinic.pk for clinic in clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)}
    works_here = Membership.objects.filter(person=person, clinic__in=seen, ended_at=None).exists()
    wanted = Q() if works_here or viewer == person else Q(clinic__in=seen)
    rows = with_events(Certificate.objects.filter(wanted, _hers(person)))
    own = viewer == person
    return [
        CertificateShown(row, state_of(row), row.get_absolute_url() if own or row.clinic_id in seen else "")
        for row in rows
    ]


def attempts_shown(viewer: StaffMember, person: StaffMember) -> list[AttemptShown]:
    """Of the viewer's clinics, the newest first."""
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    rows = list(
        Attempt.objects.filter(_hers(person, "candidacy__person"), candidacy__clinic__in=clinics)
        .select_related("module_version", "quiz_version", "candidacy__clinic")
        .prefetch_related("reviews")
        .order_by("-started_at", "-pk")
    )
    outcomes = latest_outcomes(rows)
    reviewable = set(attempts_visible_to(viewer).filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    shown = []
    for row in rows:
        state, word = _attempt_state(row, outcomes)
        opens = row.pk in reviewable and row.state in Attempt.FINISHED and viewer != person
        url = reverse("certificates:review-detail", args=[row.public_id]) if opens else ""
        shown.append(AttemptShown(row, state, word, url))
    return shown


def sheets_shown(viewer: StaffMember, person: StaffMember) -> list[Observation]:
    """The signed sheets of practicals that the viewer may open, the newest first."""
    signed = sheets_visible_to(viewer).filter(_hers(person, "learner"), state=Observation.State.SIGNED)
    return list(signed.order_by("-ended_at", "-pk"))


def _attempt_state(row: Attempt, outcomes: dict[int, Outcome]) -> tuple[str, str]:
    if row.state == Attempt.State.OPEN:
        return "in-progress", "In progress"
    if row.state == Attempt.State.VOIDED:
        return "voided", ""
    outcome = outcomes[row.pk]
    reviews = list(row.reviews.all())
    decided: dict[str, str] = {Review.Decision.ENDORSED: ", endorsed", Review.Decision.RETURNED: ", returned"}
    after = decided.get(reviews[0].decision, "") if reviews else ""
    word = f"{outcome.points} of {outcome.max_points}, {'passed' if outcome.passed else 'not passed'}{after}"
    return ("passed" if outcome.passed else "failed"), word


@dataclass(frozen=True)
class LicenceShown:
    licence: Licence
    expired: bool


def licences_shown(person: StaffMember, today: date) -> list[LicenceShown]:
    rows = Licence.objects.filter(person=person).order_by("-expires_on", "pk")
    return [LicenceShown(row, row.expires_on < today) for row in rows]


@dataclass(frozen=True)
class Listed:
    """A line of the list of people."""

    person: StaffMember
    membership: Membership
    roles: str
    word: str = ""
    waiting: bool = False
    has_factor: bool = False
    may_be_asked: bool = False  # for a factor: of those who sign or see everybody
    invited_at: datetime | None = None

    @property
    def key(self) -> str:
        """What a form sends back to mean this line."""
        return f"{self.person.public_id}:{self.membership.clinic.public_id}"


def people_here(board: Board) -> list[Listed]:
    rows = sorted(board.rows, key=lambda row: (row.person.full_name.casefold(), row.membership.pk))
    return [_listed(row) for row in rows]


def _listed(row: Row) -> Listed:
    return Listed(
        row.person,
        row.membership,
        row.role_names,
        row.word,
        waiting=not row.person.has_usable_password(),
        may_be_asked=not {Role.PHYSICIAN, Role.MANAGER}.isdisjoint(row.roles),
    )


def people_waiting(board: Board) -> list[Listed]:
    """Who works here and has not chosen a password yet, with when she was last invited."""
    rows = [row for row in people_here(board) if row.waiting]
    invited = _last_invitations([row.membership for row in rows])
    return [replace(row, invited_at=invited.get((row.person.pk, row.membership.clinic_id))) for row in rows]


def _last_invitations(memberships: list[Membership]) -> dict[tuple[int, int], datetime]:
    """By person and clinic, her earlier rows at the clinic among them."""
    pairs = {(row.person_id, row.clinic_id) for row in memberships}
    rows = Membership.objects.filter(person__in=[row.person_id for row in memberships])
    about = {
        str(pk): (person, clinic)
        for pk, person, clinic in rows.values_list("pk", "person", "clinic")
        if (person, clinic) in pairs
    }
    events = AuditEvent.objects.filter(
        subject_type="staff.membership", subject_id__in=about, action="invitation.queued"
    )
    return {about[subject]: at for subject, at in events.order_by("pk").values_list("subject_id", "at")}


def with_factors(lines: list[Listed]) -> list[Listed]:
    """Each line with whether the person has a second factor."""
    have = factors.who_have([line.person.pk for line in lines])
    return [replace(line, has_factor=line.person.pk in have) for line in lines]


def people_without_factor(viewer: StaffMember, board: Board) -> list[Listed]:
    """In the clinics that the viewer manages."""
    managed = {clinic.pk for clinic in clinics_as(viewer, Role.MANAGER)}
    rows = [line for line in people_here(board) if line.membership.clinic_id in managed]
    return [line for line in with_factors(rows) if not line.has_factor]


def people_gone(clinics: list[Clinic]) -> list[Listed]:
    """The last membership of everybody who worked in one of these clinics and does no longer."""
    rows = Membership.objects.filter(clinic__in=clinics, person__merged_into=None)
    rows = rows.select_related("person", "clinic").order_by("began_at", "pk")
    last = {(row.person_id, row.clinic_id): row for row in rows}
    gone = [Listed(row.person, row, "") for row in last.values() if row.ended_at]
    return sorted(gone, key=lambda line: (line.person.full_name.casefold(), line.membership.pk))


def matching(lines: list[Listed], q: str) -> list[Listed]:
    return [line for line in lines if matches(q, line.membership)]


def today_for(viewer: StaffMember) -> date:
    clinics = clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)
    return clock.today(clinics[0].zone if clinics else "UTC")


def own_row(viewer: StaffMember, person: StaffMember) -> list[Row]:
    """The person's rows of the matrix, in the viewer's clinics."""
    return list(board_of(clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN), person).rows)
