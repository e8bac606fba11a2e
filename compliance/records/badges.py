"""Badges: signed over exactly what the certificate says, with the key on record, baked unchanged, told when they were made."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

from certificates.badges import baking, documents, issuing, proofs
from certificates.models import Badge
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, readable
from staff import canonical
from staff.models import AuditEvent, Tombstone

LABEL, ACTION = "certificates.certificate", "certificate.badge"
AT_ONCE = 10


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = Badge.objects.select_related("certificate__clinic", "certificate__badge_subject", "key", "file")
    for chunk in chunks(rows.order_by("pk"), AT_ONCE):
        events = events_of(LABEL, [row.certificate for row in chunk])
        for row in chunk:
            checked["badges"] += 1
            told = [event for event in events[str(row.certificate_id)] if event.action == ACTION]
            what = f"badge {row.number} of certificate {row.certificate.number}"
            yield from readable(what, _badge(row, what, told))
    signed = AuditEvent.objects.filter(action=ACTION, subject_type=LABEL).count()
    deleted = Tombstone.objects.filter(label="certificates.badge").count()
    yield from compare("badges, how many", signed, checked["badges"] + deleted)


def _badge(row: Badge, what: str, told: list[AuditEvent]) -> Iterator[Finding]:
    yield from compare(f"{what}, hash of its credential", canonical.sha256(row.credential), row.sha256)
    yield from compare(f"{what}, credential in its picture", row.credential, baking.baked(bytes(row.file.bytes)))
    yield from compare(f"{what}, media type of its picture", "image/png", row.file.media_type)
    credential = json.loads(row.credential)
    try:
        proofs.check(credential, key=proofs.public_key(row.key.public))
    except proofs.Unprovable as refusal:
        yield Finding(f"{what}, its proof", "made with its key over all it says", str(refusal))
        return
    proof = proofs.proof_of(credential)
    named = credential["issuer"]
    form = "did:web" if named["id"].startswith("did:") else "https"
    issuer = documents.Issuer(address=named["url"], name=named["name"], form=form)
    held = issuing.holding(row.certificate, row.certificate.badge_subject)
    says = {name: value for name, value in credential.items() if name != "proof"}
    yield from compare(f"{what}, against its certificate", documents.credential(issuer, held), says)
    yield from compare(f"{what}, host of its issuer", urlsplit(issuer.address).scheme, "https")
    yield from compare(f"{what}, key its proof names", issuer.method(row.key.public), proof["verificationMethod"])
    yield from about_then(f"{what}, when it was signed", datetime.fromisoformat(proof["created"]), row.signed_at)
    body = {"number": row.number, "sha256": row.sha256, "picture": row.file.sha256, "key": row.key.public}
    said = [event for event in told if json.loads(event.body).get("number") == row.number]
    yield from compare(f"{what}, its events", 1, len(said))
    for event in said:
        yield from compare(f"{what}, as its event says", json.loads(event.body), body)
        yield from about_then(f"{what}, when it was signed", event.at, row.signed_at)
