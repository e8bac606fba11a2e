"""Single best answer: three or four options, one of them the key."""

from typing import Any

from quizzes.kinds.base import LETTERS, Body, OneOf, Source, order_of, read_options, written_options


class Single(OneOf):
    code = "single"
    name = "Single best answer"
    needs = ("options",)
    may_be_fixed = True

    def read(self, source: Source) -> Body | None:
        rows = read_options(source.row["options"], source.wrong, least=3, most=4)
        if rows is None:
            return None
        order = order_of(source.row, [row["text"] for row in rows], source.wrong)
        return {"order": order, "options": [{"id": LETTERS[n], **row} for n, row in enumerate(rows)]}

    def written(self, body: Body) -> dict[str, Any]:
        return {"options": written_options(body["options"]), "order": body["order"]}

    def things(self, body: Body) -> list[dict[str, Any]]:
        options: list[dict[str, Any]] = body["options"]
        return options
