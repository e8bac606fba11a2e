"""An address under which somebody is on record who works nowhere now: she comes back, or it was given to another person.

An account is one person's for good. What was signed and certified in its name stays hers, so nobody else is ever let into it.
"""

import unicodedata
from collections.abc import Collection, Iterable

from django.db.models import Exists, OuterRef, Q

from staff.models import Clinic, InstallationRole, Membership, StaffMember
from staff.models.people import PINPOINT_EMAIL

LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ı": "i"})


class AnotherName(Exception):
    """Somebody who works nowhere now is on record under this address, with another name than the one typed."""

    def __init__(self, person: StaffMember, typed: str) -> None:
        self.person, self.typed = person, typed
        super().__init__(f"{person.full_name} is on record under this address; typed was {typed}.")


def gone_people(emails: Collection[str] | None = None) -> dict[str, StaffMember]:
    """By address, those who are on record and work nowhere now; an alias leads to the account that was kept."""
    of_hers = Q(person=OuterRef("pk"), ended_at=None)
    nowhere = (
        StaffMember.objects.filter(erased_at=None)
        .exclude(email=PINPOINT_EMAIL)
        .filter(
            ~Exists(Membership.objects.filter(of_hers)),
            ~Exists(InstallationRole.objects.filter(of_hers)),
        )
    )
    rows = nowhere.filter(merged_into=None)
    aliases = StaffMember.objects.exclude(merged_into=None)
    if emails is not None:
        aliases = aliases.filter(email__in=emails)
        rows = rows.filter(Q(email__in=emails) | Q(pk__in=aliases.values("merged_into")))
    people = {row.pk: row for row in rows}
    found = {row.email: row for row in people.values()}
    leading = aliases.filter(merged_into__in=people).values_list("email", "merged_into")
    return found | {email: people[pk] for email, pk in leading if pk}


def gone_person(email: str) -> StaffMember | None:
    address = email.strip().lower()
    return gone_people([address]).get(address)


def _words(name: str) -> list[str]:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(sign))
    spaced = "".join(sign if sign.isalnum() else " " for sign in plain.translate(LETTERS))
    return sorted(spaced.split())


def is_named(person: StaffMember, typed: str) -> bool:
    """As a reader would say it: without regard to case, accents, signs between the words and their order."""
    words = _words(typed)
    return bool(words) and words in [_words(name) for name in (person.full_name, person.latin_name) if name]


def refuse_another(*, email: str, full_name: str) -> None:
    """Raises AnotherName."""
    person = gone_person(email)
    if person and not is_named(person, full_name):
        raise AnotherName(person, full_name)


def name_for(person: StaffMember, clinics: Iterable[Clinic]) -> str:
    """Her name, where she worked in one of these clinics; a stranger's people are not told by their addresses."""
    known = Membership.objects.filter(person=person, clinic__in=list(clinics)).exists()
    return person.full_name if known else "Somebody under another name"
