"""Reminders: who is told of what today, once; the clinics' hours; and what managers see of it.

`tick` asks each clinic once a day, within its hours. Somebody who works in several clinics is asked for by the first of
them and hears of all in one mail. What is sent is a row in the transaction that queues the mail, so two ticks at once, or one
that was killed half-way, tell nobody twice.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.urls import reverse

from certificates import programmes, validity
from certificates.models import Certificate, CertificateEvent
from certificates.queries import with_events
from compliance import standing, tasks
from compliance.cells import SESSION
from compliance.models import Reminder, ReminderHours, ReminderMail
from compliance.queries import board_of, board_of_people
from compliance.reminders import timing, wording
from compliance.reminders.timing import Hours, Matter, Sent
from compliance.reminders.wording import Digest, Named
from compliance.situations import Row
from staff import audit, clock, mail
from staff.models import Clinic, Heartbeat, Licence, Membership, OutgoingMail, StaffMember
from staff.models.clinics import Role

log = logging.getLogger(__name__)
REMEMBERED_DAYS = 60  # no step is owed longer; what was told to a manager is told once, however long ago
WAITS_FOR_OTHERS = ("awaiting-adoption", "not-required", "waived")
KINDS = Reminder.Kind


@dataclass(frozen=True)
class Line:
    """What a mail will say, as the row that keeps it."""

    about: int
    clinic: int
    kind: str
    requirement: str
    cycle: str
    step: int | None
    title: str
    due_on: date


@dataclass
class Letter:
    """What one person is told today."""

    row: Row
    own: list[tuple[str, Matter]] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


# The clinics' hours.


def hours_of(clinics: Collection[Clinic]) -> dict[int, Hours]:
    found: dict[int, Hours] = {clinic.pk: Hours() for clinic in clinics}
    for row in ReminderHours.objects.filter(clinic__in=list(clinics)).order_by("number"):
        found[row.clinic_id] = Hours(row.from_hour, row.until_hour, row.digest_weekday)
    return found


@transaction.atomic
def set_hours(
    *, clinic: Clinic, from_hour: int, until_hour: int, digest_weekday: int, by: StaffMember
) -> ReminderHours:
    Clinic.objects.select_for_update().get(pk=clinic.pk)
    number = 1 + ReminderHours.objects.filter(clinic=clinic).count()
    row = ReminderHours.objects.create(
        clinic=clinic,
        number=number,
        from_hour=from_hour,
        until_hour=until_hour,
        digest_weekday=digest_weekday,
        set_at=clock.now(),
        set_by=by,
    )
    audit.record(clinic=clinic, by=by, action="reminderhours.set", subject=row, body=told_of_hours(row))
    return row


def told_of_hours(row: ReminderHours) -> dict[str, object]:
    """What the audit trail says of it; the same below."""
    return {"from": row.from_hour, "until": row.until_hour, "digest": row.digest_weekday}


def told_of_mail(row: ReminderMail) -> dict[str, object]:
    lines = [
        [
            line.about_id,
            line.clinic_id,
            line.kind,
            line.requirement,
            line.cycle,
            line.step,
            line.title,
            line.due_on.isoformat(),
            *([line.again] if line.again else []),
        ]
        for line in sorted(row.lines.all(), key=lambda line: line.pk)
    ]
    return {"person": row.person_id, "day": row.day_on.isoformat(), "lines": lines}


# What people are to do, and by when.


def matters_of(rows: Sequence[Row], *, away: bool = False) -> dict[tuple[int, int], list[Matter]]:
    """By person and clinic; of whoever is on leave there nothing, unless `away`. A fixed number of queries."""
    people = list({row.person.pk: row.person for row in rows}.values())
    asked, licences = tasks.asked_of(people), _licences([person.pk for person in people])
    return {
        (row.person.pk, row.clinic.pk): [
            *_standing(row),
            *_asked(row, asked.get(row.person.pk, [])),
            *_licence(row, licences.get(row.person.pk)),
        ]
        if away or not row.leave
        else []
        for row in rows
    }


def _standing(row: Row) -> Iterator[Matter]:
    began = _began_on(row)
    for cell in row.cells:
        found, column = cell.standing, cell.column
        if column.kind == SESSION:  # a session is the clinic's to hold, and no mail to her brings it about
            continue
        if found.state in WAITS_FOR_OTHERS or found.word in WAITS_FOR_OTHERS:
            continue
        kind, cycle, day = KINDS.DUE, found.due_on.isoformat(), found.due_on
        if cell.incident and found.state not in standing.WITHDRAWN:
            cycle = cell.incident.public_id
        elif found.proof and found.proof.state in ("revoked", "suspended"):
            day = found.proof.changed_on or found.proof.valid_until_on
            kind, cycle = KINDS.WITHDRAWN, f"{found.proof.number}/{day.isoformat()}"
        elif found.proof:
            day = found.proof.valid_until_on
            kind, cycle = KINDS.EXPIRY, found.proof.number or day.isoformat()
        again = kind == KINDS.DUE and cell.incident is not None
        yield Matter(
            row.person.pk, row.clinic.pk, kind, column.slug, cycle, column.title, day, began, found.state, again
        )


def _asked(row: Row, asked: Iterable[tasks.Asked]) -> Iterator[Matter]:
    for one in asked:
        if one.state in ("read", "answer") and one.task.clinic_id == row.clinic.pk:
            title = f"{one.change.module_version.title}, {one.change.name}"
            yield Matter(
                row.person.pk,
                row.clinic.pk,
                KINDS.TASK,
                "task",
                one.task.public_id,
                title,
                one.due_on,
                _began_on(row),
                one.state,
            )


def _licences(people: Collection[int]) -> dict[int, Licence]:
    """By person, the one that runs out last."""
    rows = Licence.objects.filter(person__in=people).order_by("expires_on", "pk")
    return {row.person_id: row for row in rows}


def _licence(row: Row, licence: Licence | None) -> Iterator[Matter]:
    """Of whoever treats or signs here: without one in force neither is signed for."""
    if licence is None or not {Role.AESTHETICIAN, Role.PHYSICIAN} & set(row.roles):
        return
    yield Matter(
        row.person.pk,
        row.clinic.pk,
        KINDS.LICENCE,
        "licence",
        f"{licence.pk}/{licence.expires_on.isoformat()}",
        f"Licence, {licence.type}",
        licence.expires_on,
        _began_on(row),
    )


def _began_on(row: Row) -> date:
    return row.membership.began_at.astimezone(ZoneInfo(row.clinic.zone)).date()


def sent_to(people: Collection[int]) -> dict[int, set[Sent]]:
    """By the id of who was told: the steps that will not be sent again. A mail that was given up told nobody."""
    since = clock.now().date() - timedelta(days=REMEMBERED_DAYS)
    rows = Reminder.objects.filter(person__in=people, step__isnull=False, mail__mail__given_up_at=None)
    found: dict[int, set[Sent]] = defaultdict(set)
    fields = ("person", "about", "kind", "requirement", "cycle", "step")
    for kept in (rows.filter(mail__day_on__gte=since), rows.filter(kind=KINDS.ESCALATED)):
        for person, *sent in kept.values_list(*fields):
            found[person].add((sent[0], sent[1], sent[2], sent[3], sent[4]))
    return found


def _rows_with_others(clinic: Clinic) -> list[Row]:
    """The rows of everybody who works here, in every clinic where they work, and of those they work with there."""
    people = Membership.objects.filter(clinic=clinic, ended_at=None).values("person")
    others = Membership.objects.filter(person__in=people, ended_at=None).values("clinic")
    return list(board_of(list(Clinic.objects.filter(pk__in=others))).rows)


# Sending, by the site.


def send_due() -> int:
    """Once a day and clinic, within its hours; returns how many mails were queued. A clinic that fails is logged, asked
    again by the next tick, and keeps no other from its turn."""
    clinics = list(Clinic.objects.order_by("pk"))
    hours, beats = hours_of(clinics), _beats()
    queued, failed = 0, []
    for clinic in clinics:
        last = beats.get(_beat_name(clinic))
        done = last is not None and last.astimezone(ZoneInfo(clinic.zone)).date() >= clock.today(clinic.zone)
        if done or not hours[clinic.pk].open_at(clock.now(), clinic.zone):
            continue
        try:
            queued += remind_clinic(clinic)
        except Exception:
            log.exception("reminders of clinic %s failed", clinic.public_id)
            failed.append(clinic.public_id)
            continue
        Heartbeat.objects.update_or_create(name=_beat_name(clinic), defaults={"beat_at": clock.now()})
    if failed:
        raise RuntimeError(f"reminders failed for {', '.join(failed)}")
    return queued


def _beat_name(clinic: Clinic) -> str:
    return f"reminders {clinic.public_id}"


def _beats() -> dict[str, datetime]:
    return dict(Heartbeat.objects.filter(name__startswith="reminders ").values_list("name", "beat_at"))


def remind_clinic(clinic: Clinic) -> int:
    """Queue today's mails to those whose first clinic this is; what was sent stays sent, so it may be repeated. One that
    fails keeps no other from hers."""
    site, today = StaffMember.objects.pinpoint(), clock.today(clinic.zone)
    queued, failed = 0, 0
    for letter in letters_of(clinic):
        try:
            queued += _queue(letter, clinic=clinic, day=today, due_at=clock.now(), by=site) is not None
        except Exception:
            log.exception("the reminder of %s failed", letter.row.person.public_id)
            failed += 1
    if failed:
        raise RuntimeError(f"{failed} not queued, {queued} queued")
    return queued


def letters_of(clinic: Clinic) -> list[Letter]:
    """What is owed today, a fixed number of queries however many work there."""
    rows = _rows_with_others(clinic)
    by_person: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_person[row.person.pk].append(row)
    hers = {pk: held for pk, held in by_person.items() if min(row.clinic.pk for row in held) == clinic.pk}
    matters, sent = matters_of(rows), sent_to(list(hers))
    today = clock.today(clinic.zone)
    told = set(ReminderMail.objects.filter(person__in=list(hers), day_on=today).values_list("person", flat=True))
    clinics = {row.clinic.pk: row.clinic for row in rows}
    weeks = {pk: rule.digest_week(clock.today(clinics[pk].zone)) for pk, rule in hours_of(clinics.values()).items()}
    managed = {row.clinic.pk for held in hers.values() for row in held if Role.MANAGER in row.roles}
    digests = _digests([clinics[pk] for pk in managed], rows, matters)
    letters = []
    for pk, held in hers.items():
        if pk in told or not held[0].person.is_active:
            continue
        letter = Letter(min(held, key=lambda row: row.clinic.pk))
        _add_own(letter, [matter for row in held for matter in matters[pk, row.clinic.pk]], clinics, sent[pk])
        for row in held:
            if Role.MANAGER in row.roles and not row.leave:
                _add_digest(letter, row, digests[row.clinic.pk], rows, matters, sent[pk], weeks[row.clinic.pk])
        if letter.lines:
            letters.append(letter)
    return letters


def _add_own(letter: Letter, matters: Sequence[Matter], clinics: Mapping[int, Clinic], sent: set[Sent]) -> None:
    for matter in timing.without_doubles(matters):
        asking = clinics[matter.clinic]
        step = timing.owed(matter, clock.today(asking.zone), sent)
        if step is not None:
            letter.own.append((asking.name, matter))
            letter.lines.append(_line(matter, matter.kind, step))


def _line(matter: Matter, kind: str, step: int | None) -> Line:
    return Line(matter.about, matter.clinic, kind, matter.requirement, matter.cycle, step, matter.title, matter.day)


def _add_digest(
    letter: Letter,
    row: Row,
    digest: Digest,
    rows: Sequence[Row],
    matters: Mapping[tuple[int, int], Sequence[Matter]],
    sent: set[Sent],
    week: date,
) -> None:
    clinic, today = row.clinic, clock.today(row.clinic.zone)
    new = [
        (other.person.full_name, matter)
        for other in rows
        if other.clinic.pk == clinic.pk and other.person.pk != row.person.pk
        for matter in matters[other.person.pk, clinic.pk]
        if timing.escalates(matter, today) and matter.sent_as(timing.ESCALATED, KINDS.ESCALATED) not in sent
    ]
    letter.lines += [_line(matter, KINDS.ESCALATED, timing.ESCALATED) for _, matter in new]
    weekly = Line(
        row.person.pk, clinic.pk, KINDS.DIGEST, clinic.public_id, week.isoformat(), 0, f"Digest, {clinic.name}", week
    )
    as_sent = (weekly.about, weekly.kind, weekly.requirement, weekly.cycle, 0)
    if digest.any and as_sent not in sent:
        letter.lines.append(weekly)
        letter.digests.append(digest)
    elif new:
        named = [Named(name, wording.told(matter)) for name, matter in new]
        letter.digests.append(Digest(clinic.name, escalated=named))


def _digests(
    clinics: Sequence[Clinic], rows: Sequence[Row], matters: Mapping[tuple[int, int], Sequence[Matter]]
) -> dict[int, Digest]:
    endorse = _to_endorse(clinics)
    found = {}
    for clinic in clinics:
        today = clock.today(clinic.zone)
        late, soon = [], []
        for row in sorted(rows, key=lambda row: (row.person.full_name.casefold(), row.person.pk)):
            if row.clinic.pk != clinic.pk or row.leave:
                continue
            name, hers = row.person.full_name, matters[row.person.pk, clinic.pk]
            late += [
                Named(name, f"{cell.column.title}: {cell.standing.detail}")
                for cell in row.cells
                if cell.standing.word == "not-current"
            ]
            late += [
                Named(name, wording.told(matter))
                for matter in hers
                if matter.kind in (KINDS.TASK, KINDS.LICENCE) and matter.day < today
            ]
            soon += [
                Named(name, wording.told(matter))
                for matter in hers
                if matter.kind != KINDS.WITHDRAWN and 0 <= (matter.day - today).days <= max(timing.BEFORE)
            ]
        found[clinic.pk] = Digest(clinic.name, late, soon, endorse.get(clinic.pk, ()))
    return found


def _to_endorse(clinics: Sequence[Clinic]) -> dict[int, list[Named]]:
    """Programme certificates whose physician has left, and until when a successor may take over."""
    pending = Certificate.objects.filter(clinic__in=list(clinics), events__kind=CertificateEvent.Kind.PENDING)
    found: dict[int, list[Named]] = defaultdict(list)
    for certificate in with_events(pending.distinct()).order_by("number"):
        if not programmes.supervision_open(certificate):
            continue
        last = [event for event in certificate.events.all() if event.kind == CertificateEvent.Kind.PENDING][-1]
        until = validity.successor_by(validity.Event(last.kind, last.effective_at)).astimezone(
            ZoneInfo(certificate.zone)
        )
        found[certificate.clinic_id].append(
            Named(certificate.holder_name, f"{certificate.number}, by {standing.short_day(until.date())}")
        )
    return found


def key_of(person: int, day: date) -> str:
    """One mail of reminders a person and day, whoever asks for it."""
    return f"reminders:{person}:{day.isoformat()}"


@transaction.atomic
def _queue(letter: Letter, *, clinic: Clinic, day: date, due_at: datetime, by: StaffMember) -> ReminderMail | None:
    """The mail, its rows and the trail's event together; None where she gets one that day already."""
    person, key = letter.row.person, key_of(letter.row.person.pk, day)
    by_hand = by != StaffMember.objects.pinpoint()
    matters = [matter for _, matter in letter.own]
    own_page = reverse("compliance:home") if letter.own else f"{reverse('compliance:matrix')}?word=not-current"
    queued = mail.queue(
        to=person,
        key=key,
        subject=wording.subject(matters, letter.digests, day),
        body=wording.body(
            name=person.full_name,
            own=letter.own,
            digests=letter.digests,
            today=day,
            url=f"{settings.SITE_URL}{own_page}",
            asked_by=by.full_name if by_hand else "",
        ),
        due_at=due_at,
    )
    if not queued:
        return None
    row = ReminderMail.objects.create(
        person=person,
        clinic=clinic,
        day_on=day,
        mail=OutgoingMail.objects.get(dedupe_key=key),
        queued_at=clock.now(),
        queued_by=by,
    )
    before = _given_up_before(person)
    Reminder.objects.bulk_create(
        Reminder(
            mail=row,
            person=person,
            about_id=line.about,
            clinic_id=line.clinic,
            kind=line.kind,
            requirement=line.requirement,
            cycle=line.cycle,
            step=line.step,
            again=before[line.about, line.kind, line.requirement, line.cycle, line.step],
            title=line.title,
            due_on=line.due_on,
        )
        for line in letter.lines
    )
    audit.record(clinic=clinic, by=by, action="reminders.queued", subject=row, body=told_of_mail(row))
    return row


def _given_up_before(person: StaffMember) -> Counter[tuple[int, str, str, str, int | None]]:
    rows = Reminder.objects.filter(person=person, step__isnull=False, mail__mail__given_up_at__isnull=False)
    return Counter(rows.values_list("about", "kind", "requirement", "cycle", "step"))


# Sending, by hand.


@dataclass(frozen=True)
class Planned:
    """Somebody of the selection: what she would be told, or why she is not."""

    row: Row
    matters: tuple[Matter, ...]
    why_not: str = ""


def plan_by_hand(rows: Sequence[Row]) -> list[Planned]:
    """`rows` are of clinics that the sender manages. Hours and steps do not hold back what a person sends; that she had a mail
    that day does."""
    matters = matters_of(rows)
    by_person: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_person[row.person.pk].append(row)
    homes = _homes(by_person)
    yesterday = clock.now().date() - timedelta(days=1)  # somewhere it still is
    told = set(
        ReminderMail.objects.filter(person__in=list(homes), day_on__gte=yesterday).values_list("person", "day_on")
    )
    hours = hours_of(list({home.pk: home for home in homes.values()}.values()))
    planned = []
    for pk, held in by_person.items():
        mine = [matter for row in held for matter in matters[pk, row.clinic.pk]]
        today = {row.clinic.pk: clock.today(row.clinic.zone) for row in held}
        open_now = tuple(
            matter
            for matter in timing.without_doubles(mine)
            if timing.current(matter, today[matter.clinic]) is not None
        )
        why_not = ""
        if not open_now:
            away = max((row.away_until for row in held if row.away_until), default=None)
            why_not = f"On leave until {standing.short_day(away)}." if away else "Nothing is due within 30 days."
        elif (pk, _sending_day(homes[pk], hours)) in told:
            why_not = "Has a mail of reminders that day already."
        planned.append(Planned(held[0], open_now, why_not))
    return planned


def _homes(people: Collection[int]) -> dict[int, Clinic]:
    """The first clinic of each, whose hours and calendar count for her."""
    rows = Membership.objects.filter(person__in=people, ended_at=None).select_related("clinic").order_by("-clinic")
    return {row.person_id: row.clinic for row in rows}


def _sending_day(home: Clinic, hours: Mapping[int, Hours]) -> date:
    at = hours[home.pk].next_open(clock.now(), home.zone)
    return at.astimezone(ZoneInfo(home.zone)).date()


def remind_by_hand(*, rows: Sequence[Row], by: StaffMember) -> list[StaffMember]:
    """Queue a mail to each who has something open and none that day, at once or when the clinic's hours begin; returns
    to whom."""
    reminded = []
    planned = [one for one in plan_by_hand(rows) if not one.why_not]
    homes = _homes({one.row.person.pk for one in planned})
    hours = hours_of(list({home.pk: home for home in homes.values()}.values()))
    sent = sent_to([one.row.person.pk for one in planned])
    clinics = {row.clinic.pk: row.clinic for row in rows}
    for one in planned:
        pk, home = one.row.person.pk, homes[one.row.person.pk]
        letter = Letter(one.row)
        for matter in one.matters:
            step = timing.current(matter, clock.today(clinics[matter.clinic].zone))
            again = step is None or matter.sent_as(step) in sent[pk]
            letter.own.append((clinics[matter.clinic].name, matter))
            letter.lines.append(_line(matter, matter.kind, None if again else step))
        at, day = hours[home.pk].next_open(clock.now(), home.zone), _sending_day(home, hours)
        if _queue(letter, clinic=one.row.clinic, day=day, due_at=at, by=by):
            reminded.append(one.row.person)
    return reminded


# What managers see of it.


def log_of(clinics: Sequence[Clinic], person: StaffMember | None = None) -> "QuerySet[ReminderMail]":
    """Mails with a line of these clinics, the newest first, and only those lines."""
    lines = Reminder.objects.filter(clinic__in=list(clinics))
    if person:
        lines = lines.filter(about=person)
    shown = lines.select_related("about", "clinic").order_by("pk")
    rows: QuerySet[ReminderMail] = (
        ReminderMail.objects.filter(pk__in=lines.values("mail"))
        .select_related("person", "mail", "queued_by")
        .prefetch_related(Prefetch("lines", shown))
        .order_by("-queued_at", "-pk")
    )
    return rows


@dataclass(frozen=True)
class Coming:
    """What somebody is reminded of next in a clinic and when, if nothing happens before: the soonest day first."""

    row: Row
    days: tuple[tuple[date, tuple[Matter, ...]], ...]


def coming_to(clinics: Sequence[Clinic]) -> "QuerySet[Membership]":
    """Who may be reminded of something, by name: what a page of it takes is worked out for that page alone."""
    rows: QuerySet[Membership] = Membership.objects.filter(
        clinic__in=list(clinics), ended_at=None, person__is_active=True
    )
    return rows.order_by("person__full_name", "pk")


def coming(clinics: Sequence[Clinic], members: Sequence[Membership]) -> list[Coming]:
    """The next reminder of each matter of these memberships, in their order; of whom none comes, nobody. A fixed number of
    queries."""
    board = board_of_people(clinics, [row.person_id for row in members])
    rows = {row.membership.pk: row for row in board.rows}
    matters, sent = matters_of(board.rows), sent_to([row.person.pk for row in board.rows])
    found = []
    for member in members:
        row = rows.get(member.pk)
        if row is None:  # ended since
            continue
        by_day: dict[date, list[Matter]] = defaultdict(list)
        for matter in matters[row.person.pk, row.clinic.pk]:
            by_day[timing.next_on(matter, clock.today(row.clinic.zone), sent[row.person.pk])].append(matter)
        if by_day:
            found.append(Coming(row, tuple((day, tuple(by_day[day])) for day in sorted(by_day))))
    return found
