"""Data Integrity proofs of the suite eddsa-rdfc-2022: sign a document, check one. Pure; contexts come from files alone.

https://www.w3.org/TR/vc-di-eddsa/#eddsa-rdfc-2022
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyld import jsonld

Document = dict[str, Any]
CONTEXTS = {
    "https://www.w3.org/ns/credentials/v2": "credentials-v2.json",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json": "open-badges-3.0.3.json",
}
CREDENTIALS, OPEN_BADGES = CONTEXTS
SUITE = "eddsa-rdfc-2022"
ED25519_PUBLIC = b"\xed\x01"  # multicodec
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# A badge of ours has some 15 objects, 6 levels and 4 KB. Canonicalising is factorial in nodes that look alike, so whatever
# is larger is refused unread.
MOST_BYTES = 64 * 1024
MOST_NODES = 60
MOST_DEPTH = 12
MOST_ALIKE = 4
_one_at_a_time = threading.Lock()  # PyLD keeps its contexts in a cache that threads may not share


class Unprovable(ValueError):
    """Says why a document's proof does not hold, or cannot be looked at."""


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data), ""
    while number:
        number, rest = divmod(number, 58)
        text = BASE58[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def unbase58(text: str) -> bytes:
    number = 0
    for char in text:
        place = BASE58.find(char)
        if place < 0:
            raise Unprovable("a value is not in base 58")
        number = number * 58 + place
    body = number.to_bytes((number.bit_length() + 7) // 8)
    return b"\0" * (len(text) - len(text.lstrip("1"))) + body


def multikey(key: Ed25519PublicKey) -> str:
    """A public key as it stands in an issuer's document: z6Mk…"""
    return "z" + base58(ED25519_PUBLIC + key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def public_key(text: str) -> Ed25519PublicKey:
    raw = unbase58(text[1:]) if re.fullmatch(r"z[1-9A-HJ-NP-Za-km-z]{40,60}", text) else b""
    if len(raw) != 34 or not raw.startswith(ED25519_PUBLIC):
        raise Unprovable("the issuer's key is not an Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(raw[2:])


def sign(document: Document, *, key: Ed25519PrivateKey, method: str, created: str) -> Document:
    """The document with its proof. A list of one: Open Badges' schema asks for a list."""
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
    }
    value = "z" + base58(key.sign(hash_data(document, options)))
    return {**document, "proof": [{**options, "proofValue": value}]}


def proof_of(document: Document) -> Document:
    """The one proof of the document, of the kind that is understood here."""
    proof = document.get("proof")
    if isinstance(proof, list) and len(proof) == 1:
        proof = proof[0]
    if not isinstance(proof, dict):
        raise Unprovable("there is not exactly one proof")
    expected = {"type": "DataIntegrityProof", "cryptosuite": SUITE, "proofPurpose": "assertionMethod"}
    for name, value in expected.items():
        if proof.get(name) != value:
            raise Unprovable(f"the proof's {name} is not {value}")
    for name in ("verificationMethod", "created", "proofValue"):
        if not isinstance(proof.get(name), str):
            raise Unprovable(f"the proof's {name} is missing")
    if not set(proof) <= {*expected, "verificationMethod", "created", "proofValue"}:
        raise Unprovable("the proof says more than this suite knows")
    return proof


def check(document: Document, *, key: Ed25519PublicKey) -> None:
    """Raises Unprovable unless the document's proof was made over exactly this document with this key."""
    proof = proof_of(document)
    value = str(proof["proofValue"])
    bare = {name: item for name, item in document.items() if name != "proof"}
    options = {name: item for name, item in proof.items() if name != "proofValue"}
    covered(bare)
    covered({**options, "@context": document.get("@context")})
    signature = unbase58(value[1:]) if value.startswith("z") and len(value) <= 100 else b""
    if len(signature) != 64:
        raise Unprovable("the proof's value is not a signature")
    try:
        key.verify(signature, hash_data(bare, options))
    except InvalidSignature as error:
        raise Unprovable("the signature does not fit the document: something in it was changed") from error


def hash_data(document: Document, options: Document) -> bytes:
    """SHA-256 of the proof's options, then of the document; both canonical, under the document's own context."""
    said = canonical({**options, "@context": document.get("@context")})
    return hashlib.sha256(said).digest() + hashlib.sha256(canonical(document)).digest()


def canonical(document: Document) -> bytes:
    """RDFC-1.0: the document's statements, one a line, each in its one spelling."""
    screen(document)
    return str(_processed(jsonld.normalize, document, algorithm="URDNA2015", format="application/n-quads")).encode()


def covered(document: Document) -> None:
    """JSON-LD drops what its context does not know, so a proof would not notice it: spelled out again, nothing may be missing."""
    screen(document)
    if _plain(_processed(jsonld.compact, document, document["@context"])) != _plain(document):
        raise Unprovable("the document says something that its context does not know, which no proof would cover")


def _processed(step: Callable[..., Any], document: Document, *args: Any, **options: Any) -> Any:
    try:
        with _one_at_a_time:
            return step(document, *args, {**options, "documentLoader": _from_files})
    except jsonld.JsonLdError as error:
        raise Unprovable(f"the document is not JSON-LD that is understood here ({error.type})") from error


def _plain(value: Any) -> Any:
    """A list of one and its item mean the same in JSON-LD; so do the two names that Open Badges has for its credential."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if name != "@context"}
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else [_plain(item) for item in value]
    return "OpenBadgeCredential" if value == "AchievementCredential" else value


def screen(document: Document) -> None:
    """Refuses what would be expensive to canonicalise, or brings contexts of its own, before that is tried."""
    contexts = document.get("@context")
    if not isinstance(contexts, list) or not contexts or not all(_is_kept(name) for name in contexts):
        raise Unprovable("the document uses a context that is not kept here")
    nodes = list(islice(_nodes(document), MOST_NODES + 1))
    if len(nodes) > MOST_NODES:
        raise Unprovable("the document holds more objects than a badge does")
    if len(json.dumps(document)) > MOST_BYTES:
        raise Unprovable("the document is too large to be a badge")
    if any("@context" in node for node in nodes[1:]):
        raise Unprovable("a part of the document brings a context of its own")
    nameless = [tuple(sorted(node)) for node in nodes if not isinstance(node.get("id"), str)]
    named_blank = [node for node in nodes if str(node.get("id", "")).startswith("_:")]
    if named_blank or any(nameless.count(shape) > MOST_ALIKE for shape in set(nameless)):
        raise Unprovable("the document holds parts that cannot be told apart")


def _is_kept(name: object) -> bool:
    return isinstance(name, str) and name in CONTEXTS


def _nodes(value: Any, depth: int = 0) -> Iterator[Document]:
    if depth > MOST_DEPTH:
        raise Unprovable("the document is nested deeper than a badge is")
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _nodes(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _nodes(item, depth + 1)


@cache
def _context(url: str) -> Document:
    document: Document = json.loads((Path(__file__).parent / "contexts" / CONTEXTS[url]).read_text(encoding="utf-8"))
    return document


def _from_files(url: str, options: Any) -> Document:
    if url not in CONTEXTS:
        raise jsonld.JsonLdError("a context that is not kept here", "loading document failed")
    return {"contextUrl": None, "documentUrl": url, "document": _context(url), "contentType": "application/ld+json"}
