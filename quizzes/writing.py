"""The editor's form of each kind: fields of our files as inputs, and back. No Django but the posted data's shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from quizzes import kinds
from quizzes.files import LEVELS

OPTIONS = {"single": 4, "multiple": 6}
REGIONS, PAIRS, PARTS, IN_PART = 6, 5, 3, 4
ORDERS = (("shuffled", "Shuffled"), ("fixed", "As written: numbers or a sequence"))


class Posted(Protocol):
    def get(self, key: str, default: Any = None, /) -> Any: ...

    def getlist(self, key: str) -> Any: ...


@dataclass(frozen=True)
class Input:
    """`control` is text, area, number, select, radio or check; the last two are ticked where `checked`."""

    name: str
    label: str
    value: str = ""
    control: str = "text"
    choices: tuple[tuple[str, str], ...] = ()
    checked: bool = False
    help: str = ""


@dataclass(frozen=True)
class Group:
    legend: str
    inputs: tuple[Input, ...]


def groups(kind: str, row: Mapping[str, Any], pictures: Sequence[str] = ()) -> list[Group]:
    """The inputs of a kind's own fields, filled with what `row` has."""
    if kind in OPTIONS:
        return [*_options("option", kind, row.get("options") or [], OPTIONS[kind]), _order("order", row)]
    if kind == "numeric":
        return [_numeric(row)]
    if kind == "order":
        steps = "\n".join(row.get("steps") or [])
        return [Group("Steps", (_area("steps", "One a line, in their right order", steps), _why(row)))]
    if kind == "match":
        return _match(row)
    if kind == "hotspot":
        return _hotspot(row, pictures)
    return _case(row)


def _area(name: str, label: str, value: Any = "", help: str = "") -> Input:
    return Input(name, label, str(value or ""), "area", help=help)


def _why(row: Mapping[str, Any]) -> Input:
    return _area("rationale", "Why it is so", row.get("rationale"))


def _order(name: str, row: Mapping[str, Any]) -> Group:
    return Group("Order of the options", (Input(name, "Shown", row.get("order") or "shuffled", "select", ORDERS),))


def _options(prefix: str, kind: str, rows: Sequence[Mapping[str, Any]], count: int, of: str = "") -> list[Group]:
    found = []
    for n in range(1, count + 1):
        row = rows[n - 1] if n <= len(rows) else {}
        control = "check" if kind == "multiple" else "radio"
        inputs = (
            _area(f"{prefix}{n}-text", "Answer", row.get("text")),
            Input(f"{prefix}-key", "Right", str(n), control, checked=bool(row.get("key"))),
            _area(f"{prefix}{n}-rationale", "Why it is right or wrong", row.get("rationale")),
        )
        found.append(Group(f"{of}Option {n}", inputs))
    return found


def _numeric(row: Mapping[str, Any]) -> Group:
    named = (
        ("answer", "Right number"),
        ("tolerance", "Also right within"),
        ("unit", "Unit"),
        ("label", "Label of the field"),
    )
    return Group("Number", (*(Input(name, label, str(row.get(name) or "")) for name, label in named), _why(row)))


def _match(row: Mapping[str, Any]) -> list[Group]:
    pairs = row.get("pairs") or []
    found = []
    for n in range(1, PAIRS + 1):
        pair = pairs[n - 1] if n <= len(pairs) else {}
        sides = (("left", "This"), ("right", "belongs to this"), ("rationale", "Why"))
        found.append(
            Group(f"Pair {n}", tuple(_area(f"pair{n}-{name}", label, pair.get(name)) for name, label in sides))
        )
    others = "\n".join(row.get("others") or [])
    return [
        *found,
        Group("To choose beside them", (_area("others", "Texts that belong to no pair, one a line", others),)),
    ]


def _hotspot(row: Mapping[str, Any], pictures: Sequence[str]) -> list[Group]:
    chosen = Input(
        "picture", "Picture of the module", str(row.get("picture") or ""), "select", tuple((p, p) for p in pictures)
    )
    regions = row.get("regions") or []
    found = [Group("Picture", (chosen,))]
    for n in range(1, REGIONS + 1):
        region = regions[n - 1] if n <= len(regions) else {}
        at = region.get("at") or ["", ""]
        inputs = (
            Input(f"region{n}-name", "Name, which tells nothing", str(region.get("name") or "")),
            Input(f"region{n}-x", "From the left", str(at[0]), "number"),
            Input(f"region{n}-y", "From the top", str(at[1]), "number"),
            Input("region-key", "Right", str(n), "radio", checked=bool(region.get("key"))),
            _area(f"region{n}-rationale", "Why it is right or wrong", region.get("rationale")),
        )
        found.append(Group(f"Region {n}", inputs))
    return found


def _case(row: Mapping[str, Any]) -> list[Group]:
    parts = row.get("parts") or []
    found = []
    for n in range(1, PARTS + 1):
        part = parts[n - 1] if n <= len(parts) else {}
        found.append(Group(f"Question {n}", (_area(f"part{n}-stem", "What is asked", part.get("stem")),)))
        found += _options(f"part{n}", "single", part.get("options") or [], IN_PART, of=f"Question {n}, ")
        found.append(_order(f"part{n}-order", part))
    return found


# Back


def row_in(kind: str, post: Posted) -> dict[str, Any]:
    """The kind's own fields as our files have them; what was left empty is left out."""
    if kind in OPTIONS:
        return {"options": _options_in(post, "option", OPTIONS[kind]), "order": _said(post, "order") or "shuffled"}
    if kind == "numeric":
        row = {name: _said(post, name).replace(",", ".") for name in ("answer", "tolerance")}
        row |= {name: _said(post, name) for name in ("unit", "label", "rationale")}
        return {**row, "tolerance": row["tolerance"] or "0"}
    if kind == "order":
        return {"steps": _lines_in(post, "steps"), "rationale": _said(post, "rationale")}
    if kind == "match":
        pairs = [
            {side: _said(post, f"pair{n}-{side}") for side in ("left", "right", "rationale")}
            for n in range(1, PAIRS + 1)
        ]
        return {"pairs": [pair for pair in pairs if any(pair.values())], "others": _lines_in(post, "others")}
    if kind == "hotspot":
        return {"picture": _said(post, "picture"), "regions": _regions_in(post)}
    parts = []
    for n in range(1, PARTS + 1):
        options = _options_in(post, f"part{n}", IN_PART)
        stem = _said(post, f"part{n}-stem")
        if stem or options:
            parts.append({"stem": stem, "options": options, "order": _said(post, f"part{n}-order") or "shuffled"})
    return {"parts": parts}


def _said(post: Posted, name: str) -> str:
    return " ".join(str(post.get(name) or "").split())


def _lines_in(post: Posted, name: str) -> list[str]:
    return [" ".join(line.split()) for line in str(post.get(name) or "").splitlines() if line.strip()]


def _options_in(post: Posted, prefix: str, count: int) -> list[dict[str, Any]]:
    keys = post.getlist(f"{prefix}-key")
    found = []
    for n in range(1, count + 1):
        text, why = _said(post, f"{prefix}{n}-text"), _said(post, f"{prefix}{n}-rationale")
        if text or why:
            found.append({"text": text, **({"key": True} if str(n) in keys else {}), "rationale": why})
    return found


def _regions_in(post: Posted) -> list[dict[str, Any]]:
    keys = post.getlist("region-key")
    found = []
    for n in range(1, REGIONS + 1):
        name, why = _said(post, f"region{n}-name"), _said(post, f"region{n}-rationale")
        at = [_whole(_said(post, f"region{n}-{axis}")) for axis in "xy"]
        if name or why:
            found.append({"name": name, "at": at, **({"key": True} if str(n) in keys else {}), "rationale": why})
    return found


def _whole(text: str) -> Any:
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 6 else text


KINDS = tuple((kind.code, kind.name) for kind in kinds.KINDS.values())
LEVEL_CHOICES = tuple((level, level.capitalize()) for level in LEVELS)
