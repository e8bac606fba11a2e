import json
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from staff import audit, canonical, clock
from staff.models import ActorName, AuditEvent, Chain
from tests import people
from tests.threads import at_once

FIELDS = [
    ("seq", 99),
    ("actor_id", 1),
    ("actor_commitment", "0" * 64),
    ("role", "physician"),
    ("action", "person.removed"),
    ("subject_type", "staff.membership"),
    ("subject_id", "0"),
    ("reason", "another"),
    ("request_id", "another"),
    ("body", '{"a":2}'),
    ("prev_hash", "f" * 64),
    ("chain_id", 1),
]


@pytest.fixture
def event(cast) -> AuditEvent:
    with transaction.atomic():
        return audit.record(
            clinic=cast.lakeside,
            by=cast.manager,
            role="manager",
            action="person.added",
            subject=cast.aesthetician,
            reason="hired",
            body={"a": 1},
        )


def test_record_adds_to_the_clinics_chain(event, cast, now):
    chain = Chain.objects.get(clinic=cast.lakeside)
    before = AuditEvent.objects.get(chain=chain, seq=event.seq - 1)
    assert (chain.seq, chain.head) == (event.seq, event.hash)
    assert event.prev_hash == before.hash
    assert event.at == now
    assert event.body == '{"a":1}'
    assert (event.subject_type, event.subject_id) == ("staff.staffmember", str(cast.aesthetician.pk))


def test_record_without_a_clinic_goes_to_the_house(cast):
    with transaction.atomic():
        event = audit.record(clinic=None, by=cast.pinpoint, action="module.published", subject=cast.lakeside)
    assert event.chain.house
    assert event.chain.clinic is None


def test_event_hash_is_over_every_field(event):
    covered = {name for name, _ in FIELDS} | {"at"}
    assert {field.attname for field in AuditEvent._meta.concrete_fields} == covered | {"id", "hash"}


@pytest.mark.parametrize(("name", "value"), FIELDS, ids=lambda value: str(value)[:12])
def test_event_hash_changes_with(event, name, value):
    stored = AuditEvent.objects.get(pk=event.pk)
    assert audit.event_hash(stored) == stored.hash
    assert getattr(stored, name) != value
    setattr(stored, name, value)
    assert audit.event_hash(stored) != stored.hash


def test_event_hash_changes_with_a_microsecond(event):
    event.at = event.at.replace(microsecond=1)
    assert audit.event_hash(event) != event.hash


def test_record_outside_a_transaction_is_refused(transactional_db):
    from staff.models import StaffMember

    person = StaffMember.objects.pinpoint()
    with pytest.raises(RuntimeError, match=r"person\.added must be recorded in the transaction that does it"):
        audit.record(clinic=None, by=person, action="person.added", subject=person)
    assert not AuditEvent.objects.exists()


def test_record_is_undone_with_the_act(cast):
    before = Chain.objects.get(clinic=cast.lakeside)

    def fail() -> None:
        with transaction.atomic():
            audit.record(clinic=cast.lakeside, by=cast.manager, action="person.added", subject=cast.aesthetician)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    after = Chain.objects.get(clinic=cast.lakeside)
    assert (after.seq, after.head) == (before.seq, before.head)


def test_chain_cannot_fork(event):
    """The database refuses a second event after the same one."""
    again = AuditEvent.objects.get(pk=event.pk)
    again.pk, again.seq = None, event.seq + 1
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save(force_insert=True)


def test_chain_holds_no_name(event, cast):
    """Only a salted commitment; the name is in the one table that can be erased, and without it the chain stands."""
    held = json.dumps([[str(value) for value in row] for row in AuditEvent.objects.values_list()])
    for person in (cast.manager, cast.aesthetician):
        assert person.full_name not in held
        assert person.email not in held
    name = ActorName.objects.get(commitment=event.actor_commitment)
    assert name.name == cast.manager.full_name
    assert audit.commitment(salt=name.salt, person_id=name.person_id, name=name.name) == event.actor_commitment
    name.delete()
    assert audit.event_hash(AuditEvent.objects.get(pk=event.pk)) == event.hash


def test_commitment_cannot_be_guessed_from_the_name(cast):
    """The salt is 256 bits: hashing known names finds nobody."""
    salts = list(ActorName.objects.values_list("salt", flat=True))
    assert all(len(salt) == 64 for salt in salts)
    assert len(set(salts)) == len(salts)


def test_a_new_name_is_a_new_commitment(cast, event):
    cast.manager.full_name = "Priya Raman-Shah"
    cast.manager.save(update_fields=["full_name"])
    with transaction.atomic():
        later = audit.record(clinic=cast.lakeside, by=cast.manager, action="person.renamed", subject=cast.manager)
    assert later.actor_commitment != event.actor_commitment
    assert ActorName.objects.filter(person=cast.manager).count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("each", [2, pytest.param(1000, marks=pytest.mark.proof)])
def test_fifty_at_once_make_one_line(cast, each):
    """Fifty threads write to one clinic's chain, and one in five to another's: no gap, no fork, nothing lost."""
    begun = {clinic: Chain.objects.get(clinic=clinic).seq for clinic in (cast.lakeside, cast.harbour)}

    def writer(place: int) -> Callable[[], None]:
        clinic, who = (cast.harbour, cast.other_manager) if place % 5 == 0 else (cast.lakeside, cast.manager)

        def write() -> None:
            for _ in range(each):
                with transaction.atomic():
                    audit.record(clinic=clinic, by=who, action="person.seen", subject=who)
                if connection.vendor == "postgresql":
                    connection.close()  # back to the pool, which is smaller than fifty

        return write

    assert at_once(*map(writer, range(50)), seconds=60 if each < 10 else 1800) == [None] * 50
    for clinic, writers in ((cast.lakeside, 40), (cast.harbour, 10)):
        chain = Chain.objects.get(clinic=clinic)
        events = list(AuditEvent.objects.filter(chain=chain).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, begun[clinic] + writers * each + 1))
        assert events[0].prev_hash == "0" * 64
        assert [event.prev_hash for event in events[1:]] == [event.hash for event in events[:-1]]
        assert all(audit.event_hash(event) == event.hash for event in events)
        assert (chain.seq, chain.head) == (events[-1].seq, events[-1].hash)


@pytest.mark.django_db(transaction=True)
def test_a_first_event_at_once_makes_one_name(cast):
    """Two acts of somebody who was never recorded before."""
    ActorName.objects.filter(person=cast.colleague).delete()
    person = type(cast.colleague).objects.get(pk=cast.colleague.pk)  # this one remembers no name

    def write() -> None:
        with transaction.atomic():
            audit.record(clinic=cast.lakeside, by=person, action="person.seen", subject=person)

    assert at_once(*[write] * 10) == [None] * 10
    assert ActorName.objects.filter(person=person).exists()


def test_hash_is_what_the_docs_say(event):
    """SHA-256 over the canonical JSON of the fields by their names: anybody can check it without this code."""
    said = {
        "chain": event.chain_id,
        "seq": event.seq,
        "at": canonical.instant(event.at),
        "actor_id": event.actor_id,
        "actor_commitment": event.actor_commitment,
        "role": "manager",
        "action": "person.added",
        "subject_type": "staff.staffmember",
        "subject_id": event.subject_id,
        "reason": "hired",
        "request_id": "",
        "body": '{"a":1}',
        "prev_hash": event.prev_hash,
    }
    assert canonical.sha256_of(said) == event.hash


def test_clock_refuses_a_naive_instant():
    from datetime import datetime

    with pytest.raises(ValueError, match="aware"), clock.at(datetime(2026, 1, 1)):
        pass


@pytest.mark.django_db
def test_a_name_that_was_rolled_back_is_put_on_record_with_the_next_act(cast):
    """A refused act is undone with all its rows; the same request may then record another of the same person."""
    person = people.make_person(cast.lakeside, "Wanda New", "aesthetician", by=cast.manager)
    with transaction.atomic():
        for _ in range(2):
            audit.record(clinic=cast.lakeside, by=person, action="test.refused", subject=person)
        transaction.set_rollback(True)
    with transaction.atomic():
        event = audit.record(clinic=cast.lakeside, by=person, action="test.done", subject=person)
    assert ActorName.objects.get(commitment=event.actor_commitment).name == person.full_name
