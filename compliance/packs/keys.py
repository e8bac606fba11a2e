"""The keys that sign packs: one made of each of SIGNING_KEYS, so that there is no further secret to keep."""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from compliance.packs.check_pack import fingerprint

LABEL = b"pinpoint: Ed25519 seed of packs, 1"


@dataclass(frozen=True)
class PackKey:
    """`name` is that of the signing key it is made of."""

    name: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def key_named(name: str) -> PackKey:
    """HMAC with a label of its own: who knows the public half, or a pack, learns nothing about the signing key."""
    seed = hmac.new(settings.SIGNING_KEYS[name].encode(), LABEL, hashlib.sha256).digest()
    return PackKey(name, Ed25519PrivateKey.from_private_bytes(seed))


def all_keys() -> list[PackKey]:
    """The newest, which signs, first."""
    return [key_named(name) for name in settings.SIGNING_KEYS]


def signing_key() -> PackKey:
    return all_keys()[0]
