"""The ZIP of a pack, written in one go to whatever takes bytes, with the hash of each file; the signed manifest comes last.

The same files give the same bytes: no clock, no order of the disk, nothing of the machine is in it.
"""

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Protocol

from compliance.packs.check_pack import FORMATS, MANIFEST, SIGNATURE
from compliance.packs.keys import PackKey

FORMAT = FORMATS[-1]
NO_TIME = (1980, 1, 1, 0, 0, 0)
IN_MEMORY = 4 * 1024 * 1024  # of one table, before it goes to a temporary file
CHUNK = 256 * 1024
COMPRESSED = (".pdf", ".zip", ".png")


class Taker(Protocol):
    def write(self, data: bytes, /) -> object: ...


class _OneWay:
    """Hides that a file can seek: the bytes are then the same, wherever they go."""

    def __init__(self, out: Taker) -> None:
        self.out = out
        self.sha256 = sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.out.write(data)
        self.sha256.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """There is nothing to flush."""


@dataclass(frozen=True)
class Made:
    """What came of it: of the whole ZIP, and of the manifest, which names the hash of everything in it."""

    size: int
    sha256: str
    manifest_sha256: str
    files: int


class PackWriter:
    """`folder`: everything lies in it, so that unpacking never spills."""

    def __init__(self, out: Taker, folder: str) -> None:
        self.out = _OneWay(out)
        self.zip = zipfile.ZipFile(self.out, "w", zipfile.ZIP_DEFLATED, compresslevel=6)  # type: ignore[call-overload]
        self.folder = folder
        self.files: list[dict[str, Any]] = []

    def add(self, path: str, pieces: Iterable[bytes]) -> None:
        size, sum_ = 0, sha256()
        with self._entry(path) as entry:
            for piece in pieces:
                entry.write(piece)
                sum_.update(piece)
                size += len(piece)
        self.files.append({"path": path, "bytes": size, "sha256": sum_.hexdigest()})

    def add_whole(self, path: str, data: bytes | str) -> None:
        self.add(path, [data.encode() if isinstance(data, str) else data])

    @contextmanager
    def _entry(self, path: str) -> Iterator[IO[bytes]]:
        info = zipfile.ZipInfo(f"{self.folder}/{path}", NO_TIME)
        info.create_system = 3  # Unix: so that the permissions beneath mean something everywhere
        info.external_attr = 0o644 << 16
        info.compress_type = zipfile.ZIP_STORED if path.endswith(COMPRESSED) else zipfile.ZIP_DEFLATED
        with self.zip.open(info, "w") as entry:
            yield entry

    def finish(self, *, about: dict[str, Any], site: str, key: PackKey) -> Made:
        """Write manifest and signature, and close."""
        manifest = {
            "format": FORMAT,
            "about": about,
            "site": site,
            "key": {"name": key.name, "public": key.public.hex(), "fingerprint": key.fingerprint},
            "files": sorted(self.files, key=lambda row: str(row["path"])),
        }
        text = (json.dumps(manifest, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
        with self._entry(MANIFEST) as entry:
            entry.write(text)
        with self._entry(SIGNATURE) as entry:
            entry.write(key.private.sign(text).hex().encode() + b"\n")
        self.zip.close()
        return Made(self.out.size, self.out.sha256.hexdigest(), sha256(text).hexdigest(), len(self.files))


class Kept:
    """Bytes that wait for their turn in the ZIP: in memory while they are few, else in a file that is nowhere listed."""

    def __enter__(self) -> "Kept":
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)
        return self

    def __exit__(self, *failure: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data)

    def pieces(self) -> Iterator[bytes]:
        self.file.seek(0)
        return iter(lambda: self.file.read(CHUNK), b"")
