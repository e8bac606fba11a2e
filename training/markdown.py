"""Sections as blocks: prose, key points, protocol items, pictures. Pure: text in, frozen blocks out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.container import container_plugin
from mdit_py_plugins.front_matter import front_matter_plugin

CONTAINERS = ("point", "protocol", "picture")
CITED = re.compile(r"\s*\[((?:@[\w.-]+(?:;\s*)?)+)\]")
TAGS = {
    "p",
    "h2",
    "h3",
    "ul",
    "ol",
    "li",
    "strong",
    "em",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "a",
    "br",
    "blockquote",
}
WORDS_A_MINUTE = 200


@dataclass(frozen=True)
class Block:
    """`line` counts from 1 in the file. `kind` is prose, point, protocol or picture; `code` names the last three."""

    kind: str
    line: int
    text: str
    code: str = ""
    critical: bool = False
    cites: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()


def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False}).enable("table").use(front_matter_plugin)
    for name in CONTAINERS:
        md.use(container_plugin, name=name)
    return md


_markdown = _parser()


@lru_cache(maxsize=4096)
def html(text: str) -> str:
    """Sanitised HTML of a piece of Markdown."""
    return nh3.clean(_markdown.render(text), tags=TAGS, attributes={"a": {"href"}}, url_schemes={"https", "mailto"})


def inline(text: str) -> str:
    """Sanitised HTML of one line, without its paragraph."""
    return nh3.clean(_markdown.renderInline(text), tags={"strong", "em"}, attributes={})


def blocks(source: str) -> list[Block]:
    """The blocks of a section's text in order. Errors in a block are for the caller to find (training.files)."""
    lines = source.splitlines()
    found: list[Block] = []
    depth_start: Token | None = None
    for token in _markdown.parse(source):
        if token.level == 0 and token.nesting == 1 and token.type.startswith("container_"):
            depth_start = token
        elif (
            token.level == 0 and token.nesting == -1 and depth_start is not None and token.type.startswith("container_")
        ):
            found.append(_container(depth_start, lines))
            depth_start = None
        elif (
            depth_start is None
            and token.level == 0
            and token.nesting >= 0
            and token.map
            and token.type != "front_matter"
        ):
            found.append(_prose(token, lines))
    return found


def _prose(token: Token, lines: list[str]) -> Block:
    start, end = token.map or (0, 0)
    raw = "\n".join(lines[start:end])
    cites = tuple(code.strip().lstrip("@") for group in CITED.findall(raw) for code in group.split(";") if code.strip())
    return Block("prose", start + 1, CITED.sub("", raw).strip(), cites=cites)


def _container(token: Token, lines: list[str]) -> Block:
    start, end = token.map or (0, 0)
    kind, *words = token.info.split()
    body = [line for line in lines[start + 1 : end] if not line.strip().startswith(":::")]
    fields = {"Sources": "", "Depends": ""}
    text = []
    for line in body:
        name, colon, rest = line.partition(":")
        if colon and name.strip() in fields:
            fields[name.strip()] = rest
        else:
            text.append(line)
    return Block(
        kind=kind,
        line=start + 1,
        text=" ".join(line.strip() for line in text if line.strip()),
        code=words[0] if words else "",
        critical="critical" in words[1:],
        cites=_codes(fields["Sources"]),
        depends=_codes(fields["Depends"]),
    )


def _codes(text: str) -> tuple[str, ...]:
    return tuple(code.strip() for code in text.split(",") if code.strip())


def anchors(found: Iterable[Block]) -> list[str]:
    """What each block is called in the page: a key point by its code, any other by its place."""
    return [block.code if block.kind == "point" else f"p{place}" for place, block in enumerate(found, start=1)]


def anchored(html: str, anchor: str) -> str:
    """The first element carries the anchor, so that a link can lead to it."""
    return re.sub(r"^<(\w+)", rf'<\1 id="{anchor}"', html, count=1)


def plain(text: str) -> str:
    """The words of a piece of Markdown, in one line."""
    found = [
        "".join(" " if child.type.endswith("break") else child.content for child in token.children or ())
        for token in _markdown.parse(text)
        if token.type == "inline"
    ]
    return " ".join(" ".join(found).split())


def words(source: str) -> int:
    """Words a reader reads: prose and key points, without citations and codes."""
    return sum(len(re.findall(r"[\w'’-]+", block.text)) for block in blocks(source) if block.kind in ("prose", "point"))


def minutes(source: str) -> int:
    """At 200 words a minute, at least one."""
    return max(1, -(-words(source) // WORDS_A_MINUTE))
