"""The checker's own Ed25519, and what it finds in small packs made by hand."""

import io
import random
import zipfile

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compliance.packs import check_pack
from compliance.packs.keys import PackKey
from compliance.packs.writing import PackWriter

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = {
    "test 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141"
        "438e7a100b",
    ),
    "test 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d29"
        "1612bb0c00",
    ),
    "test 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027be"
        "ceea1ec40a",
    ),
    "sha(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac9"
        "4fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1"
        "177331a704",
    ),
}
KEY = PackKey("test", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))


@pytest.mark.parametrize(("public", "message", "signature"), VECTORS.values(), ids=VECTORS)
def test_the_vectors_of_rfc_8032(public, message, signature):
    public, message, signature = (bytes.fromhex(text) for text in (public, message, signature))
    assert check_pack.verified(public, message, signature)
    assert not check_pack.verified(public, message + b"\0", signature)
    for place in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not check_pack.verified(public, message, bytes(changed))


def test_it_agrees_with_cryptography():
    drawn = random.Random(8032)
    for number in range(25):
        private = Ed25519PrivateKey.from_private_bytes(drawn.randbytes(32))
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        message = drawn.randbytes(number * 7)
        signature = bytearray(private.sign(message))
        if number % 2:
            signature[drawn.randrange(64)] ^= 1 << drawn.randrange(8)
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(bytes(signature), message)
            theirs = True
        except InvalidSignature:
            theirs = False
        assert theirs == (number % 2 == 0)
        assert check_pack.verified(public, message, bytes(signature)) == theirs


def test_a_second_spelling_of_the_same_signature_is_refused():
    """s and s + L sign alike where nobody looks: RFC 8032 asks to look."""
    public, message, signature = (bytes.fromhex(text) for text in VECTORS["test 2"])
    twin = int.from_bytes(signature[32:], "little") + check_pack.L
    assert not check_pack.verified(public, message, signature[:32] + twin.to_bytes(32, "little"))


@pytest.mark.parametrize(
    "public", [b"", b"\xff" * 32, (2).to_bytes(32, "little")], ids=["none", "too large", "no point"]
)
def test_what_is_no_key_verifies_nothing(public):
    assert not check_pack.verified(public, b"", bytes.fromhex(VECTORS["test 1"][2]))


def made(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    pack = PackWriter(out, "pack")
    for path, data in files.items():
        pack.add_whole(path, data)
    pack.finish(about={"title": "Małgorzata’s"}, site="https://training.example.com", key=KEY)
    return out.getvalue()


def test_the_same_files_give_the_same_bytes():
    assert made({"a.txt": b"one"}) == made({"a.txt": b"one"})
    assert made({"a.txt": b"one"}) != made({"a.txt": b"two"})


def checked(tmp_path, capsys, data: bytes, *more: str) -> tuple[int, str]:
    path = tmp_path / "pack.zip"
    path.write_bytes(data)
    code = check_pack.main([str(path), *more])
    return code, capsys.readouterr().out


def test_a_whole_zip_fits_and_says_what_it_cannot_know(tmp_path, capsys):
    code, said = checked(tmp_path, capsys, made({"a.txt": b"one"}))
    assert code == 0
    assert f"key {KEY.fingerprint}" in said
    assert "not known  Whose key it is." in said
    assert "https://training.example.com/packs/keys/" in said


def test_the_key_that_one_names_is_compared(tmp_path, capsys):
    data = made({"a.txt": b"one"})
    assert checked(tmp_path, capsys, data, "--key", KEY.fingerprint.lower().replace(" ", ""))[0] == 0
    code, said = checked(tmp_path, capsys, data, "--key", "0000 0000")
    assert code == 1
    assert "signed by somebody else" in said


def rezipped(data: bytes, change) -> bytes:
    """The ZIP with its entries as `change` leaves them: a list of name and bytes."""
    found = zipfile.ZipFile(io.BytesIO(data))
    rows = change([(name, found.read(name)) for name in found.namelist()])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in rows:
            archive.writestr(name, content)
    return out.getvalue()


def without(ending: str):
    return lambda rows: [row for row in rows if not row[0].endswith(ending)]


def with_(ending: str, change):
    """The file's bytes as `change` leaves them."""
    return lambda rows: [(name, change(data) if name.endswith(ending) else data) for name, data in rows]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_("a.txt", lambda _: b"two"), "a.txt was changed: its SHA-256"),
        (with_("a.txt", lambda _: b"three"), "a.txt was changed: 5 bytes in place of 3"),
        (without("a.txt"), "a.txt is missing"),
        (lambda rows: [*rows, ("pack/b.txt", b"")], "b.txt does not belong to the pack"),
        (lambda rows: [*rows, ("elsewhere.txt", b"")], "../elsewhere.txt does not belong to the pack"),
        (with_(".json", lambda text: text.replace(b"training.", b"draining.")), "signature does not fit"),
        (with_(".json", lambda _: b"{"), "manifest.json cannot be read"),
        (without("manifest.json"), "manifest.json is missing"),
        (without(".sig"), "manifest.sig is missing"),
        (with_(".sig", lambda _: b"zz"), "manifest.sig is not a signature"),
    ],
)
def test_what_was_changed_is_named(tmp_path, capsys, change, sentence):
    code, said = checked(tmp_path, capsys, rezipped(made({"a.txt": b"one"}), change))
    assert code == 1
    assert sentence in said


def test_a_zip_with_any_byte_changed_is_told_in_words(tmp_path, capsys):
    """It fits still where the byte is of no consequence, such as a time of the archive; it never ends in an error."""
    found = zipfile.ZipFile(io.BytesIO(made({"a.txt": b"one\n" * 50})))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in found.namelist():
            archive.writestr(name, found.read(name))
    whole = out.getvalue()
    codes = []
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0xFF
        codes.append(checked(tmp_path, capsys, bytes(data))[0])
    assert set(codes) <= {0, 1, 2}
    assert codes.count(1) > len(codes) // 2


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_seen(tmp_path, capsys):
    data = rezipped(made({"a.txt": b"one"}), lambda rows: [*rows, ("pack/a.txt", b"one")])
    code, said = checked(tmp_path, capsys, data)
    assert code == 1
    assert "a.txt is in the pack twice" in said


def test_a_link_is_not_a_file(tmp_path, capsys):
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(io.BytesIO(made({"a.txt": b"one"}))).extractall(folder)
    (folder / "pack/a.txt").rename(tmp_path / "a.txt")
    (folder / "pack/a.txt").symlink_to(tmp_path / "a.txt")
    assert check_pack.main([str(folder / "pack")]) == 1
    assert "a.txt is a link, not a file" in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"no archive at all"])
def test_what_is_no_pack_is_told_apart(tmp_path, capsys, data):
    assert checked(tmp_path, capsys, data)[0] == 2
