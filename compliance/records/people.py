"""Who may do what, as the audit trail tells it: names, memberships, the roles they give, checks of identity, appointments,
licences.

Signatures rest on these: a role that nobody gave would make a signer.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Prefetch

from compliance.records.finding import (
    SAME_ACT_SECONDS,
    Finding,
    about_then,
    chunks,
    compare,
    events_of,
    gone,
    readable,
)
from staff.actions import told_of_licence, told_of_work
from staff.models import ActorName, AuditEvent, InstallationRole, Licence, Membership, MembershipRole, StaffMember

Act = tuple[int, datetime]  # who, and when


@dataclass
class Replayed:
    """What the events of one person in one clinic come to, by membership. `over`: when a role ended, by membership and role."""

    held: dict[int, set[str]] = field(default_factory=dict)
    given: dict[tuple[int, str], list[Act]] = field(default_factory=lambda: defaultdict(list))
    taken: set[tuple[int, str]] = field(default_factory=set)
    over: dict[tuple[int, str], list[Act]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[int, Act] = field(default_factory=dict)

    def take(self, event: AuditEvent) -> None:
        said, at, row = json.loads(event.body), (event.actor_id, event.at), int(event.subject_id)
        if event.action == "membership.began":
            self._give(row, said["roles"], at)
        elif event.action == "membership.ended":
            self.ended[row] = at
            self._close(row, self.held.get(row, ()), at)
        elif event.action == "membership.changed":
            before, roles = said["before"], set(self.held.get(said["before"], ()))
            self.taken |= {(before, role) for role in said["roles_ended"]}
            self._close(before, roles if before != row else said["roles_ended"], at)
            if before != row:
                self.ended[before] = at
                for role in roles - set(said["roles_ended"]):  # carried as it was given
                    self.given[row, role] += self.given[before, role]
            self.held[row] = roles - set(said["roles_ended"])
            self._give(row, said["roles_added"], at)

    def _close(self, row: int, roles: Iterable[str], at: Act) -> None:
        for role in roles:
            self.over[row, role].append(at)

    def _give(self, row: int, roles: list[str], at: Act) -> None:
        self.held.setdefault(row, set()).update(roles)
        for role in roles:
            self.given[row, role].append(at)


def findings(checked: Counter[str]) -> Iterator[Finding]:
    roles = Prefetch("roles", MembershipRole.objects.order_by("pk"))
    for chunk in chunks(StaffMember.objects.order_by("pk")):
        rows = Membership.objects.filter(person__in=chunk).select_related("clinic__chain").prefetch_related(roles)
        members = list(rows.order_by("person", "clinic", "pk"))
        events = events_of("staff.membership", members)
        of_people = events_of("staff.staffmember", chunk)
        groups: dict[tuple[int, int], list[Membership]] = defaultdict(list)
        for row in members:
            groups[row.person_id, row.clinic_id].append(row)
        for (person, _), held in groups.items():
            checked["memberships"] += len(held)
            known = [event for row in held for event in events[str(row.pk)]]
            yield from readable(f"memberships of person {person}", _memberships(held, known, of_people[str(person)]))
        yield from _appointed(chunk, of_people, checked)
        yield from _open(chunk)
        yield from _named(chunk, of_people, checked)
    yield from _licences(checked)
    yield from gone("person.added", "account", StaffMember)
    yield from gone("membership.began", "membership", Membership)
    yield from gone("licence.recorded", "licence", Licence)


def _memberships(rows: list[Membership], events: list[AuditEvent], of_person: list[AuditEvent]) -> Iterator[Finding]:
    replayed = Replayed()
    for event in sorted(events, key=lambda event: (event.chain_id, event.seq)):
        replayed.take(event)
    checks = [event for event in of_person if event.action == "identity.checked"]
    for row in rows:
        what = f"membership {row.pk}"
        for event in events:
            if event.subject_id == str(row.pk):
                yield from compare(f"{what}, chain of {event.action}", row.clinic.chain.pk, event.chain_id)
                said, work = json.loads(event.body), told_of_work(row)
                yield from compare(f"{what}, whose", said.get("person", row.person_id), row.person_id)
                yield from compare(
                    f"{what}, hash of its title, staff number and day of hire",
                    said.get("sha256", work["sha256"]),
                    work["sha256"],
                )
        if row.pk not in replayed.held:
            yield Finding(f"{what}, its event", "membership.began or membership.changed", "none")
            continue
        first = next(event for event in events if event.subject_id == str(row.pk))
        yield from compare(f"{what}, who began it", first.actor_id, row.began_by_id)
        if row.began_at > first.at:
            yield from about_then(f"{what}, when it began", first.at, row.began_at)
        yield from _end(what, row, replayed.ended.get(row.pk))
        yield from _roles(what, row, replayed, checks)


def _end(what: str, row: Membership, told: Act | None) -> Iterator[Finding]:
    yield from compare(f"{what}, whether it ended", told is not None, row.ended_at is not None)
    if told and row.ended_at:
        yield from compare(f"{what}, who ended it", told[0], row.ended_by_id)
        yield from about_then(f"{what}, when it ended", told[1], row.ended_at)


def _roles(what: str, row: Membership, told: Replayed, checks: list[AuditEvent]) -> Iterator[Finding]:
    rows = list(row.roles.all())
    last = [one for one in rows if one.ended_at is None or (row.ended_at and one.ended_at >= row.ended_at)]
    lasting = {one.role for one in last if one.role in told.held[row.pk] or (row.pk, one.role) not in told.taken}
    yield from compare(f"{what}, the roles it gives", sorted(told.held[row.pk]), sorted(lasting))
    for role in sorted({one.role for one in rows} | {role for membership, role in told.over if membership == row.pk}):
        closed = [one for one in rows if one.role == role and one.ended_at]
        yield from _ends(f"{what}, role {role}", closed, told.over.get((row.pk, role), []))
    for one in rows:
        called = f"{what}, role {one.role}"
        given = told.given.get((row.pk, one.role), [])
        by = [at for who, at in given if who == one.granted_by_id]
        if not by:
            yield Finding(f"{called}, given", "as the audit trail tells", "not told so")
        elif one.granted_at > max(by):
            yield from about_then(f"{called}, when it was given", max(by), one.granted_at)
        if one.identity_checked_at:
            known = [event for event in checks if event.chain_id == row.clinic.chain.pk]
            said = [[event.actor_id, event.reason] for event in known]
            if [one.identity_checked_by_id, one.identity_checked_how] not in said:
                yield Finding(f"{called}, its check of identity", "as the audit trail tells", "not told so")
            else:
                at = known[said.index([one.identity_checked_by_id, one.identity_checked_how])].at
                yield from about_then(f"{called}, when the identity was checked", at, one.identity_checked_at)


def _ends(what: str, rows: Sequence[MembershipRole | InstallationRole], told: list[Act]) -> Iterator[Finding]:
    """Each end of a role as the trail tells of it, whoever of several ended it."""
    left = list(told)
    for row in rows:
        near = [
            act
            for act in left
            if row.ended_at
            and act[0] == row.ended_by_id
            and abs((act[1] - row.ended_at).total_seconds()) <= SAME_ACT_SECONDS
        ]
        if near:
            left.remove(near[0])
        else:
            yield Finding(f"{what}, its end", "as the audit trail tells", "not told so")
    for _ in left:
        yield Finding(f"{what}, its end", "there, as its event says", "none")


def _named(people: list[StaffMember], events: dict[str, list[AuditEvent]], checked: Counter[str]) -> Iterator[Finding]:
    """Each account bears the names that were last recorded. Whoever was erased bears none that anybody could compare."""
    names: dict[int, dict[str, str]] = defaultdict(dict)
    for row in ActorName.objects.filter(person__in=people):
        names[row.person_id][row.commitment] = row.name
    for person in people:
        if person.erased_at:
            continue
        checked["accounts"] += 1
        told = [event for event in events[str(person.pk)] if event.action in ("person.added", "person.renamed")]
        yield from _name(f"account {person.public_id}", person, told, names[person.pk])


def _name(what: str, person: StaffMember, told: list[AuditEvent], names: dict[str, str]) -> Iterator[Finding]:
    """An older event does not say the name: whoever was never given another bears the one she acted under."""
    said = json.loads(max(told, key=lambda event: event.pk).body) if told else {}
    if "name" in said:
        held = {"name": person.full_name, "latin_name": person.latin_name}
        for which, called in (("name", "its name"), ("latin_name", "its name in Latin letters")):
            if said[which] and said[which] not in names:
                yield Finding(f"{what}, {called} as last recorded", "kept, since nobody erased it", "gone")
            elif names.get(said[which], "") != held[which]:
                yield Finding(f"{what}, {called}", "the one last recorded", "another")
    elif names and person.full_name not in names.values() and "person.renamed" not in [one.action for one in told]:
        yield Finding(f"{what}, its name", "the one she acted under, since nobody changed it", "another")


def _appointed(
    people: list[StaffMember], events: dict[str, list[AuditEvent]], checked: Counter[str]
) -> Iterator[Finding]:
    held: dict[int, list[InstallationRole]] = defaultdict(list)
    for row in InstallationRole.objects.filter(person__in=people).order_by("pk"):
        checked["appointments"] += 1
        held[row.person_id].append(row)
    for person in people:
        told = [event for event in events[str(person.pk)] if event.action == "installation.appointed"]
        over = [event for event in events[str(person.pk)] if event.action == "installation.dismissed"]
        said = sorted([json.loads(event.body)["role"], event.actor_id] for event in told)
        rows = sorted([row.role, row.granted_by_id] for row in held[person.pk])
        yield from compare(f"appointments of person {person.pk}, as their events say", said, rows)
        for event, row in zip(told, held[person.pk], strict=False):
            yield from about_then(f"appointment {row.pk}, when", event.at, row.granted_at)
        for role in InstallationRole.Role.values:
            ended = [row for row in held[person.pk] if row.role == role and row.ended_at]
            ends = [(event.actor_id, event.at) for event in over if json.loads(event.body)["role"] == role]
            yield from _ends(f"appointment of person {person.pk} as {role}", ended, ends)


def _open(people: list[StaffMember]) -> Iterator[Finding]:
    """An account is open as long as somebody works in a clinic or is appointed. Pinpoint's own never is."""
    open_now = {"person__in": people, "ended_at": None}
    here = {
        *Membership.objects.filter(**open_now).values_list("person", flat=True),
        *InstallationRole.objects.filter(**open_now).values_list("person", flat=True),
    }
    for person in people:
        yield from compare(f"account {person.public_id}, whether it is open", person.pk in here, person.is_active)


def _licences(checked: Counter[str]) -> Iterator[Finding]:
    """One that came with a merged account is told of under that account."""
    for chunk in chunks(Licence.objects.select_related("person").order_by("pk")):
        events = events_of("staff.licence", chunk)
        aliases = dict(
            StaffMember.objects.filter(merged_into__in=[row.person_id for row in chunk]).values_list(
                "pk", "merged_into"
            )
        )
        for row in chunk:
            checked["licences"] += 1
            what, told = f"licence {row.pk}", events[str(row.pk)]
            yield from compare(f"{what}, its events", ["licence.recorded"], [event.action for event in told])
            for event in told:
                said = json.loads(event.body)
                yield from compare(f"{what}, who recorded it", event.actor_id, row.recorded_by_id)
                yield from about_then(f"{what}, when", event.at, row.recorded_at)
                yield from compare(f"{what}, whose", aliases.get(said["person"], said["person"]), row.person_id)
                held = told_of_licence(row) | {"person": said["person"]}
                yield from compare(f"{what}, as its event says", said, {name: held.get(name) for name in said})
