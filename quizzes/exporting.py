"""A module as it stands on the site, written back into the files it came from.

What nobody changed keeps its bytes, comments and line breaks included: only a section that reads otherwise, an item that is
worded otherwise and a picture that was uploaded are written. `load_material` of what was written changes nothing.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from quizzes import importing, material
from quizzes.files import ItemFile, ItemReader
from quizzes.models import QuestionVersion
from staff import canonical
from training import pictures
from training.drafting import pictures_of
from training.files import ModuleFile, Reader
from training.models import Module, ModuleVersion, Picture
from training.queries import live_version, places

State = QuestionVersion.State
ITEM = re.compile(r"^- ", re.M)


class NotExported(Exception):
    """Says why the module cannot be written, and what to do."""


@dataclass
class Export:
    """Files by their name below the material's folder; `gone` are items that no file holds any more."""

    files: dict[str, bytes] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def base_of(module: Module, into: Path) -> Path:
    """The material that is written over: what lies in the folder already, else what was shipped."""
    for root in (into, material.SHIPPED):
        if (root / "facts.yaml").is_file() and (root / module.slug / "module.yaml").is_file():
            return root
    raise NotExported(f"There are no files of {module.slug} to write over, neither in {into} nor in what was shipped.")


def export(module: Module, base: Path) -> Export:
    """Every file of the module, as it would be. Raises NotExported."""
    version = live_version(module)
    if version is None:
        raise NotExported(f"{module.slug} has no published version.")
    reader = Reader(base)
    library = reader.library()
    file = reader.module(base / module.slug, library)
    items = ItemReader(reader, library).items(file) if file else []
    if file is None or reader.problems:
        said = "\n".join(str(problem) for problem in sorted(set(reader.problems)))
        raise NotExported(f"The files that would be written over are not in order:\n{said}")
    done = Export()
    for path in sorted((base / module.slug).rglob("*")):
        if path.is_file():
            done.files[str(path.relative_to(base))] = path.read_bytes()
    names = _sections(version, file, done)
    _items(module, items, names, done)
    _pictures(module, version, file, done)
    return done


def _sections(version: ModuleVersion, file: ModuleFile, done: Export) -> dict[str, str]:
    """Writes the texts; by the section's slug, what its files are called."""
    names = {section.slug: section.file for section in file.sections}
    for place in places(version):
        section = place.section_version
        if section.section.slug not in names:
            raise NotExported(f"The files have no section {section.section.slug}: module.yaml names the sections.")
        done.files[names[section.section.slug]] = section.text.encode()
    return names


def _items(module: Module, items: list[ItemFile], names: dict[str, str], done: Export) -> None:
    """An item that waits for a second person is still the one of the files; what was only proposed is none yet."""
    rows = (
        QuestionVersion.objects.filter(question__section__module=module, state__in=[State.LIVE, State.STALE])
        .select_related("question__section")
        .prefetch_related("points__key_point", "depends_on")
        .order_by("question__code")
    )
    held = {row.question.code: row for row in rows}
    known = {item.code: item for item in items}
    for code, row in held.items():
        points = [test.key_point.code for test in row.points.order_by("pk")]
        depends = sorted(item.code for item in row.depends_on.all())
        item = known.get(code)
        if (
            item
            and canonical.text(item.body) == row.body
            and {*item.points} == {*points}
            and sorted(item.depends) == depends
        ):
            continue
        written = _yaml(importing.row_of(row, points, depends))
        name = (
            item.file if item else names[row.question.section.slug].replace("/", "/questions/").replace(".md", ".yaml")
        )
        _put(done, name, code, written)
        done.items.append(code)
    for code, item in known.items():
        if code not in held:
            _put(done, item.file, code, "")
            done.gone.append(code)


def _yaml(row: dict[str, Any]) -> str:
    return yaml.safe_dump([row], sort_keys=False, allow_unicode=True, width=120)


def _put(done: Export, name: str, code: str, written: str) -> None:
    """The item in place of the one under its code, or behind the last."""
    text = done.files.get(name, b"").decode()
    starts = [match.start() for match in ITEM.finditer(text)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if yaml.safe_load(text[start:end])[0].get("code") == code:
            done.files[name] = (text[:start] + written + text[end:]).encode()
            return
    done.files[name] = (text + written).encode()


def _pictures(module: Module, version: ModuleVersion, file: ModuleFile, done: Export) -> None:
    """Uploaded pictures that a live section shows: the file, and its entry in module.yaml."""
    listed = {row["code"] for row in file.data.get("pictures", [])}
    shown = Picture.objects.filter(sectionversion__places__module_version=version).exclude(file=None).values("pk")
    kept = pictures_of(module, version)
    for row in Picture.objects.filter(pk__in=shown).select_related("file").order_by("code"):
        assert row.file is not None
        suffix = pictures.SUFFIXES[row.file.media_type]
        done.files[f"{module.slug}/pictures/{row.code}.{suffix}"] = bytes(row.file.bytes)
        if row.code not in listed and kept[row.code].pk == row.pk:
            name = f"{module.slug}/module.yaml"
            done.files[name] = _with_picture(done.files[name].decode(), row).encode()


def _with_picture(text: str, row: Picture) -> str:
    """module.yaml with one more entry at the end of its pictures, indented as the others are."""
    entry: dict[str, Any] = {
        "code": row.code,
        "title": row.title,
        "caption": row.caption,
        "scale": row.to_scale,
        "cites": json.loads(row.cites),
        "words": row.words,
    }
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines) if re.match(r"pictures:", line)), None)
    if start is None:
        start = next(n for n, line in enumerate(lines) if line.startswith("sections:"))
        lines.insert(start, "pictures:")
    elif lines[start].strip() != "pictures:":
        lines[start] = "pictures:"  # it was an empty list
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"[a-z]", lines[n])), len(lines))
    entries = (line for line in lines[start + 1 : end] if line.lstrip().startswith("- "))
    first = next(entries, "- ")
    indent = first[: len(first) - len(first.lstrip())]
    written = [f"{indent}{line}".rstrip() for line in _yaml(entry).splitlines()]
    return "\n".join([*lines[:end], *written, *lines[end:]]) + "\n"


def write(done: Export, into: Path) -> list[str]:
    """Writes what differs; the names of the files that did."""
    changed = []
    for name, data in done.files.items():
        path = into / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            changed.append(name)
    return changed
