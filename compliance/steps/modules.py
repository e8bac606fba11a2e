"""The next step in one module, and its row on the learner's home."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse

from certificates.dispositions import is_suspended_for_regrade
from compliance.cells import Cell
from compliance.standing import Proof
from compliance.steps.progress import Progress, progress
from compliance.steps.step import AGAIN, DONE, OPEN, RENEW, RUNNING, WAITING, Step
from quizzes import eligibility
from staff import clock
from staff.models import Clinic, StaffMember
from staff.templatetags.look import day, moment, plural
from training.models import Module


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
    opens = proof.valid_until_on - timedelta(days=renewal_days(now.cell))
    return Step(
        f"{title} is current until {day(proof.valid_until_on)}",
        f"Renewal opens on {day(opens)}.",
        second_url=now.cell.url,
        second="See the certificate",
        rank=DONE,
    )


def renewal_days(cell: Cell) -> int:
    return cell.certificate.renewal_days if cell.certificate else 60


def _due(now: Progress) -> str:
    found = now.cell.standing
    if found.word == "due-soon" and (now.cell.incident or not found.proof):
        return f" Due {day(found.due_on)}."
    return f" It was due on {day(found.due_on)}." if found.state == "overdue" else ""
