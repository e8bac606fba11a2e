"""What allauth asks at its own doors: the second step of signing in, signing in by passkey, and showing once more who one is."""

import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm, LoginWebAuthnForm, ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal import auth as webauthn
from allauth.mfa.webauthn.internal.auth import parse_authentication_response
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from fido2.utils import websafe_encode
from fido2.webauthn import UserVerificationRequirement

from staff import clock, factors, sealing, security
from staff.access import StaffRequest
from staff.accounts import where
from staff.models import StaffMember

NONCE = "factors.signing"
WRONG = "The code is not right, or it was used already. Type the one that your app shows now, or a recovery code."
NOT_HERE = "That passkey was not accepted. Nothing was changed: try again, or go another way."


class MFAAdapter(DefaultMFAAdapter):
    error_messages: ClassVar[dict[str, Any]] = {**DefaultMFAAdapter.error_messages, "incorrect_code": NOT_HERE}

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.open_sealed(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """From SITE_URL, never from the Host header."""
        return {"id": urlsplit(settings.SITE_URL).hostname or "", "name": "Pinpoint"}

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:
        return f"Passkey {Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1}"


def is_from_here(origin: str) -> bool:
    """The very origin of SITE_URL: allauth would take a subdomain's as well."""
    site = urlsplit(settings.SITE_URL)
    return origin == f"{site.scheme}://{site.netloc}"


@contextmanager
def refused_in_words() -> Iterator[None]:
    """Anybody may post anything as a credential; the libraries stumble over some of it."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValidationError(NOT_HERE) from None


@contextmanager
def on_record(person: StaffMember) -> Iterator[None]:
    """Whoever comes as far as the second step knows the password: a refusal there is what its owner wants to hear of."""
    try:
        yield
    except ValidationError:
        security.note(person=person, kind=security.Kind.FACTOR_FAILED, **where(context.request))
        raise


def _challenge(nonce: str, sha256: str) -> bytes:
    """What a passkey signs: bound to this question and to the record that is on screen."""
    return hashlib.sha256(f"{nonce}:{sha256}".encode()).digest()


def signing_options(request: StaffRequest, sha256: str) -> dict[str, Any]:
    """What the browser asks a passkey for, to sign the record with this hash."""
    nonce = request.session[NONCE] = secrets.token_hex(32)
    options, _ = webauthn.get_server().authenticate_begin(
        credentials=webauthn.get_credentials(request.user),
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=_challenge(nonce, sha256),
    )
    return dict(options)


def prove_by_passkey(request: StaffRequest, *, credential: str, sha256: str) -> factors.Proof | None:
    """None unless one of hers answered the last question of this session, over this very hash; a question is answered once."""
    nonce = request.session.pop(NONCE, "")
    if not nonce:
        return None
    state = {
        "challenge": websafe_encode(_challenge(nonce, sha256)),
        "user_verification": UserVerificationRequirement.REQUIRED,
    }
    try:
        with refused_in_words():
            answer = json.loads(credential)
            if not is_from_here(parse_authentication_response(answer).response.client_data.origin):
                return None
            held = webauthn.get_credentials(request.user)
            bound = webauthn.get_server().authenticate_complete(state, held, answer)
            passkey = webauthn.get_authenticator_by_credential_id(request.user, bound.credential_id)
    except ValidationError:
        return None
    if passkey is None:
        return None
    passkey.record_usage()
    return factors.Proof(request.user.pk, "passkey", clock.now())


class TakesCode:
    user: Any
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        code = str(self.cleaned_data["code"])
        try:
            taken = factors.take_code(person=self.user, code=code)
        except factors.TooManyCodes as many:
            raise ValidationError(many.sentence) from None
        if taken is None:
            raise ValidationError(WRONG)
        taken.user = self.user
        self.authenticator = taken
        return code


class CodeForm(TakesCode, AuthenticateForm):
    """After the password."""

    def clean_code(self) -> str:
        with on_record(self.user):
            return super().clean_code()


class CodeAgainForm(TakesCode, ReauthenticateForm):
    """Before what changes how one signs in."""


class FromHere:
    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Authenticator:
        credential = self.cleaned_data["credential"]
        with refused_in_words():
            if not is_from_here(parse_authentication_response(credential).response.client_data.origin):
                raise ValidationError(NOT_HERE)
            found: Authenticator = super().clean_credential()  # type: ignore[misc]
        return found


class PasskeyForm(FromHere, AuthenticateWebAuthnForm):
    """After the password."""

    def clean_credential(self) -> Authenticator:
        with on_record(self.user):
            return super().clean_credential()


class PasskeyLoginForm(FromHere, LoginWebAuthnForm):
    """In place of the password. Every passkey here was made to be asked for a finger, a face or a PIN, and is asked for it
    again, so it is two factors by itself."""


class PasskeyAgainForm(FromHere, ReauthenticateWebAuthnForm):
    """Before what changes how one signs in."""
