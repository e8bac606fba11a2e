"""Is a badge genuine? By the keys that the issuer's own document lists, and by no other. Pure.

The order is the standard's: what it is, whose it is, the proof, then the dates and whether it was withdrawn.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certificates.badges import documents, proofs
from certificates.badges.proofs import Document, Unprovable


@dataclass(frozen=True)
class Verdict:
    """`genuine`: issued by this issuer and unchanged since. `standing` says what is true of it now."""

    genuine: bool
    standing: str  # valid, revoked, expired, not-yet-valid, unknown; empty unless genuine
    reason: str = ""


def verify(
    credential: Any,
    *,
    issuer_id: str,
    issuer_document: Document,
    status_list: Document | None,
    at: datetime,
) -> Verdict:
    """Checks against the documents that the issuer itself publishes. Without its list the standing is unknown, never valid."""
    try:
        well_formed(credential)
        if credential["issuer"]["id"] != issuer_id:
            raise Unprovable("another issuer is named in it")
        check_proof(credential, issuer_id=issuer_id, issuer_document=issuer_document)
    except Unprovable as refusal:
        return Verdict(False, "", str(refusal))
    return Verdict(True, _standing(credential, issuer_id, issuer_document, status_list, at))


def check_proof(document: Document, *, issuer_id: str, issuer_document: Document) -> None:
    """A key that the document brings along, or that its address spells out, counts for nothing."""
    method = str(proofs.proof_of(document)["verificationMethod"])
    proofs.check(document, key=proofs.public_key(listed_key(issuer_document, issuer_id, method)))


def listed_key(issuer_document: Document, issuer_id: str, method: str) -> str:
    if issuer_document.get("id") != issuer_id:
        raise Unprovable("the issuer's document is about somebody else")
    if method not in issuer_document.get("assertionMethod", []):
        raise Unprovable("the issuer's own document does not list the key that signed it")
    for row in issuer_document.get("verificationMethod", []):
        if row.get("id") == method and row.get("controller") == issuer_id and row.get("type") == "Multikey":
            return str(row.get("publicKeyMultibase"))
    raise Unprovable("the issuer's own document does not hold the key that signed it")


def well_formed(credential: object) -> None:
    """What the official schema lets pass and must not pass, and what it asks for that is used here."""
    if not isinstance(credential, dict):
        raise Unprovable("it is not an Open Badge")
    if not {"VerifiableCredential", "OpenBadgeCredential"} <= set(_list(credential.get("type"))):
        raise Unprovable("it is not an Open Badge")
    issuer, subject = credential.get("issuer"), credential.get("credentialSubject")
    if not isinstance(issuer, dict) or not isinstance(issuer.get("id"), str):
        raise Unprovable("it names no issuer")
    if not isinstance(subject, dict) or not (subject.get("id") or subject.get("identifier")):
        raise Unprovable("it names no holder")
    for name in ("validFrom", "validUntil"):
        if not (name == "validUntil" and name not in credential) and _instant(credential.get(name)) is None:
            raise Unprovable(f"its {name} is not an instant with a time zone")
    status = credential.get("credentialStatus")
    if status is not None and not (isinstance(status, dict) and isinstance(status.get("statusListIndex"), str)):
        raise Unprovable("what it says of its status cannot be read")


def _standing(
    credential: Document, issuer_id: str, issuer_document: Document, status_list: Document | None, at: datetime
) -> str:
    status = credential.get("credentialStatus")
    if status is not None:
        try:
            if status_list is None or not _current(status_list, at) or status_list.get("issuer") != issuer_id:
                return "unknown"
            if status_list.get("id") != status.get("statusListCredential"):
                return "unknown"
            check_proof(status_list, issuer_id=issuer_id, issuer_document=issuer_document)
            encoded, place = status_list["credentialSubject"]["encodedList"], status["statusListIndex"]
            if not re.fullmatch(r"0|[1-9][0-9]{0,9}", place):
                return "unknown"
            if documents.is_withdrawn(encoded, int(place)):
                return "revoked"
        except (Unprovable, KeyError, TypeError, ValueError, OSError, EOFError):
            return "unknown"
    starts, ends = _instant(credential["validFrom"]), _instant(credential.get("validUntil"))
    if starts and at < starts:
        return "not-yet-valid"
    if ends and at > ends:
        return "expired"
    return "valid"


def _current(document: Document, at: datetime) -> bool:
    starts, ends = _instant(document.get("validFrom")), _instant(document.get("validUntil"))
    return starts is not None and ends is not None and starts <= at <= ends


def _instant(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _list(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def differences(genuine: object, shown: object, at: str = "") -> list[str]:
    """Where two documents differ, as the path of each part: credentialSubject.achievement.name."""
    if isinstance(genuine, dict) and isinstance(shown, dict):
        names = [*genuine, *(name for name in shown if name not in genuine)]
        return [
            path
            for name in names
            for path in differences(genuine.get(name), shown.get(name), f"{at}.{name}" if at else str(name))
        ]
    if isinstance(genuine, list) and isinstance(shown, list) and len(genuine) == len(shown):
        return [
            path for n, pair in enumerate(zip(genuine, shown, strict=True)) for path in differences(*pair, f"{at}[{n}]")
        ]
    return [] if genuine == shown and type(genuine) is type(shown) else [at]
