"""Verbs of whoever writes a section on the site, and the checks that run as one writes: the same as of the files."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from django.db import IntegrityError, transaction

from staff import audit, canonical, clock
from staff.models import StaffMember
from training import markdown, points, reading_level
from training.files import Library, Problem, Reader, SectionFile
from training.models import (
    Draft,
    Fact,
    KeyPoint,
    KeyPointVersion,
    Module,
    ModuleVersion,
    Picture,
    Position,
    ProtocolItem,
    Section,
    SectionVersion,
    Source,
)
from training.publishing import point_sha256
from training.queries import all_words, live_version

LONGEST_TITLE = 200
FRONT = re.compile(r"---\n(.*?)\n---\n", re.S)


class Conflict(Exception):
    """Somebody else saved, published or discarded meanwhile: nothing was kept. `draft` is the open one, if there is one."""

    def __init__(self, draft: Draft | None) -> None:
        self.draft = draft
        super().__init__("the draft has changed since it was opened")


@dataclass(frozen=True)
class Checked:
    """A text that was read, with everything that keeps it from being published."""

    file: SectionFile
    problems: list[Problem]

    @property
    def points(self) -> dict[str, markdown.Block]:
        return {block.code: block for block in self.file.points}


def library() -> Library:
    """The register as it stands in the database, in the shape of the files."""
    return Library(
        sources={row.code: {"label": row.label} for row in Source.objects.all()},
        facts={
            row.code: {
                "source": row.source.code,
                "statement": row.statement,
                "quote": row.quote,
                "verified": row.verified,
                "kind": row.kind,
            }
            for row in Fact.objects.select_related("source")
        },
        positions={
            row.code: {"teach": row.teach, "differs": row.differs, "cites": [fact.code for fact in row.cites.all()]}
            for row in Position.objects.prefetch_related("cites")
        },
        protocol={row.code: {} for row in ProtocolItem.objects.all()},
    )


def title_and_body(source: str) -> tuple[str, str]:
    """What the page shows in two fields."""
    front = FRONT.match(source)
    if not front:
        return "", source
    try:
        meta = yaml.safe_load(front.group(1))
    except yaml.YAMLError:
        return "", source
    return (str(meta.get("title", "")), source[front.end() :]) if isinstance(meta, dict) else ("", source)


def source_of(title: str, body: str, before: str = "") -> str:
    """The text as a file has it. The front matter of `before` is kept letter by letter where its title is the same."""
    title = " ".join(_writable(title).split())
    body = re.sub(r"\r\n?", "\n", _writable(body)).rstrip() + "\n"
    front = FRONT.match(before)
    if front and title_and_body(before)[0] == title:
        return front.group() + body
    named = yaml.safe_dump({"title": title}, allow_unicode=True, width=10_000)
    return f"---\n{named}---\n{body}"


def _writable(text: str) -> str:
    """Without control characters, which no file of ours holds and PostgreSQL does not store."""
    return "".join(letter for letter in text if letter in "\n\r\t" or unicodedata.category(letter) not in ("Cc", "Cs"))


def open_draft(section: Section) -> Draft | None:
    rows = Draft.objects.filter(section=section, closed_at=None)
    return rows.select_related("base", "saved_by", "opened_by", "section__module").first()


def live_section(section: Section) -> SectionVersion | None:
    """The version that stands in the module's live version."""
    version = live_version(section.module)
    return SectionVersion.objects.filter(section=section, places__module_version=version).first() if version else None


def pictures_of(module: Module, version: ModuleVersion | None) -> dict[str, Picture]:
    """By code: the drawings a text of the module may show. Of two under one code, the live one."""
    found = {row.code: row for row in Picture.objects.filter(module=module).order_by("pk")}
    live = Picture.objects.filter(sectionversion__places__module_version=version) if version else []
    return found | {row.code: row for row in live}


def read(section: Section, source: str) -> SectionFile:
    title, _ = title_and_body(source)
    return SectionFile(section.slug, section.slug, title, source, tuple(markdown.blocks(source)))


def check(section: Section, source: str) -> Checked:
    """Everything that the files are checked for, and that codes stay where they are."""
    file = read(section, source)
    reader = Reader(Path("."))
    path = Path(section.slug)
    words = all_words()
    if not 1 <= len(file.title) <= LONGEST_TITLE:
        said = (
            f"the title has {len(file.title)} letters; {LONGEST_TITLE} are the most"
            if file.title
            else "the section has no title"
        )
        reader.problem(path, 1, said)
    reader.check_section(path, file, section.module.code, library())
    pictures = pictures_of(section.module, live_version(section.module))
    for block in file.blocks:
        if block.kind == "picture" and block.code not in pictures:
            reader.problem(path, block.line, f"picture {block.code or 'without a name'} is not one of this module's")
    for block, sentence in _misplaced(section, file):
        reader.problem(path, block.line, sentence)
    grade = reading_level.grade(reading_level.prose(source, words))
    if grade > reading_level.HARDEST_GRADE:
        hardest = f"{reading_level.HARDEST_GRADE:g}"
        reader.problem(path, 1, f"reads at grade {grade}, {hardest} is the most: shorter sentences, plainer words")
    return Checked(file, sorted(set(reader.problems)))


def _misplaced(section: Section, file: SectionFile) -> list[tuple[markdown.Block, str]]:
    """Key points whose code stands twice, stands elsewhere, or was retired."""
    elsewhere = dict(
        KeyPointVersion.objects.filter(section_version__places__module_version=live_version(section.module))
        .exclude(section_version__section=section)
        .values_list("key_point__code", "section_version__title")
    )
    retired = set(KeyPoint.objects.exclude(retired_at=None).values_list("code", flat=True))
    seen: set[str] = set()
    found = []
    for block in file.points:
        if block.code in seen:
            found.append((block, f"{block.code} stands twice"))
        elif block.code in elsewhere:
            found.append((block, f"{block.code} stands in “{elsewhere[block.code]}” already"))
        elif block.code in retired:
            found.append((block, f"{block.code} was retired: a code is never used again, take the next free one"))
        seen.add(block.code)
    return found


def next_code(module: Module, source: str = "") -> str:
    """A code that no key point of the module ever had, in what is published or in any draft."""
    used = set(KeyPoint.objects.filter(module=module).values_list("code", flat=True))
    for text in [source, *Draft.objects.filter(section__module=module).values_list("text", flat=True)]:
        used |= {block.code for block in markdown.blocks(text) if block.kind == "point"}
    return points.next_code(module.code, used)


@transaction.atomic
def save(*, section: Section, source: str, revision: int, by: StaffMember) -> Draft:
    """Keep the text. `revision` is what the writer had before her, 0 for none yet. Raises Conflict where it is another."""
    if not revision:
        return _begin(section, source, by)
    kept = Draft.objects.filter(section=section, closed_at=None, revision=revision).update(
        text=source,
        revision=revision + 1,
        saved_at=clock.now(),
        saved_by=by,
    )
    draft = open_draft(section)
    if not kept or draft is None:
        raise Conflict(draft)
    draft.writers.add(by)
    return draft


def _begin(section: Section, source: str, by: StaffMember, origin: str = SectionVersion.Origin.SITE) -> Draft:
    base = live_section(section)
    if base is None:
        raise Conflict(None)
    now = clock.now()
    try:
        with transaction.atomic():
            draft = Draft.objects.create(
                section=section,
                base=base,
                text=source,
                origin=origin,
                opened_at=now,
                opened_by=by,
                saved_at=now,
                saved_by=by,
            )
    except IntegrityError:
        raise Conflict(open_draft(section)) from None
    draft.writers.add(by)
    audit.record(
        clinic=None,
        by=by,
        action="draft.opened",
        subject=draft,
        body={"section": str(section), "base": base.sha256, "origin": origin},
    )
    return draft


def offer(*, section: Section, source: str, by: StaffMember) -> Draft | None:
    """A text from the files beside one that was edited on the site: a draft that waits, unless there is one already."""
    if open_draft(section):
        return None
    return _begin(section, source, by, SectionVersion.Origin.FILE)


@transaction.atomic
def take_live(*, draft: Draft, by: StaffMember) -> None:
    """The draft is now written over what is live: its writer has seen the difference."""
    live = live_section(draft.section)
    rows = Draft.objects.filter(pk=draft.pk, closed_at=None, revision=draft.revision)
    if live is None or not rows.update(base=live, revision=draft.revision + 1, saved_at=clock.now(), saved_by=by):
        raise Conflict(open_draft(draft.section))
    audit.record(clinic=None, by=by, action="draft.rebased", subject=draft, body={"base": live.sha256})


def writers_of(draft: Draft) -> list[int]:
    """Whoever wrote a text is not the second person who approves the items on it."""
    return sorted(draft.writers.values_list("pk", flat=True))


@transaction.atomic
def discard(*, draft: Draft, revision: int, by: StaffMember) -> None:
    """Close it unpublished. Its row and its text stay."""
    rows = Draft.objects.filter(pk=draft.pk, closed_at=None, revision=revision)
    if not rows.update(closed_at=clock.now(), closed_by=by):
        raise Conflict(open_draft(draft.section))
    draft.refresh_from_db()
    body = {"text_sha256": canonical.sha256(draft.text)}
    audit.record(clinic=None, by=by, action="draft.discarded", subject=draft, body=body)


def drafted_points(
    draft: Draft, rows: Iterable[KeyPointVersion], known: Mapping[str, KeyPoint]
) -> dict[int, KeyPointVersion]:
    """By the key point's id, unsaved: every key point of the module as it would read with the draft in place of its section.

    `rows` are the module's live ones with their sections, `known` its key points by code, those that retired too.
    """
    found = {row.key_point_id: row for row in rows if row.section_version.section_id != draft.section_id}
    for place, block in enumerate(read(draft.section, draft.text).points, start=1):
        key_point = known.get(block.code) or KeyPoint(pk=-place, module=draft.section.module, code=block.code)
        found[key_point.pk] = KeyPointVersion(
            key_point=key_point,
            section_version=draft.base,
            position=place,
            text=block.text,
            critical=block.critical,
            content_sha256=point_sha256(block),
        )
    return found
