"""What every signing page shares: try to sign, say clearly why not, and count failures."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache

from certificates.forms import SigningForm
from staff import clock, signing
from staff.access import StaffRequest
from staff.models import Clinic

WINDOW_SECONDS = 3600
MOST_FAILURES = 10


def signing_context(
    request: StaffRequest, *, clinic: Clinic, sha256: str, meaning: str, error: str = ""
) -> dict[str, Any]:
    """For `_parts/signing.html`."""
    return {
        "signer": request.user,
        "signing_clinic": clinic,
        "continuous": signing.is_continuous(request),
        "shown_sha256": sha256,
        "opened_at": clock.now(),
        "meaning": meaning,
        "signing_error": error,
    }


def try_to_sign(request: StaffRequest, form: SigningForm, act: Callable[[signing.Evidence], object]) -> str:
    """Run `act` with the typed evidence; the sentence why nothing was signed, or empty."""
    key = f"failed-signing:{request.user.pk}"
    if cache.get(key, 0) >= MOST_FAILURES:
        return "Ten signings failed within an hour. Wait an hour, or choose a new password; nothing was signed."
    evidence = signing.evidence_from(
        request, password=form.cleaned_data["password"], email=form.cleaned_data.get("email", "")
    )
    try:
        signing.check_evidence(request.user, evidence)
    except signing.SigningRefused as refusal:
        cache.add(key, 0, WINDOW_SECONDS)
        signing.report_failed_signing(signer=request.user, count=cache.incr(key))
        return str(refusal)
    try:
        act(evidence)
    except signing.SigningRefused as refusal:
        return str(refusal)
    cache.delete(key)
    signing.signed(request)
    return ""
