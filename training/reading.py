"""How far a person has read a module: what the overview and the contents show."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404

from staff.models import StaffMember
from training.models import Module, ModuleVersion, ModuleVersionSection, Reading, SectionVersion
from training.queries import confirmed, live_version


@dataclass(frozen=True)
class Step:
    """One section in the contents."""

    number: int
    version: SectionVersion
    read_at: datetime | None
    opened: bool
    place: str

    @property
    def slug(self) -> str:
        return self.version.section.slug

    @property
    def title(self) -> str:
        return self.version.title

    @property
    def fragment(self) -> str:
        """Ends every link to a section that was begun and not confirmed: it opens where the reader stopped."""
        return f"#{self.place}" if self.place and not self.read_at else ""


@dataclass(frozen=True)
class Progress:
    module: Module
    version: ModuleVersion
    details: dict[str, Any]
    steps: list[Step]

    @property
    def minutes(self) -> int:
        return sum(step.version.minutes for step in self.steps)

    @property
    def minutes_left(self) -> int:
        return sum(step.version.minutes for step in self.steps if not step.read_at)

    @property
    def read(self) -> int:
        return sum(step.read_at is not None for step in self.steps)

    @property
    def next_step(self) -> Step | None:
        """The first section not confirmed yet."""
        return next((step for step in self.steps if not step.read_at), None)

    def step(self, slug: str) -> Step:
        found = next((step for step in self.steps if step.slug == slug), None)
        if found is None:
            raise Http404("no such section in the live version")
        return found

    def before(self, step: Step) -> Step | None:
        return self.steps[step.number - 2] if step.number > 1 else None

    def after(self, step: Step) -> Step | None:
        return self.steps[step.number] if step.number < len(self.steps) else None


def progress(person: StaffMember, module: Module) -> Progress:
    """The live version with what this person has read of it. A module without a version is 404."""
    version = live_version(module)
    if version is None:
        raise Http404("the module has no published version")
    return progress_of(person, [version])[0]


def progress_of(person: StaffMember, versions: list[ModuleVersion]) -> list[Progress]:
    """The same for several versions at once, in three queries however many there are."""
    rows = ModuleVersionSection.objects.filter(module_version__in=versions).select_related("section_version__section")
    sections: dict[int, list[SectionVersion]] = {version.pk: [] for version in versions}
    for row in rows.order_by("position"):
        sections[row.module_version_id].append(row.section_version)
    everything = [section for group in sections.values() for section in group]
    read = confirmed(person, everything)
    opened = dict(
        Reading.objects.filter(person=person, section_version__in=everything).values_list("section_version", "place")
    )

    def steps(version: ModuleVersion) -> list[Step]:
        return [
            Step(n, s, read[s.pk].confirmed_at if s.pk in read else None, s.pk in opened, opened.get(s.pk, ""))
            for n, s in enumerate(sections[version.pk], start=1)
        ]

    return [Progress(v.module, v, json.loads(v.details), steps(v)) for v in versions]
