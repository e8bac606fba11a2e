"""Steps to be put in order: each step gets its place in a numbered select."""

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
    alike,
    as_pairs,
    pairs_in_order,
    plain,
    tokens_by_id,
)


class Order(Kind):
    code = "order"
    name = "Steps in order"
    needs = ("steps", "rationale")
    asks = "Give every step its place. It counts if all places are right."
    partly = "One point for each step in its right place."
    distinct = True

    def read(self, source: Source) -> Body | None:
        rows = source.row["steps"]
        if not isinstance(rows, list) or not 3 <= len(rows) <= 6:
            source.wrong(f"three to six steps, got {len(rows) if isinstance(rows, list) else 'none'}")
            return None
        if any(not isinstance(row, str) or not row.strip() for row in rows):
            source.wrong("every step is a line of text")
            return None
        if not alike(rows, source.wrong, "step"):
            return None
        steps = [plain(row) for row in rows]
        ids = {text: LETTERS[n] for n, text in enumerate(sorted(steps))}  # so an id tells nothing about a place
        return {
            "steps": [{"id": ids[text], "text": text} for text in sorted(steps)],
            "sequence": [ids[text] for text in steps],
            "rationale": plain(source.row["rationale"]),
        }

    def written(self, body: Body) -> dict[str, Any]:
        texts = self.texts(body)
        return {"steps": [texts[name] for name in body["sequence"]], "rationale": body["rationale"]}

    def groups(self, body: Body) -> list[Group]:
        return [Group(tuple(step["id"] for step in body["steps"]))]

    def texts(self, body: Body) -> dict[str, str]:
        return {step["id"]: step["text"] for step in body["steps"]}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts, given = self.texts(body), as_pairs(answer)
        return [
            Field(
                "place",
                tuple(Choice(f"{token}:{place}", place, given.get(token) == place) for place in _places(shown)),
                legend=texts[name],
            )
            for token, name in shown
        ]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        places = _places(shown)
        return " ".join(pairs_in_order(pieces, {token: places for token, *_ in shown}))

    def parts(self, shown: Shown) -> int:
        return len(shown)

    def in_ids(self, answer: str, shown: Shown) -> str:
        ids = {pair[0]: pair[1] for pair in shown}
        pieces = as_pairs(answer)
        if not all(token in ids and place in _places(shown) for token, place in pieces.items()):
            return ""
        return " ".join(f"{ids[token]}:{place}" for token, place in pieces.items())

    def key(self, body: Body) -> Any:
        return body["sequence"]

    def is_right(self, key: Any, answer: str) -> bool:
        return bool(answer) and as_pairs(answer) == _places_of(key)

    def partly_right(self, key: Any, answer: str) -> tuple[int, int]:
        given = as_pairs(answer)
        return sum(given.get(name) == place for name, place in _places_of(key).items()), len(key)

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        given = sorted(as_pairs(answer).items(), key=lambda pair: pair[1])
        return "; ".join(f"{place}. {texts[name]}" for name, place in given)

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        return "; ".join(f"{place}. {texts[name]}" for name, place in _places_of(key).items())

    def rationales(self, body: Body) -> dict[str, str]:
        return {"": body["rationale"]}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        texts, given = {name: text for _, name, text in shown}, as_pairs(answer)
        rows: list[Row] = []
        for name, place in _places_of(key).items():
            put = given.get(name)
            note = "" if put == place else f"put in place {put}" if put else "given no place"
            last = len(rows) == len(key) - 1
            rows.append(
                Row(
                    f"{place}. {texts[name]}",
                    key=put == place,
                    chosen=put is not None,
                    note=note or "in its place",
                    rationale=rationales.get("", "") if last else "",
                )
            )
        return rows

    def picks(self, body: Body) -> list[Pick]:
        texts, places = self.texts(body), _places_of(body["sequence"])
        return [
            Pick(f"{name}:{place}", f"{place}. {texts[name]}", places[name] == place)
            for place in places.values()
            for name in body["sequence"]
        ]

    def right_answer(self, body: Body, shown: Shown) -> str:
        return self._placed(body["sequence"], shown)

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """The first two exchanged; the other way round."""
        first, second, *rest = body["sequence"]
        return [self._placed([second, first, *rest], shown), self._placed(body["sequence"][::-1], shown)]

    def _placed(self, sequence: Sequence[str], shown: Shown) -> str:
        tokens = tokens_by_id(shown)
        return self.read_answer([f"{tokens[name]}:{place}" for name, place in _places_of(sequence).items()], shown)


def _places(shown: Shown) -> list[str]:
    return [str(n) for n in range(1, len(shown) + 1)]


def _places_of(sequence: Sequence[str]) -> dict[str, str]:
    return {name: str(n) for n, name in enumerate(sequence, start=1)}
