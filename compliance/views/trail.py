"""The audit trail of a clinic for its managers and physicians: read, printed, taken as CSV; and where its head is sent."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import localtime
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import trail
from compliance.exports import BOM, csv_text
from compliance.models import HeadAddress
from compliance.selection import seen_clinics
from compliance.trail import heads
from compliance.trail.forms import HeadAddressForm, TrailForm
from staff import canonical, clock
from staff.access import Permission, StaffRequest, asked_clinic, clinics_as, require_permission
from staff.models import Chain, Clinic
from staff.models.clinics import Role

HEAD = ["number", "at_utc", "at_clinic", "who", "role", "action", "sentence", "about", "reason", "request", "hash"]


def _clinic(request: StaffRequest) -> tuple[Clinic, list[Clinic]]:
    """The one that was asked for among the viewer's own, else the first; 404 for any other."""
    clinics = seen_clinics(request.user)
    found = asked_clinic(request, clinics)
    timezone.activate(ZoneInfo(found.zone))
    return found, clinics


def _asked(request: StaffRequest, form: TrailForm, clinic: Clinic) -> trail.Asked:
    person = None
    if wanted := request.GET.get("person"):
        person = trail.people_of(clinic).filter(public_id=wanted).first()
        if person is None:
            raise Http404("no such person")
    return trail.Asked(person=person, **form.narrowing())


@require_safe
@require_permission(Permission.SEE_TRAIL)
def trail_list(request: StaffRequest) -> HttpResponse:
    clinic, clinics = _clinic(request)
    form = TrailForm(request.GET, clinics=clinics)
    asked = _asked(request, form, clinic)
    printed = "print" in request.GET
    most = trail.MOST_PRINTED if printed else trail.PAGE
    rows = list(trail.events(clinic, asked, request.user)[: most + 1])
    return render(
        request,
        "compliance/trail.html",
        {
            "trail_clinic": clinic,
            "clinics": clinics,
            "form": form,
            "asked": asked,
            "lines": trail.lines(rows[:most], clinic, request.user),
            "more": rows[most - 1].seq if len(rows) > most else None,
            "most": most,
            "printed": printed,
            "printed_at": clock.now(),
            "chain": Chain.objects.get(clinic=clinic),
            "manages": clinic in clinics_as(request.user, Role.MANAGER),
        },
    )


@require_safe
@require_permission(Permission.SEE_TRAIL)
def trail_csv(request: StaffRequest) -> HttpResponse:
    """Everything that was asked for, read piece by piece while it is sent."""
    clinic, clinics = _clinic(request)
    asked = _asked(request, TrailForm(request.GET, clinics=clinics), clinic)
    user, zone = request.user, ZoneInfo(clinic.zone)
    rows = trail.events(clinic, asked, user)

    def pieces() -> Iterator[str]:
        yield csv_text([HEAD])
        for chunk in trail.in_chunks(rows):
            yield csv_text([_line(line, zone) for line in trail.lines(chunk, clinic, user)]).removeprefix(BOM)

    response = StreamingHttpResponse(pieces(), content_type="text/csv; charset=utf-8")
    day = localtime(clock.now()).date().isoformat()
    response["Content-Disposition"] = f'attachment; filename="audit-trail-{day}.csv"'
    return response  # type: ignore[return-value]


def _line(line: trail.Line, zone: ZoneInfo) -> list[object]:
    event = line.event
    return [
        event.seq,
        canonical.instant(event.at),
        localtime(event.at, zone).isoformat(timespec="seconds"),
        line.who,
        event.role,
        event.action,
        line.sentence,
        line.whom,
        line.reason,
        event.request_id,
        event.hash,
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.MANAGE_PEOPLE)
def head_addresses(request: StaffRequest) -> HttpResponse:
    clinic, clinics = _clinic(request)
    if clinic not in clinics_as(request.user, Role.MANAGER):
        raise PermissionDenied("the viewer does not manage this clinic")
    form = HeadAddressForm(request.POST or None)
    if form.is_valid():
        try:
            row = heads.add_address(clinic=clinic, email=form.cleaned_data["email"], by=request.user)
        except heads.TooManyAddresses as refused:
            form.add_error("email", str(refused))
        else:
            messages.success(request, f"The head of the audit trail goes to {row.email} each day, from now on.")
            return redirect(request.get_full_path())
    rows = HeadAddress.objects.filter(clinic=clinic).select_related("added_by", "ended_by").order_by("-added_at")
    context = {"form": form, "rows": list(rows), "trail_clinic": clinic, "clinics": clinics}
    return render(request, "compliance/head_addresses.html", context)


@require_POST
@require_permission(Permission.MANAGE_PEOPLE)
def head_address_end(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(
        HeadAddress.objects.select_related("clinic"), pk=pk, clinic__in=clinics_as(request.user, Role.MANAGER)
    )
    if heads.end_address(address=row, by=request.user):
        messages.success(request, f"{row.email} is sent no more heads. What it was sent stays true.")
    return redirect(f"{reverse('compliance:head-addresses')}?clinic={row.clinic.public_id}")
