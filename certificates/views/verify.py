"""Public: is this certificate real, and what does it say? Everything the paper claims, and its status now."""

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from certificates import codes, papers
from certificates.badges import issuing
from certificates.models import Certificate
from certificates.queries import state_of, with_events
from staff import clock
from staff.accounts import client_address

MISSES_A_MINUTE = 60


@login_not_required
@require_safe
def verify(request: HttpRequest) -> HttpResponse:
    typed = request.GET.get("code", "").strip()
    if typed:
        return public(redirect("certificates:verify-code", code=codes.cleaned(typed) or "unknown"))
    return public(render(request, "certificates/verify.html"))


@login_not_required
@require_safe
def verify_code(request: HttpRequest, code: str) -> HttpResponse:
    """Unknown and malformed codes answer alike; too many misses from one address are slowed down."""
    if missed_too_often(request):
        return too_often(request)
    cleaned = codes.cleaned(code)
    found = with_events(Certificate.objects.filter(code=cleaned)).first() if cleaned else None
    if found is None:
        count_miss(request)
        return public(render(request, "certificates/verify_unknown.html", status=404))
    events = [event for event in found.events.all() if event.effective_at <= clock.now()]
    context = {
        "certificate": found,
        "state": state_of(found),
        "paper": papers.paper_of(found),
        "last_event": events[-1] if events else None,
        "successor": next(iter(found.superseded_by.all()), None),
        "badge": issuing.badge_of(found) if issuing.is_on() else None,
        "checked_at": clock.now(),
    }
    return public(render(request, "certificates/verify_code.html", context))


def too_often(request: HttpRequest) -> HttpResponse:
    return public(render(request, "429.html", status=429))


def public(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _key(request: HttpRequest) -> str:
    return f"verify-miss:{client_address(request)}:{clock.now():%H%M}"


def missed_too_often(request: HttpRequest) -> bool:
    return bool(cache.get(_key(request), 0) >= MISSES_A_MINUTE)


def count_miss(request: HttpRequest) -> None:
    key = _key(request)
    if not cache.add(key, 1, 120):
        cache.incr(key)
