"""Verbs of the reader and of adoption."""

from django.db import IntegrityError, transaction

from staff import audit, clock
from staff.models import Clinic, Signature, StaffMember
from training import markdown
from training.models import (
    Adoption,
    Module,
    ModuleVersion,
    Reading,
    ReadingConfirmation,
    Rereading,
    SectionVersion,
)

DOUBLE_PRESS_SECONDS = 5


def open_section(*, person: StaffMember, version: SectionVersion) -> Reading:
    return Reading.objects.get_or_create(person=person, section_version=version)[0]


def keep_place(*, person: StaffMember, version: SectionVersion, place: str) -> None:
    """Remember the anchor where the reader stopped; none is the beginning. What the text does not have is not kept."""
    if not place or place in markdown.anchors(markdown.blocks(version.text)):
        Reading.objects.filter(person=person, section_version=version).update(place=place)


@transaction.atomic
def confirm_reading(*, person: StaffMember, version: SectionVersion) -> ReadingConfirmation:
    """ "I have read this." Pressed twice at once it counts once; read again later it is confirmed again."""
    open_section(person=person, version=version)
    last = ReadingConfirmation.objects.filter(person=person, section_version=version).order_by("-number").first()
    if last and (clock.now() - last.confirmed_at).total_seconds() < DOUBLE_PRESS_SECONDS:
        return last
    number = last.number + 1 if last else 1
    try:
        with transaction.atomic():
            return ReadingConfirmation.objects.create(person=person, section_version=version, number=number)
    except IntegrityError:
        return ReadingConfirmation.objects.get(person=person, section_version=version, number=number)


@transaction.atomic
def ask_to_read_anew(*, person: StaffMember, module: Module, clinic: Clinic, by: StaffMember) -> Rereading:
    """What was confirmed of the module counts no longer, and the places where she stopped are forgotten."""
    row = Rereading.objects.create(person=person, module=module, asked_at=clock.now(), asked_by=by)
    Reading.objects.filter(person=person, section_version__section__module=module).update(place="")
    audit.record(clinic=clinic, by=by, action="reading.anew", subject=row, body={"module": module.slug})
    return row


def record_adoption(*, clinic: Clinic, version: ModuleVersion, signature: Signature) -> Adoption:
    """In the caller's transaction; `certificates.actions.adopt` also issues what waited for it."""
    return Adoption.objects.create(clinic=clinic, module_version=version, signature=signature, adopted_at=clock.now())
