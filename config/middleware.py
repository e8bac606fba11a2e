from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def never_cached(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Whatever a view makes is private to its reader; static files are answered before this and keep their year."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store, private")
        return response

    return middleware
