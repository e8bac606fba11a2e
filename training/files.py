"""The material's folder, read and checked. Nothing here touches the database: files in, frozen records or problems out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from staff.access import LEARNING_ROLES
from training import glossary, markdown, numbers
from training.glossary import Word

LEAST_WORDS, MOST_WORDS = 250, 450
LEAST_POINTS, MOST_POINTS = 3, 6
RENEWALS = ("full", "missed")
RASTER = (".png", ".jpg")
FORBIDDEN_SVG = re.compile(
    r"<(script|style|image|foreignObject)|\s(style|on\w+)\s*=|javascript:|data:|<!DOCTYPE|<!ENTITY", re.I
)


@dataclass(frozen=True, order=True)
class Problem:
    """Where, and what is wrong with the way out."""

    file: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


@dataclass(frozen=True)
class PictureFile:
    code: str
    title: str
    caption: str
    words: str
    to_scale: bool
    svg: str
    line: int
    raster: bytes = b""
    cites: tuple[str, ...] = ()


@dataclass(frozen=True)
class SectionFile:
    file: str
    slug: str
    title: str
    text: str
    blocks: tuple[markdown.Block, ...]

    @property
    def points(self) -> list[markdown.Block]:
        return [block for block in self.blocks if block.kind == "point"]


@dataclass(frozen=True)
class ModuleFile:
    folder: Path
    data: dict[str, Any]
    sections: tuple[SectionFile, ...]
    pictures: tuple[PictureFile, ...]

    @property
    def slug(self) -> str:
        return str(self.data["slug"])


@dataclass
class Library:
    """The shared files: what may be cited."""

    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    positions: dict[str, dict[str, Any]] = field(default_factory=dict)
    protocol: dict[str, dict[str, Any]] = field(default_factory=dict)
    programmes: dict[str, Any] = field(default_factory=dict)
    exclusions: dict[str, dict[str, Any]] = field(default_factory=dict)

    terms: dict[str, dict[str, Any]] = field(default_factory=dict)

    def teachable(self, code: str) -> bool:
        """A row of a seed document that is meant to be taught: cited, or left out with a reason."""
        fact = self.facts[code]
        return fact.get("kind") == "teachable" and self.sources.get(fact["source"], {}).get("label") == "seed"

    @property
    def words(self) -> list[Word]:
        return [
            Word(row["code"], str(row["term"]), tuple(map(str, row["forms"])), " ".join(row["meaning"].split()))
            for row in self.terms.values()
        ]

    def text_of(self, codes: Iterable[str]) -> str:
        """Everything the cited rows say, and the rows that a cited position cites."""
        said = []
        for code in codes:
            if code in self.facts:
                row = self.facts[code]
                said += [row["statement"], row.get("quote", "")]
            elif code in self.positions:
                row = self.positions[code]
                said += [
                    row["teach"],
                    row.get("differs", ""),
                    self.text_of(c for c in row.get("cites", ()) if c in self.facts),
                ]
        return " ".join(said)


# libyaml reads several times as fast as PyYAML's own code; a build without it reads the same.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class LineLoader(Loader):
    """Mappings carry the line they begin on, as `__line__`."""


def _mapping(loader: LineLoader, node: yaml.MappingNode) -> dict[str, Any]:
    mapping = {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}
    mapping["__line__"] = node.start_mark.line + 1
    return mapping


LineLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class Reader:
    """Reads a material folder and gathers every problem."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []

    def problem(self, path: Path | str, line: int, sentence: str) -> None:
        name = str(path.relative_to(self.root)) if isinstance(path, Path) else path
        self.problems.append(Problem(name, line, sentence))

    def yaml(self, path: Path) -> Any:
        if not path.is_file():
            self.problem(path, 1, "the file is missing")
            return None
        try:
            return yaml.load(path.read_text(encoding="utf-8"), LineLoader)  # noqa: S506 (a SafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            self.problem(
                path, mark.line + 1 if mark else 1, f"not readable as YAML: {getattr(error, 'problem', error)}"
            )
            return None

    def needs(self, path: Path, row: Any, fields: Iterable[str], what: str) -> bool:
        """True if `row` is a mapping with all of these filled."""
        if not isinstance(row, dict):
            self.problem(path, 1, f"{what} must be a mapping, got {type(row).__name__}")
            return False
        gaps = [name for name in fields if row.get(name) in (None, "", [])]
        if gaps:
            self.problem(path, row.get("__line__", 1), f"{what} lacks {', '.join(gaps)}")
        return not gaps

    def rows(self, name: str, fields: tuple[str, ...], what: str) -> dict[str, dict[str, Any]]:
        path = self.root / name
        found: dict[str, dict[str, Any]] = {}
        for row in self.yaml(path) or []:
            if self.needs(path, row, fields, what):
                if row["code"] in found:
                    self.problem(path, row["__line__"], f"{row['code']} stands twice")
                found[row["code"]] = row
        return found

    def library(self) -> Library:
        lib = Library(
            sources=self.rows("sources.yaml", ("code", "title", "kind", "label"), "a source"),
            facts=self.rows("facts.yaml", ("code", "source", "statement"), "a fact"),
            positions=self.rows("positions.yaml", ("code", "title", "priority", "teach"), "a position"),
            protocol=self.rows("protocol.yaml", ("code", "title", "question", "default"), "a protocol item"),
            programmes=self.yaml(self.root / "programmes.yaml") or {},
            exclusions=self.rows("exclusions.yaml", ("code", "reason"), "an exclusion"),
            terms=self.rows("glossary.yaml", ("code", "term", "forms", "meaning"), "a word of the glossary"),
        )
        path = self.root / "programmes.yaml"
        if self.needs(path, lib.programmes, ("programmes", "modules", "practicals"), "programmes.yaml"):
            for row in lib.programmes["programmes"]:
                self.programme(path, row, lib.programmes)
            for row in lib.programmes["practicals"]:
                self.practical(path, row)
            for slug, row in lib.programmes["modules"].items():
                if isinstance(row, dict) and row.get("renewal") not in RENEWALS:
                    self.problem(
                        path, row["__line__"], f"renewal of {slug} is {row.get('renewal')}: {' or '.join(RENEWALS)}"
                    )
        for code, fact in lib.facts.items():
            if fact["source"] not in lib.sources:
                self.problem(
                    self.root / "facts.yaml",
                    fact["__line__"],
                    f"{code} names source {fact['source']}, which is not in sources.yaml",
                )
        for code, position in lib.positions.items():
            for cite in position.get("cites", ()):
                if cite not in lib.facts:
                    self.problem(
                        self.root / "positions.yaml",
                        position["__line__"],
                        f"{code} cites {cite}, which is not in facts.yaml",
                    )
        for code, row in lib.exclusions.items():
            if code not in lib.facts:
                self.exclusion(row, "is left out, but is not in facts.yaml")
            elif not lib.teachable(code):
                self.exclusion(row, "is left out, but is no teachable row of a seed document")
        self.check_glossary(lib)
        return lib

    def programme(self, path: Path, row: Any, everything: dict[str, Any]) -> None:
        needed = ("slug", "title", "scope", "for", "modules", "validity_months", "renewal_opens_days")
        if not self.needs(path, row, needed, "a programme"):
            return
        known = {
            "for": list(LEARNING_ROLES),
            "modules": list(everything["modules"]),
            "practicals": [practical.get("code") for practical in everything["practicals"]],
        }
        for name, allowed in known.items():
            for value in row.get(name) or []:
                if value not in allowed:
                    self.problem(
                        path,
                        row["__line__"],
                        f"{row['slug']} names {value} under {name}, which is none of those there are",
                    )

    def practical(self, path: Path, row: Any) -> None:
        if not self.needs(path, row, ("code", "title", "criteria"), "a practical"):
            return
        if not re.fullmatch(r"P\d+", str(row["code"])):
            self.problem(path, row["__line__"], f"{row['code']} is no code of a practical: P and a number")
        if not isinstance(row.get("starred"), bool) or not isinstance(row.get("drill", False), bool):
            self.problem(path, row["__line__"], f"{row['code']}: starred and drill are true or false")
        if not isinstance(row["criteria"], list) or not all(isinstance(line, str) for line in row["criteria"]):
            self.problem(path, row["__line__"], f"{row['code']}: criteria are a list of sentences")

    def exclusion(self, row: dict[str, Any], sentence: str) -> None:
        self.problem("exclusions.yaml", row["__line__"], f"{row['code']} {sentence}")

    def excluded_though_cited(self, lib: Library, modules: Iterable[ModuleFile]) -> None:
        """What is taught after all needs no reason for being left out."""
        cited: dict[str, str] = {}
        for module in modules:
            for section in module.sections:
                for block in section.blocks:
                    for code in block.cites:
                        cited.setdefault(code, f"{section.file}:{block.line}")
        for code, row in lib.exclusions.items():
            if code in cited:
                self.exclusion(row, f"is left out, but {cited[code]} cites it: take it out of one of them")

    def check_glossary(self, lib: Library) -> None:
        path = self.root / "glossary.yaml"
        for row in lib.terms.values():
            self.cites(path, row["__line__"], row.get("cites", ()), lib)
            lost = numbers.uncarried(row["meaning"], lib.text_of(row.get("cites", ())))
            if lost:
                self.problem(
                    path, row["__line__"], f"{row['code']} states {', '.join(lost)}, which no row it cites carries"
                )
        for code, sentence in glossary.problems(lib.words):
            self.problem(path, lib.terms[code]["__line__"], f"{code}: {sentence}")

    def module(self, folder: Path, lib: Library) -> ModuleFile | None:
        path = folder / "module.yaml"
        data = self.yaml(path)
        needed = ("slug", "code", "title", "summary", "reviewer", "objectives", "sections", "quiz")
        if data is None or not self.needs(path, data, needed, "module.yaml"):
            return None
        if data["slug"] != folder.name:
            self.problem(path, 1, f"slug is {data['slug']}, the folder is {folder.name}: they must be the same")
        for objective in data["objectives"]:
            if self.needs(path, objective, ("text", "proof"), "an objective"):
                proof = str(objective["proof"])
                if proof not in ("quiz", "not assessed here") and not re.fullmatch(r"practical P\d+", proof):
                    self.problem(
                        path,
                        objective["__line__"],
                        f"proof is {proof}: quiz, practical P1 to P13, or not assessed here",
                    )
        pictures = tuple(p for row in data.get("pictures", []) if (p := self.picture(folder, path, row, lib)))
        sections = tuple(s for name in data["sections"] if (s := self.section(folder, str(name), data, lib)))
        seen: dict[str, str] = {}
        listed = {row.get("code") for row in data.get("pictures", []) if isinstance(row, dict)}
        for section in sections:
            for point in section.points:
                if point.code in seen:
                    self.problem(section.file, point.line, f"{point.code} stands already in {seen[point.code]}")
                seen[point.code] = section.file
            for block in section.blocks:
                if block.kind == "picture" and block.code not in listed:
                    self.problem(section.file, block.line, f"picture {block.code} is not listed in module.yaml")
        return ModuleFile(folder, data, sections, pictures)

    def picture(self, folder: Path, path: Path, row: Any, lib: Library) -> PictureFile | None:
        if not self.needs(path, row, ("code", "title", "caption", "words", "cites"), "a picture") or "scale" not in row:
            return None
        self.cites(path, row["__line__"], row["cites"], lib)
        file = folder / "pictures" / f"{row['code']}.svg"
        uploaded = [found for name in RASTER if (found := file.with_suffix(name)).is_file()]
        if uploaded and not file.is_file():
            return self.uploaded(path, row, uploaded[0], lib)
        if not file.is_file():
            self.problem(path, row["__line__"], f"pictures/{row['code']}.svg is missing")
            return None
        svg = file.read_text(encoding="utf-8").strip()
        bad = FORBIDDEN_SVG.search(svg)
        if bad:
            self.problem(file, svg[: bad.start()].count("\n") + 1, f"{bad.group().strip()} is not allowed in a picture")
            return None
        try:
            root = ElementTree.fromstring(svg)  # noqa: S314 (no DTD or entity gets this far)
        except ElementTree.ParseError as error:
            self.problem(file, error.position[0], f"not well-formed: {error}")
            return None
        if root.tag != "{http://www.w3.org/2000/svg}svg" or not root.get("viewBox") or root.get("role") != "img":
            self.problem(file, 1, 'the root must be an svg with a viewBox and role="img"')
        self.picture_words(path, row, lib)
        return PictureFile(
            row["code"], row["title"], row["caption"], row["words"], bool(row["scale"]), svg, row["__line__"]
        )

    def picture_words(self, path: Path, row: Any, lib: Library) -> None:
        lost = numbers.uncarried(row["words"] + " " + row["caption"], lib.text_of(row["cites"]))
        if lost:
            self.problem(
                path, row["__line__"], f"picture {row['code']} states {', '.join(lost)}, which no cited row carries"
            )

    def uploaded(self, path: Path, row: Any, file: Path, lib: Library) -> PictureFile:
        """A picture that came from the site; its bytes are measured where they are stored."""
        self.picture_words(path, row, lib)
        said = (row["code"], row["title"], row["caption"], row["words"], bool(row["scale"]))
        return PictureFile(*said, "", row["__line__"], file.read_bytes(), tuple(row["cites"]))

    def section(self, folder: Path, name: str, data: dict[str, Any], lib: Library) -> SectionFile | None:
        path = folder / f"{name}.md"
        if not path.is_file():
            self.problem(folder / "module.yaml", 1, f"section {name}.md is missing")
            return None
        source = path.read_text(encoding="utf-8")
        front = re.match(r"---\n(.*?)\n---\n", source, re.S)
        meta = self.front_matter(path, front.group(1)) if front else None
        if not isinstance(meta, dict) or not meta.get("title"):
            if not self.has_problem(path):
                self.problem(path, 1, "the section must begin with front matter that has a title")
            meta = {"title": name}
        section = SectionFile(
            str(path.relative_to(self.root)),
            re.sub(r"^\d+-", "", name),
            str(meta["title"]),
            source,
            tuple(markdown.blocks(source)),
        )
        self.check_section(path, section, str(data["code"]), lib)
        return section

    def front_matter(self, path: Path, text: str) -> Any:
        try:
            return yaml.load(text, Loader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 2 if mark else 1
            self.problem(path, line, f"the front matter is not readable as YAML: {getattr(error, 'problem', error)}")
            return None

    def has_problem(self, path: Path) -> bool:
        """In this file, or in one below this folder."""
        name = str(path.relative_to(self.root))
        return any(problem.file == name or problem.file.startswith(f"{name}/") for problem in self.problems)

    def check_section(self, path: Path, section: SectionFile, prefix: str, lib: Library) -> None:
        count = markdown.words(section.text)
        if not LEAST_WORDS <= count <= MOST_WORDS:
            self.problem(path, 1, f"{count} words; a section has {LEAST_WORDS} to {MOST_WORDS}")
        if not LEAST_POINTS <= len(section.points) <= MOST_POINTS:
            self.problem(path, 1, f"{len(section.points)} key points; a section has {LEAST_POINTS} to {MOST_POINTS}")
        every_cite = [code for block in section.blocks for code in block.cites]
        carried = lib.text_of(every_cite)
        for block in section.blocks:
            self.cites(path, block.line, block.cites, lib)
            for code in block.depends:
                if code not in lib.protocol:
                    self.problem(path, block.line, f"depends on {code}, which is not in protocol.yaml")
            if block.kind == "protocol" and block.code not in lib.protocol:
                self.problem(path, block.line, f"protocol item {block.code} is not in protocol.yaml")
            if block.kind == "point":
                self.check_point(path, block, prefix, lib)
            elif block.kind == "prose":
                lost = numbers.uncarried(block.text, carried)
                if lost:
                    self.problem(
                        path, block.line, f"states {', '.join(lost)}, which no row cited in this section carries"
                    )
                if block.text.startswith("#") and not block.text.startswith("## "):
                    self.problem(path, block.line, "headings inside a section are level 2")

    def check_point(self, path: Path, point: markdown.Block, prefix: str, lib: Library) -> None:
        if not re.fullmatch(rf"{prefix}-\d\d", point.code):
            self.problem(
                path,
                point.line,
                f"a key point of this module is called {prefix}-01 to {prefix}-99, got {point.code or 'nothing'}",
            )
        if not point.text:
            self.problem(path, point.line, f"{point.code} has no text")
        if not point.cites:
            self.problem(path, point.line, f"{point.code} cites nothing: add a line Sources:")
        if point.critical and point.depends:
            self.problem(path, point.line, f"{point.code} is critical and must not depend on a protocol item")
        lost = numbers.uncarried(point.text, lib.text_of(point.cites))
        if lost:
            self.problem(path, point.line, f"{point.code} states {', '.join(lost)}, which no row it cites carries")

    def cites(self, path: Path, line: int, codes: Iterable[str], lib: Library) -> None:
        for code in codes:
            if code not in lib.facts and code not in lib.positions:
                self.problem(path, line, f"cites {code}, which is neither a row of facts.yaml nor a position")
            elif lib.facts.get(code, {}).get("verified") == "no":
                self.problem(path, line, f"cites {code}, which could not be verified and is not taught")
            elif lib.facts.get(code, {}).get("kind") == "marketing":
                self.problem(path, line, f"cites {code}, which is marketing and is not taught")
