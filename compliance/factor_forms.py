from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from certificates.forms import SigningForm
from compliance.forms import DATE, Plain, offer_clinics
from staff import clock, factors
from staff.models import Clinic

GRACE_DAYS = 14


class FactorRuleForm(Plain, forms.Form):
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), to_field_name="public_id", empty_label=None)
    of_physicians = forms.BooleanField(label="Of physicians", required=False)
    of_managers = forms.BooleanField(
        label="Of managers", required=False, help_text="You are one: set up your own first"
    )
    holds_on = forms.DateField(
        label="From",
        widget=forms.DateInput(attrs=DATE),
        help_text="Whoever has none is told by mail and on the home page; from then on one has to be set up first",
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)
        if clinics:
            self._begin_with(clinics[0])

    def _begin_with(self, clinic: Clinic) -> None:
        """What holds now, so that sending the page as it is takes nothing back; else two weeks ahead."""
        self.fields["holds_on"].initial = clock.today(clinic.zone) + timedelta(days=GRACE_DAYS)
        rule = factors.rule_of(clinic)
        if rule is None or not rule.whom:
            return
        self.fields["of_physicians"].initial = rule.of_physicians
        self.fields["of_managers"].initial = rule.of_managers
        day = rule.holds_at.astimezone(ZoneInfo(clinic.zone)).date()
        self.fields["holds_on"].initial = max(day, clock.today(clinic.zone))

    def clean_holds_on(self) -> date:
        day: date = self.cleaned_data["holds_on"]
        clinic: Clinic | None = self.cleaned_data.get("clinic")
        if clinic and day < clock.today(clinic.zone):
            raise forms.ValidationError("That day has passed. Choose today or a later one.")
        return day


class ResetForm(Plain, SigningForm):
    reason = forms.CharField(
        label="Reason",
        max_length=300,
        help_text="Such as: phone lost, spoke with her in person. Kept on record, and read by whoever reads the trail",
    )
