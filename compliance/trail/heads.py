"""The heads of the chains, to be kept where the owner of the database cannot write.

A head is one line of text, so that a mailbox, a printed page or a file keeps it alike, and any of them can be held against the
chain later. It names no person.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from compliance.models import HeadAddress
from staff import audit, canonical, clock, mail
from staff.models import Chain, Clinic, OutgoingMail, StaffMember

MARK = "pinpoint-head"
HOUSE = "house"
MOST_ADDRESSES = 5
FORGOTTEN = "head-address.erased"
LINE = re.compile(rf"{MARK} (\S+) (\d+) ([0-9a-f]{{64}}) (\S+)")


class TooManyAddresses(Exception):
    """Says so in a sentence."""


@dataclass(frozen=True)
class Head:
    """`chain` is the clinic's public id, or "house"."""

    chain: str
    seq: int
    hash: str
    at: str

    def __str__(self) -> str:
        return f"{MARK} {self.chain} {self.seq} {self.hash} {self.at}"


def head_of(chain: Chain) -> Head:
    return Head(
        chain.clinic.public_id if chain.clinic else HOUSE, chain.seq, chain.head, canonical.instant(clock.now())
    )


def heads(clinics: Iterable[Clinic] | None = None) -> list[Head]:
    """Of every chain, or of these clinics' and the house's."""
    rows = Chain.objects.select_related("clinic").order_by("house", "pk")
    if clinics is not None:
        wanted = [clinic.pk for clinic in clinics]
        rows = rows.filter(clinic__in=wanted) | rows.filter(house=True)
    return [head_of(chain) for chain in rows]


def read(text: str) -> list[Head]:
    """Every head in a text: a file of lines, a mail, a mail that was quoted or forwarded."""
    return [Head(chain, int(seq), digest, at) for chain, seq, digest, at in LINE.findall(text)]


@transaction.atomic
def add_address(*, clinic: Clinic, email: str, by: StaffMember) -> HeadAddress:
    """The same address twice is the one that is there."""
    email = email.strip().lower()
    Chain.objects.select_for_update().get(clinic=clinic)
    known = HeadAddress.objects.filter(clinic=clinic, ended_at=None)
    there = known.filter(email=email).first()
    if there:
        return there
    if known.count() >= MOST_ADDRESSES:
        raise TooManyAddresses(
            f"{MOST_ADDRESSES} addresses are sent the head already. Take one back before you name another."
        )
    row = HeadAddress.objects.create(clinic=clinic, email=email, added_by=by)
    audit.record(clinic=clinic, by=by, action="head-address.added", subject=row, body=told_of(row))
    return row


@transaction.atomic
def end_address(*, address: HeadAddress, by: StaffMember) -> bool:
    """False if it had ended before."""
    moment = clock.now()
    address = HeadAddress.objects.select_for_update(of=("self",)).select_related("clinic").get(pk=address.pk)
    if not HeadAddress.objects.filter(pk=address.pk, ended_at=None).update(ended_at=moment, ended_by=by):
        return False
    audit.record(clinic=address.clinic, by=by, action="head-address.ended", subject=address, body=told_of(address))
    return True


def told_of(row: HeadAddress) -> dict[str, str]:
    return {"commitment": canonical.sha256_of([row.salt, row.email])}


def forgotten(row: HeadAddress) -> str:
    """What stands in place of an address that was erased."""
    return f"erased-{row.pk}@erased.invalid"


@transaction.atomic
def forget(*, email: str, by: StaffMember) -> None:
    """The address of somebody who is erased: nothing is sent there any more, and it is not on record."""
    for row in HeadAddress.objects.filter(email__iexact=email).select_related("clinic"):
        end_address(address=row, by=by)
        HeadAddress.objects.filter(pk=row.pk).update(email=forgotten(row), salt="")
        audit.record(clinic=row.clinic, by=by, action=FORGOTTEN, subject=row)


def send_daily() -> int:
    """One mail a day of the clinic's zone to each address that it named."""
    due = {}
    for address in HeadAddress.objects.filter(ended_at=None).select_related("clinic"):
        due[f"head:{address.pk}:{clock.today(address.clinic.zone).isoformat()}"] = address
    known = OutgoingMail.objects.filter(dedupe_key__in=due).values_list("dedupe_key", flat=True)
    waiting = {key: due[key] for key in sorted(due.keys() - set(known))}
    site = StaffMember.objects.pinpoint() if waiting else None
    for key, address in waiting.items():
        day = key.rsplit(":", 1)[1]
        assert site is not None
        mail.queue(
            to=site,
            address=address.email,
            key=key,
            subject=f"Head of the audit trail, {address.clinic}, {day}",
            body=_letter(address, day),
        )
    return len(waiting)


def _letter(address: HeadAddress, day: str) -> str:
    lines = "\n".join(map(str, heads([address.clinic])))
    return (
        f"On {day} the audit trail of {address.clinic} and that of the installation stood here:\n\n{lines}\n\n"
        "Keep this mail. Each line fixes everything that was on record until then: whoever changed or took away an event "
        "afterwards could not make the numbers fit again. To hold them against the trail, save the mail as a file and run\n\n"
        "    manage.py verify_records --heads FILE\n\n"
        "It names no person. A manager of the clinic named this address, and can take it back under Audit trail."
    )
