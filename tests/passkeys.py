"""A passkey as a phone holds it, in a few lines: it makes a key for a site, and signs what the site asks."""

import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

SITE = "https://training.example.com"
Flag = AuthenticatorData.FLAG


class Phone:
    """`verifies`: it asks for a finger, a face or a PIN."""

    def __init__(self, origin: str = SITE, host: str = "training.example.com", verifies: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.user = b""
        self.origin = origin
        self.rp = hashlib.sha256(host.encode()).digest()
        self.flags = Flag.UP | (Flag.UV if verifies else Flag(0))

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        name = websafe_encode(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": {key: websafe_encode(value) for key, value in response.items()},
            "clientExtensionResults": {},
        }

    def make(self, options: dict[str, Any]) -> str:
        asked = options["publicKey"]
        self.user = asked["user"]["id"].encode()
        held = AttestedCredentialData.create(b"\0" * 16, self.id, ES256.from_cryptography_key(self.key.public_key()))
        data = AuthenticatorData.create(self.rp, self.flags | Flag.AT, 0, held)
        return json.dumps(
            self._credential(
                clientDataJSON=self._client_data("webauthn.create", asked["challenge"]),
                attestationObject=AttestationObject.create("none", data, {}),
            )
        )

    def answer(self, options: dict[str, Any]) -> str:
        client_data = self._client_data("webauthn.get", options["publicKey"]["challenge"])
        data = AuthenticatorData.create(self.rp, self.flags, 1)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        made = self._credential(clientDataJSON=client_data, authenticatorData=data, signature=signature)
        made["response"]["userHandle"] = self.user.decode()
        return json.dumps(made)
