"""Every part of the look on one page, for authors and for who changes the site."""

from datetime import date

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from staff import clock
from staff.access import Permission, StaffRequest, memberships, require_permission
from staff.templatetags.look import STATES

# What static/pinpoint.css defines in :root; static/styleguide.css has a swatch for each.
TOKENS: dict[str, str] = {
    "paper": "page",
    "surface": "panels, fields",
    "sunk": "hover, quiet ground",
    "ink": "text",
    "ink-2": "secondary text, never lighter",
    "line": "rules",
    "edge": "borders of controls, 3 : 1",
    "action": "links, primary button",
    "action-2": "hover",
    "wash": "chosen",
    "deep": "the next step's panel",
    "point": "safety-critical, the dot in the mark",
    "focus": "outline, 3 px",
    "stop": "not current, wrong, failed",
    "stop-fill": "overdue, revoked: the only filled states",
    "care": "act before the date",
    "good": "in order",
    "info": "under way, official guidance",
    "calm": "nothing asked",
}


class SampleForm(forms.Form):
    """One field of each kind; bound, two of them are wrong."""

    name = forms.CharField(label="Name", help_text="As it should stand on certificates")
    due_on = forms.DateField(
        label="Due on", help_text="At least 14 days from today", widget=forms.DateInput(attrs={"type": "date"})
    )
    programme = forms.ChoiceField(
        label="Programme", choices=[("mm", "Mechanical microneedling"), ("ic", "Infection control")]
    )
    language = forms.ChoiceField(label="Paper", choices=[("a4", "A4"), ("letter", "Letter")], widget=forms.RadioSelect)
    waived = forms.MultipleChoiceField(
        label="Waive",
        help_text="Each needs a reason below",
        required=False,
        choices=[("st", "Sterilisation"), ("pr", "Practical sign-off")],
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(label="Reason", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    told = forms.BooleanField(label="The person has been told")

    def clean_due_on(self) -> date:
        raise forms.ValidationError("3\u00a0May 2026 is past. Choose a day at least 14 days from today.")

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if self.cleaned_data.get("waived") and not reason:
            raise forms.ValidationError("Write why the practical need not be done; an inspector reads it.")
        return reason


SAMPLE = {
    "name": "Carla Ferreira",
    "due_on": "2026-05-03",
    "programme": "mm",
    "language": "a4",
    "waived": ["pr"],
    "told": "on",
}


@require_safe
@require_permission(Permission.SEE_STYLEGUIDE)
def styleguide(request: StaffRequest) -> HttpResponse:
    held = memberships(request.user)
    return render(
        request,
        "styleguide.html",
        {
            "tokens": TOKENS,
            "states": list(STATES),
            "form": SampleForm(SAMPLE),
            "page_obj": Paginator(range(180), 25).get_page(request.GET.get("page", 2)),
            "signer": request.user,
            "sample_clinic": held[0].clinic if held else "Lakeside Skin Clinic",
            "opened_at": clock.now(),
        },
    )
