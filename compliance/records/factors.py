"""Second factors: the rules of clinics, and resets, each as the audit trail tells it."""

import json
from collections import Counter
from collections.abc import Iterator

from compliance.records.acts import rests
from compliance.records.finding import (
    Finding,
    Told,
    as_told,
    chunks,
    compare,
    counted_in_clinics,
    events_of,
    gone,
)
from staff import canonical, factors, resetting
from staff.models import Chain, FactorReset, FactorRule


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _rules(checked)
    yield from _resets(checked)
    yield from gone("factor.required", "rule of second factors", FactorRule)
    yield from gone("factor.reset", "reset of second factors", FactorReset)


def _rules(checked: Counter[str]) -> Iterator[Finding]:
    def told(row: FactorRule) -> Told:
        body = json.loads(canonical.text(factors.told_of_rule(row)))
        return "factor.required", body, row.set_by_id, row.set_at

    rows = FactorRule.objects.all()
    yield from counted_in_clinics(
        checked, rows, one="rule of second factors", many="rules of second factors", told=told
    )


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
            chain = row.clinic.chain.pk if row.clinic else house
            act = ("factor.reset", resetting.told_of(row), row.reset_by_id, row.reset_at)
            yield from as_told(what, chain, told, [act])
            for event in told:
                yield from compare(f"{what}, reason as its event says", event.reason, row.reason)
