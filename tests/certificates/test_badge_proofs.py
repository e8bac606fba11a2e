"""Signing and checking, against published examples and against every change that could be tried."""

import copy
import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from certificates.badges import baking, documents, proofs, verifying
from certificates.badges.proofs import Unprovable

PUBLISHED = Path(__file__).parent / "published"
ISSUER = documents.Issuer(address="https://training.example.com", name="Example Training")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = proofs.multikey(KEY.public_key())
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HELD = documents.Holding(
    code="K7QF2M9XTR4W8HNP3VCDJ",
    kind="knowledge",
    title="Needle depth",
    statement="has passed the knowledge quiz in",
    disclaimer="Knowledge quiz completed, unproctored. Not a permit to treat.",
    scope="Mechanical microneedling; radiofrequency not included",
    rule_line="Rule: 12 of 15 right and every safety-critical question right.",
    module_slug="needle-depth",
    module_version="1",
    clinic_id="c1",
    clinic_name="Lakeside Skin Clinic",
    issued_at=datetime(2026, 11, 2, 15, 0, 0, 5, tzinfo=UTC),
    valid_from_on=date(2026, 11, 2),
    valid_until_on=date(2027, 11, 1),
    zone="America/Denver",
    subject="urn:uuid:58172aac-d8ba-4ed8-b3dd-0b3aef56cc33",
    identity_hash=documents.identity_hash("maya@lakeside.example", "salt"),
    salt="salt",
    status_list=1,
    status_index=4711,
)


def read(name: str):
    return json.loads((PUBLISHED / name).read_text(encoding="utf-8"))


def signed(document, key=KEY, method=""):
    return proofs.sign(document, key=key, method=method or ISSUER.method(PUBLIC), created="2026-11-02T15:00:00Z")


@pytest.fixture(scope="module")
def badge():
    return signed(documents.credential(ISSUER, HELD))


def own_document(*, withdrawn=()):
    return documents.did_document(ISSUER, keys=[PUBLIC], withdrawn=withdrawn, ends={})


def status(*, places=(), number=1, key=KEY, day=datetime(2026, 11, 20, tzinfo=UTC)):
    return signed(documents.status_list(ISSUER, number=number, withdrawn=places, day=day), key)


def verdict(document, **changes):
    given = {"issuer_id": ISSUER.id, "issuer_document": own_document(), "status_list": status(), "at": AT} | changes
    return verifying.verify(document, **given)


# Published examples


def test_w3c_vectors(monkeypatch):
    """Every step of the suite as the recommendation prints it: canonical form, both hashes, the key, the signature."""
    example = {"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}}
    real = proofs._context
    monkeypatch.setitem(proofs.CONTEXTS, "https://www.w3.org/ns/credentials/examples/v2", "")
    monkeypatch.setattr(proofs, "_context", lambda url: example if "examples" in url else real(url))
    document = read("w3c/signedDataInt.json")
    bare = {name: value for name, value in document.items() if name != "proof"}
    options = {name: value for name, value in document["proof"].items() if name != "proofValue"}
    assert proofs.canonical(bare).decode() == (PUBLISHED / "w3c/canonDocDataInt.txt").read_text()
    both = proofs.hash_data(bare, options).hex()
    assert (
        both
        == (PUBLISHED / "w3c/proofHashDataInt.txt").read_text() + (PUBLISHED / "w3c/docHashDataInt.txt").read_text()
    )
    pair = read("w3c/keyPair.json")
    key = Ed25519PrivateKey.from_private_bytes(proofs.unbase58(pair["privateKeyMultibase"][1:])[2:])
    assert proofs.multikey(key.public_key()) == pair["publicKeyMultibase"]
    again = proofs.sign(bare, key=key, method=options["verificationMethod"], created=options["created"])
    assert again["proof"] == [document["proof"]]
    proofs.check(document, key=key.public_key())


def of_1edtech(name: str):
    """A published badge, and the document its issuer would publish."""
    document = read(f"1edtech/{name}.json")
    method = proofs.proof_of(document)["verificationMethod"]
    issuer = document["issuer"]["id"]
    row = {"id": method, "type": "Multikey", "controller": issuer, "publicKeyMultibase": method.partition("#")[2]}
    listed = {"id": issuer, "verificationMethod": [row], "assertionMethod": [method]}
    return verifying.verify(document, issuer_id=issuer, issuer_document=listed, status_list=None, at=AT)


@pytest.mark.parametrize(
    ("name", "standing"),
    [
        ("simple", "valid"),
        ("simple-did-web-method", "valid"),
        ("simple-err-expired", "expired"),
        ("simple-err-issued", "not-yet-valid"),
    ],
)
def test_published_badges_are_genuine(name, standing):
    assert of_1edtech(name) == verifying.Verdict(True, standing)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("simple-err-proof-value", "does not fit"),
        ("simple-err-proof-method", "Ed25519"),
        ("simple-err-type", "not an Open Badge"),
        ("simple-err-context", "validFrom"),  # a context that knows of none
    ],
)
def test_published_faults_are_found(name, reason):
    got = of_1edtech(name)
    assert not got.genuine
    assert reason in got.reason


@pytest.mark.parametrize("name", ["simple-noproof", "simple-multiple-proofs"])
def test_published_without_exactly_one_proof(name):
    with pytest.raises(Unprovable, match="exactly one proof"):
        proofs.proof_of(read(f"1edtech/{name}.json"))


def test_what_is_no_document_at_all():
    for nonsense in (None, [], "badge", 7, {"type": {}}, {"type": [[]]}):
        assert not verdict(nonsense).genuine


def test_published_without_an_issuer():
    got = verdict(read("1edtech/simple-err-issuer.json"))
    assert (got.genuine, got.reason) == (False, "it names no issuer")


def test_published_status_list():
    """Bit 23, counted from the left, is set, and no other near it."""
    text = read("1edtech/testlist.json")["credentialSubject"]["encodedList"]
    place = int(read("1edtech/credential-status-revoked.json")["credentialStatus"]["statusListIndex"])
    assert [n for n in range(64) if documents.is_withdrawn(text, n)] == [place] == [23]


def test_published_picture_is_read_as_it_is_baked():
    """Same keyword, flags and place as the standard's own example."""
    theirs = (PUBLISHED / "1edtech/simple-json.png").read_bytes()
    assert json.loads(baking.baked(theirs))["id"] == "http://example.com/credentials/3527"
    ours = baking.bake(theirs, '{"a": "é"}')
    assert baking.baked(ours) == '{"a": "é"}'
    names = [name for name, _ in baking._chunks(ours)]
    assert names.count(b"iTXt") == 1
    assert names.index(b"IHDR") < names.index(b"iTXt") < names.index(b"IDAT")
    assert baking.baked((PUBLISHED / "1edtech/simple-jwt.png").read_bytes()).startswith("ey")


def test_published_schema(badge):
    """The official schema finds nothing, and does find what it is known to find."""
    schema = jsonschema.Draft201909Validator(read("1edtech/achievementcredential_schema.json"))
    assert list(schema.iter_errors(badge)) == []
    for path in (
        ("issuer",),
        ("credentialSubject", "achievement", "id"),
        ("credentialSubject", "achievement", "criteria"),
        ("validFrom",),
    ):
        broken = copy.deepcopy(badge)
        inner = broken
        for name in path[:-1]:
            inner = inner[name]
        del inner[path[-1]]
        assert list(schema.iter_errors(broken)), path
    assert list(schema.iter_errors({**badge, "proof": badge["proof"][0]}))


@pytest.mark.parametrize(("name", "digest"), [("credentials-v2", "59955ced"), ("open-badges-3.0.3", "3d34f4d4")])
def test_contexts_are_as_published(name, digest):
    kept = Path(proofs.__file__).parent / "contexts" / f"{name}.json"
    assert hashlib.sha256(kept.read_bytes()).hexdigest().startswith(digest)


def test_the_standards_own_identity_hash():
    expected = "sha256$b5809d8a92f8858436d7e6b87c12ebc0ae1eac4baecc2c0b913aee2c922ef399"
    assert documents.identity_hash("a@example.com", "Kosher") == expected


# Our own


def test_genuine_and_valid(badge):
    assert verdict(badge) == verifying.Verdict(True, "valid")


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def changed(document, path, value):
    made = copy.deepcopy(document)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return made


def test_any_change_is_found_and_named(badge):
    """Each value of the badge in turn, one letter longer."""
    tried = list(leaves(badge))
    assert len(tried) > 35
    for path in tried:
        value = badge
        for step in path:
            value = value[step]
        other = changed(badge, path, (not value) if isinstance(value, bool) else f"{value}x")
        assert not verdict(other).genuine, path
        assert len(verifying.differences(badge, other)) == 1


@pytest.mark.parametrize(
    "path", [("note",), ("credentialSubject", "score"), ("credentialSubject", "achievement", "level")]
)
def test_what_the_context_does_not_know_is_no_part_of_a_genuine_badge(badge, path):
    """JSON-LD drops it, so the signature still fits; a reader would see it all the same."""
    got = verdict(changed(badge, path, "Treats without supervision"))
    assert not got.genuine
    assert "no proof would cover" in got.reason


def test_a_key_that_the_issuer_does_not_list_counts_for_nothing(badge):
    """Not the one that its own address spells out, not one whose document names another controller, not a withdrawn one."""
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    spelled = f"{ISSUER.did}#{proofs.multikey(thief.public_key())}"
    forged = signed(documents.credential(ISSUER, HELD), key=thief, method=spelled)
    assert "does not list the key" in verdict(forged).reason
    brought = f"did:key:{proofs.multikey(thief.public_key())}"
    assert (
        "does not list the key" in verdict(signed(documents.credential(ISSUER, HELD), key=thief, method=brought)).reason
    )
    assert "does not fit" in verdict(signed(documents.credential(ISSUER, HELD), key=thief)).reason
    assert "does not list the key" in verdict(badge, issuer_document=own_document(withdrawn=[PUBLIC])).reason
    foreign = own_document()
    foreign["verificationMethod"][0]["controller"] = "did:web:thief.example"
    assert "does not hold the key" in verdict(badge, issuer_document=foreign).reason
    assert (
        "about somebody else"
        in verdict(badge, issuer_document={**own_document(), "id": "did:web:thief.example"}).reason
    )


def test_another_issuer_is_not_ours(badge):
    elsewhere = documents.Issuer(address="https://thief.example", name="Example Training")
    got = verdict(signed(documents.credential(elsewhere, HELD)))
    assert got.reason == "another issuer is named in it"


def test_https_form_names_and_finds_its_key():
    plain = documents.Issuer(address=ISSUER.address, name=ISSUER.name, form="https")
    made = signed(documents.credential(plain, HELD), method=plain.method(PUBLIC))
    listed = documents.issuer_profile(plain, keys=[PUBLIC], withdrawn=[], ends={})
    lists = signed(documents.status_list(plain, number=1, withdrawn=[], day=AT), method=plain.method(PUBLIC))
    got = verdict(made, issuer_id=plain.id, issuer_document=listed, status_list=lists)
    assert (plain.id, got) == ("https://training.example.com/badges/issuer", verifying.Verdict(True, "valid"))
    assert documents.key_document(plain, PUBLIC, {})["controller"] == plain.id


def test_did_of_a_host_with_a_port():
    assert documents.Issuer(address="https://localhost:8443", name="").did == "did:web:localhost%3A8443"


@pytest.mark.parametrize(
    ("at", "standing"),
    [
        (datetime(2026, 11, 2, 6, 59, 59, tzinfo=UTC), "not-yet-valid"),  # a second before midnight in Denver
        (datetime(2026, 11, 2, 7, 0, tzinfo=UTC), "valid"),
        (datetime(2027, 11, 2, 5, 59, 59, tzinfo=UTC), "valid"),
        (datetime(2027, 11, 2, 6, 0, tzinfo=UTC), "expired"),
    ],
)
def test_days_are_the_clinics(badge, at, standing):
    day = at.replace(hour=0, minute=0, second=0)
    assert verdict(badge, at=at, status_list=status(day=day)).standing == standing


def test_revoked_even_after_its_end(badge):
    late = datetime(2028, 1, 1, tzinfo=UTC)
    assert verdict(badge, status_list=status(places=[4711])).standing == "revoked"
    assert verdict(badge, at=late, status_list=status(places=[4711], day=late)).standing == "revoked"
    assert verdict(badge, status_list=status(places=[4710, 4712])).standing == "valid"


def test_without_a_list_that_holds_the_standing_is_unknown(badge):
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))
    emptied = changed(status(places=[4711]), ("credentialSubject", "encodedList"), documents.encoded([]))
    for nothing in (
        None,
        {},
        status(number=2),
        status(key=thief),
        emptied,
        status(day=datetime(2026, 11, 17, tzinfo=UTC)),
    ):
        assert verdict(badge, status_list=nothing) == verifying.Verdict(True, "unknown")


def test_the_list_is_as_long_as_the_standard_asks_and_the_same_again():
    assert documents.encoded([3, 131071]) == documents.encoded([131071, 3])
    assert [documents.is_withdrawn(documents.encoded([0, 9]), n) for n in (0, 1, 8, 9)] == [True, False, False, True]
    assert documents.is_withdrawn(documents.encoded([]), documents.LIST_LENGTH)


def nested(depth: int):
    return {"deeper": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"@context": ["https://thief.example/context"]}, "not kept here"),
        ({"@context": [{"name": "https://thief.example/name"}]}, "not kept here"),
        ({}, "not kept here"),
        ({"evidence": [{"type": ["Evidence"], "name": f"{n}"} for n in range(20)]}, "told apart"),
        ({"evidence": [{"id": f"_:b{n}", "type": ["Evidence"]} for n in range(4)]}, "told apart"),
        ({"evidence": [{"id": f"urn:{n}"} for n in range(100)]}, "more objects"),
        ({"evidence": nested(30)}, "deeper"),
        ({"description": "x" * 70_000}, "too large"),
        ({"issuer": {"@context": ["https://www.w3.org/ns/credentials/v2"], "id": "urn:x"}}, "context of its own"),
    ],
)
def test_what_would_be_dear_to_look_at_is_refused_unread(document, reason, monkeypatch):
    monkeypatch.setattr(proofs.jsonld, "normalize", lambda *_: pytest.fail("it was canonicalised"))
    base = {} if document == {} else {"@context": [proofs.CREDENTIALS, proofs.OPEN_BADGES]}
    with pytest.raises(Unprovable, match=reason):
        proofs.canonical(base | document)


def test_no_context_is_fetched():
    with pytest.raises(proofs.jsonld.JsonLdError):
        proofs._from_files("https://www.w3.org/ns/odrl.jsonld", {})


@pytest.mark.parametrize("text", ["z6Mk", "z" + "1" * 48, "u" + "A" * 43, "z0OIl" + "A" * 44, ""])
def test_a_key_that_is_none(text):
    with pytest.raises(Unprovable):
        proofs.public_key(text)


def test_pictures_that_are_not_whole():
    picture = (PUBLISHED / "1edtech/simple-json.png").read_bytes()
    for broken, reason in (
        (picture[:5000], "damaged"),
        (picture[:200] + b"!" + picture[201:], "damaged"),
        (b"%PDF-1.7", "not a PNG"),
    ):
        with pytest.raises(baking.Unreadable, match=reason):
            baking.baked(broken)


def test_two_badges_in_one_picture_are_refused():
    picture = baking.bake((PUBLISHED / "1edtech/simple-json.png").read_bytes(), "{}")
    at = picture.index(b"iTXt") - 4
    length = 12 + int.from_bytes(picture[at : at + 4])
    with pytest.raises(baking.Unreadable, match="more than one"):
        baking.baked(picture[: at + length] + picture[at : at + length] + picture[at + length :])
