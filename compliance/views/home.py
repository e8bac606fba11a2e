"""Everybody's home: one next step, then what it belongs to."""

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from certificates.actions import lift_restudied, open_renewals, settle_overdue
from certificates.queries import state_of, visible_to
from certificates.validity import IN_FORCE
from compliance import tasks
from compliance.outside import to_check
from compliance.programmes import ways
from compliance.queries import Board, board_for, board_of
from compliance.situations import Rows
from compliance.steps.learners import learner_step, protocol_step, sheet_step
from compliance.steps.managers import manager_step
from compliance.steps.physicians import items_step, physician_step, questions_step
from compliance.steps.step import Step
from compliance.waiting import items_waiting, questions_waiting, waiting_for
from quizzes.enquiries import AUTHOR, answerable_by, unseen_answers
from quizzes.models import EnquiryAnswer
from staff import factors
from staff.access import LEARNING_ROLES, StaffRequest, clinics_as, memberships, roles
from staff.models import Clinic, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import today_in_words
from training.observations import unread_sheet
from training.protocol import rereadings_open
from training.queries import live_versions


@require_safe
def home(request: StaffRequest) -> HttpResponse:
    person = request.user
    held = memberships(person)
    if held:
        timezone.activate(ZoneInfo(held[0].clinic.zone))
    context: dict[str, Any] = {}
    steps: list[Step] = []
    for part in (_physician, _learner, _manager, _house):
        steps += part(person, context)
    step = next((step for step in steps if step.acts), steps[0] if steps else _nothing())
    context |= {
        "step": step,
        "kicker": _kicker(step),
        "answered": _answered(person),
        "factor_due_at": factors.due_at(person),
    }
    return render(request, "compliance/home.html", context)


def _kicker(step: Step) -> str:
    parts = [today_in_words()]
    if step.acts:
        parts.append(f"your next step, {step.kicker}" if step.kicker else "your next step")
    return " · ".join(parts)


def _learner(person: StaffMember, context: dict[str, Any]) -> list[Step]:
    clinics = clinics_as(person, *LEARNING_ROLES)
    if not clinics:
        return []
    settle_overdue(person=person)
    open_renewals(person)
    lift_restudied(person)
    found = ways(board_for(person), person, clinics[0])
    hers = [way for way in found if way.mine]
    rows = list({row.url: row for way in (*hers, *found) for row in way.rows}.values())
    certificates = [
        (certificate, state)
        for certificate in visible_to(person).filter(person=person)
        if (state := state_of(certificate)) != "superseded"
    ]
    standings = [row.cell.standing for row in rows]
    found_soon = [
        standing
        for standing in standings
        if standing.word == "due-soon" and (standing.facts.again_by or not standing.proof)
    ]
    on_the_way = {row.url for way in hers for row in way.rows}
    context["learning"] = {
        "ways": hers,
        "by_hand": [row for row in rows if row.cell.required and row.url not in on_the_way],
        "begun": [row for row in rows if row.step and row.cell.standing.word == "not-required" and row.step.acts],
        "due_on": min((found.due_on for found in found_soon), default=None),
        "certificates": sorted(certificates, key=lambda pair: pair[1] not in IN_FORCE),
    }
    asked = tasks.asked_of([person]).get(person.pk, [])
    context["learning"]["asked"] = asked
    changed = tasks.step_of(asked)
    step = learner_step(rows, clinics[0])
    again = rereadings_open(person, clinics)
    unread = unread_sheet(person)
    asked_for = [
        one
        for one in (
            changed,
            protocol_step(*again[0]) if again else None,
            sheet_step(unread) if unread else None,
        )
        if one
    ]
    return sorted([*asked_for, step], key=lambda one: one.rank)


def _physician(person: StaffMember, context: dict[str, Any]) -> list[Step]:
    if not clinics_as(person, Role.PHYSICIAN):
        return []
    settle_overdue(clinics=clinics_as(person, Role.PHYSICIAN))
    work = waiting_for(person)
    context["work"] = work
    return [physician_step(work)]


def _manager(person: StaffMember, context: dict[str, Any]) -> list[Step]:
    clinics = clinics_as(person, Role.MANAGER)
    if not clinics:
        return []
    board = board_of(clinics)
    counts = board.counted()
    context["managing"] = {
        "counts": counts,
        "clinics": clinics,
        "urgent": Rows(one for one in board.situations if one.word in ("not-current", "due-soon"))[:8],
        "unchecked": _unchecked(clinics, person),
        "uninvited": _never_signed_in(board),
        "to_check": to_check(clinics, but_of=person).count(),
    }
    return [manager_step(board, counts)]


def _unchecked(clinics: list[Clinic], manager: StaffMember) -> list[MembershipRole]:
    """Physicians who cannot sign yet, because nobody has checked who they are."""
    return list(
        MembershipRole.objects.filter(
            membership__clinic__in=clinics,
            membership__ended_at=None,
            role=Role.PHYSICIAN,
            ended_at=None,
            identity_checked_at=None,
        )
        .exclude(membership__person=manager)
        .select_related("membership__person", "membership__clinic", "granted_by")
        .order_by("membership__person__full_name", "pk")
    )


def _never_signed_in(board: Board) -> list[StaffMember]:
    return [row.person for row in board.rows if row.person.is_active and not row.person.has_usable_password()]


def _house(person: StaffMember, context: dict[str, Any]) -> list[Step]:
    """Authors and administrators: the material, and where it is kept."""
    held = roles(person)
    if not held & {"author", "administrator"}:
        return []
    context["house"] = {"versions": live_versions(), "administers": "administrator" in held}
    if AUTHOR in held:
        questions = questions_waiting(answerable_by(person).waiting())
        items = items_waiting(person)
        context["house"] |= {"writes": True, "items": items}
        if questions.count:
            return [questions_step(questions, "about the material")]
        if items.count:
            return [items_step(items)]
        said = "Sections are edited under Authoring; readers see what is published."
        return [Step("Nothing waits for you", said, reverse("compliance:section-list"), "Open authoring", rank=5)]
    return [
        Step(
            "Nothing waits for you",
            "Modules are published by an author, or from files with manage.py load_material. Read them here as everybody does.",
            "/modules/",
            "Open the modules",
            rank=5,
        )
    ]


def _answered(person: StaffMember) -> list[EnquiryAnswer]:
    """The first answer she has not opened to each of her questions."""
    unseen: dict[int, EnquiryAnswer] = {}
    for row in unseen_answers(person):
        unseen.setdefault(row.enquiry_id, row)
    return list(unseen.values())


def _nothing() -> Step:
    return Step(
        "You work in no clinic at present",
        "Your certificates stay yours. Ask the manager of your clinic to add you if this is not right.",
        "/certificates/",
        "See your certificates",
        rank=5,
    )
