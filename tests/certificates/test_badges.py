"""Badges of certificates: off until an address is set, signed once, checked by a stranger with software that is not ours."""

import hashlib
import io
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured
from PIL import Image

from certificates import actions
from certificates.badges import baking, documents, issuing, proofs, verifying
from certificates.models import Badge, BadgeKey, BadgeSubject
from compliance import records
from compliance.management.commands.tick import PARTS
from staff import clock
from tests import factories
from tests.certificates.strangers import ADDRESS, independently, ours
from tests.certificates.test_actions import revoke

DAY = timedelta(days=1)
NEW_SEED = "0ddba11" + "0" * 57


@pytest.fixture
def paper(cast, module):
    return factories.make_finished(person=cast.aesthetician, course=module, wrong=1).certificate


@pytest.fixture
def on(db):
    with factories.badges():
        yield


@pytest.fixture
def badge(on, paper, now):
    return issuing.bake(paper)


def public_of(seed: str) -> str:
    return proofs.multikey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key())


def test_off_until_the_address_is_set(client, cast, paper):
    assert issuing.bake_waiting() == 0
    assert not BadgeKey.objects.exists()
    for path in ("/.well-known/did.json", "/badges/issuer", "/badges/status/1", f"/verify/{paper.code}/badge.png"):
        assert client.get(path).status_code == 404
    assert PARTS["badges baked"] is issuing.bake_waiting


def test_a_stranger_verifies_it_and_hears_of_its_revocation(client, cast, badge, paper, now):
    """The picture, an independent verifier and ours: genuine and valid; revoked, both say so; an altered one fails."""
    picture = client.get(f"/verify/{paper.code}/badge.png").content
    result = independently(client, picture)
    assert (result.valid, result.trusted, result.reason) == (True, True, None)
    assert ours(client, picture) == verifying.Verdict(True, "valid")

    text = baking.baked(picture)
    altered = baking.bake(picture, text.replace("Needle depth", "Laser safety"))
    assert not independently(client, altered).valid
    assert not ours(client, altered).genuine

    with clock.at(now + DAY):
        revoke(cast, paper)
        assert ours(client, picture) == verifying.Verdict(True, "revoked")
        answer = independently(client, picture)
    assert not answer.valid
    assert "revocation" in answer.reason


def test_signed_once_and_the_same_ever_after(badge, paper, now):
    with clock.at(now + 30 * DAY):
        again = issuing.bake(paper)
    assert again == badge
    assert issuing.bake_waiting() == 0
    assert badge.sha256 == hashlib.sha256(badge.credential.encode()).hexdigest()
    assert Image.open(io.BytesIO(bytes(badge.file.bytes))).size == (1600, 1131)


def test_two_at_once_store_one(on, paper, monkeypatch):
    real, inner = baking.bake, []

    def slow(picture, credential):
        if not inner:
            inner.append(None)
            inner[0] = issuing.bake(paper)
        return real(picture, credential)

    monkeypatch.setattr(baking, "bake", slow)
    assert issuing.bake(paper) == inner[0]
    assert Badge.objects.count() == 1


def test_it_says_neither_who_nor_how_well(cast, badge, paper):
    """No name, no address, no score, no attempt, nobody's licence; what it certifies and what not."""
    said = badge.credential
    secrets = ("Lindqvist", "Maya", cast.aesthetician.email, "lakeside.example", cast.aesthetician.public_id)
    secrets += (paper.attempt.public_id, paper.attempt.seal_sha256, "Aesthetician", "result", "Elena")
    for secret in secrets:
        assert secret not in said, secret
    for claim in ("Needle depth", "Not a permit to treat.", "radiofrequency not included", "Lakeside Skin Clinic"):
        assert claim in said, claim
    subject = json.loads(said)["credentialSubject"]
    identity = subject["identifier"][0]
    assert identity["identityHash"] == documents.identity_hash(cast.aesthetician.email, identity["salt"])
    assert subject["id"].startswith("urn:uuid:")


def test_places_in_the_list_are_random_and_used_once(on, cast, module, paper, monkeypatch):
    given = iter([7, 7, 99])
    monkeypatch.setattr(issuing.secrets, "randbelow", lambda most: next(given))
    other = factories.make_finished(person=cast.colleague, course=module).certificate
    places = [issuing.subject_of(row).status_index for row in (paper, other)]
    assert places == [7, 99]


def test_a_list_half_full_makes_room_for_the_next(on, cast, module, paper, monkeypatch):
    monkeypatch.setattr(issuing, "FULL", 1)
    other = factories.make_finished(person=cast.colleague, course=module).certificate
    assert [issuing.subject_of(row).status_list for row in (paper, other)] == [1, 2]


def test_status_list_is_the_same_all_day_and_changes_with_a_revocation(client, cast, badge, paper, now):
    first = client.get("/badges/status/1")
    with clock.at(now + timedelta(hours=3)):
        assert client.get("/badges/status/1").content == first.content
        revoke(cast, paper)
        assert client.get("/badges/status/1").content != first.content
    assert client.get("/badges/status/2").status_code == 404
    assert first["Cache-Control"] == "public, max-age=60"
    with clock.at(now + timedelta(hours=3)):
        again = client.get("/badges/status/1", headers={"if-none-match": first["ETag"]})
        assert again.status_code == 200, "it changed"
        unchanged = client.get("/badges/status/1", headers={"if-none-match": again["ETag"]})
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", again["ETag"])
    assert unchanged["Access-Control-Allow-Origin"] == "*"
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in first


def test_a_suspension_is_told_by_the_page_and_not_by_the_list(client, cast, badge, paper):
    """What the list says cannot be taken back."""
    actions.suspend(certificate=paper, reason_class="other", public_text="Held", private_note="", by=cast.manager)
    assert ours(client, bytes(badge.file.bytes)).standing == "valid"


def dates_of_keys(client) -> list[dict[str, str]]:
    """Of each key in the issuer's document, in both of its forms."""
    told = [
        [{name: key[name] for name in ("expires", "revoked") if name in key} for key in found["verificationMethod"]]
        for found in (client.get(url).json() for url in ("/.well-known/did.json", "/badges/issuer"))
    ]
    assert told[0] == told[1]
    return told[0]


def test_rotation_keeps_the_old_public_key(client, cast, module, badge, paper):
    """A new key signs from now on; what the old one signed still holds, though its seed is gone."""
    picture = bytes(badge.file.bytes)
    with factories.badges(BADGE_KEYS=[NEW_SEED]):
        newer = issuing.bake(factories.make_finished(person=cast.colleague, course=module).certificate)
        keys = client.get("/.well-known/did.json").json()["assertionMethod"]
        assert [key.split("#")[1] for key in keys] == [public_of(factories.BADGE_SEED), public_of(NEW_SEED)]
        assert newer.key.public == public_of(NEW_SEED)
        assert dates_of_keys(client) == [{"expires": "2027-11-02T12:00:00Z"}, {}], "when what it signed is over"
        for one in (picture, bytes(newer.file.bytes)):
            assert ours(client, one) == verifying.Verdict(True, "valid")
        assert independently(client, picture).valid


def test_a_withdrawn_key_speaks_for_nobody_and_its_badges_are_signed_anew(client, badge, paper):
    old = bytes(badge.file.bytes)
    withdrawn = public_of(factories.BADGE_SEED)
    with factories.badges(BADGE_KEYS=[NEW_SEED, factories.BADGE_SEED], BADGE_KEYS_WITHDRAWN=[withdrawn]):
        assert "does not list the key" in ours(client, old).reason
        assert client.get(f"/verify/{paper.code}/badge.json").status_code == 404
        assert issuing.bake_waiting() == 1
        new = client.get(f"/verify/{paper.code}/badge.png").content
        assert ours(client, new) == verifying.Verdict(True, "valid")
        document = client.get("/.well-known/did.json").json()
        assert withdrawn in str(document["verificationMethod"])
        assert withdrawn not in str(document["assertionMethod"])
        assert dates_of_keys(client) == [{"revoked": "2026-11-02T15:00:00Z"}, {}]
        assert client.get(f"/badges/keys/{withdrawn}").json()["revoked"] == "2026-11-02T15:00:00Z"
    with factories.badges(BADGE_KEYS_WITHDRAWN=[withdrawn]), pytest.raises(ImproperlyConfigured, match="no key"):
        issuing.signing_key()
    assert BadgeSubject.objects.count() == 1
    assert records.verify().clean


def test_the_issuers_own_documents(client, badge):
    key = public_of(factories.BADGE_SEED)
    did = client.get("/.well-known/did.json").json()
    assert did["id"] == "did:web:training.example.com"
    assert did["assertionMethod"] == [f"did:web:training.example.com#{key}"]
    profile = client.get("/badges/issuer").json()
    assert (profile["id"], profile["name"]) == (f"{ADDRESS}/badges/issuer", "Example Training")
    assert client.get(f"/badges/keys/{key}").json()["publicKeyMultibase"] == key
    assert client.get("/badges/keys/z6MkOther").status_code == 404


def test_https_issuer(client, paper, on):
    with factories.badges(BADGE_ISSUER_FORM="https"):
        credential = json.loads(issuing.bake(paper).credential)
        got = verifying.verify(
            credential,
            issuer_id=f"{ADDRESS}/badges/issuer",
            issuer_document=client.get("/badges/issuer").json(),
            status_list=client.get("/badges/status/1").json(),
            at=clock.now(),
        )
    assert got == verifying.Verdict(True, "valid")


def test_badge_as_json_and_what_there_is_none_of(client, badge, paper):
    got = client.get(f"/verify/{paper.code}/badge.json")
    assert (got.content.decode(), got["Content-Type"]) == (badge.credential, "application/vc+ld+json")
    assert json.loads(badge.credential)["id"] == f"{ADDRESS}/verify/{paper.code}/badge.json"
    for path in (f"/verify/{paper.code}/badge.svg", "/verify/0000/badge.png"):
        assert client.get(path).status_code == 404


def test_misses_are_counted_with_those_of_the_page(client, badge):
    for _ in range(60):
        assert client.get("/verify/nothing/badge.png").status_code == 404
    assert client.get("/verify/nothing/badge.png").status_code == 429
    assert client.get("/verify/nothing/").status_code == 429


def test_only_what_still_holds_is_baked(on, cast, module, paper, now):
    revoke(cast, paper)
    with clock.at(now + 366 * DAY):
        assert issuing.bake_waiting() == 0
    factories.make_finished(person=cast.colleague, course=module)
    assert issuing.bake_waiting() == 1


def test_both_pages_lead_to_the_badge_where_there_is_one(client, cast, paper):
    link = f'href="/verify/{paper.code}/badge.png"'
    assert link not in client.get(f"/verify/{paper.code}/").text
    with factories.badges():
        assert link not in client.get(f"/verify/{paper.code}/").text
        issuing.bake(paper)
        assert link in client.get(f"/verify/{paper.code}/").text
        client.force_login(cast.aesthetician)
        assert link in client.get(paper.get_absolute_url()).text
