#!/usr/bin/env python3
"""Checks a pack of training records: python3 check_pack.py [FOLDER or ZIP] [--key "FINGERPRINT"]

Needs Python 3.7 or newer and nothing else: no network, no package. Without a name it checks the folder it lies in. It says
what it looked at, what fits, what does not, and what it cannot know. Exit code 0: everything it could check fits; 1: something
does not; 2: there is no pack to check.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import zipfile
import zlib
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

FORMATS = ("pinpoint-pack-1",)
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CHUNK = 1 << 20
MOST_NAMED = 20
# What a file that is not whole, on the disk or within a ZIP, answers with.
NOT_WHOLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)

# Ed25519 as in RFC 8032, verification only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # a square root of -1
Point = Tuple[int, int, int, int]  # extended coordinates: X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z


def recovered_x(y: int, sign: int) -> Optional[int]:
    """The x of the point with this y, even or odd as the sign says; None where the curve has no such point."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


def added(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor: int, point: Point) -> Point:
    found: Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = added(found, point)
        point = added(point, point)
        factor >>= 1
    return found


def encoded(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


def decoded(data: bytes) -> Optional[Point]:
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    x = recovered_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recovered_x(BASE_Y, 0) or 0
BASE: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature of the message was made with the private half of this public key."""
    if len(public) != 32 or len(signature) != 64:
        return False
    point = decoded(public)
    s = int.from_bytes(signature[32:], "little")
    if point is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus: Point = (P - point[0], point[1], point[2], P - point[3])
    return encoded(added(times(s, BASE), times(k, minus))) == signature[:32]


def fingerprint(public: bytes) -> str:
    """The first 160 bits of the key's SHA-256, as a person compares them."""
    text = hashlib.sha256(public).hexdigest()[:40].upper()
    return " ".join(text[place : place + 4] for place in range(0, 40, 4))


class Files:
    """The pack's files by the names that its manifest uses, from a folder or from within a ZIP."""

    def __init__(self, where: str) -> None:
        self.twice: List[str] = []
        self.odd: List[str] = []
        self.zip = None if os.path.isdir(where) else zipfile.ZipFile(where)
        self.names: Dict[str, str] = {}
        for name, real in self._in_zip(self.zip) if self.zip else self._in_folder(where):
            if name in self.names:
                self.twice.append(name)
            self.names[name] = real

    def _in_zip(self, archive: zipfile.ZipFile) -> Iterator[Tuple[str, str]]:
        found = [name for name in archive.namelist() if not name.endswith("/")]
        tops = [name[: -len(MANIFEST)] for name in found if name.endswith(MANIFEST) and name.count("/") <= 1]
        top = tops[0] if tops else ""
        for name in found:
            yield (name[len(top) :] if name.startswith(top) else "../" + name), name

    def _in_folder(self, folder: str) -> Iterator[Tuple[str, str]]:
        for where, inside, found in os.walk(folder):
            inside.sort()
            for name in sorted([*found, *(one for one in inside if os.path.islink(os.path.join(where, one)))]):
                path = os.path.join(where, name)
                shown = os.path.relpath(path, folder).replace(os.sep, "/")
                if os.path.islink(path) or not os.path.isfile(path):
                    self.odd.append(shown)
                yield shown, path

    def opened(self, name: str) -> BinaryIO:
        real = self.names[name]
        return self.zip.open(real) if self.zip else open(real, "rb")  # type: ignore[return-value]

    def read(self, name: str) -> bytes:
        with self.opened(name) as file:
            return file.read()

    def digest(self, name: str) -> Tuple[int, str]:
        """Size and SHA-256, a piece at a time."""
        size, found = 0, hashlib.sha256()
        with self.opened(name) as file:
            for piece in iter(lambda: file.read(CHUNK), b""):
                size += len(piece)
                found.update(piece)
        return size, found.hexdigest()


class Report:
    """What was found, in the order of looking."""

    def __init__(self) -> None:
        self.wrong = 0

    def fits(self, sentence: str) -> None:
        self._say("fits     ", sentence)

    def differs(self, sentence: str) -> None:
        self.wrong += 1
        if self.wrong <= MOST_NAMED:
            self._say("DIFFERS  ", sentence)

    def cannot(self, sentence: str) -> None:
        self._say("not known", sentence)

    def _say(self, word: str, sentence: str) -> None:
        line = word + "  " + sentence
        encoding = sys.stdout.encoding or "ascii"
        print(line.encode(encoding, "backslashreplace").decode(encoding))


def check(files: Files, report: Report, key: str = "") -> None:
    if MANIFEST not in files.names:
        report.differs(MANIFEST + " is missing, so nothing says what belongs to the pack.")
        return
    try:
        text = files.read(MANIFEST)
    except NOT_WHOLE as error:
        report.differs(MANIFEST + " cannot be read (" + type(error).__name__ + "): it is not as it was made.")
        return
    manifest = read_manifest(text, report)
    if manifest is None:
        return
    check_signature(files, text, manifest, report, key)
    check_files(files, manifest, report)
    if not report.wrong:
        check_papers(files, report)
        check_chain(files, report)
    say_limits(manifest, report, key)


def read_manifest(text: bytes, report: Report) -> Optional[Dict[str, Any]]:
    try:
        manifest = json.loads(text.decode("utf-8"))
        known = manifest["format"] in FORMATS
        listed = [(row["path"], row["bytes"], row["sha256"]) for row in manifest["files"]]
        bytes.fromhex(manifest["key"]["public"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        report.differs(MANIFEST + " cannot be read (" + type(error).__name__ + "): it is not as it was made.")
        return None
    if not known:
        report.differs("The pack's format is " + str(manifest["format"])[:40] + ", which this checker does not know.")
        return None
    if len({path for path, _, _ in listed}) != len(listed):
        report.differs(MANIFEST + " lists a file twice.")
    about = manifest.get("about", {})
    print("Pack:      " + ascii_of(about.get("title", "")))
    print("Facts of:  " + ascii_of(about.get("range", "")))
    print("Made:      " + ascii_of(about.get("made_at", "")) + " by " + ascii_of(about.get("made_by", "")))
    print()
    found: Dict[str, Any] = manifest
    return found


def ascii_of(value: object) -> str:
    """Names in any script, for a screen that may know ASCII alone."""
    encoding = sys.stdout.encoding or "ascii"
    return str(value).encode(encoding, "backslashreplace").decode(encoding)


def check_signature(files: Files, text: bytes, manifest: Dict[str, Any], report: Report, key: str) -> None:
    public = bytes.fromhex(manifest["key"]["public"])
    shown = fingerprint(public)
    try:
        signature = bytes.fromhex(files.read(SIGNATURE).decode("ascii").strip())
    except KeyError:
        report.differs(SIGNATURE + " is missing: the manifest is not signed.")
        return
    except NOT_WHOLE:
        report.differs(SIGNATURE + " is not a signature.")
        return
    if verified(public, text, signature):
        report.fits("The manifest's signature was made with the key " + shown + ".")
    else:
        report.differs(MANIFEST + " or " + SIGNATURE + " was changed: the signature does not fit the manifest.")
    if key:
        if letters(key) == letters(shown):
            report.fits("That is the key you named.")
        else:
            report.differs("The key is not the one you named: the pack was signed by somebody else.")


def letters(text: str) -> str:
    return "".join(text.split()).upper()


def check_files(files: Files, manifest: Dict[str, Any], report: Report) -> None:
    listed = {str(row["path"]): row for row in manifest["files"]}
    before = report.wrong
    for path in sorted(listed):
        row = listed[path]
        if path not in files.names:
            report.differs(path + " is missing.")
            continue
        if path in files.odd:
            continue
        try:
            size, found = files.digest(path)
        except NOT_WHOLE as error:
            report.differs(path + " cannot be read (" + type(error).__name__ + ").")
            continue
        if size != row["bytes"]:
            report.differs(path + " was changed: " + str(size) + " bytes in place of " + str(row["bytes"]) + ".")
        elif found != row["sha256"]:
            report.differs(path + " was changed: its SHA-256 is another.")
    for path in sorted(set(files.names) - set(listed) - {MANIFEST, SIGNATURE}):
        report.differs(path + " does not belong to the pack: the manifest does not list it.")
    for path in files.twice:
        report.differs(path + " is in the pack twice.")
    for path in files.odd:
        report.differs(path + " is a link, not a file.")
    if report.wrong == before:
        report.fits("All " + str(len(listed)) + " files are there, each byte for byte, and no other.")


def rows_of(files: Files, slug: str) -> List[Dict[str, Any]]:
    name = "tables/" + slug + ".json"
    if name not in files.names:
        return []
    found: List[Dict[str, Any]] = json.loads(files.read(name).decode("utf-8"))["rows"]
    return found


def check_papers(files: Files, report: Report) -> None:
    """Each certificate's PDF against the hash that its line in the table carries."""
    rows = [row for row in rows_of(files, "certificates") if row["file"]]
    wrong = 0
    for row in rows:
        if row["file"] not in files.names or files.digest(row["file"])[1] != row["file_sha256"]:
            wrong += 1
            report.differs(str(row["file"]) + " is not the paper that tables/certificates.json names.")
    if rows and not wrong:
        report.fits("All " + str(len(rows)) + " certificates are the papers that the table names.")


def check_chain(files: Files, report: Report) -> None:
    """Events that stand next to each other in the audit trail: each must name the hash of the one before."""
    rows = sorted(rows_of(files, "audit"), key=lambda row: (str(row["clinic"]), int(row["seq"])))
    linked = 0
    for before, after in zip(rows, rows[1:]):
        if before["clinic"] != after["clinic"] or before["seq"] + 1 != after["seq"]:
            continue
        linked += 1
        if after["prev_hash"] != before["hash"]:
            report.differs("Event " + str(after["seq"]) + " of the audit trail does not follow the one before it.")
            return
    if rows:
        report.fits(
            str(len(rows))
            + " events of the audit trail, "
            + str(linked)
            + " of them linked to the event before by its hash."
        )


def say_limits(manifest: Dict[str, Any], report: Report, key: str) -> None:
    """What nobody can read off the pack alone."""
    about, site = manifest.get("about", {}), str(manifest.get("site", ""))
    print()
    if not key:
        report.cannot(
            "Whose key it is. The pack brings its own key, so that alone proves only that the pack fits together. Open "
            + ascii_of(site)
            + "/packs/keys/ (type the address you know, not a link from the pack) and compare the fingerprint, or give it "
            "to this checker with --key."
        )
    report.cannot(
        "Whether this checker is ours. It came with the pack: the same is at "
        + ascii_of(site)
        + "/packs/check_pack.py."
    )
    report.cannot(
        "What changed since "
        + ascii_of(about.get("facts_at", ""))
        + ". Whether a certificate holds today is at "
        + ascii_of(site)
        + "/verify/, by the code on the paper."
    )
    report.cannot(
        "Whether what was recorded is true of the world, or whether it is all that an inspector may ask of an employer."
    )


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Check a pack of training records.")
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("pack", nargs="?", default=here, help="the unpacked folder or the ZIP; this folder unless told")
    parser.add_argument("--key", default="", help="the fingerprint that the site shows, to compare with")
    asked = parser.parse_args(arguments)
    report = Report()
    try:
        files = Files(asked.pack)
    except NOT_WHOLE:
        print("There is no folder and no whole ZIP at " + ascii_of(asked.pack) + ".")
        return 2
    check(files, report, asked.key)
    print()
    if report.wrong:
        print(
            "NOT AS IT WAS MADE: " + str(report.wrong) + " found. Do not rely on this pack; ask the clinic for another."
        )
        return 1
    print('AS IT WAS MADE, as far as this checker can know. Read the lines that say "not known".')
    return 0


if __name__ == "__main__":
    sys.exit(main())
