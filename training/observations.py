"""Questions asked of the practicals: who may observe whom, what was seen, and where a person stands."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Q, QuerySet, Subquery

from staff.access import clinics_as, memberships
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from training import practicals
from training.models import Observation, ObserverDecision, PracticalVersion, Programme, SelfEvaluation


def live_practicals() -> list[PracticalVersion]:
    """The highest number of each code, P1 to P13."""
    newest = PracticalVersion.objects.filter(code=OuterRef("code")).order_by("-number").values("pk")[:1]
    rows = PracticalVersion.objects.filter(pk=Subquery(newest))
    return sorted(rows, key=lambda row: int(row.code[1:]))


def asked_roles() -> set[str]:
    """Roles of which some programme asks practicals."""
    return {role for row in Programme.objects.all() if row.observed for role in row.asked_of}


def may_be_observed(person: StaffMember, clinic: Clinic) -> bool:
    return clinic in clinics_as(person, *asked_roles())


def approved_observers(clinics: Iterable[Clinic]) -> dict[int, set[int]]:
    """By clinic, the people whose last decision approves them."""
    found: dict[int, dict[int, bool]] = defaultdict(dict)
    rows = ObserverDecision.objects.filter(clinic__in=[clinic.pk for clinic in clinics]).order_by("number")
    for clinic, person, approved in rows.values_list("clinic", "person", "approved"):
        found[clinic][person] = approved
    return {clinic: {person for person, yes in people.items() if yes} for clinic, people in found.items()}


def observes_in(person: StaffMember) -> list[Clinic]:
    """The clinics where she may observe: as its physician, or approved while she works there."""
    held = [membership.clinic for membership in memberships(person)]
    supervised = clinics_as(person, Role.PHYSICIAN)
    approved = approved_observers(held) if held else {}
    return [clinic for clinic in held if clinic in supervised or person.pk in approved.get(clinic.pk, ())]


def is_observer(person: StaffMember, clinic: Clinic) -> bool:
    return person.is_active and clinic in observes_in(person)


def sheets_visible_to(viewer: StaffMember) -> "QuerySet[Observation]":
    """Hers as an observer; the signed ones of herself, and of the clinics where she is physician or manager."""
    signed = Q(state=Observation.State.SIGNED)
    own = Q(learner=viewer) | Q(learner__merged_into=viewer)
    seen = Q(observer=viewer) | signed & (own | Q(clinic__in=clinics_as(viewer, Role.PHYSICIAN, Role.MANAGER)))
    return Observation.objects.filter(seen).select_related("clinic", "learner", "observer", "signature")


def learners_of(clinics: Sequence[Clinic], *, but: StaffMember) -> list[Membership]:
    """Whom an observer may watch in these clinics, by name."""
    rows = Membership.objects.filter(
        clinic__in=clinics, ended_at=None, roles__role__in=asked_roles(), roles__ended_at=None
    )
    return list(
        rows.exclude(person=but).select_related("person", "clinic").order_by("person__full_name", "pk").distinct()
    )


def signed_sheets(people: Iterable[StaffMember]) -> list[Observation]:
    """Of these people, and of accounts of theirs that were merged into the ones they use."""
    ids = [person.pk for person in people]
    rows = Observation.objects.filter(
        Q(learner__in=ids) | Q(learner__merged_into__in=ids), state=Observation.State.SIGNED
    ).select_related("acknowledgement", "observer", "clinic", "learner")
    return list(rows.order_by("ended_at", "pk"))


def whose(sheet: Observation) -> int:
    """The account that the learner uses now."""
    return sheet.learner.merged_into_id or sheet.learner_id


def unread_sheet(person: StaffMember) -> Observation | None:
    """The oldest signed sheet of hers that she has not answered."""
    signed = Observation.objects.filter(learner=person, state=Observation.State.SIGNED, acknowledgement=None)
    return signed.select_related("observer").order_by("ended_at", "pk").first()


def seen_by_person(sheets: Iterable[Observation]) -> dict[int, dict[str, list[practicals.Seen]]]:
    """By learner and practical, what was seen, in the order of signing."""
    found: dict[int, dict[str, list[practicals.Seen]]] = defaultdict(lambda: defaultdict(list))
    for sheet in sheets:
        for row in sheet.sealed["practicals"]:  # type: ignore[attr-defined]
            found[whose(sheet)][row["code"]].append(
                practicals.Seen(
                    passed=row["passed"],
                    setting=sheet.setting,
                    on=sheet.observed_on,
                    agreed=hasattr(sheet, "acknowledgement"),
                    sheet=sheet.public_id,
                )
            )
    return found


def seen_of(person: StaffMember) -> dict[str, list[practicals.Seen]]:
    return seen_by_person(signed_sheets([person])).get(person.pk, {})


@dataclass(frozen=True)
class PracticalShown:
    """A practical of a programme and where the person stands with it."""

    version: PracticalVersion
    standing: practicals.Standing

    @property
    def state(self) -> str:
        """As the look names it."""
        return {
            "passed": "passed",
            "acknowledge": "in-progress",
            "on-patient": "in-progress",
            "failed": "failed",
            "open": "not-started",
        }[self.standing.state]

    @property
    def word(self) -> str:
        return {
            "passed": "Passed",
            "acknowledge": "Passed, to be acknowledged",
            "on-patient": "Passed in simulation",
            "failed": "Repeat it",
            "open": "Not seen yet",
        }[self.standing.state]


def shown_for(person: StaffMember) -> list[PracticalShown]:
    return shown_for_all([person])[person.pk]


def shown_for_all(people: Sequence[StaffMember]) -> dict[int, list[PracticalShown]]:
    """Every live practical for each of these people; two statements however many there are."""
    versions = live_practicals()
    seen = seen_by_person(signed_sheets(people))
    return {
        person.pk: [
            PracticalShown(
                version, practicals.standing(seen.get(person.pk, {}).get(version.code, ()), drill=version.drill)
            )
            for version in versions
        ]
        for person in people
    }


@dataclass(frozen=True)
class Count:
    area: str
    band: str
    counts: dict[str, int]

    @property
    def labelled(self) -> list[tuple[str, int]]:
        return [(word, self.counts.get(setting, 0)) for setting, word in Observation.WORDS.items()]


def counts_of(sheets: Sequence[Observation]) -> list[Count]:
    """By area and depth band, in the order of the lists."""
    rows = practicals.counted([(sheet.setting, sheet.treated) for sheet in sheets])
    return [Count(practicals.AREAS[area], practicals.BANDS[band], counts) for (area, band), counts in rows.items()]


def totals_of(sheets: Sequence[Observation]) -> dict[str, int]:
    """Occasions by setting."""
    totals = dict.fromkeys(Observation.WORDS, 0)
    for sheet in sheets:
        totals[sheet.setting] += 1
    return totals


def latest_self(person: StaffMember, versions: Iterable[PracticalVersion]) -> dict[int, SelfEvaluation]:
    """By version, her newest evaluation of herself."""
    rows = SelfEvaluation.objects.filter(person=person, practical__in=list(versions)).order_by("number")
    return {row.practical_id: row for row in rows}
