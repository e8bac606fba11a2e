"""Two accounts of one person: what would move, what stays as it is recorded, who may propose it, and who decides.

Nothing on record changes its person. The account that is merged away becomes an alias: it cannot sign in, its address leads to
the account that is kept, and what it holds is shown there as well.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from certificates.actions import end_membership
from certificates.models import Certificate
from compliance.models import Merge, MergeDecision
from quizzes.actions import accommodate, end_accommodation
from quizzes.models import Accommodation, Attempt, Enquiry, Review
from staff import actions as staff_actions
from staff import audit, canonical, clock
from staff.access import clinics_as
from staff.models import Clinic, InstallationRole, Licence, Membership, MembershipRole, Signature, StaffMember
from staff.models.clinics import Role
from training.models import Observation

ELSEWHERE = "These two accounts cannot be merged here. The administrator of the installation can look at both."


class Refused(Exception):
    """Says in a sentence why the two cannot be merged."""


class Changed(Exception):
    """Something else would happen than what was shown."""


@dataclass(frozen=True)
class Plan:
    """In words, each line naming what it is about; hashed, so that what was seen is what is decided."""

    moves: tuple[str, ...]
    ends: tuple[str, ...]
    stays: tuple[str, ...]

    def plain(self) -> dict[str, list[str]]:
        return {"moves": list(self.moves), "ends": list(self.ends), "stays": list(self.stays)}

    @property
    def sha256(self) -> str:
        return canonical.sha256_of(self.plain())


def plan_of(decision: MergeDecision) -> Plan:
    """As it was decided."""
    kept = json.loads(decision.plan)
    return Plan(tuple(kept["moves"]), tuple(kept["ends"]), tuple(kept["stays"]))


def _open(person: StaffMember) -> list[Membership]:
    rows = Membership.objects.filter(person=person, ended_at=None).select_related("clinic", "person")
    return list(rows.order_by("clinic__name", "pk"))


def _roles(membership: Membership) -> list[str]:
    held = set(MembershipRole.objects.filter(membership=membership, ended_at=None).values_list("role", flat=True))
    return [role for role in Role.values if role in held]


def _named(roles: list[str]) -> str:
    return ", ".join(str(Role(role).label) for role in roles)


def _counted(count: int, one: str, many: str) -> list[str]:
    return [f"{count} {one if count == 1 else many}"] if count else []


def plan(kept: StaffMember, alias: StaffMember) -> Plan:
    """A dry run: nothing is changed."""
    at = {row.clinic_id: row for row in _open(kept)}
    moves, ends = [], []
    for row in _open(alias):
        roles = _roles(row)
        if row.clinic_id in at:
            lost = [role for role in roles if role not in _roles(at[row.clinic_id])]
            also = f", and with it the role {_named(lost)}" if lost else ""
            ends.append(
                f"The membership at {row.clinic} as {row.job_title}{also}: the kept account works there already"
            )
        else:
            checked = "; a physician's identity is checked anew" if Role.PHYSICIAN in roles else ""
            moves.append(f"The membership at {row.clinic} as {row.job_title} ({_named(roles)}){checked}")
    moves += [f"The licence {row.type} {row.number}, {row.authority}" for row in Licence.objects.filter(person=alias)]
    moves += [f"Extra time, {row.time_percent} %, until {row.valid_until_on.isoformat()}" for row in _extra_time(alias)]
    sitting = Attempt.objects.filter(candidacy__person=alias, state=Attempt.State.OPEN).count()
    ends += _counted(sitting, "open attempt, scored as stored", "open attempts, scored as stored")
    ends.append("Signing in: its address leads to the kept account")
    stays = [
        *_counted(Certificate.objects.filter(person=alias).count(), "certificate", "certificates"),
        *_counted(Attempt.objects.filter(candidacy__person=alias).count(), "attempt", "attempts"),
        *_counted(Observation.objects.filter(learner=alias).count(), "sheet of practicals", "sheets of practicals"),
        *_counted(Signature.objects.filter(signer=alias).count(), "signature given", "signatures given"),
        *_counted(Enquiry.objects.filter(person=alias).count(), "question asked", "questions asked"),
        "Every event of the audit trail, and what was read",
        "Waivers, leave and what was asked by hand: record it anew where it still holds",
    ]
    return Plan(tuple(moves), tuple(ends), tuple(stays))


def _extra_time(person: StaffMember) -> list[Accommodation]:
    today = clock.today("UTC")
    return list(Accommodation.objects.filter(person=person, ended_at=None, valid_until_on__gte=today).order_by("pk"))


def refuse_two(kept: StaffMember, alias: StaffMember) -> None:
    """What speaks against it whoever asks. Raises Refused."""
    site = StaffMember.objects.pinpoint()
    if kept == alias or site in (kept, alias):
        raise Refused("Choose two accounts of one person.")
    if kept.merged_into_id or alias.merged_into_id or alias.aliases.exists():
        raise Refused("One of the two was merged before. Merge into the account that was kept then.")
    if kept.erased_at or alias.erased_at:
        raise Refused("One of the two was erased, so nothing is left to merge.")
    if InstallationRole.objects.filter(person=alias, ended_at=None).exists():
        raise Refused("The account to be merged away is appointed for the installation. Keep that one.")
    if not Membership.objects.filter(person=kept, ended_at=None).exists():
        raise Refused(f"{kept.full_name} ({kept.email}) works nowhere now. Keep the account that is in use.")
    for one, other in ((kept, alias), (alias, kept)):
        signs = MembershipRole.objects.filter(membership__person=one, role=Role.PHYSICIAN).exists()
        observes = Observation.objects.filter(observer=one).exists()
        learns = (
            Attempt.objects.filter(candidacy__person=other).exists()
            or Observation.objects.filter(learner=other).exists()
        )
        if learns and (signs or observes or Review.objects.filter(reviewer=one).exists()):
            raise Refused(
                "One account has signed, observed or may sign, and the other has a record of learning. Together one person "
                "would have decided about herself, so they stay apart."
            )


def reach(person: StaffMember, kept: StaffMember, alias: StaffMember) -> bool:
    """She manages every clinic where either account works or worked, or is an administrator; and is neither of the two."""
    if person in (kept, alias) or not person.is_active:
        return False
    worked = set(Membership.objects.filter(person__in=(kept, alias)).values_list("clinic", flat=True))
    return person.is_administrator or worked <= {clinic.pk for clinic in clinics_as(person, Role.MANAGER)}


def waiting_for(viewer: StaffMember) -> list[Merge]:
    """Proposals that she may decide, and her own that wait for somebody else."""
    clinics = clinics_as(viewer, Role.MANAGER)
    rows = Merge.objects.filter(clinic__in=clinics, decision=None).select_related("kept", "alias", "proposed_by")
    return [row for row in rows if reach(viewer, row.kept, row.alias)]


@transaction.atomic
def propose(*, kept: StaffMember, alias: StaffMember, reason: str, by: StaffMember) -> Merge:
    """Raises Refused. Proposed before and not decided, it is that proposal."""
    if not reach(by, kept, alias):
        raise Refused(ELSEWHERE)
    refuse_two(kept, alias)
    either = Q(kept=kept, alias=alias) | Q(kept=alias, alias=kept)
    known = Merge.objects.filter(either, decision=None).first()
    if known:
        return known
    clinic = _open(kept)[0].clinic
    merge = Merge.objects.create(clinic=clinic, kept=kept, alias=alias, reason=reason, proposed_by=by)
    audit.record(clinic=clinic, by=by, action="merge.proposed", subject=merge, reason=reason, body=told_of(merge))
    return merge


def told_of(merge: Merge) -> dict[str, Any]:
    return {"merge": merge.public_id, "kept": merge.kept_id, "alias": merge.alias_id, "person": merge.kept_id}


def told_of_decision(decision: MergeDecision) -> dict[str, Any]:
    return {**told_of(decision.merge), "confirmed": decision.confirmed, "plan_sha256": canonical.sha256(decision.plan)}


@transaction.atomic
def decide(*, merge: Merge, confirmed: bool, shown: str, by: StaffMember) -> MergeDecision:
    """By a second person, over the plan she saw. Raises Refused or Changed with nothing done."""
    people = {
        row.pk: row for row in StaffMember.objects.select_for_update().filter(pk__in=(merge.kept_id, merge.alias_id))
    }
    merge = Merge.objects.select_related("clinic").get(pk=merge.pk)
    kept, alias = people[merge.kept_id], people[merge.alias_id]
    known = MergeDecision.objects.filter(merge=merge).first()
    if known:
        return known
    if by.pk == merge.proposed_by_id or not reach(by, kept, alias):
        raise Refused("A second person decides: another manager of the same clinics, or the administrator.")
    planned = plan(kept, alias)
    if confirmed:
        refuse_two(kept, alias)
        if planned.sha256 != shown:
            raise Changed
    decision = MergeDecision.objects.create(
        merge=merge, confirmed=confirmed, plan=canonical.text(planned.plain()), decided_by=by
    )
    audit.record(
        clinic=merge.clinic,
        by=by,
        action="merge.confirmed" if confirmed else "merge.declined",
        subject=merge,
        body=told_of_decision(decision),
    )
    if confirmed:
        _carry_out(kept, alias, merge, by)
    return decision


def _carry_out(kept: StaffMember, alias: StaffMember, merge: Merge, by: StaffMember) -> None:
    reason = f"Merged into account {kept.public_id}"  # no address: the audit trail keeps it for good
    here = {row.clinic_id for row in _open(kept)}
    moved: list[tuple[Membership, list[str]]] = [(row, _roles(row)) for row in _open(alias)]
    extra = _extra_time(alias)
    for membership, roles in moved:
        end_membership(membership=membership, reason=reason, by=by)
        if membership.clinic_id not in here:
            staff_actions.add_member(
                clinic=membership.clinic,
                email=kept.email,
                full_name=kept.full_name,
                job_title=membership.job_title,
                staff_number=membership.staff_number,
                hired_on=membership.hired_on,
                roles=roles,
                by=by,
            )
    for row in extra:
        end_accommodation(accommodation=row, clinic=merge.clinic, by=by)
        accommodate(
            person=kept,
            clinic=merge.clinic,
            time_percent=row.time_percent,
            category=row.category,
            valid_from_on=row.valid_from_on,
            valid_until_on=row.valid_until_on,
            by=by,
        )
    staff_actions.make_alias(alias=alias, of=kept, clinic=merge.clinic, by=by)


def merges_visible_to(viewer: StaffMember, public_id: str) -> Merge | None:
    """One that she may decide or has proposed; None for a stranger's."""
    rows = Merge.objects.filter(clinic__in=clinics_as(viewer, Role.MANAGER), public_id=public_id)
    found = rows.select_related("kept", "alias", "proposed_by", "clinic", "decision__decided_by").first()
    return found if found and reach(viewer, found.kept, found.alias) else None


def among_people_of(viewer: StaffMember, email: str) -> StaffMember | None:
    """An account of somebody who works or worked in a clinic she manages."""
    clinics: list[Clinic] = clinics_as(viewer, Role.MANAGER)
    return StaffMember.objects.filter(membership__clinic__in=clinics, email=email.strip().lower()).first()
