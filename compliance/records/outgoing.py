"""What leads out of the house, as the trail tells it: mailboxes that are sent heads, addresses that calendars read, packs."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Sum
from django.db.models.functions import Length

from compliance.models import CalendarFeed, HeadAddress, Pack, PackPart
from compliance.packs import work
from compliance.packs.keys import all_keys
from compliance.records.finding import Finding, Told, as_told, chunks, compare, events_of, gone, readable
from compliance.reminders import feeds
from compliance.trail import heads
from staff.models import AuditEvent, Chain, StaffMember


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _addresses(checked)
    yield from _feeds(checked)
    yield from _packs(checked)
    for action, what, model in (
        ("head-address.added", "address of heads", HeadAddress),
        ("calendar.made", "address of a calendar", CalendarFeed),
        ("pack.asked", "pack", Pack),
    ):
        yield from gone(action, what, model)


def held_against(kept: Iterable[heads.Head]) -> Iterator[Finding]:
    """What a chain says today where a head was kept; an event that is gone or was written anew is named."""
    chains = {heads.head_of(chain).chain: chain for chain in Chain.objects.select_related("clinic")}
    for head in kept:
        what = f"head of {head.chain} kept {head.at}"
        chain = chains.get(head.chain)
        if chain is None:
            yield Finding(what, "a chain of that name", "none")
            continue
        if not head.seq:
            continue
        found = AuditEvent.objects.filter(chain=chain, seq=head.seq).values_list("hash", flat=True).first()
        if found != head.hash:
            yield Finding(f"{what}, event {head.seq}", head.hash, found or "no such event")


def _addresses(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(HeadAddress.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("compliance.headaddress", chunk)
        for row in chunk:
            checked["addresses of heads"] += 1
            what = f"address of heads {row.pk}"
            yield from readable(what, _address(what, row, events[str(row.pk)]))


def _address(what: str, row: HeadAddress, events: list[AuditEvent]) -> Iterator[Finding]:
    """An address that was erased with its person is told of by a commitment that nobody can open any more."""
    forgotten = [event for event in events if event.action == heads.FORGOTTEN]
    yield from compare(f"{what}, whether it was erased", bool(forgotten), not row.salt)
    yield from compare(f"{what}, an address that is anybody's", not forgotten, row.email != heads.forgotten(row))
    events = [event for event in events if event.action != heads.FORGOTTEN]
    body = {} if forgotten else heads.told_of(row)
    told: list[Told] = [("head-address.added", body, row.added_by_id, row.added_at)]
    if row.ended_at:
        told.append(("head-address.ended", body, row.ended_by_id, row.ended_at))
    yield from as_told(what, row.clinic.chain.pk, events, _as_said(told, events))


def _feeds(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(CalendarFeed.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("compliance.calendarfeed", chunk)
        for row in chunk:
            checked["addresses of calendars"] += 1
            told: list[Told] = [("calendar.made", feeds.told_of(row), row.person_id, row.made_at)]
            if row.ended_at:
                told.append(("calendar.ended", feeds.told_of(row), row.ended_by_id, row.ended_at))
            what, chain = f"address of a calendar {row.pk}", row.clinic.chain.pk if row.clinic else None
            yield from readable(what, as_told(what, chain, events[str(row.pk)], _as_said(told, events[str(row.pk)])))


def _packs(checked: Counter[str]) -> Iterator[Finding]:
    site = StaffMember.objects.pinpoint().pk
    known = {key.fingerprint for key in all_keys()}
    for chunk in chunks(Pack.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("compliance.pack", chunk)
        sums = PackPart.objects.filter(pack__in=chunk).order_by().values_list("pack")
        sizes = dict(sums.annotate(size=Sum(Length("bytes"))))
        for row in chunk:
            checked["packs"] += 1
            what = f"pack {row.public_id}"
            yield from readable(what, _pack(what, row, events[str(row.pk)], site))
            if row.made_at:
                yield from compare(f"{what}, bytes it has", 0 if row.removed_at else row.size, sizes.get(row.pk, 0))
                if row.key_fingerprint not in known:
                    yield Finding(f"{what}, key", "one that is made of SIGNING_KEYS", row.key_fingerprint)


def _pack(what: str, row: Pack, events: list[AuditEvent], site: int) -> Iterator[Finding]:
    yield from compare(f"{what}, what makes it one", work.key_of(row), row.dedupe_key)
    told: list[Told] = [("pack.asked", work.told_of(row), row.asked_by_id, row.asked_at)]
    if row.made_at:
        told.append(("pack.made", work.told_of_making(row), site, row.made_at))
    yield from compare(f"{what}, what it says of a failure", work.FAILED if _failed(events) else "", row.problem)
    if _failed(events):
        told.append(("pack.failed", {"pack": row.public_id, "tries": row.tries}, site, events[-1].at))
    yield from as_told(what, row.clinic.chain.pk, events, _as_said(told, events))


def _as_said(told: list[Told], events: list[AuditEvent]) -> list[Told]:
    """Each body with the names that its event has: an older event says less, and some things stand in an event alone."""
    said: list[dict[str, Any]] = [json.loads(event.body) for event in events]
    said += [{}] * (len(told) - len(said))
    return [
        (action, {name: body.get(name, value) for name, value in one.items()}, by, at)
        for (action, body, by, at), one in zip(told, said, strict=False)
    ]


def _failed(events: list[AuditEvent]) -> bool:
    return any(event.action == "pack.failed" for event in events)
