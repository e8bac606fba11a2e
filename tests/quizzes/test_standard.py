"""The cut-score file: worked numbers, who may rate and file, what then names it, and forms that keep near its mean."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from quizzes import angoff, drawing, files, material, standard
from quizzes.angoff import Cell
from quizzes.models import CutFile, QuizVersion, Rating
from quizzes.queries import live_rules
from staff.models import AuditEvent
from tests import factories, people
from tests.quizzes.test_statements import getting

# Two critical points with two items each, and a section with two further places filled by three items.
CELLS = (Cell("nd-17", 1, ("a1", "a2")), Cell("nd-18", 1, ("b1", "b2")), Cell("depth", 2, ("c1", "c2", "c3")))
RATED = {
    "Ruiz": {"a1": 90, "a2": 80, "b1": 95, "b2": 85, "c1": 60, "c2": 70, "c3": 80},
    "Brandt": {"a1": 80, "a2": 80, "b1": 90, "b2": 90, "c1": 50, "c2": 60, "c3": 70},
    "Sato": {"a1": 100, "a2": 90, "b1": 100, "b2": 100, "c1": 70, "c2": 80, "c3": 90},
}


def test_result_worked_by_hand():
    """Ruiz: (85 + 90 + 2 x 70) / 4 = 78.75. Brandt: (80 + 90 + 2 x 60) / 4 = 72.5. Sato: (95 + 100 + 2 x 80) / 4 = 88.75.

    Their mean is 80; deviations -1.25, -7.5, 8.75 give a variance of 67.1875, so 8.197, and 4.732 of the mean.
    """
    found = angoff.result(CELLS, RATED)
    assert (found.mean, found.spread, found.error, found.raters) == (800, 82, 47, 3)
    first = next(one for one in found.items if one.item == "a1")
    assert (first.mean, first.spread, first.least, first.most) == (900, 100, 80, 100)


@pytest.mark.parametrize(("mean", "cut"), [(800, 12), (801, 13), (733, 11), (1000, 15), (0, 0)])
def test_right_answers_that_follow_are_rounded_up(mean, cut):
    assert angoff.Result((), mean, 0, 0, 3).cut(15) == cut


def test_whoever_rates_alone_has_no_spread():
    found = angoff.result(CELLS, {"Ruiz": RATED["Ruiz"]})
    assert (found.mean, found.spread, found.error) == (788, 0, 0)


# Drawing


@pytest.fixture(scope="module")
def rated_pool():
    """The shipped needle depth, its items rated from 60 to 98 % so that forms differ."""
    module, items, quiz = next(
        row for row in factories.course_of(material.SHIPPED).modules if row[0].slug == "needle-depth"
    )
    pool = [replace(item, rating=600 + 20 * (n * 7 % 20)) for n, item in enumerate(files.pool(items, module))]
    return pool, files.blueprint(quiz, module)


def mean_of(form) -> Fraction:
    return Fraction(sum(item.rating for item in form), len(form))


def test_forms_keep_near_the_mean(rated_pool):
    """Which without it they do not."""
    pool, plan = rated_pool
    free = [mean_of(drawing.draw(pool, plan, f"s{n}")) for n in range(40)]
    mean = round(sum(free) / len(free))
    assert max(abs(one - mean) for one in free) > drawing.NEAR
    near = [mean_of(drawing.draw(pool, plan, f"s{n}", mean)) for n in range(40)]
    assert max(abs(one - mean) for one in near) <= drawing.NEAR


def test_a_balanced_form_is_valid_and_the_same_for_the_same_seed(rated_pool):
    pool, plan = rated_pool
    form = drawing.draw(pool, plan, "again", 760)
    assert form == drawing.draw(pool, plan, "again", 760)
    assert len(form) == plan.items
    assert {point for item in form for point in item.critical} == plan.critical


def test_whoever_may_start_gets_the_nearest_form_where_none_is_near(rated_pool):
    pool, plan = rated_pool
    form = drawing.draw(pool, plan, "far", 300)
    assert mean_of(form) <= mean_of(drawing.draw(pool, plan, "far"))
    unrated = [replace(item, rating=None) for item in pool]
    assert [item.code for item in drawing.draw(unrated, plan, "x", 300)] == [
        item.code for item in drawing.draw(pool, plan, "x")
    ]


# The file


@pytest.fixture
def panel(cast, module):
    """Three physicians of two clinics."""
    third = people.make_person(cast.harbour, "Mika Sato", "physician", by=cast.pinpoint)
    return standard.open_panel(quiz=module.quiz, by=cast.author), [cast.physician, cast.other_physician, third]


def rate_all(panel, raters, *, percent: int = 80) -> None:
    versions, _ = standard.cells_of(panel.quiz)
    for more, rater in enumerate(raters):
        standard.rate(panel=panel, percents={one.pk: percent + more for one in versions}, by=rater)


def test_panel_is_filed_and_named(cast, module, panel):
    panel, raters = panel
    before = live_rules(module.quiz)
    assert before.cut_basis == "provisional: no panel has rated it"
    rate_all(panel, raters)
    row = standard.file(panel=panel, next_review_on=date(2028, 11, 2), by=cast.author)
    assert (row.name, row.mean) == ("nd-1", 810)
    rules = live_rules(module.quiz)
    assert rules.cut_basis == "rated in file nd-1 of 2 November 2026 by 3 physicians, mean 0.810"
    assert (rules.number, rules.sha256, rules.cut) == (before.number + 1, before.sha256, before.cut)
    assert {one["name"] for one in row.found["panel"]} == {rater.full_name for rater in raters}
    assert len(row.found["items"]) == 6
    material.load(factories.course_of(factories.SLICE), by=cast.pinpoint)
    assert QuizVersion.objects.filter(quiz=module.quiz).count() == rules.number
    done = factories.make_finished(person=cast.aesthetician, course=module)
    assert done.certificate.rule_line.endswith(f"Cut score {rules.cut_basis}.")
    assert AuditEvent.objects.filter(action__in=["panel.opened", "cut_score.filed"]).count() == 2
    for rows, change in ((CutFile.objects.all(), {"mean": 1}), (Rating.objects.all(), {"percent": 1})):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**change)
    bodies = {version.question.code: version.body for version in standard.cells_of(module.quiz)[0]}
    assert standard.rated(module.quiz, bodies)[0]["nd-17-q1"] == 810


def test_panel_is_not_filed_before_it_is_whole(cast, module, panel):
    panel, raters = panel
    rate_all(panel, raters[:2])
    versions, _ = standard.cells_of(panel.quiz)
    standard.rate(panel=panel, percents={versions[0].pk: 70}, by=raters[2])
    with pytest.raises(standard.NotFiled, match="1 more must have rated all 6 items"):
        standard.file(panel=panel, next_review_on=date(2028, 1, 1), by=cast.author)
    rate_all(panel, raters[2:])
    with pytest.raises(standard.NotFiled, match="a day to come"):
        standard.file(panel=panel, next_review_on=date(2026, 11, 2), by=cast.author)
    assert not CutFile.objects.exists()
    standard.file(panel=panel, next_review_on=date(2026, 11, 3), by=cast.author)
    for again in (
        lambda: standard.file(panel=panel, next_review_on=date(2028, 1, 1), by=cast.author),
        lambda: standard.rate(panel=panel, percents={versions[0].pk: 1}, by=raters[0]),
    ):
        with pytest.raises(standard.NotFiled):
            again()


def test_a_rating_may_be_changed_and_the_last_counts(cast, module, panel):
    panel, raters = panel
    pk = standard.cells_of(panel.quiz)[0][0].pk
    assert [standard.rate(panel=panel, percents={pk: n}, by=raters[0]) for n in (70, 70, 60)] == [1, 0, 1]
    assert standard.standing(panel).ratings[raters[0].pk] == {pk: 60}
    assert standard.rate(panel=panel, percents={pk: 101, 0: 50}, by=raters[0]) == 0
    for stranger in (cast.author, cast.manager, cast.aesthetician):
        with pytest.raises(PermissionError):
            standard.rate(panel=panel, percents={pk: 50}, by=stranger)


def test_pages_from_opening_to_print(client, cast, module):
    path = reverse("quizzes:cut-score", args=["needle-depth"])
    client.force_login(cast.physician)
    assert "the cut score is provisional" in client.get(path).text
    assert client.post(path, {"act": "open"}).status_code == 403
    client.force_login(cast.author)
    client.post(path, {"act": "open"})
    panel = standard.open_panel_of(module.quiz)
    versions, _ = standard.cells_of(module.quiz)
    client.force_login(cast.physician)
    rating = reverse("quizzes:cut-rate", args=["needle-depth"])
    assert "0 of 6 rated." in client.get(rating).text
    fields = {f"r-{version.pk}": "85" for version in versions}
    wrong = client.post(rating, fields | {f"r-{versions[0].pk}": "eighty"}).text
    assert "1\u00a0answer is not a whole number from 0 to 100. The others are kept." in wrong
    assert "5 of 6 rated." in client.get(rating).text
    assert client.post(rating, fields).status_code == 302
    third = people.make_person(cast.harbour, "Mika Sato", "physician", by=cast.pinpoint)
    rate_all(panel, [cast.other_physician, third], percent=75)
    client.force_login(cast.author)
    assert "File what the panel found" in client.get(path).text
    done = client.post(
        path, {"act": "file", "next_review_on": (date(2026, 11, 2) + timedelta(days=700)).isoformat()}, follow=True
    )
    assert "Cut-score file nd-1" in done.text
    assert "<dd>0.787</dd>" in done.text
    rules = client.get(reverse("quizzes:quiz-detail", args=["needle-depth"])).text
    assert "rated in file nd-1 of 2 November 2026 by 3 physicians, mean 0.787" in rules


def test_cut_score_pages_cost_the_same_for_one_and_for_many(cast, module, panel):
    panel, raters = panel
    pages = [("quizzes:cut-score", "needle-depth"), ("quizzes:cut-rate", "needle-depth")]
    rate_all(panel, raters[:1])
    one = [len(getting(cast.physician, *page)) for page in pages]
    rate_all(panel, raters)
    assert [len(getting(cast.physician, *page)) for page in pages] == one
