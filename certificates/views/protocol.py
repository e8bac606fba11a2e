"""The physician's decisions for her clinic: one protocol item, all cautious defaults, the state's rule."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from certificates.protocol_forms import SPARE_ROWS, DecideForm, DefaultsForm, RuleForm
from certificates.signing_views import sign_with, signing_page
from certificates.views.adoption import physician_clinic
from quizzes.models import QuestionVersion
from staff import canonical, signing
from staff.access import Permission, StaffRequest, require_permission
from staff.models import Clinic, Licence
from staff.templatetags.look import plural
from training import protocol
from training.models import ProtocolItem, ProtocolValue, StateRule
from training.queries import ProtocolShown, protocol_of


def _back(clinic: Clinic) -> str:
    return f"{reverse('certificates:protocol')}?clinic={clinic.public_id}"


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def protocol_decide(request: StaffRequest, code: str) -> HttpResponse:
    clinic = physician_clinic(request)
    item = get_object_or_404(ProtocolItem, code=code)
    form = DecideForm(request.POST or None, item=item)
    signed, error = sign_with(
        request,
        form,
        lambda seen: protocol.decide(
            clinic=clinic,
            item=item,
            text=form.cleaned_data["text"],
            is_default=form.cleaned_data["choice"] == "default",
            reread=form.cleaned_data["reread"],
            seen=seen,
            by=request.user,
        ),
    )
    if signed:
        messages.success(request, f"Signed. {item.title} is decided for {clinic}.")
        return redirect(_back(clinic))
    sections = protocol.sections_showing(item)
    shown = protocol_of(clinic)[item.code]
    context: dict[str, Any] = {
        "item": item,
        "shown": shown,
        "protocol_clinic": clinic,
        "form": form,
        "meanings": {"default": signing.MEANINGS["protocol-default"], "own": signing.MEANINGS["protocol"]},
        "sections": sections,
        "readers": protocol.readers_of(sections, clinic),
        "dependent": QuestionVersion.objects.filter(depends_on=item, state="live").count(),
        "table": _table(form, shown),
        "history": list(
            ProtocolValue.objects.filter(clinic=clinic, item=item).select_related("signature").order_by("-number")
        ),
    }
    return signing_page(
        request,
        "certificates/protocol_decide.html",
        context,
        clinic=clinic,
        sha256=protocol.before_sha256(clinic, item),
        error=error,
    )


def _table(form: DecideForm, shown: ProtocolShown) -> list[list[tuple[str, str, str]]]:
    """Rows to fill, each cell as its name, its label and what stands in it; some rows are spare."""
    if not shown.columns or shown.item.kind != "table":
        return []
    filled = form.rows() if form.is_bound else shown.rows
    rows = [*filled, *([""] * len(shown.columns) for _ in range(SPARE_ROWS))]
    return [
        [
            (f"cell-{number}-{place}", f"{shown.columns[place].capitalize()}, row {number + 1}", cell)
            for place, cell in enumerate(row)
        ]
        for number, row in enumerate(rows)
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def protocol_defaults(request: StaffRequest) -> HttpResponse:
    """All cautious defaults under one signature; single ones can be changed afterwards."""
    clinic = physician_clinic(request)
    items = protocol.undecided(clinic)
    form = DefaultsForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: protocol.take_all_defaults(clinic=clinic, seen=seen, by=request.user),
        unfilled="Tick that you have read them, and type your password.",
    )
    if signed:
        messages.success(request, f"Signed. {plural(len(items), 'default is,defaults are')} {clinic}'s protocol now.")
        return redirect(_back(clinic))
    context: dict[str, Any] = {"items": items, "protocol_clinic": clinic, "form": form}
    return signing_page(
        request,
        "certificates/protocol_defaults.html",
        context,
        clinic=clinic,
        sha256=canonical.sha256(protocol.defaults_record(clinic, items)),
        meaning=signing.MEANINGS["protocol-defaults"],
        error=error,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@require_permission(Permission.ADOPT_MODULES)
def state_rule(request: StaffRequest) -> HttpResponse:
    """Which licence types may perform here, under which rule: before that no programme certificate is issued."""
    clinic = physician_clinic(request)
    before = protocol.state_rule(clinic)
    form = RuleForm(request.POST or None)
    signed, error = sign_with(
        request,
        form,
        lambda seen: protocol.sign_state_rule(
            clinic=clinic, rule=form.cleaned_data["rule"], licence_types=form.types(), seen=seen, by=request.user
        ),
    )
    if signed:
        messages.success(request, f"Signed. The rule of {clinic} holds from now on.")
        return redirect(_back(clinic))
    here = Licence.objects.filter(person__membership__clinic=clinic, person__membership__ended_at=None)
    context: dict[str, Any] = {
        "before": before,
        "protocol_clinic": clinic,
        "form": form,
        "rule_text": form.data.get("rule", before.rule if before else ""),
        "types_text": form.data.get("licence_types", "\n".join(before.types) if before else ""),
        "known_types": sorted(set(here.values_list("type", flat=True))),
        "history": list(StateRule.objects.filter(clinic=clinic).select_related("signature").order_by("-number")),
    }
    return signing_page(
        request,
        "certificates/state_rule.html",
        context,
        clinic=clinic,
        sha256=protocol.rule_before_sha256(clinic),
        meaning=signing.MEANINGS["state-rule"],
        error=error,
    )
