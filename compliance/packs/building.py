"""Puts a pack together: each table once through the database, each paper once through memory."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.template.loader import render_to_string
from django.utils.text import slugify

from certificates.models import Certificate
from certificates.queries import state_of, with_events
from certificates.validity import IN_FORCE
from compliance.packs import tables
from compliance.packs.keys import signing_key
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables import base, records
from compliance.packs.tables.base import NOT_RECORDED, Table, shown
from compliance.packs.writing import Kept, Made, PackWriter, Taker
from staff.models import Clinic, Licence, StoredFile
from training.models import ReadingConfirmation

HERE = Path(__file__).parent
CHECKER = HERE / "check_pack.py"
STYLE = HERE / "pack.css"
# 29 CFR 1910.1030(h)(2)(i), and the tables that have what it lists.
OSHA = (
    ("(A) the dates of the training sessions", ("site-sessions", "training")),
    ("(B) the contents or a summary of the training sessions", ("site-sessions", "contents")),
    ("(C) the names and qualifications of persons conducting the training", ("trainers",)),
    ("(D) the names and job titles of all persons attending the training sessions", ("site-attendances", "training")),
)
Step = Callable[[], None]


@dataclass(frozen=True)
class Making:
    """When and by whom: all that two makings of a pack of the same facts do not share, but for their signature."""

    at: datetime
    by: str


@dataclass(frozen=True)
class Counted:
    """A table as it went in, for the index."""

    table: Table
    rows: int


@dataclass(frozen=True)
class PersonShown:
    """A line of the index: what an inspector asks of one person first."""

    name: str
    latin_name: str
    formerly: str
    job_titles: str
    worked: str
    licences: tuple[str, ...]
    certificates: tuple[tuple[str, str], ...]  # sentence, and the file
    last_read: str


def slug_of(clinic: Clinic) -> str:
    return slugify(clinic.name) or clinic.public_id


def file_stem(scope: Scope) -> str:
    since = f"{scope.from_on.isoformat()}-" if scope.from_on else ""
    return f"inspector-pack-{slug_of(scope.clinics[0])}-{since}to-{scope.to_on.isoformat()}"


def range_words(scope: Scope) -> str:
    """In ASCII: the checker says it on any screen."""
    first, last = (shown(day, scope).replace("\u00a0", " ") for day in (scope.from_on, scope.to_on))
    return f"{first} to {last}" if first else f"up to {last}"


def steps(scope: Scope) -> int:
    """How many there are to go: one a table, one a paper."""
    return len(tables.OF_A_CLINIC) + len(records.certificate_ids(scope))


def build(scope: Scope, out: Taker, *, making: Making, step: Step = lambda: None) -> Made:
    """The inspector's pack of one clinic. `step` is called after each table and each paper."""
    clinic = scope.clinics[0]
    about = {
        "title": f"Training records of {clinic.name}",
        "clinic": clinic.name,
        "clinic_key": clinic.public_id,
        "address": clinic.address,
        "zone": clinic.zone,
        "range": range_words(scope),
    }
    pack = PackWriter(out, file_stem(scope))
    counted = [add_table(pack, table, scope, about, step) for table in tables.OF_A_CLINIC]
    add_papers(pack, scope, step)
    pack.add("index.html", _index(scope, about, counted, making))
    return finish(pack, scope, about, making)


def finish(pack: PackWriter, scope: Scope, about: dict[str, Any], making: Making) -> Made:
    """How to check it, the checker, the style, and the signed manifest."""
    key = signing_key()
    pack.add_whole("how-to-check.html", _page("packs/how_to_check.html", about, key=key, site=settings.SITE_URL))
    pack.add_whole("check_pack.py", CHECKER.read_bytes())
    pack.add_whole("pack.css", STYLE.read_bytes())
    days = {
        "from": scope.from_on.isoformat() if scope.from_on else None,
        "to": scope.to_on.isoformat(),
        "facts_at": base.written(scope.facts_at, scope),
        "made_at": base.written(making.at, scope),
        "made_by": making.by,
    }
    return pack.finish(about=about | days, site=settings.SITE_URL, key=key)


def _page(template: str, about: dict[str, Any], **context: Any) -> str:
    return render_to_string(template, {"about": about, **context})


def add_table(
    pack: PackWriter, table: Table, scope: Scope, about: dict[str, Any], step: Step = lambda: None
) -> Counted:
    """One pass over the rows writes all three forms, so that they never differ."""
    count = 0
    with Kept() as as_csv, Kept() as as_json, Kept() as as_page:
        as_csv.write(base.csv_head(table))
        as_json.write(base.json_head(table))
        for rows in base.pieces(table.rows(scope)):
            as_csv.write(base.csv_rows(rows, scope))
            as_json.write(base.json_rows(table, rows, scope, first=not count))
            if not table.long:
                lines = [[shown(row[place], scope) for place in table.places_read] for row in rows]
                as_page.write(_page("packs/table_rows.html", about, table=table, rows=lines).encode())
            count += len(rows)
        as_json.write(base.JSON_END)
        pack.add(f"tables/{table.slug}.csv", as_csv.pieces())
        pack.add(f"tables/{table.slug}.json", as_json.pieces())
        if not table.long:
            head, foot = (
                _page(f"packs/table_{part}.html", about, table=table, count=count).encode() for part in ("head", "foot")
            )
            pack.add(f"tables/{table.slug}.html", chain([head], as_page.pieces(), [foot]))
    step()
    return Counted(table, count)


def add_papers(pack: PackWriter, scope: Scope, step: Step = lambda: None) -> None:
    """The bytes as they are stored, one at a time."""
    for some in in_pieces(records.certificate_ids(scope), records.SOME):
        stored = records.stored_papers(some)
        numbers = dict(Certificate.objects.filter(pk__in=some).values_list("pk", "number"))
        for pk in some:
            if pk in stored:
                file = StoredFile.objects.only("bytes").get(pk=stored[pk][0])
                pack.add_whole(records.paper_name(numbers[pk]), bytes(file.bytes))
            step()


def _index(scope: Scope, about: dict[str, Any], counted: Sequence[Counted], making: Making) -> Iterator[bytes]:
    found = {row.table.slug: row for row in counted}
    duties = [(words, [found[slug] for slug in slugs]) for words, slugs in OSHA]
    context = {
        "counted": counted,
        "duties": duties,
        "people": len(scope.worked),
        "making": {"at": shown(making.at, scope), "by": making.by},
        "facts_at": shown(scope.facts_at, scope),
        "site": settings.SITE_URL,
    }
    yield _page("packs/index_head.html", about, **context).encode()
    for people in scope.people():
        yield _page("packs/index_people.html", about, people=_people(scope, people)).encode()
    yield _page("packs/index_foot.html", about, **context).encode()


def _people(scope: Scope, people: list[int]) -> list[PersonShown]:
    licences: dict[int, list[str]] = defaultdict(list)
    held = Licence.objects.filter(person__in=people, recorded_at__lte=scope.until, expires_on__gte=scope.to_on)
    for licence in held.order_by("expires_on", "pk"):
        line = f"{licence.type}, {licence.authority}, {licence.number}, to {shown(licence.expires_on, scope)}"
        licences[licence.person_id].append(line)
    accounts = scope.accounts(people)
    certificates: dict[int, list[tuple[str, str]]] = defaultdict(list)
    issued = Certificate.objects.filter(
        clinic__in=scope.clinic_ids, person__in=accounts, issued_at__lte=scope.until, valid_until_on__gte=scope.to_on
    )
    for row in with_events(issued.defer("facts")).order_by("issued_at", "pk"):
        if state_of(row, scope.until) in IN_FORCE:
            line = f"{row.title}, {row.number}, to {shown(row.valid_until_on, scope)}"
            certificates[scope.kept(row.person_id)].append((line, records.paper_name(row.number)))
    read: dict[int, datetime] = {}
    confirmed = ReadingConfirmation.objects.filter(person__in=accounts, **scope.within("confirmed_at")).order_by()
    for account, last in confirmed.values_list("person").annotate(last=Max("confirmed_at")):
        pk = scope.kept(account)
        read[pk] = max(last, read.get(pk, last))
    found = []
    for pk in people:
        worked = scope.worked[pk]
        ends = [row.ended_at for row in worked if row.ended_at]
        left = max(ends) if len(ends) == len(worked) else None
        formerly = dict.fromkeys(row.recorded_as for row in worked if row.recorded_as != row.name)
        found.append(
            PersonShown(
                name=worked[-1].name,
                latin_name=worked[-1].latin_name,
                formerly="; ".join(formerly),
                job_titles=", then ".join(dict.fromkeys(row.job_title or NOT_RECORDED for row in worked)),
                worked=f"left {shown(left, scope)}" if left else "",
                licences=tuple(licences[pk]),
                certificates=tuple(certificates[pk]),
                last_read=shown(read.get(pk), scope) if pk in read else "",
            )
        )
    return found
