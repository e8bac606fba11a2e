"""Public documents of the issuer and of each badge. They hold nothing that a badge does not, and may be kept for a while."""

import json

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from certificates import codes
from certificates.badges import documents, issuing
from certificates.models import Badge, Certificate
from certificates.views.verify import count_miss, missed_too_often, public, too_often
from staff import canonical

CREDENTIAL = "application/vc+ld+json"
SECONDS = 60  # a withdrawal is seen within a minute


def _document(request: HttpRequest, text: str, media_type: str, seconds: int = SECONDS) -> HttpResponse:
    """With an ETag of its content: whoever asks again for what has not changed is told so, and sent nothing."""
    etag = f'"{canonical.sha256(text)[:32]}"'
    whole = HttpResponse(text, content_type=media_type, headers={"ETag": etag})
    response = get_conditional_response(request, etag=etag, response=whole) or whole
    response["Cache-Control"] = f"public, max-age={seconds}"
    response["Access-Control-Allow-Origin"] = "*"  # a verifier may be a page of another site
    return public(response)


def _on() -> documents.Issuer:
    if not issuing.is_on():
        raise Http404("this installation issues no badges")
    return issuing.issuer()


@login_not_required
@require_safe
def did(request: HttpRequest) -> HttpResponse:
    """/.well-known/did.json: the issuer's keys."""
    written = documents.did_document(
        _on(), keys=issuing.public_keys(), withdrawn=issuing.withdrawn_keys(), ends=issuing.ends_of_keys()
    )
    return _document(request, json.dumps(written, indent=1), "application/did+ld+json")


@login_not_required
@require_safe
def issuer_profile(request: HttpRequest) -> HttpResponse:
    """The same issuer at a plain https address."""
    written = documents.issuer_profile(
        _on(), keys=issuing.public_keys(), withdrawn=issuing.withdrawn_keys(), ends=issuing.ends_of_keys()
    )
    return _document(request, json.dumps(written, indent=1), "application/ld+json")


@login_not_required
@require_safe
def issuer_key(request: HttpRequest, key: str) -> HttpResponse:
    found = _on()
    if key not in issuing.public_keys():
        raise Http404("no key of this issuer")
    return _document(
        request, json.dumps(documents.key_document(found, key, issuing.ends_of_keys()), indent=1), "application/ld+json"
    )


@login_not_required
@require_safe
def status_list(request: HttpRequest, number: int) -> HttpResponse:
    _on()
    signed = issuing.status_list(number)
    if signed is None:
        raise Http404("no badge has a place in this list")
    return _document(request, documents.text_of(signed), CREDENTIAL)


@login_not_required
@require_safe
def badge_file(request: HttpRequest, code: str, format: str) -> HttpResponse:
    """The badge as a picture or as the credential alone. Misses count as those of the page beside it."""
    _on()
    if format not in ("png", "json"):
        raise Http404("a badge comes as png or json")
    if missed_too_often(request):
        return too_often(request)
    cleaned = codes.cleaned(code)
    certificate = Certificate.objects.filter(code=cleaned).first() if cleaned else None
    badge: Badge | None = issuing.badge_of(certificate) if certificate else None
    if certificate is None or badge is None:
        if certificate is None:
            count_miss(request)
        raise Http404("no badge with this code")
    if format == "png" and certificate.person.erased_at:
        raise Http404("the picture carries the name of somebody who was erased")
    if format == "json":
        response = _document(request, badge.credential, CREDENTIAL)
    else:
        response = public(HttpResponse(bytes(badge.file.bytes), content_type="image/png"))
        response["Content-Disposition"] = f'attachment; filename="{certificate.number}-badge.png"'
    return response
