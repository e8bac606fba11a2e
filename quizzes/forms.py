"""How a list is narrowed. Choices are passed in, scoped to who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms


@dataclass(frozen=True)
class CoverageNarrowing:
    """What the address asks for. Empty means all."""

    module: str = ""
    clinic: str = ""
    show: str = ""

    @property
    def gaps_only(self) -> bool:
        return self.show == "gaps"


class CoverageForm(forms.Form):
    """An unknown value in the address asks for nothing; a clinic that is not the viewer's is refused by the view."""

    module = forms.ChoiceField(label="Module", required=False)
    clinic = forms.ChoiceField(label="Clinic", required=False)
    show = forms.ChoiceField(label="Show", required=False, choices=[("", "Everything"), ("gaps", "Gaps only")])

    def __init__(
        self, *args: Any, modules: Sequence[tuple[str, str]], clinics: Sequence[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **(kwargs | {"auto_id": "f-%s"}))
        self.fields["module"].choices = [("", "All modules"), *modules]  # type: ignore[attr-defined]
        self.fields["clinic"].choices = clinics  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select"

    def narrowing(self) -> CoverageNarrowing:
        self.is_valid()
        return CoverageNarrowing(**{name: self.cleaned_data.get(name, "") for name in self.fields})
