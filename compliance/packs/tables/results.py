"""How people did: attempts with their results and never an answer, reviews, and practicals."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from django.db.models import Prefetch, Q

from certificates.models import Certificate
from compliance.packs.scope import Scope, in_pieces
from compliance.packs.tables.base import NOT_RECORDED, Row, Table
from quizzes.models import Attempt, Outcome, Regrade, Review
from training.models import Observation

SOME = 200


def attempts_of(scope: Scope, people: Iterable[int]) -> list[Attempt]:
    """Those that ended in the days, or were open on the last of them."""
    rows = Attempt.objects.filter(
        candidacy__clinic__in=scope.clinic_ids,
        candidacy__person__in=scope.accounts(people),
        started_at__lte=scope.until,
    ).filter(Q(ended_at=None) | Q(ended_at__gte=scope.since))
    outcomes = Prefetch("outcomes", Outcome.objects.order_by("number"))
    certificates = Prefetch("certificates", Certificate.objects.only("attempt", "number", "issued_at").order_by("pk"))
    return list(
        rows.select_related("module_version", "quiz_version", "candidacy__person", "candidacy__clinic")
        .prefetch_related(outcomes, certificates)
        .order_by("started_at", "pk")
    )


def _regraded_later(scope: Scope) -> set[str]:
    """Causes of outcomes that did not count yet on the last of the days."""
    rows = Regrade.objects.filter(clinic__in=scope.clinic_ids, regraded_at__gt=scope.until)
    return {row.cause for row in rows.only("public_id")}


def _attempts(scope: Scope) -> Iterator[Row]:
    later = _regraded_later(scope)
    for people in scope.people():
        by_person: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in attempts_of(scope, people):
            by_person[scope.kept(attempt.candidacy.person_id)].append(attempt)
        for pk in people:
            for attempt in by_person[pk]:
                yield _attempt(scope, attempt, later)


def _attempt(scope: Scope, attempt: Attempt, later: set[str]) -> Row:
    candidacy = attempt.candidacy
    pk = candidacy.person_id
    over = attempt.ended_at is not None and attempt.ended_at <= scope.until
    counting = [row for row in attempt.outcomes.all() if row.cause not in later] if over else []
    outcome = counting[-1] if counting else None
    clauses = {clause["code"]: clause for clause in json.loads(outcome.clauses)} if outcome else {}
    critical = clauses.get("critical")
    issued = [row.number for row in attempt.certificates.all() if row.issued_at <= scope.until]
    return (
        attempt.public_id, *scope.who(pk),
        scope.job_title(pk, candidacy.clinic_id, attempt.started_at) or NOT_RECORDED,
        candidacy.clinic.name, attempt.module_version.title, attempt.module_version.number, attempt.name,
        candidacy.cycle, candidacy.get_reason_display(), attempt.started_at, attempt.ended_at if over else None,
        attempt.get_state_display() if over else "In progress",
        outcome.points if outcome else None, outcome.max_points if outcome else None,
        clauses["cut"]["need"] if "cut" in clauses else attempt.cut,
        critical["need"] - critical["have"] if critical else None,
        outcome.passed if outcome else None, len(counting) > 1, ", ".join(issued),
        attempt.seal_sha256 if over else "",
    )  # fmt: skip


ATTEMPTS = Table(
    "attempts",
    "Quizzes and results",
    "Every attempt that ended in these days or was open on the last. Quizzes are taken alone and unproctored. Answers stay "
    "with the person and the clinic's physicians; the seal is the hash of the whole record that they rest in.",
    (
        ("attempt", "Attempt"), ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("clinic", "Clinic"),
        ("module", "Module"), ("module_version", "Version"), ("kind", "Kind"), ("cycle", "Cycle"), ("reason", "Reason"),
        ("started_at", "Started"), ("ended_at", "Ended"), ("state", "State"), ("points", "Right"), ("of", "Of"),
        ("needed", "Needed"), ("critical_missed", "Safety-critical missed"), ("passed", "Passed"),
        ("scored_anew", "Scored anew"), ("certificates", "Certificates"), ("seal_sha256", "Seal (SHA-256)"),
    ),
    _attempts,
)  # fmt: skip


def _reviews(scope: Scope) -> Iterator[Row]:
    for people in scope.people():
        rows = (
            Review.objects.filter(
                attempt__candidacy__clinic__in=scope.clinic_ids,
                candidate__in=scope.accounts(people),
                **scope.within("reviewed_at"),
            )
            .select_related("attempt__candidacy", "attempt__module_version", "signature")
            .order_by("reviewed_at", "pk")
        )
        by_person: dict[int, list[Review]] = defaultdict(list)
        for row in rows:
            by_person[scope.kept(row.candidate_id)].append(row)
        for pk in people:
            for row in by_person[pk]:
                yield (
                    row.attempt.public_id, *scope.who(row.candidate_id), row.attempt.module_version.title, row.attempt.name,
                    row.get_decision_display(), row.signature.signer_name, row.reviewed_at, row.signature.public_id,
                )  # fmt: skip


REVIEWS = Table(
    "reviews",
    "Reviews",
    "A physician's signed decisions on attempts. What she wrote about answers stays with her and the person.",
    (
        ("attempt", "Attempt"), ("person", "Key"), ("name", "Name"), ("module", "Module"), ("kind", "Kind"),
        ("decision", "Decision"), ("reviewer", "Physician"), ("reviewed_at", "Reviewed"), ("signature", "Signature"),
    ),
    _reviews,
)  # fmt: skip


def _practicals(scope: Scope) -> Iterator[Row]:
    for people in scope.people():
        pks = list(
            Observation.objects.filter(
                clinic__in=scope.clinic_ids,
                learner__in=scope.accounts(people),
                state=Observation.State.SIGNED,
                **scope.within("ended_at"),
            )
            .order_by("ended_at", "pk")
            .values_list("learner", "pk")
        )
        order = {pk: place for place, pk in enumerate(people)}
        ordered = [pk for _, pk in sorted(pks, key=lambda pair: order[scope.kept(pair[0])])]
        for some in in_pieces(ordered, SOME):
            found = {
                row.pk: row
                for row in Observation.objects.filter(pk__in=some).select_related("signature", "acknowledgement")
            }
            for pk in some:
                yield from _sheet(scope, found[pk])


def _sheet(scope: Scope, sheet: Observation) -> Iterator[Row]:
    assert sheet.ended_at is not None
    assert sheet.signature is not None
    answered = getattr(sheet, "acknowledgement", None)
    acknowledged = answered.acknowledged_at if answered and answered.acknowledged_at <= scope.until else None
    head = (
        sheet.public_id, *scope.who(sheet.learner_id),
        scope.job_title(sheet.learner_id, sheet.clinic_id, sheet.started_at) or NOT_RECORDED, sheet.observed_on, sheet.word,
    )  # fmt: skip
    tail = (
        sheet.device, sheet.signature.signer_name, sheet.signature.credentials or NOT_RECORDED, sheet.ended_at,
        acknowledged, sheet.signature.public_id, sheet.seal_sha256,
    )  # fmt: skip
    for row in sheet.sealed["practicals"]:  # type: ignore[attr-defined]
        alone = sum(line["score"] == 2 for line in row["lines"])
        yield (*head, row["code"], row["title"], row["starred"], len(row["lines"]), alone, row["passed"], *tail)


PRACTICALS = Table(
    "practicals",
    "Practicals",
    "Hands-on skills as an observer scored and signed them. Nothing here tells who a patient was.",
    (
        ("sheet", "Sheet"), ("person", "Key"), ("name", "Name"), ("job_title", "Job title then"), ("observed_on", "Day"),
        ("setting", "Setting"), ("code", "Practical"), ("title", "Title"), ("critical", "Safety-critical"),
        ("criteria", "Criteria"), ("alone", "Done without prompting"), ("passed", "Passed"), ("device", "Device"),
        ("observer", "Observer"), ("observer_licences", "Observer's licences"), ("signed_at", "Signed"),
        ("acknowledged_at", "Acknowledged"), ("signature", "Signature"), ("seal_sha256", "Seal (SHA-256)"),
    ),
    _practicals,
)  # fmt: skip
