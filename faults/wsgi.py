"""The site's own application, which also says what a request is about to do."""

from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from faults import edges

_site = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    with edges.acting(edges.act_of(environ["REQUEST_METHOD"], environ["PATH_INFO"])):
        return _site(environ, start_response)
