"""A case: a story with two or three questions, each with one best answer. One place of the form, right only as a whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from quizzes.kinds.base import (
    LETTERS,
    WORDS,
    Body,
    Choice,
    Field,
    Group,
    Paired,
    Pick,
    Row,
    Shown,
    Source,
    as_pairs,
    order_of,
    pairs_in_order,
    plain,
    read_options,
    tokens_by_id,
    written_options,
)


class Case(Paired):
    code = "case"
    name = "Case"
    needs = ("parts",)
    asks = "One best answer to each question. The case counts if all are right."
    partly = "One point for each question answered right."

    def read(self, source: Source) -> Body | None:
        rows = source.row["parts"]
        if not isinstance(rows, list) or not 2 <= len(rows) <= 3:
            source.wrong(f"two or three parts, got {len(rows) if isinstance(rows, list) else 'none'}")
            return None
        parts = []
        for n, row in enumerate(rows, start=1):

            def wrong(sentence: str, n: int = n) -> None:
                source.wrong(f"part {WORDS[n]}: {sentence}")

            if not isinstance(row, dict) or not row.get("stem"):
                wrong("a part has a stem and options")
                return None
            options = read_options(row.get("options"), wrong, least=3, most=4)
            if options is None:
                return None
            order = order_of(row, [option["text"] for option in options], wrong)
            named = [{"id": f"{n}{LETTERS[m]}", **option} for m, option in enumerate(options)]
            parts.append({"id": str(n), "stem": plain(row["stem"]), "order": order, "options": named})
        return {"parts": parts}

    def written(self, body: Body) -> dict[str, Any]:
        parts = [
            {"stem": part["stem"], "options": written_options(part["options"]), "order": part["order"]}
            for part in body["parts"]
        ]
        return {"parts": parts}

    def wordings(self, body: Body) -> list[str]:
        return [option["text"] for part in body["parts"] for option in part["options"]]

    def questions(self, stem: str, body: Body) -> list[str]:
        """The stem tells a story, in which anything may happen."""
        return [part["stem"] for part in body["parts"]]

    def groups(self, body: Body) -> list[Group]:
        """The questions follow one another; their options are shuffled."""
        questions = Group(tuple(part["id"] for part in body["parts"]), fixed=True)
        options = [
            Group(tuple(option["id"] for option in part["options"]), part["order"] == "fixed") for part in body["parts"]
        ]
        return [questions, *options]

    def texts(self, body: Body) -> dict[str, str]:
        stems = {part["id"]: part["stem"] for part in body["parts"]}
        return stems | {option["id"]: option["text"] for part in body["parts"] for option in part["options"]}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts, given = self.texts(body), as_pairs(answer)
        return [
            Field(
                "radio",
                tuple(
                    Choice(f"{part}:{token}", texts[option], given.get(part) == token)
                    for token, option, *_ in _options(name, shown)
                ),
                name=f"answer-{part}",
                legend=texts[name],
            )
            for part, name, *_ in _parts(shown)
        ]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        allowed = {part: [token for token, *_ in _options(name, shown)] for part, name, *_ in _parts(shown)}
        return " ".join(pairs_in_order(pieces, allowed))

    def parts(self, shown: Shown) -> int:
        return len(_parts(shown))

    def key(self, body: Body) -> Any:
        return {part["id"]: next(option["id"] for option in part["options"] if option["key"]) for part in body["parts"]}

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        return "; ".join(f"{part}. {texts[option]}" for part, option in as_pairs(answer).items())

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        return "; ".join(f"{part}. {texts[option]}" for part, option in key.items())

    def rationales(self, body: Body) -> dict[str, str]:
        return {option["id"]: option["rationale"] for part in body["parts"] for option in part["options"]}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        given = as_pairs(answer)
        return [
            Row(
                text,
                key=option == key[name],
                chosen=option == given.get(name),
                rationale=rationales.get(option, ""),
                heading="" if n else f"{name}. {stem}",
            )
            for _, name, stem in _parts(shown)
            for n, (_, option, text) in enumerate(_options(name, shown))
        ]

    def picks(self, body: Body) -> list[Pick]:
        return [
            Pick(
                f"{part['id']}:{option['id']}",
                f"{part['id']}. {option['text']}",
                option["key"],
                not option["key"],
                part["id"],
            )
            for part in body["parts"]
            for option in part["options"]
        ]

    def right_answer(self, body: Body, shown: Shown) -> str:
        return self._answered(self.key(body), shown)

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """One question after the other answered wrongly."""
        key = self.key(body)
        return [
            self._answered({**key, part["id"]: option["id"]}, shown)
            for part in body["parts"]
            for option in part["options"]
            if not option["key"]
        ]

    def _answered(self, key: Mapping[str, str], shown: Shown) -> str:
        tokens = tokens_by_id(shown)
        return self.read_answer([f"{tokens[part]}:{tokens[option]}" for part, option in key.items()], shown)


def _parts(shown: Shown) -> list[Sequence[str]]:
    """A question is called by its number, an option by that number and a letter."""
    return [row for row in shown if row[1].isdecimal()]


def _options(part: str, shown: Shown) -> list[Sequence[str]]:
    return [row for row in shown if row[1] != part and row[1].startswith(part)]
