"""Words of the field in a text: which are used, and their first use made a button that opens the meaning. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

MOST_WORDS = 40
# What a reader does not stop at: a heading is scanned, a link leads elsewhere.
UNMARKED = ("a", "h2", "h3")
TAG = re.compile(r"(<[^>]+>)")


@dataclass(frozen=True)
class Word:
    """`forms` are the spellings in a text. One with a capital after its first letter (PIH) is matched as it stands."""

    code: str
    term: str
    forms: tuple[str, ...]
    meaning: str


@lru_cache(maxsize=16)
def _finder(words: tuple[Word, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of every form, the longest first, and the code of each form as it is matched."""
    codes = {_key(form): word.code for word in words for form in word.forms}
    forms = sorted({form for word in words for form in word.forms}, key=len, reverse=True)
    exact = [re.escape(form) for form in forms if _is_exact(form)]
    loose = [re.escape(form) for form in forms if not _is_exact(form)]
    ways = [pattern for pattern in ("|".join(exact), f"(?i:{'|'.join(loose)})" if loose else "") if pattern]
    return re.compile(rf"(?<![\w&-])(?:{'|'.join(ways) or '(?!)'})(?![\w-])".replace(r"\ ", r"\s+")), codes


def _is_exact(form: str) -> bool:
    return form[1:] != form[1:].lower()


def _key(form: str) -> str:
    form = " ".join(form.split())
    return form if _is_exact(form) else form.lower()


def _code(form: str, codes: dict[str, str]) -> str:
    form = " ".join(form.split())
    return codes.get(form) or codes[form.lower()]


def used(text: str, words: Sequence[Word]) -> list[str]:
    """The codes of the words in a text, in the order of first use."""
    pattern, codes = _finder(tuple(words))
    return list(dict.fromkeys(_code(match.group(), codes) for match in pattern.finditer(text)))


def without(text: str, words: Sequence[Word]) -> str:
    """The text with the words of the glossary taken out."""
    return _finder(tuple(words))[0].sub(" ", text)


def first_uses(html: str, words: Sequence[Word], met: set[str]) -> str:
    """Sanitised HTML with each word that is not in `met` made a button; `met` grows by it."""
    pattern, codes = _finder(tuple(words))

    def button(match: re.Match[str]) -> str:
        code = _code(match.group(), codes)
        if code in met:
            return match.group()
        met.add(code)
        return f'<button type="button" class="term" popovertarget="word-{escape(code)}">{match.group()}</button>'

    done: list[str] = []
    depth = 0
    for piece in TAG.split(html):
        name = re.match(r"</?(\w+)", piece)
        if name and name.group(1) in UNMARKED:
            depth += -1 if piece.startswith("</") else 1
        done.append(piece if name or depth else pattern.sub(button, piece))
    return "".join(done)


def problems(words: Iterable[Word]) -> list[tuple[str, str]]:
    """The code of each word that is not as it should be, with what is wrong."""
    found: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for word in words:
        for form in map(_key, word.forms):
            if seen.setdefault(form, word.code) != word.code:
                found.append((word.code, f"{form} is a form of {seen[form]} already"))
        if not word.meaning.endswith(".") or re.search(r"[.?!]\s", word.meaning):
            found.append((word.code, "the meaning is one sentence"))
        elif len(word.meaning.split()) > MOST_WORDS:
            found.append((word.code, f"the meaning has {len(word.meaning.split())} words; {MOST_WORDS} are the most"))
    return found
