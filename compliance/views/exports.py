"""What leaves as a file; always within the viewer's clinics, for the people ticked or for all that the filters show."""

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods

from certificates import papers
from compliance import exports
from compliance.selection import asked_for, select
from staff import clock
from staff.access import Permission, StaffRequest, require_permission


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.DOWNLOAD_CERTIFICATES)
def download(request: StaffRequest) -> HttpResponse:
    """What the ZIP will hold, counted before it is fetched."""
    chosen = select(request, request.user)
    pks = exports.certificates_of(chosen.rows, chosen.clinics)
    asked = asked_for(request).copy()
    for name in ("csrfmiddlewaretoken", "page", "sheet", "part"):
        asked.pop(name, None)
    return render(
        request,
        "compliance/certificates_download.html",
        {
            "chosen": chosen,
            "count": len(pks),
            "people": len(chosen.people),
            "asked": [(name, value) for name, values in asked.lists() for value in values if value],
            "described": "" if chosen.ticked else chosen.narrowing.described(chosen.clinics),
            "file_name": _zip_name(len(pks)),
            "parts": _parts(len(pks)),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.DOWNLOAD_CERTIFICATES)
def certificates_zip(request: StaffRequest) -> HttpResponse:
    chosen = select(request, request.user)
    pks = exports.certificates_of(chosen.rows, chosen.clinics)
    archive, length = exports.zip_of(pks)
    response = StreamingHttpResponse(archive, content_type="application/zip")
    if length is not None:
        response["Content-Length"] = str(length)
    response["Content-Disposition"] = f'attachment; filename="{_zip_name(len(pks))}"'
    return response  # type: ignore[return-value]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.DOWNLOAD_CERTIFICATES)
def certificates_pdf(request: StaffRequest) -> HttpResponse:
    """One PDF for the printer: those in force, some hundred at a time, on A4, US Letter or as cards."""
    chosen = select(request, request.user)
    asked = asked_for(request)
    sheet, part = asked.get("sheet", "pdf"), asked.get("part", "1")
    pks = exports.certificates_of(chosen.rows, chosen.clinics)
    parts = _parts(len(pks))
    if sheet not in papers.PDFS or not part.isdecimal() or not 1 <= int(part) <= len(parts):
        raise Http404("no such part, or no such sheet")
    first, last = parts[int(part) - 1]
    made = exports.merged(pks[first - 1 : last], sheet=sheet)
    if made is None:
        messages.info(request, "None of these certificates is in force, so there is nothing to print.")
        return redirect("compliance:certificates-download")
    response = HttpResponse(made, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="certificates-{first}-to-{last}-{_today()}.pdf"'
    return response


def _parts(count: int) -> list[tuple[int, int]]:
    """1 to 500, 501 to 1000 and on."""
    most = exports.MOST_PRINTED
    return [(first, min(first + most - 1, count)) for first in range(1, count + 1, most)]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def people_csv(request: StaffRequest) -> HttpResponse:
    chosen = select(request, request.user, past=True)
    text = exports.people_csv(chosen.board, chosen.rows)
    on = chosen.narrowing.on.isoformat() if chosen.narrowing.on else _today()
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="people-{len(chosen.people)}-{on}.csv"'
    return response


def _zip_name(count: int) -> str:
    return f"certificates-{count}-{_today()}.zip"


def _today() -> str:
    return localtime(clock.now()).date().isoformat()
