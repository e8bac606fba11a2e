"""Attempts: the seal, the rows it was made of, the score derived again from it, and the events that tell of it."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Prefetch

from compliance.keeping import trimming
from compliance.records.finding import Finding, about_then, chunks, compare, events_of, numbered, readable, words
from quizzes import drawing, kinds, scoring, sealing
from quizzes.models import (
    Attempt,
    AttemptItem,
    AttemptItemPoint,
    Candidacy,
    Mark,
    Outcome,
    Regrade,
    Response,
    Seal,
)
from staff import canonical
from staff.models import AuditEvent, Tombstone

LABEL = "quizzes.attempt"
REGRADED = "attempt.regraded"
TOLD_ONCE = ("attempt.started", "attempt.submitted", "attempt.expired", "attempt.voided")
ATTEMPTS_AT_ONCE = 50


def findings(checked: Counter[str]) -> Iterator[Finding]:
    rows = (
        Attempt.objects.select_related(
            "candidacy__quiz__module",
            "candidacy__clinic__chain",
            "quiz_version__quiz",
            "module_version__module",
            "seal",
            "parent__seal",
        )
        .defer("module_version__details")
        .prefetch_related(
            Prefetch(
                "items",
                AttemptItem.objects.select_related("question_version__question__section").order_by("position"),
            ),
            Prefetch("items__responses", Response.objects.order_by("revision")),
            Prefetch("items__marks", Mark.objects.order_by("number")),
            Prefetch(
                "items__points",
                AttemptItemPoint.objects.select_related(
                    "point_version__key_point", "point_version__section_version__section"
                ),
            ),
            Prefetch("outcomes", Outcome.objects.order_by("number")),
            Prefetch("parent__outcomes", Outcome.objects.order_by("number")),
        )
    )
    gone = _gone()
    for chunk in chunks(rows.order_by("pk"), ATTEMPTS_AT_ONCE):
        events = events_of(LABEL, chunk)
        met = _met_before(chunk, gone)
        _forget_rightly(chunk)
        regrades = _regrades(chunk)
        for attempt in chunk:
            checked["attempts"] += 1
            found = _attempt(attempt, events[str(attempt.pk)], met.get(attempt.pk, {}), regrades, checked)
            yield from readable(name_of(attempt), found)
    yield from _candidacies(checked)


def name_of(attempt: Attempt) -> str:
    return f"attempt {attempt.public_id}"


def _regrades(attempts: Iterable[Attempt]) -> dict[str, Regrade]:
    """By the cause that marks and outcomes name."""
    causes = {row.cause for attempt in attempts for row in _outcomes(attempt)}
    causes |= {row.cause for attempt in attempts for row in _marks(attempt)}
    wanted = [cause.removeprefix(Regrade.CAUSE) for cause in causes if cause.startswith(Regrade.CAUSE)]
    return {row.cause: row for row in Regrade.objects.filter(public_id__in=wanted)}


def _outcomes(attempt: Attempt) -> list[Outcome]:
    """Its own, and those of the attempt that it followed."""
    return [*attempt.outcomes.all(), *(attempt.parent.outcomes.all() if attempt.parent else ())]


def _marks(attempt: Attempt) -> list[Mark]:
    return [mark for item in attempt.items.all() for mark in item.marks.all()]


def _attempt(
    attempt: Attempt,
    events: list[AuditEvent],
    met: dict[int, int],
    regrades: dict[str, Regrade],
    checked: Counter[str],
) -> Iterator[Finding]:
    what = name_of(attempt)
    quiz = attempt.candidacy.quiz
    yield from compare(f"{what}, quiz of its rules", quiz.pk, attempt.quiz_version.quiz_id)
    yield from compare(f"{what}, module of its quiz", quiz.module_id, attempt.module_version.module_id)
    yield from _histories(attempt, checked)
    yield from _told(attempt, events)
    if attempt.state == Attempt.State.OPEN:
        yield from compare(f"{what}, still open, its marks and outcomes", 0, _count_scores(attempt))
        yield from compare(f"{what}, still open, its seal", False, hasattr(attempt, "seal"))
        yield from _drawn(attempt)
    elif attempt.state in Attempt.FINISHED:
        checked["sealed attempts"] += 1
        yield from _sealed(attempt, events, met, regrades, checked)


def _count_scores(attempt: Attempt) -> int:
    return len(attempt.outcomes.all()) + len(_marks(attempt))


def _histories(attempt: Attempt, checked: Counter[str]) -> Iterator[Finding]:
    """Every save follows the one before, and the answer is the last one saved."""
    for item in attempt.items.all():
        what = f"{name_of(attempt)}, item {item.position}"
        history = list(item.responses.all())
        checked["responses"] += len(history)
        revisions = [response.revision for response in history] + _went(item)
        yield from numbered(f"{what}, its saves", revisions)
        yield from compare(f"{what}, count of its saves", len(revisions), item.revision)
        yield from compare(f"{what}, answer after its last save", history[-1].payload if history else "", item.answer)


def _forget_rightly(attempts: list[Attempt]) -> None:
    """Notes on each item which of its saves went when their time was over: a tombstone stands for each."""
    missing: dict[str, tuple[AttemptItem, int]] = {}
    for attempt in attempts:
        for item in attempt.items.all():
            there = {response.revision for response in item.responses.all()}
            for revision in range(1, item.revision):
                if revision not in there:
                    missing[trimming.name_of_save(attempt, item.position, revision)] = (item, revision)
    if missing:
        stones = Tombstone.objects.filter(label=trimming.SAVE_LABEL, name__in=missing)
        for name in stones.values_list("name", flat=True):
            item, revision = missing[name]
            item.__dict__.setdefault("_went", []).append(revision)


def _went(item: AttemptItem) -> list[int]:
    went: list[int] = item.__dict__.get("_went", [])
    return went


def _kept(attempt: Attempt, events: list[AuditEvent]) -> Iterator[Finding]:
    """Where earlier saves went, the event of that covers those that stay."""
    told = [json.loads(event.body)["kept_sha256"] for event in events if event.action == trimming.SAVES]
    if told:
        stay = [response for item in attempt.items.all() for response in item.responses.all()]
        yield from compare(f"{name_of(attempt)}, its saves that stay", told[-1], sealing.history_sha256(stay))


def _drawn(attempt: Attempt) -> Iterator[Finding]:
    """What an open attempt can be answered with stands in the order, and under the tokens, that its seed gives."""
    items = list(attempt.items.all())
    yield from numbered(f"{name_of(attempt)}, its items", [item.position for item in items])
    for item in items:
        version = item.question_version
        groups = kinds.of(version.question.kind).groups(version.content)
        made = drawing.tokens(attempt.seed, item.position, version.question.code, groups)
        yield from compare(f"{name_of(attempt)}, item {item.position}, tokens of its options", made, item.shown)


def _told(attempt: Attempt, events: list[AuditEvent]) -> Iterator[Finding]:
    """Its start and its end, once each, in its clinic's chain, and what they say."""
    what = name_of(attempt)
    held: dict[str, dict[str, Any]] = {
        "attempt.started": {
            "number": attempt.number,
            "rules": attempt.quiz_version.sha256,
            "module": attempt.module_version.sha256,
            "seed": attempt.seed,
        }
    }
    first = next(iter(attempt.outcomes.all()), None)
    if attempt.state in Attempt.FINISHED and first:
        held[f"attempt.{attempt.state}"] = {
            "seal": attempt.seal_sha256,
            "points": first.points,
            "of": first.max_points,
            "passed": first.passed,
        }
    if attempt.state == Attempt.State.VOIDED:
        held["attempt.voided"] = {}
    told = [event for event in events if event.action in TOLD_ONCE]
    yield from compare(f"{what}, its events", list(held), [event.action for event in told])
    for event in told:
        said = json.loads(event.body)
        expected = held.get(event.action, {})
        yield from compare(f"{what}, as {event.action} says", {name: said.get(name) for name in expected}, expected)
        yield from compare(f"{what}, chain of {event.action}", attempt.candidacy.clinic.chain.pk, event.chain_id)
    by = {event.action: event for event in told}
    if "attempt.started" in by:
        yield from compare(f"{what}, who started it", by["attempt.started"].actor_id, attempt.candidacy.person_id)
        yield from about_then(f"{what}, its start", by["attempt.started"].at, attempt.started_at)
    if hasattr(attempt, "seal") and f"attempt.{attempt.state}" in by:
        yield from about_then(f"{what}, when it was sealed", by[f"attempt.{attempt.state}"].at, attempt.seal.sealed_at)


def _sealed(
    attempt: Attempt,
    events: list[AuditEvent],
    met: dict[int, int],
    regrades: dict[str, Regrade],
    checked: Counter[str],
) -> Iterator[Finding]:
    what = name_of(attempt)
    if not hasattr(attempt, "seal"):
        yield Finding(f"{what}, its seal", "one", "none")
        return
    seal: Seal = attempt.seal
    made = canonical.sha256(seal.text)
    yield from compare(f"{what}, hash of its seal's text", made, seal.sha256)
    yield from compare(f"{what}, hash of its seal", seal.sha256, attempt.seal_sha256)
    try:
        sealed = json.loads(seal.text)
    except ValueError:
        yield Finding(f"{what}, its seal's text", "JSON", words(seal.text))
        return
    if sealed.get("format") not in (sealing.FIRST_FORMAT, sealing.FORMAT):
        yield Finding(f"{what}, format of its seal", sealing.FORMAT, words(sealed.get("format")))
        return
    if sealed["format"] == sealing.FIRST_FORMAT:
        beyond = {item["kind"] for item in sealed["items"]} - {"single"}
        yield from compare(f"{what}, kinds of item in a seal of the first format", [], sorted(beyond))
    if canonical.text(sealed) != seal.text:
        yield Finding(f"{what}, its seal's text", "canonical JSON", "another spelling of it")
    yield from _kept(attempt, events)
    items = [_item(item, met) for item in attempt.items.all()]
    for item, own, said in zip(attempt.items.all(), items, sealed["items"], strict=False):
        if _went(item):  # the hash of all its saves cannot be made any more
            own["history_sha256"] = said["history_sha256"]
    without_score = {name: value for name, value in sealed.items() if name not in ("items", "outcome")}
    yield from compare(f"{what}, seal against row", without_score, _head(attempt, sealed["format"]))
    bare = [{name: value for name, value in item.items() if name != "points_earned"} for item in sealed["items"]]
    yield from compare(f"{what}, seal against row, items", bare, items)
    yield from _scores(attempt, sealed, events, checked)
    yield from _scored_anew(attempt, sealed, events, regrades, checked)


def _head(attempt: Attempt, form: str) -> dict[str, Any]:
    """What a seal says of the attempt, from the rows as they are now."""
    rules, module, candidacy = attempt.quiz_version, attempt.module_version, attempt.candidacy
    held = canonical.plain(
        {
            "format": form,
            "attempt": attempt.public_id,
            "kind": attempt.kind,
            "number": attempt.number,
            "person": candidacy.person_id,
            "clinic": candidacy.clinic_id,
            "cycle": candidacy.cycle,
            "state": attempt.state,
            "started_at": attempt.started_at,
            "deadline_at": attempt.deadline_at,
            "ended_at": attempt.ended_at,
            **({"limit_minutes": attempt.limit_minutes} if attempt.limit_minutes else {}),
            "seed": attempt.seed,
            "module": {"slug": module.module.slug, "version": module.number, "sha256": module.sha256},
            "quiz": {
                "version": rules.number,
                "sha256": rules.sha256,
                "blueprint": json.loads(rules.blueprint),
                "items": attempt.size,
                "cut": attempt.cut,
                "cut_basis": rules.cut_basis,
                "critical_rule": rules.critical_rule,
                "scoring_rule": rules.scoring_rule,
            },
        }
    )
    return dict(held)


def _item(item: AttemptItem, met: dict[int, int]) -> dict[str, Any]:
    """What a seal says of an item, from the rows as they are now."""
    version = item.question_version
    content = version.content
    kind = kinds.of(version.question.kind)
    texts = kind.texts(content)
    points = [
        {
            "code": row.point_version.key_point.code,
            "critical": row.point_version.critical,
            "content_sha256": row.point_version.content_sha256,
            "section": row.point_version.section_version.section.slug,
            "section_version": row.point_version.section_version.number,
        }
        for row in item.points.all()
    ]
    return {
        "position": item.position,
        "question": version.question.code,
        "version": version.number,
        "sha256": version.sha256,
        "kind": version.question.kind,
        "section": version.question.section.slug,
        "level": content["level"],
        "stem": content["stem"],
        "shown": [[token, option, texts.get(option, "")] for token, option in item.shown],
        "key": kind.key(content),
        **kind.sealed(content),
        "points": sorted(points, key=lambda point: str(point["code"])),
        "answer": item.answer,
        "revision": item.revision,
        "history_sha256": sealing.history_sha256(list(item.responses.all())),
        "flagged": item.flagged,
        "met_before": met.get(version.question_id, 0),
    }


def _scores(
    attempt: Attempt, sealed: dict[str, Any], events: list[AuditEvent], checked: Counter[str]
) -> Iterator[Finding]:
    """Scored again from the seal alone: the sealed points, the first marks and the first outcome must say the same."""
    what = name_of(attempt)
    scored = scoring.score_sealed(sealed)
    checked["scores derived again"] += 1
    yield from compare(
        f"{what}, points in its seal", list(scored.points), [item["points_earned"] for item in sealed["items"]]
    )
    clauses = [clause.plain() for clause in scored.clauses]
    outcome = {"points": scored.total, "of": scored.most, "passed": scored.passed, "clauses": clauses}
    yield from compare(f"{what}, outcome in its seal", outcome, sealed["outcome"])
    regraded = any(event.action == REGRADED for event in events)
    rule = sealed["quiz"]["scoring_rule"]
    for item, points in zip(attempt.items.all(), scored.points, strict=False):
        marks = list(item.marks.all())
        called = f"{what}, mark of item {item.position}"
        yield from _numbers_of(called, [mark.number for mark in marks], regraded)
        for mark in marks[:1]:
            expected = {"points": points, "max_points": 1, "rule": rule, "cause": "first"}
            yield from compare(called, expected, {name: getattr(mark, name) for name in expected})
    outcomes = list(attempt.outcomes.all())
    yield from _numbers_of(f"{what}, outcome", [row.number for row in outcomes], regraded)
    for row in outcomes[:1]:
        held = {"points": row.points, "of": row.max_points, "passed": row.passed, "clauses": json.loads(row.clauses)}
        yield from compare(f"{what}, outcome", outcome, held)
        yield from compare(f"{what}, outcome, spelling of its clauses", canonical.text(clauses), row.clauses)
        yield from compare(f"{what}, outcome, cause", "first", row.cause)


def _scored_anew(
    attempt: Attempt,
    sealed: dict[str, Any],
    events: list[AuditEvent],
    regrades: dict[str, Regrade],
    checked: Counter[str],
) -> Iterator[Finding]:
    """Further marks and outcomes, derived again from the seal and the regrades that they name."""
    what = name_of(attempt)
    rule = sealed["quiz"]["scoring_rule"]
    since: dict[int, list[Regrade]] = {}
    for item in attempt.items.all():
        called = f"{what}, mark of item {item.position}"
        for mark in list(item.marks.all())[1:]:
            row = regrades.get(mark.cause)
            if row is None:
                yield Finding(f"{called}, cause", "a regrade on record", words(mark.cause))
                continue
            yield from compare(f"{called}, question of its regrade", row.question_version_id, item.question_version_id)
            scored = scoring.score_sealed(sealed, {item.position: row.correction})
            expected = {
                "points": scored.points[item.position - 1],
                "max_points": scored.worth[item.position - 1],
                "rule": rule,
            }
            yield from compare(called, expected, {name: getattr(mark, name) for name in expected})
            since.setdefault(item.position, []).append(row)
    said = []
    causes = []
    for outcome in list(attempt.outcomes.all())[1:]:
        called = f"{what}, outcome {outcome.number}"
        row = regrades.get(outcome.cause)
        if row is None:
            yield Finding(f"{called}, cause", "a regrade on record", words(outcome.cause))
            continue
        checked["scores derived again"] += 1
        causes.append(row)
        yield from compare(f"{called}, clinic of its regrade", row.clinic_id, attempt.candidacy.clinic_id)
        yield from _outcome_then(called, attempt, sealed, row, since, outcome, regrades)
        body = {
            "regrade": row.public_id,
            "outcome": outcome.number,
            "points": outcome.points,
            "of": outcome.max_points,
            "passed": outcome.passed,
        }
        said.append([row.regraded_by_id, attempt.candidacy.clinic.chain.pk, body])
    told = [[event.actor_id, event.chain_id, json.loads(event.body)] for event in events if event.action == REGRADED]
    yield from compare(f"{what}, its regrades as their events say", told, said)
    marked = {row.pk for rows in since.values() for row in rows}
    if not marked <= {row.pk for row in causes}:
        yield Finding(f"{what}, marks of a regrade", "an outcome of it too", "none")
    yield from compare(f"{what}, order of its regrades", sorted(row.pk for row in causes), [row.pk for row in causes])


def _outcome_then(
    called: str,
    attempt: Attempt,
    sealed: dict[str, Any],
    row: Regrade,
    since: dict[int, list[Regrade]],
    outcome: Outcome,
    regrades: dict[str, Regrade],
) -> Iterator[Finding]:
    """The outcome that a regrade added, from the seal and what had been corrected by then."""
    corrections = {
        position: [known for known in rows if known.pk <= row.pk][-1].correction
        for position, rows in since.items()
        if rows[0].pk <= row.pk
    }
    follows = None
    if attempt.parent:
        then = [o for o in attempt.parent.outcomes.all() if o.number == 1 or _pk_of(o, regrades) <= row.pk][-1]
        follows = scoring.still_follows(
            sealed, json.loads(attempt.parent.seal.text), passed=then.passed, clauses=then.decided
        )
    scored = scoring.score_sealed(sealed, corrections, follows=follows)
    clauses = canonical.text([clause.plain() for clause in scored.clauses])
    expected = {"points": scored.total, "of": scored.most, "passed": scored.passed, "clauses": clauses}
    held = {"points": outcome.points, "of": outcome.max_points, "passed": outcome.passed, "clauses": outcome.clauses}
    yield from compare(called, expected, held)


def _pk_of(outcome: Outcome, regrades: dict[str, Regrade]) -> int:
    return regrades[outcome.cause].pk


def _numbers_of(what: str, numbers: list[int], regraded: bool) -> Iterator[Finding]:
    """One; more only where an event says that it was graded again."""
    if not numbers:
        yield Finding(what, "one", "none")
    yield from numbered(what, numbers)
    if len(numbers) > 1 and not regraded:
        yield Finding(what, f"one, or an event {REGRADED}", f"{len(numbers)} and no such event")


def _gone() -> dict[int, list[tuple[int, str, datetime]]]:
    """By person, the questions of attempts that went a year after they were ended without a score: when they began, in the
    record's spelling, and when they went."""
    found: dict[int, list[tuple[int, str, datetime]]] = defaultdict(list)
    for event in AuditEvent.objects.filter(action=trimming.ENDED).order_by("pk"):
        said = json.loads(event.body)
        found[said["person"]] += [(question, said["started_at"], event.at) for question in said["questions"]]
    return found


def _met_before(
    attempts: Iterable[Attempt], gone: dict[int, list[tuple[int, str, datetime]]]
) -> dict[int, dict[int, int]]:
    """By attempt and question: how often its person had been given the question before."""
    rows = list(attempts)
    earlier = AttemptItem.objects.filter(
        attempt__candidacy__person__in={row.candidacy.person_id for row in rows}
    ).values_list("attempt__candidacy__person_id", "question_version__question_id", "attempt__started_at")
    times: dict[tuple[int, int], list[Any]] = {}
    for person, question, started_at in earlier:
        times.setdefault((person, question), []).append(started_at)
    found = {
        row.pk: {
            question: sum(at < row.started_at for at in times[person, question])
            for person, question in times
            if person == row.candidacy.person_id
        }
        for row in rows
    }
    for row in rows:
        for question, began, went_at in gone.get(row.candidacy.person_id, ()):
            sealed_before = hasattr(row, "seal") and row.seal.sealed_at < went_at
            if sealed_before and began < canonical.instant(row.started_at):
                found[row.pk][question] = found[row.pk].get(question, 0) + 1
    return found


def _candidacies(checked: Counter[str]) -> Iterator[Finding]:
    """Attempts count on from 1 and are never more than the rule and the grants allow."""
    rows = Candidacy.objects.prefetch_related(
        Prefetch("attempts", Attempt.objects.select_related("quiz_version").prefetch_related("outcomes")), "grants"
    )
    for chunk in chunks(rows.order_by("pk"), ATTEMPTS_AT_ONCE):
        events = events_of("quizzes.candidacy", chunk)
        for row in chunk:
            checked["candidacies"] += 1
            yield from _candidacy(row, events[str(row.pk)])


def _candidacy(row: Candidacy, events: list[AuditEvent]) -> Iterator[Finding]:
    what = f"candidacy {row.pk}"
    full = [attempt for attempt in row.attempts.all() if attempt.kind == Attempt.Kind.FULL]
    went = [json.loads(event.body)["number"] for event in events if event.action == trimming.ENDED]
    events = [event for event in events if event.action.startswith("attempts.granted.")]
    numbers = [attempt.number or 0 for attempt in full] + [number for number in went if number]
    yield from numbered(f"{what}, its attempts", numbers)
    grants = sorted(row.grants.all(), key=lambda grant: grant.pk)
    if full:
        allowed = max(attempt.quiz_version.attempts for attempt in full) + sum(grant.extra for grant in grants)
        used = sum(attempt.state != Attempt.State.VOIDED for attempt in full)
        if used > allowed:
            yield Finding(f"{what}, its attempts", f"{allowed} at most", str(used))
    said = [[event.action, event.reason, json.loads(event.body).get("extra"), event.actor_id] for event in events]
    held = [[f"attempts.granted.{g.kind}", g.reason, g.extra, g.granted_by_id] for g in grants]
    yield from compare(f"{what}, its grants as their events say", said, held)
    passed = any(attempt.outcome.passed for attempt in row.attempts.all() if attempt.outcome)
    if passed and row.closed_at is None:
        yield Finding(f"{what}, passed", "closed", "open")
