"""What is on record of people in many modules at an instant, each kind fetched by one statement: what few people have of
everybody at once, certificates and reading of whom it is asked about.

At present the rows say what they are. For an instant that has passed, what happened since is left out: the state of an attempt
follows from its dates (`Then`), that of a certificate from the events that were on record.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum, TextField
from django.db.models.functions import Cast

from certificates import validity
from certificates.models import Certificate, CertificateEvent
from certificates.queries import passes_awaiting_adoption
from compliance import outside, standing
from compliance.models import Merge
from compliance.roll import Whom
from quizzes import scoring
from quizzes.models import Attempt, AttemptGrant, Candidacy, Disposition, Outcome, QuizVersion, Regrade
from quizzes.queries import is_locked, with_attempts
from staff.models import StaffMember
from staff.prepared import padded, prepared
from training.models import ModuleVersion, ModuleVersionSection, Reading, ReadingConfirmation
from training.queries import counting

Pair = tuple[int, int]
Place = tuple[int, int, int]
FULL, RETEST = Attempt.Kind.FULL, Attempt.Kind.CRITICAL_RETEST


class Held(NamedTuple):
    """A certificate, as far as its state follows from it. Dates are text as ISO 8601 writes it: most people hold the same few,
    which are read once each."""

    pk: int
    person: int
    clinic: int
    module: int | None
    programme: int | None
    number: str
    valid_from_on: str
    valid_until_on: str
    zone: str
    renewal_days: int
    state: str


class Gathered:
    """The facts of these people in the modules of these versions, as they stood at `at`.

    `sitting`, `locked` and `waiting` (for adoption) are by person, module and clinic, as are `credits` for outside training.
    `held` (by person and module), `signed` (programme certificates by person, programme and clinic), `read` and `opened` (by
    person and module) are there of whom they were fetched for.
    """

    def __init__(self, whom: Whom, versions: Sequence[ModuleVersion], *, past: bool) -> None:
        self.whom, self.at = whom, whom.at
        self._versions = padded(version.pk for version in versions)
        self.modules = [version.module_id for version in versions]
        self._asked = padded(self.modules)
        self._aliases = _aliases(self.at, past=past)
        self._states = _States(self.at)
        self.held: dict[Pair, list[Held]] = {}
        self.signed: dict[Place, list[Held]] = {}
        self.read: dict[Pair, int] = {}
        self.opened: set[Pair] = set()
        self.certified: set[int] = set()  # the people whose certificates were fetched
        self.credits = outside.credits_at(whom)
        self.sitting: set[Place] = set()
        self.locked: set[Place] = set()
        self.waiting: set[Place] = set()
        if past:
            then = Then(whom.all("person"), self.modules, self.at)
            self.sitting, self.locked, self.waiting = then.sitting, then.locked, then.waiting
        else:
            self._now()

    def _now(self) -> None:
        for row in _open_cycles(self.whom, self._asked):
            key = (row.person_id, row.quiz.module_id, row.clinic_id)
            if row.used:  # type: ignore[attr-defined]
                self.sitting.add(key)
            if is_locked(row):
                self.locked.add(key)
        self.waiting = set(_waiting(self.whom, self._asked))

    def fetch_certificates(self, people: Collection[int]) -> None:
        """What was issued to these people by then, in that order; an alias's is hers into whose account it was merged. Asks
        once also for nobody, so that a page costs the same for few and for many."""
        theirs = Theirs.of(people, self.whom, (alias for alias, kept in self._aliases.items() if kept in people))
        self._states.fetch(theirs)
        held, signed = _held(theirs, self._aliases, self._asked, self._states)
        self.held |= held
        self.signed |= signed
        self.certified.update(people)

    def fetch_reading(self, people: Collection[int]) -> None:
        """What these people have opened and confirmed of the modules; asks once also for nobody."""
        theirs = Theirs.of(people, self.whom)
        confirmed = _confirmed(theirs, self._versions, self.at)
        self.read |= {(person, module): n for person, module, n in confirmed}
        self.opened |= set(_opened(theirs, self._versions, self.at))

    @property
    def alone(self) -> set[int]:
        """People with more to them than certificates and reading."""
        return {place[0] for place in (*self.credits, *self.sitting, *self.locked, *self.waiting)}

    def touched(self) -> set[int]:
        """People of whose certificates the calendar alone does not tell the state: somebody did something to one of them, or they
        were issued to an account that was merged into hers."""
        kept = {pk for pk in self._aliases.values() if pk}
        return kept.union(_whose_happened(self.whom))

    def proof(self, held: Held) -> standing.Proof:
        until = date.fromisoformat(held.valid_until_on)
        return standing.Proof(held.state, until, self._states.changed_on(held), held.number)


# More than this are not named one by one in a statement.
MOST_NAMED = 5_000


@dataclass(frozen=True)
class Theirs:
    """Of whom something is fetched: these people, or everybody of whom was asked; and those of the accounts `also`."""

    people: tuple[int, ...] | None
    everybody: Whom | None
    also: tuple[int, ...] | None

    @classmethod
    def of(cls, people: Collection[int], whom: Whom, also: Iterable[int] = ()) -> "Theirs":
        also = tuple(also)
        if len(people) + len(also) <= MOST_NAMED:
            return cls(padded((*people, *also)), None, None)
        return cls(None, whom, padded(also) if also else None)

    def rows(self, path: str) -> Q:
        """Theirs, in a table whose rows name their person so."""
        asked = self.everybody.all(path) if self.everybody else Q(**{f"{path}__in": self.people})
        return asked | Q(**{f"{path}__in": self.also}) if self.also else asked


@prepared
def _open_cycles(whom: Whom, modules: tuple[int, ...]) -> "QuerySet[Candidacy]":
    rows = Candidacy.objects.filter(whom.each("person"), quiz__module__in=modules, closed_at=None)
    return with_attempts(rows)


@prepared
def _waiting(whom: Whom, modules: tuple[int, ...]) -> "QuerySet[Attempt, tuple[int, int, int]]":
    rows = passes_awaiting_adoption().filter(whom.each("candidacy__person"), module_version__module__in=modules)
    return rows.values_list("candidacy__person", "module_version__module", "candidacy__clinic")


@prepared
def _confirmed(theirs: Theirs, versions: tuple[int, ...], at: datetime) -> "QuerySet[Any, tuple[int, int, int]]":
    """By person and module, how many sections of these module versions she has confirmed as read by then."""
    rows = ReadingConfirmation.objects.filter(
        theirs.rows("person"), section_version__in=_sections(versions), confirmed_at__lte=at
    )
    told = counting(rows, at).order_by().values_list("person", "section_version__section__module")
    return told.annotate(Count("section_version", distinct=True))


@prepared
def _opened(theirs: Theirs, versions: tuple[int, ...], at: datetime) -> "QuerySet[Reading, tuple[int, int]]":
    rows = Reading.objects.filter(theirs.rows("person"), section_version__in=_sections(versions), opened_at__lte=at)
    return rows.values_list("person", "section_version__section__module").distinct()


def _sections(versions: tuple[int, ...]) -> "QuerySet[ModuleVersionSection, Any]":
    return ModuleVersionSection.objects.filter(module_version__in=versions).values("section_version")


@prepared
def _whose_happened(whom: Whom) -> "QuerySet[CertificateEvent, int]":
    """To a certificate of whom something had happened by then."""
    rows = CertificateEvent.objects.filter(whom.each("certificate__person"), at__lte=whom.at, effective_at__lte=whom.at)
    return rows.order_by().values_list("certificate__person", flat=True)


def _aliases(at: datetime, *, past: bool) -> dict[int, int | None]:
    """Accounts that were merged, with the one that was kept: on a day that has passed, those that were one by then."""
    if past:
        merged = Merge.objects.filter(decision__confirmed=True, decision__decided_at__lte=at)
        return dict(merged.values_list("alias", "kept"))
    return dict(_merged())


@prepared
def _merged() -> "QuerySet[StaffMember, tuple[int, int | None]]":
    return StaffMember.objects.filter(merged_into__isnull=False).order_by().values_list("pk", "merged_into")


@prepared
def _issued(theirs: Theirs, modules: tuple[int, ...], at: datetime) -> "QuerySet[Certificate, Any]":
    rows = Certificate.objects.filter(
        Q(kind=Certificate.Kind.KNOWLEDGE, candidacy__quiz__module__in=modules)
        | Q(kind=Certificate.Kind.PROGRAMME, signing__isnull=False),
        theirs.rows("person"),
        issued_at__lte=at,
    )
    return rows.order_by("pk").values_list(
        "pk", "person", "clinic", "candidacy__quiz__module", "signing__programme", "number",
        Cast("valid_from_on", TextField()), Cast("valid_until_on", TextField()), "zone", "renewal_days",
    )  # fmt: skip


def _held(
    theirs: Theirs, aliases: Mapping[int, int | None], modules: tuple[int, ...], states: "_States"
) -> tuple[dict[Pair, list[Held]], dict[Place, list[Held]]]:
    knowledge: dict[Pair, list[Held]] = defaultdict(list)
    signed: dict[Place, list[Held]] = defaultdict(list)
    for row in _issued(theirs, modules, states.at):
        held = Held._make((*row, states(row[0], row[6:])))
        if held.module is not None:
            knowledge[aliases.get(held.person) or held.person, held.module].append(held)
        elif held.programme is not None:
            signed[held.person, held.programme, held.clinic].append(held)
    return knowledge, signed


class _States:
    """The state of each certificate at an instant, by what was on record then; most have the same few dates."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.events: dict[int, list[validity.Event]] = {}
        self.superseded: dict[int, datetime] = {}
        self._plain: dict[tuple[str, str, str, int], str] = {}

    def fetch(self, theirs: Theirs) -> None:
        """What happened to certificates of these people."""
        events: dict[int, list[validity.Event]] = defaultdict(list)
        for certificate, kind, effective_at in _happened(theirs, self.at):
            events[certificate].append(validity.Event(kind, effective_at))
        self.events |= events
        self.superseded |= {old: issued_at for old, issued_at in _newer(theirs, self.at) if old is not None}

    def __call__(self, pk: int, dates: tuple[str, str, str, int]) -> str:
        """`dates`: the first day, the last one, the zone, and how many days before the end it is to be renewed."""
        if pk in self.events or pk in self.superseded:
            return self._state(dates, self.events.get(pk, ()), self.superseded.get(pk))
        found = self._plain.get(dates)
        if found is None:
            found = self._plain[dates] = self._state(dates)
        return found

    def _state(
        self,
        dates: tuple[str, str, str, int],
        events: Sequence[validity.Event] = (),
        superseded_at: datetime | None = None,
    ) -> str:
        first, last, zone, renewal_days = dates
        held = validity.Holding(
            date.fromisoformat(first), date.fromisoformat(last), zone, renewal_days, events, superseded_at
        )
        return validity.state(held, self.at)

    def changed_on(self, held: Held) -> date | None:
        """The day of the last suspension or revocation, in the certificate's zone."""
        events = self.events.get(held.pk)
        if not events:
            return None
        last = max((event.effective_at for event in events if event.kind in HOLDING), default=None)
        return last.astimezone(ZoneInfo(held.zone)).date() if last else None


@prepared
def _happened(theirs: Theirs, at: datetime) -> "QuerySet[CertificateEvent, tuple[int, str, datetime]]":
    issued = Certificate.objects.filter(theirs.rows("person")).order_by().values("pk")
    rows = CertificateEvent.objects.filter(certificate__in=issued, at__lte=at, effective_at__lte=at)
    return rows.order_by("at", "pk").values_list("certificate", "kind", "effective_at")


@prepared
def _newer(theirs: Theirs, at: datetime) -> "QuerySet[Certificate, tuple[int | None, datetime]]":
    """Which certificates of theirs others replaced by then, and when."""
    issued = Certificate.objects.filter(theirs.rows("person")).order_by().values("pk")
    return (
        Certificate.objects.filter(supersedes__in=issued, issued_at__lte=at)
        .order_by()
        .values_list("supersedes", "issued_at")
    )


HOLDING = (CertificateEvent.Kind.SUSPENDED, CertificateEvent.Kind.REVOKED)


def changed_on(certificate: Certificate) -> date | None:
    """The day of the last suspension or revocation, in the certificate's zone; uses the events fetched with it."""
    at = max((event.effective_at for event in certificate.events.all() if event.kind in HOLDING), default=None)
    return at.astimezone(ZoneInfo(certificate.zone)).date() if at else None


class Then:
    """Who sat, was locked or waited for adoption at an instant that has passed, out of what was on record by then.

    Most cycles had ended in a certificate by then, and nothing of them is looked at.
    """

    def __init__(self, theirs: Q, modules: list[int], at: datetime) -> None:
        self.at = at
        undecided = self._undecided(theirs, modules)
        self.cycles = list(undecided)
        of_theirs: dict[str, Any] = {"candidacy__in": [cycle.pk for cycle in self.cycles]}
        if len(self.cycles) > MOST_NAMED:
            of_theirs = {"candidacy__in": undecided.values("pk")}
        self.attempts: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in Attempt.objects.filter(started_at__lte=at, **of_theirs).select_related("quiz_version"):
            if self._state(attempt) != Attempt.State.VOIDED:
                self.attempts[attempt.candidacy_id].append(attempt)
        self.outcomes = self._outcomes(of_theirs)
        self.extra: dict[int, int] = dict(
            AttemptGrant.objects.filter(granted_at__lte=at, **of_theirs)
            .order_by()
            .values_list("candidacy")
            .annotate(Sum("extra"))
        )
        rules = QuizVersion.objects.filter(quiz__module__in=modules, created_at__lte=at).order_by("number")
        self.allowed: dict[int, int] = dict(rules.values_list("quiz", "attempts"))
        self.certified: dict[int, int] = dict(
            Certificate.objects.filter(issued_at__lte=at, attempt__isnull=False, **of_theirs).values_list(
                "attempt", "candidacy"
            )
        )
        self.undone = set(
            Disposition.objects.filter(
                decided_at__lte=at,
                decision__in=["suspend", "revoke", "reopen"],
                **{f"outcome__attempt__{name}": value for name, value in of_theirs.items()},
            ).values_list("outcome__attempt", flat=True)
        )
        self.sitting: set[Place] = set()
        self.locked: set[Place] = set()
        self.waiting: set[Place] = set()
        self._places()

    def _undecided(self, theirs: Q, modules: list[int]) -> "QuerySet[Candidacy]":
        """Cycles that had begun, but for those that were closed with a certificate whose pass was never scored anew: who was
        in one of these neither sat, nor was locked, nor waited. `later`: another had followed."""
        of_it = {"attempt__candidacy": OuterRef("pk")}
        passed = Certificate.objects.filter(**of_it, issued_at__lte=self.at)
        anew = Outcome.objects.filter(**of_it, number__gt=1)
        after = Candidacy.objects.filter(
            person=OuterRef("person"), quiz=OuterRef("quiz"), cycle__gt=OuterRef("cycle"), opened_at__lte=self.at
        )
        rows: QuerySet[Candidacy] = (
            Candidacy.objects.filter(theirs, quiz__module__in=modules, opened_at__lte=self.at)
            .filter(Q(closed_at=None) | Q(closed_at__gt=self.at) | ~Exists(passed) | Exists(anew))
            .select_related("quiz")
            .annotate(later=Exists(after))
        )
        return rows

    def _state(self, attempt: Attempt) -> str:
        ended = attempt.ended_at is not None and attempt.ended_at <= self.at
        return str(attempt.state) if ended else str(Attempt.State.OPEN)

    def _outcomes(self, of_theirs: dict[str, Any]) -> dict[int, list[Outcome]]:
        """Of each attempt those on record, the first one first: a regrade added the others."""
        regraded = {row.public_id: row.regraded_at for row in Regrade.objects.filter(regraded_at__lte=self.at)}
        found: dict[int, list[Outcome]] = defaultdict(list)
        rows = Outcome.objects.filter(**{f"attempt__{name}": value for name, value in of_theirs.items()})
        for row in rows.order_by("number"):
            if row.number == 1 or row.cause.removeprefix(Regrade.CAUSE) in regraded:
                found[row.attempt_id].append(row)
        return found

    def _places(self) -> None:
        for cycle in self.cycles:
            place = (cycle.person_id, cycle.quiz.module_id, cycle.clinic_id)
            if not cycle.later and self._waits(cycle):  # type: ignore[attr-defined]
                self.waiting.add(place)
            if cycle.closed_at is None or cycle.closed_at > self.at:
                full = [row for row in self.attempts[cycle.pk] if row.kind == FULL]
                if full:
                    self.sitting.add(place)
                if self._is_locked(cycle, full):
                    self.locked.add(place)

    def _waits(self, cycle: Candidacy) -> bool:
        """A pass without a certificate, in a cycle where no other pass that counts has one."""
        finished = [row for row in self.attempts[cycle.pk] if self._state(row) in Attempt.FINISHED]
        certified = {row.pk for row in finished if row.pk in self.certified and self._closes(row)}
        return any(self._passed(row) and row.pk not in self.certified and not certified - {row.pk} for row in finished)

    def _passed(self, attempt: Attempt) -> bool:
        rows = self.outcomes[attempt.pk]
        return bool(rows and rows[-1].passed)

    def _closes(self, attempt: Attempt) -> bool:
        once = any(row.passed for row in self.outcomes[attempt.pk])
        return self._passed(attempt) or (once and attempt.pk not in self.undone)

    def _is_locked(self, cycle: Candidacy, full: list[Attempt]) -> bool:
        attempts = self.attempts[cycle.pk]
        running = any(self._state(row) == Attempt.State.OPEN for row in attempts)
        allowed = self.allowed.get(cycle.quiz_id, 0) + self.extra.get(cycle.pk, 0)
        if running or len(full) < allowed:
            return False
        last = max(full, key=lambda row: row.number or 0, default=None)
        if last is None or any(row.kind == RETEST for row in attempts):
            return True
        rows = self.outcomes[last.pk]
        opens = bool(rows) and bool(scoring.opens_retest(json.loads(rows[-1].clauses)))
        return not (last.quiz_version.retest_items and opens)
