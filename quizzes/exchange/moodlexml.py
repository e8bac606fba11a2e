"""Moodle XML, read without a document type and within limits, so that no entity, depth or size can trouble the site. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from quizzes.exchange.base import (
    MOST_ITEMS,
    Found,
    Outgoing,
    Unreadable,
    Unsupported,
    as_html,
    choice_row,
    line_of,
    match_row,
    numeric_row,
    words_of,
)

MOST_DEPTH = 20
MOST_NODES = 50_000
KINDS = {
    "essay": "it is an essay: nobody marks essays here",
    "shortanswer": "its answer is typed in words: give it options, or ask for a number",
    "truefalse": "it is true or false, which half of the guesses get right: give it three or four options",
    "description": "it is a description and asks nothing",
    "calculated": "its numbers are drawn from a formula: here an item's numbers stand fast",
    "calculatedsimple": "its numbers are drawn from a formula: here an item's numbers stand fast",
    "calculatedmulti": "its numbers are drawn from a formula: here an item's numbers stand fast",
    "randomsamatch": "it is put together from other items",
    "random": "it is put together from other items",
}
OF_PICTURE = {"ddmarker", "ddimageortext", "imagetarget"}


@dataclass
class Node:
    name: str
    attributes: dict[str, str]
    children: "list[Node]" = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return "".join(self.pieces)

    def all(self, name: str) -> "list[Node]":
        return [child for child in self.children if child.name == name]

    def first(self, name: str) -> "Node | None":
        return next(iter(self.all(name)), None)

    def value(self, name: str) -> str:
        """The text of a child, directly in it or in its own <text>."""
        child = self.first(name)
        if child is None:
            return ""
        inner = child.first("text")
        return (inner.words if inner else child.words).strip()

    def styled(self, name: str) -> tuple[str, str]:
        child = self.first(name)
        return self.value(name), child.attributes.get("format", "") if child else ""


def tree(text: str) -> Node:
    """Raises Unreadable."""
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    root = Node("", {})
    stack = [root]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_NODES:
            raise Unreadable(f"The file has more than {MOST_NODES} elements: divide it.")
        if len(stack) > MOST_DEPTH:
            raise Unreadable(f"The file nests deeper than {MOST_DEPTH} elements, as no export does.")
        node = Node(name, attributes)
        stack[-1].children.append(node)
        stack.append(node)

    def end(name: str) -> None:
        stack.pop()

    def doctype(*_: Any) -> None:
        raise Unreadable("The file declares a document type, as no export does. It was not read.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: stack[-1].pieces.append(data)
    parser.StartDoctypeDeclHandler = doctype
    # What names another encoding than the one it was decoded from is read all the same.
    source = re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1)
    try:
        parser.Parse(source.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise Unreadable(f"The file is not well-formed XML, at line {error.lineno}.") from None
    return root


def read(text: str) -> list[Found]:
    """Every item of the file. Raises Unreadable."""
    quiz = tree(text).first("quiz")
    if quiz is None:
        raise Unreadable("The file is not a Moodle question bank: its first element is not quiz.")
    found: list[Found] = []
    category = ""
    for question in quiz.all("question"):
        kind = question.attributes.get("type", "")
        if kind == "category":
            category = line_of(question.value("category"))
            continue
        if len(found) == MOST_ITEMS:
            raise Unreadable(f"The file has more than {MOST_ITEMS} items: divide it.")
        found.append(_item(question, kind, category))
    if not found:
        raise Unreadable("There is no item in the file.")
    return found


def _item(question: Node, kind: str, category: str) -> Found:
    name, code = line_of(question.value("name"), "plain_text"), line_of(question.value("idnumber"), "plain_text")
    holder = question.first("tags")
    tags = tuple(line_of(tag.value("text") or tag.words, "plain_text") for tag in (holder.all("tag") if holder else ()))
    try:
        if question.first("file") or any(child.first("file") for child in question.children):
            raise Unsupported("it has a picture, a table or other media, which items here do not carry")
        row = _row(question, kind, tags)
    except Unsupported as why:
        return Found(name, code=code, tags=tags, category=category, reason=str(why))
    return Found(name, row, code or name, tags, category)


def _row(question: Node, kind: str, tags: Sequence[str]) -> dict[str, Any]:
    why = words_of(*question.styled("generalfeedback"))
    general = " ".join(why.split())
    if kind == "multianswer" or kind == "cloze":
        return _case(question.value("questiontext"), general, tags)
    stem = line_of(*question.styled("questiontext"))
    if kind == "multichoice":
        row = choice_row(
            [_answer(question, answer) for answer in question.all("answer")],
            single=question.value("single").lower() not in ("false", "0"),
            general=general,
            tags=tags,
            fixed=question.value("shuffleanswers").lower() in ("false", "0"),
        )
    elif kind == "numerical":
        row = _numeric(question, general, tags)
    elif kind in ("matching", "match"):
        row = _match(question, why)
    elif kind == "ordering":
        steps = [line_of(*_worded(answer)) for answer in question.all("answer")]
        row = {"kind": "order", "steps": steps, "rationale": general or None}
    elif kind in OF_PICTURE:
        raise Unsupported("it is set over a picture of its own: here a hotspot is set over a picture of the module")
    else:
        raise Unsupported(KINDS.get(kind, f"there is no kind of item here like “{kind[:40]}”"))
    return {"stem": stem, **row}


def _worded(node: Node) -> tuple[str, str]:
    inner = node.first("text")
    return (inner.words if inner else node.words), node.attributes.get("format", "")


def _share(node: Node) -> float:
    try:
        return float(node.attributes.get("fraction", "0") or 0)
    except ValueError:
        raise Unsupported(f"“{node.attributes['fraction'][:20]}” is not a share of the marks") from None


def _answer(question: Node, answer: Node) -> tuple[str, float, str]:
    """Its feedback, or what the file says to everybody who is right, or wrong."""
    share = _share(answer)
    said = answer.styled("feedback")
    whole = question.styled("correctfeedback" if share >= 100 else "incorrectfeedback")
    stock = ("", "") if re.match(r"(<p>)?Your answer is", whole[0]) else whole
    return line_of(*_worded(answer)), share, line_of(*said) or line_of(*stock)


def _numeric(question: Node, general: str, tags: Sequence[str]) -> dict[str, Any]:
    given = [answer for answer in question.all("answer") if _worded(answer)[0].strip() != "*"]
    right = [answer for answer in given if _share(answer) >= 100]
    if any(0 < _share(answer) < 100 for answer in given):
        raise Unsupported("it gives part of the marks for a number nearby: here a number is right or wrong")
    if len(right) != 1:
        raise Unsupported("one number is right, and the file has several")
    units = question.first("units")
    names = [unit.value("unit_name") for unit in units.all("unit")] if units else []
    unit = line_of(names[0]) if names else ""
    feedback = line_of(*right[0].styled("feedback"))
    return numeric_row(_worded(right[0])[0], right[0].value("tolerance"), unit=unit, why=feedback or general, tags=tags)


def _match(question: Node, why: str) -> dict[str, Any]:
    pairs, others = [], []
    for part in question.all("subquestion"):
        left, right = line_of(*_worded(part)), line_of(part.value("answer"))
        if left:
            pairs.append((left, right))
        else:
            others.append(right)
    return match_row(pairs, others, why)


# A gap of an embedded-answers item: {1:MULTICHOICE:=right#why~wrong#why}
GAP = re.compile(r"\{\d*:(\w+):((?:\\.|[^\\{}])*)\}")
ONE_OF = re.compile(r"(MULTICHOICE|MC)(_?[VH]?S?)", re.I)
PIECE = re.compile(r"(?:\\.|[^\\~])+")


def _case(text: str, general: str, tags: Sequence[str]) -> dict[str, Any]:
    gaps = list(GAP.finditer(text))
    if not 2 <= len(gaps) <= 3:
        raise Unsupported(f"a case has two or three questions, and this one has {len(gaps)} gaps")
    if not all(ONE_OF.fullmatch(gap[1]) for gap in gaps):
        raise Unsupported("its gaps are typed or ticked: each question of a case has one best answer")
    starts = [0, *(gap.end() for gap in gaps[:-1])]
    before = [words_of(text[start : gap.start()], "html").split("\n") for start, gap in zip(starts, gaps, strict=True)]
    story, first = before[0][:-1], before[0][-1]
    if not story:
        raise Unsupported("a case has a story before its first question, in a paragraph of its own")
    asked = [first, *(" ".join(lines) for lines in before[1:])]
    parts = []
    for n, (stem, gap) in enumerate(zip(asked, gaps, strict=True), start=1):
        row = choice_row([_gap_answer(piece) for piece in PIECE.findall(gap[2])], single=True, general=general, tags=())
        fixed = f"order:fixed:{n}" in tags
        stem = re.sub(rf"^{n}[.)]\s+", "", stem)
        parts.append({"stem": stem, "options": row["options"], "order": "fixed" if fixed else "shuffled"})
    return {"stem": " ".join(story), "kind": "case", "parts": parts}


def _gap_answer(piece: str) -> tuple[str, float, str]:
    weight = re.match(r"\s*(?:(=)|%(-?\d+(?:\.\d+)?)%)?", piece)
    share = 0.0
    if weight:
        share = 100.0 if weight[1] else float(weight[2] or 0)
        piece = piece[weight.end() :]
    pieces = re.split(r"(?<![\\&])#", piece, maxsplit=1)
    wording, feedback = pieces[0], pieces[1] if len(pieces) > 1 else ""
    plain = [line_of(re.sub(r"\\(.)", r"\1", part), "html") for part in (wording, feedback)]
    return plain[0], share, plain[1]


def write(items: Sequence[Outgoing]) -> tuple[str, list[tuple[str, str]]]:
    """The file, and each item that the format cannot hold with the reason."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    left_out = []
    for item in items:
        if item.row["kind"] == "hotspot":
            left_out.append(
                (item.row["code"], "it is set over a picture of the module, which Moodle XML does not name")
            )
        else:
            lines += _written(item)
    return "\n".join([*lines, "</quiz>", ""]), left_out


def _text(name: str, wording: str, attributes: str = ' format="html"') -> str:
    return f"<{name}{attributes}><text>{escape(wording)}</text></{name}>"


TYPES = {
    "single": "multichoice",
    "multiple": "multichoice",
    "numeric": "numerical",
    "order": "ordering",
    "match": "matching",
    "case": "cloze",
}


def _written(item: Outgoing) -> list[str]:
    row = item.row
    kind = row["kind"]
    lines = [f'  <question type="{TYPES[kind]}">', f"    {_text('name', row['code'], '')}"]
    if kind == "case":
        body = as_html(row["stem"]) + "".join(_written_part(n, part) for n, part in enumerate(row["parts"], 1))
    else:
        body = as_html(row["stem"])
    lines.append(f"    {_text('questiontext', body)}")
    reasons = [pair["rationale"] for pair in row["pairs"]] if kind == "match" else []
    reasons += [row["rationale"]] if kind == "order" else []
    lines.append(f"    {_text('generalfeedback', ''.join(as_html(reason) for reason in reasons))}")
    lines += ["    <defaultgrade>1</defaultgrade>", f"    <idnumber>{escape(row['code'])}</idnumber>"]
    lines += [f"    {line}" for line in _written_kind(row)]
    tags = "".join(f"<tag><text>{escape(tag)}</text></tag>" for tag in item.tags)
    return [*lines, f"    <tags>{tags}</tags>", "  </question>"]


def _written_kind(row: dict[str, Any]) -> list[str]:
    kind = row["kind"]
    if kind in ("single", "multiple"):
        right = sum(bool(option.get("key")) for option in row["options"])
        lines = [
            f"<single>{'true' if kind == 'single' else 'false'}</single>",
            f"<shuffleanswers>{'false' if row['order'] == 'fixed' else 'true'}</shuffleanswers>",
            "<answernumbering>abc</answernumbering>",
        ]
        for option in row["options"]:
            share = 100 / right if option.get("key") else 0 if kind == "single" else -100
            lines.append(_written_answer(option["text"], share, option["rationale"]))
        return lines
    if kind == "numeric":
        unit = f"<unit><multiplier>1</multiplier><unit_name>{escape(row['unit'])}</unit_name></unit>"
        more = f"<tolerance>{row['tolerance']}</tolerance>"
        return [_written_answer(row["answer"], 100, row["rationale"], more, "plain_text"), f"<units>{unit}</units>"]
    if kind == "order":
        return [
            "<layouttype>VERTICAL</layouttype>",
            *(_written_answer(step, n, "") for n, step in enumerate(row["steps"], start=1)),
        ]
    if kind == "match":
        parts = [(as_html(pair["left"]), pair["right"]) for pair in row["pairs"]]
        parts += [("", other) for other in row["others"]]
        return [
            "<shuffleanswers>true</shuffleanswers>",
            *(
                f'<subquestion format="html"><text>{escape(left)}</text>'
                f"<answer><text>{escape(right)}</text></answer></subquestion>"
                for left, right in parts
            ),
        ]
    return []


def _written_answer(wording: str, share: float, why: str, more: str = "", style: str = "html") -> str:
    body = escape(as_html(wording) if style == "html" else wording)
    fraction = quoteattr(f"{share:.5f}".rstrip("0").rstrip("."))
    return (
        f'<answer fraction={fraction} format="{style}"><text>{body}</text>{more}'
        f"{_text('feedback', as_html(why) if why else '')}</answer>"
    )


def _gap_text(text: str) -> str:
    return re.sub(r"[~=#{}:\\]", lambda match: f"\\{match[0]}", escape(text))


def _written_part(number: int, part: dict[str, Any]) -> str:
    pieces = [
        f"{'=' if option.get('key') else ''}{_gap_text(option['text'])}#{_gap_text(option['rationale'])}"
        for option in part["options"]
    ]
    kind = "MULTICHOICE_V" if part["order"] == "fixed" else "MULTICHOICE_VS"
    return f"<p>{number}. {escape(part['stem'])} {{1:{kind}:{'~'.join(pieces)}}}</p>"
