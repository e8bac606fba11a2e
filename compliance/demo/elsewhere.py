"""The demo's trainings outside the site, and its sessions on site. Numbers are days before today."""

from datetime import timedelta
from decimal import Decimal

from compliance import bloodborne, outside
from compliance.demo.member import House, published
from compliance.demo.stage import Story
from compliance.models import OutsideTraining
from staff.models import StaffMember

PROOF = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n% An invented proof of the demo.\ntrailer << /Root 1 0 R >>\n%%EOF\n"
TRAINER = {
    "name": "Ines Albrecht",
    "qualification": "Registered nurse, infection control (invented)",
    "contact": "ines.albrecht@example.org",
    "plan": "Red binder beside the steriliser, and on the clinic's shared drive",
}


def sessions(house: House, *agos: int) -> Story:
    """The physician names the trainer, and records a session each time with everybody who learned here by then."""
    yield house.at(agos[0] + 1, "12:05")
    bloodborne.name_trainer(clinic=house.clinic, by=house.physician, **TRAINER)
    for ago in agos:
        opened = house.at(ago, "17:40")
        yield opened + timedelta(minutes=6, seconds=12)
        here = bloodborne.may_attend(house.clinic)
        bloodborne.record_session(
            clinic=house.clinic,
            facts=bloodborne.Facts(
                held_on=opened.date(),
                minutes=75,
                place="Break room",
                trainer_name=TRAINER["name"],
                trainer_qualification=TRAINER["qualification"],
                trainer_contact=TRAINER["contact"],
                summary="Where our sharps containers hang and when they are closed, what the plan says about needlesticks, and "
                "the walk from a stick to the telephone.",
                questions_answered=True,
                plan=TRAINER["plan"],
            ),
            people=[row.person for row in here if row.person not in (house.physician, house.manager)],
            seen=house.seen(bloodborne.before_sha256(house.clinic, here), house.physician, since=opened),
            by=house.physician,
        )


def sends_proof(
    house: House,
    mailbox: str,
    ago: int,
    title: str,
    *,
    checked: int | None = None,
    credited: tuple[int, str] | None = None,
) -> Story:
    """A proof of hers; `credited` is when the physician approved it, and for which module."""
    yield house.at(ago, "13:25")
    person = StaffMember.objects.get(email=f"{mailbox}@{house.part.domain}")
    row = outside.send(
        person=person,
        clinic=house.clinic,
        facts=outside.Facts(
            provider="Academy of Example (invented)",
            title=title,
            held_on=house.at(ago + 21, "09:00").date(),
            hours=Decimal("7.5"),
            trainer="Dr. Amina Feld",
            qualification="Dermatologist",
        ),
        data=PROOF,
        client_key=f"demo-{mailbox}",
        by=person,
    )
    if checked is None:
        return
    yield house.at(checked, "09:35")
    outside.check(training=row, text="The original seen, and the academy asked by telephone.", by=house.manager)
    if credited is None:
        return
    opened = house.at(credited[0], "18:10")
    yield opened + timedelta(minutes=3, seconds=40)
    row = OutsideTraining.objects.get(pk=row.pk)
    module = published(credited[1]).module
    outside.decide(
        training=row,
        approved=True,
        module=module,
        valid_until_on=outside.latest_until(row, module),
        text="Covers the same complications and the same escalation; the aftercare clock is ours and was talked through.",
        seen=house.seen(outside.shown_sha256(row), house.physician, since=opened),
        by=house.physician,
    )
