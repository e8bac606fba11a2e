import pytest

from staff import guards
from staff.models import Chain, StaffMember


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_t(n, cast):
    assert StaffMember.objects.count() > 3 and guards.missing() == []


@pytest.mark.django_db
def test_u():
    assert StaffMember.objects.count() == 1 and Chain.objects.count() == 1 and guards.missing() == []
