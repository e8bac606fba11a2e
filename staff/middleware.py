from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from staff import clock

REFRESH_SECONDS = 600
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
