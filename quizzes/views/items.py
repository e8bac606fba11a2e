"""An item as a page asks it: the same in the quiz and in practice."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from quizzes import kinds
from training.models import Picture

ID = re.compile(r'\bid="([^"]+)"')
LABELS = re.compile(r'\baria-(labelledby|describedby)="([^"]*)"')


@dataclass(frozen=True)
class Plate:
    """A picture with the letters of its regions, in its own units; `box` is its viewBox."""

    svg: str
    box: str
    width: int
    marks: list[kinds.Mark]

    @property
    def radius(self) -> int:
        """Of a letter's disc."""
        return self.width // 20

    @property
    def reach(self) -> int:
        """Of what a finger may touch: 44 pixels across where the picture fills a phone."""
        return self.width // 16


@dataclass(frozen=True)
class Asked:
    """What a page needs to ask an item: wording, tokens and what is chosen, never the bank's own names or the key."""

    kind: kinds.Kind
    stem: str
    fields: list[kinds.Field]
    parts: int
    complete: bool
    words: str
    picture: Plate | None


def ask(
    content: Mapping[str, Any], code: str, shown: kinds.Shown, answer: str, pictures: Mapping[str, str], called: str
) -> Asked:
    """`called` tells the picture's ids from those of other items on the page."""
    kind, body = kinds.of(code), dict(content)
    return Asked(
        kind=kind,
        stem=content["stem"],
        fields=kind.fields(body, shown, answer),
        parts=kind.parts(shown),
        complete=kind.is_complete(answer, shown),
        words=in_words(kind, body, shown, answer),
        picture=_plate(kind, body, shown, pictures, called),
    )


def in_words(kind: kinds.Kind, body: Mapping[str, Any], shown: kinds.Shown, answer: str) -> str:
    """An answer as its person would say it; whatever cannot be one, as it was written."""
    try:
        read = kind.read_answer(answer.split(), shown)
    except kinds.NotAnAnswer:
        return answer
    return kind.in_words(kind.in_ids(read, shown), kind.texts(dict(body)))


def _plate(
    kind: kinds.Kind, body: dict[str, Any], shown: kinds.Shown, pictures: Mapping[str, str], called: str
) -> Plate | None:
    marks = kind.marks(body, shown)
    if not marks:
        return None
    box = body["box"]
    svg = with_own_ids(pictures.get(body["picture_sha256"], ""), called)
    return Plate(svg, " ".join(map(str, box)), box[2], marks)


def pictures_for(contents: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The drawings that these items are set over, by hash."""
    wanted = {content["picture_sha256"] for content in contents if "picture_sha256" in content}
    return dict(Picture.objects.filter(sha256__in=wanted).values_list("sha256", "svg")) if wanted else {}


def with_own_ids(svg: str, called: str) -> str:
    """The drawing with ids that no other copy of it on the page has."""
    ids = set(ID.findall(svg))
    for name in ids:
        for before, after in (('id="', '"'), ("url(#", ")"), ('href="#', '"')):
            svg = svg.replace(f"{before}{name}{after}", f"{before}{name}-{called}{after}")

    def renamed(match: re.Match[str]) -> str:
        names = " ".join(f"{name}-{called}" if name in ids else name for name in match[2].split())
        return f'aria-{match[1]}="{names}"'

    return LABELS.sub(renamed, svg)


def answer_in(post: QueryDict) -> str | None:
    """The answer that a form sends: its pieces between spaces. None where the form asked for none."""
    names = [name for name in post if name == "answer" or name.startswith("answer-")]
    return " ".join(piece for name in names for piece in post.getlist(name) if piece) if names else None
