"""How far a person has read a module: what the overview and the contents show."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import Http404

from staff.models import StaffMember
from training.models import Module, ModuleVersion, Reading, SectionVersion
from training.queries import confirmed, live_version, places


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


def progress(person: StaffMember, module: Module, version: ModuleVersion | None = None) -> Progress:
    """The live version with what this person has read of it. A module without a version is 404."""
    version = version or live_version(module)
    if version is None:
        raise Http404("the module has no published version")
    sections = [place.section_version for place in places(version)]
    read = confirmed(person, sections)
    opened = {
        row.section_version_id: row.place for row in Reading.objects.filter(person=person, section_version__in=sections)
    }
    steps = [
        Step(n, s, read[s.pk].confirmed_at if s.pk in read else None, s.pk in opened, opened.get(s.pk, ""))
        for n, s in enumerate(sections, start=1)
    ]
    return Progress(module, version, json.loads(version.details), steps)
