from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from staff import clock, factors

REFRESH_SECONDS = 600
# What leads to a second factor, and out.
ALWAYS_OPEN = frozenset(
    {
        "staff:signing-in",
        "staff:app-add",
        "staff:passkey-add",
        "staff:recovery-codes",
        "staff:recovery-codes-make",
        "staff:recovery-codes-file",
        "account_reauthenticate",
        "account_logout",
    }
)
Respond = Callable[[HttpRequest], HttpResponse]


def clinic_time(get_response: Respond) -> Respond:
    """Each request ends with the zone put back; pages set their clinic's (staff.access, staff.context)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            return get_response(request)
        finally:
            timezone.deactivate()

    return middleware


def sliding_session(get_response: Respond) -> Respond:
    """A session lasts twelve hours from its last use, written at most every ten minutes."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            moment = int(clock.now().timestamp())
            if abs(moment - request.session.get("used_at", 0)) >= REFRESH_SECONDS:
                request.session["used_at"] = moment
        return get_response(request)

    return middleware


def second_factor(get_response: Respond) -> Respond:
    """Whoever must have a second factor by now and has none is led to the page that sets one up."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_view(request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        due_at = factors.due_at(request.user) if request.user.is_authenticated else None
        if due_at is None or due_at > clock.now() or not getattr(view, "login_required", True):
            return None
        named = request.resolver_match.view_name if request.resolver_match else ""
        if named in ALWAYS_OPEN or getattr(view, "open_without_factor", False):
            return None
        return redirect("staff:signing-in")

    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware
