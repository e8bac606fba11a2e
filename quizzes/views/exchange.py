"""Items in and out on the site: a file, a verdict on each item, and only then proposals."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from quizzes import exporting, importing, material
from quizzes.exchange import ENDINGS, FORMATS, MEDIA_TYPES, NAMES, Unreadable, guess, text_of, zipped
from quizzes.importing import Refused
from quizzes.views.bank import sees_keys
from staff import canonical
from staff.access import Permission, StaffRequest, require_permission
from staff.templatetags.look import plural
from training.models import Module
from training.queries import live_version

MOST_ON_SITE = 1_000_000


class ImportForm(forms.Form):
    file = forms.FileField(
        label="File",
        help_text="GIFT, Moodle XML, a YAML file of ours, or a module's folder as a ZIP. Nothing is changed yet.",
    )
    point = forms.ChoiceField(
        label="Key point of items that name none", required=False, help_text="Else such items cannot be taken."
    )

    def __init__(self, *args: Any, points: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["point"].choices = [("", "None"), *points]  # type: ignore[attr-defined]
        self.fields["file"].widget.attrs |= {"class": "form-control", "accept": ".txt,.gift,.xml,.yaml,.yml,.zip"}
        self.fields["point"].widget.attrs["class"] = "form-select"

    def clean_file(self) -> tuple[str, str]:
        """The text, and the format it is in."""
        file = self.cleaned_data["file"]
        if file.size > zipped.MOST_BYTES:
            raise forms.ValidationError(f"The file has more than {zipped.MOST_BYTES // 1_000_000} MB.")
        data = file.read()
        try:
            text = zipped.items_of(data) if data[:4] == b"PK\x03\x04" else text_of(data)
        except Unreadable as why:
            raise forms.ValidationError(str(why)) from None
        if len(text) > MOST_ON_SITE:
            raise forms.ValidationError(
                f"The file has more than {MOST_ON_SITE // 1_000_000} MB of text. Larger ones are taken by "
                "manage.py import_questions."
            )
        return text, guess(text)


@require_http_methods(["GET", "HEAD", "POST"])
@sees_keys
@require_permission(Permission.WRITE_ITEMS)
def bank_import(request: StaffRequest, slug: str) -> HttpResponse:
    module = get_object_or_404(Module, slug=slug)
    if "text" in request.POST:
        return _import(request, module)
    points = [(code, f"{code}: {row.text[:70]}") for code, row in sorted(importing.bank_of(module).points.items())]
    form = ImportForm(request.POST or None, request.FILES or None, points=points)
    context: dict[str, Any] = {"module": module, "version": live_version(module), "form": form}
    if form.is_valid():
        text, kind = form.cleaned_data["file"]
        point = form.cleaned_data["point"]
        try:
            verdicts = importing.plan(module, FORMATS[kind].read(text), point=point)
        except Unreadable as why:
            form.add_error("file", str(why))
        else:
            context |= {
                "verdicts": verdicts,
                "counts": importing.counts(verdicts),
                "text": text,
                "kind": kind,
                "kind_name": NAMES[kind],
                "point": point,
                "shown": _hash(verdicts),
            }
    return render(request, "quizzes/bank_import.html", context)


def _hash(verdicts: list[importing.Verdict]) -> str:
    return canonical.sha256_of([one.plain() for one in verdicts])


def _import(request: StaffRequest, module: Module) -> HttpResponse:
    """After the verdicts were seen: the same file once more, refused if the bank has changed what would become of it."""
    again = redirect("quizzes:bank-import", slug=module.slug)
    kind = request.POST.get("kind", "")
    if kind not in FORMATS:
        raise Http404("no such format")
    try:
        verdicts = importing.plan(module, FORMATS[kind].read(request.POST["text"]), point=request.POST.get("point", ""))
        if _hash(verdicts) != request.POST.get("shown"):
            messages.error(
                request, "The bank has changed since you saw the verdicts, so nothing was imported. Look again."
            )
            return again
        count = importing.propose(module, verdicts, by=request.user, skip=request.POST.get("skip") == "yes")
    except (Unreadable, Refused) as why:
        messages.error(request, str(why))
        return again
    messages.success(request, f"{plural(count, 'item waits,items wait')} for a second person.")
    return redirect("quizzes:bank-module", slug=module.slug)


@require_safe
@sees_keys
def bank_export(request: StaffRequest, slug: str, form: str) -> HttpResponse:
    module = get_object_or_404(Module, slug=slug)
    if form == "zip":
        return _zip(request, module)
    if form not in FORMATS:
        raise Http404("no such format")
    text, _ = importing.export(module, form)
    response = HttpResponse(text, content_type=MEDIA_TYPES[form])
    response["Content-Disposition"] = f'attachment; filename="{module.slug}-items.{ENDINGS[form]}"'
    return response


def _zip(request: StaffRequest, module: Module) -> HttpResponse:
    """The module's folder as it stands on the site."""
    try:
        files = exporting.export(module, exporting.base_of(module, material.SHIPPED)).files
    except exporting.NotExported as why:
        messages.error(request, str(why))
        return redirect("quizzes:bank-module", slug=module.slug)
    response = HttpResponse(zipped.packed(files), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{module.slug}.zip"'
    return response
