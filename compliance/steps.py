"""The one next step of each role, in words: what, why, how long, until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.urls import reverse

from certificates.actions import restudy_done
from certificates.dispositions import is_suspended_for_regrade
from compliance import waiting
from compliance.queries import Board, Cell, Column
from compliance.standing import Proof
from quizzes import eligibility
from quizzes.models import Attempt, Candidacy, Outcome, Quiz, Review
from quizzes.queries import live_sections
from quizzes.queries import standings as quiz_standings
from staff import clock
from staff.models import Clinic, StaffMember
from staff.templatetags.look import ago, day, moment, plural
from training.models import Module, Observation, ProtocolReread, SectionVersion
from training.queries import confirmed, places_in

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
    quiz: Quiz
    sections: Sequence[SectionVersion]
    unread: Sequence[SectionVersion]
    where: eligibility.Standing
    verdict: eligibility.Verdict
    open_attempt: Attempt | None = None
    last: Attempt | None = None
    outcome: Outcome | None = None
    returned: Review | None = None
    restudy: Sequence[SectionVersion] = field(default_factory=tuple)
    places: Mapping[int, str] = field(default_factory=dict)

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
        place = self.places.get(section.pk, "") if section in self.unread else ""
        return f"{url}#{place}" if place else url


def progress(person: StaffMember, clinic: Clinic, cells: Sequence[Cell]) -> dict[int, Progress]:
    """By the module's id, those that have a quiz; what is asked of the database does not grow with the modules."""
    modules = [cell.column.module_id for cell in cells]
    rows = Quiz.objects.filter(module__in=modules, versions__isnull=False).select_related("module").distinct()
    quizzes = {quiz.module_id: quiz for quiz in rows}
    found = quiz_standings(person, list(quizzes.values()), clinic)
    sections = live_sections(modules)
    read = confirmed(person, [section for group in sections.values() for section in group])
    attempts: dict[int, list[Attempt]] = {}
    cycles = Attempt.objects.filter(candidacy__person=person, candidacy__closed_at=None)
    for row in cycles.select_related("candidacy__clinic").order_by("-started_at"):
        attempts.setdefault(row.candidacy.quiz_id, []).append(row)
    clinics = {
        row.quiz_id: row.clinic
        for row in Candidacy.objects.filter(person=person, closed_at=None).select_related("clinic")
    }
    last: dict[int, Attempt] = {}
    for quiz_id, group in attempts.items():
        finished = next((row for row in group if row.state in Attempt.FINISHED), None)
        if finished:
            last[quiz_id] = finished
    outcomes = waiting.latest_outcomes(list(last.values()))
    stopped = places_in(person, [section for group in sections.values() for section in group])
    now = {}
    for cell in cells:
        quiz = quizzes.get(cell.column.module_id)
        if quiz is None:
            continue
        mine = sections.get(quiz.module_id, [])
        returned = _returned(person, cell)
        now[quiz.module_id] = Progress(
            person=person,
            clinic=clinics.get(quiz.pk, clinic),
            cell=cell,
            quiz=quiz,
            sections=mine,
            unread=[section for section in mine if section.pk not in read],
            where=found[quiz.pk],
            verdict=eligibility.verdict(found[quiz.pk], clock.now()),
            open_attempt=next((row for row in attempts.get(quiz.pk, ()) if row.state == Attempt.State.OPEN), None),
            last=last.get(quiz.pk),
            outcome=outcomes.get(last[quiz.pk].pk) if quiz.pk in last else None,
            returned=returned,
            restudy=_restudy(returned, mine) if returned and not restudy_done(returned) else (),
            places=stopped,
        )
    return now


def _returned(person: StaffMember, cell: Cell) -> Review | None:
    """The review that suspended the certificate."""
    if cell.certificate is None or cell.standing.state != "suspended":
        return None
    rows = Review.objects.filter(
        candidate=person, decision=Review.Decision.RETURNED, attempt__certificates=cell.certificate
    )
    return rows.select_related("reviewer", "attempt").prefetch_related("restudy").first()


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


def module_rows(person: StaffMember, clinic: Clinic, cells: Sequence[Cell]) -> list[ModuleRow]:
    found = progress(person, clinic, cells)
    return [_module_row(cell, found.get(cell.column.module_id)) for cell in cells]


def _module_row(cell: Cell, now: Progress | None) -> ModuleRow:
    if now is None:
        return ModuleRow(cell, 0, cell.column.minutes, None, state=cell.standing.state, word=cell.standing.detail)
    state, word = _shown_state(now)
    return ModuleRow(
        cell=cell,
        read=len(now.sections) - len(now.unread),
        minutes_left=_minutes_left(now),
        step=module_step(now),
        note=_note(now),
        state=state,
        word=word,
    )


def _minutes_left(now: Progress) -> int:
    """Of reading and of the quiz, as far as something is still asked."""
    state = now.cell.standing.state
    if state == "suspended" and not _passed_again_lifts(now):
        return sum(section.minutes for section in now.restudy)
    if state in ("valid", "awaiting-adoption", "waived") or now.verdict.code == "closed":
        return 0
    again = [section for section in now.sections if section in now.unread or section.title in now.where.reread]
    return sum(section.minutes for section in again) + now.quiz.minutes


def _shown_state(now: Progress) -> tuple[str, str]:
    found = now.cell.standing
    if now.verdict.code in ("wait", "reread", "retest", "retest-read") and found.state in ("in-progress", "overdue"):
        return "failed", "Not passed yet"
    if found.state == "not-required" and (now.where.attempts_used or now.open_attempt):
        return "in-progress", ""
    if now.cell.incident:
        return found.state, found.detail
    if found.state in ("due-soon", "not-started"):
        return found.state, f"Due {day(found.due_on)}"
    return found.state, "" if found.state == "in-progress" else found.detail


def _note(now: Progress) -> str:
    """What the last attempt said, and how many are left."""
    if now.open_attempt:
        return f"{now.open_attempt.name} is open"
    if now.last and now.outcome:
        outcome = now.outcome
        left = max(now.where.attempts_allowed - now.where.attempts_used, 0)
        if now.where.retest:
            return f"last attempt {outcome.points} of {outcome.max_points}, a critical re-test is open"
        last = "critical re-test" if now.last.is_retest else "attempt"
        return f"last {last} {outcome.points} of {outcome.max_points}, {plural(left, 'attempt,attempts')} left"
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
    if state == "waived":
        return None
    if state == "suspended" and not _passed_again_lifts(now):
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
    credited = state == "credited" and now.cell.standing.word == "current"
    if (state == "not-required" or credited) and not begun:
        return None
    if code in ("retest", "retest-read"):
        return _retest_step(now, result)
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
    proof = now.cell.standing.proof
    if proof and proof.state == "expiring" and not now.cell.incident:
        full = now.quiz.module.renewal == Module.Renewal.FULL
        why = (
            "this module is read again in full, then the quiz opens"
            if full
            else "read what changed, then take the quiz"
        )
        return Step(
            f"Renew {now.column.title}: {section.title}",
            f"Your certificate is valid to {day(proof.valid_until_on)}. Renewal is open: {why}. "
            f"{plural(len(now.unread), 'section,sections')} left, about {plural(minutes, 'minute,minutes')}. {_early(now)}",
            now.section_url(section),
            "Read the section",
            kicker=f"about {plural(section.minutes, 'minute,minutes')}",
            rank=RENEW,
        )
    left = f"{_why(now)}{left}"
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
    if proof and proof.state == "expiring" and not now.cell.incident:
        return Step(
            f"Renew {title}",
            f"Your certificate is valid to {day(proof.valid_until_on)}. Renewal is open: {_first(now)} {_early(now)}",
            now.quiz_url,
            "See the rules and start",
            rank=RENEW,
        )
    why = _why(now) or "You have read every section. "
    if now.where.attempts_used and not _why(now):
        why = f"This is attempt {now.where.attempts_used + 1} of {now.where.attempts_allowed}. "
    return Step(
        f"Take the quiz {title}",
        f"{why}The rules stand on the first page; nothing starts before you press Start.{_due(now)}",
        now.quiz_url,
        "See the rules and start",
        rank=OPEN,
    )


def _retest_step(now: Progress, result: dict[str, str]) -> Step:
    retest = now.where.retest
    assert retest is not None  # the verdict says so
    asked = plural(retest.items, "question,questions")
    if not retest.read_again:
        section = next(row for row in now.sections if row.section.slug == retest.section)
        return Step(
            f"Read {retest.point} again, then a short re-test decides",
            f"Your last attempt at {now.column.title} met the pass mark and missed one safety-critical question. Confirm "
            f"“{retest.passage}” again; then {asked} on that point open. All right, and you have passed.",
            f"{now.section_url(section)}#{retest.point}",
            "Read the passage",
            kicker=f"about {plural(section.minutes, 'minute,minutes')}",
            rank=AGAIN,
            **result,
        )
    return Step(
        f"Take the critical re-test of {now.column.title}",
        f"{asked.capitalize()} on {retest.point}. All right, and you have passed; it uses up no attempt.",
        now.quiz_url,
        "To the re-test",
        rank=AGAIN,
        **result,
    )


def _why(now: Progress) -> str:
    """Why it is asked though she held it."""
    withdrawn, incident = _withdrawn(now.cell.standing.proof), now.cell.incident
    if incident is None:
        return withdrawn
    held = now.cell.standing.proof
    asked = f"{incident.recorded_by} asked for this{' again' if held else ''} on {day(incident.recorded_at)}, after an incident"
    stays = " What you hold stays as it is." if held and not withdrawn else ""
    return f"{withdrawn}{asked}: {incident.reason.rstrip('.')}.{stays} "


def _withdrawn(proof: Proof | None) -> str:
    if proof and proof.state == "expired":
        return f"Your certificate expired on {day(proof.valid_until_on)}. "
    if proof and proof.state == "revoked":
        return f"Your certificate was revoked on {day(proof.changed_on)}. "
    if proof and proof.state == "suspended":
        return "Your certificate is suspended until you have passed again. "
    return ""


def _first(now: Progress) -> str:
    if now.quiz.module.renewal == Module.Renewal.FULL:
        return "you have read the module again in full, so the quiz is open."
    return "take the quiz first, and read again only what it shows you missed."


def _early(now: Progress) -> str:
    """Whether days are lost by renewing early."""
    if now.quiz.module.validity_days is None:
        return "Renewing early costs no day."
    return "The new certificate counts from the day you pass."


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


def _passed_again_lifts(now: Progress) -> bool:
    """The certificate is suspended after a regrade, and the quiz is open: passed again, it is replaced."""
    certificate = now.cell.certificate
    return certificate is not None and is_suspended_for_regrade(certificate) and now.verdict.code != "closed"


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
    if found.word == "due-soon" and (now.cell.incident or not found.proof):
        return f" Due {day(found.due_on)}."
    return f" It was due on {day(found.due_on)}." if found.state == "overdue" else ""


def learner_step(rows: Sequence[ModuleRow], clinic: Clinic) -> Step:
    """The first thing the learner can do; else the first she waits for; else until when she is current."""
    ready = [row for row in rows if row.step and row.step.rank < DONE]
    first = min(ready, key=_turn, default=None)
    if first and first.step:
        return first.step
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
        if (proof := row.cell.standing.proof) and row.cell.standing.word == "current"
    ]
    required = [row for row in rows if row.cell.standing.word != "not-required"]
    if required and proofs:
        until, soonest = min(proofs, key=lambda pair: pair[0])
        opens = until - timedelta(days=_renewal_days(soonest))
        return Step(
            f"You are current until {day(until)}",
            f"Nothing is due. Renewal of {soonest.column.title} opens on {day(opens)}.",
            reverse("certificates:certificate-list"),
            "See your certificates",
            second_url=modules,
            second="Read a module",
            rank=DONE,
        )
    return Step(
        "Nothing is due",
        f"{clinic} requires no module of you at present. You may read every module and take its quiz.",
        modules,
        "Open the modules",
        rank=DONE,
    )


def _turn(row: ModuleRow) -> tuple[bool, bool, bool, bool, int]:
    """An attempt that runs first; then what one can do oneself, after an incident before all else and what is required before
    what is not; waiting last."""
    rank = row.step.rank if row.step else DONE
    return rank != RUNNING, rank >= WAITING, row.cell.incident is None, row.cell.standing.word == "not-required", rank


def sheet_step(sheet: Observation) -> Step:
    """An occasion counts once she has read it."""
    return Step(
        f"Read what {sheet.observer.full_name} saw of you",
        f"{sheet.word}, {day(sheet.observed_on)}. Score yourself first, then see the scores and say that you have read them: "
        "before that the occasion does not count.",
        sheet.get_absolute_url(),
        "Open the sheet",
        rank=AGAIN,
    )


def protocol_step(asked: ProtocolReread, version: SectionVersion) -> Step:
    """Her clinic decided otherwise than what she read."""
    return Step(
        f"Read again: {version.title}",
        f"Your clinic's protocol changed on {day(asked.asked_at)}: {asked.value.item.title.lower()}. Read what holds now, and "
        "confirm it at the end.",
        reverse("training:section-detail", args=[version.section.module.slug, version.section.slug]),
        "Read the section",
        kicker=f"about {plural(version.minutes, 'minute,minutes')}",
        rank=AGAIN,
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
    if work.decisions:
        certificate = work.decisions[0].certificate
        return Step(
            f"Decide about {certificate.holder_name}’s certificate, {certificate.title}",
            f"A corrected question took the pass away. {certificate.number} stays in force until you keep it, suspend it or "
            f"revoke it.{_more(work.total - 1)}",
            work.decisions[0].url,
            "Look and decide",
            second_url=queue,
            second="All reviews",
            rank=AGAIN,
        )
    if work.critical:
        first = work.critical[0]
        why = (
            f"{plural(first.critical, 'safety-critical answer,safety-critical answers')} wrong"
            if first.critical
            else f"{plural(first.late, 'answer,answers')} that came after the end"
        )
        return Step(
            f"Review {first.person.full_name}, {first.title}",
            f"{first.score}, and {why}. Handed in on {day(first.ended_at)}.{_more(work.total - 1)}",
            first.url,
            "Open the review",
            second_url=queue,
            second="All reviews",
            rank=AGAIN,
        )
    if work.programmes:
        sign = work.programmes[0]
        return Step(
            f"{'Take over the supervision of' if sign.pending else 'Sign the programme of'} {sign.person.full_name}",
            f"{sign.title}. {sign.text}{_more(work.total - 1)}",
            sign.url,
            "Read and sign",
            rank=AGAIN,
        )
    if work.regrades:
        since = work.regrades[0]
        handed_in = plural(since.attempts, "attempt was,attempts were")
        return Step(
            f"Score {since.version.question.code} anew once more",
            f"{handed_in} handed in since, and scored by the first key.{_more(work.total - 1)}",
            since.url,
            "See what it does",
            second_url=reverse("certificates:regrade-list"),
            second="All regrades",
            rank=OPEN,
        )
    if work.questions.count:
        return questions_step(work.questions, "from your clinic", more=_more(work.total - 1))
    if work.items.count:
        return items_step(work.items, more=_more(work.total - 1))
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
    if work.practicals.people:
        watched = work.practicals.people
        some = ", ".join(person.full_name for person in watched[:3])
        return Step(
            f"Watch {plural(len(watched), 'person,people')} at work",
            f"{some}{' and others' if len(watched) > 3 else ''}: every module is held, and practicals are what the programme "
            "still lacks. You watch, or an observer whom you approved.",
            work.practicals.url,
            "To the practicals",
            rank=OPEN,
        )
    return Step(
        "Nothing waits for you",
        "Nobody is locked, no safety-critical miss is unreviewed, no question and no item waits, and every published "
        "module is adopted. "
        "Clean passes are never a task; you find them under Reviews.",
        queue,
        "See all attempts",
        rank=DONE,
    )


def questions_step(questions: waiting.QuestionsWaiting, where: str, *, more: str = "") -> Step:
    count = plural(questions.count, f"question {where},questions {where}")
    oldest = f"The oldest was asked {ago(questions.oldest_at)}. " if questions.oldest_at else ""
    return Step(
        f"Answer {count}",
        f"{oldest}Whoever asked reads the answer on the site and is told by mail.{more}",
        questions.url,
        "Read and answer",
        rank=OPEN,
    )


def items_step(items: waiting.ItemsWaiting, *, more: str = "") -> Step:
    oldest = f"The oldest waits since {ago(items.oldest_at)}. " if items.oldest_at else ""
    return Step(
        f"Approve {plural(items.count, 'quiz item,quiz items')}",
        f"{oldest}An item is drawn only after a second person found it right.{more}",
        items.url,
        "See what waits",
        rank=OPEN,
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
            "The clinic's rules ask nothing of those who work here, or no module is published. See Assignments.",
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


def count_sentence(counts: dict[str, int], *, on: date | None = None) -> str:
    """The matrix's heading; with `on` as of a day that has passed."""
    required = sum(counts.values()) - counts["not-required"]
    late = counts["not-current"]
    is_, are, when = ("was", "were", f"On {day(on)}, ") if on else ("is", "are", "")
    if not required:
        return f"{when}nothing was required of anyone" if on else "Nothing is required of anyone yet"
    if not late and required > 1:
        return f"{when}all {required} people were current" if on else f"All {required} people are current"
    if not late:
        whole = (
            "the one person who had to be current was current"
            if on
            else "The one person who must be current is current"
        )
        return f"{when}{whole}"
    return (
        f"{when}{late} of {required} {'person' if required == 1 else 'people'} {is_ if late == 1 else are} not current"
    )
