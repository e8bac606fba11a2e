from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from staff import clock
from staff.models import Membership, MembershipRole, StaffMember
from tests import factories, people
from training.models import ReadingConfirmation

SIZE = 500


@dataclass
class Crowd:
    """Many people at Lakeside, made in a few statements."""

    cast: people.Cast
    module: factories.Course

    def count(self, visit: Callable[[], object]) -> int:
        """How many statements the visit takes now."""
        with CaptureQueriesContext(connection) as made:
            visit()
        return len(made)

    def grow(self, size: int = SIZE) -> list[StaffMember]:
        cast = self.cast
        crowd = StaffMember.objects.bulk_create(
            StaffMember(email=f"crowd{n}@lakeside.example", full_name=f"Crowd {n:03}", password="!")
            for n in range(size)
        )
        members = Membership.objects.bulk_create(
            Membership(
                person=person,
                clinic=cast.lakeside,
                job_title="Aesthetician",
                hired_on=date(2026, 1, 5),
                began_by=cast.pinpoint,
            )
            for person in crowd
        )
        MembershipRole.objects.bulk_create(
            MembershipRole(membership=member, role="aesthetician", granted_by=cast.pinpoint) for member in members
        )
        section = self.module.version.sections.first()
        ReadingConfirmation.objects.bulk_create(
            ReadingConfirmation(person=person, section_version=section, number=1, confirmed_at=clock.now())
            for person in crowd
        )
        return crowd


@pytest.fixture
def crowd(cast, module) -> Crowd:
    return Crowd(cast, module)
