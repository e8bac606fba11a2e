"""Which rows a request means: the filters of its address, the people ticked, always within the viewer's clinics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.http import Http404, HttpRequest, QueryDict

from compliance.forms import Narrowing, NarrowingForm
from compliance.queries import Board, board_of
from compliance.situations import Row
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role


@dataclass(frozen=True)
class Selection:
    """`counted_over` are the rows before word and state narrow them."""

    clinics: list[Clinic]
    board: Board
    form: NarrowingForm
    narrowing: Narrowing
    counted_over: list[Row]
    rows: list[Row]
    ticked: list[str]

    @property
    def people_count(self) -> int:
        return len({row.person_id for row in self.rows})

    @property
    def people(self) -> list[StaffMember]:
        return list({row.person_id: row.person for row in self.rows}.values())


def seen_clinics(viewer: StaffMember) -> list[Clinic]:
    return clinics_as(viewer, Role.MANAGER, Role.PHYSICIAN)


def asked_for(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def select(request: HttpRequest, viewer: StaffMember, *, past: bool = False) -> Selection:
    """404 for a clinic or a person that the viewer does not see. With `past` the address may ask about a day that is over."""
    clinics = seen_clinics(viewer)
    asked = asked_for(request)
    known = [clinic.public_id for clinic in clinics]
    if asked.get("clinic") and asked["clinic"] not in known:
        raise Http404("no such clinic")
    form = NarrowingForm(asked, clinics=clinics)
    narrowing = form.narrowing()
    if not past:
        narrowing = replace(narrowing, on=None)
    board = board_of(clinics, on=narrowing.on)
    counted_over = [row for row in board.rows if narrowing.keeps_person(row)]
    rows = [row for row in counted_over if narrowing.keeps(row)]
    ticked = asked.getlist("p")
    return Selection(clinics, board, form, narrowing, counted_over, _ticked(board.rows, rows, ticked), ticked)


def _ticked(every: Sequence[Row], shown: list[Row], ticked: list[str]) -> list[Row]:
    if not ticked:
        return shown
    wanted = set(ticked)
    if not wanted <= {row.person.public_id for row in every}:
        raise Http404("no such person")
    return [row for row in every if row.person.public_id in wanted]
