"""Writing a section on the site: the editor with its checks, the impact of publishing, and the register to cite from."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compliance import publishing
from compliance.forms import PictureForm
from compliance.models import Task
from quizzes import approving
from staff.access import Permission, StaffRequest, require_permission
from staff.templatetags.look import moment, plural
from training import comparing, drafting, pictures, points
from training.models import (
    Draft,
    Fact,
    Module,
    ModuleVersion,
    ModuleVersionSection,
    Picture,
    Position,
    Section,
    SectionVersion,
)
from training.queries import all_words, live_versions, previewed, words_used
from training.views import reading_clinic

FOUND = 30
LONGEST_NUMBER = 10
MOST_LETTERS = 500


@dataclass(frozen=True)
class Line:
    """A section in the list: what is live, and the draft over it."""

    number: int
    version: SectionVersion
    draft: Draft | None


@require_safe
@require_permission(Permission.WRITE_MATERIAL)
def section_list(request: StaffRequest) -> HttpResponse:
    drafts = {
        draft.section_id: draft for draft in Draft.objects.filter(closed_at=None).select_related("saved_by", "base")
    }
    versions = live_versions()
    lines: dict[int, list[Line]] = {version.pk: [] for version in versions}
    rows = ModuleVersionSection.objects.filter(module_version__in=versions).select_related("section_version__section")
    for place in rows.order_by("position"):
        draft = drafts.get(place.section_version.section_id)
        lines[place.module_version_id].append(Line(place.position, place.section_version, draft))
    modules = [(version, lines[version.pk]) for version in versions]
    waiting = approving.queue()
    context = {
        "modules": modules,
        "waiting": len(waiting),
        "mine": sum(one.may(request.user) for one in waiting),
    }
    return render(request, "authoring/section_list.html", context)


def _section(slug: str, section: str) -> tuple[Section, SectionVersion]:
    found = get_object_or_404(Section.objects.select_related("module"), module__slug=slug, slug=section)
    live = drafting.live_section(found)
    if live is None:
        raise Http404("the live version has no such section")
    return found, live


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.WRITE_MATERIAL)
def section_edit(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """The text in two fields. Every button of the page sends them; what each does is `do`."""
    found, live = _section(slug, section)
    draft = drafting.open_draft(found)
    before = draft.text if draft else live.text
    if request.method != "POST":
        return _editor(request, found, live, draft, before, draft.revision if draft else 0)
    source = _typed(request, before)
    revision = _number(request.POST.get("revision"))
    do, *words = request.POST.get("do", "save").split() or ["save"]
    if do == "preview":
        return _editor(request, found, live, draft, source, revision)
    try:
        source, said = _rearranged(request, found, source, do, *words)
    except points.NotPossible as refusal:
        return _editor(request, found, live, draft, source, revision, refusal=str(refusal))
    if not revision and source == live.text:
        messages.info(request, "Nothing differs from what is published, so there is nothing to keep.")
        return redirect("compliance:section-edit", slug, section)
    try:
        draft = drafting.save(section=found, source=source, revision=revision, by=request.user)
    except drafting.Conflict as conflict:
        return _editor(request, found, live, conflict.draft, source, 0, conflict=True)
    if do == "publish":
        return redirect("compliance:section-publish", slug, section)
    messages.success(request, said or f"Saved as a draft, {moment(draft.saved_at)}. Readers see nothing of it yet.")
    return redirect("compliance:section-edit", slug, section)


def _typed(request: StaffRequest, before: str) -> str:
    return drafting.source_of(request.POST.get("title", ""), request.POST.get("body", ""), before)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < LONGEST_NUMBER else 0


def _said(request: StaffRequest, name: str) -> str:
    """One line that was typed, without what no database holds."""
    return " ".join(request.POST.get(name, "").replace("\x00", "").split())[:MOST_LETTERS]


def _rearranged(
    request: StaffRequest, section: Section, source: str, do: str, code: str = "", sentence: str = ""
) -> tuple[str, str]:
    """The text after a button of the key points was pressed, and what it did in words."""
    if do == "add":
        new = drafting.next_code(section.module, source)
        return points.add(source, new, code), f"{new} is added. Write what it says and what it rests on."
    if do == "split":
        new = drafting.next_code(section.module, source)
        return points.split(source, code, new, _number(sentence)), f"{code} is split: its second part is {new} now."
    if do == "merge":
        other = request.POST.get(f"merge-{code}", "")
        said = f"{code} says what {other} said too; {other} retires when this is published."
        return points.merge(source, code, other), said
    if do == "retire":
        return points.retire(source, code), f"{code} is out of the draft. When this is published it retires for good."
    return source, ""


def _editor(
    request: StaffRequest,
    section: Section,
    live: SectionVersion,
    draft: Draft | None,
    source: str,
    revision: int,
    *,
    conflict: bool = False,
    refusal: str = "",
) -> HttpResponse:
    title, body = drafting.title_and_body(source)
    context: dict[str, Any] = {
        "section": section,
        "live": live,
        "draft": draft,
        "title": title,
        "body": body,
        "lines": max(18, min(40, body.count("\n") + 2)),
        "revision": draft.revision if conflict and draft else revision,
        "conflict": conflict,
        "refusal": refusal,
    }
    if conflict and draft:
        theirs, mine = drafting.read(section, draft.text), drafting.read(section, source)
        context["apart"] = comparing.changed(comparing.compare(theirs.blocks, mine.blocks))
        context["theirs"] = drafting.title_and_body(draft.text)[1]
    context |= _checked(request, section, live, source)
    return render(request, "authoring/section_edit.html", context, status=409 if conflict else 200)


def _checked(request: StaffRequest, section: Section, live: SectionVersion, source: str) -> dict[str, Any]:
    """What the page says about the text beside it: the same for the whole page and for the piece that htmx asks for."""
    checked = drafting.check(section, source)
    rows = comparing.compare(drafting.read(section, live.text).blocks, checked.file.blocks)
    pictures = drafting.pictures_of(section.module, None)
    blocks = previewed(checked.file.blocks, pictures, reading_clinic(request))
    sources = {chip.code: chip for block in blocks for chip in block.sources}
    return {
        "problems": checked.problems,
        "changed": comparing.changed(rows),
        "points": [(block, points.sentences(block.text)) for block in checked.file.points],
        "blocks": blocks,
        "sources": sorted(sources.values(), key=lambda chip: chip.code),
        "words": words_used(blocks, all_words()),
        "checked_title": checked.file.title,
    }


@require_POST
@require_permission(Permission.WRITE_MATERIAL)
def section_check(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """The preview, the checks and the difference while one writes. Nothing is stored."""
    found, live = _section(slug, section)
    context = _checked(request, found, live, _typed(request, live.text))
    return render(request, "authoring/_checked.html", context | {"part": True})


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.WRITE_MATERIAL)
def section_publish(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """Whom the draft touches, what each change asks of them, and publishing it."""
    found, live = _section(slug, section)
    draft = drafting.open_draft(found)
    if draft is None:
        messages.info(request, "There is no draft of this section to publish.")
        return redirect("compliance:section-edit", slug, section)
    sentences: list[str] = []
    if request.method == "POST":
        effects = {
            name.removeprefix("effect-"): value
            for name, value in request.POST.dict().items()
            if name.startswith("effect-")
        }
        try:
            made = publishing.publish(
                draft=draft,
                revision=_number(request.POST.get("revision")),
                note=_said(request, "note"),
                effects=effects,
                by=request.user,
            )
        except publishing.NotPublished as refusal:
            sentences = refusal.sentences
        except drafting.Conflict:
            messages.warning(request, "The draft was changed meanwhile, so nothing was published. Look at it again.")
            return redirect("compliance:section-publish", slug, section)
        else:
            messages.success(request, _published(made))
            return redirect("compliance:section-edit", slug, section)
    found_impact = publishing.impact(draft, publisher=request.user)
    context = {
        "section": found,
        "live": live,
        "draft": draft,
        "impact": found_impact,
        "changed": comparing.changed(found_impact.rows),
        "sentences": sentences,
        "note": request.POST.get("note", ""),
        "chosen": {
            change.name: request.POST.get(f"effect-{change.name}", change.cautious) for change in found_impact.changes
        },
    }
    return render(request, "authoring/section_publish.html", context, status=400 if sentences else 200)


def _published(made: ModuleVersion) -> str:
    tasks = Task.objects.filter(change__module_version=made).count()
    asked = f" {plural(tasks, 'task,tasks')} went to the people it touches." if tasks else ""
    return f"{made} is published.{asked} What waits for approval stands under Approvals."


@require_POST
@require_permission(Permission.WRITE_MATERIAL)
def section_settle(request: StaffRequest, slug: str, section: str) -> HttpResponse:
    """Discard the draft, or say that the difference to a newer live version was seen."""
    found, _ = _section(slug, section)
    draft = drafting.open_draft(found)
    try:
        if draft is None or draft.revision != _number(request.POST.get("revision")):
            raise drafting.Conflict(draft)
        if request.POST.get("do") == "take-live":
            drafting.take_live(draft=draft, by=request.user)
            messages.success(request, "The draft now stands over what is live.")
            return redirect("compliance:section-publish", slug, section)
        drafting.discard(draft=draft, revision=draft.revision, by=request.user)
        messages.success(request, "The draft is discarded. What is published stays as it is.")
    except drafting.Conflict:
        messages.warning(request, "The draft was changed meanwhile, so nothing was done. Look at it again.")
    return redirect("compliance:section-edit", slug, section)


@require_safe
@require_permission(Permission.WRITE_MATERIAL)
def register(request: StaffRequest) -> HttpResponse:
    """Facts and positions to cite, found by their words or their code."""
    q = request.GET.get("q", "").replace("\x00", "")[:100].strip()
    facts, positions = Fact.objects.none(), Position.objects.none()
    if q:
        narrow = Q()
        for word in q.split():
            narrow &= Q(code__istartswith=word) | Q(statement__icontains=word) | Q(source__title__icontains=word)
        facts = Fact.objects.filter(narrow).exclude(verified="no").exclude(kind="marketing").select_related("source")
        narrow = Q()
        for word in q.split():
            narrow &= Q(code__iexact=word) | Q(title__icontains=word) | Q(teach__icontains=word)
        positions = Position.objects.filter(narrow)
    context = {"q": q, "facts": list(facts[:FOUND]), "positions": list(positions[:FOUND]), "most": FOUND}
    part = bool(request.headers.get("HX-Request"))
    return render(request, "authoring/_register.html" if part else "authoring/register.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.WRITE_MATERIAL)
def picture_list(request: StaffRequest, slug: str) -> HttpResponse:
    """The module's pictures, and one more."""
    module = get_object_or_404(Module, slug=slug)
    form = PictureForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            row = pictures.add(
                module=module,
                code=data["code"],
                data=data["file"].read(pictures.MOST_BYTES + 1),
                title=data["title"],
                caption=data["caption"],
                words=data["words"],
                to_scale=data["to_scale"],
                cites=data["cites"],
                library=drafting.library(),
                by=request.user,
            )
        except pictures.Refused as refusal:
            form.add_error("file", str(refusal))
        else:
            messages.success(
                request, f"{row.title} is stored. Write “::: picture {row.code}” and “:::” where it is to stand."
            )
            return redirect("compliance:picture-list", slug)
    rows = Picture.objects.filter(module=module).defer("file__bytes").order_by("code", "pk")
    context = {"module": module, "form": form, "pictures": {row.code: row for row in rows}.values()}
    return render(request, "authoring/picture_list.html", context, status=400 if form.errors else 200)
