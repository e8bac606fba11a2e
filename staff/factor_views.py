"""How one signs in: the password, an authenticator app, passkeys, recovery codes, and where one is signed in."""

import json
from collections.abc import Callable
from typing import Any, TypeVar, cast

import segno
from allauth.account.decorators import reauthentication_required
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.generic.edit import FormView

from staff import clock, factors, sealing, security
from staff.access import StaffRequest
from staff.mfa import NOT_HERE, is_from_here, refused_in_words, signing_options

SHOWN_SECONDS = 15 * 60
SECRET = "factors.secret"
CODES = "factors.codes-made"
WRONG = "The code is not right. Type the one that the app shows now; if it is refused again, set the phone's clock."
View = TypeVar("View", bound=Callable[..., HttpResponse])


def again_first(view: View) -> View:
    """What changes how one signs in asks once more who one is."""
    return cast("View", reauthentication_required(app="allauth.mfa")(view))


class CodeForm(forms.Form):
    code = forms.CharField(max_length=20)


class NameForm(forms.Form):
    name = forms.CharField(
        label="What you call it",
        help_text="To tell it from others, such as “My phone”",
        max_length=60,
        error_messages={
            "required": "Say what you call it, such as “My phone”.",
            "max_length": "Use 60 characters or fewer.",
        },
    )


class PasskeyForm(forms.Form):
    name = forms.CharField(max_length=60, required=False)
    credential = forms.JSONField(widget=forms.HiddenInput)

    def clean_credential(self) -> dict[str, Any]:
        """Made here, now, for this session, and with a finger, a face or a PIN."""
        credential: dict[str, Any] = self.cleaned_data["credential"]
        with refused_in_words():
            made = webauthn.parse_registration_response(credential)
            if not is_from_here(made.response.client_data.origin):
                raise ValidationError(NOT_HERE)
            if not webauthn.complete_registration(credential).is_user_verified():
                raise ValidationError(NOT_HERE)
        return credential


@require_safe
def overview(request: StaffRequest) -> HttpResponse:
    person, due_at = request.user, factors.due_at(request.user)
    context = {
        "held": factors.held_by(person),
        "passkeys_possible": factors.passkeys_possible(),
        "sessions": len(UserSession.objects.purge_and_list(person)),
        "codes_shown": bool(_fresh_codes(request)),
        "due_at": due_at,
        "is_due": due_at is not None and due_at <= clock.now(),
        "events": security.last_of(person),
        "opens_at": security.may_sign_from(person),
    }
    return render(request, "staff/signing_in.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@again_first
def app_add(request: StaffRequest) -> HttpResponse:
    person = request.user
    if factors.has_app(person):
        return redirect("staff:signing-in")
    secret = _secret_of(request)
    form = CodeForm(request.POST or None)
    if form.is_valid():
        step = factors.step_of(secret, form.cleaned_data["code"])
        if step is None:
            form.add_error("code", WRONG)
        else:
            added = factors.add_app(person=person, secret=secret, step=step)
            del request.session[SECRET]
            if not added:  # in another window, a moment ago
                return redirect("staff:signing-in")
            return _set_up(request, "The authenticator app is set up: the next sign-in asks for its code.")
    address = factors.address_of(secret, person)
    context = {
        "form": form,
        "qr": _drawn(address),
        "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        "address": address,
    }
    return render(request, "staff/app_add.html", context, status=400 if form.errors else 200)


def _drawn(address: str) -> SafeString:
    """Dark on white whatever the page's colours are, or an app does not read it."""
    return mark_safe(segno.make(address, error="m", micro=False).svg_inline(border=4, light="#fff", omitsize=True))


def _secret_of(request: StaffRequest) -> str:
    """The same for the page and its form, whatever is reloaded in between; sealed, as sessions lie in the database."""
    if SECRET not in request.session:
        request.session[SECRET] = sealing.seal(factors.new_secret())
    try:
        return sealing.open_sealed(request.session[SECRET])
    except sealing.NotOpened:
        del request.session[SECRET]
        return _secret_of(request)


def _set_up(request: StaffRequest, said: str) -> HttpResponse:
    """Whoever has no recovery codes yet is given them at once."""
    messages.success(request, said)
    if factors.held_by(request.user).codes_left is None:
        _give_codes(request)
        return redirect("staff:recovery-codes")
    return redirect("staff:signing-in")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@again_first
def passkey_add(request: StaffRequest) -> HttpResponse:
    person = request.user
    if not factors.passkeys_possible():
        return redirect("staff:signing-in")
    form = PasskeyForm(request.POST or None)
    if form.is_valid():
        name = form.cleaned_data["name"].strip() or f"Passkey {len(factors.held_by(person).passkeys) + 1}"
        factors.add_passkey(person=person, name=name, credential=form.cleaned_data["credential"])
        return _set_up(request, f"The passkey “{name}” is added.")
    options = json.dumps(webauthn.begin_registration(person, True))
    return render(
        request, "staff/passkey_add.html", {"form": form, "options": options}, status=400 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@again_first
def passkey_rename(request: StaffRequest, number: int) -> HttpResponse:
    """`number` is a passkey of her own, else 404."""
    passkey = get_object_or_404(Authenticator, pk=number, user=request.user, type=factors.Type.WEBAUTHN)
    form = NameForm(request.POST or None, initial={"name": passkey.data["name"]})
    if form.is_valid():
        name = form.cleaned_data["name"]
        if factors.rename_passkey(number=number, name=name, person=request.user):
            messages.success(request, f"The passkey is called “{name}” now.")
        else:
            messages.error(request, "That passkey was removed in another window a moment ago.")
        return redirect("staff:signing-in")
    context = {"form": form, "passkey": passkey}
    return render(request, "staff/passkey_rename.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@again_first
def factor_remove(request: StaffRequest, number: int) -> HttpResponse:
    """`number` is one of her own, else 404."""
    person = request.user
    factor = get_object_or_404(Authenticator, pk=number, user=person, type__in=factors.FACTORS)
    held = factors.held_by(person)
    last = len(held.passkeys) + bool(held.app) == 1
    if request.method == "POST":
        try:
            factors.remove(factor=factor, person=person)
        except factors.StillRequired as required:
            messages.error(request, str(required))
            return redirect("staff:signing-in")
        messages.success(request, "Removed. Your password alone signs you in." if last else "Removed.")
        return redirect("staff:signing-in")
    context = {"factor": factor, "is_app": factor.type == factors.Type.TOTP, "last": last}
    return render(request, "staff/factor_remove.html", context)


@require_POST
@again_first
def codes_make(request: StaffRequest) -> HttpResponse:
    if not _give_codes(request):
        messages.info(request, "Recovery codes stand in for an app or a passkey: set one up first.")
        return redirect("staff:signing-in")
    return redirect("staff:recovery-codes")


def _give_codes(request: StaffRequest) -> bool:
    factors.make_codes(person=request.user)
    row = factors.recovery_codes(request.user)
    request.session[CODES] = {"at": clock.now().timestamp(), "row": row.pk} if row else {}
    return row is not None


def _fresh_codes(request: StaffRequest) -> list[str]:
    """For a quarter of an hour in the session that made them; then never again, to anybody. Those made elsewhere since are not
    shown: she may have made them because this session is no longer hers alone."""
    made = request.session.get(CODES)
    if not made or not 0 <= clock.now().timestamp() - made["at"] < SHOWN_SECONDS:
        return []
    return factors.unused_codes(request.user, made=made["row"])


@require_safe
@never_cache
def codes(request: StaffRequest) -> HttpResponse:
    shown = _fresh_codes(request)
    if not shown:
        return redirect(f"{reverse('staff:signing-in')}#codes")
    return render(request, "staff/recovery_codes.html", {"codes": shown})


@require_safe
@never_cache
def codes_download(request: StaffRequest) -> HttpResponse:
    shown = _fresh_codes(request)
    if not shown:
        return redirect(f"{reverse('staff:signing-in')}#codes")
    text = render(request, "staff/recovery_codes.txt", {"codes": shown}, content_type="text/plain; charset=utf-8")
    text["Content-Disposition"] = 'attachment; filename="pinpoint-recovery-codes.txt"'
    return text


@require_safe
@never_cache
def sign_options(request: StaffRequest) -> HttpResponse:
    """What the browser asks a passkey for; `over` is the hash of the record on screen."""
    over = request.GET.get("over", "")
    if not factors.passkeys_possible() or not factors.held_by(request.user).passkeys:
        raise Http404("no passkey")
    return JsonResponse({"request_options": signing_options(request, over[:64])})


class SecondStep(AuthenticateView):
    """allauth's, which offers a passkey only to whoever has one."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        has_passkey = bool(factors.held_by(self.stage.login.user).passkeys)
        context["passkeys"] = has_passkey and factors.passkeys_possible()
        context["options"] = json.dumps(context["js_data"]["request_options"])
        return context


class PasskeyAgain(ReauthenticateWebAuthnView):
    """allauth's, which sends whoever is refused to the sign-in page, where she has nothing to do."""

    form_invalid = FormView.form_invalid

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["options"] = json.dumps(context["js_data"]["request_options"])
        return context
