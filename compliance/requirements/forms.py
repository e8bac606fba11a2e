"""What is filled in about rules, waivers, leave and incidents. What may be asked for is passed in, scoped to the clinic."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django import forms

from compliance.cells import Column
from compliance.forms import DATE, Plain, offer_clinics
from compliance.models import Leave, Rule, Waiver
from compliance.models.requirements import SESSION_TITLE
from compliance.requirements.asking import Ask
from compliance.standing import DUE_DAYS, SESSION_SLUG
from staff import clock
from staff.models import Clinic, Membership
from staff.models.clinics import Role
from staff.templatetags.look import day
from training.models import Module, Programme

YEAR = timedelta(days=366)
AFTER_INCIDENT_DAYS = 14


def _date(label: str, **known: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs=DATE, format="%Y-%m-%d"), **known)


def today_somewhere(clinics: Sequence[Clinic]) -> date:
    """The earliest calendar day it is in these clinics."""
    return min(clock.today(clinic.zone) for clinic in clinics)


class Asking(Plain, forms.Form):
    """What is asked for, within how many days, and from which day on."""

    what = forms.ChoiceField(label="What is asked for")
    days = forms.IntegerField(
        label="Days",
        initial=DUE_DAYS,
        min_value=0,
        max_value=365,
        help_text="Counted from the hire, or from the first day of the rule where that is later",
    )
    starts_on = _date("From", help_text="Today or later: nobody is made late by a rule that was not there")

    def __init__(
        self,
        *args: Any,
        clinics: Sequence[Clinic],
        programmes: Sequence[Programme],
        modules: Sequence[Column],
        **known: Any,
    ) -> None:
        super().__init__(*args, **known)
        self.clinics, self.today = clinics, today_somewhere(clinics)
        self.programmes = {row.slug: row for row in programmes}
        self.modules = {column.slug: column for column in modules}
        choices = []
        for row in programmes:
            choices.append((f"modules:{row.slug}", f"{row.title}: every module"))
            if row.observed:
                choices.append(
                    (f"signed:{row.slug}", f"{row.title}: every module and the signed programme certificate")
                )
        choices += [(f"module:{column.slug}", f"{column.title}, this module alone") for column in modules]
        choices.append(("session:", f"{SESSION_TITLE}, the yearly session on site"))
        self.fields["what"].choices = choices  # type: ignore[attr-defined]
        self.fields["starts_on"].initial = self.today

    def clean_starts_on(self) -> date:
        value: date = self.cleaned_data["starts_on"]
        if value < self.today:
            raise forms.ValidationError(f"{day(value)} has passed. A rule begins today or later.")
        if value > self.today + YEAR:
            raise forms.ValidationError(f"{day(value)} is more than a year ahead. Check the year.")
        return value

    def asked(self) -> dict[str, Any]:
        """As `add_rule` takes it."""
        kind, _, slug = self.cleaned_data["what"].partition(":")
        if kind == "session":
            return {"session": True}
        if kind == "module":
            return {"module": Module.objects.get(pk=self.modules[slug].module_id)}
        return {"programme": self.programmes[slug], "signed": kind == "signed"}

    def same(self, clinic: Clinic) -> Rule | None:
        """A rule that asks the same already and was not ended."""
        known = {"programme": None, "module": None, "session": False, "signed": False} | self.asked()
        rows = Rule.objects.filter(
            clinic=clinic, ended_at=None, standard=False, days=self.cleaned_data["days"], **known
        )
        return rows.select_related("recorded_by").first()


class RuleForm(Asking):
    field_order = ("clinic", "role", "what", "days", "starts_on")
    clinic = forms.ModelChoiceField(Clinic.objects.none(), label="Clinic", empty_label=None, to_field_name="public_id")
    role = forms.ChoiceField(label="Of whom", choices=Role.choices)

    def __init__(self, *args: Any, standard: Sequence[Ask], clinics: Sequence[Clinic], **known: Any) -> None:
        super().__init__(*args, clinics=clinics, **known)
        self.standard = standard
        offer_clinics(self.fields["clinic"], clinics)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            rows = self._known(cleaned["clinic"])
            if rows:
                self.add_error("what", rows)
        return cleaned

    def _known(self, clinic: Clinic) -> str:
        asked, role, days = self.asked(), self.cleaned_data["role"], self.cleaned_data["days"]
        left = Rule.objects.filter(clinic=clinic, standard=True, role=role, programme=asked.get("programme"))
        for ask in self.standard:
            alike = (ask.role, ask.days, ask.programme, ask.signed) == (
                role,
                days,
                asked.get("programme"),
                asked.get("signed"),
            )
            if alike and not left.exists():
                return "Every clinic has this rule from its start, and it stands. Nothing was stored."
        known = self.same(clinic)
        if known and known.role == role:
            return f"This rule stands already, recorded by {known.recorded_by} on {day(known.recorded_at)}. Nothing was stored."
        return ""


class ByHandForm(Asking):
    reason = forms.CharField(
        label="Reason", help_text="Such as: covers treatments from May on. Shown to the person", max_length=300
    )

    def __init__(self, *args: Any, membership: Membership, **known: Any) -> None:
        super().__init__(*args, clinics=[membership.clinic], **known)
        self.membership = membership

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            known = {"programme": None, "module": None, "session": False, "signed": False} | self.asked()
            rows = Rule.objects.filter(
                clinic=self.membership.clinic, person=self.membership.person, ended_at=None, **known
            ).select_related("recorded_by")
            for row in rows:
                said = (
                    f"{row.recorded_by} asked for this on {day(row.recorded_at)} already. End that first to ask anew."
                )
                self.add_error("what", said)
        return cleaned


class WaiverForm(Plain, forms.Form):
    module = forms.ChoiceField(label="What is waived")
    reason = forms.CharField(
        label="Reason", help_text="Kept on record, and read by an inspector. No health data", max_length=300
    )
    starts_on = _date("From")
    until_on = _date("Through", help_text="A year at most: what is waived for ever is a rule to end")

    def __init__(self, *args: Any, membership: Membership, modules: Sequence[Column], **known: Any) -> None:
        super().__init__(*args, **known)
        self.membership, self.today = membership, clock.today(membership.clinic.zone)
        self.modules = {column.slug: column for column in modules}
        choices = [(column.slug, column.title) for column in modules]
        choices.append((SESSION_SLUG, f"{SESSION_TITLE}, the yearly session on site"))
        self.fields["module"].choices = choices  # type: ignore[attr-defined]
        self.fields["starts_on"].initial = self.today

    def clean_module(self) -> Module | None:
        """None is the yearly session on site."""
        if self.cleaned_data["module"] == SESSION_SLUG:
            return None
        return Module.objects.get(pk=self.modules[self.cleaned_data["module"]].module_id)

    def clean_starts_on(self) -> date:
        value: date = self.cleaned_data["starts_on"]
        if value < self.today:
            raise forms.ValidationError(f"{day(value)} has passed. Nothing is waived after the fact.")
        return value

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("starts_on"), cleaned.get("until_on")
        if first and last and last < first:
            self.add_error("until_on", f"It ends on {day(last)}, before it begins on {day(first)}.")
        elif first and last and last > first + YEAR:
            self.add_error("until_on", f"{day(last)} is more than a year after {day(first)}.")
        elif first and last and "module" in cleaned:
            self._check_others(cleaned["module"], first, last)
        return cleaned

    def _check_others(self, module: Module | None, first: date, last: date) -> None:
        rows = Waiver.objects.filter(
            clinic=self.membership.clinic, person=self.membership.person, module=module, ended_at=None
        )
        for row in rows.filter(starts_on__lte=last, until_on__gte=first).select_related("recorded_by"):
            self.add_error(
                "module",
                f"{row.recorded_by} waived this to {day(row.until_on)} already. End that first to set another day.",
            )


class IncidentForm(Plain, forms.Form):
    """`what` is one module, or every module of a programme."""

    what = forms.ChoiceField(label="What is passed again")
    reason = forms.CharField(
        label="Reason",
        help_text="What happened, in a few words. Shown to the person and to an inspector. No patient names, no health data",
        max_length=300,
    )
    due_on = _date("By", help_text="What is asked before treating goes on is due today")

    def __init__(
        self,
        *args: Any,
        membership: Membership,
        programmes: Sequence[Programme],
        modules: Sequence[Column],
        **known: Any,
    ) -> None:
        super().__init__(*args, **known)
        self.today = clock.today(membership.clinic.zone)
        self.modules = {column.slug: column for column in modules}
        self.programmes = {row.slug: row for row in programmes}
        choices = [(f"module:{column.slug}", column.title) for column in modules]
        choices += [(f"modules:{row.slug}", f"{row.title}: every module") for row in programmes]
        self.fields["what"].choices = choices  # type: ignore[attr-defined]
        self.fields["due_on"].initial = self.today + timedelta(days=AFTER_INCIDENT_DAYS)

    def clean_due_on(self) -> date:
        value: date = self.cleaned_data["due_on"]
        if not self.today <= value <= self.today + YEAR:
            raise forms.ValidationError(f"Choose a day from {day(self.today)} to {day(self.today + YEAR)}.")
        return value

    def modules_asked(self) -> list[Module]:
        kind, _, slug = self.cleaned_data["what"].partition(":")
        slugs = [slug] if kind == "module" else self.programmes[slug].slugs
        wanted = [self.modules[one].module_id for one in slugs if one in self.modules]
        return list(Module.objects.filter(pk__in=wanted).order_by("pk"))


class LeaveForm(Plain, forms.Form):
    starts_on = _date("First day away")
    until_on = _date("Last day away", help_text="As planned. Who comes back earlier is entered as back that day")

    def __init__(self, *args: Any, membership: Membership, **known: Any) -> None:
        super().__init__(*args, **known)
        self.membership, self.today = membership, clock.today(membership.clinic.zone)
        self.fields["starts_on"].initial = self.today

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("starts_on"), cleaned.get("until_on")
        if not first or not last:
            return cleaned
        if last < first:
            self.add_error("until_on", f"It ends on {day(last)}, before it begins on {day(first)}.")
        elif not self.today - YEAR <= first <= self.today + YEAR:
            self.add_error("starts_on", f"“From {day(first)}” cannot be right. Check the year.")
        elif last > first + 3 * YEAR:
            self.add_error("until_on", f"{day(last)} is more than three years later. Check the year.")
        else:
            self._check_others(first, last)
        return cleaned

    def _check_others(self, first: date, last: date) -> None:
        rows = Leave.objects.filter(clinic=self.membership.clinic, person=self.membership.person, ended_at=None)
        for row in rows.filter(starts_on__lte=last, until_on__gte=first):
            said = (
                f"A leave from {day(row.starts_on)} to {day(row.until_on)} is on record. End that first to change it."
            )
            self.add_error("starts_on", said)


class EndingForm(Plain, forms.Form):
    """`earliest` is the first day that may be named, `latest` the last; leave takes no reason."""

    ends_on = _date("From this day on it holds no longer")
    reason = forms.CharField(label="Reason", help_text="Kept on record", max_length=300)

    def __init__(
        self, *args: Any, earliest: date, latest: date, today: date, leave: bool = False, **known: Any
    ) -> None:
        super().__init__(*args, **known)
        self.earliest, self.latest = earliest, latest
        self.fields["ends_on"].initial = min(max(today, earliest), latest)
        if leave:
            self.fields["ends_on"].label = "Back on"
            del self.fields["reason"]

    def clean_ends_on(self) -> date:
        value: date = self.cleaned_data["ends_on"]
        if not self.earliest <= value <= self.latest:
            raise forms.ValidationError(f"Choose a day from {day(self.earliest)} to {day(self.latest)}.")
        return value
