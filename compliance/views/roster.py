"""People by a file: it is sent, looked at line by line, applied; what could not be taken comes back as a file."""

import json
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from compliance.exports import csv_text
from compliance.forms import ImportForm
from compliance.models import PeopleImport, PeopleImportRow
from compliance.roster import applying, planning
from compliance.roster.base import MOST_BYTES, MOST_ROWS, Unreadable
from compliance.roster.columns import COLUMNS, NAMES
from staff import uploads
from staff.access import Permission, StaffRequest, clinics_as, require_permission
from staff.models.clinics import Role

PAGE = 100
WORDS = {
    planning.ERROR: "Not taken",
    planning.CREATED: "Added",
    planning.RETURNS: "Comes back",
    planning.UPDATED: "Changed",
    planning.UNCHANGED: "Unchanged",
    planning.SKIPPED: "Left as it is",
    PeopleImportRow.Outcome.DROPPED.value: "Ended",
}
TOO_LARGE = f"The file has more than {MOST_BYTES // 1_000_000} MB. Send the list alone, as CSV or XLSX."


@csrf_exempt  # the token is checked below, once the size of what is sent is known
@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def people_import(request: StaffRequest) -> HttpResponse:
    if request.method == "POST":
        if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES + uploads.ENVELOPE:
            form = ImportForm(None, clinics=clinics_as(request.user, Role.MANAGER))
            return _form(request, form, TOO_LARGE, status=413)
        request.upload_handlers = [uploads.Held(request, MOST_BYTES)]
    return _people_import(request)


@csrf_protect
def _people_import(request: StaffRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None, clinics=clinics_as(request.user, Role.MANAGER))
    if form.is_valid():
        chosen = dict(form.cleaned_data)
        file = chosen.pop("file")
        try:
            sent = applying.send(data=file.read(), file_name=file.name, by=request.user, **chosen)
        except Unreadable as why:
            form.add_error("file", str(why))
        else:
            return redirect("compliance:import-detail", sent.public_id)
    return _form(request, form)


def _form(request: HttpRequest, form: ImportForm, error: str = "", status: int = 200) -> HttpResponse:
    clinics = clinics_as(request.user, Role.MANAGER)  # type: ignore[arg-type]
    sent = PeopleImport.objects.filter(clinic__in=clinics).select_related("clinic", "sent_by")[:10]
    context = {
        "form": form,
        "error": error,
        "sent": sent,
        "columns": [(name, NAMES[name]) for name in COLUMNS],
        "most_rows": MOST_ROWS,
        "kept_days": applying.KEPT_DAYS,
        "clinics": clinics,
    }
    return render(request, "compliance/people_import.html", context, status=status)


@require_safe
@require_permission(Permission.MANAGE_PEOPLE)
def import_template(request: StaffRequest) -> HttpResponse:
    return _csv(csv_text([list(COLUMNS)]), "people.csv")


def _csv(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _sent_to(request: StaffRequest, public_id: str) -> PeopleImport:
    """404 for a stranger's."""
    rows = PeopleImport.objects.filter(clinic__in=clinics_as(request.user, Role.MANAGER))
    found = rows.select_related("clinic", "sent_by", "began_by").filter(public_id=public_id).first()
    if found is None:
        raise Http404("no such import")
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def import_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    sent = _sent_to(request, public_id)
    if request.method == "POST":
        return _begin(request, sent)
    if sent.began_at:
        return _result(request, sent)
    if not sent.rows.exists():
        return render(request, "compliance/import_result.html", {"sent": sent, "forgotten": True})
    plan = applying.plan_of(sent, by=request.user)
    shown = _shown(request, plan.counts)
    verdicts = [one for one in plan.verdicts if shown in ("", one.verdict)]
    columns, unread = json.loads(sent.columns)
    return render(
        request,
        "compliance/import_plan.html",
        {
            "sent": sent,
            "plan": plan,
            "counts": _counts(plan.counts, shown),
            "shown": shown,
            "page_obj": Paginator(verdicts, PAGE).get_page(request.GET.get("page")),
            "total": len(plan.verdicts),
            "does": sum(plan.counts[one] for one in planning.DOES),
            "created": plan.counts[planning.CREATED] + plan.counts[planning.RETURNS],
            "errors": plan.counts[planning.ERROR],
            "columns": [NAMES[name] for name in columns],
            "unread": unread,
        },
    )


def _shown(request: HttpRequest, counts: dict[str, int]) -> str:
    """Which lines are looked at: those that went wrong first, unless others are asked for. Empty for all."""
    asked = request.GET.get("show", planning.ERROR)
    return asked if counts.get(asked) else ""


def _counts(counts: dict[str, int], shown: str) -> list[dict[str, Any]]:
    return [
        {"verdict": verdict, "word": WORDS[verdict], "count": count, "shown": verdict == shown}
        for verdict, count in counts.items()
        if count
    ]


def _begin(request: StaffRequest, sent: PeopleImport) -> HttpResponse:
    """What was shown is done: the first rows at once, the rest by `tick`."""
    again = redirect("compliance:import-detail", sent.public_id)
    try:
        applying.begin(
            sent=sent,
            shown=request.POST.get("shown", ""),
            drop=request.POST.getlist("drop"),
            invites=request.POST.get("invites") == "yes",
            by=request.user,
        )
    except applying.Changed:
        said = (
            f"{sent.clinic} has changed since you looked, so nothing was done. Look again: this is how it would be now."
        )
        messages.error(request, said)
        return again
    sent.refresh_from_db()
    applying.work(sent)
    return again


def _result(request: StaffRequest, sent: PeopleImport) -> HttpResponse:
    rows = list(sent.rows.select_related("membership__person"))
    counts = dict.fromkeys(WORDS, 0)
    for row in rows:
        if row.outcome:
            counts[row.outcome] += 1
    shown = _shown(request, counts)
    done = sum(counts.values())
    return render(
        request,
        "compliance/import_result.html",
        {
            "sent": sent,
            "forgotten": not rows,
            "kept": json.loads(sent.counts),
            "total": len(rows),
            "done": done,
            "counts": _counts(counts, shown),
            "shown": shown,
            "errors": counts[planning.ERROR],
            "page_obj": Paginator(
                [_line(row) for row in rows if row.outcome and shown in ("", row.outcome)], PAGE
            ).get_page(request.GET.get("page")),
        },
    )


def _line(row: PeopleImportRow) -> dict[str, Any]:
    cells = json.loads(row.cells)
    member = row.membership
    return {
        "line": row.line,
        "outcome": row.outcome,
        "word": WORDS[row.outcome],
        "said": row.said,
        "title": member.person.full_name if member else cells.get("full_name") or "No name",
        "under": " · ".join(cells[name] for name in ("email", "staff_number") if name in cells),
        "person": member.person if member else None,
    }


@require_safe
@require_permission(Permission.MANAGE_PEOPLE)
def import_errors(request: StaffRequest, public_id: str) -> HttpResponse:
    """The lines that were not taken, as they came, with what is wrong: to be put right and sent again."""
    sent = _sent_to(request, public_id)
    columns, _ = json.loads(sent.columns)
    lines: list[list[object]] = [[*columns, "line", "code", "column", "what is wrong"]]
    for line, cells, faults in _faulty(sent, request):
        lines.append(
            [
                *(cells.get(name, "") for name in columns),
                line,
                "; ".join(fault[0] for fault in faults),
                "; ".join(fault[1] for fault in faults),
                " ".join(fault[2] for fault in faults),
            ]
        )
    return _csv(csv_text(lines), "not-taken.csv")


def _faulty(sent: PeopleImport, request: StaffRequest) -> list[tuple[int, dict[str, str], list[list[str]]]]:
    if sent.began_at:
        rows = sent.rows.filter(outcome=planning.ERROR, line__gt=0)
        return [
            (row.line, json.loads(row.cells), json.loads(row.faults) or [["changed", "", row.said]]) for row in rows
        ]
    verdicts = applying.plan_of(sent, by=request.user).verdicts
    return [
        (one.row.line, one.row.cells, [fault.plain() for fault in one.faults])
        for one in verdicts
        if one.verdict == planning.ERROR
    ]
