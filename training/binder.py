"""The clinic's binder: the safety-critical points of all modules, and two cards with the clinic's numbers, to print."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from staff import clock
from staff.access import Permission, StaffRequest, memberships, require_permission
from staff.models import Clinic
from training.models import KeyPointVersion, ModuleVersion, Picture
from training.queries import ProtocolShown, live_versions, protocol_of


@dataclass(frozen=True)
class Card:
    """One page: a picture of the material, if it is published, and a protocol item as the clinic has it."""

    slug: str
    title: str
    summary: str
    item: str

    @property
    def url(self) -> str:
        return reverse("training:binder-card", args=[self.slug])


CARDS = (
    Card("aftercare-clock", "Aftercare clock", "What may go on the skin, and when, after treatment", "aftercare-clock"),
    Card("escalation-ladder", "Escalation ladder", "Who is told, how soon, under which number", "review-times"),
)


@dataclass(frozen=True)
class Chapter:
    """A module's safety-critical points in order."""

    version: ModuleVersion
    points: tuple[KeyPointVersion, ...]


def chapters(versions: Sequence[ModuleVersion]) -> list[Chapter]:
    rows: dict[int, list[KeyPointVersion]] = {version.pk: [] for version in versions}
    points = (
        KeyPointVersion.objects.filter(section_version__places__module_version__in=rows, critical=True)
        .annotate(shown_in=F("section_version__places__module_version"))
        .select_related("key_point", "section_version__section")
        .order_by("section_version__places__position", "position")
    )
    for point in points:
        rows[point.shown_in].append(point)
    return [Chapter(version, tuple(rows[version.pk])) for version in versions]


def binder_clinic(request: StaffRequest) -> Clinic | None:
    """The clinic asked for, if she works there; else her first. Who works in none sees the cautious defaults."""
    clinics = [membership.clinic for membership in memberships(request.user)]
    asked = request.GET.get("clinic")
    if asked is None:
        return clinics[0] if clinics else None
    found = next((clinic for clinic in clinics if clinic.public_id == asked), None)
    if found is None:
        raise Http404("not a clinic she works in")
    return found


def _paper(request: StaffRequest, clinic: Clinic | None) -> dict[str, Any]:
    """What every sheet of the binder says of itself."""
    return {
        "binder_clinic": clinic,
        "clinics": [membership.clinic for membership in memberships(request.user)],
        "printed_at": clock.now(),
        "address": f"{settings.SITE_URL}{request.path}",
    }


@require_safe
@require_permission(Permission.READ_MODULES)
def binder(request: StaffRequest) -> HttpResponse:
    clinic = binder_clinic(request)
    versions = live_versions()
    context = {"chapters": chapters(versions), "versions": versions, "cards": CARDS, **_paper(request, clinic)}
    return render(request, "training/binder.html", context)


@require_safe
@require_permission(Permission.READ_MODULES)
def binder_card(request: StaffRequest, slug: str) -> HttpResponse:
    card = next((card for card in CARDS if card.slug == slug), None)
    if card is None:
        raise Http404("no such card")
    clinic = binder_clinic(request)
    shown = protocol_of(clinic).get(card.item)
    context = {
        "card": card,
        "picture": live_picture(card.slug),
        "protocol": shown,
        "blanks": blanks(shown),
        **_paper(request, clinic),
    }
    return render(request, "training/binder_card.html", context)


def live_picture(code: str) -> Picture | None:
    """The picture of this code that a live module version shows."""
    places = [version.pk for version in live_versions()]
    rows = Picture.objects.filter(code=code, sectionversion__places__module_version__in=places)
    return rows.order_by("-pk").first()


def blanks(shown: ProtocolShown | None) -> list[str]:
    """Lines to fill in by hand; none where the clinic has signed words of its own, which say it."""
    return [] if shown is None or shown.differs else shown.item.blanks.splitlines()
