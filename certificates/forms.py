from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from certificates.models import CertificateEvent
from quizzes.asking import LONGEST_ANSWER, LONGEST_QUESTION
from quizzes.models import Disposition, Review
from staff import clock
from staff.models import Clinic
from training.models import KeyPoint, KeyPointVersion


class SigningForm(forms.Form):
    """What every signature posts: the hash that was on screen, when it was opened, and the password or a factor."""

    shown_sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    opened_at = forms.CharField(max_length=40, widget=forms.HiddenInput)
    email = forms.CharField(max_length=254, required=False)
    password = forms.CharField(max_length=200, widget=forms.PasswordInput, strip=False, required=False)
    code = forms.CharField(max_length=20, required=False)
    credential = forms.CharField(max_length=8000, required=False, widget=forms.HiddenInput)
    accepts = forms.BooleanField(required=False)

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

    def __init__(self, *args: Any, points: Any, certified: bool, **kwargs: Any) -> None:
        """`certified`: a certificate rests on the attempt, so that whoever returns it says what becomes of it."""
        super().__init__(*args, **kwargs)
        self.certified = certified
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
            if self.certified and not cleaned.get("certificate"):
                self.add_error("certificate", "Choose whether the certificate is suspended or stays in force.")
        return cleaned

    def restudied(self) -> list[KeyPoint]:
        """Nothing where it is endorsed, whatever is still ticked."""
        returned = self.cleaned_data["decision"] == Review.Decision.RETURNED
        return list(self.cleaned_data["restudy"]) if returned else []


class TogetherForm(SigningForm):
    """Several attempts under one re-authentication, each with the hash that was on screen."""

    attempts = forms.MultipleChoiceField()

    def __init__(self, data: Any, *, opened: Sequence[str]) -> None:
        super().__init__(data)
        field = self.fields["attempts"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(public_id, public_id) for public_id in opened]

    def shown(self, public_id: str) -> str:
        return str(self.data.get(f"shown-{public_id}", ""))


class TalkForm(SigningForm):
    text = forms.CharField(max_length=4000)


class RevokeForm(SigningForm):
    reason_class = forms.ChoiceField(label="Reason the public sees", choices=CertificateEvent.REASONS)
    public_text = forms.CharField(label="In one sentence, for the public", max_length=300)
    private_note = forms.CharField(label="Note for the record", max_length=4000, required=False)


class RegradeForm(SigningForm):
    reason = forms.CharField(max_length=1000)


class DispositionForm(SigningForm):
    decision = forms.ChoiceField(
        choices=[choice for choice in Disposition.Decision.choices if choice[0] != Disposition.Decision.REOPEN]
    )
    reason = forms.CharField(max_length=4000)


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


class NameForm(forms.Form):
    name_shown = forms.ChoiceField(label="On paper and on the public page", widget=forms.RadioSelect)

    def __init__(self, *args: Any, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name_shown"].choices = choices  # type: ignore[attr-defined]


class AdoptForm(SigningForm):
    read_points = forms.BooleanField()
    defaults = forms.ChoiceField(choices=[("on", "take all"), ("no", "one by one")], required=False)

    def __init__(self, *args: Any, undecided: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["defaults"].required = undecided


class Words(forms.CharField):
    """Some sentences. A browser counts the end of a line as one character and sends two; here it is one again."""

    widget = forms.Textarea(attrs={"rows": 6})

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)


NO_PATIENTS = f"At most {LONGEST_QUESTION} characters. Name no patient, and nothing by which one could be known."


class QuestionForm(forms.Form):
    """*Question this item*."""

    text = Words(
        label="What is wrong or unclear",
        help_text=NO_PATIENTS,
        max_length=LONGEST_QUESTION,
        error_messages={"required": "This is still empty."},
    )


class AskForm(forms.Form):
    """*Ask about this*: about the section or one of its key points, as they stood on the page."""

    version = forms.CharField(widget=forms.HiddenInput)
    point = forms.ChoiceField(label="About", required=False)
    clinic = forms.ChoiceField(label="For which clinic you ask", help_text="A physician of that clinic answers.")
    text = Words(
        label="Your question",
        help_text=NO_PATIENTS,
        max_length=LONGEST_QUESTION,
        error_messages={"required": "This is still empty."},
    )

    def __init__(
        self,
        data: QueryDict | None,
        *,
        points: Sequence[KeyPointVersion],
        clinics: Sequence[Clinic],
        version: int,
        point: str,
    ) -> None:
        super().__init__(data, initial={"version": version, "clinic": clinics[0].public_id, "point": point})
        self.shown = str(version)
        named = [(row.key_point.code, f"{row.key_point.code}: {_short(row.text)}") for row in points]
        self.fields["point"].choices = [("", "The section as a whole"), *named]  # type: ignore[attr-defined]
        self.fields["clinic"].choices = [(clinic.public_id, clinic.name) for clinic in clinics]  # type: ignore[attr-defined]
        if len(clinics) == 1:
            self.fields["clinic"].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("version") != self.shown:
            data = cast("QueryDict", self.data).copy()
            data["version"] = self.shown  # what is sent next was written beside this one
            self.data = data
            raise forms.ValidationError(
                "This section changed while you were writing, and nothing was sent. Look whether your question still "
                "stands, then send it again."
            )
        return cleaned


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else f"{text[:most].rsplit(' ', 1)[0]} …"


class AnswerForm(forms.Form):
    text = Words(
        label="Your answer",
        help_text=f"At most {LONGEST_ANSWER} characters. It stays on record and cannot be edited; a further answer can "
        "follow it.",
        max_length=LONGEST_ANSWER,
        error_messages={"required": "This is still empty."},
    )
    closes = forms.BooleanField(
        label="This answers the question",
        help_text="Without the tick it goes on waiting for the rest of the answer.",
        required=False,
        initial=True,
    )

    def __init__(self, *args: Any, closed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if closed:
            del self.fields["closes"]
