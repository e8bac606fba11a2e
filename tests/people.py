"""The people of the tests are always the same."""

from dataclasses import dataclass
from datetime import date

from staff import actions, signing
from staff.models import Clinic, StaffMember

PASSWORD = "blue-lamp-on-the-shelf-7"


@dataclass
class Cast:
    """Lakeside's people, their likes in another clinic, and those of the installation."""

    pinpoint: StaffMember
    lakeside: Clinic
    harbour: Clinic
    aesthetician: StaffMember
    colleague: StaffMember
    support: StaffMember
    physician: StaffMember
    manager: StaffMember
    leaver: StaffMember
    other_aesthetician: StaffMember
    other_physician: StaffMember
    other_manager: StaffMember
    author: StaffMember
    administrator: StaffMember


def make_person(
    clinic: Clinic,
    name: str,
    *roles: str,
    by: StaffMember,
    job_title: str = "Aesthetician",
    accepts: bool = True,
    **fields,
) -> StaffMember:
    """A member of `clinic` who signs in as <name>@<clinic's first word>.example with PASSWORD, and has accepted what her
    signature is."""
    email = f"{name.lower().replace(' ', '.')}@{clinic.name.split()[0].lower()}.example"
    membership = actions.add_member(
        clinic=clinic,
        email=email,
        full_name=name,
        job_title=job_title,
        hired_on=date(2026, 1, 5),
        roles=list(roles),
        by=by,
        **fields,
    )
    person = membership.person
    person.set_password(PASSWORD)
    person.save(update_fields=["password"])
    if "physician" in roles:
        otto = StaffMember.objects.get(email="administrator@house.example")
        actions.check_identity(membership=membership, how="passport seen", by=otto)
    if accepts:
        signing.accept(person=person, clinic=clinic)
    return person


def make_cast() -> Cast:
    site = StaffMember.objects.pinpoint()
    lakeside = actions.open_clinic(
        name="Lakeside Skin Clinic", address="1 Lake Road, Example Town", zone="America/Denver", by=site
    )
    harbour = actions.open_clinic(
        name="Harbour Aesthetics", address="2 Quay Street, Example Port", zone="Europe/London", by=site
    )
    author = StaffMember.objects.create_user("author@house.example", "Iris Author", PASSWORD)
    administrator = StaffMember.objects.create_user("administrator@house.example", "Otto Administrator", PASSWORD)
    actions.appoint(person=author, role="author", by=site)
    actions.appoint(person=administrator, role="administrator", by=site)
    leaver = make_person(lakeside, "Lea Leaver", "aesthetician", by=site)
    actions.close_membership(membership=leaver.membership_set.get(), by=site)
    leaver.refresh_from_db()
    return Cast(
        pinpoint=site,
        lakeside=lakeside,
        harbour=harbour,
        aesthetician=make_person(lakeside, "Maya Lindqvist", "aesthetician", by=site),
        colleague=make_person(lakeside, "Danielle Osei", "aesthetician", by=site, job_title="Registered nurse"),
        support=make_person(lakeside, "Tom Reyes", "support", by=site, job_title="Room assistant"),
        physician=make_person(lakeside, "Elena Ruiz", "physician", by=site, job_title="Medical director"),
        manager=make_person(lakeside, "Priya Raman", "manager", by=site, job_title="Clinic manager"),
        leaver=leaver,
        other_aesthetician=make_person(harbour, "Noor Haddad", "aesthetician", by=site),
        other_physician=make_person(harbour, "Hugh Brandt", "physician", by=site, job_title="Medical director"),
        other_manager=make_person(harbour, "Ada Quist", "manager", by=site, job_title="Clinic manager"),
        author=author,
        administrator=administrator,
    )
