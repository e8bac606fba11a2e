"""A clinic as it is named on a command line."""

from django.core.management.base import CommandError
from django.utils.text import slugify

from staff.models import Clinic


def clinic_named(text: str) -> Clinic:
    """By its name, its name as a slug (lakeside-skin-clinic), or its public id. Raises CommandError with what there is."""
    clinics = list(Clinic.objects.order_by("name", "pk"))
    found = [row for row in clinics if text in (row.name, row.public_id)] or [
        row for row in clinics if slugify(row.name) == slugify(text)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{len(found)} clinics are called {text}: {', '.join(row.public_id for row in found)}.")
    raise CommandError(
        f"There is no clinic {text}. There are: {', '.join(slugify(row.name) for row in clinics) or 'none'}."
    )
