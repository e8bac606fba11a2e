"""What every page with a signature does: sign once its form is filled, say clearly why not, and count failures."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render

from certificates.forms import SigningForm
from staff import clock, factors, signing
from staff.access import StaffRequest
from staff.mfa import prove_by_passkey
from staff.models import Clinic, StaffMember

WINDOW_SECONDS = 3600
MOST_FAILURES = 10

Made = TypeVar("Made")


class Refusal(str):
    """Why nothing was signed, for the page."""

    status = 400


class Conflict(Refusal):
    status = 409


def sign_with(
    request: StaffRequest, form: SigningForm, act: Callable[[signing.Seen], Made], *, unfilled: str = ""
) -> tuple[Made | None, str]:
    """What `act` made, or the sentence why nothing was signed; neither while the page is only read.

    `unfilled` is that sentence where something besides the password is missing or wrong; without it the form's own words are.
    """
    if request.method != "POST":
        return None, ""
    if form.is_valid():
        return _tried(request, form, act)
    told = [str(e) for name, errors in form.errors.items() if name not in SigningForm.base_fields for e in errors]
    reason = (unfilled or " ".join(told)) if told else "Type your password to sign."
    return None, f"{reason} Nothing was signed."


def _tried(request: StaffRequest, form: SigningForm, act: Callable[[signing.Seen], Made]) -> tuple[Made | None, str]:
    if len(_failures(request.user)) >= MOST_FAILURES:
        return None, "Ten signings failed within an hour. Wait an hour; nothing was signed."
    data = form.cleaned_data
    if not any(data[name] for name in ("password", "code", "credential")):
        return None, "Type your password to sign. Nothing was signed."
    try:
        evidence = _shown(request, data)
        signing.check_evidence(request.user, evidence)
    except signing.SigningWaits as waits:
        return None, str(waits)
    except signing.SigningRefused as refusal:
        signing.report_failed_signing(signer=request.user, count=_one_more_failure(request.user))
        return None, str(refusal)
    try:
        made = act(signing.Seen(data["shown_sha256"], data["opened_at"], evidence, accepts=data["accepts"]))
    except signing.RecordChanged as changed:
        return None, Conflict(changed)
    except signing.SigningRefused as refusal:
        return None, str(refusal)
    cache.delete(_key(request.user))
    signing.signed(request)
    return made, ""


def _key(person: StaffMember) -> str:
    return f"failed-signings:{person.pk}"


def _failures(person: StaffMember) -> list[float]:
    """When they were, within the last hour."""
    now = clock.now().timestamp()
    return [at for at in cache.get(_key(person), []) if now - at < WINDOW_SECONDS]


def _one_more_failure(person: StaffMember) -> int:
    """Under a lock on the person, so that of tries at once none is lost. Written with its hour each time: a number added to in
    a cache that lies in the database is forgotten after five minutes."""
    with transaction.atomic():
        StaffMember.objects.select_for_update().get(pk=person.pk)
        failures = [*_failures(person), clock.now().timestamp()]
        cache.set(_key(person), failures, WINDOW_SECONDS)
    return len(failures)


def _shown(request: StaffRequest, data: dict[str, Any]) -> signing.Evidence:
    """A code or a passkey is used up by this, so the e-mail is looked at first. Raises SigningRefused."""
    evidence = signing.evidence_from(request, password=data["password"], email=data.get("email", ""))
    if data["password"] or not (data["code"] or data["credential"]):
        return evidence
    signing.check_email(request.user, evidence)
    if data["credential"]:
        proof = prove_by_passkey(request, credential=data["credential"], sha256=data["shown_sha256"])
        if proof is None:
            raise signing.SigningRefused("The passkey was not accepted. Nothing was signed; try again, or type.")
    else:
        try:
            proof = factors.prove_by_code(person=request.user, code=data["code"])
        except factors.TooManyCodes as many:
            raise signing.SigningRefused(f"{many.sentence} Nothing was signed.") from None
        if proof is None:
            raise signing.SigningRefused(
                "The code is not right, or it was used already. Nothing was signed; type the next one."
            )
    return replace(evidence, proof=proof)


def signing_page(
    request: StaffRequest,
    template: str,
    context: dict[str, Any],
    *,
    clinic: Clinic,
    sha256: str,
    meaning: str = "",
    error: str,
) -> HttpResponse:
    """The page with what `_parts/signing.html` asks for; `meaning` is empty where the page itself shows several."""
    held = factors.held_by(request.user)
    accepted = signing.has_accepted(request.user)
    signature = {
        "by_code": held.app is not None,
        "by_passkey": bool(held.passkeys) and factors.passkeys_possible(),
        "signer": request.user,
        "signing_clinic": clinic,
        "continuous": signing.is_continuous(request),
        "shown_sha256": sha256,
        "opened_at": _opened_at(request, sha256),
        "acceptance": "" if accepted else signing.ACCEPTANCES[signing.WORDING],
        "accepts": "accepts" in request.POST,
        "meaning": meaning,
        "signing_error": error,
    }
    return render(request, template, context | signature, status=getattr(error, "status", 400) if error else 200)


def _opened_at(request: StaffRequest, sha256: str) -> datetime:
    """Since when she has had this on screen: a mistyped password does not begin the reading anew."""
    posted = SigningForm(request.POST)
    posted.is_valid()
    if posted.cleaned_data.get("shown_sha256") == sha256:
        opened_at: datetime = posted.cleaned_data["opened_at"]
        return opened_at
    return clock.now()
