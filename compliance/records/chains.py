"""The audit trail: no gap, no fork, every hash, the head; and everything it speaks of is still there."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from django.apps import apps

from compliance.records.finding import Finding, chunks, compare, deleted_rightly
from staff import audit
from staff.models import ActorName, AuditEvent, Chain, Clinic

START = "0" * 64


def findings(checked: Counter[str]) -> Iterator[Finding]:
    if not Chain.objects.filter(house=True).exists():
        yield Finding("the house's chain", "one", "none")
    for clinic in Clinic.objects.filter(chain=None).order_by("pk"):
        yield Finding(f"chain of clinic {clinic.public_id}", "one", "none")
    yield from _names(checked)
    for chain in Chain.objects.select_related("clinic").order_by("pk"):
        checked["chains"] += 1
        yield from _chain(chain, checked)


def name_of(chain: Chain) -> str:
    return f"chain of clinic {chain.clinic.public_id}" if chain.clinic else "the house's chain"


def _names(checked: Counter[str]) -> Iterator[Finding]:
    for chunk in chunks(ActorName.objects.order_by("pk")):
        for row in chunk:
            checked["actors' names"] += 1
            made = audit.commitment(salt=row.salt, person_id=row.person_id, name=row.name)
            yield from compare(f"commitment of actor name {row.pk}", made, row.commitment)


def _chain(chain: Chain, checked: Counter[str]) -> Iterator[Finding]:
    seq, head = 0, START
    for chunk in chunks(AuditEvent.objects.filter(chain=chain).order_by("seq")):
        gone = _gone_subjects(chunk)
        people = dict(
            ActorName.objects.filter(commitment__in={event.actor_commitment for event in chunk}).values_list(
                "commitment", "person_id"
            )
        )
        for event in chunk:
            checked["audit events"] += 1
            what = f"{name_of(chain)}, event {event.seq}"
            yield from compare(f"{name_of(chain)}, number after {seq}", seq + 1, event.seq)
            yield from compare(f"{what}, hash of the event before", head, event.prev_hash)
            yield from compare(f"{what}, hash", audit.event_hash(event), event.hash)
            yield from compare(
                f"{what}, person behind the actor's commitment",
                event.actor_id,
                people.get(event.actor_commitment, event.actor_id),
            )
            if (event.subject_type, event.subject_id) in gone:
                yield Finding(
                    f"{what}, {event.action}", f"{event.subject_type} {event.subject_id} on record", "no such row"
                )
            seq, head = event.seq, event.hash
    yield from compare(f"{name_of(chain)}, its count of events", chain.seq, seq)
    yield from compare(f"{name_of(chain)}, its head", chain.head, head)


def _gone_subjects(events: list[AuditEvent]) -> set[tuple[str, str]]:
    """What these events speak of and is not there any more."""
    named: dict[str, set[str]] = defaultdict(set)
    for event in events:
        named[event.subject_type].add(event.subject_id)
    gone = set()
    for label, ids in named.items():
        try:
            model = apps.get_model(label)
            present = {str(pk) for pk in model._base_manager.filter(pk__in=ids).values_list("pk", flat=True)}
        except (LookupError, ValueError):  # no such table, or no row has such a number
            present = set()
        gone |= {(label, pk) for pk in ids - present}
    return gone - deleted_rightly(gone)
