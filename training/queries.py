"""Questions asked of the material: what is live, what is adopted, how far a person has read."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from staff import frozen
from staff.models import Clinic, StaffMember
from staff.prepared import prepared
from training import glossary, markdown
from training.models import (
    Adoption,
    Citation,
    Fact,
    KeyPointVersion,
    Module,
    ModuleVersion,
    ModuleVersionSection,
    Picture,
    Position,
    ProtocolItem,
    ProtocolValue,
    Reading,
    ReadingConfirmation,
    Rereading,
    SectionVersion,
    Term,
)


def live_version(module: Module) -> ModuleVersion | None:
    """The highest published number."""
    return next(iter(_newest_version(module.pk)), None)


@prepared
def _newest_version(module: int) -> "QuerySet[ModuleVersion]":
    return ModuleVersion.objects.filter(module=module).order_by("-number")[:1]


def live_versions(at: datetime | None = None) -> list[ModuleVersion]:
    """The live version of every module, in the course's order; with `at` the one that was live at that instant."""
    return _live_at(at) if at else _live()


@prepared
def _live() -> "QuerySet[ModuleVersion]":
    return _newest(ModuleVersion.objects.all())


@prepared
def _live_at(at: datetime) -> "QuerySet[ModuleVersion]":
    return _newest(ModuleVersion.objects.filter(published_at__lte=at))


def _newest(rows: "QuerySet[ModuleVersion]") -> "QuerySet[ModuleVersion]":
    """Of these the one with the highest number of each module."""
    newest = rows.filter(module=OuterRef("module")).order_by("-number").values("pk")[:1]
    found = ModuleVersion.objects.filter(pk=Subquery(newest)).select_related("module")
    return found.order_by("module__position", "module__slug")


def live_versions_of(modules: Collection[int]) -> dict[int, ModuleVersion]:
    """The live version of each of these modules, by the module's id."""
    return {row.module_id: row for row in _newest_versions(tuple(modules))} if modules else {}


@prepared
def _newest_versions(modules: tuple[int, ...]) -> "QuerySet[ModuleVersion]":
    newest = ModuleVersion.objects.filter(module=OuterRef("module")).order_by("-number").values("pk")[:1]
    return ModuleVersion.objects.filter(module__in=modules, pk=Subquery(newest))


def sections_of(versions: Mapping[int, ModuleVersion]) -> dict[int, list[SectionVersion]]:
    """The sections of each version in order, under the same keys."""
    found = _sections((version.pk, version.sha256) for version in versions.values())
    return {key: list(found[version.pk, version.sha256]) for key, version in versions.items()}


@frozen.once
def _sections(names: list[frozen.Name]) -> dict[frozen.Name, tuple[SectionVersion, ...]]:
    rows = ModuleVersionSection.objects.filter(module_version__in=[pk for pk, _ in names])
    found: dict[int, list[SectionVersion]] = {}
    for row in rows.select_related("section_version__section").order_by("position"):
        found.setdefault(row.module_version_id, []).append(row.section_version)
    return {name: tuple(found.get(name[0], ())) for name in names}


def places(version: ModuleVersion) -> list[ModuleVersionSection]:
    """The version's sections in order, with their text."""
    return list(version.places.select_related("section_version__section").order_by("position"))


def standing_adoption(clinic: Clinic, version: ModuleVersion) -> Adoption | None:
    """The adoption that holds for `version`: of it, or of an earlier one that only cosmetic changes followed."""
    return standing_adoptions(clinic, [version]).get(version.pk)


def standing_adoptions(clinic: Clinic, versions: Sequence[ModuleVersion]) -> dict[int, Adoption]:
    """The same for several versions, by the version's id, in two statements at most however many there are."""
    modules = {version.module_id for version in versions}
    rows = _adoptions_of(clinic.pk, tuple(modules)) if modules else []
    signed = {(row.module_version.module_id, row.module_version.number): row for row in rows}
    cosmetic: set[tuple[int, int]] = set()
    if signed and any((version.module_id, version.number) not in signed for version in versions):
        changes = ModuleVersion.objects.filter(module__in=modules, change=ModuleVersion.Change.COSMETIC)
        cosmetic = set(changes.values_list("module", "number"))
    found = {}
    for version in versions:
        number = version.number
        while (version.module_id, number) not in signed and number > 1 and (version.module_id, number) in cosmetic:
            number -= 1
        adoption = signed.get((version.module_id, number))
        if adoption:
            found[version.pk] = adoption
    return found


@prepared
def _adoptions_of(clinic: int, modules: tuple[int, ...]) -> "QuerySet[Adoption]":
    rows = Adoption.objects.filter(clinic=clinic, module_version__module__in=modules)
    return rows.select_related("signature", "module_version")


def counting(rows: "QuerySet[ReadingConfirmation]", at: datetime | None = None) -> "QuerySet[ReadingConfirmation]":
    """Those that count: not from before the person was asked to read the module anew; with `at`, asked by that instant."""
    module = OuterRef("section_version__section__module")
    later = Rereading.objects.filter(person=OuterRef("person"), module=module, asked_at__gt=OuterRef("confirmed_at"))
    return rows.filter(~Exists(later.filter(asked_at__lte=at) if at else later))


def confirmed(person: StaffMember, versions: Iterable[SectionVersion]) -> dict[int, ReadingConfirmation]:
    """The person's latest confirmation that counts of each of these section versions, by its id."""
    rows = ReadingConfirmation.objects.filter(person=person, section_version__in=list(versions))
    return {row.section_version_id: row for row in counting(rows).order_by("number")}


def confirmed_at(person: StaffMember, versions: Iterable[SectionVersion]) -> dict[int, datetime]:
    """When the person last confirmed each of these section versions as it counts, by its id."""
    wanted = tuple(version.pk for version in versions)
    return dict(_confirmed_at(person.pk, wanted)) if wanted else {}


@prepared
def _confirmed_at(person: int, versions: tuple[int, ...]) -> "QuerySet[ReadingConfirmation, Any]":
    rows = ReadingConfirmation.objects.filter(person=person, section_version__in=versions)
    return counting(rows).order_by("number").values_list("section_version_id", "confirmed_at")


@dataclass(frozen=True)
class ProtocolShown:
    """A protocol item as a clinic's reader sees it: the signed value, or the cautious default."""

    item: ProtocolItem
    value: ProtocolValue | None

    @property
    def text(self) -> str:
        """In words; a table's rows one after another, for where there is no table."""
        words = self.value.text if self.value else self.item.default
        return "; ".join(", ".join(row) for row in self.rows) + "." if self.rows else words

    @property
    def rows(self) -> list[list[str]]:
        """Of a signed table, under the item's columns; none where the default stands, or words from before it was a table."""
        if self.item.kind != "table" or not self.differs or self.value is None or not self.value.text.startswith("["):
            return []
        return [[str(cell) for cell in row] for row in json.loads(self.value.text)]

    @property
    def columns(self) -> list[str]:
        return [column.strip() for column in self.item.columns.split(",") if column.strip()]

    @property
    def differs(self) -> bool:
        """A value other than the default: what depends on the item leaves this clinic's draws."""
        return bool(self.value and not self.value.is_default)


def protocol_of(clinic: Clinic | None) -> dict[str, ProtocolShown]:
    """Every item by its code, with the clinic's value in force."""
    values: dict[int, ProtocolValue] = {}
    if clinic:
        for value in ProtocolValue.objects.filter(clinic=clinic).select_related("signature").order_by("number"):
            values[value.item_id] = value
    return {item.code: ProtocolShown(item, values.get(item.pk)) for item in ProtocolItem.objects.all()}


@dataclass(frozen=True)
class SourceChip:
    """One document behind a statement, with the rows of it that are cited."""

    code: str
    title: str
    label: str
    label_text: str
    address: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Shown:
    """A block as the reader sees it."""

    block: markdown.Block
    anchor: str = ""
    html: str = ""
    point: KeyPointVersion | None = None
    sources: tuple[SourceChip, ...] = ()
    label: str = ""
    protocol: ProtocolShown | None = None
    picture: object = None


def _chips(citations: list[Citation]) -> tuple[SourceChip, ...]:
    rows: dict[str, list[tuple[str, str]]] = {}
    sources = {}
    positions = []
    for citation in citations:
        if citation.fact:
            source = citation.fact.source
            sources[source.code] = source
            rows.setdefault(source.code, []).append(
                (citation.fact.code, citation.fact.quote or citation.fact.statement)
            )
        elif citation.position:
            positions.append(
                SourceChip(
                    citation.position.code,
                    citation.position.title,
                    "position",
                    "where sources differ",
                    "",
                    ((citation.position.code, citation.position.teach),),
                )
            )
    chips = [
        SourceChip(code, s.title, s.label, s.get_label_display(), s.address, tuple(rows[code]))
        for code, s in sources.items()
    ]
    return (*chips, *positions)


def _label(chips: tuple[SourceChip, ...]) -> str:
    """Where a statement comes from that no seed document carries."""
    labels = {chip.label for chip in chips}
    if not labels or "seed" in labels or labels == {"position"}:
        return ""
    return next((name for name in ("official", "research", "secondary") if name in labels), "")


def shown(version: SectionVersion, clinic: Clinic | None) -> list[Shown]:
    """The section as a reader of this clinic sees it, block by block; a fixed number of queries."""
    points = {row.key_point.code: row for row in version.points.select_related("key_point")}
    pictures = {picture.code: picture for picture in version.pictures.all()}
    protocol = protocol_of(clinic)
    cited: dict[str, list[Citation]] = {}
    by_code: dict[str, Citation] = {}
    for row in version.citations.select_related("fact__source", "position", "point__key_point").order_by("pk"):
        code = row.fact.code if row.fact else row.position.code if row.position else ""
        by_code.setdefault(code, row)
        if row.point:
            cited.setdefault(row.point.key_point.code, []).append(row)
    return _blocks(markdown.blocks(version.text), points, cited, by_code, pictures, protocol)


def previewed(blocks: Sequence[markdown.Block], pictures: Mapping[str, Picture], clinic: Clinic | None) -> list[Shown]:
    """The same of a text that is not published; what it cites and the register does not have is left out."""
    codes = {code for block in blocks for code in block.cites}
    by_code = {row.code: Citation(fact=row) for row in Fact.objects.filter(code__in=codes).select_related("source")}
    by_code |= {row.code: Citation(position=row) for row in Position.objects.filter(code__in=codes)}
    points, cited = {}, {}
    for block in blocks:
        if block.kind == "point":
            points[block.code] = KeyPointVersion(text=block.text, critical=block.critical)
            cited[block.code] = [by_code[code] for code in block.cites if code in by_code]
    return _blocks(blocks, points, cited, by_code, pictures, protocol_of(clinic))


def _blocks(
    blocks: Sequence[markdown.Block],
    points: Mapping[str, KeyPointVersion],
    cited: Mapping[str, list[Citation]],
    by_code: Mapping[str, Citation],
    pictures: Mapping[str, Picture],
    protocol: Mapping[str, ProtocolShown],
) -> list[Shown]:
    result = []
    for anchor, block in zip(markdown.anchors(blocks), blocks, strict=True):
        if block.kind == "point":
            chips = _chips(cited.get(block.code, []))
            html = markdown.inline(block.text)
            result.append(Shown(block, anchor, html, points.get(block.code), chips, _label(chips)))
        elif block.kind == "protocol":
            result.append(Shown(block, anchor, protocol=protocol.get(block.code)))
        elif block.kind == "picture":
            result.append(Shown(block, anchor, picture=pictures.get(block.code)))
        else:
            chips = _chips([by_code[code] for code in block.cites if code in by_code])
            result.append(Shown(block, anchor, markdown.html(block.text), sources=chips, label=_label(chips)))
    return result


def words_of(terms: Iterable[Term]) -> tuple[glossary.Word, ...]:
    return tuple(glossary.Word(row.code, row.term, tuple(json.loads(row.forms)), row.meaning) for row in terms)


def all_words() -> tuple[glossary.Word, ...]:
    return words_of(Term.objects.all())


def terms_with_sources() -> QuerySet[Term]:
    return Term.objects.prefetch_related("facts__source", "positions")


def words_used(blocks: Iterable[Shown], words: Sequence[glossary.Word]) -> list[glossary.Word]:
    """Those that the prose and the key points use, by the alphabet."""
    text = "\n".join(row.block.text for row in blocks if row.block.kind in ("prose", "point"))
    used = set(glossary.used(text, words))
    return sorted((word for word in words if word.code in used), key=lambda word: word.term.lower())


def explained(blocks: Iterable[Shown], words: Sequence[glossary.Word]) -> list[Shown]:
    """The blocks of one page: each piece of prose with its anchor, each word a button where it is first used in prose."""
    met: set[str] = set()
    return [
        replace(row, html=markdown.anchored(glossary.first_uses(row.html, words, met), row.anchor))
        if row.block.kind == "prose"
        else row
        for row in blocks
    ]


def places_in(person: StaffMember, versions: Iterable[SectionVersion]) -> dict[int, str]:
    """By the section version's id: the anchor where this person stopped reading it."""
    return dict(
        Reading.objects.filter(person=person, section_version__in=list(versions)).values_list(
            "section_version", "place"
        )
    )
