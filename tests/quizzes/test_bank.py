"""The shipped bank against the rules of item writing. No database: the files are the bank."""

import re
from collections import Counter
from difflib import SequenceMatcher
from functools import cache
from itertools import combinations

import pytest

from quizzes import drawing, files, material
from quizzes.files import CATCH_ALL, NEGATIVE, ItemFile
from training.files import ModuleFile


@cache
def modules() -> tuple:
    return material.read().modules


def parametrised(function):
    found = modules()
    return pytest.mark.parametrize(("module", "items", "quiz"), [pytest.param(*row, id=row[0].slug) for row in found])(
        function
    )


def certifying(items) -> list[ItemFile]:
    return [item for item in items if item.bank == "certifying"]


def points_of(module: ModuleFile) -> dict[str, bool]:
    """Code of each key point and whether it is critical."""
    return {point.code: point.critical for section in module.sections for point in section.points}


def key_of(item: ItemFile) -> int:
    return next(n for n, option in enumerate(item.options) if option.get("key"))


@parametrised
def test_every_item_is_well_made(module, items, quiz):
    for item in items:
        assert 3 <= len(item.options) <= 4, item.code
        assert sum(bool(option.get("key")) for option in item.options) == 1, item.code
        assert all(len(option["rationale"]) > 10 for option in item.options), item.code
        texts = " / ".join(option["text"] for option in item.options)
        assert not CATCH_ALL.search(texts), item.code
        assert not re.search(r"\b(all|none) of them\b|\b[A-D] and [A-D]\b", texts), item.code
        assert not NEGATIVE.search(item.stem), item.code
        assert item.stem.endswith(("?", ".", ":")), item.code


@parametrised
def test_length_does_not_give_the_key_away(module, items, quiz):
    """The key is strictly the longest option in a third of the items at most, and strictly the shortest likewise."""
    longest = shortest = 0
    for item in certifying(items):
        lengths = [len(option["text"]) for option in item.options]
        key = lengths.pop(key_of(item))
        longest += key > max(lengths)
        shortest += key < min(lengths)
    assert 3 * longest <= len(certifying(items))
    assert 3 * shortest <= len(certifying(items))


@parametrised
def test_place_does_not_give_the_key_away(module, items, quiz):
    """Of the places a to d each holds the key in 15 to 40 % of the items."""
    places = Counter(key_of(item) for item in certifying(items))
    for place in range(4):
        assert 15 * len(certifying(items)) <= 100 * places[place] <= 40 * len(certifying(items)), places


@parametrised
def test_at_most_a_fifth_is_recall(module, items, quiz):
    bank = certifying(items)
    assert 5 * sum(item.level == "recall" for item in bank) <= len(bank)
    assert 5 * quiz.recall_at_most <= quiz.items


@parametrised
def test_enough_items_everywhere(module, items, quiz):
    """Five or more for each critical point, one for every point that a form can ask, twice the other places of a section.

    Where the critical points fill a section's places, its other points are asked in practice only.
    """
    bank = certifying(items)
    tested = Counter(point for item in bank for point in item.points)
    practised = {point for item in items for point in item.points}
    for section in module.sections:
        critical = [point.code for point in section.points if point.critical]
        others = [point.code for point in section.points if not point.critical]
        free = quiz.sections[section.slug] - len(critical)
        assert [point for point in critical if tested[point] < 5] == []
        assert [point for point in others if point not in practised or (free and not tested[point])] == []
        assert sum(point in others for item in bank for point in item.points[:1]) >= 2 * free, section.slug
    in_section = Counter(item.section for item in bank)
    for section, quota in quiz.sections.items():
        assert 2 * in_section[section] >= 3 * quota, section
    assert len(bank) >= 33


@parametrised
def test_enough_practice(module, items, quiz):
    """One for each critical point and two in each section at least."""
    practice = [item for item in items if item.bank == "practice"]
    tested = {point for item in practice for point in item.points}
    assert {point for point, critical in points_of(module).items() if critical} <= tested
    in_section = Counter(item.section for item in practice)
    assert [section.slug for section in module.sections if in_section[section.slug] < 2] == []


@parametrised
def test_no_two_stems_are_alike(module, items, quiz):
    stems = {item.code: item.stem for item in items}
    alike = []
    for one, other in combinations(stems, 2):
        match = SequenceMatcher(None, stems[one], stems[other], autojunk=False)
        if match.real_quick_ratio() >= 0.85 and match.quick_ratio() >= 0.85 and match.ratio() >= 0.85:
            alike.append((one, other))
    assert alike == []


@parametrised
def test_critical_items_do_not_hinge_on_a_protocol_item(module, items, quiz):
    points = points_of(module)
    blocks = {point.code: point for section in module.sections for point in section.points}
    for item in items:
        if any(points[point] for point in item.points):
            assert (len(item.points), item.depends) == (1, ()), item.code
            assert blocks[item.points[0]].depends == ()


@parametrised
def test_three_hundred_forms_are_all_valid(module, items, quiz):
    plan, pool = files.blueprint(quiz, module), files.pool(items, module)
    met = Counter()
    for seed in range(300):
        form = drawing.draw(pool, plan, f"seed {seed}")
        assert Counter(item.section for item in form) == quiz.sections
        assert sum(item.level == "recall" for item in form) <= quiz.recall_at_most
        points = Counter(point for item in form for point in item.points)
        assert max(points.values()) == 1
        assert all(points[point] == 1 for point in plan.critical)
        met.update(item.code for item in form)
    assert set(met) == {item.code for item in pool}


@parametrised
def test_whoever_fails_three_times_still_gets_full_forms(module, items, quiz):
    """Attempt after attempt, unseen items first: five forms can always be drawn."""
    plan, pool = files.blueprint(quiz, module), files.pool(items, module)
    for person in range(20):
        seen = Counter()
        for attempt in range(5):
            again = [drawing.PoolItem(i.code, i.section, i.level, i.points, i.critical, seen[i.code]) for i in pool]
            form = drawing.draw(again, plan, f"{person} {attempt}")
            if attempt == 1:
                assert not [item.code for item in form if item.critical and seen[item.code]]
            seen.update(item.code for item in form)
