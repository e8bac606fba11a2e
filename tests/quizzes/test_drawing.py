import random
import re
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quizzes.drawing import Blueprint, PoolItem, Unfillable, draw, lacks, shuffled, token

POINTS = {"one": ("a", "b", "c", "d"), "two": ("e", "f", "g", "h"), "three": ("i", "j", "k")}


def item(
    code: str,
    section: str = "one",
    *,
    points: str = "",
    level: str = "apply",
    critical: str = "",
    seen: int = 0,
    case: bool = False,
):
    return PoolItem(code, section, level, frozenset(points or code), frozenset(critical), seen, case)


def codes(form) -> list[str]:
    return [drawn.code for drawn in form]


@pytest.fixture
def bank() -> list[PoolItem]:
    """Two sections, two critical points with four items each, twelve ordinary ones, some of them recall."""
    critical = [item(f"{p}{n}", s, points=p, critical=p) for s, p in (("one", "A"), ("two", "B")) for n in range(4)]
    ordinary = [
        item(f"{p}{n}", s, points=p, level="recall" if n else "apply")
        for s, points in (("one", "cde"), ("two", "fgh"))
        for p in points
        for n in range(2)
    ]
    return critical + ordinary


PLAN = Blueprint({"one": 3, "two": 2}, recall_at_most=1, critical=frozenset("AB"))


def meets(form, plan: Blueprint) -> bool:
    """The blueprint, said once more and independently."""
    points = Counter(point for drawn in form for point in drawn.points)
    return (
        Counter(drawn.section for drawn in form) == Counter({name: n for name, n in plan.sections.items() if n})
        and sum(drawn.level == "recall" for drawn in form) <= plan.recall_at_most
        and all(sum(point in drawn.critical for drawn in form) == 1 for point in plan.critical)
        and all(count == 1 for count in points.values())
        and sum(drawn.case for drawn in form) <= 1
        and len({drawn.code for drawn in form}) == len(form)
    )


def test_same_seed_draws_the_same_form(bank):
    assert draw(bank, PLAN, "seed") == draw(list(bank), PLAN, "seed")


def test_other_seeds_draw_other_forms(bank):
    forms = {tuple(codes(draw(bank, PLAN, f"seed {n}"))) for n in range(40)}
    assert len(forms) > 30


def test_every_form_meets_the_blueprint(bank):
    assert all(meets(draw(bank, PLAN, f"seed {n}"), PLAN) for n in range(200))


def test_every_item_is_drawn_by_some_seed(bank):
    drawn = {code for n in range(300) for code in codes(draw(bank, PLAN, f"seed {n}"))}
    assert drawn == {one.code for one in bank}


def test_file_order_does_not_matter(bank):
    for n in range(20):
        other = random.Random(n).sample(bank, len(bank))
        assert codes(draw(other, PLAN, "seed")) == codes(draw(bank, PLAN, "seed"))


def test_unseen_items_come_first(bank):
    """Of each critical point one item is unseen, and just enough ordinary ones."""
    fresh = {"A2", "B1", "c0", "d0", "f0"}
    met = [replace(one, seen=0 if one.code in fresh else 1) for one in bank]
    for n in range(30):
        assert set(codes(draw(met, PLAN, f"seed {n}"))) == fresh


def test_then_those_met_least_often(bank):
    met = [replace(one, seen=1 if one.code in ("A3", "B0", "c0", "d0", "f0") else 2) for one in bank]
    assert set(codes(draw(met, PLAN, "seed"))) == {"A3", "B0", "c0", "d0", "f0"}


def test_an_unseen_item_does_not_break_the_recall_limit(bank):
    met = [replace(one, seen=0 if one.level == "recall" else 5) for one in bank]
    form = draw(met, PLAN, "seed")
    assert sum(drawn.level == "recall" for drawn in form) == 1


def test_order_shown_is_not_the_order_of_sections(bank):
    orders = {tuple(drawn.section for drawn in draw(bank, PLAN, f"seed {n}")) for n in range(30)}
    assert len(orders) > 5


ENOUGH = [item("a"), item("b"), item("c")]


@pytest.mark.parametrize(
    ("pool", "plan", "sentence"),
    [
        pytest.param(
            ENOUGH, Blueprint({"one": 4}, 9, frozenset()), "section one has 3 items for 4 places", id="section short"
        ),
        pytest.param(
            ENOUGH,
            Blueprint({"one": 2, "two": 1}, 9, frozenset()),
            "section two has 0 items for 1 places",
            id="section empty",
        ),
        pytest.param(
            ENOUGH,
            Blueprint({"one": 2}, 9, frozenset("Z")),
            "critical key point Z has no item",
            id="critical without item",
        ),
        pytest.param(
            [replace(one, level="recall") for one in ENOUGH],
            Blueprint({"one": 2}, 1, frozenset()),
            "no form keeps to 1 recall items: 2 are needed",
            id="too much recall",
        ),
        pytest.param(
            [item("a", points="p"), item("b", points="p"), item("c", points="pq")],
            Blueprint({"one": 2}, 9, frozenset()),
            "section one cannot fill 2 places with its critical points and no key point twice",
            id="points overlap in a section",
        ),
        pytest.param(
            [item("a", critical="a"), item("b", critical="b")],
            Blueprint({"one": 1}, 9, frozenset("ab")),
            "section one cannot fill 1 places with its critical points and no key point twice",
            id="more critical points than places",
        ),
        pytest.param(
            [item("a", points="p"), item("b", "two", points="p")],
            Blueprint({"one": 1, "two": 1}, 9, frozenset()),
            "no form has one item a critical point, no key point twice and one case at most",
            id="points overlap between sections",
        ),
        pytest.param(
            [item("a", case=True), item("b", case=True)],
            Blueprint({"one": 2}, 9, frozenset()),
            "section one cannot fill 2 places with its critical points and no key point twice",
            id="two cases in a section",
        ),
        pytest.param(
            [item("a", case=True), item("b", "two", case=True)],
            Blueprint({"one": 1, "two": 1}, 9, frozenset()),
            "no form has one item a critical point, no key point twice and one case at most",
            id="two cases in two sections",
        ),
    ],
)
def test_unfillable_names_the_cell(pool, plan, sentence):
    with pytest.raises(Unfillable, match=f"^{re.escape(sentence)}$"):
        draw(pool, plan, "seed")


def test_lacks_name_every_cell_and_not_only_the_first():
    plan = Blueprint({"one": 4, "two": 1, "three": 2}, 0, frozenset("Z"))
    pool = [*ENOUGH, item("e", "two", level="recall"), item("i", "three", points="p"), item("j", "three", points="p")]
    found = [(lack.kind, lack.name) for lack in lacks(pool, plan)]
    assert found == [("section", "one"), ("critical", "Z"), ("section", "three"), ("level", "recall")]


def test_lacks_of_cells_at_odds_together():
    plan = Blueprint({"one": 1, "two": 1}, 9, frozenset())
    assert [lack.kind for lack in lacks([item("a", points="p"), item("b", "two", points="p")], plan)] == ["form"]


def test_a_bank_that_fills_every_cell_lacks_nothing(bank):
    assert lacks(bank, PLAN) == []


@st.composite
def banks(draw_from) -> tuple[list[PoolItem], Blueprint]:
    """Small banks as the loader lets them through: an item tests points of its section; a critical one tests one alone."""
    sections = draw_from(st.lists(st.sampled_from(sorted(POINTS)), min_size=1, max_size=3, unique=True))
    critical = draw_from(st.sets(st.sampled_from([p for s in sections for p in POINTS[s]]), max_size=3))
    pool = []
    for number in range(draw_from(st.integers(0, 9))):
        section = draw_from(st.sampled_from(sections))
        points = draw_from(st.sets(st.sampled_from(POINTS[section]), min_size=1, max_size=2))
        hard = sorted(points & critical)[:1]
        pool.append(
            PoolItem(
                f"q{number}",
                section,
                draw_from(st.sampled_from(["recall", "apply"])),
                frozenset(hard or points),
                frozenset(hard),
                draw_from(st.integers(0, 2)),
                not hard and draw_from(st.booleans()),
            )
        )
    quotas = {section: draw_from(st.integers(1, 3)) for section in sections}
    return pool, Blueprint(quotas, draw_from(st.integers(0, sum(quotas.values()))), frozenset(critical))


@settings(max_examples=80, deadline=None, database=None)
@given(banks(), st.text(max_size=8))
def test_draw_agrees_with_brute_force(bank, seed):
    """A form that meets the blueprint whenever one exists, else Unfillable; and no seen item where an unseen one fits."""
    pool, plan = bank
    possible = any(meets(form, plan) for form in combinations(pool, plan.items))
    assert (lacks(pool, plan) == []) == possible
    if not possible:
        with pytest.raises(Unfillable):
            draw(pool, plan, seed)
        return
    form = draw(pool, plan, seed)
    assert meets(form, plan)
    for drawn in form:
        for other in pool:
            if other not in form and other.seen < drawn.seen:
                assert not meets([other if one is drawn else one for one in form], plan)


def test_shuffled_depends_on_seed_and_place_alone():
    options = ["a", "b", "c", "d"]
    assert shuffled("s", "q1", options) == shuffled("s", "q1", options[::-1])
    assert len({tuple(shuffled(f"s{n}", "q1", options)) for n in range(200)}) == 24
    assert len({tuple(shuffled("s", f"q{n}", options)) for n in range(200)}) == 24


def test_token_tells_nothing_and_belongs_to_its_place():
    tokens = {token(seed, position, option) for seed in "st" for position in (1, 2) for option in "abcd"}
    assert len(tokens) == 16
    assert all(re.fullmatch(r"[0-9a-f]{16}", one) for one in tokens)
