"""How a physician signs, for her clinic's manager: signatures given faster than anybody reads are a pattern to talk about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from staff import clock
from staff.models import Clinic, Signature, StaffMember

DAYS = 90
FAST = timedelta(seconds=20)
FEWEST = 5  # under so many nothing is said
READ_FIRST = ("endorse", "return", "programme", "adopt", "adopt-defaults", "revoke")


@dataclass(frozen=True)
class Habit:
    """Of the last 90 days: signatures over something to read, and how many followed its opening within 20 seconds."""

    signed: int
    fast: int

    @property
    def stands_out(self) -> bool:
        """More than half of at least five."""
        return self.signed >= FEWEST and 2 * self.fast > self.signed


def habit_of(person: StaffMember, clinics: Sequence[Clinic]) -> Habit:
    since = clock.now() - timedelta(days=DAYS)
    rows = Signature.objects.filter(
        signer=person, clinic__in=[clinic.pk for clinic in clinics], meaning_code__in=READ_FIRST, signed_at__gte=since
    ).values_list("opened_at", "signed_at")
    times = [signed - opened for opened, signed in rows]
    return Habit(len(times), sum(time < FAST for time in times))
