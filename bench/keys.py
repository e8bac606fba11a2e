"""The right answer to each question by its wording: what a taker knows beforehand, so that nobody asks the database meanwhile.

A choice is known by the words around it (its field's legend and its own text), since each attempt calls it otherwise.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape

from quizzes import kinds

STEM = re.compile(r'<legend class="stem[^>]*><span[^>]*>[^<]*</span>(.*?)</legend>', re.DOTALL)
PART = re.compile(r'<fieldset class="part"><legend>\d+\. (.*?)</legend>(.*?)</fieldset>', re.DOTALL)
SELECT = re.compile(r'<select [^>]*id="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
LABEL = re.compile(r'<label[^>]* for="([^"]+)">(.*?)</label>', re.DOTALL)
OPTION = re.compile(r'<option value="([^"]+)"[^>]*>(.*?)</option>', re.DOTALL)
CHOICE = re.compile(r'<input [^>]*value="([^"]*)"[^>]*><span>(?:<b>\w</b> )?(.*?)</span></label>', re.DOTALL)

Words = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """A right and a wrong answer: choices by their words, or for a number the number itself."""

    right: Sequence[Words | str]
    wrong: Sequence[Words | str]


def known(code: str, content: kinds.Body) -> Known:
    kind = kinds.of(code)
    shown = kind.by_name(content)
    words = {
        choice.value: (field.legend, choice.text)
        for field in kind.fields(content, shown, "")
        for choice in field.choices
    }

    def told(answer: str) -> list[Words | str]:
        return [words.get(piece, piece) for piece in answer.split()]

    return Known(told(kind.right_answer(content, shown)), told(kind.wrong_answers(content, shown)[0]))


def stem_of(form: str) -> str:
    found = STEM.search(form)
    return plain(found[1]) if found else ""


def as_sent(answer: Sequence[Words | str], form: str) -> str:
    """The answer in the values of this form."""
    values = values_of(form)
    return " ".join(values[piece] if isinstance(piece, tuple) else piece for piece in answer)


def values_of(form: str) -> Mapping[Words, str]:
    """What each choice of the form sends, by the words around it."""
    labels = {called: plain(text) for called, text in LABEL.findall(form)}
    found = {
        (labels[called], plain(text)): value
        for called, options in SELECT.findall(form)
        for value, text in OPTION.findall(options)
    }
    parts = PART.findall(form)
    for legend, choices in parts or [("", form)]:
        found |= {(plain(legend), plain(text)): value for value, text in CHOICE.findall(choices)}
    return found


def plain(markup: str) -> str:
    return unescape(markup).strip()
