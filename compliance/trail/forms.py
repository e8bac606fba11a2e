"""How the audit trail is narrowed, and where its head is sent. Choices are passed in, scoped to the clinics of who asks."""

from collections.abc import Sequence
from typing import Any

from django import forms

from compliance import trail
from compliance.forms import DATE, Plain
from staff.models import Clinic


class TrailForm(forms.Form):
    """A value in the address that cannot be read asks for nothing."""

    clinic = forms.ChoiceField(label="Clinic", required=False)
    who = forms.CharField(label="Who did it", required=False, max_length=100)
    about = forms.CharField(label="About whom", required=False, max_length=100)
    what = forms.ChoiceField(
        label="What",
        required=False,
        choices=[
            ("", "Everything"),
            *((key, title) for key, (title, _) in trail.GROUPS.items()),
            (trail.OTHER, "Anything else"),
        ],
    )
    first_on = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs=DATE))
    last_on = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs=DATE))
    before = forms.IntegerField(required=False, min_value=0, max_value=2**62, widget=forms.HiddenInput)

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **(kwargs | {"auto_id": "f-%s"}))
        self.fields["clinic"].choices = [(clinic.public_id, clinic.name) for clinic in clinics]  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-select" if name in ("clinic", "what") else "form-control"

    def narrowing(self) -> dict[str, Any]:
        self.is_valid()
        names = ("who", "about", "what", "first_on", "last_on", "before")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data.get(name) not in (None, "")}


class HeadAddressForm(Plain, forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        help_text="A mailbox that whoever runs the server cannot empty, such as your counsel's",
        max_length=254,
    )
