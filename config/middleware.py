from collections.abc import Callable

from csp.constants import HEADER
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django_guid.config import settings as guid_settings
from django_guid.context import guid
from django_guid.utils import generate_guid, get_id_from_header

Respond = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: Respond) -> Respond:
    """An id for each request, or the one it came with: on every line of its log, in its events and in the answer.

    django_guid's own middleware writes three lines for debugging and the whole address twice beside it.
    """
    name = guid_settings.guid_header_name
    given = f"HTTP_{name.upper().replace('-', '_')}"

    def middleware(request: HttpRequest) -> HttpResponse:
        guid.set(get_id_from_header(request) if given in request.META else generate_guid())
        response = get_response(request)
        response.headers[name] = guid.get()
        return response

    return middleware


def content_security_policy(get_response: Respond) -> Respond:
    """Every response has the same policy, so it is written once; django-csp's own middleware writes it for each."""
    policy = build_policy()

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in (404, 500)):  # Django's own pages carry their styles in them
            response.headers.setdefault(HEADER, policy)  # a view may set a stricter one
        return response

    return middleware


def never_cached(get_response: Respond) -> Respond:
    """Whatever a view makes is private to its reader; static files are answered before this and keep their year."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware
