"""Forms of the practicals: the start of a sheet, the scores on it, the learner's answer."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from certificates.forms import SigningForm
from training import practicals
from training.models import Observation, PracticalVersion

NO_PATIENTS = "Write no name and no initials of a patient."


class StartForm(forms.Form):
    """What is about to be watched. Device, cartridge and areas are asked for on a patient only."""

    setting = forms.ChoiceField(label="Occasion", choices=Observation.Setting.choices, widget=forms.RadioSelect)
    practicals = forms.MultipleChoiceField(label="Practicals", widget=forms.CheckboxSelectMultiple)
    device = forms.CharField(label="Device, maker and model", max_length=120, required=False)
    device_serial = forms.CharField(label="Serial number of the device", max_length=60, required=False)
    cartridge_lot = forms.CharField(label="Lot of the cartridge", max_length=60, required=False)
    cartridge_expires_on = forms.DateField(
        label="Expiry of the cartridge", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, data: Any, *, versions: Sequence[PracticalVersion]) -> None:
        super().__init__(data)
        choice = self.fields["practicals"]
        assert isinstance(choice, forms.MultipleChoiceField)
        choice.choices = [(version.code, str(version)) for version in versions]
        for area, label in practicals.AREAS.items():
            self.fields[f"area-{area}"] = forms.ChoiceField(
                label=label, required=False, choices=[("", "not treated"), *practicals.BANDS.items()]
            )

    @property
    def area_fields(self) -> list[forms.BoundField]:
        return [self[f"area-{area}"] for area in practicals.AREAS]

    def treated(self) -> list[tuple[str, str]]:
        chosen = [(area, self.cleaned_data.get(f"area-{area}", "")) for area in practicals.AREAS]
        return [(area, band) for area, band in chosen if band]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("setting") in practicals.ON_A_PATIENT:
            for name in ("device", "device_serial", "cartridge_lot", "cartridge_expires_on"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "On a patient this belongs to the record.")
            if not self.treated():
                self.add_error(None, "Say for at least one area how deep: on a patient it belongs to the record.")
        return cleaned


class SheetForm(forms.Form):
    """The whole sheet at once, for a browser without JavaScript."""

    comment = forms.CharField(max_length=4000, required=False)

    def scores(self) -> dict[int, tuple[int, int]]:
        """By position: the score that is ticked, and the revision that the page showed."""
        found = {}
        for name, value in self.data.items():
            match = re.fullmatch(r"score-(\d{1,3})", name)
            if match and str(value) in ("0", "1", "2"):
                revision = str(self.data.get(f"revision-{match[1]}", ""))
                found[int(match[1])] = (int(str(value)), int(revision) if revision.isdecimal() else -1)
        return found


class SignSheetForm(SigningForm):
    """Nothing but the signature."""


class SelfForm(forms.Form):
    """One's own scores of the practicals on a sheet."""

    def __init__(self, data: Any, *, versions: Iterable[PracticalVersion]) -> None:
        super().__init__(data)
        self.versions = list(versions)

    def scores(self) -> dict[PracticalVersion, list[int]] | None:
        """None where a line is without a score."""
        found: dict[PracticalVersion, list[int]] = {}
        for version in self.versions:
            given = [str(self.data.get(f"self-{version.code}-{n}", "")) for n in range(len(version.lines))]
            if not set(given) <= {"0", "1", "2"}:
                return None
            found[version] = [int(score) for score in given]
        return found


class AcknowledgeForm(forms.Form):
    agrees = forms.ChoiceField(choices=[("yes", "I agree"), ("no", "I see it differently")])
    text = forms.CharField(max_length=2000, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("agrees") == "no" and not cleaned.get("text", "").strip():
            self.add_error("text", "Say what you see differently: your physician reads it beside the scores.")
        return cleaned


class ObserverForm(SigningForm):
    approved = forms.ChoiceField(choices=[("yes", "yes"), ("no", "no")])
