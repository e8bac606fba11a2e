"""The page of assignments: which rules, waivers, leave and requests after incidents its viewer sees, line by line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.urls import reverse

from compliance.models import Incident, Leave, Rule, Waiver
from compliance.models.requirements import SESSION_TITLE
from compliance.requirements.asking import Ask, ask_of, standard_asks, unmet_incidents
from staff import clock
from staff.models import Clinic, Membership, StaffMember
from staff.templatetags.look import day
from training.models import Programme

SHOWN = {
    "rules": "Rules",
    "by-hand": "By hand",
    "incidents": "After incidents",
    "waivers": "Waivers",
    "leave": "Leave",
    "ended": "Ended",
}


@dataclass(frozen=True)
class Line:
    """`state` is a key of the table of states, with `word` in place of its own; `end_url` where it can be ended."""

    title: str
    detail: str
    recorded: str
    state: str
    word: str
    person: StaffMember | None = None
    clinic: Clinic | None = None
    end_url: str = ""


def rules_of(clinics: Sequence[Clinic]) -> "QuerySet[Rule]":
    rows: QuerySet[Rule] = Rule.objects.filter(clinic__in=clinics)
    return rows.select_related("clinic", "person", "programme", "module", "recorded_by", "ended_by")


def waivers_of(clinics: Sequence[Clinic]) -> "QuerySet[Waiver]":
    rows: QuerySet[Waiver] = Waiver.objects.filter(clinic__in=clinics)
    return rows.select_related("clinic", "person", "module", "recorded_by", "ended_by")


def incidents_of(clinics: Sequence[Clinic]) -> "QuerySet[Incident]":
    rows: QuerySet[Incident] = Incident.objects.filter(clinic__in=clinics)
    return rows.select_related("clinic", "person", "module", "recorded_by", "ended_by")


def _unmet(clinics: Sequence[Clinic]) -> "QuerySet[Incident]":
    people = Membership.objects.filter(clinic__in=clinics, ended_at=None).values("person")
    return unmet_incidents(clock.now()).filter(person__in=people, clinic__in=clinics)


def leaves_of(clinics: Sequence[Clinic]) -> "QuerySet[Leave]":
    rows: QuerySet[Leave] = Leave.objects.filter(clinic__in=clinics)
    return rows.select_related("clinic", "person", "recorded_by", "ended_by")


def lines(show: str, clinics: Sequence[Clinic], titles: dict[int, str]) -> list[Line]:
    """`titles` of the modules by id."""
    today = {clinic.pk: clock.today(clinic.zone) for clinic in clinics}
    if show == "ended":
        return _ended(clinics, today, titles)
    if show == "waivers":
        rows = [row for row in waivers_of(clinics) if not _over(row, today)]
        return [_waiver(row, titles, today) for row in rows]
    if show == "incidents":
        unmet = incidents_of(clinics).filter(pk__in=_unmet(clinics).values("pk"))
        return [_incident(row, titles) for row in unmet if not _over(row, today)]
    if show == "leave":
        return [_leave(row, today) for row in leaves_of(clinics) if not _over(row, today)]
    known = {row.pk: row for row in Programme.objects.order_by("position", "pk")}
    by_hand = show == "by-hand"
    every = list(rules_of(clinics).filter(person__isnull=not by_hand))
    found = [
        _rule(row, ask_of(row, known), titles, today) for row in every if not row.standard and not _over(row, today)
    ]
    return found if by_hand else _standard(clinics, known.values(), every, today) + found


def counts(clinics: Sequence[Clinic]) -> dict[str, int]:
    """How many lines each list has, but for what has ended."""
    today = {clinic.pk: clock.today(clinic.zone) for clinic in clinics}
    rules = list(Rule.objects.filter(clinic__in=clinics))
    standing = [row for row in rules if not row.standard and not _over(row, today)]
    left = sum(row.standard and _over(row, today) for row in rules)
    standard = len(standard_asks(Programme.objects.all())) * len(clinics) - left
    return {
        "rules": standard + sum(row.person_id is None for row in standing),
        "by-hand": sum(row.person_id is not None for row in standing),
        "incidents": sum(not _over(row, today) for row in _unmet(clinics)),
        "waivers": sum(not _over(row, today) for row in Waiver.objects.filter(clinic__in=clinics)),
        "leave": sum(not _over(row, today) for row in Leave.objects.filter(clinic__in=clinics)),
    }


def _over(row: Rule | Waiver | Leave | Incident, today: dict[int, date]) -> bool:
    """Its last day has passed, or it was ended."""
    on = today[row.clinic_id]
    if row.ends_on is not None and (row.ends_on <= on or row.ends_on == row.starts_on):
        return True
    return not isinstance(row, Rule | Incident) and row.until_on < on


def _standard(
    clinics: Sequence[Clinic], programmes: Iterable[Programme], rows: Sequence[Rule], today: dict[int, date]
) -> list[Line]:
    kept = {(row.clinic_id, row.programme_id, row.role): row for row in rows if row.standard}
    found = []
    for clinic in clinics:
        for ask in standard_asks(programmes):
            assert ask.programme is not None
            row = kept.get((clinic.pk, ask.programme.pk, ask.role))
            if row and _over(row, today):
                continue
            args = [clinic.public_id, ask.programme.slug, ask.role]
            found.append(
                Line(
                    f"{ask.whom}: {what(ask)}",
                    f"{ask.when}; what is published later, {ask.days} days after that",
                    _end_of(row).removeprefix(". ") if row else "From the clinic's start",
                    "valid",
                    "Stands",
                    clinic=clinic,
                    end_url="" if row else reverse("compliance:standard-end", args=args),
                )
            )
    return found


def what(ask: Ask) -> str:
    if ask.programme is None:
        return ask.title
    return f"{ask.title}, every module{' and the programme certificate' if ask.signed else ''}"


def _rule(row: Rule, ask: Ask, titles: dict[int, str], today: dict[int, date]) -> Line:
    asked = titles.get(row.module_id, ask.title) if row.module_id else what(ask)
    later = row.starts_on > today[row.clinic_id]
    starts = f"from {day(row.starts_on)} on, {ask.days} days after that or after being hired"
    return Line(
        asked if row.person else f"{ask.whom}: {asked}",
        f"{starts}. {row.reason}" if row.reason else starts,
        f"{_by(row)}{_end_of(row)}",
        "not-yet-valid" if later else "valid",
        "Begins later" if later else "Stands",
        row.person,
        row.clinic,
        "" if row.ended_at else reverse("compliance:rule-end", args=[row.public_id]),
    )


def _waiver(row: Waiver, titles: dict[int, str], today: dict[int, date]) -> Line:
    later = row.starts_on > today[row.clinic_id]
    return Line(
        titles.get(row.module_id, row.module.slug) if row.module_id and row.module else SESSION_TITLE,
        f"{day(row.starts_on)} to {day(row.until_on)}: {row.reason}",
        f"Approved by {row.recorded_by}, {day(row.recorded_at)}{_end_of(row)}",
        "not-yet-valid" if later else "waived",
        "Begins later" if later else "",
        row.person,
        row.clinic,
        "" if row.ended_at else reverse("compliance:waiver-end", args=[row.public_id]),
    )


def _incident(row: Incident, titles: dict[int, str]) -> Line:
    return Line(
        titles.get(row.module_id, row.module.slug),
        f"To be passed by {day(row.due_on)}: {row.reason}",
        f"Asked by {row.recorded_by}, {day(row.recorded_at)}{_end_of(row)}",
        "due-soon",
        "Open",
        row.person,
        row.clinic,
        "" if row.ended_at else reverse("compliance:incident-end", args=[row.public_id]),
    )


def _leave(row: Leave, today: dict[int, date]) -> Line:
    later = row.starts_on > today[row.clinic_id]
    return Line(
        "On leave",
        f"{day(row.starts_on)} to {day(row.until_on)}",
        f"{_by(row)}{_end_of(row)}",
        "not-yet-valid" if later else "on-leave",
        "Begins later" if later else "",
        row.person,
        row.clinic,
        "" if row.ended_at else reverse("compliance:leave-end", args=[row.public_id]),
    )


def _by(row: Rule | Leave) -> str:
    return f"Recorded by {row.recorded_by}, {day(row.recorded_at)}"


def _end_of(row: Rule | Waiver | Leave | Incident) -> str:
    if row.ended_at is None or row.ends_on is None:
        return ""
    why = f": {row.end_reason}" if row.end_reason else ""
    if isinstance(row, Leave):
        return f". Back on {day(row.ends_on)}, recorded by {row.ended_by}, {day(row.ended_at)}"
    return f". Ends {day(row.ends_on)}, recorded by {row.ended_by}, {day(row.ended_at)}{why}"


def _ended(clinics: Sequence[Clinic], today: dict[int, date], titles: dict[int, str]) -> list[Line]:
    """Everything that holds no longer, the last first."""
    known = {row.pk: row for row in Programme.objects.order_by("position", "pk")}
    found: list[tuple[date, int, Line]] = []
    for rule in rules_of(clinics):
        if _over(rule, today):
            found.append((rule.ends_on or date.max, rule.pk, _rule(rule, ask_of(rule, known), titles, today)))
    for waiver in waivers_of(clinics):
        if _over(waiver, today):
            found.append((waiver.ends_on or waiver.until_on, waiver.pk, _waiver(waiver, titles, today)))
    for incident in incidents_of(clinics):
        if incident.ends_on and _over(incident, today):
            found.append((incident.ends_on, incident.pk, _incident(incident, titles)))
    for leave in leaves_of(clinics):
        if _over(leave, today):
            found.append((leave.ends_on or leave.until_on, leave.pk, _leave(leave, today)))
    found.sort(key=lambda one: one[:2], reverse=True)
    return [
        Line(line.title, line.detail, line.recorded, "ended", "Ended", line.person, line.clinic) for _, _, line in found
    ]
