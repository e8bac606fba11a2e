"""What a manager of the demo does with people: one who was added twice, a list of names, a legal hold. Numbers are days before
today."""

from compliance import actions, merging
from compliance.demo.member import House
from compliance.demo.stage import Story
from compliance.models import PeopleImport
from compliance.roster import applying
from staff import keeping
from staff.models import StaffMember
from staff.models.clinics import Role

LATIN_NAMES = {
    "jose": "Jose Nguyen-O'Brien",
    "siobhan": "Siobhan Ni Dhomhnaill",
    "tomasz": "Tomasz Wojcik-Zielinski",
    "hana": "",
}


def added_twice(house: House, mailbox: str, *, again: int, proposed: int, decided: int) -> Story:
    """She is added once more under her private address; the manager notices, and the administrator confirms."""
    yield house.at(again, "11:20")
    kept = StaffMember.objects.get(email=f"{mailbox}@{house.part.domain}")
    initial, _, family = kept.full_name.partition(" ")
    alias = actions.add_person(
        clinic=house.clinic,
        full_name=f"{initial[0]}. {family}",
        latin_name="",
        email=f"{mailbox}@mail.example",
        job_title="Registered nurse",
        hired_on=house.at(again, "11:20").date(),
        roles=[Role.AESTHETICIAN],
        by=house.manager,
    ).person
    yield house.at(proposed, "09:15")
    reason = "She answered the invitation to her private address by asking what it was for."
    merge = merging.propose(kept=kept, alias=alias, reason=reason, by=house.manager)
    yield house.at(decided, "15:40")
    administrator = StaffMember.objects.get(email="administrator@lakeside.example")
    merging.decide(merge=merge, confirmed=True, shown=merging.plan(kept, alias).sha256, by=administrator)


def sends_list(house: House, ago: int) -> Story:
    """Names in Latin letters from the payroll program, with one line of somebody who never worked here."""
    yield house.at(ago, "08:50")
    known = [f"{mailbox}@{house.part.domain};{name}" for mailbox, name in LATIN_NAMES.items()]
    lines = ["E-mail;Name in Latin letters", *known, f"payroll@{house.part.domain};Pay Roll"]
    sent = applying.send(
        clinic=house.clinic,
        data="\r\n".join(lines).encode(),
        file_name="names-in-latin-letters.csv",
        key=PeopleImport.Key.EMAIL,
        mode=PeopleImport.Mode.UPDATE,
        full_roster=False,
        by=house.manager,
    )
    yield house.at(ago, "08:54")
    shown = applying.plan_of(sent, by=house.manager).sha256
    applying.begin(sent=sent, shown=shown, drop=[], invites=False, by=house.manager)
    applying.work(sent)


def holds(house: House, mailbox: str, ago: int) -> Story:
    yield house.at(ago, "16:05")
    person = StaffMember.objects.get(email=f"{mailbox}@{house.part.domain}")
    reason = "A letter from a patient's lawyer about a treatment in spring (invented)."
    keeping.place_hold(clinic=house.clinic, person=person, reason=reason, by=house.manager)
