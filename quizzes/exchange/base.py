"""What the formats share: an item as it was found in a file, the tags that carry what the format has no field for, limits."""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

MOST_BYTES = 5_000_000
MOST_ITEMS = 500


class Unreadable(Exception):
    """The file as a whole cannot be read; the sentence is for whoever sent it."""


class Unsupported(Exception):
    """This one item has no counterpart here; the sentence says why."""


@dataclass(frozen=True)
class Found:
    """An item of a file: the fields of its kind as our files name them, or why it cannot be taken.

    `reason` is empty where it can. A rationale that the file does not give is None in its place.
    """

    name: str
    row: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    tags: tuple[str, ...] = ()
    category: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Outgoing:
    """An item on its way out, with the fields of its file."""

    row: dict[str, Any]

    @property
    def tags(self) -> list[str]:
        row = self.row
        tags = [*row["points"], f"level:{row['level']}", f"bank:{row['bank']}"]
        tags += [f"depends:{code}" for code in row["depends"]]
        tags += ["order:fixed"] if row.get("order") == "fixed" else []
        tags += [f"order:fixed:{n}" for n, part in enumerate(row.get("parts", ()), 1) if part["order"] == "fixed"]
        if row["kind"] == "numeric":
            tags += [f"unit:{row['unit']}", f"label:{row['label']}"]
        return tags


def text_of(data: bytes) -> str:
    """As the systems write it: UTF-8, UTF-16 with its mark, or what an old Windows wrote. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file has {len(data) // 1_000_000} MB; at most {MOST_BYTES // 1_000_000} are read.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings: Sequence[str] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Unreadable("The file is not text: export it as GIFT or Moodle XML.")


class _Words(HTMLParser):
    """The words of a piece of HTML, paragraph after paragraph."""

    BREAKS = frozenset({"p", "br", "div", "li", "tr", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6"})
    MEDIA = frozenset({"img", "audio", "video", "iframe", "object", "embed", "svg", "math", "table"})
    SILENT = frozenset({"script", "style"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self.MEDIA:
            raise Unsupported("it has a picture, a table or other media, which items here do not carry")
        self.silent += tag in self.SILENT
        self.words += ["\n"] if tag in self.BREAKS else []

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in self.SILENT))
        self.words += ["\n"] if tag in self.BREAKS else []

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def words_of(text: str, style: str = "") -> str:
    """The plain wording, lines kept. `style` is the format that the file names: html, plain_text, markdown …"""
    if "@@PLUGINFILE@@" in text:
        raise Unsupported("it has a picture, a table or other media, which items here do not carry")
    looks = re.search(r"</?[a-z][^<>]*>|&#?\w+;", text, re.I)
    if style in ("html", "moodle_auto_format", "moodle", "") and looks:
        reader = _Words()
        reader.feed(text)
        reader.close()
        text = "".join(reader.words)
    elif style == "markdown":
        text = re.sub(r"(\*\*|__|`)(.+?)\1", r"\2", text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def line_of(text: str, style: str = "") -> str:
    return " ".join(words_of(text, style).split())


def as_html(text: str) -> str:
    return f"<p>{html.escape(text, quote=False)}</p>"


def tag_value(tags: Iterable[str], name: str) -> str:
    return next((tag.partition(":")[2].strip() for tag in tags if tag.lower().startswith(f"{name}:")), "")


def lines_for(text: str, count: int) -> list[str | None]:
    """A reason for each of several things: its own line where there are as many, else the whole for all."""
    lines = text.split("\n") if text else []
    if len(lines) == count:
        return [*lines]
    return [" ".join(lines) or None] * count


def choice_row(
    answers: Sequence[tuple[str, float, str]], *, single: bool, general: str, tags: Sequence[str], fixed: bool = False
) -> dict[str, Any]:
    """Single best answer or several right ones. `answers` are wording, per cent and feedback."""
    if single and any(0 < share < 100 for _, share, _ in answers):
        raise Unsupported("it gives part of the marks for a second answer: here one answer is best")
    right = [share >= 100 if single else share > 0 for _, share, _ in answers]
    order = "fixed" if fixed or tag_value(tags, "order") == "fixed" else "shuffled"
    options = [
        {"text": text, **({"key": True} if key else {}), "rationale": feedback or general or None}
        for (text, _, feedback), key in zip(answers, right, strict=True)
    ]
    return {"kind": "single" if single else "multiple", "options": options, "order": order}


def numeric_row(answer: str, tolerance: str, *, unit: str, why: str, tags: Sequence[str]) -> dict[str, Any]:
    unit = unit or tag_value(tags, "unit")
    if not unit:
        raise Unsupported("a number needs its unit: give the file's item one, or a tag such as unit:mm")
    return {
        "kind": "numeric",
        "answer": trimmed(answer),
        "tolerance": trimmed(tolerance or "0"),
        "unit": unit,
        "label": tag_value(tags, "label") or "Your answer",
        "rationale": why or None,
    }


def trimmed(number: str) -> str:
    """1.5000000, as Moodle writes it, is 1.5."""
    number = number.strip().replace("−", "-")
    if not re.fullmatch(r"[-+]?\d{1,9}([.,]\d{1,12})?", number):
        raise Unsupported(f"“{number[:30]}” is not a number such as 12 or 0.75")
    number = number.replace(",", ".").removeprefix("+")
    return number.rstrip("0").rstrip(".") if "." in number else number


def match_row(pairs: Sequence[tuple[str, str]], others: Sequence[str], general: str) -> dict[str, Any]:
    reasons = lines_for(general, len(pairs))
    rows = [{"left": left, "right": right, "rationale": why} for (left, right), why in zip(pairs, reasons, strict=True)]
    return {"kind": "match", "pairs": rows, "others": [*others]}
