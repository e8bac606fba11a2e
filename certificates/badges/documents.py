"""The documents of an issuer of badges: the credential, the issuer's own with its keys, the list of what was withdrawn.

Pure: the same particulars give the same document. https://www.imsglobal.org/spec/ob/v3p0
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from certificates.badges.proofs import CREDENTIALS, OPEN_BADGES, Document

LIST_LENGTH = 131_072  # the least the standard allows: one holder is not told among so many
CONTROLLER = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
METHOD = "https://w3id.org/security/multikey/v1"
Ends = Mapping[str, Mapping[str, datetime]]  # by key that signs no more: revoked or expires, and when


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """One installation at its public address, such as https://training.example.com."""

    address: str
    name: str
    form: str = "did:web"  # or https: which of its two names the credentials carry

    @property
    def did(self) -> str:
        return "did:web:" + urlsplit(self.address).netloc.replace(":", "%3A")

    @property
    def page(self) -> str:
        return f"{self.address}/badges/issuer"

    @property
    def id(self) -> str:
        return self.did if self.form == "did:web" else self.page

    def method(self, key: str) -> str:
        """The address of a public key, found in the issuer's own document."""
        return f"{self.did}#{key}" if self.form == "did:web" else f"{self.address}/badges/keys/{key}"

    def status_list(self, number: int) -> str:
        return f"{self.address}/badges/status/{number}"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a badge says. Nobody's name, e-mail, score, attempts or licence has a place in it."""

    code: str
    kind: str
    title: str
    statement: str
    disclaimer: str
    scope: str
    rule_line: str
    module_slug: str
    module_version: str
    clinic_id: str
    clinic_name: str
    issued_at: datetime
    valid_from_on: date
    valid_until_on: date
    zone: str
    subject: str  # a random urn:uuid
    identity_hash: str
    salt: str
    status_list: int
    status_index: int


def identity_hash(identifier: str, salt: str) -> str:
    return "sha256$" + hashlib.sha256(f"{identifier}{salt}".encode()).hexdigest()


def credential_id(address: str, code: str) -> str:
    return f"{address}/verify/{code}/badge.json"


def credential(issuer: Issuer, held: Holding) -> Document:
    """The unsigned credential of one certificate."""
    zone = ZoneInfo(held.zone)
    starts = datetime.combine(held.valid_from_on, time.min, tzinfo=zone)
    ends = datetime.combine(held.valid_until_on + timedelta(days=1), time.min, tzinfo=zone) - timedelta(seconds=1)
    status = issuer.status_list(held.status_list)
    return {
        "@context": [CREDENTIALS, OPEN_BADGES],
        "id": credential_id(issuer.address, held.code),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": held.title,
        "description": f"{held.disclaimer} {_sentence(held.scope)}".strip(),
        "issuer": {"id": issuer.id, "type": ["Profile"], "name": issuer.name, "url": issuer.address},
        "validFrom": starts.isoformat(),
        "validUntil": ends.isoformat(),
        "awardedDate": held.issued_at.astimezone(zone).replace(microsecond=0).isoformat(),
        "credentialSubject": {
            "id": held.subject,
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": True,
                    "identityHash": held.identity_hash,
                    "identityType": "emailAddress",
                    "salt": held.salt,
                }
            ],
            "achievement": {
                "id": f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join((issuer.address, held.module_slug, held.module_version)))}",
                "type": ["Achievement"],
                "achievementType": "CertificateOfCompletion" if held.kind == "knowledge" else "Certificate",
                "name": held.title,
                "description": f"{_capital(held.statement)} {held.title}. {held.disclaimer}",
                "criteria": {"narrative": held.rule_line or held.disclaimer},
                **({"version": held.module_version} if held.module_version else {}),
            },
            "source": {"id": f"{issuer.page}#{held.clinic_id}", "type": ["Profile"], "name": held.clinic_name},
        },
        "credentialStatus": {
            "id": f"{status}#{held.status_index}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(held.status_index),
            "statusListCredential": status,
        },
    }


def _sentence(text: str) -> str:
    joined = "; ".join(line for line in text.splitlines() if line)
    return f"Scope: {joined}." if joined else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def did_document(issuer: Issuer, *, keys: Sequence[str], withdrawn: Iterable[str], ends: Ends) -> Document:
    """Every key that ever signed; those withdrawn may no longer speak for the issuer."""
    methods = [_key(f"{issuer.did}#{key}", issuer.did, key, ends) for key in keys]
    return {
        "@context": CONTROLLER,
        "id": issuer.did,
        "alsoKnownAs": [issuer.page],
        "verificationMethod": methods,
        "assertionMethod": [f"{issuer.did}#{key}" for key in keys if key not in set(withdrawn)],
    }


def issuer_profile(issuer: Issuer, *, keys: Sequence[str], withdrawn: Iterable[str], ends: Ends) -> Document:
    """The same issuer at a plain https address, for whoever knows no DID."""
    known = {key: f"{issuer.address}/badges/keys/{key}" for key in keys}
    return {
        "@context": [*CONTROLLER[1:], CREDENTIALS, OPEN_BADGES],
        "id": issuer.page,
        "type": ["Profile"],
        "name": issuer.name,
        "url": issuer.address,
        "alsoKnownAs": [issuer.did],
        "verificationMethod": [_key(url, issuer.page, key, ends) for key, url in known.items()],
        "assertionMethod": [url for key, url in known.items() if key not in set(withdrawn)],
    }


def key_document(issuer: Issuer, key: str, ends: Ends) -> Document:
    return {"@context": METHOD, **_key(f"{issuer.address}/badges/keys/{key}", issuer.page, key, ends)}


def _key(id: str, controller: str, key: str, ends: Ends) -> Document:
    """With `revoked` or `expires` where it signs no more: https://www.w3.org/TR/cid-1.0/#verification-methods"""
    told = {name: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, at in ends.get(key, {}).items()}
    return {"id": id, "type": "Multikey", "controller": controller, "publicKeyMultibase": key, **told}


def status_list(issuer: Issuer, *, number: int, withdrawn: Iterable[int], day: datetime) -> Document:
    """The unsigned list of withdrawn badges. It holds for two days, so that an old copy cannot bring one back."""
    url = issuer.status_list(number)
    return {
        "@context": [CREDENTIALS],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer.id,
        "validFrom": day.isoformat(),
        "validUntil": (day + timedelta(days=2)).isoformat(),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": "revocation",
            "encodedList": encoded(withdrawn),
        },
    }


def encoded(places: Iterable[int]) -> str:
    """Place 0 is the left-most bit of the first byte."""
    bits = bytearray(LIST_LENGTH // 8)
    for place in places:
        bits[place // 8] |= 0x80 >> (place % 8)
    return "u" + base64.urlsafe_b64encode(gzip.compress(bytes(bits), mtime=0)).decode().rstrip("=")


def is_withdrawn(text: str, place: int) -> bool:
    """Whether the bit at `place` of an encoded list is set; a list that cannot be read counts as one that says so."""
    if not text.startswith("u") or not 0 <= place < LIST_LENGTH:
        return True
    packed = base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
    bits = gzip.decompress(packed)
    return place // 8 >= len(bits) or bool(bits[place // 8] & (0x80 >> (place % 8)))


def text_of(document: Document) -> str:
    """As it is stored, baked and served: one spelling, no spaces."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
