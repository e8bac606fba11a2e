"""Item statistics against worked examples whose answers are published, then the pages that show them."""

import pytest
from django.test import Client
from django.urls import reverse

from quizzes import answered, kinds, statistics
from quizzes.kinds import Pick
from quizzes.models import QuestionVersion
from quizzes.statistics import Answer
from staff.models import MembershipRole
from tests import factories
from tests.quizzes.test_statements import getting

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998), 857-872:
# table I, the score method without continuity correction.
NEWCOMBE = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("right", "of", "low", "high"), NEWCOMBE)
def test_interval_as_published(right, of, low, high):
    assert statistics.interval(right, of) == pytest.approx((low, high), abs=0.00005)


def test_interval_stays_within_a_share():
    assert statistics.interval(10, 10)[1] == 1.0
    assert statistics.interval(0, 10)[0] == 0.0


# Moodle's example quiz, mod/quiz/report/statistics/tests: 22 attempts with their sums, the marks at some of the slots, and the
# discrimination index that its authors worked out in a spreadsheet (statistics_test.php, "stats.xls"), in per cent.
SUMS = [
    12, 7.4, 11.7, 8.5, 10.1, 11.3, 11.2, 14.1, 8.6, 11.6, 9.3, 13.1, 11.5, 11.3, 5.5, 4.8, 8.7, 11.8, 6, 5.9, 12.8, 13.8,
]  # fmt: skip
MOODLE = {
    8: ([5.5, 1, 2.5, 4, 3, 4.5, 3, 6, 0.5, 5.5, 2.5, 4, 4, 3, 1, 1, 1.5, 4, 2, 1, 6, 7], 25.88327077),
    13: ([1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1], -12.99017581),
    16: ([1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1], 29.63337745),
    19: ([0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0], 15.52451404),
}  # fmt: skip


@pytest.mark.parametrize("slot", MOODLE)
def test_discrimination_as_published(slot):
    marks, expected = MOODLE[slot]
    rest = [whole - mark for whole, mark in zip(SUMS, marks, strict=True)]
    assert statistics.discrimination(marks, rest) == pytest.approx(expected / 100, abs=1e-9)


def test_discrimination_of_what_does_not_vary():
    assert statistics.discrimination([1, 1, 1], [0.2, 0.5, 0.9]) is None
    assert statistics.discrimination([1, 0], [0.5, 0.5]) is None
    assert statistics.discrimination([1], [0.5]) is None


PICKS = [Pick("a", "press gently", key=True), Pick("b", "go on", distractor=True), Pick("c", "wait", distractor=True)]


def told(answers, **more):
    return statistics.of_item(answers, PICKS, lambda piece: Pick(piece, piece), **more)


def answers(right: int, wrong: int, *, rest_right: float = 0.8, rest_wrong: float = 0.6, wrong_pick: str = "b"):
    """The rest varies a little, as among people it does."""
    return [Answer(True, rest_right - n % 3 / 100, ("a",), 20 + n) for n in range(right)] + [
        Answer(False, rest_wrong - n % 3 / 100, (wrong_pick,) if wrong_pick else (), 30) for n in range(wrong)
    ]


def codes(found) -> list[str]:
    return [signal.code for signal in found.signals]


def test_under_ten_answers_only_objections_are_told():
    found = told(answers(8, 1), objections=2)
    assert (found.facility, found.low, found.seconds, found.tallies) == (None, None, None, ())
    assert [signal.sentence for signal in found.signals] == ["Questioned 2 times."]


def test_from_ten_answers_the_share_and_from_fifty_discrimination():
    ten = told(answers(8, 2))
    assert (ten.facility, ten.discrimination) == (0.8, None)
    assert (ten.low, ten.high) == pytest.approx((0.490, 0.943), abs=0.001)
    assert told(answers(40, 9)).discrimination is None
    assert told(answers(40, 10)).discrimination == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("rows", "more", "expected"),
    [
        pytest.param(answers(49, 1), {}, ["unused"], id="nobody chose one of them"),
        pytest.param(answers(30, 10) + answers(0, 10, wrong_pick="c"), {}, [], id="nothing to say"),
        pytest.param(answers(40, 9) + answers(0, 1, wrong_pick="c", rest_wrong=1.0), {}, [], id="one of many"),
        pytest.param(
            answers(30, 19, rest_right=0.5, rest_wrong=0.9) + answers(0, 1, wrong_pick="c"),
            {},
            ["negative"],
            id="negative",
        ),
        pytest.param(answers(4, 6), {}, ["mistaken"], id="wrong one chosen more often"),
        pytest.param(answers(4, 6, wrong_pick=""), {}, [], id="left open is no choice"),
        pytest.param(answers(10, 2), {"usual_seconds": 8}, ["slow"], id="three times as long"),
        pytest.param(answers(10, 2), {"usual_seconds": 9}, [], id="not quite"),
        pytest.param(
            answers(7, 3), {"critical": True}, ["critical-missed"], id="critical, missed by more than a fifth"
        ),
        pytest.param(answers(8, 2), {"critical": True}, [], id="critical, missed by a fifth"),
        pytest.param(answers(7, 3), {}, [], id="as often missed and not critical"),
        pytest.param(answers(0, 9), {"critical": True}, [], id="critical, too few answers"),
    ],
)
def test_signals(rows, more, expected):
    assert codes(told(rows, **more)) == expected


def test_tallies_name_every_distractor_and_what_else_was_written():
    found = told([*answers(9, 1), Answer(False, 0.5, ("d",), 12), Answer(False, 0.5)])
    assert [(tally.pick.text, tally.count) for tally in found.tallies] == [
        ("press gently", 9), ("go on", 1), ("wait", 0), ("d", 1),
    ]  # fmt: skip
    assert found.unanswered == 1


def test_every_kind_says_what_can_be_chosen():
    """The right answer consists of pieces that its kind knows as keys; a wrong one has a piece that is none."""
    _, items, _ = factories.every_kind().modules[0]
    seen = set()
    for item in items:
        kind, shown = kinds.of(item.kind), kinds.of(item.kind).by_name(item.content)
        keys = {pick.piece for pick in kind.picks(item.content) if pick.key}
        right = kind.in_ids(kind.right_answer(item.content, shown), shown).split()
        wrong = kind.in_ids(kind.wrong_answers(item.content, shown)[0], shown).split()
        assert {*right} <= keys, item.code
        assert {*wrong} != {*right}, item.code
        seen.add(item.kind)
    assert seen == {*kinds.KINDS}


@pytest.fixture
def few(monkeypatch) -> None:
    """Figures from two answers on, so that two people suffice."""
    monkeypatch.setattr(statistics, "FACILITY_FROM", 2)
    monkeypatch.setattr(statistics, "DISCRIMINATION_FROM", 2)


def test_first_attempts_of_all_clinics_are_counted_once(cast, module, few):
    """A second attempt, and what is still open, is not; the pages name nobody."""
    factories.adopt(course=module, by=cast.other_physician, clinic=cast.harbour)
    factories.make_finished(person=cast.aesthetician, course=module, wrong=4)
    factories.make_finished(person=cast.other_aesthetician, course=module)
    factories.make_attempt(person=cast.colleague, course=module)
    found = answered.reports(module.module, answered.certifying_versions(module.module))
    assert {report.statistics.answers for report in found} == {2}
    assert sorted(report.statistics.right for report in found) == [1, 1, 1, 1, 2, 2]
    assert sum(report.critical for report in found) == 2
    one = next(report for report in found if report.statistics.right == 1)
    assert {tally.count for tally in one.statistics.tallies if tally.pick.key} == {1}
    client = Client()
    for who in (cast.author, cast.physician):
        client.force_login(who)
        page = client.get(reverse("quizzes:bank-module", args=["needle-depth"])).text
        assert "50 % of 2" in page
        page += client.get(reverse("quizzes:bank-item", args=["needle-depth", one.code])).text
        assert "1 of 2: 50 %, 95 % interval 9 to 91 %" in page
        said = "".join(part.split("</main")[0] for part in page.split("<main")[1:])
        assert not [name for name in ("Maya", "Noor", "Lakeside", "Harbour") if name in said]


def test_figures_stay_unsaid_while_few_have_answered(client, cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, wrong=1)
    client.force_login(cast.author)
    page = client.get(reverse("quizzes:bank-module", args=["needle-depth"])).text.split("<main")[1]
    assert "1\u00a0answer" in page
    assert "%" not in page.split("<table")[1]


def test_bank_pages_cost_the_same_for_one_item_and_for_many(cast, module):
    factories.make_finished(person=cast.aesthetician, course=module)
    pages = [
        ("quizzes:bank",),
        ("quizzes:bank-module", "needle-depth"),
        ("quizzes:bank-item", "needle-depth", "nd-17-q1"),
    ]
    many = [len(getting(cast.author, *page)) for page in pages]
    QuestionVersion.objects.exclude(question__code="nd-17-q1").update(state="retired")
    assert [len(getting(cast.author, *page)) for page in pages] == many


def test_whoever_takes_quizzes_never_sees_a_key(client, cast, module):
    """Not even a physician who is also treating staff elsewhere."""
    client.force_login(cast.physician)
    path = reverse("quizzes:bank-item", args=["needle-depth", "nd-17-q1"])
    assert client.get(path).status_code == 200
    MembershipRole.objects.create(
        membership=cast.physician.membership_set.get(), role="aesthetician", granted_by=cast.manager
    )
    assert client.get(path).status_code == 403
    assert client.get(reverse("quizzes:bank-item", args=["needle-depth", "nd-99-q1"])).status_code == 403
