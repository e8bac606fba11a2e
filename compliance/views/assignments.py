"""Who is asked for what: rules, by role and by hand, waivers and leave. Managers act; physicians see, and may waive."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from compliance import people
from compliance.models import Leave, Rule, Waiver
from compliance.models.requirements import SESSION_TITLE
from compliance.queries import programme_columns
from compliance.requirements import assigned, assigning
from compliance.requirements.asking import standard_asks
from compliance.requirements.forms import ByHandForm, EndingForm, LeaveForm, RuleForm, WaiverForm
from compliance.selection import seen_clinics
from compliance.views.people import managed_by
from staff import clock
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models import Clinic, Membership, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import day
from training.models import Programme

PAGE = 50
YEAR = timedelta(days=366)
NOT_ONESELF = "Nobody waives anything for themselves. Ask another manager or the physician of the clinic."


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def assignment_list(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    shown = request.GET.get("show", "")
    show = shown if shown in assigned.SHOWN else "rules"
    titles = {column.module_id: column.title for column in programme_columns()[1]}
    lines = assigned.lines(show, clinics, titles)
    return render(
        request,
        "compliance/assignment_list.html",
        {
            "page_obj": Paginator(lines, PAGE).get_page(request.GET.get("page")),
            "show": show,
            "title": assigned.SHOWN[show],
            "shown": list(assigned.SHOWN.items()),
            "counts": assigned.counts(clinics),
            "several": len(clinics) > 1,
            "manages": has_permission(request.user, Permission.MANAGE_PEOPLE),
            "managed": clinics_as(request.user, Role.MANAGER),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def rule_add(request: StaffRequest) -> HttpResponse:
    programmes, columns = programme_columns()
    form = RuleForm(
        request.POST or None,
        clinics=clinics_as(request.user, Role.MANAGER),
        programmes=programmes,
        modules=columns,
        standard=standard_asks(programmes),
    )
    if form.is_valid():
        rule = assigning.add_rule(
            clinic=form.cleaned_data["clinic"],
            role=form.cleaned_data["role"],
            days=form.cleaned_data["days"],
            starts_on=form.cleaned_data["starts_on"],
            by=request.user,
            **form.asked(),
        )
        messages.success(
            request, f"The rule stands from {day(rule.starts_on)} on. The matrix counts with it from that day."
        )
        return redirect("compliance:assignment-list")
    return render(request, "compliance/assigning.html", adding("Add a rule", form, RULE_SAYS, "Add the rule"))


RULE_SAYS = (
    "A rule asks something of everybody in a role, now and later. It is due the days after being hired, or after the rule begins "
    "where that is later, so that nobody is overdue at once. Of several rules the earliest day counts."
)
HAND_SAYS = "It is asked of this person alone, beside what the rules of the clinic ask."
WAIVER_SAYS = (
    "Until that day it is not asked of this person. The matrix shows it as waived and counts it apart. You approve it "
    "with your name; a certificate that is held is not touched."
)
LEAVE_SAYS = (
    "While somebody is away no reminder is sent. Expiry and due dates do not move: what is overdue on return comes before "
    "treating. Why somebody is away is not recorded."
)


def adding(title: str, form: Form, says: str, action: str, person: StaffMember | None = None) -> dict[str, Any]:
    home = reverse("compliance:assignment-list")
    back = reverse("compliance:person-detail", args=[person.public_id]) if person else home
    return {
        "title": title,
        "form": form,
        "says": says,
        "action": action,
        "person": person,
        "back": back,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def by_hand(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    programmes, columns = programme_columns()
    form = ByHandForm(request.POST or None, membership=membership, programmes=programmes, modules=columns)
    if form.is_valid():
        assigning.add_rule(
            clinic=membership.clinic,
            person=person,
            days=form.cleaned_data["days"],
            starts_on=form.cleaned_data["starts_on"],
            reason=form.cleaned_data["reason"],
            by=request.user,
            **form.asked(),
        )
        messages.success(request, f"This is now asked of {person.full_name}, who sees it on the home page.")
        return redirect("compliance:person-detail", person.public_id)
    title = f"Ask {person.full_name} for something"
    return render(request, "compliance/assigning.html", adding(title, form, HAND_SAYS, "Ask for it", person))


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def waiver_add(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = seen_by(request, public_id, clinic_id)
    if person == request.user:
        messages.error(request, NOT_ONESELF)
        return redirect("compliance:person-detail", person.public_id)
    _, columns = programme_columns()
    form = WaiverForm(request.POST or None, membership=membership, modules=columns)
    if form.is_valid():
        row = assigning.waive(person=person, clinic=membership.clinic, by=request.user, **form.cleaned_data)
        messages.success(request, f"Waived for {person.full_name} to {day(row.until_on)}.")
        return redirect("compliance:person-detail", person.public_id)
    title = f"Waive something for {person.full_name}"
    return render(request, "compliance/assigning.html", adding(title, form, WAIVER_SAYS, "Approve the waiver", person))


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def leave_add(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    form = LeaveForm(request.POST or None, membership=membership)
    if form.is_valid():
        row = assigning.record_leave(person=person, clinic=membership.clinic, by=request.user, **form.cleaned_data)
        messages.success(request, f"{person.full_name} is on leave from {day(row.starts_on)} to {day(row.until_on)}.")
        return redirect("compliance:person-detail", person.public_id)
    title = f"Record leave of {person.full_name}"
    return render(request, "compliance/assigning.html", adding(title, form, LEAVE_SAYS, "Record the leave", person))


def seen_by(request: StaffRequest, public_id: str, clinic_id: str) -> tuple[StaffMember, Membership]:
    """The person and her open membership in a clinic that the viewer manages or supervises; 404 for any other."""
    person = people.person_for(request.user, public_id)
    rows = Membership.objects.filter(person=person, clinic__in=seen_clinics(request.user), ended_at=None)
    membership = rows.filter(clinic__public_id=clinic_id).select_related("clinic").first()
    if membership is None:
        raise Http404("no such membership")
    return person, membership


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def rule_end(request: StaffRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(assigned.rules_of(seen_clinics(request.user)), public_id=public_id)
    return _ending(request, row, "End a rule", clinics_as(request.user, Role.MANAGER))


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def waiver_end(request: StaffRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(assigned.waivers_of(seen_clinics(request.user)), public_id=public_id)
    return _ending(request, row, f"End a waiver of {row.person.full_name}", seen_clinics(request.user))


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def leave_end(request: StaffRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(assigned.leaves_of(seen_clinics(request.user)), public_id=public_id)
    return _ending(request, row, f"{row.person.full_name} is back", clinics_as(request.user, Role.MANAGER))


def _ending(request: StaffRequest, row: Rule | Waiver | Leave, title: str, within: Sequence[Clinic]) -> HttpResponse:
    """A row that somebody else has ended meanwhile says so."""
    if row.clinic not in within:
        raise PermissionDenied("the viewer does not manage the clinic of this row")
    show = {Waiver: "waivers", Leave: "leave"}.get(type(row), "by-hand" if getattr(row, "role", "x") == "" else "rules")
    back = f"{reverse('compliance:assignment-list')}?show={show}"
    if row.ended_at and row.ends_on:
        messages.info(request, f"{row.ended_by} ended this on {day(row.ended_at)}, from {day(row.ends_on)} on.")
        return redirect(back)
    today = clock.today(row.clinic.zone)
    leave = isinstance(row, Leave)
    earliest = row.starts_on if leave else max(row.starts_on, today)
    latest = today + YEAR if isinstance(row, Rule) else row.until_on + timedelta(days=1)
    form = EndingForm(request.POST or None, earliest=earliest, latest=max(latest, earliest), today=today, leave=leave)
    if form.is_valid():
        ended = assigning.end(
            row=row, ends_on=form.cleaned_data["ends_on"], reason=form.cleaned_data.get("reason", ""), by=request.user
        )
        _say_ended(request, ended, form.cleaned_data["ends_on"], leave)
        return redirect(back)
    context = {"title": title, "form": form, "row": row, "back": back, "leave": leave, "says": str(_line(row))}
    return render(request, "compliance/assignment_end.html", context)


def _line(row: Rule | Waiver | Leave) -> str:
    if isinstance(row, Rule):
        whom = row.get_role_display() if row.role else str(row.person)
        return f"{whom}: {row.programme or row.module or SESSION_TITLE}, from {day(row.starts_on)} on."
    what = f"{row.person}: {row.module or SESSION_TITLE}, " if isinstance(row, Waiver) else ""
    return f"{what}{day(row.starts_on)} to {day(row.until_on)}."


def _say_ended(request: StaffRequest, ended: bool, ends_on: date, leave: bool) -> None:
    if not ended:
        messages.info(request, "Somebody else ended this a moment ago, so nothing was changed.")
    elif leave:
        messages.success(request, f"Back on {day(ends_on)}. What is overdue comes before treating.")
    else:
        messages.success(request, f"Ended from {day(ends_on)} on. The record stays.")


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def standard_end(request: StaffRequest, clinic_id: str, slug: str, role: str) -> HttpResponse:
    """End for one clinic what every clinic has from its start."""
    seen = {clinic.public_id: clinic for clinic in seen_clinics(request.user)}
    programme = get_object_or_404(Programme, slug=slug)
    if clinic_id not in seen or role not in programme.asked_of:
        raise Http404("no such rule")
    clinic = seen[clinic_id]
    if clinic not in clinics_as(request.user, Role.MANAGER):
        raise PermissionDenied("the viewer does not manage this clinic")
    today, back = clock.today(clinic.zone), reverse("compliance:assignment-list")
    row = Rule.objects.filter(clinic=clinic, programme=programme, role=role, standard=True).first()
    if row and row.ended_at and row.ends_on:
        messages.info(request, f"{row.ended_by} ended this on {day(row.ended_at)}, from {day(row.ends_on)} on.")
        return redirect(back)
    form = EndingForm(request.POST or None, earliest=today, latest=today + YEAR, today=today)
    if form.is_valid():
        ends_on = form.cleaned_data["ends_on"]
        reason = form.cleaned_data["reason"]
        ended = assigning.end_standard(
            clinic=clinic, programme=programme, role=role, ends_on=ends_on, reason=reason, by=request.user
        )
        _say_ended(request, ended, ends_on, leave=False)
        return redirect(back)
    says = f"{Role(role).label}: {programme}, every module. {clinic} has had this rule from its start."
    context = {"title": "End a rule", "form": form, "back": back, "leave": False, "says": says, "standard": True}
    return render(request, "compliance/assignment_end.html", context)
