"""A module's folder, or the whole material, as a ZIP: taken out only where it can do no harm."""

import io
import stat
import zipfile
from pathlib import Path, PurePosixPath

from quizzes.exchange.base import Unreadable
from staff.archives import NOT_WHOLE, is_ordinary

MOST_FILES = 400
MOST_BYTES = 20_000_000
MOST_RATIO = 200
ENDINGS = {".md", ".yaml", ".svg", ".png", ".jpg", ".webp"}


def names(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in it. Raises Unreadable where one could reach outside, swell, or is not of the material."""
    files = [info for info in archive.infolist() if not info.is_dir()]
    if len(files) > MOST_FILES:
        raise Unreadable(f"The ZIP holds {len(files)} files; a module has at most {MOST_FILES}.")
    if sum(info.file_size for info in files) > MOST_BYTES:
        raise Unreadable(f"Unpacked the ZIP would have more than {MOST_BYTES // 1_000_000} MB.")
    for info in files:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in info.filename or ":" in info.filename:
            raise Unreadable(f"The ZIP holds a file that reaches outside it: {info.filename[:80]}.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise Unreadable(f"The ZIP holds a link, {info.filename[:80]}, where a file must be.")
        if info.flag_bits & 1:
            raise Unreadable("The ZIP is encrypted. Send it open.")
        if not is_ordinary(info):
            raise Unreadable(f"{info.filename[:80]} is packed in an uncommon way. Pack it as an ordinary ZIP.")
        if path.suffix not in ENDINGS:
            raise Unreadable(f"The ZIP holds {info.filename[:80]}; the material has {', '.join(sorted(ENDINGS))} only.")
        if info.file_size > MOST_RATIO * max(1, info.compress_size):
            raise Unreadable(f"{info.filename[:80]} swells more than {MOST_RATIO} times when unpacked.")
    return files


def contents(data: bytes) -> dict[str, bytes]:
    """Path and bytes of each file. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The ZIP has more than {MOST_BYTES // 1_000_000} MB.")
    found: dict[str, bytes] = {}
    left = MOST_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in names(archive):
                with archive.open(info) as file:
                    found[info.filename] = file.read(left + 1)
                left -= len(found[info.filename])
                if left < 0:
                    raise Unreadable(f"Unpacked the ZIP has more than {MOST_BYTES // 1_000_000} MB.")
    except NOT_WHOLE:
        raise Unreadable("The file is not a whole ZIP.") from None
    return found


def unpack(data: bytes, folder: Path) -> Path:
    """Into the folder; back comes the place where the material begins. Raises Unreadable."""
    found = contents(data)
    for name, content in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    modules = sorted(path.parent for path in folder.rglob("module.yaml"))
    if not modules:
        raise Unreadable("There is no module.yaml in the ZIP.")
    return modules[0].parent


def items_of(data: bytes) -> str:
    """The items of all question files as one list, as `ours` reads it. Raises Unreadable."""
    texts = []
    for name, content in sorted(contents(data).items()):
        path = PurePosixPath(name)
        if path.suffix == ".yaml" and path.parent.name == "questions":
            texts.append(content.decode("utf-8", "replace").strip())
    if not texts:
        raise Unreadable("There is no file of questions in the ZIP.")
    return "\n".join(texts) + "\n"


def packed(files: dict[str, bytes]) -> bytes:
    """The same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
