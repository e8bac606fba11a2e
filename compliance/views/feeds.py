"""Calendar feeds: the page where an address is made and taken back, and the file that is read at it."""

import hashlib

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from certificates.views.verify import count, count_miss, missed_too_often, public, too_often
from compliance.reminders import feeds
from staff import clock
from staff.access import StaffRequest
from staff.models import Clinic

MOST_AN_HOUR = 60
KEPT_SECONDS = 15 * 60


@require_safe
def calendar(request: StaffRequest) -> HttpResponse:
    return render(request, "compliance/calendar.html", {"offered": feeds.offered_to(request.user)})


def _asked(request: StaffRequest) -> Clinic | None:
    """Her own days, or one of the clinics that she manages; 404 for another."""
    wanted = request.POST.get("clinic", "")
    found = next(
        (one for one in feeds.offered_to(request.user) if wanted == (one.clinic.public_id if one.clinic else "")), None
    )
    if found is None:
        raise Http404("no such clinic")
    return found.clinic


@require_POST
def calendar_make(request: StaffRequest) -> HttpResponse:
    """The answer itself shows the address, once: it is stored nowhere, and no page can show it again."""
    clinic = _asked(request)
    address = feeds.make(clinic=clinic, by=request.user)
    return render(
        request,
        "compliance/calendar.html",
        {"offered": feeds.offered_to(request.user), "address": address, "made_for": clinic},
    )


@require_POST
def calendar_end(request: StaffRequest) -> HttpResponse:
    if feeds.end(clinic=_asked(request), by=request.user):
        messages.success(request, "The address is taken back: nothing is read at it any more.")
    return redirect("compliance:calendar")


@login_not_required
@require_safe
def calendar_feed(request: HttpRequest, secret: str) -> HttpResponse:
    """Unknown, taken back and no longer allowed answer alike. The address is a secret, so a refusal is not logged with it."""
    if missed_too_often(request):
        return _unlogged(too_often(request))
    feed = feeds.find(secret)
    if feed is None:
        count_miss(request)
        return _unlogged(public(render(request, "404.html", status=404)))
    key = f"calendar:{feed.pk}:{clock.now():%d%H}"
    if count(key, 60 * 60) > MOST_AN_HOUR:
        return _unlogged(too_often(request))
    body = feeds.file_of(feed)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response: HttpResponse = (
        HttpResponseNotModified()
        if request.headers.get("If-None-Match") == etag
        else HttpResponse(body, content_type="text/calendar; charset=utf-8")
    )
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    if response.status_code == 200:
        response["Content-Disposition"] = 'inline; filename="pinpoint.ics"'
    return public(response)


def _unlogged(response: HttpResponse) -> HttpResponse:
    """Django logs the path of what was refused, and here the path is the secret."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
