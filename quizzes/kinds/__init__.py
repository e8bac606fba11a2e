"""The kinds of item. A further kind is one more file here and its name in this list."""

from quizzes.kinds.base import (
    LONGEST,
    Body,
    Choice,
    Drawing,
    Field,
    Kind,
    Mark,
    NotAnAnswer,
    Pick,
    Row,
    Shown,
    Source,
    Told,
    Wrong,
)
from quizzes.kinds.case import Case
from quizzes.kinds.hotspot import Hotspot
from quizzes.kinds.match import Match
from quizzes.kinds.multiple import Multiple
from quizzes.kinds.numeric import Numeric
from quizzes.kinds.order import Order
from quizzes.kinds.single import Single

KINDS: dict[str, Kind] = {
    kind.code: kind for kind in (Single(), Multiple(), Numeric(), Order(), Match(), Hotspot(), Case())
}


def of(code: str) -> Kind:
    return KINDS[code]


__all__ = [
    "KINDS",
    "LONGEST",
    "Body",
    "Choice",
    "Drawing",
    "Field",
    "Kind",
    "Mark",
    "NotAnAnswer",
    "Pick",
    "Row",
    "Shown",
    "Source",
    "Told",
    "Wrong",
    "of",
]
