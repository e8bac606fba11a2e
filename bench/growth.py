"""What makes a database heavy: a longer quiz, and the answers of years. Rows are put in beside the site's own verbs."""

import time

from django.db import connection, transaction

from quizzes import drawing, kinds
from quizzes.models import Attempt, AttemptItem, QuestionVersion, Response
from staff import canonical
from staff.models import StaffMember

LONG = 60
ITEMS, ANSWERS = 15, 20  # of an old attempt
BATCH = 250  # attempts


def lengthen(public_id: str) -> None:
    """Put further items into an open attempt, from every module and practice too, until it has LONG."""
    attempt = Attempt.objects.get(public_id=public_id)
    have = attempt.items.count()
    others = QuestionVersion.objects.filter(state=QuestionVersion.State.LIVE).exclude(drawn__attempt=attempt)
    rows = []
    for at, version in enumerate(others.select_related("question").order_by("pk")[: LONG - have], start=have + 1):
        groups = kinds.of(version.question.kind).groups(version.content)
        tokens = drawing.tokens(attempt.seed, at, version.question.code, groups)
        rows.append(AttemptItem(attempt=attempt, position=at, question_version=version, tokens=canonical.text(tokens)))
    AttemptItem.objects.bulk_create(rows)


def stored_answers() -> int:
    return Response.objects.count()


def fill(person: StaffMember, like: str, *, most: int, seconds: float) -> None:
    """Old attempts of one person, each with ITEMS items and ANSWERS answers, up to `most` answers or for so many seconds.

    They stay open, since a sealed one takes no further item; their candidacies are closed.
    """
    template, until = Attempt.objects.get(public_id=like), time.monotonic() + seconds
    for first in range(1000, 1000 + (most - stored_answers()) // ANSWERS, BATCH):
        if time.monotonic() > until:
            return
        values = {"like": template.pk, "person": person.pk, "first": first, "last": first + BATCH - 1}
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in STATEMENTS:
                cursor.execute(statement, values)


NUMBERS = "WITH RECURSIVE series(n) AS (SELECT CAST(%(first)s AS integer) UNION ALL SELECT n + 1 FROM series WHERE n < %(last)s) "
# The ids of what is put in are found again by the cycle, which no real candidacy has.
STATEMENTS = (
    NUMBERS
    + """INSERT INTO quizzes_candidacy
        (person_id, quiz_id, clinic_id, cycle, reason, opened_at, opened_by_id, closed_at, closed_by_id)
    SELECT %(person)s, c.quiz_id, c.clinic_id, series.n, c.reason, c.opened_at, c.opened_by_id, c.opened_at, c.opened_by_id
    FROM series, quizzes_candidacy c JOIN quizzes_attempt a ON a.candidacy_id = c.id WHERE a.id = %(like)s""",
    """INSERT INTO quizzes_attempt
        (public_id, candidacy_id, quiz_version_id, module_version_id, kind, number, seed, started_at, deadline_at, state,
         seal_sha256)
    SELECT 'old-' || c.cycle, c.id, a.quiz_version_id, a.module_version_id, a.kind, a.number, a.seed, a.started_at,
        a.deadline_at, 'open', ''
    FROM quizzes_candidacy c, quizzes_attempt a
    WHERE a.id = %(like)s AND c.person_id = %(person)s AND c.cycle BETWEEN %(first)s AND %(last)s""",
    f"""INSERT INTO quizzes_attemptitem (attempt_id, position, question_version_id, tokens, flagged, answer, revision)
    SELECT a.id, i.position, i.question_version_id, i.tokens, i.flagged, i.answer, i.revision
    FROM quizzes_candidacy c JOIN quizzes_attempt a ON a.candidacy_id = c.id, quizzes_attemptitem i
    WHERE i.attempt_id = %(like)s AND i.position <= {ITEMS}
        AND c.person_id = %(person)s AND c.cycle BETWEEN %(first)s AND %(last)s""",
    f"""INSERT INTO quizzes_response (item_id, revision, payload, client_key, saved_at, late)
    SELECT i.id, turn.n, i.answer, 'old-' || turn.n, a.started_at, a.number < 0
    FROM quizzes_candidacy c JOIN quizzes_attempt a ON a.candidacy_id = c.id JOIN quizzes_attemptitem i ON i.attempt_id = a.id,
        (SELECT 1 AS n UNION ALL SELECT 2) turn
    WHERE c.person_id = %(person)s AND c.cycle BETWEEN %(first)s AND %(last)s
        AND (turn.n = 1 OR i.position <= {ANSWERS - ITEMS})""",
)
