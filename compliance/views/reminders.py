"""What went to whom, when and why; what comes next; reminding those who are ticked; and the clinic's hours."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from compliance import people
from compliance.forms import ReminderHoursForm
from compliance.models import Reminder, ReminderHours, ReminderMail
from compliance.reminders import sending, wording
from compliance.reminders.timing import Matter
from compliance.selection import asked_for, seen_clinics, select
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.models import StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import plural

PAGE = 50


@dataclass(frozen=True)
class Shown:
    """A mail as the log tells of it: with the lines of the viewer's clinics alone."""

    row: ReminderMail
    lines: tuple[tuple[Reminder, str], ...]
    more: int
    by_hand: bool

    @property
    def state(self) -> str:
        if self.row.mail.sent_at:
            return "sent"
        return "given-up" if self.row.mail.given_up_at else "waits"


def why(line: Reminder) -> str:
    """Why this line was due on that day."""
    if line.kind == Reminder.Kind.DIGEST:
        return "weekly digest"
    if line.kind == Reminder.Kind.ESCALATED:
        return "late for more than a week"
    if line.step is None:
        return "sent again by hand"
    if line.step >= 0:
        return f"{line.step} days before"
    return "the first day after" if line.step == -1 else f"{-line.step} days after, weekly"


def _shown(row: ReminderMail, *, by_hand: bool) -> Shown:
    """With as many lines as a mail names people, the digest's own first."""
    lines = sorted(row.lines.all(), key=lambda line: (line.kind != Reminder.Kind.DIGEST, line.pk))
    told = tuple((line, why(line)) for line in lines[: wording.MOST_NAMED])
    return Shown(row, told, len(lines) - len(told), by_hand)


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def reminder_list(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    asked = request.GET.get("person", "")
    person = people.person_for(request.user, asked) if asked else None
    page = Paginator(sending.log_of(clinics, person), PAGE).get_page(request.GET.get("page"))
    site = StaffMember.objects.pinpoint()
    shown = [_shown(row, by_hand=row.queued_by_id != site.pk) for row in page]
    return render(
        request,
        "compliance/reminder_list.html",
        {
            "page_obj": page,
            "shown": shown,
            "person": person,
            "clinics": clinics,
            "manages": has_permission(request.user, Permission.MANAGE_PEOPLE),
        },
    )


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def reminder_next(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    page = Paginator(sending.coming_to(clinics), PAGE).get_page(request.GET.get("page"))
    told = [
        (one, [(day, _listed(matters)) for day, matters in one.days])
        for one in sending.coming(clinics, list(page.object_list))
    ]
    return render(request, "compliance/reminder_next.html", {"page_obj": page, "clinics": clinics, "told": told})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def reminder_send(request: StaffRequest) -> HttpResponse:
    """Whom it would reach, and of what, before it is sent."""
    chosen = select(request, request.user)
    managed = {clinic.pk for clinic in clinics_as(request.user, Role.MANAGER)}
    rows = [row for row in chosen.rows if row.clinic.pk in managed]
    if request.method == "POST":
        reached = sending.remind_by_hand(rows=rows, by=request.user)
        said = plural(len(reached), "person is,people are")
        if reached:
            messages.success(request, f"{said} reminded by mail. The log says of what.")
        else:
            messages.info(request, "Nobody was reminded: nothing is due, or a mail went out that day already.")
        return redirect("compliance:reminder-list")
    planned = sending.plan_by_hand(rows)
    asked = asked_for(request).copy()
    asked.pop("page", None)
    return render(
        request,
        "compliance/reminder_send.html",
        {
            "to_remind": [(one, _listed(one.matters)) for one in planned if not one.why_not],
            "left_out": [one for one in planned if one.why_not],
            "asked": [(name, value) for name, values in asked.lists() for value in values if value],
        },
    )


def _listed(matters: Sequence[Matter]) -> list[str]:
    return [wording.told(matter) for matter in matters]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def reminder_hours(request: StaffRequest) -> HttpResponse:
    clinics = clinics_as(request.user, Role.MANAGER)
    form = ReminderHoursForm(request.POST or None, clinics=clinics)
    if form.is_valid():
        row = sending.set_hours(by=request.user, **form.cleaned_data)
        messages.success(
            request, f"Reminders of {row.clinic} go out between {row.from_hour}:00 and {row.until_hour}:00 from now on."
        )
        return redirect("compliance:reminder-hours")
    rows = ReminderHours.objects.filter(clinic__in=clinics).select_related("clinic", "set_by")
    return render(
        request,
        "compliance/reminder_hours.html",
        {
            "form": form,
            "clinics": clinics,
            "rows": [(row, wording.WEEKDAYS[row.digest_weekday]) for row in rows.order_by("clinic__name", "-number")],
        },
    )
