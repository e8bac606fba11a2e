from datetime import timedelta

import pytest

from staff import audit, clock, signing
from staff.models import Signature
from tests import factories
from training import actions, protocol
from training.models import Adoption, ProtocolItem, ProtocolValue, Reading, ReadingConfirmation
from training.queries import places

SECOND = timedelta(seconds=1)


@pytest.fixture
def course(cast) -> factories.Course:
    return factories.make_module(by=cast.pinpoint)


@pytest.fixture
def version(course):
    return places(course.version)[0].section_version


def test_open_section_once(cast, version, now):
    first = actions.open_section(person=cast.aesthetician, version=version)
    with clock.at(now + timedelta(days=1)):
        assert actions.open_section(person=cast.aesthetician, version=version) == first
    assert Reading.objects.get().opened_at == now


def test_keep_place(cast, version):
    actions.open_section(person=cast.aesthetician, version=version)
    actions.open_section(person=cast.colleague, version=version)
    actions.keep_place(person=cast.aesthetician, version=version, place="nd-17")
    assert Reading.objects.get(person=cast.aesthetician).place == "nd-17"
    actions.keep_place(person=cast.aesthetician, version=version, place="nd-17" * 40)
    assert Reading.objects.get(person=cast.aesthetician).place == "nd-17"
    assert Reading.objects.get(person=cast.colleague).place == ""


def test_confirm_reading(cast, version, now):
    row = actions.confirm_reading(person=cast.aesthetician, version=version)
    assert (row.number, row.confirmed_at, row.person) == (1, now, cast.aesthetician)
    assert Reading.objects.filter(person=cast.aesthetician, section_version=version).exists()


@pytest.mark.parametrize(("after", "number"), [(0, 1), (4, 1), (5, 2), (3600, 2)])
def test_confirm_again(cast, version, now, after, number):
    """Two presses within five seconds are one; later it is read, and confirmed, again."""
    actions.confirm_reading(person=cast.aesthetician, version=version)
    with clock.at(now + after * SECOND):
        assert actions.confirm_reading(person=cast.aesthetician, version=version).number == number
    assert ReadingConfirmation.objects.count() == number


def test_confirm_broken_at_its_last_step_keeps_nothing(cast, version, monkeypatch):
    monkeypatch.setattr(ReadingConfirmation.objects, "create", lambda **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        actions.confirm_reading(person=cast.aesthetician, version=version)
    assert not Reading.objects.exists()


def sign(cast, course) -> Signature:
    return signing.sign(
        by=cast.physician,
        clinic=cast.lakeside,
        meaning="adopt",
        subject=course.version,
        record_sha256=course.version.sha256,
        seen=factories.seen(course.version.sha256, cast.physician),
    )


def test_take_defaults(cast, course, now):
    signature = sign(cast, course)
    item = ProtocolItem.objects.all()[0]
    ProtocolValue.objects.create(
        item=item, clinic=cast.lakeside, number=1, text="ours", is_default=False, signature=signature
    )
    open_now = protocol.undecided(cast.lakeside)
    assert len(open_now) == ProtocolItem.objects.count() - 1
    protocol.take_defaults(clinic=cast.lakeside, items=open_now, signature=signature, by=cast.physician)
    assert ProtocolValue.objects.get(item=item).text == "ours"
    assert not protocol.undecided(cast.lakeside)
    other = ProtocolValue.objects.exclude(item=item)[0]
    assert (other.text, other.is_default, other.decided_at) == (other.item.default, True, now)
    assert not ProtocolValue.objects.filter(clinic=cast.harbour).exists()


def test_take_defaults_needs_its_record(cast, course, monkeypatch):
    """It runs in the transaction of the adoption: if the record fails, so does all of it."""
    signature = sign(cast, course)
    monkeypatch.setattr(audit, "record", lambda **kwargs: 1 / 0)
    items = protocol.undecided(cast.lakeside)
    with pytest.raises(ZeroDivisionError):
        protocol.take_defaults(clinic=cast.lakeside, items=items, signature=signature, by=cast.physician)


def test_record_adoption(cast, course, now):
    row = actions.record_adoption(clinic=cast.lakeside, version=course.version, signature=sign(cast, course))
    assert Adoption.objects.get() == row
    assert (row.clinic, row.module_version, row.adopted_at) == (cast.lakeside, course.version, now)
