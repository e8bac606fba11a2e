"""After an incident: a manager or a physician of the clinic asks one person for a module again, by a day and with a reason.

What she holds stays as it is; it meets nothing here until the module is passed once more. Whoever finds that it must not stand
either suspends it, which is another act.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from django.db import transaction

from certificates.actions import open_incident_cycle
from compliance.models import Incident, Waiver
from compliance.requirements import assigning, cycles
from compliance.requirements.asking import holds, unmet_incidents
from staff import clock
from staff.access import LEARNING_ROLES
from staff.models import Clinic, Membership, StaffMember
from staff.templatetags.look import day
from training.models import Module


def open_of(person: StaffMember, clinic: Clinic) -> dict[int, Incident]:
    """By module, what is asked of her there after an incident and was neither met nor ended."""
    now, today = clock.now(), clock.today(clinic.zone)
    rows = unmet_incidents(now).filter(person=person, clinic=clinic).select_related("recorded_by")
    return {row.module_id: row for row in rows if holds(row, today, now)}


def withheld(memberships: Sequence[Membership]) -> dict[int, dict[str, str]]:
    """By membership and module: what is asked again after an incident and not passed yet. What is waived is not asked."""
    people, clinics = {row.person_id for row in memberships}, {row.clinic_id: row.clinic for row in memberships}
    now = clock.now()
    today = {pk: clock.today(clinic.zone) for pk, clinic in clinics.items()}
    rows = unmet_incidents(now).filter(person__in=people, clinic__in=clinics).select_related("module")
    asked = [row for row in rows.order_by("recorded_at", "pk") if holds(row, today[row.clinic_id], now)]
    excused = {
        (row.person_id, row.clinic_id, row.module_id)
        for row in (Waiver.objects.filter(person__in=people, clinic__in=clinics) if asked else ())
        if holds(row, today[row.clinic_id], now)
    }
    found: dict[tuple[int, int], dict[str, str]] = defaultdict(dict)
    for row in asked:
        if (row.person_id, row.clinic_id, row.module_id) not in excused:
            why = f"is asked again after an incident, by {day(row.due_on)}, and is not passed yet."
            found[row.person_id, row.clinic_id][row.module.slug] = why
    return {row.pk: found[row.person_id, row.clinic_id] for row in memberships}


@transaction.atomic
def ask_again(
    *, person: StaffMember, clinic: Clinic, modules: list[Module], reason: str, due_on: date, by: StaffMember
) -> list[Incident]:
    """Each module is asked for from today on, read and passed again by `due_on`. Raises assigning.NotAllowed."""
    if person == by:
        raise assigning.NotAllowed(NOT_ONESELF)
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    today = clock.today(clinic.zone)
    learns = Membership.objects.filter(
        person=person, clinic=clinic, ended_at=None, roles__role__in=LEARNING_ROLES, roles__ended_at=None
    )
    if not learns.exists():
        raise assigning.NotAllowed(f"{person} takes no quiz at {clinic}: the role there is none that learns.")
    known = open_of(person, clinic)
    waivers = Waiver.objects.filter(person=person, clinic=clinic, module__in=modules)
    waived = {row.module_id: row for row in waivers if holds(row, today, clock.now())}
    found = []
    for module in modules:
        if module.pk in known:
            asked = known[module.pk]
            raise assigning.NotAllowed(
                f"{asked.recorded_by} asked for this on {day(asked.recorded_at)} already, by {day(asked.due_on)}. "
                "End that first to set another day."
            )
        if module.pk in waived:
            raise assigning.NotAllowed(
                f"It is waived to {day(waived[module.pk].until_on)}. End the waiver first: what is waived is not asked."
            )
        row = Incident.objects.create(
            person=person,
            clinic=clinic,
            module=module,
            reason=reason,
            starts_on=today,
            due_on=due_on,
            recorded_by=by,
        )
        assigning.recorded(row, by)
        open_incident_cycle(person=person, module=module, clinic=clinic, by=by)
        cycles.open_for(row, by=by)
        found.append(row)
    return found


NOT_ONESELF = "Nobody asks or ends this for themselves. Ask another manager or the physician of the clinic."


def end(*, row: Incident, ends_on: date, reason: str, by: StaffMember) -> bool:
    """It was asked in error. False if somebody ended it before. Raises assigning.NotAllowed."""
    if row.person_id == by.pk:
        raise assigning.NotAllowed(NOT_ONESELF)
    return assigning.end(row=row, ends_on=ends_on, reason=reason, by=by)
