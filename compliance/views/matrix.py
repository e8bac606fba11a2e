"""Staff against modules, and the same as a sheet for an inspector."""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from compliance import standing
from compliance.past import recorded_since
from compliance.queries import board_of
from compliance.selection import seen_clinics, select
from compliance.situations import Row
from compliance.steps.managers import count_sentence
from staff import clock
from staff.access import Permission, StaffRequest, asked_clinic, require_permission
from staff.models import Licence
from staff.models.clinics import Role

PAGE = 50


@dataclass(frozen=True)
class Bar:
    """A length of the drawn bar, in per cent of its whole, as SVG attributes take it."""

    tone: str
    x: str
    width: str


def bars(counts: dict[str, int]) -> list[Bar]:
    """Who must be current, as one bar; whole permille, so that no share is lost to rounding."""
    shares = [("stop", counts["not-current"]), ("care", counts["due-soon"]), ("good", counts["current"])]
    total = sum(share for _, share in shares)
    drawn, done = [], 0
    for tone, share in shares:
        if share:
            start, end = done * 1000 // total, (done + share) * 1000 // total
            drawn.append(Bar(tone, _percent(start), _percent(end - start)))
        done += share
    return drawn


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10}%"


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def matrix(request: StaffRequest) -> HttpResponse:
    chosen = select(request, request.user, past=True)
    counts, totals = chosen.board.counted(chosen.counted_over), chosen.board.counted()
    page = Paginator(chosen.rows, PAGE).get_page(request.GET.get("page"))
    chosen.board.fetch(list(page.object_list))
    return render(
        request,
        "compliance/matrix.html",
        {
            "chosen": chosen,
            "columns": chosen.board.columns,
            "narrowing": chosen.narrowing,
            "since": recorded_since(chosen.clinics, chosen.narrowing.on) if chosen.narrowing.on else [],
            "away": chosen.board.counted_away(chosen.counted_over),
            "counts": counts,
            "words": [(word, title, counts[word]) for word, title in standing.WORDS.items() if counts[word]],
            "states": list(chosen.board.counted_states(chosen.counted_over).items()),
            "totals": totals,
            "sentence": count_sentence(totals, on=chosen.narrowing.on),
            "bars": bars(counts),
            "page_obj": page,
            "certificates": chosen.board.counted_certificates(chosen.situations),
            "described": chosen.narrowing.described(chosen.clinics),
            "several": len(chosen.clinics) > 1,
        },
    )


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def matrix_print(request: StaffRequest) -> HttpResponse:
    """Everybody whom the filters leave, on paper."""
    chosen = select(request, request.user, past=True)
    return render(
        request,
        "compliance/matrix_print.html",
        {
            "chosen": chosen,
            "narrowing": chosen.narrowing,
            "columns": chosen.board.columns,
            "counts": chosen.board.counted(chosen.counted_over),
            "described": chosen.narrowing.described(chosen.clinics),
            "several": len(chosen.clinics) > 1,
            "printed_at": clock.now(),
        },
    )


@dataclass(frozen=True)
class SheetRow:
    """A member as an inspector reads her; `exceptions` are sentences, none when all is in order."""

    row: Row
    licences: tuple[Licence, ...]
    exceptions: tuple[str, ...]


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def sheet(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    clinic = asked_clinic(request, clinics)
    board = board_of([clinic])
    today = clock.today(clinic.zone)
    licences: dict[int, list[Licence]] = {}
    for licence in Licence.objects.filter(person__in=[row.person.pk for row in board.rows]):
        licences.setdefault(licence.person_id, []).append(licence)
    rows = [_sheet_row(row, tuple(licences.get(row.person.pk, ())), today) for row in board.rows]
    return render(
        request,
        "compliance/sheet.html",
        {
            "sheet_clinic": clinic,
            "clinics": clinics,
            "board": board,
            "counts": board.counted(),
            "groups": [
                ("Exceptions", [row for row in rows if row.exceptions]),
                ("In order", [row for row in rows if not row.exceptions]),
            ],
            "printed_at": clock.now(),
            "verify_url": f"{settings.SITE_URL}/verify/",
        },
    )


def _sheet_row(row: Row, licences: tuple[Licence, ...], today: date) -> SheetRow:
    found = [f"{cell.column.title}: {cell.standing.detail}" for cell in row.cells if not cell.standing.in_order]
    licensed = {Role.AESTHETICIAN, Role.PHYSICIAN} & set(row.roles)
    newest = max((licence.expires_on for licence in licences), default=None)
    if newest is not None and newest < today:
        found.append(f"Licence expired {standing.short_day(newest)}")
    elif newest is None and licensed:
        found.append("No licence recorded")
    return SheetRow(row, licences, tuple(found))
