"""What is asked for: a clinic of the viewer's, and the days."""

from collections.abc import Sequence
from typing import Any

from django import forms

from compliance.forms import DATE, Plain
from staff import clock
from staff.models import Clinic


class PackForm(Plain, forms.Form):
    clinic = forms.ChoiceField(label="Clinic")
    from_on = forms.DateField(
        label="From",
        required=False,
        help_text="Empty: from the clinic's first day on this site",
        widget=forms.DateInput(attrs=DATE),
    )
    to_on = forms.DateField(
        label="To", help_text="Facts as they stood at the end of this day", widget=forms.DateInput(attrs=DATE)
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clinics = {clinic.public_id: clinic for clinic in clinics}
        self.fields["clinic"].choices = [(key, clinic.name) for key, clinic in self.clinics.items()]  # type: ignore[attr-defined]
        if len(clinics) == 1:
            self.fields["clinic"].widget = forms.HiddenInput()
            self.fields["clinic"].initial = clinics[0].public_id
        self.fields["to_on"].initial = clock.today(clinics[0].zone)

    def clean_clinic(self) -> Clinic:
        return self.clinics[self.cleaned_data["clinic"]]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last, clinic = cleaned.get("from_on"), cleaned.get("to_on"), cleaned.get("clinic")
        if last and clinic and last > clock.today(clinic.zone):
            self.add_error("to_on", "This day is still to come. Choose today or an earlier one.")
        if first and last and first > last:
            self.add_error("from_on", "This day is after the last one.")
        return cleaned
