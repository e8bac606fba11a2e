"""Secrets that must be read again, sealed before they reach the database: a copy of it, or a backup, does not open them."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

LABEL = b"pinpoint: secrets of second factors, 1"


class NotOpened(Exception):
    """Says in a sentence which key is missing, or that what is kept was altered."""


def _box(name: str) -> Fernet:
    """HMAC with a label of its own: who learns this key learns nothing about the signing key that it is made of."""
    key = hmac.new(settings.SIGNING_KEYS[name].encode(), LABEL, hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def seal(text: str) -> str:
    """Under the newest of SIGNING_KEYS, whose name stands in front."""
    name = next(iter(settings.SIGNING_KEYS))
    return f"{name}:{_box(name).encrypt(text.encode()).decode()}"


def open_sealed(sealed: str) -> str:
    name, _, token = sealed.partition(":")
    if name not in settings.SIGNING_KEYS:
        raise NotOpened(
            f"SIGNING_KEYS has no key named {name}, which sealed a second factor: put it back, as an old one."
        )
    try:
        return _box(name).decrypt(token.encode()).decode()
    except InvalidToken:
        raise NotOpened(f"A second factor sealed with {name} does not open: it was altered, or the key was.") from None
