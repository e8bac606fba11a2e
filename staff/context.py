from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone

from staff import factors
from staff.access import memberships, roles
from staff.navigation import ways_for


def frame(request: HttpRequest) -> dict[str, Any]:
    """What base.html needs: the person's clinic, roles and tabs. Pages show the clinic's own time."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {
            "clinic": None,
            "tabs": [],
            "further": [],
            "held_roles": frozenset(),
            "passkeys_possible": factors.passkeys_possible(),
        }
    held = memberships(user)
    tabs, further = ways_for(user, request.path)
    clinic = held[0].clinic if held else None
    if clinic:
        timezone.activate(ZoneInfo(clinic.zone))
    return {
        "clinic": clinic,
        "membership": held[0] if held else None,
        "held_roles": roles(user),
        "tabs": tabs,
        "further": further,
    }
