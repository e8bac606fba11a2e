"""What a stranger does with a badge: software that is not ours, and ours, each with nothing but what the issuer publishes."""

import json
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from openbadgeslib.ob3 import did, ldp, status, verifier
from openbadgeslib.verify import verify_badge

from certificates.badges import baking, verifying
from staff import clock

ADDRESS = "https://training.example.com"


def fetched(client, url: str):
    """A stranger's request; nothing but this host is there to be asked."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == ADDRESS
    return client.get(parts.path)


def independently(client, badge_png: bytes):
    """openbadgeslib, written by others: it finds the issuer's key and status list at the addresses in the badge.

    By itself it proves lists signed as JWT alone; ours carries a proof as the badge does, so it is asked about that too.
    """

    def download(url: str, *_, **__) -> bytes:
        response = fetched(client, url)
        assert response.status_code == 200, url
        if "/status/" in url:
            lists = json.loads(response.content)
            method = lists["proof"][0]["verificationMethod"]
            ldp.verify_data_integrity_proof(lists, did.resolve_verification_method(method, download))
        return bytes(response.content)

    with pytest.MonkeyPatch.context() as patch:
        for module in (status, verifier, ldp):  # it asks the machine what time it is, and the tests' clock stands
            patch.setattr(module, "datetime", Standing)
        return verify_badge(
            badge_png,
            resolve_did=True,
            check_status=True,
            verify_status_list=False,
            download=download,
        )


class Standing(datetime):
    @classmethod
    def now(cls, tz=None):
        return clock.now().astimezone(tz)


def ours(client, badge_png: bytes):
    """Our own verifier, fed with nothing but what the issuer publishes."""
    credential = json.loads(baking.baked(badge_png) or "")
    lists = fetched(client, credential["credentialStatus"]["statusListCredential"])
    return verifying.verify(
        credential,
        issuer_id="did:web:training.example.com",
        issuer_document=fetched(client, f"{ADDRESS}/.well-known/did.json").json(),
        status_list=json.loads(lists.content),
        at=clock.now(),
    )
