"""The items' files and the quiz rules in module.yaml, read and checked. Files in, frozen records or problems out."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quizzes import drawing
from training.files import Library, ModuleFile, Reader, SectionFile

LEVELS = ("recall", "apply", "analyse")
OPTION_IDS = "abcd"
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
    options: tuple[dict[str, Any], ...]
    fixed: bool
    file: str
    line: int

    @property
    def body(self) -> dict[str, Any]:
        """What QuestionVersion.body holds; option ids are letters in the file's order."""
        return {
            "level": self.level,
            "stem": self.stem,
            "order": "fixed" if self.fixed else "shuffled",
            "options": [
                {"id": OPTION_IDS[n], "text": o["text"], "key": bool(o.get("key")), "rationale": o["rationale"]}
                for n, o in enumerate(self.options)
            ],
        }


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


class ItemReader:
    def __init__(self, reader: Reader, lib: Library) -> None:
        self.reader = reader
        self.lib = lib

    def items(self, module: ModuleFile) -> list[ItemFile]:
        found: list[ItemFile] = []
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
        fields = ("code", "bank", "kind", "level", "points", "stem", "options")
        if not self.reader.needs(path, row, fields, "an item"):
            return None
        line = row["__line__"]

        def wrong(sentence: str) -> None:
            self.reader.problem(path, line, f"{row['code']}: {sentence}")

        critical = {p.code for p in section.points if p.critical}
        known = {p.code for p in section.points}
        if not isinstance(row["points"], list) or not all(isinstance(point, str) for point in row["points"]):
            wrong(f"points must be a list of key points' codes, got {row['points']}")
            return None
        points = tuple(row["points"])
        if not re.fullmatch(rf"{module.data['code']}-\d\d-[qp]\d+", str(row["code"])) or not str(
            row["code"]
        ).startswith(points[0]):
            wrong(f"the code must be its first key point, then -q and a number (got points {', '.join(points)})")
        if row["bank"] not in ("certifying", "practice"):
            wrong(f"bank is {row['bank']}: certifying or practice")
        if row["kind"] != "single":
            wrong(f"kind is {row['kind']}: single is the one kind there is")
        if row["level"] not in LEVELS:
            wrong(f"level is {row['level']}: {', '.join(LEVELS)}")
        if row.get("order", "shuffled") not in ("shuffled", "fixed"):
            wrong(f"order is {row['order']}: shuffled or fixed")
        for point in points:
            if point not in known:
                wrong(f"tests {point}, which is not a key point of this section")
        depends = tuple(row.get("depends") or ())
        if critical & set(points):
            if len(points) > 1:
                wrong("an item that tests a critical key point tests that one only")
            if depends:
                wrong("a critical item must not depend on a protocol item")
        for code in depends:
            if code not in self.lib.protocol:
                wrong(f"depends on {code}, which is not in protocol.yaml")
        if not self.options(row["options"], wrong):
            return None
        stem = plain(row["stem"])
        if NEGATIVE.search(stem):
            wrong("the stem is negative: ask for what is right")
        if CATCH_ALL.search(" ".join(o["text"] for o in row["options"])):
            wrong("no option may be all, none or both of the above")
        options = tuple({**o, "text": plain(o["text"]), "rationale": plain(o["rationale"])} for o in row["options"])
        return ItemFile(
            row["code"], section.slug, row["bank"], row["kind"], row["level"], points, depends, stem, options,
            row.get("order", "shuffled") == "fixed", str(path.relative_to(self.reader.root)), line,
        )  # fmt: skip

    def options(self, options: Any, wrong: Any) -> bool:
        if not isinstance(options, list) or not 3 <= len(options) <= 4:
            wrong(f"three or four options, got {len(options) if isinstance(options, list) else 'none'}")
            return False
        if any(not isinstance(o, dict) or not o.get("text") or not o.get("rationale") for o in options):
            wrong("every option has a text and a rationale")
            return False
        for option in options:
            option["text"] = plain(option["text"])
        if sum(bool(o.get("key")) for o in options) != 1:
            wrong(f"exactly one option is the key, got {sum(bool(o.get('key')) for o in options)}")
            return False
        if len({o["text"].casefold() for o in options}) != len(options):
            wrong("two options say the same")
        return True

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
        drawing.PoolItem(i.code, i.section, i.level, frozenset(i.points), frozenset(i.points) & critical)
        for i in items
        if i.bank == "certifying"
    ]
