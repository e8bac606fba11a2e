"""What would become of each row, decided against the clinic as it is now. Nothing is changed here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Prefetch, Q

from compliance.forms import unprintable
from compliance.models import PeopleImport
from compliance.roster.columns import NAMES, Fault, Read
from staff import canonical, returning
from staff.models import Clinic, Membership, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.models.people import PINPOINT_EMAIL

CREATED, UPDATED, UNCHANGED, SKIPPED, ERROR = "created", "updated", "unchanged", "skipped-existing", "error"
RETURNS = "returns"
ORDER = (ERROR, CREATED, RETURNS, UPDATED, UNCHANGED, SKIPPED)
ADDS = (CREATED, RETURNS)
DOES = (*ADDS, UPDATED)
NEEDED_TO_ADD = ("email", "full_name", "job_title", "roles", "hired_on")


@dataclass(frozen=True)
class Change:
    column: str
    before: str
    after: str

    @property
    def name(self) -> str:
        return NAMES[self.column]

    def shown(self, value: str) -> str:
        return role_names(value) if self.column == "roles" else value

    @property
    def sentence(self) -> str:
        return f"{self.name}: {self.shown(self.before) or 'nothing'} → {self.shown(self.after)}"


@dataclass(frozen=True)
class Verdict:
    """`back`: who was here before under this address and works nowhere now."""

    row: Read
    verdict: str
    faults: tuple[Fault, ...] = ()
    changes: tuple[Change, ...] = ()
    membership: Membership | None = None
    back: StaffMember | None = None

    @property
    def adds(self) -> bool:
        return self.verdict in ADDS

    @property
    def told(self) -> str:
        """Of somebody who comes back, before it is done."""
        return f"Returns: {self.back.full_name}, with what is on record of her from before." if self.back else ""

    @property
    def title(self) -> str:
        """Whom the row is about, as far as it says."""
        cells = self.row.cells
        return cells.get("full_name") or (self.membership.person.full_name if self.membership else "") or "No name"

    @property
    def under(self) -> str:
        return " · ".join(self.row.cells[name] for name in ("email", "staff_number") if name in self.row.cells)

    @property
    def roles(self) -> str:
        return role_names(self.row.cells.get("roles", ""))

    @cached_property
    def sha256(self) -> str:
        """Of everything that is shown of it: another hash means that something else would happen."""
        return canonical.sha256_of(
            [
                self.row.line,
                self.verdict,
                self.row.cells,
                [fault.plain() for fault in self.faults],
                [[change.column, change.before, change.after] for change in self.changes],
                self.membership.person_id if self.membership else None,
                *([self.back.pk] if self.back else []),
            ]
        )


def role_names(codes: str) -> str:
    known: dict[str, str] = {role.value: str(role.label) for role in Role}
    return ", ".join(known.get(code, code) for code in codes.split())


class Scene:
    """Who works in the clinic, by both keys; a fixed number of statements, however many rows. `of`: what one row needs."""

    def __init__(self, clinic: Clinic, of: Read | None = None) -> None:
        members = Membership.objects.filter(clinic=clinic, ended_at=None)
        if of:
            cells = of.cells
            either = Q(person__email=cells.get("email", "")) | Q(person__aliases__email=cells.get("email", ""))
            if cells.get("staff_number"):
                either |= Q(staff_number__iexact=cells["staff_number"])
            members = members.filter(either)
        held = Prefetch("roles", MembershipRole.objects.filter(ended_at=None))
        self.clinic = clinic
        self.members = list(members.select_related("person", "clinic").prefetch_related(held).order_by("pk"))
        self.by_email = {row.person.email: row for row in self.members}
        people = {row.person_id: row for row in self.members}
        aliases = StaffMember.objects.filter(merged_into__in=people).values_list("email", "merged_into")
        self.by_email |= {email: people[pk] for email, pk in aliases if pk}
        self.by_number = {row.staff_number.casefold(): row for row in self.members if row.staff_number}
        closed = StaffMember.objects.filter(Q(erased_at__isnull=False) | Q(email=PINPOINT_EMAIL))
        self.closed = set(closed.values_list("email", flat=True))
        self.gone = returning.gone_people([of.cells.get("email", "")] if of else None)
        worked = Membership.objects.filter(clinic=clinic, person__in=list(self.gone.values()))
        self.once_here = set(worked.values_list("person", flat=True))

    def member(self, key: str, cells: dict[str, str]) -> Membership | None:
        if key == "email":
            return self.by_email.get(cells.get("email", ""))
        return self.by_number.get(cells.get("staff_number", "").casefold())


@dataclass(frozen=True)
class Plan:
    """`absent`: who works here and is not in the file, where the file is the full roster. `unkeyed`: who works here without
    the key, so that no file can tell whether she is meant."""

    verdicts: tuple[Verdict, ...]
    absent: tuple[Membership, ...]
    unkeyed: int

    @cached_property
    def counts(self) -> dict[str, int]:
        found = Counter(one.verdict for one in self.verdicts)
        return {verdict: found[verdict] for verdict in ORDER}

    @cached_property
    def sha256(self) -> str:
        return canonical.sha256_of([[one.sha256 for one in self.verdicts], [row.person_id for row in self.absent]])

    @property
    def keyless(self) -> list[int]:
        """Lines that do not say whom they mean: while there are any, nobody can be told to be absent."""
        return [
            one.row.line for one in self.verdicts if any(fault.code in ("empty-key", "key") for fault in one.faults)
        ]


def plan(wanted: PeopleImport, rows: Sequence[Read], *, by: StaffMember) -> Plan:
    scene = Scene(wanted.clinic)
    twice = _twice(rows, wanted.key)
    verdicts = tuple(judge(row, scene, wanted, by=by, more=twice.get(row.line, ())) for row in rows)
    if not wanted.full_roster:
        return Plan(verdicts, (), 0)
    named = _named(rows, scene)
    keyed = [row for row in scene.members if wanted.key == "email" or row.staff_number]
    absent = tuple(row for row in keyed if row.pk not in named and row.person_id != by.pk)
    return Plan(verdicts, absent, len(scene.members) - len(keyed))


def _named(rows: Iterable[Read], scene: Scene) -> set[int]:
    """Whom the file names by either key, its faulty rows too."""
    found = [scene.member(key, row.cells) for row in rows for key in ("email", "staff_number")]
    return {row.pk for row in found if row}


def _twice(rows: Sequence[Read], key: str) -> dict[int, list[Fault]]:
    """Rows that name somebody whom an earlier row named, by either key."""
    found: dict[int, list[Fault]] = {}
    for column in ("email", "staff_number"):
        first: dict[str, int] = {}
        for row in rows:
            value = row.cells.get(column, "").casefold()
            if not value:
                continue
            if value in first:
                sentence = f"Line {first[value]} has the same {NAMES[column].lower()}, {row.cells[column]}."
                found.setdefault(row.line, []).append(Fault("twice", column, sentence))
            first.setdefault(value, row.line)
    return found


def judge(row: Read, scene: Scene, wanted: PeopleImport, *, by: StaffMember, more: Sequence[Fault] = ()) -> Verdict:
    key, cells = wanted.key, row.cells
    faults = [*row.faults, *more]
    member = scene.member(key, cells)
    if not cells.get(key):
        faults.append(
            Fault("empty-key", key, f"The {NAMES[key].lower()} is empty, so nobody can tell whom this means.")
        )
    elif any(fault.column == key for fault in row.faults):
        faults.append(Fault("key", key, "So nobody can tell whom this line means."))
    elif member is None:
        faults += _faults_of_new(row, scene, wanted, by)
    elif wanted.mode != PeopleImport.Mode.CREATE:
        faults += _faults_of_known(row, member, scene, by)
    if faults:
        return Verdict(row, ERROR, tuple(faults), (), member)
    if member is None:
        back = scene.gone.get(cells.get("email", ""))
        return Verdict(row, RETURNS if back else CREATED, back=back)
    if wanted.mode == PeopleImport.Mode.CREATE:
        return Verdict(row, SKIPPED, (), (), member)
    changes = tuple(changes_of(row, member))
    return Verdict(row, UPDATED if changes else UNCHANGED, (), changes, member)


def named(member: Membership) -> str:
    number = f", staff number {member.staff_number}" if member.staff_number else ""
    return f"{member.person.full_name}, {member.job_title}, {member.person.email}{number}"


def _faults_of_new(row: Read, scene: Scene, wanted: PeopleImport, by: StaffMember) -> list[Fault]:
    key, cells = wanted.key, row.cells
    faults = []
    if wanted.mode == PeopleImport.Mode.UPDATE:
        sentence = (
            f"Nobody with the {NAMES[key].lower()} {cells[key]} works at {scene.clinic}, and this file adds nobody."
        )
        return [Fault("unknown", key, sentence)]
    other = "staff_number" if key == "email" else "email"
    clash = scene.member(other, cells) if cells.get(other) else None
    if clash and key == "staff_number" and not clash.staff_number:
        sentence = f"This is {named(clash)}, whose staff number is not on record. Import once by e-mail to record it."
        faults.append(Fault("clash", "email", sentence))
    elif clash:
        faults.append(Fault("clash", other, f"The {NAMES[other].lower()} is that of {named(clash)}."))
    for column in NEEDED_TO_ADD:
        if not cells.get(column) and column != key:
            faults.append(Fault("empty", column, f"{NAMES[column]}: this is needed to add somebody."))
    if cells.get("email") in scene.closed:
        faults.append(
            Fault("address", "email", "This address belongs to the site itself. Ask the person for another one.")
        )
    back = scene.gone.get(cells.get("email", ""))
    if back and cells.get("full_name") and not returning.is_named(back, cells["full_name"]):
        faults.append(Fault("another", "full_name", _another(back, cells["full_name"], scene)))
    if cells.get("email") == by.email:
        faults.append(Fault("self", "roles", "Nobody gives themselves a role. Ask another manager of the clinic."))
    return faults + _unprintable(cells.get("full_name", ""), cells.get("latin_name", ""))


def _another(back: StaffMember, typed: str, scene: Scene) -> str:
    """Her name only where she worked: no file finds out who people of other clinics are."""
    if back.pk not in scene.once_here:
        return (
            f"Somebody else than {typed} is on record under this address, and works nowhere now. Ask the person for another "
            "one: nobody is given somebody else's account. If it is the same person under a new name, add her by the form."
        )
    return (
        f"This is the address of {back.full_name}, who works nowhere now; the file says {typed}. If it is the same person "
        "under a new name, write the name on record here and correct it afterwards. If it is another person, ask for another "
        "address: nobody is given somebody else's account."
    )


def _faults_of_known(row: Read, member: Membership, scene: Scene, by: StaffMember) -> list[Fault]:
    cells, faults = row.cells, []
    if "email" in cells and scene.by_email.get(cells["email"]) != member:
        sentence = (
            f"This staff number is that of {named(member)}. People sign in with the address: a file does not change it."
        )
        faults.append(Fault("address", "email", sentence))
    holder = scene.by_number.get(cells.get("staff_number", "").casefold())
    if holder and holder.pk != member.pk:
        faults.append(Fault("clash", "staff_number", f"The staff number is that of {named(holder)}."))
    if member.person_id == by.pk and cells.get("roles", held_roles(member)) != held_roles(member):
        faults.append(Fault("self", "roles", "Nobody changes their own roles. Ask another manager of the clinic."))
    changed = {change.column for change in changes_of(row, member)}
    if changed & {"full_name", "latin_name"}:
        person = member.person
        faults += _unprintable(cells.get("full_name", person.full_name), cells.get("latin_name", person.latin_name))
    return faults


def _unprintable(full: str, latin: str) -> list[Fault]:
    return [Fault("name", column, sentence) for column, sentence in unprintable(full, latin)] if full else []


def held_roles(member: Membership) -> str:
    held = {role.role for role in member.roles.all() if role.ended_at is None}
    return " ".join(role for role in Role.values if role in held)


def changes_of(row: Read, member: Membership) -> Iterable[Change]:
    """What the row says otherwise than the record; an empty cell says nothing."""
    before: dict[str, Any] = {
        "full_name": member.person.full_name,
        "latin_name": member.person.latin_name,
        "job_title": member.job_title,
        "staff_number": member.staff_number,
        "hired_on": member.hired_on.isoformat(),
        "roles": held_roles(member),
    }
    for column, value in before.items():
        if row.cells.get(column, value) != value:
            yield Change(column, value, row.cells[column])
