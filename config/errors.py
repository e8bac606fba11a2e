"""Error pages in the site's voice: what happened, and one way on."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import bad_request as unread
from django.views.defaults import server_error as failed

AWAY = (OperationalError, InterfaceError)
RETRY_SECONDS = 10


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is down, full or has no connection left will be back: 503, and when to ask again."""
    return unavailable(request) if isinstance(sys.exception(), AWAY) else failed(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A session that could not be written, because the database went away while it was, is no fault of who asks."""
    error: BaseException | None = exception
    while error is not None:
        if isinstance(error, AWAY):
            return unavailable(request)
        error = error.__cause__ or error.__context__
    return unread(request, exception)


def unavailable(request: HttpRequest) -> HttpResponse:
    response = failed(request, template_name="503.html")
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
