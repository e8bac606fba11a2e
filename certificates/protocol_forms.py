"""Forms of the clinic's protocol: a value in words or as a table, the cautious defaults, the state's rule."""

from typing import Any

from django import forms

from certificates.forms import SigningForm, Words
from training.models import ProtocolItem
from training.protocol import table_text

SPARE_ROWS = 4
MOST_ROWS = 40


class DecideForm(SigningForm):
    """`choice`: the cautious default, or a value of the clinic's own; a table's rows come as cell-0-0, cell-0-1 and on."""

    choice = forms.ChoiceField(choices=[("default", "default"), ("own", "own")])
    text = Words(max_length=4000, required=False)
    reread = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, item: ProtocolItem) -> None:
        super().__init__(data)
        self.item = item
        self.columns = [column.strip() for column in item.columns.split(",") if column.strip()]

    def rows(self) -> list[list[str]]:
        """The filled rows of the table, as typed."""
        found = []
        for row in range(MOST_ROWS):
            cells = [str(self.data.get(f"cell-{row}-{place}", "")).strip()[:120] for place in range(len(self.columns))]
            if any(cells):
                found.append(cells)
        return found

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("choice") != "own":
            return cleaned
        if self.item.kind == "table":
            rows = self.rows()
            if not rows or any(not cell for row in rows for cell in row):
                self.add_error("text", "Fill every cell of a row, and at least one row.")
            else:
                cleaned["text"] = table_text(rows)
        elif not cleaned.get("text", "").strip():
            self.add_error("text", "Write your clinic's value, or choose the cautious default.")
        return cleaned


class DefaultsForm(SigningForm):
    read = forms.BooleanField()


class RuleForm(SigningForm):
    rule = Words(max_length=2000, error_messages={"required": "Name the rule."})
    licence_types = Words(max_length=2000, error_messages={"required": "Name at least one licence type."})

    def types(self) -> list[str]:
        return [line for line in self.cleaned_data["licence_types"].splitlines() if line.strip()]


class ProgrammeForm(SigningForm):
    """Nothing but the signature."""
