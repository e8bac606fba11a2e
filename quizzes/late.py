"""Answers that arrive after their attempt has ended. They are kept for the physician and change no mark."""

from datetime import datetime, timedelta

from django.db import transaction

from quizzes import kinds
from quizzes.actions import is_late
from quizzes.models import Attempt, AttemptItem, LateAnswer
from staff import audit, canonical, clock
from staff.models import StaffMember

# A device that lost its connection on a Friday is back on Monday, or after a few days off. What comes later than that can be
# told to the physician, and the site takes no more of it.
KEPT_FOR = timedelta(days=7)


class NotKept(Exception):
    """It came too long after the end, too often, or is no answer to the question. Nothing was changed."""


@transaction.atomic
def keep(
    *,
    attempt_id: str,
    person: StaffMember,
    position: int,
    answer: str,
    base_revision: int,
    client_key: str,
    chosen_at: datetime | None = None,
) -> LateAnswer | None:
    """Keep what came too late beside the attempt, once; None where the answer is among those saved in time.

    Raises AttemptItem.DoesNotExist or NotKept. Numbers count on because answers to one question wait for each other here.
    """
    item = (
        AttemptItem.objects.select_related(
            "attempt__quiz_version", "attempt__candidacy__clinic", "question_version__question"
        )
        .select_for_update(of=("self",), no_key=True)
        .get(attempt__public_id=attempt_id, attempt__candidacy__person=person, position=position)
    )
    now, key = clock.now(), client_key[:64]
    if not _open_to_late(item.attempt, now):
        raise NotKept
    try:
        answer = kinds.of(item.question_version.question.kind).read_answer(answer.split(), item.shown)
    except kinds.NotAnAnswer as error:
        raise NotKept from error
    if answer == item.answer or item.responses.filter(client_key=key, payload=answer).exists():
        return None
    held = list(item.late_answers.order_by("number"))
    repeated = next((row for row in held if (row.client_key, row.answer) == (key, answer)), None)
    if repeated:
        return repeated
    if len(held) == LateAnswer.MOST:
        raise NotKept
    row = LateAnswer.objects.create(
        item=item,
        number=len(held) + 1,
        answer=answer,
        base_revision=min(max(0, base_revision), item.revision),
        client_key=key,
        chosen_at=chosen_at,
        arrived_at=now,
    )
    audit.record(
        clinic=item.attempt.candidacy.clinic, by=person, action="answer.kept-late", subject=row, body=told_of(row)
    )
    return row


def _open_to_late(attempt: Attempt, moment: datetime) -> bool:
    if attempt.state == Attempt.State.OPEN:
        over = is_late(attempt, moment, attempt.quiz_version.grace_seconds)
        return over and moment <= attempt.deadline_at + KEPT_FOR
    return attempt.ended_at is not None and attempt.state in Attempt.FINISHED and moment <= attempt.ended_at + KEPT_FOR


def told_of(row: LateAnswer) -> dict[str, object]:
    """What the audit trail says of it: which, and the hash of everything that came."""
    came = [row.number, row.answer, row.base_revision, row.client_key, row.chosen_at, row.arrived_at]
    return {
        "attempt": row.item.attempt.public_id,
        "item": row.item.position,
        "sha256": canonical.sha256_of(came),
    }
