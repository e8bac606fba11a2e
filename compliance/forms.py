"""What managers fill in, and how they narrow a list. Choices are passed in, scoped to the clinics of who asks."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.conf import settings
from django.db.models import Q

from certificates import fonts
from compliance import standing
from compliance.models import PeopleImport
from compliance.queries import Board
from compliance.reminders.timing import Hours
from compliance.reminders.wording import WEEKDAYS
from compliance.roster.base import MOST_BYTES
from compliance.situations import Situation
from quizzes.models import Accommodation
from staff import clock, returning
from staff.models import Clinic, Licence, Membership, StaffMember
from staff.models.clinics import Role
from staff.templatetags.look import day

DATE = {"type": "date"}


class Plain:
    """crispy-forms renders the fields; tag and buttons stand in the template. What is empty is said plainly."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["required"] = "This is still empty."

    @property
    def helper(self) -> FormHelper:
        helper = FormHelper()
        helper.form_tag = False
        helper.disable_csrf = True
        return helper


def offer_clinics(field: forms.Field, clinics: Sequence[Clinic]) -> None:
    """These to choose from, the first of them chosen; one alone is not asked about."""
    field.queryset = Clinic.objects.filter(pk__in=[clinic.pk for clinic in clinics])  # type: ignore[attr-defined]
    field.initial = clinics[0].public_id if clinics else None
    if len(clinics) == 1:
        field.widget = forms.HiddenInput()


ON_LEAVE = "on-leave"
STATE_CHOICES = {**standing.STATES, ON_LEAVE: "On leave"}


@dataclass(frozen=True)
class Narrowing:
    """What the address asks for. Empty means all; `on` is a day that has passed, as of which it is asked."""

    q: str = ""
    clinic: str = ""
    role: str = ""
    word: str = ""
    state: str = ""
    on: date | None = None

    @property
    def any(self) -> bool:
        return any((self.q, self.clinic, self.role, self.word, self.state))

    def described(self, clinics: Sequence[Clinic]) -> str:
        named = [f"“{self.q}”"] if self.q else []
        named += [clinic.name for clinic in clinics if clinic.public_id == self.clinic]
        named += [str(Role(self.role).label)] if self.role else []
        named += [standing.WORDS[self.word]] if self.word else []
        named += [STATE_CHOICES[self.state]] if self.state else []
        return ", ".join(named)

    def people(self, board: Board) -> list[Situation]:
        """Whom it leaves without looking at word and state: what the counts of the legend are counted over."""
        left = [
            one
            for one in board.situations
            if self.clinic in ("", one.clinic.public_id) and (not self.role or self.role in one.roles)
        ]
        if not self.q:
            return left
        named = {pk for pk, words in board.words() if has_words(self.q, *words)}
        return [one.of([entry for entry in one.entries if entry.pk in named]) for one in left]

    def among(self, people: Sequence[Situation]) -> list[Situation]:
        """Whom word and state leave of these."""
        left = [one for one in people if self.word in ("", one.word)]
        if self.state == ON_LEAVE:
            return [one.of(one.away()) for one in left]
        return [one for one in left if not self.state or self.state in one.states]


def matches(q: str, membership: Membership) -> bool:
    """Every word that was typed is somewhere in the name, the job title or the address."""
    person = membership.person
    return has_words(q, person.full_name, person.latin_name, membership.job_title, person.email)


def has_words(q: str, *texts: str) -> bool:
    words = " ".join(texts).casefold()
    return all(part in words for part in q.casefold().split())


class NarrowingForm(forms.Form):
    """An unknown value in the address asks for nothing; a clinic that is not the viewer's is refused by the view."""

    q = forms.CharField(label="Name", required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search"}))
    clinic = forms.ChoiceField(label="Clinic", required=False)
    role = forms.ChoiceField(label="Role", required=False, choices=[("", "All roles"), *Role.choices])
    word = forms.ChoiceField(label="State", required=False, choices=[("", "All states"), *standing.WORDS.items()])
    state = forms.ChoiceField(required=False, choices=[("", ""), *STATE_CHOICES.items()])
    on = forms.DateField(
        label="As of the end of", required=False, widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **(kwargs | {"auto_id": "f-%s"}))
        choices = [("", "All clinics"), *((clinic.public_id, clinic.name) for clinic in clinics)]
        self.fields["clinic"].choices = choices  # type: ignore[attr-defined]
        for name in ("clinic", "role", "word"):
            self.fields[name].widget.attrs["class"] = "form-select"
        for name in ("q", "on"):
            self.fields[name].widget.attrs["class"] = "form-control"
        self.today = min((clock.today(clinic.zone) for clinic in clinics), default=clock.now().date())
        self.fields["on"].widget.attrs["max"] = self.today.isoformat()

    def narrowing(self) -> Narrowing:
        self.is_valid()
        asked = {name: self.cleaned_data.get(name) or "" for name in self.fields if name != "on"}
        on = self.cleaned_data.get("on")
        return Narrowing(**asked, on=on if on and on < self.today else None)


class NameFields(Plain, forms.Form):
    """A name that certificates can print: in its own script or, where no font has it, in a Latin form as well."""

    full_name = forms.CharField(
        label="Full name", help_text="As it should stand on certificates, in any script", max_length=200
    )
    latin_name = forms.CharField(
        label="Name in Latin letters",
        help_text="Needed only where the certificate's fonts cannot write the full name",
        max_length=200,
        required=False,
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("full_name"):
            for field, sentence in unprintable(cleaned["full_name"], cleaned.get("latin_name", "")):
                self.add_error(field, sentence)
        return cleaned


def unprintable(full: str, latin: str) -> list[tuple[str, str]]:
    """Field and sentence of each name that no certificate could print; the full name needs a Latin form then."""
    known = fonts.load(settings.CERTIFICATE_FONTS)
    try:
        known.printable_name(full)
    except fonts.Unprintable as gap:
        if any(unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs") for part in gap.gaps for sign in part):
            return [("full_name", str(gap))]
        if not latin:
            return [("latin_name", str(gap))]
    if latin:
        try:
            known.printable_name(latin)
        except fonts.Unprintable as gap:
            named = " and ".join(gap.gaps)
            return [("latin_name", f"The Latin form, “{latin}”, cannot be printed either: {named}.")]
    return []


class WorkFields(Plain, forms.Form):
    """What somebody does in a clinic."""

    job_title = forms.CharField(label="Job title", help_text="Such as Registered nurse", max_length=120)
    staff_number = forms.CharField(
        label="Staff number", help_text="The clinic's own, if it has one", max_length=40, required=False
    )
    hired_on = forms.DateField(
        label="Hired on",
        help_text="The days that a rule gives count from here: 30, unless the clinic set others",
        widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"),
    )
    roles = forms.MultipleChoiceField(
        label="Roles",
        help_text="Somebody may hold several. A supervising physician signs only once somebody has checked who that is",
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].error_messages["required"] = "Choose at least one role."

    def clean_hired_on(self) -> date:
        return _sensible(self.cleaned_data["hired_on"], years_back=70, years_on=1, what="hired")

    def check_number(self, clinic: Clinic | None, person: StaffMember | None = None) -> None:
        """A staff number belongs to one of those who work there now."""
        number = self.cleaned_data.get("staff_number")
        if not clinic or not number:
            return
        holders = Membership.objects.filter(clinic=clinic, staff_number__iexact=number, ended_at=None)
        for row in holders.exclude(person=person).select_related("person"):
            self.add_error("staff_number", f"This is the staff number of {row.person.full_name}, {row.job_title}.")


class WorkForm(WorkFields):
    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.membership = membership

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.check_number(self.membership.clinic, self.membership.person)
        return cleaned


class TransferForm(WorkFields):
    clinic = forms.ModelChoiceField(Clinic.objects.none(), label="To", empty_label=None, to_field_name="public_id")
    reason = forms.CharField(label="Reason", help_text="Such as a new branch. Kept on record", max_length=300)
    field_order = ("clinic", "job_title", "staff_number", "hired_on", "roles", "reason")

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["clinic"]
        field.queryset = Clinic.objects.filter(pk__in=[clinic.pk for clinic in clinics])  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        self.check_number(cleaned.get("clinic"))
        return cleaned


class PersonForm(NameFields, WorkFields):
    email = forms.EmailField(
        label="E-mail", help_text="The invitation goes there, and the person signs in with it", max_length=254
    )
    clinic = forms.ModelChoiceField(Clinic.objects.none(), label="Clinic", empty_label=None, to_field_name="public_id")
    same_person = forms.BooleanField(
        label="This is the same person",
        required=False,
        help_text="She gets her account back, with every record and certificate made in it",
    )
    field_order = (
        "full_name", "latin_name", "email", "same_person", "clinic", "job_title", "staff_number", "hired_on", "roles",
    )  # fmt: skip

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)
        self.clinics = clinics
        self.gone = returning.gone_person(str(self.data.get("email", ""))[:254]) if self.is_bound else None
        if self.gone is None:
            del self.fields["same_person"]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        known = StaffMember.objects.filter(email=email).first()
        if known and (known.erased_at or known == StaffMember.objects.pinpoint()):
            raise forms.ValidationError("This address belongs to the site itself. Ask the person for another one.")
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        clinic, email = cleaned.get("clinic"), cleaned.get("email")
        if clinic and email:
            hers = Q(person__email=email) | Q(person__aliases__email=email)
            members = Membership.objects.filter(hers, clinic=clinic, ended_at=None)
            for row in members.select_related("person"):
                self.add_error(
                    "email",
                    f"{row.person.full_name}, {row.job_title}, already works at {clinic} under this address. "
                    "Nothing was stored.",
                )
        if self.gone and "email" not in self.errors and not cleaned.get("same_person"):
            self.add_error("email", self._told_of_gone(self.gone, cleaned.get("full_name", "")))
        self.check_number(clinic)
        return cleaned

    def _told_of_gone(self, person: StaffMember, typed: str) -> str:
        if returning.is_named(person, typed):
            return (
                f"{person.full_name} was here before under this address and works nowhere now. Tick below if she comes back: "
                "what is on record of her is hers again."
            )
        return (
            f"{returning.name_for(person, self.clinics)} is on record under this address and works nowhere now; you typed "
            f"“{typed}”. If this is the same person under a new name, tick below, and correct the name afterwards. If it "
            "is another person, ask for another address: nobody is given somebody else's account."
        )


class ImportForm(Plain, forms.Form):
    """A list of people. What is wrong with the file itself is said by the action."""

    file = forms.FileField(label="File", help_text="CSV or XLSX. It is looked at first; nothing is changed yet")
    clinic = forms.ModelChoiceField(Clinic.objects.none(), label="Clinic", empty_label=None, to_field_name="public_id")
    key = forms.ChoiceField(
        label="People are told apart by",
        choices=PeopleImport.Key.choices,
        help_text="The column that says whether somebody works here already",
    )
    mode = forms.ChoiceField(label="What the file may do", choices=PeopleImport.Mode.choices)
    full_roster = forms.BooleanField(
        label="This file is the full roster",
        help_text="Whoever works here and is not in it is then listed, and leaves only if you tick the name",
        required=False,
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)
        self.fields["file"].widget.attrs["accept"] = ".csv,.txt,.xlsx"
        self.fields["file"].error_messages["empty"] = "The file is empty. The template shows the columns."
        self.fields["file"].error_messages["required"] = (
            f"Choose a file of at most {MOST_BYTES // 1_000_000} MB. Nothing was read."
        )


class NameForm(NameFields):
    reason = forms.CharField(
        label="Reason", help_text="Such as marriage, or a misspelling. Kept on record", max_length=300
    )


class MergeForm(Plain, forms.Form):
    email = forms.EmailField(
        label="E-mail of the other account",
        help_text="It is merged away: nobody signs in with it any more",
        max_length=254,
    )
    reason = forms.CharField(label="Reason", help_text="Such as: added twice. Kept on record", max_length=300)


class LicenceForm(Plain, forms.Form):
    type = forms.CharField(label="Type", help_text="Such as Registered nurse or Aesthetician", max_length=80)
    number = forms.CharField(label="Number", max_length=80)
    authority = forms.CharField(label="Issued by", help_text="Such as Colorado Board of Nursing", max_length=120)
    expires_on = forms.DateField(label="Valid to", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))

    def clean_expires_on(self) -> date:
        return _sensible(self.cleaned_data["expires_on"], years_back=20, years_on=30, what="valid to")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        same = {"number__iexact": cleaned.get("number"), "authority__iexact": cleaned.get("authority")}
        if all(same.values()) and cleaned.get("expires_on"):
            known = Licence.objects.filter(**same, expires_on=cleaned["expires_on"]).exists()
            if known:
                self.add_error("number", "This licence is on record already, with the same number, authority and day.")
        return cleaned


class IdentityForm(Plain, forms.Form):
    how = forms.CharField(
        label="How it was checked",
        help_text="Such as: passport seen, and licence looked up in the board's register. No document numbers",
        max_length=200,
    )


class EndForm(Plain, forms.Form):
    reason = forms.CharField(
        label="Reason", help_text="Such as left, or moved elsewhere. Kept on record", max_length=300
    )


class AccommodationForm(Plain, forms.Form):
    time_percent = forms.TypedChoiceField(
        label="Time",
        choices=[(125, "a quarter more"), (150, "half as much again"), (200, "twice as much")],
        coerce=int,
        help_text="On every quiz with a clock, and at once in an attempt under way",
    )
    category = forms.ChoiceField(
        label="What for", choices=Accommodation.Category.choices, help_text="A category is enough; no diagnosis is kept"
    )
    valid_from_on = forms.DateField(label="From", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))
    valid_until_on = forms.DateField(label="Through", widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"))

    def clean_valid_from_on(self) -> date:
        return _sensible(self.cleaned_data["valid_from_on"], years_back=1, years_on=2, what="from")

    def clean_valid_until_on(self) -> date:
        return _sensible(self.cleaned_data["valid_until_on"], years_back=1, years_on=10, what="through")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("valid_from_on"), cleaned.get("valid_until_on")
        if first and last and last < first:
            self.add_error("valid_until_on", f"It ends on {day(last)}, before it begins on {day(first)}.")
        return cleaned


class ClockForm(Plain, forms.Form):
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), to_field_name="public_id", empty_label=None)
    limit_minutes = forms.IntegerField(
        label="Minutes",
        required=False,
        min_value=15,
        max_value=240,
        help_text="Leave it empty for no clock: an attempt then stays open for 24 hours. With a clock, 45 minutes are usual",
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)


class ReminderHoursForm(Plain, forms.Form):
    clinic = forms.ModelChoiceField(queryset=Clinic.objects.none(), to_field_name="public_id", empty_label=None)
    from_hour = forms.TypedChoiceField(
        label="From", choices=[(hour, f"{hour}:00") for hour in range(24)], coerce=int, initial=Hours.from_hour
    )
    until_hour = forms.TypedChoiceField(
        label="Until",
        choices=[(hour, f"{hour}:00") for hour in range(1, 25)],
        coerce=int,
        initial=Hours.until_hour,
        help_text="In the clinic’s own time. What is due outside these hours goes out when they begin",
    )
    digest_weekday = forms.TypedChoiceField(
        label="The managers’ digest",
        choices=list(enumerate(WEEKDAYS)),
        coerce=int,
        initial=Hours.digest_weekday,
        help_text="Once a week, from this day on, if there is anything to tell",
    )

    def __init__(self, *args: Any, clinics: Sequence[Clinic], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_clinics(self.fields["clinic"], clinics)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("from_hour"), cleaned.get("until_hour")
        if first is not None and last is not None and last <= first:
            self.add_error("until_hour", f"It ends at {last}:00, before it begins at {first}:00.")
        return cleaned


def _sensible(value: date, *, years_back: int, years_on: int, what: str) -> date:
    today = clock.now().date()
    first, last = today - timedelta(days=366 * years_back), today + timedelta(days=366 * years_on)
    if not first <= value <= last:
        raise forms.ValidationError(f"“{what.capitalize()} {day(value)}” cannot be right. Check the year.")
    return value


class PictureForm(Plain, forms.Form):
    """A picture for a section. What is wrong with the file itself is said by the action."""

    file = forms.FileField(label="Picture", help_text="PNG, JPEG or WebP, at most 5 MB and 12 million pixels")
    code = forms.SlugField(
        label="Name in the text", help_text="Small letters and hyphens, such as flush-needle", max_length=80
    )
    title = forms.CharField(label="Title", help_text="Read aloud in place of the picture", max_length=200)
    caption = forms.CharField(label="Caption", max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    words = forms.CharField(
        label="The picture in words",
        help_text="Everything that the picture shows, for whoever cannot see it",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    cites = forms.CharField(label="Rests on", help_text="Rows of the register, such as S0-21, D25", max_length=300)
    to_scale = forms.BooleanField(label="Drawn to scale", required=False)

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).lower()

    def clean_caption(self) -> str:
        return " ".join(self.cleaned_data["caption"].split())

    def clean_words(self) -> str:
        return str(self.cleaned_data["words"]).replace("\r\n", "\n").strip()

    def clean_cites(self) -> list[str]:
        return [code.strip() for code in self.cleaned_data["cites"].split(",") if code.strip()]
