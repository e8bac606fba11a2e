from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from staff import clock
from staff.access import LEARNING_ROLES, Permission, StaffRequest, memberships, require_permission, roles
from staff.models import Clinic
from training import actions, search
from training.models import KeyPointVersion, Module, Picture
from training.queries import (
    all_words,
    explained,
    live_versions,
    shown,
    standing_adoption,
    terms_with_sources,
    words_used,
)
from training.reading import progress, progress_of


def reading_clinic(request: HttpRequest) -> Clinic | None:
    """The clinic whose protocol the reader sees."""
    held = memberships(request.user)  # type: ignore[arg-type]
    return held[0].clinic if held else None


def learns(request: StaffRequest) -> bool:
    return bool(roles(request.user) & set(LEARNING_ROLES))


@require_safe
@require_permission(Permission.READ_MODULES)
def module_list(request: StaffRequest) -> HttpResponse:
    rows = progress_of(request.user, live_versions())
    return render(request, "training/module_list.html", {"rows": rows, "learns": learns(request)})


@require_safe
@require_permission(Permission.READ_MODULES)
def module_detail(request: StaffRequest, slug: str) -> HttpResponse:
    module = get_object_or_404(Module, slug=slug)
    reading = progress(request.user, module)
    clinic = reading_clinic(request)
    adoption = standing_adoption(clinic, reading.version) if clinic else None
    context = {"reading": reading, "adoption": adoption, "learns": learns(request), "stopped": _stopped(reading)}
    return render(request, "training/module_detail.html", context)


def _stopped(reading: object) -> object:
    """The section opened last and not confirmed: where the reader stopped."""
    steps = [step for step in reading.steps if step.opened and not step.read_at]  # type: ignore[attr-defined]
    return steps[-1] if steps else None


@require_safe
@require_permission(Permission.READ_MODULES)
def module_print(request: StaffRequest, slug: str) -> HttpResponse:
    """The whole module on paper, with its sources."""
    reading = progress(request.user, get_object_or_404(Module, slug=slug))
    clinic = reading_clinic(request)
    sections = [(step, shown(step.version, clinic)) for step in reading.steps]
    words = words_used([block for _, blocks in sections for block in blocks], all_words())
    context = {
        "reading": reading,
        "sections": sections,
        "words": words,
        "binder_clinic": clinic,
        "printed_at": clock.now(),
        "address": f"{settings.SITE_URL}{request.path}",
    }
    return render(request, "training/module_print.html", context)


@require_safe
@require_permission(Permission.READ_MODULES)
def module_points(request: StaffRequest, slug: str) -> HttpResponse:
    """One page with the module's safety-critical points."""
    reading = progress(request.user, get_object_or_404(Module, slug=slug))
    points = (
        KeyPointVersion.objects.filter(section_version__places__module_version=reading.version, critical=True)
        .select_related("key_point", "section_version__section")
        .order_by("section_version__places__position", "position")
    )
    return render(request, "training/module_points.html", {"reading": reading, "points": points})


@require_safe
@require_permission(Permission.READ_MODULES)
def section_detail(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    reading = progress(request.user, get_object_or_404(Module, slug=slug))
    step = reading.step(section)
    clinic = reading_clinic(request)
    if not step.opened:
        actions.open_section(person=request.user, version=step.version)
    blocks = shown(step.version, clinic)
    words = words_used(blocks, all_words())
    sources = {chip.code: chip for block in blocks for chip in block.sources}
    context = {
        "reading": reading,
        "step": step,
        "before": reading.before(step),
        "after": reading.after(step),
        "blocks": explained(blocks, words),
        "words": words,
        "sources": sorted(sources.values(), key=lambda chip: chip.code),
        "learns": learns(request),
    }
    return render(request, "training/section_detail.html", context)


@require_POST
@require_permission(Permission.TAKE_QUIZZES)
def section_confirm(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """ "I have read this": kept with the version that was on the page; an older one is shown again first."""
    reading = progress(request.user, get_object_or_404(Module, slug=slug))
    step = reading.step(section)
    if request.POST.get("version") != str(step.version.number):
        messages.warning(
            request, "This section changed while you were reading. Here is the new text; confirm it at the end."
        )
        return redirect("training:section-detail", slug=slug, section=section)
    actions.confirm_reading(person=request.user, version=step.version)
    after = reading.after(step)
    if after:
        return redirect("training:section-detail", slug=slug, section=after.slug)
    return redirect("training:module-detail", slug=slug)


@require_POST
@require_permission(Permission.READ_MODULES)
def section_place(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """The anchor in view, so that the next visit begins there."""
    step = progress(request.user, get_object_or_404(Module, slug=slug)).step(section)
    actions.keep_place(person=request.user, version=step.version, place=request.POST.get("place", ""))
    return HttpResponse(status=204)


@require_safe
@require_permission(Permission.READ_MODULES)
def search_page(request: StaffRequest) -> HttpResponse:
    """Modules, sections, key points and the text between them."""
    return render(request, "training/search.html", {"found": search.find(request.GET.get("q", ""))})


@require_safe
@require_permission(Permission.READ_MODULES)
def glossary_page(request: StaffRequest) -> HttpResponse:
    return render(request, "training/glossary.html", {"terms": terms_with_sources()})


@require_safe
@require_permission(Permission.READ_MODULES)
def picture(request: StaffRequest, sha256: str) -> HttpResponse:
    """An uploaded picture under its hash: the bytes that were drawn anew, and no other file that is stored."""
    row = get_object_or_404(Picture.objects.select_related("file"), sha256=sha256, file__isnull=False)
    assert row.file is not None
    response = HttpResponse(bytes(row.file.bytes), content_type=row.file.media_type)
    response["Content-Disposition"] = "inline"
    return response
