"""Practice: explained at once, kept with how sure one was, shown to a physician only as what several people share."""

import pytest
from django.urls import reverse

from quizzes import actions, kinds
from quizzes.models import PracticeAnswer, QuestionVersion
from quizzes.queries import practised_points
from staff import clock
from tests import people
from tests.quizzes.test_oracles import in_page


def items() -> list[QuestionVersion]:
    rows = QuestionVersion.objects.filter(question__bank="practice", state="live").select_related("question")
    return list(rows.order_by("question__code"))


def number_of(kind: str) -> int:
    return next(n for n, row in enumerate(items(), start=1) if row.question.kind == kind)


def shown_of(row: QuestionVersion) -> list[list[str]]:
    """In practice the bank's own names are the tokens."""
    return kinds.of(row.question.kind).by_name(row.content)


def send(client, number: int, answer: str, **more: str):
    path = reverse("quizzes:practice", args=["needle-depth"])
    return client.post(f"{path}?q={number}", {"answer": answer.split(), **more})


PRACTISED = ["single", "multiple", "order", "match", "hotspot", "case"]


@pytest.mark.parametrize("kind", PRACTISED)
def test_right_answer_is_told_and_kept(client, cast, of_every_kind, kind):
    client.force_login(cast.aesthetician)
    row = items()[number_of(kind) - 1]
    right = kinds.of(kind).right_answer(row.content, shown_of(row))
    page = send(client, number_of(kind), right, sure="guessing").text
    assert "You guessed, and it was right." in page
    assert all(in_page(reason, page) for reason in kinds.of(kind).rationales(row.content).values())
    kept = PracticeAnswer.objects.get()
    assert (kept.person, kept.question_version, kept.right, kept.confidence) == (
        cast.aesthetician, row, True, "guessing",
    )  # fmt: skip
    assert kept.answered_at == clock.now()


@pytest.mark.parametrize("kind", ["multiple", "order", "match", "case"])
def test_half_right_is_told_with_its_rule_beside_it(client, cast, of_every_kind, kind):
    client.force_login(cast.aesthetician)
    row = items()[number_of(kind) - 1]
    key = kinds.of(kind).key(row.content)
    wrong = kinds.of(kind).wrong_answers(row.content, shown_of(row))[0]
    points, most = kinds.of(kind).partly_right(key, wrong)
    assert 0 < points < most
    page = send(client, number_of(kind), wrong, sure="fairly").text
    assert f"{points} of {most} points." in page
    assert f"{kinds.of(kind).partly} In the quiz it counts only as a whole." in page
    assert not PracticeAnswer.objects.get().right


def test_without_a_word_on_confidence_the_answer_is_kept_too(client, cast, module):
    client.force_login(cast.aesthetician)
    send(client, 1, "a")
    assert PracticeAnswer.objects.get().confidence == ""
    assert "You were sure" not in send(client, 1, "a", sure="certainly").text
    assert set(PracticeAnswer.objects.values_list("confidence", flat=True)) == {""}


def test_nothing_answered_keeps_nothing(client, cast, module):
    client.force_login(cast.aesthetician)
    assert "No answer given" in send(client, 1, "", sure="sure").text
    assert not PracticeAnswer.objects.exists()


def test_what_cannot_be_an_answer_is_asked_again(client, cast, module):
    client.force_login(cast.aesthetician)
    page = send(client, 1, "nonsense", sure="sure").text
    assert in_page("That answer is not one of this question's.", page)
    assert "Show the answer" in page
    assert "best answer" not in page
    assert not PracticeAnswer.objects.exists()


# The physician's page


def staff_of(cast, count: int, clinic=None) -> list:
    names = ("Ann Abel", "Bea Berg", "Cleo Cruz", "Dora Dahl", "Eva Eis", "Fay Fox")
    return [
        people.make_person(clinic or cast.lakeside, name, "aesthetician", by=cast.pinpoint) for name in names[:count]
    ]


def summary(client, cast) -> str:
    client.force_login(cast.physician)
    page: str = client.get(reverse("quizzes:practice-summary", args=["needle-depth"])).text
    return page


def of_point(course, cast, code: str):
    return next(row for row in practised_points(course.version, [cast.lakeside]) if row.point.key_point.code == code)


def test_fewer_than_five_people_show_no_figure(client, cast, module):
    item = next(row for row in items() if row.question.code == "nd-17-q5")
    for person in staff_of(cast, 4):
        actions.practise(person=person, item=item, right=False, confidence="sure")
        actions.practise(person=person, item=item, right=False, confidence="sure")
    assert not of_point(module, cast, "nd-17").told
    page = summary(client, cast)
    assert "sure and wrong</span>" not in page
    assert page.count("Fewer than 5 people so far") == 6


def test_five_people_show_what_they_share_and_nobody(client, cast, module):
    item = next(row for row in items() if row.question.code == "nd-17-q5")
    answers = [(False, "sure"), (False, "sure"), (True, "sure"), (True, "guessing"), (False, "fairly")]
    staff = staff_of(cast, 5)
    for person, (right, confidence) in zip(staff, answers, strict=True):
        actions.practise(person=person, item=item, right=right, confidence=confidence)
    row = of_point(module, cast, "nd-17")
    assert (row.people, row.answers, row.right, row.sure_wrong, row.guessed) == (5, 5, 2, 2, 1)
    page = summary(client, cast)
    assert "2 sure and wrong" in page
    assert "2 of 5\u00a0answers right, 1 guessed" in page
    assert not [person for person in staff if person.full_name in page]


def test_the_last_answer_of_each_counts(cast, module):
    item = next(row for row in items() if row.question.code == "nd-17-q5")
    for person in staff_of(cast, 5):
        actions.practise(person=person, item=item, right=False, confidence="sure")
        actions.practise(person=person, item=item, right=True, confidence="fairly")
    row = of_point(module, cast, "nd-17")
    assert (row.people, row.answers, row.right, row.sure_wrong) == (5, 5, 5, 0)


def test_only_her_own_staff_is_added_up(cast, module):
    item = next(row for row in items() if row.question.code == "nd-17-q5")
    elsewhere = staff_of(cast, 6, clinic=cast.harbour)
    for person in [cast.aesthetician, cast.leaver, cast.physician, cast.author, *elsewhere]:
        actions.practise(person=person, item=item, right=False, confidence="sure")
    assert of_point(module, cast, "nd-17").people == 1


def test_most_sure_and_wrong_comes_first(cast, module):
    one, two = (next(row for row in items() if row.question.code == code) for code in ("nd-17-q5", "nd-18-q5"))
    for person in staff_of(cast, 5):
        actions.practise(person=person, item=one, right=False, confidence="guessing")
        actions.practise(person=person, item=two, right=False, confidence="sure")
    codes = [row.point.key_point.code for row in practised_points(module.version, [cast.lakeside])]
    assert codes == ["nd-18", "nd-17", "nd-19", "nd-20", "nd-21", "nd-22"]
