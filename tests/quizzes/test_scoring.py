"""docs/scoring.md is the specification: its tables are read here and checked row by row."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from quizzes import kinds, scoring
from quizzes.kinds.base import as_pairs
from quizzes.scoring import (
    Answered,
    Correction,
    Rules,
    opens_retest,
    points_of,
    score,
    score_sealed,
    still_follows,
    worth_of,
)

PAGE = Path(__file__).parents[2] / "docs" / "scoring.md"


def table(heading: str) -> list[dict[str, str]]:
    """The rows of the one table under a heading of the page."""
    part = re.split(r"\n##+ ", PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1])[0]
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")
    )
    return [dict(zip(head, row, strict=True)) for row in rows]


def rows(heading: str):
    return [pytest.param(row, id=row["Case"]) for row in table(heading)]


# Heading of a table, the kind it is about, and its key as the seal keeps it.
OF_KINDS = (
    ("An item", "single", lambda row: row["Key"]),
    ("An item", "hotspot", lambda row: row["Key"]),
    ("Several right answers", "multiple", lambda row: row["Key"].split()),
    ("A number", "numeric", lambda row: {"answer": row["Key"], "tolerance": row["Tolerance"], "unit": "mm"}),
    ("Steps in order", "order", lambda row: row["Key"].split()),
    ("Matching", "match", lambda row: as_pairs(row["Key"])),
    ("A case", "case", lambda row: as_pairs(row["Key"])),
)


def kinds_rows():
    return [
        pytest.param(kind, key_of(row), row, id=f"{kind}: {row['Case']}")
        for heading, kind, key_of in OF_KINDS
        for row in table(heading)
    ]


def form(row: dict[str, str], wrong: str = "a") -> list[Answered]:
    """The row's items; the wrong ones come first in each kind and carry `wrong`."""
    items: list[Answered] = []
    for kind in ("Ordinary", "Critical"):
        right, total = map(int, row[kind].split(" of "))
        for place in range(total):
            answer = "k" if place >= total - right else wrong
            items.append(Answered(len(items) + 1, key="k", answer=answer, critical=kind == "Critical"))
    return items


def test_page_has_the_cases_that_decide():
    cases = {row["Case"] for row in table("A form")}
    assert cases >= {"nothing answered", "exactly the cut", "one below the cut", "no items", "all right"}
    assert any(row["Cut clause"] == "met" and row["Critical clause"] == "not met" for row in table("A form"))


@pytest.mark.parametrize("row", rows("An item"))
def test_item(row):
    assert points_of(Answered(1, row["Key"], row["Answer"], critical=False)) == int(row["Points"])


@pytest.mark.parametrize(("kind", "key", "row"), kinds_rows())
def test_item_of_a_kind(kind, key, row):
    assert points_of(Answered(1, key, row["Answer"], critical=False, kind=kind)) == int(row["Points"])
    if "In practice" in row:
        points, most = map(int, row["In practice"].split(" of "))
        assert kinds.of(kind).partly_right(key, row["Answer"]) == (points, most)
    else:
        assert kinds.of(kind).partly_right(key, row["Answer"]) == (int(row["Points"]), 1)


def test_every_kind_has_its_table():
    assert {kind for _, kind, _ in OF_KINDS} == set(kinds.KINDS)


@pytest.mark.parametrize("wrong", ["a", ""], ids=["answered wrong", "left open"])
@pytest.mark.parametrize("row", rows("A form"))
def test_form(row, wrong):
    scored = score(form(row, wrong), Rules(cut=int(row["Cut"])))
    cut, critical = scored.clauses
    assert scored.total == int(row["Points"])
    assert cut.met is (row["Cut clause"] == "met")
    assert critical.met is (row["Critical clause"] == "met")
    assert scored.passed is (row["Result"] == "passed")


@pytest.mark.parametrize("row", rows("A form"))
def test_form_adds_up(row):
    items = form(row)
    scored = score(items, Rules(cut=int(row["Cut"])))
    cut, critical = scored.clauses
    assert (scored.most, len(scored.points), sum(scored.points)) == (len(items), len(items), scored.total)
    assert (cut.have, cut.need) == (scored.total, int(row["Cut"]))
    assert f"{critical.have} of {critical.need}" == row["Critical"]
    assert critical.missed == tuple(i.position for i in items if i.critical and i.answer != "k")


@pytest.mark.parametrize("row", rows("What opens a critical re-test"))
def test_retest(row):
    scored = score(form(row), Rules(cut=int(row["Cut"])))
    position = opens_retest([clause.plain() for clause in scored.clauses])
    assert (position > 0) is (row["Re-test"] == "yes")
    assert position in (0, *scored.clauses[1].missed)


def test_no_float_anywhere():
    """Neither in what comes out nor in how it is computed: no float, no division, no rounding."""
    scored = score(form(table("A form")[1]), Rules(cut=12))
    numbers = [*scored.points, scored.total, scored.most, *(n for c in scored.clauses for n in (c.have, c.need))]
    assert {type(number) for number in numbers} == {int}
    tree = list(ast.walk(ast.parse(inspect.getsource(scoring))))
    assert not names_in(tree) & {"float", "round", "Decimal"}
    assert not in_floats(tree)


def names_in(tree: list[ast.AST]) -> set[str]:
    return {node.id for node in tree if isinstance(node, ast.Name)}


def in_floats(tree: list[ast.AST]) -> list[ast.AST]:
    return [node for node in tree if isinstance(node, ast.Div) or isinstance(getattr(node, "value", 0), float)]


@pytest.mark.parametrize("path", sorted(Path(kinds.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_no_float_in_any_kind(path):
    """A number is a Decimal from the file to the mark; only its kind has them."""
    tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    assert not names_in(tree) & {"float", "round"}
    assert not in_floats(tree)
    assert ("Decimal" in names_in(tree)) is (path.stem == "numeric")


def test_unknown_rule_is_refused():
    with pytest.raises(ValueError, match="'partial-1', this module knows 'whole-1'"):
        score([], Rules(cut=1, rule="partial-1"))


def sealed(answers: list[str], *, cut: int = 2, critical: tuple[int, ...] = (1,)) -> dict:
    """What `score_sealed` needs of a seal: three options a to c behind tokens, c the key."""
    return {
        "quiz": {"cut": cut, "critical_rule": "all", "scoring_rule": "whole-1"},
        "items": [
            {
                "position": n,
                "kind": "single",
                "key": "c",
                "answer": answer,
                "shown": [[f"t{n}{option}", option, option.upper()] for option in "bca"],
                "points": [{"critical": n in critical}, {"critical": False}],
            }
            for n, answer in enumerate(answers, start=1)
        ],
    }


def test_sealed_answers_are_tokens():
    assert score_sealed(sealed(["t1c", "t2c", "t3a"])).points == (1, 1, 0)


@pytest.mark.parametrize("answer", ["", "c", "t2c", "t1a"], ids=["none", "option id", "another item's token", "wrong"])
def test_sealed_answer_that_is_not_the_key(answer):
    scored = score_sealed(sealed([answer, "t2c", "t3c"]))
    assert scored.points == (0, 1, 1)
    assert scored.clauses[1].missed == (1,)
    assert not scored.passed


# A regrade

WAYS = ("credit", "both", "new", "withdraw")


def anew(way: str) -> Correction | None:
    return None if way == "First" else Correction(way, "c" if way in ("both", "new") else None)


@pytest.mark.parametrize("way", ["First", *WAYS])
@pytest.mark.parametrize("row", rows("An item scored anew"))
def test_item_scored_anew(row, way):
    item = Answered(1, "b", row["Answer"], critical=False, correction=anew(way))
    assert f"{points_of(item)} of {worth_of(item)}" == row[way]


@pytest.mark.parametrize("way", ["First", *WAYS])
@pytest.mark.parametrize("row", rows("A form scored anew"))
def test_form_scored_anew(row, way):
    critical = row["Item"] == "critical"
    answer = "b" if row["Answered by"] == "first" else "c"
    right = int(row["Others"])
    others = [
        Answered(place, key="b", answer="b" if place <= right + 1 else "a", critical=place <= 7)
        for place in range(2, 16)
    ]
    items = [Answered(1, "b", answer, critical=critical, correction=anew(way)), *others]
    scored = score(items, Rules(cut=12))
    assert f"{scored.total} of {scored.most} {'passed' if scored.passed else 'not passed'}" == row[way]


def test_a_withdrawn_item_asks_what_a_credited_one_does():
    """Of every form of six with a cut of five, whichever of its items is withdrawn."""
    for answers in range(2**6):
        for at in range(6):
            forms = {
                way: [
                    Answered(
                        n + 1,
                        "k",
                        "k" if answers >> n & 1 else "x",
                        n < 2,
                        correction=Correction(way) if n == at else None,
                    )
                    for n in range(6)
                ]
                for way in ("credit", "withdraw")
            }
            passed = {way: score(items, Rules(cut=5)).passed for way, items in forms.items()}
            assert passed["credit"] == passed["withdraw"]


def test_nothing_left_passes_nobody():
    items = [Answered(1, "k", "k", False, correction=Correction("withdraw"))]
    assert not score(items, Rules(cut=1)).passed


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="option is 'guess'"):
        points_of(Answered(1, "k", "k", False, correction=Correction("guess")))


def sealed_with(*critical: str) -> dict:
    return {
        "items": [
            {"position": n, "points": [{"code": code, "critical": True}]} for n, code in enumerate(critical, start=1)
        ]
    }


@pytest.mark.parametrize(
    ("passed", "cut", "missed", "follows"),
    [(True, True, [], True), (False, True, [1], True), (False, True, [2], False), (False, True, [1, 2], False),
     (False, False, [1], False)],
    ids=["passed by itself", "missed this point", "missed another", "missed two", "below the cut"],
)  # fmt: skip
def test_a_retest_follows_one_attempt(passed, cut, missed, follows):
    clauses = [{"code": "cut", "met": cut}, {"code": "critical", "missed": missed}]
    found = still_follows(sealed_with("p", "p", "p"), sealed_with("p", "q"), passed=passed, clauses=clauses)
    assert found == follows
