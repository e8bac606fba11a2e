"""A number with its unit, right within a tolerance. Decimal throughout; the comma and the point are the same."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from quizzes.kinds.base import Body, Field, Group, Kind, NotAnAnswer, Pick, Row, Shown, Source, plain

SPELLING = re.compile(r"[-−]?[0-9]{1,6}([.,][0-9]{1,6})?")
BELOW = 1000  # from here on somebody may write a separator of thousands, which a comma would be taken for a point


class Numeric(Kind):
    code = "numeric"
    name = "Number"
    needs = ("answer", "unit", "label", "rationale")
    asks = "Write a number, with a point or a comma."

    def read(self, source: Source) -> Body | None:
        row = source.row
        value, tolerance = _exact(row["answer"]), _exact(row.get("tolerance", 0))
        for name, number in (("answer", value), ("tolerance", tolerance)):
            if number is None:
                source.wrong(f'{name} must be a number in quotes, so that it stays as written: {name}: "0.75"')
                return None
        assert value is not None
        assert tolerance is not None
        if abs(value) >= BELOW:
            source.wrong(f"answer must be below {BELOW}, got {value}: choose a larger unit")
            return None
        if tolerance < 0 or (tolerance and tolerance >= abs(value)):
            source.wrong(f"tolerance must be 0 or less than the answer, got {tolerance}")
            return None
        unit = plain(row["unit"])
        if " " in unit or SPELLING.match(unit):
            source.wrong(f"unit must be one word, got {unit}")
            return None
        return {
            "answer": spelled(value),
            "tolerance": spelled(tolerance),
            "unit": unit,
            "label": plain(row["label"]),
            "rationale": plain(row["rationale"]),
        }

    def written(self, body: Body) -> dict[str, Any]:
        return {name: body[name] for name in ("answer", "tolerance", "unit", "label", "rationale")}

    def wordings(self, body: Body) -> list[str]:
        return []

    def groups(self, body: Body) -> list[Group]:
        return [Group((body["unit"],))]

    def texts(self, body: Body) -> dict[str, str]:
        """The one thing shown is the unit, under its own name."""
        return {body["unit"]: body["unit"]}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        return [Field("number", legend=body["label"], value=answer, unit=body["unit"])]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        written = " ".join(pieces)
        for _, unit, *_ in shown:
            written = written.removesuffix(unit).rstrip()
        if not written:
            return ""
        if not SPELLING.fullmatch(written):
            raise NotAnAnswer(f"“{' '.join(pieces)[:40]}” is not a number such as 12 or 0.75.")
        return spelled(Decimal(written.replace(",", ".").replace("−", "-")))

    def in_ids(self, answer: str, shown: Shown) -> str:
        return answer if SPELLING.fullmatch(answer) else ""

    def key(self, body: Body) -> Any:
        return {"answer": body["answer"], "tolerance": body["tolerance"], "unit": body["unit"]}

    def is_right(self, key: Any, answer: str) -> bool:
        if not SPELLING.fullmatch(answer):
            return False
        return abs(Decimal(answer) - Decimal(key["answer"])) <= Decimal(key["tolerance"])

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        return f"{answer} {''.join(texts)}" if answer else ""

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        if key["tolerance"] == "0":
            return f"{key['answer']} {key['unit']}"
        value, tolerance = Decimal(key["answer"]), Decimal(key["tolerance"])
        return (
            f"{key['answer']} {key['unit']} (right from {spelled(value - tolerance)} to {spelled(value + tolerance)} "
            f"{key['unit']})"
        )

    def rationales(self, body: Body) -> dict[str, str]:
        return {"": body["rationale"]}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        right, why = self.is_right(key, answer), rationales.get("", "")
        texts = {name: text for _, name, text in shown}
        given, wanted = self.in_words(answer, texts), self.key_in_words(key, texts)
        if right and answer != key["answer"]:
            return [Row(given, key=True, chosen=True, note="right"), Row(wanted, key=True, rationale=why)]
        rows = [Row(wanted, key=True, chosen=right, rationale=why)]
        return rows if right or not answer else [*rows, Row(given, chosen=True)]

    def picks(self, body: Body) -> list[Pick]:
        """The key alone: any number may be written."""
        return [self.picked(body, body["answer"])]

    def picked(self, body: Body, piece: str) -> Pick:
        return Pick(piece, f"{piece} {body['unit']}", self.is_right(self.key(body), piece))

    def right_answer(self, body: Body, shown: Shown) -> str:
        return str(body["answer"])

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """Far off on either side of the tolerance."""
        value, tolerance = Decimal(body["answer"]), Decimal(body["tolerance"])
        return [spelled(value + 2 * tolerance + 1), spelled(value + 3 * tolerance + 2)]


def spelled(number: Decimal) -> str:
    """The one spelling of a number: no exponent, no trailing zeros, no minus before nothing."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _exact(value: Any) -> Decimal | None:
    """As written in the file. A number with a point outside quotes has gone through a float, and is refused."""
    if type(value) is int:
        return Decimal(value)
    written = str(value) if isinstance(value, str) else ""
    return Decimal(written.replace("−", "-")) if SPELLING.fullmatch(written) and "," not in written else None
