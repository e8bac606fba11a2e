"""Hotspot: one of several lettered regions of a picture. The same regions stand by name in a list beside it, for everyone."""

import re
from collections.abc import Mapping
from typing import Any

from quizzes.kinds.base import LETTERS, Body, Choice, Drawing, Field, Mark, OneOf, Row, Shown, Source, read_options

WRITTEN = re.compile(r"<text\b")


class Hotspot(OneOf):
    code = "hotspot"
    name = "Hotspot"
    needs = ("picture", "regions")
    asks = "The letters in the picture are the same as in the list."

    def read(self, source: Source) -> Body | None:
        drawing = source.pictures.get(source.row["picture"])
        if drawing is None:
            source.wrong(f"picture {source.row['picture']} is not a picture of this module")
            return None
        if WRITTEN.search(drawing.svg):
            source.wrong(f"picture {source.row['picture']} has words in it, which could give the answer away")
            return None
        given = source.row["regions"]
        if isinstance(given, list):  # a region has a name where an option has a text
            given = [{**row, "text": row.get("name")} if isinstance(row, dict) else row for row in given]
        rows = read_options(given, source.wrong, least=3, most=6, what="region")
        if rows is None:
            return None
        places = [row.get("at") for row in given]
        if not _fit(places, drawing, source):
            return None
        regions = [
            {"id": LETTERS[n], **row, "at": list(place)}
            for n, (row, place) in enumerate(zip(rows, places, strict=True))
        ]
        return {
            "picture": source.row["picture"],
            "picture_sha256": drawing.sha256,
            "box": list(drawing.box),
            "regions": regions,
        }

    def written(self, body: Body) -> dict[str, Any]:
        regions = [
            {
                "name": region["text"],
                "at": region["at"],
                **({"key": True} if region["key"] else {}),
                "rationale": region["rationale"],
            }
            for region in body["regions"]
        ]
        return {"picture": body["picture"], "regions": regions}

    def things(self, body: Body) -> list[dict[str, Any]]:
        regions: list[dict[str, Any]] = body["regions"]
        return regions

    def fields(self, body: Body, shown: Shown, answer: str) -> list[Field]:
        texts = self.texts(body)
        choices = (
            Choice(token, texts[name], token == answer, _letter(place)) for place, (token, name) in enumerate(shown)
        )
        return [Field("radio", tuple(choices))]

    def marks(self, body: Body, shown: Shown) -> list[Mark]:
        at = {region["id"]: region["at"] for region in body["regions"]}
        return [Mark(_letter(place), at[name][0], at[name][1], token) for place, (token, name) in enumerate(shown)]

    def rows(self, key: Any, answer: str, shown: Shown, rationales: Mapping[str, str]) -> list[Row]:
        named = [[token, name, f"{_letter(place)}: {text}"] for place, (token, name, text) in enumerate(shown)]
        return super().rows(key, answer, named, rationales)

    def sealed(self, body: Body) -> dict[str, Any]:
        return {"picture_sha256": body["picture_sha256"]}


def _letter(place: int) -> str:
    return LETTERS[place].upper()


def _fit(places: list[Any], drawing: Drawing, source: Source) -> bool:
    """Inside the picture, and far enough apart to be told apart and hit on a phone: an eighth of its width."""
    left, top, width, height = drawing.box
    for place in places:
        if not isinstance(place, list) or len(place) != 2 or any(type(n) is not int for n in place):
            source.wrong(f"a region's place is at: [x, y] in whole units of the picture, got {place}")
            return False
        if not (left <= place[0] <= left + width and top <= place[1] <= top + height):
            source.wrong(f"the region at {place} lies outside the picture, which is {width} by {height}")
            return False
    for n, one in enumerate(places):
        for other in places[n + 1 :]:
            if 64 * ((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) < width**2:
                source.wrong(f"the regions at {one} and {other} are too close: leave an eighth of the picture's width")
                return False
    return True
