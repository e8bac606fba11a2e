"""Forms of the yearly training in blood-borne pathogens."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms

from certificates.forms import SigningForm, Words
from compliance.bloodborne import OLDEST_DAYS, Facts
from compliance.forms import DATE, Plain
from staff import clock
from staff.models import Membership, StaffMember
from staff.templatetags.look import day


def _past(value: date) -> date:
    """The clinic's own calendar is asked by the action; this is the last day anywhere."""
    last = (clock.now() + timedelta(hours=14)).date()
    if value > last:
        raise forms.ValidationError(f"{day(value)} is still to come.")
    if value < last - timedelta(days=OLDEST_DAYS):
        raise forms.ValidationError(f"{day(value)} cannot be right. Check the year.")
    return value


class TrainerForm(Plain, forms.Form):
    name = forms.CharField(label="Trainer's name", max_length=200)
    qualification = forms.CharField(
        label="Qualification",
        help_text="What makes her knowledgeable in the subject, as it concerns your clinic",
        max_length=300,
    )
    contact = forms.CharField(label="How to reach the trainer", help_text="So that anybody can ask her", max_length=200)
    plan = forms.CharField(
        label="Where the exposure control plan is", help_text="Such as: red binder at the front desk", max_length=300
    )


class OfferForm(Plain, forms.Form):
    offered_on = forms.DateField(label="Offered on", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))

    def clean_offered_on(self) -> date:
        return _past(self.cleaned_data["offered_on"])


class WithdrawForm(Plain, forms.Form):
    reason = forms.CharField(
        label="What was recorded wrongly",
        help_text="Kept on record",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SessionForm(Plain, SigningForm):
    """A session and the signature under it. Who came is ticked in the template: `p` holds public ids."""

    held_on = forms.DateField(label="Day of the session", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    minutes = forms.IntegerField(label="Minutes it took", min_value=1, max_value=24 * 60)
    place = forms.CharField(label="Where it was held", max_length=200)
    trainer_name = forms.CharField(label="Trainer's name", max_length=200)
    trainer_qualification = forms.CharField(label="Trainer's qualification", max_length=300)
    trainer_contact = forms.CharField(label="How to reach the trainer", max_length=200)
    summary = Words(
        label="What it was about",
        help_text="In a few sentences: what was said about your rooms, your sharps and your plan. No patient's name",
        max_length=4000,
    )
    questions_answered = forms.ChoiceField(
        label="Could everybody ask questions, and were they answered by the trainer?",
        choices=[("yes", "Yes"), ("no", "No")],
        widget=forms.RadioSelect,
    )
    plan = forms.CharField(label="Where the exposure control plan is", max_length=300)
    p = forms.MultipleChoiceField(label="Who came", widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, here: Sequence[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.here = here
        self.fields["p"].choices = [  # type: ignore[attr-defined]
            (row.person.public_id, f"{row.person.full_name}, {row.job_title}") for row in here
        ]
        self.fields["p"].error_messages["required"] = "Tick at least one person who came."
        self.fields["questions_answered"].error_messages["required"] = "Say yes or no."

    @property
    def asked(self) -> list[forms.BoundField]:
        """What is typed; the signature's own fields stand in its panel."""
        return [field for field in self if field.name not in SigningForm.base_fields]

    def clean_held_on(self) -> date:
        return _past(self.cleaned_data["held_on"])

    def facts(self) -> Facts:
        names = Facts.__dataclass_fields__
        given = {name: self.cleaned_data[name] for name in names}
        return Facts(**(given | {"questions_answered": given["questions_answered"] == "yes"}))

    def people(self) -> list[StaffMember]:
        ticked = set(self.cleaned_data["p"])
        return [row.person for row in self.here if row.person.public_id in ticked]
