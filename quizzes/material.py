"""Loads the material's files: checks everything, then publishes new versions only of what changed."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from quizzes import approving, kinds
from quizzes.exchange import zipped
from quizzes.files import ItemFile, ItemReader, QuizFile, picture_fields, picture_sha256
from quizzes.models import Question, QuestionPoint, QuestionVersion, Quiz, QuizVersion
from staff import canonical, clock
from staff.models import StaffMember
from training import drafting, markdown, pictures, publishing
from training.files import Library, ModuleFile, PictureFile, Problem, Reader, SectionFile
from training.models import (
    Fact,
    KeyPointVersion,
    Module,
    ModuleVersion,
    Observation,
    Picture,
    Position,
    PracticalVersion,
    Programme,
    ProtocolItem,
    Section,
    SectionVersion,
    Source,
    Term,
)
from training.observations import live_practicals

SHIPPED = Path(__file__).resolve().parent.parent / "training" / "material"


class MaterialError(Exception):
    """Carries every problem found, in order."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass
class Loaded:
    """What a load did, for its report."""

    published: list[str] = field(default_factory=list)
    items: int = 0
    stale: int = 0
    retired: int = 0
    conflicts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Course:
    library: Library
    modules: tuple[tuple[ModuleFile, tuple[ItemFile, ...], QuizFile], ...]

    @property
    def order(self) -> list[str]:
        """The slugs of the modules as the programmes name them, then those that no programme asks for."""
        asked = [slug for row in self.library.programmes["programmes"] for slug in row["modules"]]
        return list(dict.fromkeys([*asked, *(module.slug for module, _, _ in self.modules)]))


@contextmanager
def folder_of(path: Path) -> Iterator[Path]:
    """The material under this path, unpacked first where it is a ZIP. A module's folder alone stands among the shipped files
    that modules share. Raises exchange.Unreadable."""
    if not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory() as name:
        unpacked = zipped.unpack(path.read_bytes(), Path(name))
        for shared in SHIPPED.glob("*.yaml"):
            if not (unpacked / shared.name).exists():
                shutil.copy(shared, unpacked)
        yield unpacked


def read(root: Path = SHIPPED) -> Course:
    """Read and check a material folder. Raises MaterialError with all of its problems."""
    reader = Reader(root)
    library = reader.library()
    items_of = ItemReader(reader, library)
    modules, sections_of = [], []
    for folder in sorted(path.parent for path in root.glob("*/module.yaml")):
        module = reader.module(folder, library)
        if module:
            sections_of.append(module)
            items = items_of.items(module)
            quiz = items_of.quiz(module, items)
            if quiz:
                modules.append((module, tuple(items), quiz))
    reader.excluded_though_cited(library, sections_of)
    if not modules and not reader.problems:
        reader.problem(".", 1, "no module.yaml in any folder below")
    if reader.problems:
        raise MaterialError(reader.problems)
    return Course(library, tuple(modules))


@transaction.atomic
def load(course: Course, *, by: StaffMember) -> Loaded:
    """Publish what changed. Safe to run twice: the second time changes nothing."""
    done = Loaded()
    _load_library(course.library)
    _load_practicals(course.library, by)
    for module, items, quiz in sorted(course.modules, key=lambda row: course.order.index(row[0].slug)):
        validity = course.library.programmes["modules"].get(module.slug, {})
        defaults = {
            "code": module.data["code"],
            "position": course.order.index(module.slug),
            "validity_months": validity.get("months", 12),
            "validity_days": validity.get("days"),
            "renewal": validity.get("renewal", Module.Renewal.MISSED),
        }
        row, _ = Module.objects.update_or_create(slug=module.slug, defaults=defaults)
        _load_module(row, module, items, quiz, by, done)
    return done


def _load_library(lib: Library) -> None:
    texts: tuple[str, ...] = ("title", "publisher", "year", "kind", "label", "address")
    sources = _as_written(
        Source, "code", {code: {name: str(row.get(name) or "") for name in texts} for code, row in lib.sources.items()}
    )
    facts = _as_written(
        Fact,
        "code",
        {
            code: {
                "source_id": sources[row["source"]],
                "statement": row["statement"],
                "quote": row.get("quote") or "",
                "verified": row.get("verified") or "yes",
                "kind": row.get("kind") or "",
                "left_out": plain(lib.exclusions.get(code, {}).get("reason") or ""),
            }
            for code, row in lib.facts.items()
        },
    )
    texts = ("title", "priority", "teach", "differs")
    positions = _as_written(
        Position,
        "code",
        {code: {name: plain(row.get(name) or "") for name in texts} for code, row in lib.positions.items()},
    )
    _link(
        Position.cites,
        {positions[code]: [facts[cited] for cited in row.get("cites", ())] for code, row in lib.positions.items()},
    )
    _as_written(
        ProtocolItem,
        "code",
        {
            code: {
                "position": place,
                **{name: plain(row[name]) for name in ("title", "question", "default")},
                "kind": row.get("kind", "text"),
                "columns": ", ".join(row.get("columns", ())),
                "blanks": "\n".join(plain(line) for line in row.get("blanks", ())),
            }
            for place, (code, row) in enumerate(lib.protocol.items())
        },
    )
    _load_glossary(lib, facts, positions)
    practicals = {row["code"]: row for row in lib.programmes["practicals"]}
    proposed = lib.programmes.get("occasions") or {}
    programmes: dict[str, dict[str, Any]] = {}
    for place, row in enumerate(lib.programmes["programmes"]):
        fields = {name: row[name] for name in ("title", "scope", "validity_months", "renewal_opens_days")}
        observed = [practicals[code] for code in row.get("practicals") or []]
        lists = {
            "roles": canonical.text(row["for"]),
            "modules": canonical.text(row["modules"]),
            "practicals": canonical.text(
                [{"code": p["code"], "title": p["title"], "starred": bool(p["starred"])} for p in observed]
            ),
            "occasions": canonical.text(
                {k: int(v) for k, v in proposed.items() if observed and k in Observation.WORDS}
            ),
        }
        programmes[row["slug"]] = {"position": place, **fields, **lists}
    _as_written(Programme, "slug", programmes)


def _as_written(model: type[Any], key: str, written: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The rows as the files have them now, by key: new ones in one statement, and only what changed is written again."""
    held = {getattr(row, key): row for row in model.objects.all()}
    for code, fields in written.items():
        if code in held and any(getattr(held[code], name) != value for name, value in fields.items()):
            model.objects.filter(pk=held[code].pk).update(**fields)
    new = model.objects.bulk_create(
        model(**{key: code}, **fields) for code, fields in written.items() if code not in held
    )
    return {getattr(row, key): row.pk for row in (*held.values(), *new)}


def _link(many: Any, wanted: dict[int, list[int]]) -> None:
    """Each of these rows with what its file cites, and nothing else."""
    one, other = many.field.m2m_field_name(), many.field.m2m_reverse_field_name()
    pairs = {(row, cited) for row, all_cited in wanted.items() for cited in all_cited}
    rows = many.through.objects.values_list(f"{one}_id", f"{other}_id", "pk")
    known = {(row, cited): pk for row, cited, pk in rows if row in wanted}
    many.through.objects.filter(pk__in=[known[pair] for pair in known.keys() - pairs]).delete()
    many.through.objects.bulk_create(
        many.through(**{f"{one}_id": row, f"{other}_id": cited}) for row, cited in sorted(pairs - known.keys())
    )


def _load_practicals(lib: Library, by: StaffMember) -> None:
    """A next version of each practical whose words, star or drill changed."""
    live = {version.code: version for version in live_practicals()}
    for row in lib.programmes["practicals"]:
        content = {
            "title": plain(row["title"]),
            "starred": bool(row["starred"]),
            "drill": bool(row.get("drill")),
            "criteria": [plain(line) for line in row["criteria"]],
        }
        sha256 = canonical.sha256_of({"code": row["code"], **content})
        before = live.get(row["code"])
        if before is None or before.sha256 != sha256:
            PracticalVersion.objects.create(
                code=row["code"],
                number=before.number + 1 if before else 1,
                **{**content, "criteria": canonical.text(content["criteria"])},
                sha256=sha256,
                published_at=clock.now(),
                published_by=by,
            )


def minutes(items: tuple[ItemFile, ...], form: int) -> int:
    """To read a form of the mean certifying item, question and options, at 200 words a minute; at least one."""
    texts = [
        " ".join([item.stem, *kinds.of(item.kind).texts(item.content).values()])
        for item in items
        if item.bank == "certifying"
    ]
    words = sum(len(text.split()) for text in texts)
    return max(1, -(-words * form // (max(1, len(texts)) * markdown.WORDS_A_MINUTE)))


def _load_glossary(lib: Library, facts: dict[str, int], positions: dict[str, int]) -> None:
    """The words are what the files say now: nothing is taught or signed by them, so none is kept that has gone."""
    Term.objects.exclude(code__in=lib.terms).delete()
    terms = _as_written(
        Term,
        "code",
        {
            word.code: {"term": word.term, "forms": canonical.text(list(word.forms)), "meaning": word.meaning}
            for word in lib.words
        },
    )
    cites = {terms[code]: row.get("cites", ()) for code, row in lib.terms.items()}
    for many, known in ((Term.facts, facts), (Term.positions, positions)):
        _link(many, {pk: [known[code] for code in codes if code in known] for pk, codes in cites.items()})


def plain(value: Any) -> str:
    return " ".join(str(value).split())


def _load_module(
    module: Module, file: ModuleFile, items: tuple[ItemFile, ...], quiz: QuizFile, by: StaffMember, done: Loaded
) -> None:
    shown = {p.code: _picture(module, p) for p in file.pictures}
    versions = _sections(module, file, shown, by, done)
    details = {
        "title": file.data["title"],
        "summary": plain(file.data["summary"]),
        "reviewer": file.data["reviewer"],
        "objectives": [{"text": plain(o["text"]), "proof": o["proof"]} for o in file.data["objectives"]],
    }
    latest, is_new = publishing.module_version(
        module,
        details,
        versions,
        change=file.data.get("change", "clinical"),
        note=file.data.get("note", ""),
        by=by,
    )
    if is_new:
        done.published.append(str(latest))
    _load_quiz(module, quiz, items, by)
    _load_items(module, file, items, latest, by, done)
    done.stale += approving.mark_stale(version=latest, by=by)


def _sections(
    module: Module, file: ModuleFile, pictures: dict[str, Picture], by: StaffMember, done: Loaded
) -> list[SectionVersion]:
    """The version of each section: what was edited on the site stays, and the file's text waits beside it as a draft."""
    held: dict[str, SectionVersion] = {}
    for row in SectionVersion.objects.filter(section__module=module).select_related("section").order_by("number"):
        held[row.section.slug] = row
    versions = []
    for section in file.sections:
        latest = held.get(section.slug)
        if latest is None or latest.origin == SectionVersion.Origin.FILE:
            versions.append(publishing.section_version(module, section, pictures, by))
            continue
        versions.append(latest)
        sha256 = publishing.section_sha256(section, pictures)
        if sha256 != latest.sha256:
            known = latest.section.versions.filter(sha256=sha256).exists()
            waits = None if known else drafting.offer(section=latest.section, source=section.text, by=by)
            done.conflicts.append(_conflict(section, latest, known, bool(waits)))
    return versions


def _conflict(file: SectionFile, held: SectionVersion, known: bool, waits: bool) -> str:
    kept = f"{file.file}: version {held.number} was edited on the site and stays"
    if known:
        return f"{kept}; the file has an older text, export_material writes the newer one"
    if waits:
        return f"{kept}; the file's text waits as a draft under Authoring"
    return f"{kept}; a draft of the section is open, so the file's text was not taken up"


def _picture(module: Module, file: PictureFile) -> Picture:
    shown = picture_fields(file)
    fields = {
        "module": module,
        "code": file.code,
        "svg": file.svg,
        **{n: shown[n] for n in shown if n not in ("file", "cites")},
    }
    if file.raster:
        drawn = pictures.measured(file.raster)
        size = {"width": drawn.width, "height": drawn.height}
        fields |= {"file": pictures.stored(drawn), "cites": canonical.text(list(file.cites)), **size}
    return Picture.objects.get_or_create(sha256=picture_sha256(module.slug, file), defaults=fields)[0]


def _load_quiz(module: Module, file: QuizFile, items: tuple[ItemFile, ...], by: StaffMember) -> None:
    quiz, _ = Quiz.objects.update_or_create(module=module, defaults={"minutes": minutes(items, file.items)})
    rules: dict[str, Any] = {
        "blueprint": canonical.text({"sections": file.sections, "recall_at_most": file.recall_at_most}),
        "items": file.items,
        "cut": file.cut,
        "critical_rule": "all",
        "limit_minutes": file.limit_minutes,
        "open_minutes": file.open_minutes,
        "attempts": file.attempts,
    }
    if file.retest:
        rules["retest_items"] = file.retest
    sha256 = canonical.sha256_of(rules)
    latest = quiz.versions.order_by("-number").first()
    if latest is None or latest.sha256 != sha256:
        if latest:
            rules["cut_basis"] = latest.cut_basis  # a panel has rated items, which other rules do not change
        QuizVersion.objects.create(
            quiz=quiz, number=latest.number + 1 if latest else 1, sha256=sha256, created_by=by, **rules
        )


def _load_items(
    module: Module,
    module_file: ModuleFile,
    items: tuple[ItemFile, ...],
    version: ModuleVersion,
    by: StaffMember,
    done: Loaded,
) -> None:
    in_files = {
        block.code: publishing.point_sha256(block) for section in module_file.sections for block in section.points
    }
    live_points = {
        row.key_point.code: row
        for row in KeyPointVersion.objects.filter(section_version__places__module_version=version).select_related(
            "key_point"
        )
    }
    protocol = {item.code: item for item in ProtocolItem.objects.all()}
    sections = {section.slug: section for section in Section.objects.filter(module=module)}
    known = {question.code: question for question in Question.objects.filter(section__module=module)}
    latest: dict[int, QuestionVersion] = {}
    highest: dict[int, int] = {}
    for row in QuestionVersion.objects.filter(question__section__module=module).order_by("number"):
        highest[row.question_id] = row.number
        if row.approved_at:  # what was only proposed on the site is none of the files' concern
            latest[row.question_id] = row
    for file in items:
        question = known.get(file.code) or Question.objects.create(
            code=file.code, section=sections[file.section], bank=file.bank, kind=file.kind
        )
        if question.bank != file.bank:
            sentence = (
                f"{file.code} was {question.bank} and is {file.bank} now: an item keeps its bank, give it a new code"
            )
            raise MaterialError([Problem(file.file, file.line, sentence)])
        if question.kind != file.kind:
            sentence = (
                f"{file.code} was {question.kind} and is {file.kind} now: an item keeps its kind, give it a new code"
            )
            raise MaterialError([Problem(file.file, file.line, sentence)])
        text = canonical.text(file.body)
        if any(code not in live_points or live_points[code].content_sha256 != in_files[code] for code in file.points):
            continue  # its key point was edited on the site: a second person decides about the item there
        tests = {code: live_points[code].content_sha256 for code in file.points}
        sha256 = approving.content_sha256(text, file.bank, file.kind, tests, file.depends)
        before = latest.get(question.pk)
        if before and before.sha256 == sha256 and before.state == QuestionVersion.State.LIVE:
            continue
        if before and before.state == QuestionVersion.State.STALE and before.body == text:
            continue  # waits for a second person; the file says nothing new
        if before and before.origin == "site" and before.body != text:
            done.conflicts.append(f"{file.file}:{file.line}: {file.code} was edited on the site and stays")
            continue
        if before:
            QuestionVersion.objects.filter(question=question, state="live").update(state=QuestionVersion.State.RETIRED)
        row = QuestionVersion.objects.create(
            question=question,
            number=highest.get(question.pk, 0) + 1,
            body=text,
            sha256=sha256,
            state=QuestionVersion.State.LIVE,
            created_by=by,
            approved_at=clock.now(),
            approved_by=by,
            approved_via=QuestionVersion.Via.RELEASE,
        )
        QuestionPoint.objects.bulk_create(
            QuestionPoint(
                question_version=row, key_point=live_points[code].key_point, approved_against=live_points[code]
            )
            for code in file.points
        )
        if file.depends:
            row.depends_on.set([protocol[code] for code in file.depends])
        done.items += 1
    gone = [question.pk for code, question in known.items() if code not in {item.code for item in items}]
    done.retired += QuestionVersion.objects.filter(question__in=gone, state="live", origin="file").update(
        state=QuestionVersion.State.RETIRED
    )
