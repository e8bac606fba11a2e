"""Things to be matched: each on the left gets one of the texts on the right, which may serve twice or not at all."""

from collections.abc import Mapping, Sequence
from typing import Any

from quizzes.kinds.base import (
    LETTERS,
    Body,
    Choice,
    Field,
    Group,
    Paired,
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


class Match(Paired):
    code = "match"
    name = "Matching"
    needs = ("pairs",)
    asks = "Choose what belongs to each. It counts if all are right."
    partly = "One point for each that is right."

    def read(self, source: Source) -> Body | None:
        pairs, others = source.row["pairs"], source.row.get("others") or []
        if not isinstance(pairs, list) or not 3 <= len(pairs) <= 5:
            source.wrong(f"three to five pairs, got {len(pairs) if isinstance(pairs, list) else 'none'}")
            return None
        whole = ("left", "right", "rationale")
        if any(not isinstance(pair, dict) or not all(pair.get(name) for name in whole) for pair in pairs):
            source.wrong("every pair has a left, a right and a rationale")
            return None
        if not isinstance(others, list) or any(not isinstance(other, str) for other in others):
            source.wrong("others are lines of text that belong to no pair")
            return None
        used = dict.fromkeys(plain(pair["right"]) for pair in pairs)
        if not alike([pair["left"] for pair in pairs], source.wrong, "left side"):
            return None
        if not alike([*used, *others], source.wrong, "right side"):
            return None
        rights = sorted([*used, *(plain(other) for other in others)])
        if not 3 <= len(rights) <= 6:
            source.wrong(f"three to six texts on the right, got {len(rights)}")
            return None
        if not others and len(used) == len(pairs):
            source.wrong("the last pair follows from the rest: add a text under others, or let two share one")
            return None
        ids = {text: LETTERS[n] for n, text in enumerate(rights)}  # by the alphabet, so that an id tells nothing
        return {
            "lefts": [
                {
                    "id": str(n),
                    "text": plain(pair["left"]),
                    "key": ids[plain(pair["right"])],
                    "rationale": plain(pair["rationale"]),
                }
                for n, pair in enumerate(pairs, start=1)
            ],
            "rights": [{"id": ids[text], "text": text} for text in rights],
        }

    def written(self, body: Body) -> dict[str, Any]:
        rights = {right["id"]: right["text"] for right in body["rights"]}
        used = {left["key"] for left in body["lefts"]}
        return {
            "pairs": [
                {"left": left["text"], "right": rights[left["key"]], "rationale": left["rationale"]}
                for left in body["lefts"]
            ],
            "others": [text for name, text in rights.items() if name not in used],
        }

    def groups(self, body: Body) -> list[Group]:
        return [Group(tuple(thing["id"] for thing in body[side])) for side in ("lefts", "rights")]

    def texts(self, body: Body) -> dict[str, str]:
        return {thing["id"]: thing["text"] for side in ("lefts", "rights") for thing in body[side]}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts, given = self.texts(body), as_pairs(answer)
        lefts, rights = _sides(shown)
        return [
            Field(
                "select",
                tuple(Choice(f"{left}:{right}", texts[about], given.get(left) == right) for right, about, *_ in rights),
                legend=texts[name],
            )
            for left, name, *_ in lefts
        ]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        lefts, rights = _sides(shown)
        return " ".join(pairs_in_order(pieces, {left: [right for right, *_ in rights] for left, *_ in lefts}))

    def parts(self, shown: Shown) -> int:
        return len(_sides(shown)[0])

    def key(self, body: Body) -> Any:
        return {left["id"]: left["key"] for left in body["lefts"]}

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        return "; ".join(f"{texts[left]}: {texts[right]}" for left, right in as_pairs(answer).items())

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        return "; ".join(f"{texts[left]}: {texts[right]}" for left, right in key.items())

    def rationales(self, body: Body) -> dict[str, str]:
        return {left["id"]: left["rationale"] for left in body["lefts"]}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        texts, given = {name: text for _, name, text in shown}, as_pairs(answer)
        rows = []
        for _, left, text in _sides(shown)[0]:
            put = given.get(left)
            note = "matched" if put == key[left] else f"matched with “{texts[put]}”" if put else "not matched"
            rows.append(
                Row(
                    f"{text}: {texts[key[left]]}",
                    key=put == key[left],
                    chosen=put is not None,
                    rationale=rationales.get(left, ""),
                    note=note,
                )
            )
        return rows

    def picks(self, body: Body) -> list[Pick]:
        """A text that belongs elsewhere is wrong here, and still no distractor: it is there for its own left."""
        return [
            Pick(f"{left['id']}:{right['id']}", f"{left['text']}: {right['text']}", right["id"] == left["key"])
            for left in body["lefts"]
            for right in body["rights"]
        ]

    def right_answer(self, body: Body, shown: Shown) -> str:
        return self._matched(self.key(body), shown)

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """Each left in turn with another right."""
        key, rights = self.key(body), [right["id"] for right in body["rights"]]
        return [
            self._matched({**key, left: next(other for other in rights if other != right)}, shown)
            for left, right in key.items()
        ]

    def _matched(self, key: Mapping[str, str], shown: Shown) -> str:
        tokens = tokens_by_id(shown)
        return self.read_answer([f"{tokens[left]}:{tokens[right]}" for left, right in key.items()], shown)


def _sides(shown: Shown) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    """A left is called by a number, a right by a letter."""
    return [row for row in shown if row[1].isdecimal()], [row for row in shown if not row[1].isdecimal()]
