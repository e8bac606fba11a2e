"""Error pages in the site's voice: what happened, and one way on."""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import server_error as failed

RETRY_SECONDS = 10


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """A database that is down, full or has no connection left will be back: 503, and when to ask again."""
    if not isinstance(sys.exception(), OperationalError | InterfaceError):
        return failed(request)
    response = failed(request, template_name="503.html")
    response.status_code = 503
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
