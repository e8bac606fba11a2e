"""Two accounts of one person: proposed from the page of the one that is kept, decided by a second person."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from compliance import merging
from compliance.forms import MergeForm
from compliance.models import Merge
from compliance.views.people import managed_by
from staff.access import Permission, StaffRequest, require_permission

UNKNOWN = "Nobody with this address works or worked in a clinic that you manage."


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def merge_propose(request: StaffRequest, public_id: str) -> HttpResponse:
    person, _ = managed_by(request, public_id)
    if person == request.user:
        messages.error(request, "Nobody merges their own accounts. Ask another manager of the clinic.")
        return redirect("compliance:person-detail", person.public_id)
    form = MergeForm(request.POST or None)
    if form.is_valid():
        alias = merging.among_people_of(request.user, form.cleaned_data["email"])
        if alias is None:
            form.add_error("email", UNKNOWN)
        else:
            try:
                merge = merging.propose(kept=person, alias=alias, reason=form.cleaned_data["reason"], by=request.user)
            except merging.Refused as why:
                form.add_error("email", str(why))
            else:
                return redirect("compliance:merge-detail", merge.public_id)
    return render(request, "compliance/merge_propose.html", {"form": form, "person": person})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def merge_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    merge = merging.merges_visible_to(request.user, public_id)
    if merge is None:
        raise Http404("no such merge")
    decision = getattr(merge, "decision", None)
    own = merge.proposed_by_id == request.user.pk
    if request.method == "POST":
        if own:
            raise PermissionDenied("whoever proposed a merge does not decide about it")
        return _decide(request, merge)
    plan = merging.plan_of(decision) if decision else merging.plan(merge.kept, merge.alias)
    context = {"merge": merge, "decision": decision, "plan": plan, "own": own}
    return render(request, "compliance/merge_detail.html", context)


def _decide(request: StaffRequest, merge: Merge) -> HttpResponse:
    confirmed = request.POST.get("do") == "confirm"
    try:
        decision = merging.decide(
            merge=merge, confirmed=confirmed, shown=request.POST.get("shown", ""), by=request.user
        )
    except merging.Refused as why:
        messages.error(request, f"{why} Nothing was changed.")
    except merging.Changed:
        messages.error(request, "One of the accounts has changed since you looked, so nothing was done. Look again.")
    else:
        if decision.confirmed:
            messages.success(request, f"{merge.alias.email} now leads to {merge.kept.full_name}, {merge.kept.email}.")
        else:
            messages.info(request, "The two accounts stay apart.")
    return redirect("compliance:merge-detail", merge.public_id)
