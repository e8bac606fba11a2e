"""Programme certificates: the dossier that was signed, what is printed from it, and the rows it rests on."""

import json
import re
from collections import Counter
from collections.abc import Iterator

from certificates.models import Certificate, CertificateBasis, ProgrammeSigning
from certificates.programmes import facts_of, versions_line
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, readable
from staff import canonical
from training.models import ProtocolReread, StateRule
from training.protocol import rule_record

BEFORE = ("pinpoint-certificate-1", "pinpoint-certificate-2")  # formats of facts that did not know these
LATER = ("credentials", "versions", "programme_sha256")
CUT = 300  # letters of its credentials that a signature keeps


def findings(checked: Counter[str]) -> Iterator[Finding]:
    yield from _rules(checked)
    rows = ProgrammeSigning.objects.select_related(
        "certificate__supersedes__signing", "signature", "programme"
    ).prefetch_related("certificate__basis__knowledge__person", "certificate__basis__observation__learner")
    for chunk in chunks(rows.order_by("pk")):
        for row in chunk:
            checked["programme signings"] += 1
            what = f"programme signing of {row.certificate.number}"
            yield from readable(what, _signing(what, row))
    lonely = Certificate.objects.filter(kind=Certificate.Kind.PROGRAMME, signing=None).values_list("number", flat=True)
    for number in lonely:
        yield Finding(f"programme signing of {number}", "on record", "none")
    stray = CertificateBasis.objects.exclude(certificate__kind=Certificate.Kind.PROGRAMME).count()
    yield from compare("basis of certificates that are no programme's", 0, stray)


def _signing(what: str, row: ProgrammeSigning) -> Iterator[Finding]:
    certificate, signature = row.certificate, row.signature
    yield from compare(f"{what}, hash of its dossier", canonical.sha256(row.dossier), signature.record_sha256)
    yield from compare(f"{what}, meaning of its signature", "programme", signature.meaning_code)
    yield from compare(f"{what}, clinic of its signature", certificate.clinic_id, signature.clinic_id)
    before = certificate.supersedes if certificate.reissued_for else None
    if before is None:
        yield from about_then(f"{what}, when", signature.signed_at, certificate.issued_at)
    else:
        yield from compare(f"{what}, signing of the copy that it replaces", _carried(before.signing), _carried(row))
        dates = [[str(copy.valid_from_on), str(copy.valid_until_on)] for copy in (before, certificate)]
        yield from compare(f"{what}, dates of the copy that it replaces", *dates)
    yield from compare(f"{what}, physician as printed", signature.signer_name, row.physician)
    if signature.signer_id == certificate.person_id:
        yield Finding(f"{what}, signer", "another than the holder", "the holder")
    dossier = json.loads(row.dossier)
    said = {name: dossier.get(name) for name in ("person", "clinic", "programme")}
    held = {"person": certificate.person_id, "clinic": certificate.clinic_id, "programme": row.programme.slug}
    yield from compare(f"{what}, whom and what it is about", said, held)
    if not all(met for _, met, _ in dossier["conditions"]):
        yield Finding(f"{what}, its conditions", "all in order", "one is not")
    basis = list(certificate.basis.all())
    owners = [one.knowledge.person for one in basis if one.knowledge]
    owners += [one.observation.learner for one in basis if one.observation]
    for owner in owners:
        if certificate.person_id not in (owner.pk, owner.merged_into_id):
            yield Finding(f"{what}, whose its basis is", "the holder's own", f"that of person {owner.pk}")
    numbers = sorted([one.knowledge.number, one.knowledge.facts_sha256] for one in basis if one.knowledge)
    sheets = sorted([one.observation.public_id, one.observation.seal_sha256] for one in basis if one.observation)
    rests = sorted([number, sha256] for _, number, sha256, *_ in dossier["certificates"])
    yield from compare(f"{what}, certificates it rests on", rests, numbers)
    yield from compare(f"{what}, sheets it rests on", dossier["sheets"], sheets)
    facts = json.loads(certificate.facts)
    yield from compare(f"{what}, what its facts say", facts["programme"], told_of(row, facts["format"]))
    if facts["format"] in BEFORE:
        yield from compare(f"{what}, what its format does not know", [""] * 3, [getattr(row, name) for name in LATER])
    elif before is None:
        passed = {one.knowledge.number: one.knowledge for one in basis if one.knowledge}
        order = [passed[number] for _, number, *_ in dossier["certificates"] if number in passed]
        yield from compare(f"{what}, versions of its modules", versions_line(order), row.versions)
        if len(signature.credentials) < CUT:
            unknown = [word for word in re.split("[;,] ", row.credentials) if word not in signature.credentials]
            yield from compare(f"{what}, credentials that its signature does not know", [], unknown)


def _carried(row: ProgrammeSigning) -> list[object]:
    printed = [row.physician, row.signed, *(getattr(row, name) for name in LATER)]
    return [row.programme_id, *printed, canonical.sha256(row.dossier), row.signature_id]


def told_of(row: ProgrammeSigning, format: str) -> dict[str, str]:
    """What facts of that format say of it."""
    told = facts_of(row)
    return {name: said for name, said in told.items() if name not in LATER} if format in BEFORE else told


def _rules(checked: Counter[str]) -> Iterator[Finding]:
    rows = list(StateRule.objects.select_related("signature", "clinic").order_by("clinic", "number"))
    events = events_of("training.staterule", rows)
    for row in rows:
        checked["state rules"] += 1
        what = f"state rule {row.number} of clinic {row.clinic_id}"
        record = rule_record(clinic=row.clinic, number=row.number, rule=row.rule, licence_types=row.types)
        yield from compare(f"{what}, what was signed", row.signature.record_sha256, canonical.sha256(record))
        yield from compare(f"{what}, clinic of its signature", row.clinic_id, row.signature.clinic_id)
        yield from about_then(f"{what}, when", row.signature.signed_at, row.decided_at)
        told = [json.loads(event.body)["record_sha256"] for event in events[str(row.pk)]]
        yield from compare(f"{what}, its event", [canonical.sha256(record)], told)
    for reread in ProtocolReread.objects.select_related("value").order_by("pk").iterator(chunk_size=500):
        checked["re-readings asked"] += 1
        yield from about_then(f"re-reading {reread.pk}, when", reread.value.decided_at, reread.asked_at)
