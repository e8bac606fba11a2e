"""Second factors: the rules of clinics, and resets, each as the audit trail tells it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from compliance.records.acts import rests
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, gone, numbered
from staff import canonical, factors, resetting
from staff.models import Chain, FactorReset, FactorRule


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _rules(checked)
    yield from _resets(checked)
    yield from gone("factor.required", "rule of second factors", FactorRule)
    yield from gone("factor.reset", "reset of second factors", FactorReset)


def _rules(checked: Counter[str]) -> Iterator[Finding]:
    numbers: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(FactorRule.objects.select_related("clinic__chain").order_by("pk")):
        events = events_of("staff.factorrule", chunk)
        for row in chunk:
            checked["rules of second factors"] += 1
            numbers[row.clinic_id].append(row.number)
            what, told = f"rule of second factors {row.pk}", events[str(row.pk)]
            yield from compare(f"{what}, its events", ["factor.required"], [event.action for event in told])
            for event in told:
                yield from compare(f"{what}, as its event says", event.body, canonical.text(factors.told_of_rule(row)))
                yield from compare(f"{what}, who set it", event.actor_id, row.set_by_id)
                yield from compare(f"{what}, chain of its event", event.chain_id, row.clinic.chain.pk)
                yield from about_then(f"{what}, when it was set", event.at, row.set_at)
    for clinic, found in numbers.items():
        yield from numbered(f"rules of second factors of clinic {clinic}", found)


def _resets(checked: Counter[str]) -> Iterator[Finding]:
    house = Chain.objects.filter(house=True).values_list("pk", flat=True).first()
    for chunk in chunks(FactorReset.objects.select_related("clinic__chain", "signature").order_by("pk")):
        events = events_of("staff.factorreset", chunk)
        for row in chunk:
            checked["resets of second factors"] += 1
            what, told = f"reset of second factors {row.pk}", events[str(row.pk)]
            if row.signature and row.clinic_id:
                yield from rests(
                    what,
                    row.signature,
                    meanings=("reset-factors",),
                    at=row.reset_at,
                    clinic=row.clinic_id,
                    signer=row.reset_by_id,
                )
            yield from compare(f"{what}, its events", ["factor.reset"], [event.action for event in told])
            for event in told:
                yield from compare(f"{what}, as its event says", json.loads(event.body), resetting.told_of(row))
                yield from compare(f"{what}, reason as its event says", event.reason, row.reason)
                yield from compare(f"{what}, who did it", event.actor_id, row.reset_by_id)
                chain = row.clinic.chain.pk if row.clinic else house
                yield from compare(f"{what}, chain of its event", event.chain_id, chain)
                yield from about_then(f"{what}, when", event.at, row.reset_at)
