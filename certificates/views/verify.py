"""Public: is this certificate real, and what does it say? Everything the paper claims, and its status now."""

from dataclasses import replace
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates import causes, checking, codes, drawing, names, papers
from certificates.badges import issuing
from certificates.models import Certificate
from certificates.queries import copies_before, state_of, with_events
from staff import clock, keeping, uploads
from staff.accounts import client_address
from staff.models import RetentionRule

MISSES_A_MINUTE = 60
FILES_A_MINUTE = 10
NAMES_AN_HOUR = 20  # wrong ones, for one certificate and from anywhere
LONGEST_NAME = 200


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
    return _answer(request, code)


@csrf_exempt  # it changes nothing and knows nobody; a page without referrer could not send the token's origin either
@login_not_required
@require_POST
def verify_name(request: HttpRequest, code: str) -> HttpResponse:
    """Where the paper shows initials: does this name belong to it? Wrong names count as misses do."""
    return _answer(request, code, asked=request.POST.get("name", "").strip()[:LONGEST_NAME])


def _answer(request: HttpRequest, code: str, asked: str | None = None) -> HttpResponse:
    if missed_too_often(request):
        return too_often(request)
    cleaned = codes.cleaned(code)
    found = with_events(Certificate.objects.filter(code=cleaned)).first() if cleaned else None
    if found is None:
        count_miss(request)
        return public(render(request, "certificates/verify_unknown.html", status=404))
    context = _context(found)
    if asked is not None:
        if found.name_shown != Certificate.Name.INITIALS or found.person.erased_at:
            return public(redirect("certificates:verify-code", code=found.code))
        if _counted(f"verify-name:{found.pk}:{clock.now():%d%H}") >= NAMES_AN_HOUR:
            return too_often(request)
        fits = _is_the_name(asked, found)
        if not fits:
            count_miss(request)
            count(f"verify-name:{found.pk}:{clock.now():%d%H}", 3600)
        context |= {"asked": asked, "fits": fits}
    return public(render(request, "certificates/verify_code.html", context))


def _context(found: Certificate) -> dict[str, Any]:
    file = found.files.filter(format="pdf").select_related("file").defer("file__bytes").first()
    return {
        "certificate": found,
        "state": state_of(found),
        "paper": (paper := _shown(found)),
        "record": papers.record_of(found) if paper.record else "",
        "causes": causes.causes_of(found),
        "endorsements": [
            event
            for copy in [*reversed(copies_before(found)), found]
            for event in copy.events.select_related("signature")
            if event.kind == "endorsed" and event.effective_at <= clock.now()
        ],
        "successor": next(iter(found.superseded_by.all()), None),
        "badge": issuing.badge_of(found) if issuing.is_on() else None,
        "sha256": file.file.sha256 if file else "",
        "checked_at": clock.now(),
    }


def _shown(certificate: Certificate) -> drawing.Paper:
    """The paper's words; of somebody who was erased, only as much of the name as the clinic's rule leaves."""
    paper = papers.paper_of(certificate)
    return replace(paper, name=_name_left(certificate)) if certificate.person.erased_at else paper


def _name_left(certificate: Certificate) -> str:
    rule = keeping.rule_of(certificate.clinic)
    if rule and rule.public_name == RetentionRule.PublicName.STATUS:
        return "not shown any more"
    return names.initials(certificate.holder_name)


def _without_the_name(found: checking.Found, certificate: Certificate) -> checking.Found:
    told = [replace(one, ours=_name_left(certificate)) if one.where == "Name" else one for one in found.differences]
    return replace(found, differences=told)


def _is_the_name(typed: str, certificate: Certificate) -> bool:
    """As frozen at issue; the Latin form too, as long as it still belongs to that name."""
    person = certificate.person
    latin = person.latin_name if person.full_name == certificate.holder_name else ""
    return names.same(typed, certificate.holder_name) or names.same(typed, latin)


@csrf_exempt  # as above; the token would be read before the size of what is sent is known
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def verify_file(request: HttpRequest) -> HttpResponse:
    """A PDF or PNG held against what was issued. It is read in memory, and nothing of it is kept."""
    if request.method != "POST":
        return public(render(request, "certificates/verify_file.html"))
    if _counted(_minute(request, "file")) >= FILES_A_MINUTE or missed_too_often(request):
        return too_often(request)
    count(_minute(request, "file"))
    request.upload_handlers = [uploads.Held(request, checking.MOST_BYTES)]
    sent = request.FILES.get("file")
    if sent is None or not sent.size:
        error = "Choose a PDF or PNG of at most 5 MB. Nothing was checked."
        return public(render(request, "certificates/verify_file.html", {"error": error}, status=400))
    found = checking.check(sent.read(), code=request.POST.get("code", ""))
    context: dict[str, Any] = {"found": found, "checked_at": clock.now()}
    if found.certificate is None:
        count_miss(request)
    else:
        context |= _context(with_events(Certificate.objects.filter(pk=found.certificate.pk)).get())
        if found.certificate.person.erased_at:
            context["found"] = _without_the_name(found, found.certificate)
    return public(render(request, "certificates/verify_file.html", context))


def too_often(request: HttpRequest) -> HttpResponse:
    return public(render(request, "429.html", status=429))


def public(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _minute(request: HttpRequest, what: str) -> str:
    return f"verify-{what}:{client_address(request)}:{clock.now():%H%M}"


def missed_too_often(request: HttpRequest) -> bool:
    return _counted(_minute(request, "miss")) >= MISSES_A_MINUTE


def count_miss(request: HttpRequest) -> None:
    count(_minute(request, "miss"))


def _counted(key: str) -> int:
    return int(cache.get(key, 0))


def count(key: str, seconds: int = 120) -> int:
    """One more, and how many that makes. `incr` alone would keep for five minutes what was counted, whatever it began with."""
    if cache.add(key, 1, seconds):
        return 1
    try:
        found = int(cache.incr(key))
    except ValueError:  # it ran out in between
        found = 1
        cache.set(key, found, seconds)
    else:
        cache.touch(key, seconds)
    return found
