"""Forms of outside training: what is sent, how it was checked, what it counts for, why it is withdrawn."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms

from certificates.forms import SigningForm
from compliance.forms import DATE, Plain, offer_clinics
from compliance.outside import OLDEST_DAYS, Facts
from staff import clock
from staff.models import Clinic
from staff.templatetags.look import day
from training.models import Module


class SendForm(Plain, forms.Form):
    """The facts and the proof. Whether the file is one of the kinds is said by the action, which looks into it."""

    clinic = forms.ModelChoiceField(
        Clinic.objects.none(), label="For which clinic", empty_label=None, to_field_name="public_id"
    )
    provider = forms.CharField(label="Who held it", help_text="The school, society or maker", max_length=200)
    title = forms.CharField(label="Title of the training", max_length=200)
    held_on = forms.DateField(label="Day it was completed", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    hours = forms.DecimalField(label="Hours", min_value=0, max_value=400, max_digits=5, decimal_places=2)
    trainer = forms.CharField(label="Trainer's name", max_length=200)
    qualification = forms.CharField(
        label="Trainer's qualification", help_text="Such as Registered nurse, CANS", max_length=200
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    # The last of them: of a form whose file is too large everything before it is read.
    file = forms.FileField(
        label="Proof",
        help_text="PDF, PNG or JPEG, at most 5 MB. A picture is drawn anew; no patient's name may be in it",
        widget=forms.FileInput(attrs={"accept": ".pdf,.png,.jpg,.jpeg"}),
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)
        self.fields["file"].error_messages["required"] = "Choose a PDF, PNG or JPEG of at most 5 MB."

    def clean_held_on(self) -> date:
        held: date = self.cleaned_data["held_on"]
        # The clinic's own calendar is asked by the action; this is the last day anywhere.
        last = (clock.now() + timedelta(hours=14)).date()
        if held > last:
            raise forms.ValidationError(f"{day(held)} is still to come. Send the proof when the training is over.")
        if held < last - timedelta(days=OLDEST_DAYS):
            raise forms.ValidationError(f"{day(held)} is more than three years back, and could not count any more.")
        return held

    def clean_hours(self) -> Any:
        if self.cleaned_data["hours"] <= 0:
            raise forms.ValidationError("It took some time: half an hour is 0.5.")
        return self.cleaned_data["hours"]

    def facts(self) -> Facts:
        names = ("provider", "title", "held_on", "hours", "trainer", "qualification")
        return Facts(**{name: self.cleaned_data[name] for name in names})


class CheckForm(Plain, forms.Form):
    text = forms.CharField(
        label="How it was checked",
        help_text="Such as: the original seen, and the provider asked by telephone. Kept on record",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class WithdrawForm(Plain, forms.Form):
    reason = forms.CharField(
        label="Why it is withdrawn",
        help_text="Kept on record",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class DecideForm(SigningForm):
    """`module` and `valid_until_on` are asked for where it is approved."""

    decision = forms.ChoiceField(choices=[("approve", "approve"), ("decline", "decline")])
    module = forms.ChoiceField(required=False)
    valid_until_on = forms.DateField(required=False)
    text = forms.CharField(max_length=1000)

    def __init__(self, data: Any, *, titles: Mapping[int, str]) -> None:
        super().__init__(data)
        self.fields["module"].choices = [("", ""), *((str(pk), title) for pk, title in titles.items())]  # type: ignore[attr-defined]
        self.fields["text"].error_messages["required"] = "Say what it covers, or why it counts for nothing."
        self.fields["decision"].error_messages["required"] = "Choose whether it counts."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("decision") == "approve":
            if not cleaned.get("module"):
                self.add_error("module", "Choose the module it counts for.")
            if not cleaned.get("valid_until_on") and "valid_until_on" not in self.errors:
                self.add_error("valid_until_on", "Say until when it counts.")
        return cleaned

    def counts_for(self) -> Module | None:
        chosen = self.cleaned_data["module"]
        return Module.objects.filter(pk=int(chosen)).first() if chosen else None
