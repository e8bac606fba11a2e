"""One thing that does not add up, and the small tools that find it."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet

from staff.models import AuditEvent, Tombstone

M = TypeVar("M", bound=Model)
CHUNK = 200
SHOWN = 100
SAME_ACT_SECONDS = 60
# What was done to a row, in words of the trail: the action, its body, who did it, and when.
Told = tuple[str, Mapping[str, object], int | None, datetime]


@dataclass(frozen=True)
class Finding:
    """`what` names the row and what about it; the other two are values in words."""

    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, found {self.found}"

    def plain(self) -> dict[str, str]:
        return {"what": self.what, "expected": self.expected, "found": self.found}


def words(value: Any) -> str:
    """A value as it stands in a finding: short, and never empty."""
    if value is None or value in ("", [], {}):
        return "nothing"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def compare(what: str, expected: Any, found: Any) -> Iterator[Finding]:
    """The first leaf at which two values of JSON's types (or any two others) differ."""
    if expected == found and type(expected) is type(found):
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted({*expected, *found}):
            if expected.get(key) != found.get(key) or (key in expected) != (key in found):
                yield from compare(f"{what}, {key}", expected.get(key), found.get(key))
                return
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield Finding(f"{what}, how many", words(len(expected)), words(len(found)))
            return
        for number, (one, other) in enumerate(zip(expected, found, strict=True), start=1):
            if one != other:
                yield from compare(f"{what}, number {number}", one, other)
                return
    yield Finding(what, *apart(expected, found))


def apart(expected: Any, found: Any) -> tuple[str, str]:
    """Both in words; where two long texts begin alike, from where they part."""
    if isinstance(expected, str) and isinstance(found, str) and words(expected) == words(found):
        at = next(
            (n for n, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), min(len(expected), len(found))
        )
        start = max(0, at - 20)
        return f"…{words(expected[start:])}", f"…{words(found[start:])}"
    return words(expected), words(found)


def chunks(rows: QuerySet[M], size: int = CHUNK) -> Iterator[list[M]]:
    stream = rows.iterator(chunk_size=size)
    while chunk := list(islice(stream, size)):
        yield chunk


def events_of(label: str, rows: Iterable[Model]) -> dict[str, list[AuditEvent]]:
    """The audit events of these rows by the row's id, oldest first."""
    ids = [str(row.pk) for row in rows]
    found: dict[str, list[AuditEvent]] = defaultdict(list)
    for event in (
        AuditEvent.objects.filter(subject_type=label, subject_id__in=ids)
        .select_related("chain")
        .order_by("chain", "seq")
    ):
        found[event.subject_id].append(event)
    return found


def about_then(what: str, expected: datetime, found: datetime) -> Iterator[Finding]:
    """Two instants of one transaction are not far apart."""
    if abs((expected - found).total_seconds()) > SAME_ACT_SECONDS:
        yield Finding(what, f"about {expected}", str(found))


def readable(what: str, found: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of one row; a row that cannot even be read is one."""
    try:
        yield from found
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, ObjectDoesNotExist) as error:
        yield Finding(f"{what}, its columns", "readable", f"{type(error).__name__}: {words(str(error))}")


def numbered(what: str, numbers: Sequence[int]) -> Iterator[Finding]:
    """1, 2, 3 and on, without a gap."""
    for expected, number in enumerate(sorted(numbers), start=1):
        if number != expected:
            yield Finding(f"{what}, numbers", str(expected), str(number))
            return


def deleted_rightly(gone: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those whose time was over: a tombstone stands for each."""
    known: set[tuple[str, str]] = set()
    for label in {label for label, _ in gone}:
        pks = [int(pk) for name, pk in gone if name == label and pk.isdecimal()]
        stones = Tombstone.objects.filter(label=label, row__in=pks).values_list("row", flat=True)
        known |= {(label, str(row)) for row in stones}
    return known


def gone(action: str, what: str, model: type[Model]) -> Iterator[Finding]:
    """A row that the trail tells of and that is not there any more, though its time was not over."""
    there = {str(pk) for pk in model._base_manager.values_list("pk", flat=True)}
    told = AuditEvent.objects.filter(action=action, subject_type=model._meta.label_lower).order_by("pk")
    missing = [subject for subject in told.values_list("subject_id", flat=True) if subject not in there]
    label = model._meta.label_lower
    rightly = deleted_rightly({(label, subject) for subject in missing})
    for subject in missing:
        if (label, subject) not in rightly:
            yield Finding(f"{what} {subject}", "there, as its event says", "gone")


def as_told(what: str, chain: int | None, events: list[AuditEvent], told: Sequence[Told]) -> Iterator[Finding]:
    """One event for each thing that was done, in its order: what it says, who, when and (where one is named) in which chain."""
    yield from compare(f"{what}, its events", [action for action, *_ in told], [event.action for event in events])
    for event, (action, body, actor, at) in zip(events, told, strict=False):
        yield from compare(f"{what}, as {action} says", json.loads(event.body), body)
        yield from compare(f"{what}, actor of {action}", event.actor_id, actor)
        yield from compare(f"{what}, chain of {action}", event.chain_id, chain or event.chain_id)
        yield from about_then(f"{what}, when as {action} says", event.at, at)


def counted_in_clinics(
    checked: Counter[str], rows: QuerySet[Any], *, one: str, many: str, told: Callable[[Any], Told]
) -> Iterator[Finding]:
    """Rows that each clinic counts on from 1, and that came by one event each."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(rows.select_related("clinic__chain").order_by("pk")):
        events = events_of(rows.model._meta.label_lower, chunk)
        for row in chunk:
            checked[many] += 1
            numbers[row.clinic_id].append(row.number)
            what = f"{one} {row.number} of clinic {row.clinic_id}"
            yield from readable(what, _by_one_event(what, row, events[str(row.pk)], told))
    for clinic, found in numbers.items():
        yield from numbered(f"{many} of clinic {clinic}", found)


def _by_one_event(what: str, row: Any, events: list[AuditEvent], told: Callable[[Any], Told]) -> Iterator[Finding]:
    yield from as_told(what, row.clinic.chain.pk, events, [told(row)])
