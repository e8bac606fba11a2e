"""Several right answers: two to four keys among four to six options. All of them and no other is right."""

from collections.abc import Mapping, Sequence
from typing import Any

from quizzes.kinds.base import (
    LETTERS,
    Body,
    Choice,
    Field,
    Group,
    Kind,
    Pick,
    Row,
    Shown,
    Source,
    in_order,
    order_of,
    read_options,
    tokens_by_id,
    written_options,
)


class Multiple(Kind):
    code = "multiple"
    name = "Several right answers"
    needs = ("options",)
    asks = "Tick every answer that is right. It counts if all of them are ticked, and no other."
    partly = "One point for each right answer ticked, one less for each wrong one, and never below 0."
    may_be_fixed = True

    def read(self, source: Source) -> Body | None:
        rows = read_options(source.row["options"], source.wrong, least=4, most=6, keys=(2, 4))
        if rows is None:
            return None
        if all(row["key"] for row in rows):
            source.wrong("at least one option is not a key")
            return None
        order = order_of(source.row, [row["text"] for row in rows], source.wrong)
        return {"order": order, "options": [{"id": LETTERS[n], **row} for n, row in enumerate(rows)]}

    def written(self, body: Body) -> dict[str, Any]:
        return {"options": written_options(body["options"]), "order": body["order"]}

    def groups(self, body: Body) -> list[Group]:
        return [Group(tuple(option["id"] for option in body["options"]), body["order"] == "fixed")]

    def texts(self, body: Body) -> dict[str, str]:
        return {option["id"]: option["text"] for option in body["options"]}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts, chosen = self.texts(body), answer.split()
        return [Field("checkbox", tuple(Choice(token, texts[name], token in chosen) for token, name in shown))]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        return " ".join(in_order(pieces, shown))

    def key(self, body: Body) -> Any:
        return sorted(option["id"] for option in body["options"] if option["key"])

    def is_right(self, key: Any, answer: str) -> bool:
        return bool(answer) and {*answer.split()} == {*key}

    def partly_right(self, key: Any, answer: str) -> tuple[int, int]:
        given = {*answer.split()}
        return max(0, len(given & {*key}) - len(given - {*key})), len(key)

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        return "; ".join(texts[name] for name in answer.split())

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        return "; ".join(text for name, text in texts.items() if name in key)

    def rationales(self, body: Body) -> dict[str, str]:
        return {option["id"]: option["rationale"] for option in body["options"]}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        given = answer.split()
        return [
            Row(text, key=name in key, chosen=name in given, rationale=rationales.get(name, ""))
            for _, name, text in shown
        ]

    def picks(self, body: Body) -> list[Pick]:
        return [Pick(option["id"], option["text"], option["key"], not option["key"]) for option in body["options"]]

    def right_answer(self, body: Body, shown: Shown) -> str:
        tokens = tokens_by_id(shown)
        return self.read_answer([tokens[name] for name in self.key(body)], shown)

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """One key left out; one wrong option added; all the wrong ones."""
        right = self.right_answer(body, shown).split()
        others = [token for token, *_ in shown if token not in right]
        answers = (right[1:], [*right, others[0]], others)
        return [self.read_answer(answer, shown) for answer in answers]
