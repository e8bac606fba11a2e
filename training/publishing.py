"""Publishing what changed: a section's next version, the module's next version. From files and from the site alike."""

from collections.abc import Sequence
from typing import Any

from staff import audit, canonical, clock
from staff.models import StaffMember
from training import markdown, search
from training.files import SectionFile
from training.models import (
    Citation,
    Fact,
    KeyPoint,
    KeyPointVersion,
    Module,
    ModuleVersion,
    ModuleVersionSection,
    Picture,
    Position,
    ProtocolItem,
    Section,
    SectionVersion,
)


def section_sha256(file: SectionFile, pictures: dict[str, Picture]) -> str:
    return canonical.sha256_of([file.title, file.text, [picture.sha256 for picture in _shown(file, pictures)]])


def point_sha256(block: markdown.Block) -> str:
    """What an item tests of a key point: items go stale when it differs."""
    return canonical.sha256_of([block.text, block.critical, sorted(block.depends)])


def _shown(file: SectionFile, pictures: dict[str, Picture]) -> list[Picture]:
    return [pictures[block.code] for block in file.blocks if block.kind == "picture"]


def section_version(
    module: Module,
    file: SectionFile,
    pictures: dict[str, Picture],
    by: StaffMember,
    origin: str = SectionVersion.Origin.FILE,
) -> SectionVersion:
    """The next version of a section, or the latest where nothing changed."""
    section, _ = Section.objects.get_or_create(module=module, slug=file.slug)
    sha256 = section_sha256(file, pictures)
    latest = section.versions.order_by("-number").first()
    if latest and latest.sha256 == sha256:
        return latest
    version = SectionVersion.objects.create(
        section=section,
        number=latest.number + 1 if latest else 1,
        title=file.title,
        text=file.text,
        minutes=markdown.minutes(file.text),
        sha256=sha256,
        origin=origin,
        created_by=by,
    )
    version.pictures.set(_shown(file, pictures))
    points = {point.code: _point(module, version, n, point) for n, point in enumerate(file.points, start=1)}
    cited = {code for block in file.blocks for code in block.cites}
    facts = {fact.code: fact for fact in Fact.objects.filter(code__in=cited)}
    positions = {position.code: position for position in Position.objects.filter(code__in=cited)}
    Citation.objects.bulk_create(
        Citation(
            section_version=version,
            point=points[block.code] if block.kind == "point" else None,
            fact=facts.get(code),
            position=positions.get(code),
        )
        for block in file.blocks
        for code in dict.fromkeys(block.cites)
    )
    return version


def _point(module: Module, version: SectionVersion, place: int, block: markdown.Block) -> KeyPointVersion:
    point, _ = KeyPoint.objects.get_or_create(code=block.code, defaults={"module": module})
    row = KeyPointVersion.objects.create(
        key_point=point,
        section_version=version,
        position=place,
        text=block.text,
        critical=block.critical,
        content_sha256=point_sha256(block),
    )
    row.depends_on.set(ProtocolItem.objects.filter(code__in=block.depends))
    return row


def module_version(
    module: Module,
    details: dict[str, Any],
    versions: Sequence[SectionVersion],
    *,
    change: str,
    note: str,
    by: StaffMember,
) -> tuple[ModuleVersion, bool]:
    """The module's next version with its index and its points kept, and whether it is a new one."""
    sha256 = canonical.sha256_of([details, [version.sha256 for version in versions]])
    latest = ModuleVersion.objects.filter(module=module).order_by("-number").first()
    if latest and latest.sha256 == sha256:
        search.keep_index(latest)
        _retire_points(module, latest, by)
        return latest, False
    made = ModuleVersion.objects.create(
        module=module,
        number=latest.number + 1 if latest else 1,
        title=details["title"],
        details=canonical.text(details),
        change=change,
        note=note,
        sha256=sha256,
        published_by=by,
    )
    ModuleVersionSection.objects.bulk_create(
        ModuleVersionSection(module_version=made, position=n, section_version=version)
        for n, version in enumerate(versions, start=1)
    )
    audit.record(
        clinic=None,
        by=by,
        action="module.published",
        subject=made,
        body={"number": made.number, "sha256": sha256, "change": change, "note": note},
    )
    search.keep_index(made)
    _retire_points(module, made, by)
    return made, True


def _retire_points(module: Module, version: ModuleVersion, by: StaffMember) -> None:
    live = KeyPointVersion.objects.filter(section_version__places__module_version=version).values("key_point")
    KeyPoint.objects.filter(module=module, retired_at=None).exclude(pk__in=live).update(
        retired_at=clock.now(), retired_by=by
    )
    KeyPoint.objects.filter(module=module, pk__in=live).update(retired_at=None, retired_by=None)
