"""Verbs of asking and answering."""

from django.conf import settings
from django.db import transaction

from quizzes.enquiries import stance, unseen_answers, visible_to
from quizzes.models import AnswerSeen, Attempt, AttemptItem, Enquiry, EnquiryAnswer
from staff import audit, canonical, clock, mail
from staff.access import memberships
from staff.models import Clinic, StaffMember
from training.models import KeyPointVersion, SectionVersion

MOST_WAITING = 10
LONGEST_QUESTION = 1000
LONGEST_ANSWER = 4000


class Refused(Exception):
    """Nothing was kept; the sentence says why, and what to do."""


def ask_about(
    *, section: SectionVersion, clinic: Clinic, text: str, by: StaffMember, point: KeyPointVersion | None = None
) -> Enquiry:
    """*Ask about this*: about a section as she read it, or one key point in it."""
    if point and point.section_version_id != section.pk:
        raise ValueError(f"{point} is not in {section}")
    return _ask(clinic=clinic, text=text, by=by, section_version=section, point_version=point)


def question_item(*, item: AttemptItem, text: str, by: StaffMember) -> Enquiry:
    """*Question this item*: about an item of her own attempt, once that has ended."""
    attempt = Attempt.objects.select_related("candidacy__clinic").get(pk=item.attempt_id)
    if attempt.candidacy.person_id != by.pk or attempt.state not in Attempt.FINISHED:
        raise Refused("Only an item of your own finished attempt can be questioned. Nothing was sent.")
    return _ask(clinic=attempt.candidacy.clinic, text=text, by=by, item=item)


@transaction.atomic
def _ask(
    *,
    clinic: Clinic,
    text: str,
    by: StaffMember,
    section_version: SectionVersion | None = None,
    point_version: KeyPointVersion | None = None,
    item: AttemptItem | None = None,
) -> Enquiry:
    """The same words about the same thing, while they wait, are one question: pressed twice, it is sent once."""
    if clinic not in [membership.clinic for membership in memberships(by)]:
        raise Refused(f"You do not work at {clinic} now, so nobody there can answer. Nothing was sent.")
    text = _within(text, LONGEST_QUESTION, "question")
    # One at a time for each person, so that two at once cannot both be the last one allowed.
    StaffMember.objects.select_for_update(no_key=True).get(pk=by.pk)
    waiting = Enquiry.objects.filter(person=by).waiting()
    subject = {"section_version": section_version, "point_version": point_version, "item": item}
    repeated: Enquiry | None = waiting.filter(clinic=clinic, text=text, **subject).first()
    if repeated:
        return repeated
    if waiting.count() >= MOST_WAITING:
        raise Refused(
            f"{MOST_WAITING} of your questions wait for an answer, and no more can wait at once. Nothing was sent; "
            "send this one when one of them has been answered."
        )
    enquiry: Enquiry = Enquiry.objects.create(person=by, clinic=clinic, text=text, asked_at=clock.now(), **subject)
    audit.record(clinic=clinic, by=by, action="enquiry.asked", subject=enquiry, body=told_of(enquiry))
    return enquiry


def told_of(enquiry: Enquiry) -> dict[str, object]:
    """What the audit trail says of a question: which, about what, and the hash of its words."""
    return {
        "enquiry": enquiry.public_id,
        "section_version": enquiry.section_version_id,
        "point_version": enquiry.point_version_id,
        "item": enquiry.item_id,
        "text_sha256": canonical.sha256(enquiry.text),
    }


@transaction.atomic
def answer(*, enquiry: Enquiry, text: str, closes: bool, by: StaffMember) -> EnquiryAnswer:
    """Answered by a physician of the asker's clinic or by an author; the asker is told by mail where to read it.

    The same words sent again are one answer. After the answer that closed it, a further one corrects or adds.
    """
    # Answers to one question wait for each other, so that a double press finds the first.
    enquiry = (
        Enquiry.objects.select_for_update(no_key=True, of=("self",))
        .select_related("clinic", "person")
        .get(pk=enquiry.pk)
    )
    if enquiry.person_id == by.pk or not visible_to(by).filter(pk=enquiry.pk).exists():
        raise Refused(
            "A physician of the clinic or an author answers, and nobody their own question. Nothing was sent."
        )
    text = _within(text, LONGEST_ANSWER, "answer")
    repeated = enquiry.answers.filter(answered_by=by, text=text, closes=closes).first()
    if repeated:
        return repeated
    row = EnquiryAnswer.objects.create(
        enquiry=enquiry,
        text=text,
        closes=closes,
        role=stance(by, enquiry),
        answered_by=by,
        answered_at=clock.now(),
    )
    audit.record(
        clinic=enquiry.clinic, by=by, action="enquiry.answered", subject=row, role=row.role, body=told_of_answer(row)
    )
    mail.queue(
        to=enquiry.person,
        key=f"answered:{row.pk}",
        subject="Your question has an answer",
        body=(
            f"{enquiry.person.full_name},\n\na question you asked on Pinpoint has an answer:\n"
            f"{settings.SITE_URL}{enquiry.get_absolute_url()}\n"
        ),
    )
    return row


def told_of_answer(row: EnquiryAnswer) -> dict[str, object]:
    return {"enquiry": row.enquiry.public_id, "closes": row.closes, "text_sha256": canonical.sha256(row.text)}


def see_answers(*, enquiry: Enquiry, by: StaffMember) -> None:
    """The asker has the answers before her; each is noted once."""
    rows = unseen_answers(by).filter(enquiry=enquiry)
    AnswerSeen.objects.bulk_create([AnswerSeen(answer=row, seen_at=clock.now()) for row in rows], ignore_conflicts=True)


def _within(text: str, most: int, what: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Refused(f"The {what} is still empty. Nothing was sent.")
    if len(text) > most:
        raise Refused(f"The {what} has {len(text)} characters, and at most {most} fit. Nothing was sent.")
    return text
