"""Which rows a request means: the filters of its address, the people ticked, always within the viewer's clinics."""

from dataclasses import dataclass, replace
from functools import cached_property

from django.http import Http404, HttpRequest, QueryDict

from compliance.forms import Narrowing, NarrowingForm
from compliance.queries import Board, board_of
from compliance.situations import Rows, Situation
from staff.access import clinics_as
from staff.models import Clinic, StaffMember
from staff.models.clinics import Role


@dataclass(frozen=True)
class Selection:
    """`counted_over` is who is left before word and state narrow it, `situations` who is meant."""

    clinics: list[Clinic]
    board: Board
    form: NarrowingForm
    narrowing: Narrowing
    counted_over: list[Situation]
    situations: list[Situation]
    ticked: list[str]

    @cached_property
    def rows(self) -> Rows:
        return Rows(self.situations)

    @property
    def people_count(self) -> int:
        return len({entry.person_id for one in self.situations for entry in one.entries})

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
    counted_over = narrowing.people(board)
    ticked = asked.getlist("p")
    meant = _ticked(board, ticked) if ticked else narrowing.among(counted_over)
    return Selection(clinics, board, form, narrowing, counted_over, meant, ticked)


def _ticked(board: Board, ticked: list[str]) -> list[Situation]:
    wanted = set(StaffMember.objects.filter(public_id__in=ticked).values_list("pk", flat=True))
    found = [one.of([entry for entry in one.entries if entry.person_id in wanted]) for one in board.situations]
    if len({entry.person_id for one in found for entry in one.entries}) != len(set(ticked)):
        raise Http404("no such person")
    return found
