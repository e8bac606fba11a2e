"""The items' files and the quiz rules in module.yaml, read and checked. Files in, frozen records or problems out."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from quizzes import drawing, kinds
from training import pictures
from training.files import Library, ModuleFile, PictureFile, Reader, SectionFile

LEVELS = ("recall", "apply", "analyse")
CATCH_ALL = re.compile(r"\b(all|none|both|neither) of (the above|these)\b", re.I)
NEGATIVE = re.compile(r"\b(NOT|EXCEPT|not true|is not|are not|would not|should not|except|least likely)\b")


@dataclass(frozen=True)
class ItemFile:
    code: str
    section: str
    bank: str
    kind: str
    level: str
    points: tuple[str, ...]
    depends: tuple[str, ...]
    stem: str
    content: kinds.Body
    file: str
    line: int
    source: Mapping[str, Any] | None = None

    @property
    def body(self) -> kinds.Body:
        """What QuestionVersion.body holds; `content` is its kind's part, `source` the passage it was drafted from."""
        drafted = {"source": dict(self.source)} if self.source else {}
        return {"level": self.level, "stem": self.stem, **self.content, **drafted}

    @property
    def options(self) -> tuple[dict[str, Any], ...]:
        """Of the kinds that have options beside one another."""
        return tuple(self.content.get("options", ()))


@dataclass(frozen=True)
class QuizFile:
    sections: dict[str, int]
    recall_at_most: int
    cut: int
    attempts: int
    open_minutes: int
    limit_minutes: int | None
    retest: int = 0

    @property
    def items(self) -> int:
        return sum(self.sections.values())


def plain(value: Any) -> str:
    return " ".join(str(value).split())


def picture_fields(file: PictureFile) -> dict[str, Any]:
    """A picture as it is hashed."""
    return pictures.fields(
        title=file.title,
        caption=plain(file.caption),
        words=file.words.strip(),
        to_scale=file.to_scale,
        svg=file.svg,
        file=sha256(file.raster).hexdigest() if file.raster else "",
        cites=file.cites,
    )


def picture_sha256(module: str, file: PictureFile) -> str:
    return pictures.content_sha256(module, file.code, picture_fields(file))


def drawings(module: ModuleFile) -> dict[str, kinds.Drawing]:
    """The module's pictures, for items that are set over one."""
    found = {}
    for file in module.pictures:
        box = re.search(r'viewBox="(-?\d+) (-?\d+) (\d+) (\d+)"', file.svg)
        if box:
            left, top, width, height = map(int, box.groups())
            found[file.code] = kinds.Drawing(file.svg, picture_sha256(module.slug, file), (left, top, width, height))
    return found


@dataclass(frozen=True)
class Ground:
    """What the items of a section may refer to: its key points, critical or not, protocol items, the module's drawings."""

    prefix: str
    section: str
    points: Mapping[str, bool]
    protocol: Collection[str]
    drawings: Mapping[str, kinds.Drawing]


SOURCE = ("point", "start", "end", "quote")
NEEDED = ("code", "bank", "kind", "level", "points", "stem")


def read_item(
    row: Mapping[str, Any], ground: Ground, wrong: kinds.Wrong, *, file: str = "", line: int = 0
) -> ItemFile | None:
    """One item from the fields of its file, wherever they come from, with everything that is wrong said to `wrong`."""
    if not isinstance(row["points"], list) or not all(isinstance(point, str) for point in row["points"]):
        wrong(f"points must be a list of key points' codes, got {row['points']}")
        return None
    points = tuple(row["points"])
    if not re.fullmatch(rf"{ground.prefix}-\d\d-[qp]\d+", str(row["code"])) or not str(row["code"]).startswith(
        points[0]
    ):
        wrong(f"the code must be its first key point, then -q and a number (got points {', '.join(points)})")
    if row["bank"] not in ("certifying", "practice"):
        wrong(f"bank is {row['bank']}: certifying or practice")
    kind = kinds.KINDS.get(row["kind"])
    if kind is None:
        wrong(f"kind is {row['kind']}: {', '.join(kinds.KINDS)}")
        return None
    lacking = [name for name in kind.needs if row.get(name) in (None, "", [])]
    if lacking:
        wrong(f"an item of kind {kind.code} needs {', '.join(lacking)}")
        return None
    if row["level"] not in LEVELS:
        wrong(f"level is {row['level']}: {', '.join(LEVELS)}")
    if row.get("order") and not kind.may_be_fixed:
        wrong(f"order is for options that stand beside one another, which an item of kind {kind.code} has not")
    for point in points:
        if point not in ground.points:
            wrong(f"tests {point}, which is not a key point of this section")
    depends = tuple(row.get("depends") or ())
    if any(ground.points.get(point) for point in points):
        if kind.code != "single":
            wrong(f"an item that tests a critical key point is of kind single, got {kind.code}")
        if len(points) > 1:
            wrong("an item that tests a critical key point tests that one only")
        if depends:
            wrong("a critical item must not depend on a protocol item")
    for code in depends:
        if code not in ground.protocol:
            wrong(f"depends on {code}, which is not in protocol.yaml")
    content = kind.read(kinds.Source(row, wrong, ground.drawings))
    if content is None:
        return None
    stem = plain(row["stem"])
    if any(NEGATIVE.search(asked) for asked in kind.questions(stem, content)):
        wrong("the stem is negative: ask for what is right")
    if any(CATCH_ALL.search(wording) for wording in kind.wordings(content)):
        wrong("no option may be all, none or both of the above")
    return ItemFile(
        row["code"], ground.section, row["bank"], row["kind"], row["level"], points, depends, stem, content, file, line,
        _source(row.get("source")),
    )  # fmt: skip


def _source(said: Any) -> dict[str, Any] | None:
    """The passage that an item was drafted from, if it was."""
    whole = isinstance(said, Mapping) and all(name in said for name in SOURCE)
    return {name: said[name] for name in SOURCE} if whole else None


class ItemReader:
    def __init__(self, reader: Reader, lib: Library) -> None:
        self.reader = reader
        self.lib = lib
        self.drawings: dict[str, kinds.Drawing] = {}

    def items(self, module: ModuleFile) -> list[ItemFile]:
        found: list[ItemFile] = []
        self.drawings = drawings(module)
        for section in module.sections:
            path = module.folder / "questions" / f"{Path(section.file).stem}.yaml"
            if not path.is_file():
                self.reader.problem(path, 1, "the section has no items")
                continue
            found += [item for row in self.reader.yaml(path) or [] if (item := self.item(path, row, module, section))]
        self.no_doubles(found, module)
        return found

    def no_doubles(self, found: list[ItemFile], module: ModuleFile) -> None:
        codes: dict[str, ItemFile] = {}
        stems: dict[str, ItemFile] = {}
        for item in found:
            for key, seen in ((item.code, codes), (item.stem.casefold(), stems)):
                if key in seen:
                    self.reader.problem(item.file, item.line, f"{item.code} says the same as {seen[key].code}")
                seen[key] = item

    def item(self, path: Path, row: Any, module: ModuleFile, section: SectionFile) -> ItemFile | None:
        if not self.reader.needs(path, row, NEEDED, "an item"):
            return None
        line = row["__line__"]

        def wrong(sentence: str) -> None:
            self.reader.problem(path, line, f"{row['code']}: {sentence}")

        ground = Ground(
            module.data["code"],
            section.slug,
            {point.code: point.critical for point in section.points},
            self.lib.protocol,
            self.drawings,
        )
        return read_item(row, ground, wrong, file=str(path.relative_to(self.reader.root)), line=line)

    def quiz(self, module: ModuleFile, items: list[ItemFile]) -> QuizFile | None:
        path = module.folder / "module.yaml"
        data = module.data["quiz"]
        line = data.get("__line__", 1) if isinstance(data, dict) else 1
        if not self.reader.needs(path, data, ("cut", "critical", "sections", "attempts", "open_hours"), "the quiz"):
            return None
        if not isinstance(data["sections"], dict):
            self.reader.problem(path, line, f"the quiz's sections must be a mapping, got {data['sections']}")
            return None
        quotas = {name: n for name, n in data["sections"].items() if name != "__line__"}
        retest = data.get("retest", 0)
        whole = {name: data[name] for name in ("cut", "attempts", "open_hours")} | quotas | {"retest": retest}
        wrong = [f"{name} must be a whole number, got {n}" for name, n in whole.items() if type(n) is not int]
        for sentence in wrong:
            self.reader.problem(path, line, sentence)
        if wrong:
            return None
        slugs = {section.slug for section in module.sections}
        for name in quotas:
            if name not in slugs:
                self.reader.problem(path, line, f"the quiz draws from section {name}, which the module does not have")
        total = sum(quotas.values())
        if not 1 <= data["cut"] <= total:
            self.reader.problem(path, line, f"cut must be 1 to {total}, got {data['cut']}")
        if data["critical"] != "all":
            self.reader.problem(path, line, f"critical must be all, got {data['critical']}")
        quiz = QuizFile(
            quotas, int(data.get("recall_at_most", total)), int(data["cut"]), int(data["attempts"]),
            int(data["open_hours"]) * 60, data.get("minutes"), retest,
        )  # fmt: skip
        if self.reader.has_problem(module.folder):
            return quiz  # a trial draw over what could not be read would only blame the blueprint for it
        try:
            drawing.draw(pool(items, module), blueprint(quiz, module), "check")
        except (drawing.Unfillable, KeyError) as error:
            self.reader.problem(path, line, f"the blueprint cannot be filled: {error}")
        for point, others in others_than_one(items, module, quiz).items():
            if others < quiz.retest:
                self.reader.problem(
                    path,
                    line,
                    f"a re-test on {point} needs {quiz.retest} items beside the one missed, there are {others}",
                )
        return quiz


def others_than_one(items: list[ItemFile], module: ModuleFile, quiz: QuizFile) -> dict[str, int]:
    """By critical point of the quiz: how many certifying items it has beside one."""
    tested = Counter(point for item in pool(items, module) for point in item.critical)
    return {point: tested[point] - 1 for point in sorted(blueprint(quiz, module).critical)}


def blueprint(quiz: QuizFile, module: ModuleFile) -> drawing.Blueprint:
    critical = frozenset(
        p.code for section in module.sections if section.slug in quiz.sections for p in section.points if p.critical
    )
    return drawing.Blueprint(quiz.sections, quiz.recall_at_most, critical)


def pool(items: list[ItemFile], module: ModuleFile) -> list[drawing.PoolItem]:
    critical = {p.code for section in module.sections for p in section.points if p.critical}
    return [
        drawing.PoolItem(
            i.code, i.section, i.level, frozenset(i.points), frozenset(i.points) & critical, case=i.kind == "case"
        )
        for i in items
        if i.bank == "certifying"
    ]
