"""A clinic as somebody names it on a command line."""

from django.core.management.base import CommandError
from django.utils.text import slugify

from staff.models import Clinic


def clinic_named(asked: str) -> Clinic:
    """By its name, its name as an address would write it, or the key that stands in addresses."""
    found = [
        clinic for clinic in Clinic.objects.all() if asked in (clinic.public_id, slugify(clinic.name), clinic.name)
    ]
    if len(found) != 1:
        names = ", ".join(sorted(slugify(clinic.name) for clinic in Clinic.objects.all()))
        said = "No clinic is" if not found else "More than one clinic is"
        raise CommandError(f"{said} called {asked}. There are: {names}.")
    return found[0]
