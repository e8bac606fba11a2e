"""GIFT, as Moodle reads and writes it, and as people write it by hand. Pure.

Escapes are kept as private-use characters while a piece is taken apart, so that what was escaped separates nothing.
"""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from quizzes.exchange.base import (
    MOST_ITEMS,
    Found,
    Outgoing,
    Unreadable,
    Unsupported,
    choice_row,
    line_of,
    match_row,
    numeric_row,
    words_of,
)

ESCAPABLE = "~=#{}:"
HIDDEN = {f"\\{sign}": chr(0xE000 + n) for n, sign in enumerate(ESCAPABLE)} | {"\\n": "\ue010", "\\\\": "\ue011"}
SHOWN = {hidden: escape[1] for escape, hidden in HIDDEN.items()} | {"\ue010": "\n"}
ESCAPE = re.compile(r"\\[~=#{}:n\\]")
STYLE = re.compile(r"\[(html|moodle|plain|markdown)\]")
WEIGHT = re.compile(r"%(-?\d{1,3}(?:\.\d+)?)%")
IN_COMMENT = re.compile(r"\[(id|tag):((?:\\.|[^\]\\])*)\]")
CANNOT = {
    "order": "GIFT has no steps in order: Moodle XML has",
    "hotspot": "GIFT has no regions of a picture",
    "case": "GIFT has no questions in parts: Moodle XML has",
}


def read(text: str) -> list[Found]:
    """Every item of the file. Raises Unreadable."""
    found: list[Found] = []
    category = ""
    for comments, block in _blocks(text):
        if block.startswith("$CATEGORY:"):
            category = block.removeprefix("$CATEGORY:").splitlines()[0].strip()
            block = "\n".join(block.splitlines()[1:]).strip()
            if not block:
                continue
        if len(found) == MOST_ITEMS:
            raise Unreadable(f"The file has more than {MOST_ITEMS} items: divide it.")
        found.append(_item(comments, block, category))
    if not found:
        raise Unreadable("There is no item in the file.")
    return found


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Comments and text of each item: they end at an empty line, unless a brace is open."""
    comments: list[str] = []
    lines: list[str] = []
    depth = 0
    for raw in [*text.splitlines(), ""]:
        line = raw.strip()
        if line.startswith("//"):
            comments.append(line)
            continue
        if line:
            lines.append(raw)
            bare = ESCAPE.sub("", line)
            depth = max(0, depth + bare.count("{") - bare.count("}"))
        elif lines and not depth:
            yield "\n".join(comments), "\n".join(lines).strip()
            comments, lines = [], []
    if lines:
        yield "\n".join(comments), "\n".join(lines).strip()


def _item(comments: str, block: str, category: str) -> Found:
    marks = [(name, re.sub(r"\\(.)", r"\1", value).strip()) for name, value in IN_COMMENT.findall(comments)]
    code = next((value for name, value in marks if name == "id"), "")
    tags = tuple(value for name, value in marks if name == "tag")
    text = ESCAPE.sub(lambda match: HIDDEN[match[0]], block)
    name = ""
    if text.startswith("::"):
        name, _, text = text[2:].partition("::")
        text = text.strip()
    title = _shown(name).strip() or line_of(_shown(STYLE.sub("", text.partition("{")[0], count=1)), "plain")[:60]
    try:
        row = _row(text, tags)
    except Unsupported as why:
        return Found(title, code=code, tags=tags, category=category, reason=str(why))
    return Found(title, row, code or _shown(name).strip(), tags, category)


def _shown(text: str) -> str:
    return re.sub("[\ue000-\ue011]", lambda match: SHOWN[match[0]], text)


def _row(text: str, tags: Sequence[str]) -> dict[str, Any]:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 and end < 0:
        raise Unsupported("it is a description and asks nothing")
    if start < 0 or end < start:
        raise Unsupported("its braces do not match")
    before, inside, after = text[:start].rstrip(), text[start + 1 : end].strip(), text[end + 1 :].strip().strip('";')
    style_match = STYLE.match(before)
    style = style_match[1] if style_match else ""
    before = before[style_match.end() :] if style_match else before
    asked = f"{before} _____ {after}" if re.sub(r"[.\s]", "", after) else before
    stem = line_of(_shown(asked), style)
    inside, _, general = inside.partition("####")
    why = words_of(*_styled(general, style))
    row = _answers(inside.strip(), style, why, tags)
    return {"stem": stem, **row}


def _answers(inside: str, style: str, why: str, tags: Sequence[str]) -> dict[str, Any]:
    general = " ".join(why.split())
    if not inside:
        raise Unsupported("it is an essay: nobody marks essays here")
    if inside.startswith("#"):
        return _numeric(inside[1:].partition("~")[0].strip(), style, general, tags)
    if "~" in inside:
        return _choice(inside, style, general, tags)
    if inside.startswith("=") and "->" in inside:
        return _match(inside, style, why)
    if inside.partition("#")[0].strip().upper() in ("T", "TRUE", "F", "FALSE"):
        raise Unsupported("it is true or false, which half of the guesses get right: give it three or four options")
    raise Unsupported("its answer is typed in words: give it options, or ask for a number")


def _styled(text: str, style: str) -> tuple[str, str]:
    """The wording, and the style that it names for itself or else has from the item."""
    text = text.strip()
    own = STYLE.match(text)
    return (_shown(text[own.end() :]), own[1]) if own else (_shown(text), style)


def _weighed(text: str) -> tuple[float | None, str]:
    weight = WEIGHT.match(text)
    return (float(weight[1]), text[weight.end() :].strip()) if weight else (None, text)


def _choice(inside: str, style: str, general: str, tags: Sequence[str]) -> dict[str, Any]:
    answers = []
    for piece in re.findall(r"[~=][^~=]*", inside):
        share, said = _weighed(piece[1:].strip())
        share = 100.0 if piece[0] == "=" and share is None else share or 0.0
        wording, _, feedback = said.partition("#")
        answers.append((line_of(*_styled(wording, style)), share, line_of(*_styled(feedback, style))))
    single = any(share >= 100 for _, share, _ in answers) and sum(share > 0 for _, share, _ in answers) == 1
    single = single or "=" in inside
    return choice_row(answers, single=single, general=general, tags=tags)


def _match(inside: str, style: str, why: str) -> dict[str, Any]:
    pairs, others = [], []
    for piece in inside.split("=")[1:]:
        left, arrow, right = piece.partition("->")
        if not arrow:
            raise Unsupported("a pair lacks its arrow: =left -> right")
        left_text, right_text = line_of(*_styled(left, style)), line_of(_shown(right))
        if left_text:
            pairs.append((left_text, right_text))
        else:
            others.append(right_text)
    return match_row(pairs, others, why)


def _numeric(inside: str, style: str, general: str, tags: Sequence[str]) -> dict[str, Any]:
    pieces = [piece for piece in inside.split("=") if piece.strip()] if "=" in inside else [inside]
    right = []
    for piece in pieces:
        share, said = _weighed(piece.strip())
        number, _, feedback = said.partition("#")
        if share is None or share >= 100:
            right.append((_shown(number).strip(), line_of(*_styled(feedback, style))))
        elif share > 0:
            raise Unsupported("it gives part of the marks for a number nearby: here a number is right or wrong")
    if len(right) != 1:
        raise Unsupported("one number is right, and the file has several")
    written, feedback = right[0]
    number, tolerance = _with_tolerance(written)
    return numeric_row(number, tolerance, unit="", why=feedback or general, tags=tags)


def _with_tolerance(written: str) -> tuple[str, str]:
    if ".." in written:
        low, _, high = written.partition("..")
        try:
            least, most = Decimal(low.strip()), Decimal(high.strip())
        except InvalidOperation:
            raise Unsupported(f"“{written[:30]}” is no range of numbers") from None
        return format((least + most) / 2, "f"), format((most - least) / 2, "f")
    number, _, tolerance = written.partition(":")
    return number.strip(), tolerance.strip() or "0"


def write(items: Sequence[Outgoing]) -> tuple[str, list[tuple[str, str]]]:
    """The file, and each item that the format cannot hold with the reason."""
    blocks, left_out = [], []
    for item in items:
        why = CANNOT.get(item.row["kind"]) or _arrow(item.row)
        if why:
            left_out.append((item.row["code"], why))
        else:
            blocks.append(_written(item))
    return "\n\n".join(blocks) + "\n", left_out


def _arrow(row: dict[str, Any]) -> str:
    sides = [side for pair in row.get("pairs", ()) for side in (pair["left"], pair["right"])]
    return "an arrow in a pair cannot be told from GIFT's own" if any("->" in side for side in sides) else ""


def _escaped(text: str) -> str:
    return re.sub(r"[\\~=#{}:]", lambda match: f"\\{match[0]}", text)


def _marked(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("]", "\\]")
    return f"[{name}:{escaped}]"


def _written(item: Outgoing) -> str:
    row = item.row
    marks = " ".join([_marked("id", row["code"]), *(_marked("tag", tag) for tag in item.tags)])
    lines = [
        f"// {marks}",
        f"::{_escaped(row['code'])}::[plain]{_escaped(row['stem'])} {{{'#' if row['kind'] == 'numeric' else ''}",
    ]
    if row["kind"] == "numeric":
        lines.append(f"\t=%100%{row['answer']}:{row['tolerance']}#{_escaped(row['rationale'])}")
    elif row["kind"] == "match":
        lines += [f"\t={_escaped(pair['left'])} -> {_escaped(pair['right'])}" for pair in row["pairs"]]
        lines += [f"\t= -> {_escaped(other)}" for other in row["others"]]
        lines.append("\t####" + "\\n".join(_escaped(pair["rationale"]) for pair in row["pairs"]))
    else:
        lines += _written_options(row)
    return "\n".join([*lines, "}"])


def _written_options(row: dict[str, Any]) -> list[str]:
    """Moodle takes a share of the marks for each right answer, and as much off for each wrong one."""
    right = sum(bool(option.get("key")) for option in row["options"])
    lines = []
    for option in row["options"]:
        if row["kind"] == "single":
            sign = "=" if option.get("key") else "~"
        else:
            sign = f"~%{_share(right)}%" if option.get("key") else "~%-100%"
        lines.append(f"\t{sign}{_escaped(option['text'])}#{_escaped(option['rationale'])}")
    return lines


def _share(parts: int) -> str:
    return f"{100 / parts:.5f}".rstrip("0").rstrip(".")
