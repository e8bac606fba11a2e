"""One cell of the matrix: why it says what it says, and what comes next."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from certificates.models import Certificate
from compliance import people
from compliance.cells import SESSION, Cell
from compliance.forms import NarrowingForm
from compliance.models import Cycle
from compliance.queries import board_of
from compliance.requirements.cycles import cycles_of
from compliance.selection import seen_clinics
from compliance.situations import Row
from staff.access import LEARNING_ROLES, Permission, StaffRequest, clinics_as, require_permission
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role


def learns(row: Row) -> bool:
    """Whether a role here takes quizzes."""
    return bool(set(row.roles) & set(LEARNING_ROLES))


@dataclass(frozen=True)
class Next:
    """What whoever looks can do, or who can; `url` where there is a page for it."""

    text: str
    action: str = ""
    url: str = ""


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def cell_detail(request: StaffRequest, public_id: str, clinic_id: str, slug: str) -> HttpResponse:
    """404 for whoever did not work there on the day that is asked about, and for a column that was not there."""
    person = people.person_for(request.user, public_id)
    clinics = seen_clinics(request.user)
    clinic = next((one for one in clinics if one.public_id == clinic_id), None)
    if clinic is None:
        raise Http404("no such clinic")
    on = NarrowingForm(request.GET, clinics=clinics).narrowing().on
    rows = board_of([clinic], person, on=on).rows
    found = [(row, cell) for row in rows for cell in row.cells if cell.column.slug == slug]
    if not found:
        raise Http404("no such cell")
    row, cell = found[0]
    may_act = on is None and cell.column.module_version is not None and person != request.user and learns(row)
    return render(
        request,
        "compliance/cell_detail.html",
        {
            "row": row,
            "cell": cell,
            "on": on,
            "next": None if on else next_of(row, cell, request.user, clinics_as(request.user, Role.MANAGER)),
            "certificates": [] if on else _certificates(request.user, person, cell),
            "may_ask_again": may_act and not cell.incident and not cell.waiver,
            "may_take_back": may_act and cell.incident is not None,
            "cycles": [] if on else _cycles(person, clinic, cell),
        },
    )


def _certificates(viewer: StaffMember, person: StaffMember, cell: Cell) -> list[people.CertificateShown]:
    rows = Certificate.objects.filter(person=person)
    if cell.column.programme:
        rows = rows.filter(signing__programme=cell.column.programme, clinic=cell.membership.clinic)
    elif cell.column.kind == SESSION:
        return []
    else:
        rows = rows.filter(candidacy__quiz__module=cell.column.module_id)
    fitting = set(rows.values_list("pk", flat=True))
    return [shown for shown in people.certificates_shown(viewer, person) if shown.certificate.pk in fitting]


def _cycles(person: StaffMember, clinic: Clinic, cell: Cell) -> list[Cycle]:
    if cell.column.module_version is None:
        return []
    return cycles_of(person, [clinic]).get((clinic.pk, cell.column.module_id), [])


HELD = {
    "suspended": "It is held until somebody decides. The certificate's page says why, and who can lift it.",
    "revoked": "It was withdrawn for good. What it proved is passed again.",
    "supervision-pending": "The physician who signed it has left. A physician of the clinic endorses it again.",
}


def next_of(row: Row, cell: Cell, viewer: StaffMember, managed: list[Clinic]) -> Next:
    """By the exact state; what only somebody else can do says who."""
    state, name = cell.standing.state, row.person.full_name
    page = reverse("compliance:person-detail", args=[row.person.public_id])
    if cell.column.kind == SESSION and state != "waived":
        text = (
            "The clinic holds a session on site and records who came." if state != "valid" else "Nothing is to be done."
        )
        return Next(text, "Sessions on site", f"{reverse('compliance:bloodborne')}?clinic={row.clinic.public_id}")
    if state == "credited":
        said = (
            "It counts at this clinic alone. A certificate of the module takes its place as soon as the quiz is passed."
        )
        return Next(said, "See the person", page)
    if state in HELD:
        return Next(HELD[state], "Open the certificate" if cell.linked else "See the person", cell.url)
    if state == "waived" and cell.waiver:
        url = reverse("compliance:waiver-end", args=[cell.waiver.public_id])
        return Next("Nothing is asked until the waiver ends. It can be ended earlier.", "End the waiver", url)
    if state == "not-required":
        return _not_asked(row, viewer, managed)
    if state == "valid":
        return Next("Nothing is to be done until the renewal opens.")
    if state == "awaiting-adoption":
        return Next("The quiz is passed. The certificate issues when a physician of the clinic adopts the module.")
    return Next(_asked(row, cell, name), "See the person", page)


def _asked(row: Row, cell: Cell, name: str) -> str:
    if cell.standing.state == "locked":
        return f"All attempts are used. The physician talks it through with {name}; that opens two more."
    if cell.column.programme:
        return "The physician signs it when its conditions are met. They stand on the person's page."
    if row.leave:
        return f"{name} is on leave, and is not reminded. On return this comes before treating."
    if cell.incident:
        return f"{name} reads the module in full and takes the quiz; it stands on the home page."
    if cell.standing.state == "expiring":
        return f"The renewal is open: {name} finds it on the home page."
    return f"{name} reads what is left and takes the quiz; the way stands on the home page."


def _not_asked(row: Row, viewer: StaffMember, managed: list[Clinic]) -> Next:
    if row.clinic in managed and viewer != row.person:
        url = reverse("compliance:ask-by-hand", args=[row.person.public_id, row.clinic.public_id])
        return Next("No rule asks for this.", "Ask for it by hand", url)
    return Next("No rule asks for this.", "See the rules", reverse("compliance:assignment-list"))
