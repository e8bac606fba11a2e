from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from certificates.models import CertificateEvent
from quizzes.models import Review
from staff import clock
from training.models import KeyPoint


class SigningForm(forms.Form):
    """What every signature posts: the hash that was on screen, when it was opened, and the password."""

    shown_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    opened_at = forms.CharField(max_length=40, widget=forms.HiddenInput)
    email = forms.CharField(max_length=254, required=False)
    password = forms.CharField(max_length=200, widget=forms.PasswordInput, strip=False)

    def clean_opened_at(self) -> Any:
        opened = parse_datetime(self.cleaned_data["opened_at"])
        if opened is None or opened.tzinfo is None or opened > clock.now():
            return clock.now()
        return opened


class ReviewForm(SigningForm):
    decision = forms.ChoiceField(choices=[("endorsed", "Endorse"), ("returned", "Return with what to re-study")])
    text = forms.CharField(max_length=4000, required=False)
    restudy = forms.ModelMultipleChoiceField(KeyPoint.objects.none(), required=False, to_field_name="code")
    certificate = forms.ChoiceField(choices=[("suspend", "suspend"), ("keep", "keep")], required=False)

    def __init__(self, *args: Any, points: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["restudy"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = points

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("decision") == Review.Decision.RETURNED:
            if not cleaned.get("text", "").strip():
                self.add_error("text", "Say what is to be studied again and why: the note goes to the learner.")
            if not cleaned.get("restudy"):
                self.add_error("restudy", "Tick at least one key point to study again.")
        return cleaned


class TalkForm(SigningForm):
    text = forms.CharField(max_length=4000)


class RevokeForm(SigningForm):
    reason_class = forms.ChoiceField(label="Reason the public sees", choices=CertificateEvent.REASONS)
    public_text = forms.CharField(label="In one sentence, for the public", max_length=300)
    private_note = forms.CharField(label="Note for the record", max_length=4000, required=False)


class SuspendForm(forms.Form):
    reason_class = forms.ChoiceField(label="Reason the public sees", choices=CertificateEvent.REASONS)
    public_text = forms.CharField(label="In one sentence, for the public", max_length=300)
    private_note = forms.CharField(
        label="Note for the record", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class LiftForm(forms.Form):
    private_note = forms.CharField(
        label="Why it is lifted, for the record", max_length=4000, widget=forms.Textarea(attrs={"rows": 3})
    )


class AdoptForm(SigningForm):
    read_points = forms.BooleanField()
    defaults = forms.BooleanField(required=False)
