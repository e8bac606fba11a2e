"""The one next step of each role, in words: what, why, how long, until when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.urls import reverse

from certificates.actions import outcome_of, restudy_done
from compliance import waiting
from compliance.queries import Board, Cell, Column
from quizzes import eligibility
from quizzes.models import Attempt, Quiz, Review
from quizzes.queries import open_candidacy
from quizzes.queries import standing as quiz_standing
from staff import clock
from staff.models import Clinic, StaffMember
from staff.templatetags.look import day, moment, plural
from training.models import SectionVersion
from training.queries import confirmed, place_in, places

# In this order they are offered; what waits for somebody else comes after everything one can do oneself.
RUNNING, AGAIN, OPEN, RENEW, WAITING, DONE = range(6)


@dataclass(frozen=True)
class Step:
    """`acts` is false where the person can only wait, or has nothing to do."""

    title: str
    text: str
    url: str = ""
    action: str = ""
    kicker: str = ""
    second_url: str = ""
    second: str = ""
    rank: int = OPEN

    @property
    def acts(self) -> bool:
        return self.rank < WAITING


@dataclass(frozen=True)
class ModuleRow:
    """A module on the learner's home: how far, what state, and the step it would take next."""

    cell: Cell
    read: int
    minutes_left: int
    step: Step | None
    note: str = ""
    state: str = ""
    word: str = ""

    @property
    def url(self) -> str:
        return reverse("training:module-detail", args=[self.cell.column.slug])


@dataclass(frozen=True)
class Progress:
    """What decides a person's next step in one module."""

    person: StaffMember
    clinic: Clinic
    cell: Cell
    sections: Sequence[SectionVersion]
    unread: Sequence[SectionVersion]
    where: eligibility.Standing
    verdict: eligibility.Verdict
    open_attempt: Attempt | None = None
    last: Attempt | None = None
    returned: Review | None = None
    restudy: Sequence[SectionVersion] = field(default_factory=tuple)

    @property
    def column(self) -> Column:
        return self.cell.column

    @property
    def slug(self) -> str:
        return self.column.slug

    @property
    def quiz_url(self) -> str:
        return reverse("quizzes:quiz-detail", args=[self.slug])

    def section_url(self, section: SectionVersion) -> str:
        """A section that was begun and not confirmed opens where the reader stopped."""
        url = reverse("training:section-detail", args=[self.slug, section.section.slug])
        place = place_in(self.person, section) if section in self.unread else ""
        return f"{url}#{place}" if place else url


def progress(person: StaffMember, clinic: Clinic, cell: Cell) -> Progress | None:
    """None where the module has no quiz yet."""
    quiz = Quiz.objects.filter(module=cell.column.module_id).select_related("module").first()
    if quiz is None or not quiz.versions.exists():
        return None
    sections = [place.section_version for place in places(cell.column.version)]
    read = confirmed(person, sections)
    candidacy = open_candidacy(person, quiz)
    where = quiz_standing(person, quiz, clinic)
    attempts = list(candidacy.attempts.order_by("-started_at")) if candidacy else []
    returned = (
        Review.objects.filter(
            candidate=person, decision=Review.Decision.RETURNED, attempt__certificates=cell.certificate
        )
        .select_related("reviewer", "attempt")
        .prefetch_related("restudy")
        .first()
        if cell.certificate and cell.standing.state == "suspended"
        else None
    )
    return Progress(
        person=person,
        clinic=candidacy.clinic if candidacy else clinic,
        cell=cell,
        sections=sections,
        unread=[section for section in sections if section.pk not in read],
        where=where,
        verdict=eligibility.verdict(where, clock.now()),
        open_attempt=next((row for row in attempts if row.state == Attempt.State.OPEN), None),
        last=next((row for row in attempts if row.state in Attempt.FINISHED), None),
        returned=returned,
        restudy=_restudy(returned, sections) if returned and not restudy_done(returned) else (),
    )


def _restudy(review: Review, sections: Sequence[SectionVersion]) -> list[SectionVersion]:
    """The returned passages of the live version that were not confirmed since the review."""
    wanted = set(review.restudy.values_list("versions__section_version__section", flat=True))
    read = confirmed(review.candidate, sections)
    return [
        section
        for section in sections
        if section.section_id in wanted
        and (section.pk not in read or read[section.pk].confirmed_at <= review.reviewed_at)
    ]


def module_row(person: StaffMember, clinic: Clinic, cell: Cell) -> ModuleRow:
    now = progress(person, clinic, cell)
    column = cell.column
    if now is None:
        return ModuleRow(cell, 0, column.minutes, None, state=cell.standing.state, word=cell.standing.detail)
    state, word = _shown_state(now)
    return ModuleRow(
        cell=cell,
        read=len(now.sections) - len(now.unread),
        minutes_left=sum(section.minutes for section in now.unread),
        step=module_step(now),
        note=_note(now),
        state=state,
        word=word,
    )


def _shown_state(now: Progress) -> tuple[str, str]:
    found = now.cell.standing
    if now.verdict.code in ("wait", "reread") and found.state in ("in-progress", "overdue"):
        return "failed", "Not passed yet"
    if found.state == "not-required" and (now.where.attempts_used or now.open_attempt):
        return "in-progress", ""
    if found.state in ("due-soon", "not-started"):
        return found.state, f"Due {day(found.due_on)}"
    return found.state, "" if found.state == "in-progress" else found.detail


def _note(now: Progress) -> str:
    """What the last attempt said, and how many are left."""
    if now.open_attempt:
        return f"attempt {now.open_attempt.number} is open"
    if now.last and now.last.number:
        outcome = outcome_of(now.last)
        left = max(now.where.attempts_allowed - now.where.attempts_used, 0)
        return f"last attempt {outcome.points} of {outcome.max_points}, {plural(left, 'attempt,attempts')} left"
    return ""


def module_step(now: Progress) -> Step | None:
    """The step in this module; None where nothing is asked and nothing was begun."""
    state = now.cell.standing.state
    title, code = now.column.title, now.verdict.code
    result: dict[str, str] = {}
    if now.last:
        url = reverse("certificates:attempt-result", args=[now.last.public_id])
        result = {"second_url": url, "second": "See your result"}
    if now.open_attempt:
        attempt = now.open_attempt
        return Step(
            f"Go on with the quiz {title}",
            f"Your attempt is open until {moment(attempt.deadline_at)}; after that it is scored as stored. "
            "Every answer you saved is kept.",
            reverse("quizzes:attempt-take", args=[attempt.public_id]),
            "Go on with the quiz",
            rank=RUNNING,
        )
    if state == "suspended":
        return _suspended_step(now)
    if state in ("valid", "awaiting-adoption") or code == "closed":
        return _settled_step(now)
    if code == "locked":
        return Step(
            f"Talk {title} through with your supervising physician",
            f"All {now.where.attempts_allowed} attempts are used. Ask your supervising physician to reopen it: "
            "once your talk is recorded, two more attempts open.",
            rank=WAITING,
            **result,
        )
    begun = bool(now.cell.standing.proof or len(now.unread) < len(now.sections) or now.where.attempts_used)
    if state == "not-required" and not begun:
        return None
    if code == "reread":
        return _reread_step(now, result)
    if code == "wait" and now.verdict.opens_at:
        return Step(
            f"Your next attempt at {title} opens on {moment(now.verdict.opens_at)}",
            "You have read the missed passages again. Until then you can practise and read on.",
            rank=WAITING,
            **result,
        )
    if code == "read":
        return _read_step(now)
    return _quiz_step(now)


def _read_step(now: Progress) -> Step:
    section = now.unread[0]
    minutes = sum(row.minutes for row in now.unread)
    started = len(now.unread) < len(now.sections)
    left = (
        f"{plural(len(now.unread), 'section,sections')} of {now.column.title} left, "
        f"about {plural(minutes, 'minute,minutes')}. The quiz opens when all are read.{_due(now)}"
    )
    return Step(
        f"{'Continue reading' if started else 'Start reading'}: {section.title}",
        left,
        now.section_url(section),
        "Continue reading" if started else "Start reading",
        kicker=f"about {plural(section.minutes, 'minute,minutes')}",
        rank=OPEN,
    )


def _quiz_step(now: Progress) -> Step:
    proof = now.cell.standing.proof
    title = now.column.title
    if proof and proof.state == "expiring":
        return Step(
            f"Renew {title}",
            f"Your certificate is valid to {day(proof.valid_until_on)}. Renewal is open: take the quiz first, and read "
            "again only what it shows you missed. Renewing early costs no day.",
            now.quiz_url,
            "See the rules and start",
            rank=RENEW,
        )
    why = ""
    if proof and proof.state == "expired":
        why = f"Your certificate expired on {day(proof.valid_until_on)}. "
    elif proof and proof.state == "revoked":
        why = f"Your certificate was revoked on {day(proof.changed_on)}. "
    elif now.where.attempts_used:
        why = f"This is attempt {now.where.attempts_used + 1} of {now.where.attempts_allowed}. "
    else:
        why = "You have read every section. "
    return Step(
        f"Take the quiz {title}",
        f"{why}The rules stand on the first page; nothing starts before you press Start.{_due(now)}",
        now.quiz_url,
        "See the rules and start",
        rank=OPEN,
    )


def _reread_step(now: Progress, result: dict[str, str]) -> Step:
    titles = list(now.where.reread)
    section = next((row for row in now.sections if row.title == titles[0]), now.sections[0])
    names = titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    opens = ""
    if now.last and now.last.ended_at and not now.where.opened_early:
        at = eligibility.next_opening(now.last.ended_at, now.where.zone, now.where.next_day_hour)
        opens = f" The next attempt opens on {moment(at)}." if at > clock.now() else " Then the next attempt is open."
    return Step(
        f"Read again: {section.title}",
        f"Your last attempt missed points in {names}. Confirm {'it' if len(titles) == 1 else 'them'} again.{opens}",
        now.section_url(section),
        "Read the passage",
        kicker=f"about {plural(section.minutes, 'minute,minutes')}",
        rank=AGAIN,
        **result,
    )


def _suspended_step(now: Progress) -> Step:
    proof, title = now.cell.standing.proof, now.column.title
    since = f" since {day(proof.changed_on)}" if proof and proof.changed_on else ""
    if now.returned and now.restudy:
        section = now.restudy[0]
        names = ", ".join(row.title for row in now.restudy)
        return Step(
            f"Read again: {section.title}",
            f"{now.returned.reviewer.full_name} returned your attempt and asks you to read again: {names}. "
            f"Your certificate {title} is suspended{since} and comes back when you have confirmed that.",
            now.section_url(section),
            "Read the passage",
            rank=AGAIN,
            second_url=reverse("certificates:attempt-result", args=[now.returned.attempt.public_id]),
            second="See the review",
        )
    return Step(
        f"Your certificate {title} is suspended{since}",
        "Ask your manager or your supervising physician what is needed to lift it.",
        rank=WAITING,
        second_url=now.cell.url,
        second="See the certificate",
    )


def _settled_step(now: Progress) -> Step:
    title, proof = now.column.title, now.cell.standing.proof
    if now.cell.standing.state == "awaiting-adoption":
        return Step(
            f"You passed {title}",
            f"Your certificate is issued when a physician of {now.clinic} has adopted this module, and counts from the "
            "day you passed. There is nothing for you to do.",
            rank=WAITING,
        )
    if proof is None:
        return Step(f"{title} is closed for now", "Ask your manager when it opens again.", rank=WAITING)
    opens = proof.valid_until_on - timedelta(days=_renewal_days(now.cell))
    return Step(
        f"{title} is current until {day(proof.valid_until_on)}",
        f"Renewal opens on {day(opens)}.",
        second_url=now.cell.url,
        second="See the certificate",
        rank=DONE,
    )


def _renewal_days(cell: Cell) -> int:
    return cell.certificate.renewal_days if cell.certificate else 60


def _due(now: Progress) -> str:
    found = now.cell.standing
    if found.word == "due-soon" and not found.proof:
        return f" Due {day(found.due_on)}."
    return f" It was due on {day(found.due_on)}." if found.state == "overdue" else ""


def learner_step(rows: Sequence[ModuleRow], clinic: Clinic) -> Step:
    """The first thing the learner can do; else the first she waits for; else until when she is current."""
    steps = [row.step for row in rows if row.step]
    ready = sorted((step for step in steps if step.rank < DONE), key=lambda step: step.rank)
    if ready:
        return ready[0]
    modules = reverse("training:module-list")
    if not rows:
        return Step(
            "No module is published yet",
            "Your home shows the next step as soon as there is something to read. Nothing is due.",
            rank=DONE,
        )
    proofs = [
        (proof.valid_until_on, row.cell)
        for row in rows
        if (proof := row.cell.standing.proof) and row.cell.standing.state == "valid"
    ]
    required = [row for row in rows if row.cell.standing.word != "not-required"]
    if required and proofs:
        until, first = min(proofs, key=lambda pair: pair[0])
        opens = until - timedelta(days=_renewal_days(first))
        return Step(
            f"You are current until {day(until)}",
            f"Nothing is due. Renewal of {first.column.title} opens on {day(opens)}.",
            reverse("certificates:certificate-list"),
            "See your certificates",
            second_url=modules,
            second="Read a module",
            rank=DONE,
        )
    return Step(
        "Nothing is due",
        f"{clinic} requires no module of you. You may read every module and take its quiz.",
        modules,
        "Open the modules",
        rank=DONE,
    )


def physician_step(work: waiting.Waiting) -> Step:
    queue = reverse("certificates:review-queue")
    if work.locked:
        first = work.locked[0]
        return Step(
            f"Talk {first.title} through with {first.person.full_name}",
            f"All attempts are used. When you have recorded the talk, two more open.{_more(work.total - 1)}",
            first.url,
            "Open the last attempt",
            second_url=queue,
            second="All reviews",
            rank=RUNNING,
        )
    if work.critical:
        first = work.critical[0]
        return Step(
            f"Review {first.person.full_name}, {first.title}",
            f"{first.score}, and {plural(first.critical, 'safety-critical answer,safety-critical answers')} wrong. "
            f"Handed in on {day(first.ended_at)}.{_more(work.total - 1)}",
            first.url,
            "Open the review",
            second_url=queue,
            second="All reviews",
            rank=AGAIN,
        )
    if work.adoptions:
        adopt = work.adoptions[0]
        passes = f"{plural(adopt.passes, 'pass waits,passes wait')} for it. " if adopt.passes else ""
        return Step(
            f"Adopt {adopt.version.title} for {adopt.clinic}",
            f"{passes}Before a physician of the clinic has signed this version, people read and take the quiz, but no "
            "certificate is issued.",
            adopt.url,
            "Read and adopt",
            rank=AGAIN if adopt.passes else OPEN,
        )
    return Step(
        "Nothing waits for you",
        "Nobody is locked, no safety-critical miss is unreviewed, and every published module is adopted. "
        "Clean passes are never a task; you find them under Reviews.",
        queue,
        "See all attempts",
        rank=DONE,
    )


def _more(count: int) -> str:
    return f" {plural(count, 'more thing waits,more things wait')} below." if count > 0 else ""


def manager_step(board: Board, counts: dict[str, int]) -> Step:
    matrix = reverse("compliance:matrix")
    required = sum(counts.values()) - counts["not-required"]
    late, soon = counts["not-current"], counts["due-soon"]
    if not board.rows or len({row.person.pk for row in board.rows}) == 1:
        return Step(
            "No one else works here yet",
            "Add the people of your clinic. Each gets an invitation by e-mail with a link to choose a password.",
            reverse("compliance:person-add"),
            "Add a person",
            rank=OPEN,
        )
    if not required:
        return Step(
            "Nothing is required of anyone yet",
            "Treating staff must hold each published module 30 days after they were hired. Nobody here is treating "
            "staff, or no module is published.",
            matrix,
            "Open compliance",
            rank=DONE,
        )
    if late:
        return Step(
            count_sentence(counts),
            f"{f'Another {soon} {_have(soon)} a date in the next weeks. ' if soon else ''}"
            "The list shows why, the most urgent first.",
            f"{matrix}?word=not-current",
            "See who",
            second_url=reverse("compliance:sheet"),
            second="Inspection sheet",
            rank=AGAIN,
        )
    if soon:
        return Step(
            f"Everyone is current, {soon} of {required} {_have(soon)} a date soon",
            "They are expiring, or within 30 days of being hired.",
            f"{matrix}?word=due-soon",
            "See who",
            second_url=reverse("compliance:sheet"),
            second="Inspection sheet",
            rank=OPEN,
        )
    return Step(
        count_sentence(counts),
        "Nothing is due.",
        matrix,
        "Open compliance",
        second_url=reverse("compliance:sheet"),
        second="Inspection sheet",
        rank=DONE,
    )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def count_sentence(counts: dict[str, int]) -> str:
    """The matrix's heading."""
    required = sum(counts.values()) - counts["not-required"]
    late = counts["not-current"]
    if not required:
        return "Nothing is required of anyone yet"
    if not late:
        return f"All {required} people are current" if required > 1 else "The one person who must be current is current"
    return f"{late} of {required} {'person' if required == 1 else 'people'} {'is' if late == 1 else 'are'} not current"
