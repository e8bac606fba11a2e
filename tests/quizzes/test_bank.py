"""The shipped bank against the rules of item writing. No database: the files are the bank."""

from collections import Counter
from dataclasses import replace

import pytest

from quizzes import drawing, files, kinds, lint, material
from quizzes.files import ItemFile
from tests.factories import course_of
from training.files import ModuleFile


def parametrised(function):
    rows = [pytest.param(*row, id=row[0].slug) for row in course_of(material.SHIPPED).modules]
    return pytest.mark.parametrize(("module", "items", "quiz"), rows)(function)


def certifying(items) -> list[ItemFile]:
    return [item for item in items if item.bank == "certifying"]


def points_of(module: ModuleFile) -> dict[str, bool]:
    """Code of each key point and whether it is critical."""
    return {point.code: point.critical for section in module.sections for point in section.points}


@parametrised
def test_every_item_keeps_the_rules_of_item_writing(module, items, quiz):
    """Those that are no matter of judgement: quizzes/lint.py, which the editor shows as one writes."""
    assert [(item.code, one.sentence) for item in items for one in lint.of_item(item) if one.error] == []


@parametrised
def test_nothing_about_the_keys_gives_them_away(module, items, quiz):
    """Neither their length nor their place; and at most a fifth asks for recall."""
    assert [one.sentence for one in lint.of_bank(items)] == []
    assert 5 * quiz.recall_at_most <= quiz.items


@parametrised
def test_single_best_answers_have_one_key_of_three_or_four(module, items, quiz):
    for item in items:
        if item.kind == "single":
            assert 3 <= len(item.options) <= 4, item.code
            assert sum(option["key"] for option in item.options) == 1, item.code


# What a sign looks like on skin is told in words: these modules have nothing to be pointed at.
WITHOUT_HOTSPOT = ("contraindications", "complications")


@parametrised
def test_every_kind_is_there_twice(module, items, quiz):
    """Where the task calls for it: two of each further kind, one of them certifying."""
    for code in set(kinds.KINDS) - {"single"}:
        if code == "hotspot" and module.slug in WITHOUT_HOTSPOT:
            continue
        of_kind = [item for item in items if item.kind == code]
        assert len(of_kind) >= 2, code
        assert certifying(of_kind), code


@parametrised
def test_every_item_can_be_answered_right_and_wrong(module, items, quiz):
    """As its own kind says it, under made-up tokens."""
    for item in items:
        kind = kinds.of(item.kind)
        shown = drawing.tokens("seed", 1, item.code, kind.groups(item.content))
        right, wrong = kind.right_answer(item.content, shown), kind.wrong_answers(item.content, shown)
        key = kind.key(item.content)
        assert kind.is_right(key, kind.in_ids(right, shown)), item.code
        assert not [answer for answer in wrong if kind.is_right(key, kind.in_ids(answer, shown))], item.code
        assert wrong, item.code
        assert all(kind.is_complete(answer, shown) for answer in [right, *wrong]), item.code
        assert max(len(answer) for answer in [right, *wrong]) <= kinds.LONGEST, item.code


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
    assert lint.pairs_alike(items) == []


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
        assert sum(item.case for item in form) <= 1
        met.update(item.code for item in form)
    assert set(met) == {item.code for item in pool}


@parametrised
def test_whoever_fails_three_times_still_gets_full_forms(module, items, quiz):
    """Attempt after attempt, unseen items first: five forms can always be drawn."""
    plan, pool = files.blueprint(quiz, module), files.pool(items, module)
    for person in range(20):
        seen = Counter()
        for attempt in range(5):
            again = [replace(item, seen=seen[item.code]) for item in pool]
            form = drawing.draw(again, plan, f"{person} {attempt}")
            if attempt == 1:
                assert not [item.code for item in form if item.critical and seen[item.code]]
            seen.update(item.code for item in form)
