"""A programme's signature, with what this floor adds to its conditions: no module is asked again after an incident.

The lists, the page and the signature read the same dossier.
"""

from collections.abc import Sequence

from django.db import transaction

from certificates import programmes
from certificates.models import Certificate
from certificates.programmes import Dossier
from compliance.requirements import incidents
from staff import signing
from staff.models import Clinic, Membership, StaffMember
from training.models import Programme


def dossiers(memberships: Sequence[Membership], asked: Sequence[Programme] | None = None) -> list[Dossier]:
    return programmes.dossiers(memberships, asked, withheld=incidents.withheld(memberships))


def dossier_of(membership: Membership, programme: Programme) -> Dossier:
    return dossiers([membership], [programme])[0]


@transaction.atomic
def sign_programme(*, membership: Membership, programme: Programme, seen: signing.Seen, by: StaffMember) -> Certificate:
    """Refused while something is asked of her after an incident; whoever asks at the same time waits, or is waited for."""
    Clinic.objects.select_for_update().get(pk=membership.clinic_id)
    return programmes.sign_programme(
        membership=membership,
        programme=programme,
        seen=seen,
        by=by,
        withheld=incidents.withheld([membership]),
    )
