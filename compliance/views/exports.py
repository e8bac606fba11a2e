"""What leaves as a file; always within the viewer's clinics, for the people ticked or for all that the filters show."""

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods

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
    for name in ("csrfmiddlewaretoken", "page"):
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
@require_permission(Permission.SEE_COMPLIANCE)
def people_csv(request: StaffRequest) -> HttpResponse:
    chosen = select(request, request.user)
    text = exports.people_csv(chosen.board, chosen.rows)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="people-{len(chosen.people)}-{_today()}.csv"'
    return response


def _zip_name(count: int) -> str:
    return f"certificates-{count}-{_today()}.zip"


def _today() -> str:
    return localtime(clock.now()).date().isoformat()
