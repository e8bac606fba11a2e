"""The queue of items that wait for a second person, and one of them beside what it rests on."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from quizzes import approving, kinds
from quizzes.views.bank import sees_keys
from quizzes.views.items import ask, pictures_for
from staff.access import Permission, StaffRequest, has_permission, require_permission
from training.models import Draft

LONGEST_NUMBER = 10


def approver(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Keys are shown, so whoever takes quizzes as well is no second person."""
    return sees_keys(require_permission(Permission.APPROVE_ITEMS)(view))


@require_safe
@approver
def approval_list(request: StaffRequest) -> HttpResponse:
    rows = [(one, one.may(request.user)) for one in approving.queue()]
    return render(request, "authoring/approval_list.html", {"rows": rows, "mine": sum(may for _, may in rows)})


def _found(request: StaffRequest, code: str) -> approving.Waiting:
    """As it stands in the queue; over a draft where the address says which."""
    wanted = request.GET.get("draft", "")
    draft = None
    if wanted:
        known = int(wanted) if wanted.isdecimal() and len(wanted) < LONGEST_NUMBER else 0
        rows = Draft.objects.filter(pk=known, closed_at=None)
        draft = rows.select_related("section__module").prefetch_related("writers").first()
        if draft is None:
            raise Http404("no such draft")
    found = approving.find(code, draft)
    if found is None:
        raise Http404("this item waits for nobody")
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@approver
def approval_detail(request: StaffRequest, code: str) -> HttpResponse:
    waiting = _found(request, code)
    error = ""
    if request.method == "POST":
        try:
            if request.POST.get("do") == "turn-down":
                reason = " ".join(request.POST.get("reason", "").replace("\x00", "").split())
                if not reason:
                    raise approving.NotApproved("Say why, so that whoever wrote it can do better.")
                approving.turn_down(waiting=waiting, reason=reason, by=request.user)
                messages.success(request, f"{code} is turned down.")
            else:
                live = approving.approve(waiting=waiting, seen_sha256=request.POST.get("seen", ""), by=request.user)
                messages.success(
                    request,
                    f"{code} is live again and may be drawn."
                    if live
                    else f"{code} is approved for the new text. It goes live with the text, without a gap.",
                )
        except approving.NotApproved as refusal:
            error = str(refusal)
        else:
            return redirect("compliance:approval-list")
    kind, content = kinds.of(waiting.row.question.kind), waiting.row.content
    context = {
        "waiting": waiting,
        "may": waiting.may(request.user),
        "kind": kind,
        "content": content,
        "told": kind.told_right(content),
        "asked": ask(content, kind.code, kind.by_name(content), "", pictures_for([content]), "item"),
        "error": error,
        "writes": has_permission(request.user, Permission.WRITE_ITEMS),
    }
    return render(request, "authoring/approval_detail.html", context, status=400 if error else 200)
