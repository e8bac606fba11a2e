"""The item editor: an item's fields, what the rules of item writing say of them, a preview, and then a proposal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from quizzes import importing, kinds, lint, suggesting, writing
from quizzes.files import NEEDED, ItemFile, read_item
from quizzes.importing import Bank, Held, bank_of
from quizzes.models import Question
from quizzes.suggesting import Statement, Suggestion
from quizzes.views.bank import as_item, sees_keys
from quizzes.views.items import Asked, ask, pictures_for
from staff.access import Permission, StaffRequest, require_permission
from training.models import Module
from training.queries import all_words, live_version


@dataclass(frozen=True)
class Checked:
    """What is to be said of an item as it was written. `errors` keep it from being proposed."""

    item: ItemFile | None
    errors: tuple[str, ...] = ()
    hints: tuple[lint.Finding, ...] = ()
    bank: tuple[lint.Finding, ...] = ()
    asked: Asked | None = None
    told: kinds.Told | None = None


@dataclass
class Page:
    """The editor's page: which item, its fields, and where it began."""

    bank: Bank
    kind: kinds.Kind
    row: dict[str, Any]
    held: Held | None = None
    checked: Checked | None = None
    conflict: str = ""
    groups: list[writing.Group] = field(default_factory=list)

    @property
    def began(self) -> str:
        """The version it starts from; another one meanwhile is a conflict."""
        return self.held.version.sha256 if self.held else ""


def writer(view: Any) -> Any:
    return sees_keys(require_permission(Permission.WRITE_ITEMS)(view))


@require_http_methods(["GET", "HEAD", "POST"])
@writer
def item_new(request: StaffRequest, slug: str) -> HttpResponse:
    """A kind and a key point are chosen first; or a draft made from the material."""
    module = get_object_or_404(Module, slug=slug)
    bank = bank_of(module)
    asked = request.GET  # which a form that is sent keeps in its address
    kind, point = kinds.KINDS.get(asked.get("kind", "")), asked.get("point", "")
    if kind is None or point not in bank.points:
        return render(request, "quizzes/item_new.html", _choices(module, bank))
    which = asked.get("bank", "")
    which = which if which in importing.BANKS else "certifying"
    row = {"code": bank.next_code(point, which), "bank": which, "kind": kind.code, "level": "apply", "points": [point]}
    page = Page(bank, kind, {**row, "depends": [], "stem": ""})
    number = asked.get("draft", "")
    drafts = _drafts(bank, point) if number.isdecimal() else []
    if number.isdecimal() and int(number) < len(drafts) and drafts[int(number)].row["kind"] == kind.code:
        draft = drafts[int(number)]
        page.row |= draft.row
        page.row["source"] = draft.span.plain()
    return _edit(request, module, page)


@require_http_methods(["GET", "HEAD", "POST"])
@writer
def item_edit(request: StaffRequest, slug: str, code: str) -> HttpResponse:
    module = get_object_or_404(Module, slug=slug)
    bank = bank_of(module)
    held = bank.held.get(code)
    if held is None:
        raise Http404("no such item in this module's bank")
    row = importing.row_of(held.version, held.points, held.depends)
    page = Page(bank, kinds.of(held.question.kind), row, held)
    return _edit(request, module, page)


@require_safe
@writer
def item_drafts(request: StaffRequest, slug: str, point: str) -> HttpResponse:
    """What can be made from a key point's own words."""
    module = get_object_or_404(Module, slug=slug)
    bank = bank_of(module)
    if point not in bank.points:
        raise Http404("no such key point in the live module")
    rows = [(n, draft, kinds.of(draft.row["kind"])) for n, draft in enumerate(_drafts(bank, point))]
    shown = [
        (n, draft, kind, preview(item, f"d{n}"))
        for n, draft, kind in rows
        if (item := _item({**draft.row, "code": bank.next_code(point, "certifying"), "bank": "certifying"}, bank))
    ]
    context = {
        "module": module,
        "version": live_version(module),
        "point": bank.points[point],
        "drafts": shown,
        "kinds": writing.KINDS,
    }
    return render(request, "quizzes/item_drafts.html", context)


def _item(row: Mapping[str, Any], bank: Bank) -> ItemFile | None:
    wrong: list[str] = []
    item = read_item(row, bank.ground(row["points"][0]), wrong.append)
    return None if wrong else item


def _drafts(bank: Bank, point: str) -> list[Suggestion]:
    statements = {
        code: Statement(code, row.text, row.critical, row.section_version.section.slug)
        for code, row in bank.points.items()
    }
    others = [statement for code, statement in statements.items() if code != point]
    return suggesting.suggest(statements[point], others, bank.points[point].section_version.text, all_words())


def _choices(module: Module, bank: Bank) -> dict[str, Any]:
    counts = {code: sum(code in held.points for held in bank.held.values()) for code in bank.points}
    points = [(code, row, counts[code]) for code, row in sorted(bank.points.items())]
    return {"module": module, "version": live_version(module), "points": points, "kinds": writing.KINDS}


def _edit(request: StaffRequest, module: Module, page: Page) -> HttpResponse:
    if request.method == "POST" and "stem" in request.POST:
        page.row |= _common(request, page) | writing.row_in(page.kind.code, request.POST)
        page.checked = check(page.row, page.bank)
        if request.POST.get("act") == "propose" and page.checked.item:
            if request.POST.get("began", "") == page.began:
                return _propose(request, module, page)
            page.conflict = (
                "Somebody proposed another wording of this item while you wrote. "
                "Theirs stands in the bank, yours below."
            )
    elif page.row["stem"]:
        page.checked = check(page.row, page.bank)
    page.groups = writing.groups(page.kind.code, page.row, sorted(_pictures(page.bank)))
    context = {
        "module": module,
        "version": live_version(module),
        "page": page,
        "points": sorted(page.bank.points.items()),
        "levels": writing.LEVEL_CHOICES,
        "banks": Question.Bank.choices,
    }
    template = "quizzes/_item_checked.html" if getattr(request, "htmx", False) else "quizzes/item_edit.html"
    return render(request, template, context)


def _pictures(bank: Bank) -> list[str]:
    return list(next(iter(bank.grounds.values())).drawings)


def _common(request: StaffRequest, page: Page) -> dict[str, Any]:
    """The fields of every item. What the item is called, its bank and its kind stay."""
    points = request.POST.getlist("points") or page.row["points"]
    depends = request.POST.get("depends", "").replace(",", " ").split()
    return {
        "stem": " ".join(request.POST["stem"].split()),
        "level": request.POST.get("level", page.row["level"]),
        "points": [*dict.fromkeys([page.row["points"][0], *points])],
        "depends": depends,
    }


def check(row: Mapping[str, Any], bank: Bank) -> Checked:
    errors: list[str] = []
    lacking = [name for name in NEEDED if row.get(name) in (None, "", [])]
    if lacking:
        return Checked(None, (f"It lacks its {' and '.join(lacking)}.",))
    unknown = [code for code in row["points"] if code not in bank.points]
    if unknown:
        return Checked(None, (f"{', '.join(unknown)} is no key point of the live module.",))
    item = read_item(row, bank.ground(row["points"][0]), errors.append)
    if item is None:
        return Checked(None, tuple(map(_sentence, errors)))
    stems = {held.question.code: held.version.content["stem"] for held in bank.held.values()}
    found = [*lint.of_item(item), *lint.alike(item, stems)]
    said = {_sentence(error) for error in errors}
    said |= {one.sentence for one in found if one.error and one.code not in ("negative", "catch-all")}
    hints = tuple(one for one in found if not one.error)
    told = kinds.of(item.kind).told_right(item.body)
    others = [as_item(held.version) for code, held in bank.live.items() if code != item.code]
    together = tuple(lint.of_bank([*others, item])) if item.bank == "certifying" else ()
    return Checked(None if said else item, tuple(sorted(said)), hints, together, preview(item, "w"), told)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def preview(item: ItemFile, called: str) -> Asked:
    """As it would be asked, by the bank's own names."""
    shown = kinds.of(item.kind).by_name(item.content)
    return ask(item.body, item.kind, shown, "", pictures_for([item.body]), called)


def _propose(request: StaffRequest, module: Module, page: Page) -> HttpResponse:
    assert page.checked
    assert page.checked.item
    item = page.checked.item
    section = page.bank.points[item.points[0]].section_version.section
    row = importing.propose_item(item, section, by=request.user)
    messages.success(request, f"{row} waits for a second person. Until then nobody is asked it.")
    return redirect("quizzes:bank-item", slug=module.slug, code=item.code)
