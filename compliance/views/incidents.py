"""After an incident: a module asked of one person again, and taken back where that was an error. Managers and physicians act."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from compliance.outside import titles
from compliance.queries import programme_columns
from compliance.requirements import assigned, assigning, incidents
from compliance.requirements.forms import EndingForm, IncidentForm
from compliance.selection import seen_clinics
from compliance.views.assignments import adding, seen_by
from staff import clock
from staff.access import Permission, StaffRequest, require_permission
from staff.templatetags.look import day

SAYS = (
    "After an incident, such as a needlestick, a wrong depth or a complication, the module is read in full and passed again, "
    "whatever is held. The certificate stays as it is: to hold it until then, suspend it on its own page."
)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def incident_add(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    """`module` in the address chooses it beforehand."""
    person, membership = seen_by(request, public_id, clinic_id)
    if person == request.user:
        messages.error(request, incidents.NOT_ONESELF)
        return redirect("compliance:person-detail", person.public_id)
    programmes, columns = programme_columns()
    form = IncidentForm(
        request.POST or None,
        membership=membership,
        programmes=programmes,
        modules=columns,
        initial={"what": f"module:{request.GET.get('module', '')}"},
    )
    if form.is_valid():
        try:
            incidents.ask_again(
                person=person,
                clinic=membership.clinic,
                modules=form.modules_asked(),
                reason=form.cleaned_data["reason"],
                due_on=form.cleaned_data["due_on"],
                by=request.user,
            )
        except assigning.NotAllowed as refused:
            form.add_error("what", str(refused))
        else:
            due = day(form.cleaned_data["due_on"])
            messages.success(request, f"Asked of {person.full_name}, by {due}. It stands on the home page.")
            return redirect("compliance:person-detail", person.public_id)
    title = f"After an incident: ask {person.full_name} again"
    return render(request, "compliance/assigning.html", adding(title, form, SAYS, "Ask for it again", person))


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def incident_end(request: StaffRequest, public_id: str) -> HttpResponse:
    row = get_object_or_404(assigned.incidents_of(seen_clinics(request.user)), public_id=public_id)
    if row.person == request.user:
        raise PermissionDenied("nobody takes this back for themselves")
    back = f"{reverse('compliance:assignment-list')}?show=incidents"
    if row.ended_at and row.ends_on:
        messages.info(request, f"{row.ended_by} ended this on {day(row.ended_at)}, from {day(row.ends_on)} on.")
        return redirect(back)
    if row.module_id not in incidents.open_of(row.person, row.clinic):
        messages.info(request, "It was met by a pass meanwhile, so there is nothing to take back.")
        return redirect(back)
    today = clock.today(row.clinic.zone)
    form = EndingForm(request.POST or None, earliest=today, latest=today, today=today)
    del form.fields["ends_on"]  # there is no day to choose: what was asked in error ends today
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        if incidents.end(row=row, ends_on=today, reason=reason, by=request.user):
            messages.success(request, "Taken back. The record stays, with your reason.")
        else:
            messages.info(request, "Somebody else ended this a moment ago, so nothing was changed.")
        return redirect(back)
    title = f"Take back what was asked of {row.person.full_name} after an incident"
    says = f"{titles().get(row.module_id, row.module)}, by {day(row.due_on)}: {row.reason} It holds no longer from today on."
    context = {"title": title, "form": form, "row": row, "back": back, "leave": False, "says": says}
    return render(request, "compliance/assignment_end.html", context)
