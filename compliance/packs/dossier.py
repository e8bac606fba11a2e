"""What is on record of one person: the same tables as an inspector's pack, as a page, as one PDF, and as a ZIP."""

import io
import json
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string

from certificates import fonts as faces
from compliance.exports import ascii_words
from compliance.packs import building, tables
from compliance.packs.building import Making
from compliance.packs.scope import Scope
from compliance.packs.tables.base import Table, shown
from compliance.packs.writing import PackWriter
from staff import audit, clock
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role

DESIGN = Path(__file__).with_name("dossier.typ")
OF_HER = frozenset({"name", "latin_name", "holder"})  # the whole dossier is hers


@dataclass(frozen=True)
class Part:
    """A table as it is read: the headings and the rows as words."""

    table: Table
    headings: list[str]
    rows: list[list[str]]

    @property
    def labelled(self) -> list[list[tuple[str, str]]]:
        """Each value with its heading, for a narrow screen."""
        return [list(zip(self.headings, row, strict=True)) for row in self.rows]


@dataclass(frozen=True)
class Dossier:
    scope: Scope
    person: StaffMember

    @cached_property
    def parts(self) -> list[Part]:
        return [self._part(table) for table in tables.OF_A_PERSON]

    def _part(self, table: Table) -> Part:
        several, of_her = len(self.scope.clinics) > 1, OF_HER if self.is_one_account else frozenset[str]()
        places = [
            place
            for place, key in enumerate(table.keys)
            if (place in table.places_read and key not in of_her) or (several and key == "clinic")
        ]
        rows = [[shown(row[place], self.scope) for place in places] for row in table.rows(self.scope)]
        return Part(table, [table.columns[place][1] for place in places], rows)

    @property
    def is_one_account(self) -> bool:
        """Where two were merged, each row says under which name it was recorded."""
        return len(self.scope.her_accounts) == 1

    @property
    def clinics(self) -> str:
        return " and ".join(clinic.name for clinic in self.scope.clinics)

    @property
    def stem(self) -> str:
        words = ascii_words(self.person.full_name) or ascii_words(self.person.latin_name) or "person"
        return f"dossier-{words}-{self.scope.to_on.isoformat()}"

    @property
    def about(self) -> dict[str, Any]:
        return {
            "title": f"Training records of {self.person.full_name}",
            "clinic": self.clinics,
            "person_key": self.person.public_id,
            "zone": str(self.scope.zone),
            "range": building.range_words(self.scope),
        }


def dossier_of(person: StaffMember, *, viewer: StaffMember) -> Dossier:
    """Her own is whole; others see what belongs to clinics that they manage or supervise. Of an account that was merged it is
    that of the account that was kept."""
    person = person.merged_into or person
    hers = Q(membership__person=person) | Q(membership__person__merged_into=person)
    worked = Clinic.objects.filter(hers).distinct().order_by("name", "pk")
    if viewer != person:
        seen = {clinic.pk for clinic in clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)}
        worked = worked.filter(pk__in=seen)
    clinics = tuple(worked)
    today = clock.today(clinics[0].zone if clinics else "UTC")
    return Dossier(Scope(clinics, None, today, clock.now(), person, own=viewer == person), person)


@transaction.atomic
def taken(dossier: Dossier, *, format: str, by: StaffMember) -> None:
    """Somebody took another's dossier: in the trail of each clinic that it shows."""
    for clinic in dossier.scope.clinics:
        audit.record(
            clinic=clinic,
            by=by,
            action="dossier.taken",
            subject=dossier.person,
            body={"person": dossier.person.pk, "format": format},
        )


def pdf(dossier: Dossier, *, making: Making) -> bytes:
    """In the design of the certificates, as PDF/A-2a and PDF/UA-1."""
    known = faces.load(settings.CERTIFICATE_FONTS)

    def printed(text: str) -> str:
        return text if not known.script_gaps(text) else text.encode("ascii", "replace").decode()

    scope, person = dossier.scope, dossier.person
    name = known.printable_name(person.full_name, person.latin_name)
    parts = [
        {
            "title": part.table.title,
            "about": part.table.about,
            "none": part.table.none,
            "headings": part.headings,
            "rows": [[printed(value) for value in row] for row in part.rows],
        }
        for part in dossier.parts
    ]
    words = "".join({letter for part in parts for row in part["rows"] for value in row for letter in value})
    on: date = scope.facts_at.astimezone(ZoneInfo("UTC")).date()
    data = {
        "name": name,
        "clinics": printed(dossier.clinics),
        "facts_at": shown(scope.facts_at, scope),
        "made": f"{shown(making.at, scope)} by {printed(making.by)}",
        "site": settings.SITE_URL,
        "date": [on.year, on.month, on.day],
        "parts": parts,
        "name_fonts": known.families_for(name, first=faces.SERIF),
        "text_fonts": known.families_for(words + printed(dossier.clinics + making.by), first=faces.SANS),
    }
    compiler = typst.Compiler(
        input=DESIGN.read_bytes(),
        font_paths=known.typst,
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data)},
    )
    made = compiler.compile(
        format="pdf", pdf_standards=["a-2a", "ua-1"], timestamp=datetime.combine(on, time(), ZoneInfo("UTC"))
    )
    return made if isinstance(made, bytes) else b"".join(made or [])


def zipped(dossier: Dossier, *, making: Making) -> bytes:
    """With the papers of her certificates, and the same manifest and checker as a clinic's pack."""
    out = io.BytesIO()
    pack = PackWriter(out, dossier.stem)
    counted = [building.add_table(pack, table, dossier.scope, dossier.about) for table in tables.OF_A_PERSON]
    building.add_papers(pack, dossier.scope)
    pack.add_whole("dossier.pdf", pdf(dossier, making=making))
    context = {
        "about": dossier.about,
        "counted": counted,
        "making": {"at": shown(making.at, dossier.scope), "by": making.by},
        "site": settings.SITE_URL,
    }
    pack.add_whole("index.html", render_to_string("packs/dossier_index.html", context))
    building.finish(pack, dossier.scope, dossier.about, making)
    return out.getvalue()
