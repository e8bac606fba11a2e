"""Items from elsewhere: what each would become, then as proposals that wait for a second person. docs/exchange.md."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Prefetch

from quizzes import approving, kinds, lint
from quizzes.exchange import FORMATS, Found, Outgoing, text_of
from quizzes.files import LEVELS, Ground, ItemFile, plain, read_item
from quizzes.models import Question, QuestionPoint, QuestionVersion
from quizzes.queries import live_points
from staff import audit, canonical
from staff.models import StaffMember
from training.models import KeyPointVersion, Module, Picture, ProtocolItem
from training.queries import live_version

BANKS = ("certifying", "practice")
State = QuestionVersion.State


@dataclass(frozen=True)
class Verdict:
    """What becomes of one item of the file. `reasons` stand where it is unsupported, `notes` where something was assumed."""

    name: str
    code: str
    verdict: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    item: ItemFile | None = None

    def plain(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "code": self.code,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }


class Refused(Exception):
    """Some item of the file is not supported and nobody said to leave such out: nothing was imported."""


@dataclass(frozen=True)
class Held:
    """An item of the bank as it stands last: its draft, or what is live or stale."""

    question: Question
    version: QuestionVersion
    points: tuple[str, ...]
    depends: tuple[str, ...]

    @property
    def stem(self) -> str:
        return same(self.version.content["stem"])


@dataclass
class Bank:
    """What a module's items may refer to, and the items that it has."""

    module: Module
    points: dict[str, KeyPointVersion]
    grounds: dict[str, Ground]
    held: dict[str, Held]
    live: dict[str, Held]
    questions: dict[str, Question]
    codes: set[str] = field(default_factory=set)
    stems: dict[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        return self.module.code

    def ground(self, point: str) -> Ground:
        return self.grounds[self.points[point].section_version.section.slug]

    def next_code(self, point: str, bank: str) -> str:
        letter = "p" if bank == "practice" else "q"
        taken = {int(code.rsplit("-", 1)[1][1:]) for code in self.codes if code.startswith(f"{point}-")}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        return f"{point}-{letter}{number}"


def same(stem: str) -> str:
    return plain(stem).casefold()


def bank_of(module: Module) -> Bank:
    version = live_version(module)
    points = {row.key_point.code: row for row in live_points(version).values()} if version else {}
    protocol = set(ProtocolItem.objects.values_list("code", flat=True))
    drawings = drawings_of(module)
    grounds: dict[str, Ground] = {}
    for row in points.values():
        slug = row.section_version.section.slug
        within = {code: one.critical for code, one in points.items() if one.section_version.section.slug == slug}
        grounds[slug] = Ground(module.code, slug, within, protocol, drawings)
    tests = QuestionPoint.objects.select_related("key_point").order_by("pk")
    rows = (
        QuestionVersion.objects.filter(question__section__module=module)
        .select_related("question__section")
        .prefetch_related("depends_on", Prefetch("points", tests))
        .order_by("question__code", "number")
    )
    held, live = {}, {}
    for one in rows.exclude(state=State.RETIRED):
        tested = tuple(test.key_point.code for test in one.points.all())
        depends = tuple(sorted(item.code for item in one.depends_on.all()))
        held[one.question.code] = Held(one.question, one, tested, depends)
        if one.state != State.DRAFT:
            live[one.question.code] = held[one.question.code]
    questions = {row.code: row for row in Question.objects.filter(section__module=module)}
    stems = {row.stem: code for code, row in held.items()}
    return Bank(module, points, grounds, held, live, questions, set(questions), stems)


def drawings_of(module: Module) -> dict[str, kinds.Drawing]:
    """The module's pictures as they are now, for hotspots."""
    found = {}
    for row in Picture.objects.filter(module=module).order_by("pk"):
        box = re.search(r'viewBox="(-?\d+) (-?\d+) (\d+) (\d+)"', row.svg)
        if box:
            left, top, width, height = map(int, box.groups())
            found[row.code] = kinds.Drawing(row.svg, row.sha256, (left, top, width, height))
    return found


def read(data: bytes, form: str) -> list[Found]:
    """Raises exchange.Unreadable."""
    found: list[Found] = FORMATS[form].read(text_of(data))
    return found


def plan(module: Module, found: Iterable[Found], *, point: str = "") -> list[Verdict]:
    """A verdict on every item, in the file's order. `point` is tested by those that name no key point themselves."""
    bank = bank_of(module)
    verdicts = []
    for one in found:
        verdict = _verdict(one, bank, point)
        verdicts.append(verdict)
        if verdict.item:
            bank.codes.add(verdict.code)
            bank.stems[same(verdict.item.stem)] = verdict.code
    return _once(verdicts)


def _once(verdicts: list[Verdict]) -> list[Verdict]:
    """Of two items under one code neither is taken: nobody can say which was meant."""
    twice = {code for code, count in Counter(one.code for one in verdicts if one.item).items() if count > 1}
    return [
        Verdict(one.name, one.code, "unsupported", (f"{one.code} stands twice in the file",))
        if one.code in twice
        else one
        for one in verdicts
    ]


def _verdict(found: Found, bank: Bank, point: str) -> Verdict:
    def unsupported(*reasons: str, code: str = "") -> Verdict:
        return Verdict(found.name, code, "unsupported", reasons)

    if found.reason:
        return unsupported(found.reason)
    coded = found.code if re.fullmatch(rf"{bank.prefix}-\d\d-[qp]\d+", found.code) else ""
    stem = same(found.row["stem"])
    if not stem:
        return unsupported("it asks nothing")
    known = bank.held.get(coded) or (None if coded else bank.held.get(bank.stems.get(stem, "")))
    points = _points(found, bank, known, coded, point)
    unknown = [code for code in points if code not in bank.points]
    if not points:
        first = min(bank.points, default=f"{bank.prefix}-01")
        return unsupported(f"it names no key point: tag it with the code of the one it tests, such as {first}")
    if unknown:
        return unsupported(f"it names {', '.join(unknown)}, which the live module does not have")
    row, notes = _row(found, bank, known, points)
    row["code"] = coded or (known.question.code if known else bank.next_code(points[0], row["bank"]))
    other = bank.stems.get(stem)
    if other and other != row["code"]:
        return unsupported(f"{other} asks the same", code=row["code"])
    question = bank.questions.get(row["code"])
    if question and (question.bank, question.kind) != (row["bank"], row["kind"]):
        was = f"{question.bank} item of kind {question.kind}"
        return unsupported(f"{row['code']} is a {was} and stays so: give it a new code", code=row["code"])
    reasons: list[str] = []
    item = read_item(row, bank.ground(points[0]), reasons.append)
    if item is None or reasons:
        return unsupported(*reasons, code=row["code"])
    if known and _is_same(known, item):
        return Verdict(found.name, item.code, "unchanged")
    notes += [one.sentence.rstrip(".") for one in lint.of_item(item)]
    return Verdict(found.name, item.code, "updated" if known else "created", (), tuple(notes), item)


def _is_same(known: Held, item: ItemFile) -> bool:
    """Whether it was drafted from a passage, which no other system keeps, makes no difference."""
    held, new = ({**body, "source": None} for body in (known.version.content, item.body))
    return (
        canonical.text(held) == canonical.text(new)
        and {*known.points} == {*item.points}
        and {*known.depends} == {*item.depends}
    )


def _points(found: Found, bank: Bank, known: Held | None, coded: str, given: str) -> list[str]:
    """From its tags, its own code, the item of the same wording, its name, its category, or what was given for all."""
    pattern = rf"\b{bank.prefix}-\d\d\b"
    tagged = [
        code
        for tag in found.tags
        if re.fullmatch(rf"(?:point[: ])?{pattern}", tag)
        for code in re.findall(pattern, tag)
    ]
    if tagged:
        return list(dict.fromkeys(tagged))
    if known:
        return list(known.points)
    for text in (coded, found.code, found.name, found.category):
        named = re.findall(pattern, text)
        if named:
            return named[-1:]
    return [given] if given else []


def _row(found: Found, bank: Bank, known: Held | None, points: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields of a file of ours, and what was assumed for them."""
    notes: list[str] = []
    tags = [tag.strip().lower() for tag in found.tags]
    held = known.version.content if known else {}

    def tagged(name: str, words: Sequence[str]) -> str:
        return next((word for word in words if f"{name}:{word}" in tags or word in tags), "")

    level = tagged("level", LEVELS) or held.get("level", "")
    if not level:
        level = "apply"
        notes.append("no level is named: taken as apply")
    practice = bool(re.search(r"-p\d+$", found.code))
    which = tagged("bank", BANKS) or (known.question.bank if known else BANKS[practice])
    depends = [tag.partition(":")[2].strip() for tag in found.tags if tag.lower().startswith("depends:")]
    if not found.tags and known:
        depends = list(known.depends)
    row = {**found.row, "points": list(points), "level": level, "bank": which, "depends": depends}
    first = bank.points[points[0]]
    if _fill_reasons(row, f"{points[0]}: {first.text}"):
        notes.append(f"a reason is missing: the words of {points[0]} stand in its place, write better ones")
    return row, notes


def _fill_reasons(row: dict[str, Any], words: str) -> bool:
    """In place. Whether any was missing."""
    parts = [row, *row.get("options", ()), *row.get("pairs", ())]
    parts += [option for part in row.get("parts", ()) for option in part["options"]]
    lacking = [part for part in parts if "rationale" in part and not part["rationale"]]
    for part in lacking:
        part["rationale"] = words
    return bool(lacking)


@transaction.atomic
def propose(module: Module, verdicts: Sequence[Verdict], *, by: StaffMember, skip: bool = False) -> int:
    """Propose what is created or updated; how many. Raises Refused, unless told to skip what is not supported."""
    refused = sum(one.verdict == "unsupported" for one in verdicts)
    if refused and not skip:
        raise Refused(f"{refused} of {len(verdicts)} items are not supported, so nothing was imported.")
    sections = {section.slug: section for section in module.sections.all()}
    taken = [one.item for one in verdicts if one.item]
    for item in taken:
        propose_item(item, sections[item.section], by=by)
    audit.record(
        clinic=None,
        by=by,
        action="items.imported",
        subject=module,
        body={"proposed": [item.code for item in taken], "left_out": refused},
    )
    return len(taken)


def propose_item(item: ItemFile, section: Any, *, by: StaffMember) -> QuestionVersion:
    return approving.propose_question(
        code=item.code,
        section=section,
        bank=item.bank,
        kind=item.kind,
        body=item.body,
        points=item.points,
        depends=item.depends,
        by=by,
    )


def row_of(version: QuestionVersion, points: Sequence[str], depends: Sequence[str]) -> dict[str, Any]:
    """An item of the bank with the fields of its file."""
    content, question = version.content, version.question
    return {
        "code": question.code,
        "bank": question.bank,
        "kind": question.kind,
        "level": content["level"],
        "points": list(points),
        "depends": list(depends),
        "stem": content["stem"],
        **kinds.of(question.kind).written(content),
        **({"source": content["source"]} if "source" in content else {}),
    }


def export(module: Module, form: str) -> tuple[str, list[tuple[str, str]]]:
    """The live items of both banks as a file, and what the format cannot hold."""
    live = bank_of(module).live.values()
    rows = [Outgoing(row_of(row.version, row.points, row.depends)) for row in live]
    text: str
    text, left_out = FORMATS[form].write(rows)
    return text, left_out


def counts(verdicts: Sequence[Verdict]) -> Mapping[str, int]:
    found = Counter(one.verdict for one in verdicts)
    return {name: found[name] for name in ("created", "updated", "unchanged", "unsupported")}
