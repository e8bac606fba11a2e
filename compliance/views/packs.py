"""Inspector's packs: ask for one, see how far it is, take it; and, for whoever is shown one, the keys and the checker."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from certificates.views.verify import public
from compliance.packs import building, dossier, work
from compliance.packs.forms import PackForm
from compliance.packs.keys import all_keys
from compliance.people import person_for
from compliance.selection import seen_clinics
from staff import canonical, clock
from staff.access import Permission, StaffRequest, require_permission

PAGE = 20


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.SEE_COMPLIANCE)
def pack_list(request: StaffRequest) -> HttpResponse:
    clinics = seen_clinics(request.user)
    if request.method == "POST" and request.POST.get("clinic") not in {clinic.public_id for clinic in clinics}:
        raise Http404("no such clinic")
    form = PackForm(request.POST or None, clinics=clinics)
    if form.is_valid():
        pack = work.ask(by=request.user, **form.cleaned_data)
        return redirect("compliance:pack-detail", pack.public_id)
    page = Paginator(work.visible_to(request.user), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "compliance/pack_list.html",
        {"form": form, "page_obj": page, "several": len(clinics) > 1, "kept_days": work.KEPT_DAYS},
    )


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def pack_detail(request: StaffRequest, public_id: str) -> HttpResponse:
    """Asks again by itself while it is made, where there is JavaScript."""
    pack = get_object_or_404(work.visible_to(request.user), public_id=public_id)
    context = {"pack": pack, "keeps": work.kept_until(pack), "kept_days": work.KEPT_DAYS, "site": settings.SITE_URL}
    part = request.headers.get("HX-Request") == "true"
    return render(request, f"compliance/{'_pack_state' if part else 'pack_detail'}.html", context)


@require_safe
@require_permission(Permission.SEE_COMPLIANCE)
def pack_file(request: StaffRequest, public_id: str) -> HttpResponse:
    pack = get_object_or_404(work.visible_to(request.user), public_id=public_id)
    if pack.state != "ready":
        raise Http404("the pack is not there")
    response = StreamingHttpResponse(work.stream(pack), content_type="application/zip")
    response["Content-Length"] = str(pack.size)
    response["Content-Disposition"] = f'attachment; filename="{building.file_stem(work.scope_of(pack))}.zip"'
    return response  # type: ignore[return-value]


@require_safe
@require_permission(Permission.READ_MODULES)
def person_dossier(request: StaffRequest, public_id: str) -> HttpResponse:
    """Hers for herself; for her managers and physicians what belongs to their clinics."""
    found = dossier.dossier_of(person_for(request.user, public_id), viewer=request.user)
    return render(
        request, "compliance/dossier.html", {"dossier": found, "person": found.person, "own": found.scope.own}
    )


@require_safe
@require_permission(Permission.READ_MODULES)
def dossier_file(request: StaffRequest, public_id: str, format: str) -> HttpResponse:
    """As a PDF or as a ZIP with everything beneath it. That somebody else took it goes into the audit trail."""
    makers = {"pdf": (dossier.pdf, "application/pdf"), "zip": (dossier.zipped, "application/zip")}
    if format not in makers:
        raise Http404("a dossier comes as pdf or zip")
    found = dossier.dossier_of(person_for(request.user, public_id), viewer=request.user)
    make, media_type = makers[format]
    data = make(found, making=building.Making(at=clock.now(), by=request.user.full_name))
    if not found.scope.own:
        dossier.taken(found, format=format, by=request.user)
    response = HttpResponse(data, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{found.stem}.{format}"'
    return response


@login_not_required
@require_safe
def pack_keys(request: HttpRequest) -> HttpResponse:
    """What an inspector compares with."""
    checker = canonical.sha256(building.CHECKER.read_bytes())
    return public(render(request, "compliance/pack_keys.html", {"keys": all_keys(), "checker_sha256": checker}))


@login_not_required
@require_safe
def pack_checker(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(building.CHECKER.read_bytes(), content_type="text/x-python; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="check_pack.py"'
    return public(response)
