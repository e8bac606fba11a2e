"""What a clinic says about how long it keeps its records."""

from typing import Any

from django import forms

from compliance.forms import Plain
from staff.models import RetentionRule, StaffMember
from staff.models.keeping import LEAST_YEARS, MOST_YEARS


class RuleForm(Plain, forms.Form):
    country = forms.CharField(label="Country", max_length=80, help_text="Whose law the clinic works under")
    basis = forms.ChoiceField(label="On which ground", choices=RetentionRule.Basis.choices, widget=forms.RadioSelect)
    basis_text = forms.CharField(
        label="The law or contract, by name",
        max_length=300,
        required=False,
        help_text="Needed where the ground names one",
    )
    years = forms.IntegerField(
        label="Years",
        min_value=LEAST_YEARS,
        max_value=MOST_YEARS,
        help_text="From the day a record was last in effect: of a certificate, its last day. Six at least",
        error_messages={"min_value": f"{LEAST_YEARS} years at least: shorter would lose what may still be asked for."},
    )
    public_name = forms.ChoiceField(
        label="What the public page shows of somebody who was erased",
        choices=RetentionRule.PublicName.choices,
        widget=forms.RadioSelect,
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        named = cleaned.get("basis_text", "").strip()
        if cleaned.get("basis") in (RetentionRule.Basis.LAW, RetentionRule.Basis.CONTRACT) and not named:
            self.add_error("basis_text", "Name the law or the contract, so that an erasure can say it.")
        return cleaned


class HoldForm(Plain, forms.Form):
    """`people` are those of the clinic."""

    person: "forms.ModelChoiceField[StaffMember]" = forms.ModelChoiceField(
        queryset=StaffMember.objects.none(), label="Whom it holds", required=False, empty_label="Everybody here"
    )
    reason = forms.CharField(
        label="Why", max_length=500, widget=forms.Textarea(attrs={"rows": 3}), help_text="Such as the number of a case"
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people  # type: ignore[attr-defined]
        self.fields["person"].to_field_name = "public_id"  # type: ignore[attr-defined]


class EraseForm(Plain, forms.Form):
    read = forms.BooleanField(label="I have read what goes and what stays. It cannot be undone.")
