"""One's own data as a ZIP, made when it is asked for: JSON that a machine reads, and the papers as they were issued.

It holds what is on record about the person, and nothing of anybody else's: her answers in words, and no key of an item, since
keys stay in use. A test goes over every table that names a person and looks for it here.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Q, QuerySet
from zipstream import ZipStream

from certificates import papers
from certificates.models import Certificate, CertificateEvent
from certificates.queries import state_of, with_events
from compliance.keeping.erasing import accounts_of
from compliance.models import (
    CalendarFeed,
    Cycle,
    HepatitisOffer,
    Incident,
    Leave,
    Merge,
    OutsideTraining,
    PeopleImportRow,
    PointTest,
    Reminder,
    ReminderMail,
    Rule,
    SiteAttendance,
    Task,
    Waiver,
)
from quizzes import kinds
from quizzes.models import (
    Accommodation,
    Attempt,
    AttemptGrant,
    Candidacy,
    Disposition,
    Enquiry,
    LateAnswer,
    PracticeAnswer,
    Rating,
)
from staff import canonical, clock, keeping
from staff.models import (
    ActorName,
    AuditEvent,
    Erasure,
    FactorReset,
    InstallationRole,
    LegalHold,
    Licence,
    Membership,
    MembershipRole,
    OutgoingMail,
    SecurityEvent,
    Signature,
    SigningAcceptance,
    StaffMember,
)
from training.models import (
    Acknowledgement,
    Observation,
    ObserverDecision,
    ProtocolReread,
    Reading,
    ReadingConfirmation,
    Rereading,
    SelfEvaluation,
)

README = """Your data on Pinpoint, made {at}.

data.json holds everything that is on record about you, by kind. Instants are in UTC. certificates/ holds your papers, byte for
byte as they were issued; each can be checked at the address printed on it.

Where two accounts of yours were merged, the records of the other one stand under "merged_accounts", as they were made.

Not in here: the right answers of quizzes, which are still asked, and what others are on record with.
"""


def _rows(rows: QuerySet[Any], *names: str) -> list[dict[str, Any]]:
    return [dict(zip(names, values, strict=True)) for values in rows.order_by("pk").values_list(*names)]


def collected(person: StaffMember) -> dict[str, Any]:
    """Everything by kind, as canonical JSON takes it; records of a merged account stay under that account."""
    others = [{**_of_account(account), **_asked_of(account)} for account in accounts_of(person)[1:]]
    return {"made_at": clock.now(), **_of_account(person), **_asked_of(person), "merged_accounts": others}


def _of_account(person: StaffMember) -> dict[str, Any]:
    return {
        "person": {
            "id": person.public_id,
            "full_name": person.full_name,
            "latin_name": person.latin_name,
            "email": person.email,
            "joined_at": person.joined_at,
            "theme": person.theme,
            "last_login": person.last_login,
        },
        "memberships": _rows(
            Membership.objects.filter(person=person),
            "clinic__name",
            "job_title",
            "staff_number",
            "hired_on",
            "began_at",
            "ended_at",
        ),
        "roles": [
            *_rows(
                MembershipRole.objects.filter(membership__person=person),
                "membership__clinic__name",
                "role",
                "granted_at",
                "identity_checked_at",
                "identity_checked_how",
                "ended_at",
            ),
            *_rows(InstallationRole.objects.filter(person=person), "role", "granted_at", "ended_at"),
        ],
        "licences": _rows(
            Licence.objects.filter(person=person), "type", "number", "authority", "expires_on", "recorded_at"
        ),
        "second_factors": [
            {"kind": row.type, "name": str(row), "made_at": row.created_at, "last_used_at": row.last_used_at}
            for row in Authenticator.objects.filter(user=person).order_by("created_at", "pk")
        ],
        "second_factors_reset": _rows(FactorReset.objects.filter(person=person), "reason", "reset_at"),
        "signing_accepted": _rows(SigningAcceptance.objects.filter(person=person), "text", "accepted_at"),
        "extra_time": _rows(
            Accommodation.objects.filter(person=person),
            "time_percent",
            "category",
            "valid_from_on",
            "valid_until_on",
            "ended_at",
        ),
        "read": _rows(
            Reading.objects.filter(person=person),
            "section_version__title",
            "section_version__number",
            "opened_at",
            "place",
        ),
        "confirmed": _rows(
            ReadingConfirmation.objects.filter(person=person),
            "section_version__title",
            "section_version__number",
            "number",
            "confirmed_at",
        ),
        "practice": _rows(
            PracticeAnswer.objects.filter(person=person),
            "question_version__question__code",
            "right",
            "confidence",
            "answered_at",
        ),
        "attempts": [_attempt(row) for row in _attempts(person)],
        "certificates": [_certificate(row) for row in _certificates(person)],
        "practicals": _rows(
            Observation.objects.filter(learner=person, state="signed"),
            "public_id",
            "clinic__name",
            "observed_on",
            "setting",
            "comment",
            "observer__full_name",
            "seal",
        ),
        "own_scores_in_practicals": _rows(
            SelfEvaluation.objects.filter(person=person), "practical__title", "scores", "evaluated_at"
        ),
        "answered_to_observers": _rows(
            Acknowledgement.objects.filter(observation__learner=person), "agrees", "text", "acknowledged_at"
        ),
        "questions": [
            {
                "text": row.text,
                "asked_at": row.asked_at,
                "answers": [{"text": one.text, "answered_at": one.answered_at} for one in row.answers.all()],
            }
            for row in Enquiry.objects.filter(person=person).prefetch_related("answers").order_by("pk")
        ],
        "asked_because_a_text_changed": _rows(
            Task.objects.filter(person=person), "change__module_version__title", "due_on", "asked_at"
        ),
        "reminded_of": _rows(
            Reminder.objects.filter(person=person), "clinic__name", "kind", "title", "due_on", "mail__queued_at"
        ),
        "addresses_of_calendars": _rows(
            CalendarFeed.objects.filter(person=person), "clinic__name", "made_at", "ended_at"
        ),
        "signed": _rows(
            Signature.objects.filter(signer=person),
            "clinic__name",
            "meaning_text",
            "signer_name",
            "credentials",
            "opened_at",
            "signed_at",
            "ip",
            "agent",
        ),
        "mails": _rows(OutgoingMail.objects.filter(person=person, address=""), "subject", "body", "due_at", "sent_at"),
        "done": _rows(AuditEvent.objects.filter(actor=person), "at", "role", "action", "reason", "hash"),
        "legal_holds": LegalHold.objects.filter(person=person, lifted_at=None).count(),
        "kept_for_years": keeping.years_of(keeping.rules_of({row.clinic for row in _memberships(person)}).values()),
    }


def _asked_of(person: StaffMember) -> dict[str, Any]:
    """What clinics ask of her and record about her, and what the site keeps of how she signs in."""
    ended = ("ends_on", "end_reason", "ended_at")
    recorded = ("clinic__name", "reason", "starts_on", "recorded_at", *ended)
    return {
        "addresses": _rows(EmailAddress.objects.filter(user=person), "email", "verified"),
        "browsers_signed_in": _rows(
            UserSession.objects.filter(user=person), "created_at", "last_seen_at", "ip", "user_agent"
        ),
        "at_sign_in": _rows(SecurityEvent.objects.filter(person=person), "kind", "at", "ip", "agent"),
        "names_in_the_audit_trail": _rows(ActorName.objects.filter(person=person).distinct(), "name"),
        "lines_of_lists": _rows(
            PeopleImportRow.objects.filter(membership__person=person), "part_of__sent_at", "cells", "outcome"
        ),
        "accounts_merged": _rows(
            Merge.objects.filter(Q(kept=person) | Q(alias=person)),
            *("kept__public_id", "alias__public_id", "reason", "proposed_at"),
            *("decision__confirmed", "decision__decided_at"),
        ),
        "erased": _rows(Erasure.objects.filter(person=person), "kind", "erased_at"),
        "sessions_on_site": _rows(
            SiteAttendance.objects.filter(person=person),
            *(
                "session__clinic__name",
                "session__held_on",
                "session__minutes",
                "session__place",
                "session__trainer_name",
            ),
            *("session__summary", "job_title", "session__withdrawal__withdrawn_at"),
        ),
        "hepatitis_b_offered": _rows(
            HepatitisOffer.objects.filter(person=person), "clinic__name", "offered_on", "recorded_at"
        ),
        "outside_training": _rows(
            OutsideTraining.objects.filter(person=person),
            *("clinic__name", "provider", "title", "held_on", "hours", "trainer", "qualification", "sent_at"),
            *("file__media_type", "file__sha256", "check_made__text", "check_made__checked_at", "decision__approved"),
            *("decision__module__slug", "decision__valid_until_on", "decision__text", "decision__decided_at"),
            *("withdrawal__reason", "withdrawal__withdrawn_at"),
        ),
        "required_by_hand": _rows(
            Rule.objects.filter(person=person),
            *recorded,
            "programme__title",
            "module__slug",
            "session",
            "signed",
            "days",
        ),
        "waived": _rows(Waiver.objects.filter(person=person), *recorded, "module__slug", "session", "until_on"),
        "leave": _rows(
            Leave.objects.filter(person=person), "clinic__name", "starts_on", "until_on", "recorded_at", *ended
        ),
        "asked_again_after_an_incident": _rows(
            Incident.objects.filter(person=person), *recorded, "module__slug", "due_on"
        ),
        "cycles_of_requirements": _rows(
            Cycle.objects.filter(person=person),
            *("clinic__name", "module__slug", "number", "reason", "due_on", "opened_at", "closing", "closed_at"),
        ),
        "quizzes_opened": _rows(
            Candidacy.objects.filter(person=person),
            *("clinic__name", "quiz__module__slug", "cycle", "reason", "opened_at", "closed_at"),
        ),
        "further_attempts": _rows(
            AttemptGrant.objects.filter(candidacy__person=person),
            *("candidacy__clinic__name", "kind", "extra", "reason", "granted_at"),
        ),
        "late_answers": [_late(row) for row in _late_answers(person)],
        "passes_decided_after_a_regrade": _rows(
            Disposition.objects.filter(candidate=person), "decision", "reason", "decided_at"
        ),
        "tests_on_changed_texts": [_point_test(row) for row in _point_tests(person)],
        "to_be_read_again": [
            *_rows(Rereading.objects.filter(person=person), "module__slug", "asked_at"),
            *_rows(ProtocolReread.objects.filter(person=person), "section__slug", "asked_at"),
        ],
        "may_observe": _rows(
            ObserverDecision.objects.filter(person=person), "clinic__name", "number", "approved", "decided_at"
        ),
        "ratings_of_questions": _rows(
            Rating.objects.filter(person=person), "question_version__question__code", "number", "percent", "rated_at"
        ),
        "practicals_not_signed": _rows(
            Observation.objects.filter(learner=person).exclude(state="signed"),
            *("public_id", "clinic__name", "observed_on", "state", "started_at", "ended_at"),
        ),
        "mails_of_reminders": _rows(ReminderMail.objects.filter(person=person), "clinic__name", "day_on", "queued_at"),
        "managers_were_told": _rows(
            Reminder.objects.filter(about=person).exclude(person=person),
            *("clinic__name", "kind", "title", "due_on", "mail__queued_at"),
        ),
    }


def _late_answers(person: StaffMember) -> QuerySet[LateAnswer]:
    return (
        LateAnswer.objects.filter(item__attempt__candidacy__person=person)
        .select_related("item__attempt__seal")
        .order_by("pk")
    )


def _late(row: LateAnswer) -> dict[str, Any]:
    attempt = row.item.attempt
    seal = getattr(attempt, "seal", None)
    items = json.loads(seal.text)["items"] if seal else []
    told = {"attempt": attempt.public_id, "chosen_at": row.chosen_at, "arrived_at": row.arrived_at}
    return told | next(
        (_answer({**item, "answer": row.answer}) for item in items if item["position"] == row.item.position),
        {"position": row.item.position},
    )


def _point_tests(person: StaffMember) -> QuerySet[PointTest]:
    return (
        PointTest.objects.filter(task__person=person)
        .select_related("task__change__module_version", "result")
        .prefetch_related("items__question_version__question")
        .order_by("pk")
    )


def _point_test(row: PointTest) -> dict[str, Any]:
    told = {"about": str(row.task.change), "number": row.number, "started_at": row.started_at}
    result = getattr(row, "result", None)
    if result is None:
        return told
    answered = []
    for item, answer in zip(row.items.all(), json.loads(result.answers), strict=True):
        content = item.question_version.content
        kind = kinds.of(item.question_version.question.kind)
        answered.append({"question": content["stem"], "your_answer": kind.in_words(answer, kind.texts(content))})
    return told | {
        "ended_at": result.ended_at,
        "right": result.right,
        "of": result.items,
        "passed": result.passed,
        "answers": answered,
    }


def _memberships(person: StaffMember) -> Iterable[Membership]:
    return Membership.objects.filter(person=person).select_related("clinic")


def _attempts(person: StaffMember) -> QuerySet[Attempt]:
    return (
        Attempt.objects.filter(candidacy__person=person)
        .select_related("candidacy__clinic", "module_version", "seal")
        .prefetch_related("outcomes", "reviews")
        .order_by("pk")
    )


def _attempt(row: Attempt) -> dict[str, Any]:
    seal = getattr(row, "seal", None)
    return {
        "id": row.public_id,
        "clinic": row.candidacy.clinic.name,
        "module": str(row.module_version),
        "kind": row.kind,
        "number": row.number,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "state": row.state,
        "seal_sha256": row.seal_sha256,
        "outcomes": [
            {"number": one.number, "points": one.points, "of": one.max_points, "passed": one.passed}
            for one in row.outcomes.all()
        ],
        "reviews": [
            {"decision": one.decision, "text": one.text, "reviewed_at": one.reviewed_at} for one in row.reviews.all()
        ],
        "answers": [_answer(item) for item in json.loads(seal.text)["items"]] if seal else [],
    }


def _answer(item: dict[str, Any]) -> dict[str, Any]:
    kind = kinds.of(item["kind"])
    texts = {name: text for _, name, text in item["shown"]}
    return {
        "position": item["position"],
        "question": item["stem"],
        "your_answer": kind.in_words(kind.in_ids(item["answer"], item["shown"]), texts),
    }


def _certificates(person: StaffMember) -> list[Certificate]:
    return list(with_events(Certificate.objects.filter(person=person)).order_by("pk"))


def _certificate(row: Certificate) -> dict[str, Any]:
    events: list[CertificateEvent] = list(row.events.all())
    return {
        "number": row.number,
        "code": row.code,
        "title": row.title,
        "holder_name": row.holder_name,
        "clinic": row.clinic_name,
        "valid_from_on": row.valid_from_on,
        "valid_until_on": row.valid_until_on,
        "state": state_of(row),
        "facts": row.facts,
        "events": [{"kind": one.kind, "at": one.at, "text": one.public_text} for one in events],
    }


def archive(person: StaffMember) -> Iterator[bytes]:
    """Piece by piece; a paper that was never drawn is drawn."""
    made = ZipStream()
    at: datetime = clock.now()
    made.add(README.format(at=canonical.instant(at)).encode(), "README.txt")
    text = json.dumps(canonical.plain(collected(person)), indent=1, ensure_ascii=False)
    made.add(text.encode(), "data.json")
    yield from made.all_files()
    for row in [row for account in accounts_of(person) for row in _certificates(account)]:
        made.add(bytes(papers.file_of(row, "pdf").bytes), f"certificates/{row.number}.pdf")
        yield from made.all_files()
    yield from made.finalize()
