"""What a kind of item says about itself, and the parts that kinds share. Pure: no Django, no float.

An item's *body* is what the bank holds. Everything in it that is shown to be chosen, placed or matched has an *id* there and
a *token* in each attempt; `shown` is [[token, id], …] in the order shown. An *answer* is one line of text: tokens, or pairs
`token:value`, between spaces, always in the order shown, so that the way to an answer leaves no trace in it. The same line in
ids is what is compared with the *key*.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

Body = dict[str, Any]
Shown = Sequence[Sequence[str]]
Wrong = Callable[[str], None]

LETTERS = "abcdefgh"
LONGEST = 255  # of an answer, as its column


class NotAnAnswer(Exception):
    """What came cannot be an answer to this item; the sentence is for the person who sent it."""

    def __init__(self, sentence: str = "That answer is not one of this question's.") -> None:
        super().__init__(sentence)


@dataclass(frozen=True)
class Drawing:
    """A picture that an item may be set over; `box` is its viewBox."""

    svg: str
    sha256: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Choice:
    """`value` is what the form sends; `letter` names a region in the picture."""

    value: str
    text: str
    chosen: bool
    letter: str = ""


@dataclass(frozen=True)
class Field:
    """One question of the form: radios, checkboxes, a number or a select. `legend` is its own wording, if it has one."""

    control: str
    choices: tuple[Choice, ...] = ()
    name: str = "answer"
    legend: str = ""
    value: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Mark:
    """A letter over the picture, in the picture's own units."""

    letter: str
    x: int
    y: int
    value: str


@dataclass(frozen=True)
class Row:
    """One line of an answered item. `note` says in words what `key` and `chosen` alone do not; `heading` opens a part."""

    text: str
    key: bool = False
    chosen: bool = False
    rationale: str = ""
    note: str = ""
    heading: str = ""

    @property
    def counts(self) -> bool:
        """Whether the answer or the key says anything of this line."""
        return self.key or self.chosen or bool(self.note)


@dataclass(frozen=True)
class Pick:
    """A piece of an answer in ids, in words. A distractor is meant to be chosen by whoever does not know; `group` tells
    apart what is chosen side by side."""

    piece: str
    text: str
    key: bool = False
    distractor: bool = False
    group: str = ""


@dataclass(frozen=True)
class Told:
    """An answered item in words: what was answered, what is right, and every line with its reason."""

    answer: str
    key: str
    rows: tuple[Row, ...]

    @property
    def reasons(self) -> list[str]:
        """Why, of what the answer or the key says."""
        return [row.rationale for row in self.rows if row.rationale and row.counts]


@dataclass(frozen=True)
class Group:
    """Ids that are shuffled among themselves, unless their order means something."""

    ids: tuple[str, ...]
    fixed: bool = False


@dataclass(frozen=True)
class Source:
    """What the bank's file says of one item, and what it may refer to."""

    row: Mapping[str, Any]
    wrong: Wrong
    pictures: Mapping[str, Drawing] = field(default_factory=dict)


class Kind(ABC):
    """A kind of item. `needs` are the fields of its file beside those of every item."""

    code: ClassVar[str]
    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    asks: ClassVar[str] = ""
    partly: ClassVar[str] = ""  # how much a half-right answer earns in practice; nothing where this is empty
    may_be_fixed: ClassVar[bool] = False
    distinct: ClassVar[bool] = False  # whether no two parts of an answer may say the same

    # The bank

    @abstractmethod
    def read(self, source: Source) -> Body | None:
        """The kind's part of the body, with ids that do not depend on the key; None if the file is wrong."""

    @abstractmethod
    def written(self, body: Body) -> dict[str, Any]:
        """The kind's part of the body as its file has it, so that `read` gives the same body again."""

    def wordings(self, body: Body) -> list[str]:
        """Everything that can be chosen, for the rules of item writing."""
        return list(self.texts(body).values())

    def questions(self, stem: str, body: Body) -> list[str]:
        """What is asked, for the rules of item writing."""
        return [stem]

    # The draw

    @abstractmethod
    def groups(self, body: Body) -> list[Group]: ...

    @abstractmethod
    def texts(self, body: Body) -> dict[str, str]:
        """Wording by id, of everything that gets a token."""

    def by_name(self, body: Body) -> list[list[str]]:
        """`shown` where nothing is at stake: the bank's own names as tokens, in its own order."""
        return [[name, name] for group in self.groups(body) for name in group.ids]

    @abstractmethod
    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]: ...

    def marks(self, body: Body, shown: Shown) -> list[Mark]:
        return []

    # The answer

    @abstractmethod
    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        """The answer as it is stored. Raises NotAnAnswer. What is incomplete is an answer too, and none is ""."""

    def parts(self, shown: Shown) -> int:
        """How many parts a complete answer has at least."""
        return 1

    def is_complete(self, answer: str, shown: Shown) -> bool:
        given = answer.split()
        values = [piece.partition(":")[2] for piece in given]
        return len(given) >= self.parts(shown) and not (self.distinct and len({*values}) < len(values))

    def in_ids(self, answer: str, shown: Shown) -> str:
        """The answer with ids in place of tokens; one that names anything else is no answer."""
        ids = {pair[0]: pair[1] for pair in shown}
        pieces = [[ids.get(word, "") for word in piece.split(":")] for piece in answer.split()]
        return " ".join(":".join(words) for words in pieces) if all(word for words in pieces for word in words) else ""

    # The mark

    @abstractmethod
    def key(self, body: Body) -> Any:
        """What the seal keeps to score the item by: text, lists and mappings of text."""

    @abstractmethod
    def is_right(self, key: Any, answer: str) -> bool:
        """Whether an answer in ids is wholly right."""

    def partly_right(self, key: Any, answer: str) -> tuple[int, int]:
        """Points and of how many, in practice."""
        return int(self.is_right(key, answer)), 1

    # In words

    @abstractmethod
    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        """An answer in ids as a person would say it; "" for none."""

    @abstractmethod
    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str: ...

    @abstractmethod
    def rationales(self, body: Body) -> dict[str, str]:
        """By id; that of the whole item under ""."""

    @abstractmethod
    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        """`shown` carries the wording: [[token, id, text], …]."""

    def told(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> Told:
        """`answer` in tokens, `shown` with wording, as a seal has them."""
        given = self.in_ids(answer, shown)
        texts = {name: text for _, name, text in shown}
        rows = tuple(self.rows(key, given, shown, rationales))
        return Told(self.in_words(given, texts), self.key_in_words(key, texts), rows)

    def told_right(self, body: Body) -> Told:
        """The item answered rightly, for whoever may see the bank."""
        shown, texts = self.by_name(body), self.texts(body)
        wording = [[token, name, texts[name]] for token, name in shown]
        return self.told(self.key(body), self.right_answer(body, shown), wording, self.rationales(body))

    def sealed(self, body: Body) -> dict[str, Any]:
        """What else the seal must keep of the item."""
        return {}

    # For item statistics

    @abstractmethod
    def picks(self, body: Body) -> list[Pick]:
        """What can be chosen, piece by piece."""

    def picked(self, body: Body, piece: str) -> Pick:
        """A piece of an answer that is not among them."""
        return Pick(piece, piece)

    # For the demo, the tests and a check of each file: what could be answered

    @abstractmethod
    def right_answer(self, body: Body, shown: Shown) -> str: ...

    @abstractmethod
    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        """Some complete answers that are not right."""


def plain(value: Any) -> str:
    return " ".join(str(value).split())


def tokens_by_id(shown: Shown) -> dict[str, str]:
    return {pair[1]: pair[0] for pair in shown}


def in_order(pieces: Iterable[str], shown: Shown) -> list[str]:
    """The tokens among `pieces`, each once, in the order shown. Raises NotAnAnswer where one is unknown."""
    given = set(pieces)
    known = [token for token, *_ in shown]
    if given - {*known}:
        raise NotAnAnswer
    return [token for token in known if token in given]


def pairs_in_order(pieces: Iterable[str], allowed: Mapping[str, Iterable[str]]) -> list[str]:
    """`left:right` for each left in the order of `allowed`. Raises NotAnAnswer where one is unknown or stands twice."""
    given: dict[str, str] = {}
    for piece in pieces:
        left, _, right = piece.partition(":")
        if left in given or right not in {*allowed.get(left, ())}:
            raise NotAnAnswer
        given[left] = right
    return [f"{left}:{given[left]}" for left in allowed if left in given]


def as_pairs(answer: str) -> dict[str, str]:
    return dict(piece.partition(":")[::2] for piece in answer.split())


class Paired(Kind):
    """Each of several things has its own key: cases, matches. The key is a mapping, the answer pairs of the same ids."""

    def is_right(self, key: Any, answer: str) -> bool:
        return bool(answer) and as_pairs(answer) == key

    def partly_right(self, key: Any, answer: str) -> tuple[int, int]:
        given = as_pairs(answer)
        return sum(given.get(left) == right for left, right in key.items()), len(key)


def read_options(
    rows: Any, wrong: Wrong, *, least: int, most: int, keys: tuple[int, int] = (1, 1), what: str = "option"
) -> list[dict[str, Any]] | None:
    """Options as a body holds them, without their ids; None, and said why, where they break a rule."""
    if not isinstance(rows, list) or not least <= len(rows) <= most:
        count = len(rows) if isinstance(rows, list) else "none"
        wrong(f"{WORDS[least]} {'or' if most == least + 1 else 'to'} {WORDS[most]} {what}s, got {count}")
        return None
    if any(not isinstance(row, dict) or not row.get("text") or not row.get("rationale") for row in rows):
        wrong(f"every {what} has a text and a rationale")
        return None
    right = sum(bool(row.get("key")) for row in rows)
    if not keys[0] <= right <= keys[1]:
        if keys == (1, 1):
            wrong(f"exactly one {what} is the key, got {right}")
        else:
            wrong(f"{WORDS[keys[0]]} to {WORDS[keys[1]]} {what}s are keys, got {right}")
        return None
    if not alike([row["text"] for row in rows], wrong, what):
        return None
    return [
        {"text": plain(row["text"]), "key": bool(row.get("key")), "rationale": plain(row["rationale"])} for row in rows
    ]


def written_options(options: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The other way round."""
    return [
        {"text": row["text"], **({"key": True} if row["key"] else {}), "rationale": row["rationale"]} for row in options
    ]


def alike(texts: Sequence[str], wrong: Wrong, what: str) -> bool:
    """True if no two say the same."""
    if len({plain(text).casefold() for text in texts}) != len(texts):
        wrong(f"two {what}s say the same")
        return False
    return True


WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
NUMBER = re.compile(r"(about |up to )?[-−]?\d+([.,]\d+)?( \S+)?", re.I)


def order_of(row: Mapping[str, Any], texts: Sequence[str], wrong: Wrong) -> str:
    """`shuffled` or `fixed`. Numbers are never shuffled: whoever looks for one finds it in its place."""
    order: str = row.get("order", "shuffled")
    if order not in ("shuffled", "fixed"):
        wrong(f"order is {order}: shuffled or fixed")
    elif order == "shuffled" and all(NUMBER.fullmatch(plain(text)) for text in texts):
        wrong("options that are numbers stand in their order: write order: fixed")
    return order


class OneOf(Kind):
    """One of several things is the key: single best answer, hotspot."""

    @abstractmethod
    def things(self, body: Body) -> list[dict[str, Any]]: ...

    def groups(self, body: Body) -> list[Group]:
        return [Group(tuple(thing["id"] for thing in self.things(body)), body.get("order") == "fixed")]

    def texts(self, body: Body) -> dict[str, str]:
        return {thing["id"]: thing["text"] for thing in self.things(body)}

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts = self.texts(body)
        return [Field("radio", tuple(Choice(token, texts[name], token == answer) for token, name in shown))]

    def read_answer(self, pieces: Sequence[str], shown: Shown) -> str:
        if len(pieces) > 1:
            raise NotAnAnswer
        return " ".join(in_order(pieces, shown))

    def key(self, body: Body) -> Any:
        return next(thing["id"] for thing in self.things(body) if thing["key"])

    def is_right(self, key: Any, answer: str) -> bool:
        return bool(answer != "" and answer == key)

    def in_words(self, answer: str, texts: Mapping[str, str]) -> str:
        return texts.get(answer, "")

    def key_in_words(self, key: Any, texts: Mapping[str, str]) -> str:
        return texts[key]

    def rationales(self, body: Body) -> dict[str, str]:
        return {thing["id"]: thing["rationale"] for thing in self.things(body)}

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        return [
            Row(text, key=name == key, chosen=name == answer, rationale=rationales.get(name, ""))
            for _, name, text in shown
        ]

    def picks(self, body: Body) -> list[Pick]:
        return [Pick(thing["id"], thing["text"], thing["key"], not thing["key"]) for thing in self.things(body)]

    def right_answer(self, body: Body, shown: Shown) -> str:
        return tokens_by_id(shown)[self.key(body)]

    def wrong_answers(self, body: Body, shown: Shown) -> list[str]:
        right = self.right_answer(body, shown)
        return [token for token, *_ in shown if token != right]
