"""What is asked of a member in each column and how she stands there, with what says so."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from compliance import bloodborne, standing
from compliance.cells import MODULE, SESSION, Column
from compliance.gathering import Gathered, Held
from compliance.models import Incident, Waiver
from compliance.requirements.asking import (
    Ask,
    Demands,
    Member,
    Required,
    last_day,
    published_later,
    required,
    signed_by,
)
from compliance.roll import Whom
from staff.models import Clinic


class Sessions:
    """The yearly sessions on site: a column as soon as one of the clinics has named its trainer, or a rule asks for it."""

    def __init__(self, whom: Whom, *, asked: bool) -> None:
        self.began = bloodborne.began_at(whom)
        shown = bool(self.began) or asked
        self.held = bloodborne.last_sessions(whom) if shown else {}
        self.columns = (Column(SESSION, bloodborne.SLUG, bloodborne.TITLE),) if shown else ()


class Found(NamedTuple):
    """How somebody stands in a column, and what says so: the certificate that counts, the rules that ask, the waiver."""

    column: Column
    standing: standing.Standing
    held: Held | None = None
    asks: tuple[Ask, ...] = ()
    waiver: Waiver | None = None
    incident: Incident | None = None

    @property
    def required(self) -> bool:
        """Asked for by a rule, waived or not, or after an incident."""
        return bool(self.asks) or self.incident is not None


class Deciding:
    """Of everybody, by the columns and what was gathered. What is asked is the same for everybody of a clinic, of a role and
    hired on one day, and is worked out once."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        gathered: Gathered,
        demands: Demands,
        sessions: Sessions,
        at: datetime,
    ) -> None:
        self.columns, self.gathered, self.demands, self.sessions = columns, gathered, demands, sessions
        self.at = at
        self._days: dict[int, date] = {}
        self._published: dict[tuple[int, str], date | None] = {}
        self._required: dict[tuple[int, tuple[str, ...], date], tuple[list[Ask], list[Required | None]]] = {}

    def day(self, clinic: Clinic) -> date:
        if clinic.pk not in self._days:
            self._days[clinic.pk] = self.at.astimezone(ZoneInfo(clinic.zone)).date()
        return self._days[clinic.pk]

    def _later(self, clinic: Clinic, column: Column) -> date | None:
        key = (clinic.pk, column.slug)
        if key not in self._published:
            at = column.published_at
            self._published[key] = published_later(clinic, at) if at else None
        return self._published[key]

    def asked(self, member: Member, today: date) -> tuple[list[Ask], list[Required | None]]:
        """The rules that ask something of her, and what each column is to her."""
        since = self.demands.since(member)
        alone = bool(since) or self.demands.asks_by_hand(member)
        key = (member.clinic_id, member.roles, member.hired_on)
        if alone or key not in self._required:
            asks = self.demands.asks(member, member.roles, today)
            found = [self._one(member, since, asks, column) for column in self.columns]
            if alone:
                return asks, found
            self._required[key] = asks, found
        return self._required[key]

    def _one(self, member: Member, since: dict[str, date], asks: list[Ask], column: Column) -> Required | None:
        if column.programme:
            return signed_by(member, since, asks, column.programme)
        return required(member, since, asks, column.slug, self._later(member.clinic, column))

    def found(self, member: Member) -> list[Found]:
        """How she stands in each column."""
        today = self.day(member.clinic)
        _, required_ = self.asked(member, today)
        return [
            self._session(member, asked, column, today)
            if column.kind == SESSION
            else self._module(member, asked, column, today)
            if column.kind == MODULE
            else self._programme(member, asked, column, today)
            for column, asked in zip(self.columns, required_, strict=True)
        ]

    def _module(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        waiver = self.demands.waiver(member, column.module_id, today)
        incident = None if waiver else self.demands.incident(member, column.module_id, today)
        waiver = waiver if asked else None
        pair = (member.person_id, column.module_id)
        where = (*pair, member.clinic_id)
        held = self.gathered.held.get(pair, ())
        facts = standing.Facts(
            required=asked is not None or incident is not None,
            hired_on=member.hired_on,
            proofs=[self.gathered.proof(one) for one in held],
            sections=column.sections,
            read=self.gathered.read.get(pair, 0),
            started=(pair in self.gathered.opened and not incident) or where in self.gathered.sitting,
            locked=where in self.gathered.locked,
            awaiting_adoption=where in self.gathered.waiting,
            due_on=asked.due_on if asked else None,
            waived_until=last_day(waiver, self.at) if waiver else None,
            credit=self.gathered.credits.get(where),
            again_by=incident.due_on if incident else None,
        )
        return self._decided(column, facts, held, asked, waiver, today, incident)

    def _session(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        """Asked of whoever may come to blood, once her clinic records here, and of whom a rule asks it besides."""
        held = self.sessions.held.get((member.person_id, member.clinic_id))
        began = self.sessions.began.get(member.clinic_id)
        due = bloodborne.asked_by(member, member.roles, began, asked)
        waiver = self.demands.waiver(member, None, today) if due else None
        decided = standing.decide_session(
            required=due is not None,
            due=due or member.hired_on,
            until=bloodborne.valid_until(held) if held else None,
            today=today,
            waived_until=last_day(waiver, self.at) if waiver else None,
        )
        return Found(column, decided, None, asked.asks if asked else (), waiver)

    def _programme(self, member: Member, asked: Required | None, column: Column, today: date) -> Found:
        assert column.programme is not None
        held = self.gathered.signed.get((member.person_id, column.programme.pk, member.clinic_id), ())
        facts = standing.Facts(
            required=asked is not None,
            hired_on=member.hired_on,
            proofs=[self.gathered.proof(one) for one in held],
            due_on=asked.due_on if asked else None,
            exact=True,
        )
        return self._decided(column, facts, held, asked, None, today)

    def _decided(
        self,
        column: Column,
        facts: standing.Facts,
        held: Sequence[Held],
        asked: Required | None,
        waiver: Waiver | None,
        today: date,
        incident: Incident | None = None,
    ) -> Found:
        decided = standing.decide(facts, today)
        counts = next((one for one, proof in zip(held, facts.proofs, strict=True) if proof is decided.proof), None)
        return Found(column, decided, counts, asked.asks if asked else (), waiver, incident)
