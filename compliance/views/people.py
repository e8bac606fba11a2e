"""People: who works here, what is known of each, and what a manager may change."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from certificates.actions import change_membership, end_membership
from compliance import actions, merging, outside, people, tasks
from compliance.forms import EndForm, IdentityForm, LicenceForm, NameForm, PersonForm, TransferForm, WorkForm
from compliance.keeping import erasing
from compliance.points_drawn import drawn_for
from compliance.queries import board_of
from compliance.selection import seen_clinics
from compliance.signing_habits import habit_of
from staff import factors
from staff.access import Permission, StaffRequest, clinics_as, has_permission, require_permission
from staff.actions import check_identity, correct_name, record_licence
from staff.models import Membership, MembershipRole, StaffMember
from staff.models.clinics import Role
from staff.returning import AnotherName, is_named
from staff.templatetags.look import plural

PAGE = 50
SECOND_PERSON = (
    "You gave this person the physician's role, so somebody else records the identity check: another manager of the "
    "clinic, or the administrator of the installation."
)


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def person_list(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    q, who = request.GET.get("q", "")[:100], request.GET.get("who", "")
    gone, waiting, bare = who == "left", who == "waiting", who == "no-factor"
    if gone:
        everyone = people.people_gone(clinics)
    elif bare:
        everyone = people.people_without_factor(request.user, board_of(clinics))
    else:
        everyone = (people.people_waiting if waiting else people.people_here)(board_of(clinics))
    lines = people.matching(everyone, q)
    managing = {clinic.pk for clinic in clinics_as(request.user, Role.MANAGER)}
    page = Paginator(lines, PAGE).get_page(request.GET.get("page"))
    if managing and not gone:
        page.object_list = people.with_factors(list(page.object_list))
    return render(
        request,
        "compliance/person_list.html",
        {
            "page_obj": page,
            "q": q,
            "gone": gone,
            "bare": bare,
            "waiting": waiting,
            "managing": managing,
            "fresh": sum(line.invited_at is None and line.membership.clinic_id in managing for line in everyone),
            "total": len({line.person.pk for line in everyone}),
            "clinics": clinics,
            "merges": merging.waiting_for(request.user),
            "manages": has_permission(request.user, Permission.MANAGE_PEOPLE),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def person_add(request: StaffRequest) -> HttpResponse:
    form = PersonForm(request.POST or None, clinics=clinics_as(request.user, Role.MANAGER))
    if form.is_valid():
        try:
            membership = actions.add_person(by=request.user, **form.cleaned_data)
        except actions.AlreadyMember as known:
            form.add_error("email", f"{known.membership.person} already works at {known.membership.clinic}.")
        except AnotherName:  # she left between the form and its action: the form asks now
            form = PersonForm(request.POST, clinics=clinics_as(request.user, Role.MANAGER))
        else:
            messages.success(request, _added(membership, form.cleaned_data["full_name"]))
            return redirect("compliance:person-detail", membership.person.public_id)
    return render(request, "compliance/person_add.html", {"form": form})


@require_POST
@require_permission(Permission.MANAGE_PEOPLE)
def people_invite(request: StaffRequest) -> HttpResponse:
    """Those ticked, again if they were invited before; or everybody who never was."""
    board = board_of(clinics_as(request.user, Role.MANAGER))
    waiting = people.people_waiting(board)
    if request.POST.get("do") == "new":
        chosen = [line for line in waiting if line.invited_at is None]
    else:
        ticked = set(request.POST.getlist("p"))
        if not ticked <= {line.key for line in people.people_here(board)}:
            raise Http404("no such person")
        chosen = [line for line in waiting if line.key in ticked]
    count = actions.invite_all(memberships=[line.membership for line in chosen], by=request.user)
    if count:
        messages.success(request, f"{plural(count, 'invitation goes,invitations go')} out within minutes.")
    else:
        messages.info(request, "Nobody was chosen who still waits for an invitation, so none was sent.")
    return redirect(f"{reverse('compliance:person-list')}?who=waiting")


def _added(membership: Membership, typed: str) -> str:
    person = membership.person
    said = f"{person.full_name} now belongs to {membership.clinic}. An invitation goes to {person.email} in a minute."
    if person.full_name != typed:
        said += f" This address was known already, so the name on record stays; you typed “{typed}”."
        if not is_named(person, typed):
            said += " If that is her name now, correct it on this page."
    return said


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def person_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    viewer = request.user
    person = people.person_for(viewer, public_id)
    managed = people.managed(viewer, person)
    return render(
        request,
        "compliance/person_detail.html",
        {
            "person": person,
            "managed": managed,
            "has_factor": bool(managed) and bool(factors.who_have([person.pk])),
            "is_self": person == viewer,
            "erasable": person != viewer and erasing.erasable_by(viewer, person),
            "invitable": managed[0] if managed and not person.has_usable_password() else None,
            "invitation_days": settings.PASSWORD_RESET_TIMEOUT // actions.DAY_SECONDS,
            "shown_memberships": people.memberships_shown(viewer, person),
            "aliases": people.aliases_shown(viewer, person),
            "transferable": managed and people.transferable(viewer, person),
            "rows": people.own_row(viewer, person),
            "extra_time": people.extra_time_shown(viewer, person),
            "licences": people.licences_shown(person, people.today_for(viewer)),
            "certificates": people.certificates_shown(viewer, person),
            "outside": [(row, outside.where(row)) for row in outside.visible_to(viewer).filter(person=person)],
            "attempts": people.attempts_shown(viewer, person),
            "dossiers": people.dossiers_shown(viewer, person),
            "drawn": drawn_for(person, clinics_as(viewer, Role.PHYSICIAN)) if viewer != person else [],
            "habit": habit_of(person, [membership.clinic for membership in managed]) if managed else None,
            "sheets": people.sheets_shown(viewer, person),
            "asked": [
                row for row in tasks.asked_of([person]).get(person.pk, []) if row.task.clinic in seen_clinics(viewer)
            ],
        },
    )


def managed_by(request: StaffRequest, public_id: str, clinic_id: str = "") -> tuple[StaffMember, Membership]:
    """The person and the membership through which the manager acts; 404 for a stranger, 403 for one not managed."""
    person = people.person_for(request.user, public_id)
    held = people.managed(request.user, person)
    if not held:
        raise PermissionDenied("the person has no open membership in a clinic that the viewer manages")
    membership = next((row for row in held if clinic_id in ("", row.clinic.public_id)), None)
    if membership is None:
        raise Http404("no such membership")
    return person, membership


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def person_rename(request: StaffRequest, public_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id)
    form = NameForm(request.POST or None, initial={"full_name": person.full_name, "latin_name": person.latin_name})
    if form.is_valid():
        before = person.full_name
        correct_name(person=person, clinic=membership.clinic, by=request.user, **form.cleaned_data)
        messages.success(
            request, f"{before} is now {person.full_name}. Certificates issued before keep the name they carry."
        )
        return redirect("compliance:person-detail", person.public_id)
    issued = person.certificates.count()
    return render(request, "compliance/person_rename.html", {"form": form, "person": person, "issued": issued})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def licence_add(request: StaffRequest, public_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id)
    form = LicenceForm(request.POST or None)
    if form.is_valid():
        licence = record_licence(person=person, clinic=membership.clinic, by=request.user, **form.cleaned_data)
        messages.success(request, f"The licence {licence.type} of {person.full_name} is on record.")
        return redirect("compliance:person-detail", person.public_id)
    return render(request, "compliance/licence_add.html", {"form": form, "person": person})


@require_POST
@require_permission(Permission.MANAGE_PEOPLE)
def person_invite(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    if person.has_usable_password():
        messages.info(
            request,
            f"{person.full_name} has chosen a password already, so no invitation was sent. A new password can be asked "
            "for on the sign-in page.",
        )
    else:
        actions.invite(membership=membership, by=request.user)
        messages.success(request, f"A new invitation goes to {person.email} within a minute.")
    return redirect("compliance:person-detail", person.public_id)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def identity_check(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    if person == request.user:
        messages.error(request, "Nobody checks their own identity. Ask another manager of the clinic to record it.")
        return redirect("compliance:person-detail", person.public_id)
    open_roles = MembershipRole.objects.filter(membership=membership, role=Role.PHYSICIAN, ended_at=None)
    if open_roles.filter(identity_checked_at=None, granted_by=request.user).exists():
        messages.error(request, SECOND_PERSON)
        return redirect("compliance:person-detail", person.public_id)
    if not open_roles.filter(identity_checked_at=None).exists():
        messages.info(request, f"There is no identity left to check for {person.full_name} at {membership.clinic}.")
        return redirect("compliance:person-detail", person.public_id)
    form = IdentityForm(request.POST or None)
    if form.is_valid():
        check_identity(membership=membership, how=form.cleaned_data["how"], by=request.user)
        messages.success(request, f"{person.full_name} can now sign for {membership.clinic}.")
        return redirect("compliance:person-detail", person.public_id)
    return render(request, "compliance/identity_check.html", {"form": form, "person": person, "membership": membership})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def membership_end(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    if person == request.user:
        messages.error(request, "Nobody ends their own membership. Ask another manager of the clinic.")
        return redirect("compliance:person-detail", person.public_id)
    running = people.attempts_under_way(membership)
    form = EndForm(request.POST or None)
    if form.is_valid():
        end_membership(membership=membership, reason=form.cleaned_data["reason"], by=request.user)
        scored = f" {plural(running, 'open attempt was,open attempts were')} scored as stored." if running else ""
        said = f"{person.full_name} no longer belongs to {membership.clinic}."
        messages.success(request, f"{said}{scored} The records stay.")
        return redirect("compliance:person-detail", person.public_id)
    context = {"form": form, "person": person, "membership": membership, "running": running}
    return render(request, "compliance/membership_end.html", context)


def _work_of(membership: Membership) -> dict[str, Any]:
    return {
        "job_title": membership.job_title,
        "staff_number": membership.staff_number,
        "hired_on": membership.hired_on,
        "roles": list(membership.roles.filter(ended_at=None).values_list("role", flat=True)),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def membership_change(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    before = _work_of(membership)
    form = WorkForm(request.POST or None, initial=before, membership=membership)
    if form.is_valid():
        if person == request.user and set(form.cleaned_data["roles"]) != set(before["roles"]):
            form.add_error("roles", "Nobody changes their own roles. Ask another manager of the clinic.")
        else:
            change_membership(membership=membership, by=request.user, **form.cleaned_data)
            messages.success(request, f"The work of {person.full_name} at {membership.clinic} is as you wrote it.")
            return redirect("compliance:person-detail", person.public_id)
    context = {"form": form, "person": person, "membership": membership}
    return render(request, "compliance/membership_change.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def membership_transfer(request: StaffRequest, public_id: str, clinic_id: str) -> HttpResponse:
    person, membership = managed_by(request, public_id, clinic_id)
    back = redirect("compliance:person-detail", person.public_id)
    if person == request.user:
        messages.error(request, "Nobody transfers themselves. Ask another manager.")
        return back
    clinics = people.transferable(request.user, person)
    if not clinics:
        messages.info(request, f"You manage no other clinic to which {person.full_name} could go.")
        return back
    form = TransferForm(request.POST or None, initial=_work_of(membership) | {"staff_number": ""}, clinics=clinics)
    if form.is_valid():
        chosen = dict(form.cleaned_data)
        begun = actions.transfer(membership=membership, to=chosen.pop("clinic"), by=request.user, **chosen)
        messages.success(
            request, f"{person.full_name} now belongs to {begun.clinic}, and no longer to {membership.clinic}."
        )
        return back
    running = people.attempts_under_way(membership)
    context = {"form": form, "person": person, "membership": membership, "running": running}
    return render(request, "compliance/membership_transfer.html", context)
