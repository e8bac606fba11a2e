"""How many statements a request costs. BEGIN, COMMIT and SAVEPOINT are not counted; session and user are."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from quizzes import actions, material
from quizzes.models import Attempt, QuestionVersion
from staff import canonical, clock
from staff.models import StaffMember
from tests import factories, people
from training.models import Module, ModuleVersion, Section, SectionVersion

NOT_COUNTED = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def statements(act) -> list[str]:
    """What `act` asks of the database, in order."""
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"] for query in captured if not query["sql"].upper().startswith(NOT_COUNTED)]


def getting(person: StaffMember, name: str, *args) -> list[str]:
    """The statements of a page; the first visit, which writes the session's use, is not counted."""
    client, path = Client(), reverse(name, args=args)
    client.force_login(person)
    assert client.get(path).status_code == 200
    return statements(lambda: client.get(path))


def saving(attempt: Attempt, *, script: bool) -> list[str]:
    """The statements of the second save of the first question with a single best answer."""
    singles = attempt.items.filter(question_version__question__kind="single")
    client, item = Client(), singles.order_by("position")[0]
    client.force_login(attempt.candidacy.person)
    path = reverse("quizzes:attempt-save", args=[attempt.public_id, item.position])
    form = {} if script else {"flag_sent": "1", "last": "6", "go": "next"}
    headers = {"Accept": "application/json" if script else "text/html"}

    def save(revision: int) -> None:
        data = {"answer": item.shown[revision][0], "revision": revision, "key": f"k{revision}", **form}
        assert client.post(path, data, headers=headers).status_code == (200 if script else 302)

    save(0)
    return statements(lambda: save(1))


@pytest.fixture
def fifteen(cast, shipped) -> Attempt:
    """An open attempt of the whole shipped quiz."""
    return factories.make_attempt(person=cast.aesthetician, course=shipped)


def test_save_costs_five_statements(cast, module):
    cost = saving(factories.make_attempt(person=cast.aesthetician, course=module), script=True)
    assert len(cost) <= 5, cost
    assert len([sql for sql in cost if sql.startswith(("INSERT", "UPDATE"))]) == 2


@pytest.mark.one_engine  # as many statements on both
def test_save_costs_the_same_with_fifteen_items(fifteen):
    assert fifteen.items.count() == 15
    cost = saving(fifteen, script=True)
    assert len(cost) <= 5, cost


def test_save_by_form_costs_the_same_with_fifteen_items(cast, fifteen):
    """Without JavaScript the flag comes along, and the time of saving is kept for the next page: two more."""
    cost = saving(fifteen, script=False)
    assert len(cost) <= 7, cost


def test_taking_costs_the_same_however_much_is_answered(cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    before = len(getting(cast.aesthetician, "quizzes:attempt-take", attempt.public_id))
    factories.answer(attempt=attempt)
    assert len(getting(cast.aesthetician, "quizzes:attempt-take", attempt.public_id)) == before


def test_whole_attempt_costs_no_more_than_its_budgets(cast, module):
    """From the quiz's page to the result of a pass with its certificate, as `make bench` counts it."""
    person, client = cast.aesthetician, Client()
    client.force_login(person)
    factories.read_all(person=person, course=module)
    quiz = reverse("quizzes:quiz-detail", args=["needle-depth"])
    client.get(quiz)
    costs = {"quiz": statements(lambda: client.get(quiz))}
    costs["start"] = statements(lambda: client.post(quiz, {"declared": "yes"}))
    attempt = Attempt.objects.of(person).get()
    factories.answer(attempt=attempt)
    for name, page in (("take", "quizzes:attempt-take"), ("check", "quizzes:attempt-check")):
        costs[name] = statements(lambda page=page: client.get(reverse(page, args=[attempt.public_id])))
    costs["submit"] = statements(lambda: client.post(reverse("certificates:attempt-submit", args=[attempt.public_id])))
    costs["result"] = statements(lambda: client.get(reverse("certificates:attempt-result", args=[attempt.public_id])))
    assert person.certificates.count() == 1
    # Among them one each (but in take and check) that a worker asks once for a version, and three once a year for the numbers.
    budgets = {"quiz": 13, "start": 30, "take": 6, "check": 6, "submit": 37, "result": 14}
    assert {name: len(cost) for name, cost in costs.items() if len(cost) > budgets[name]} == {}, costs


def another_module(like: ModuleVersion, number: int) -> None:
    module = Module.objects.create(slug=f"module-{number}", code=f"m{number}", position=number)
    version = ModuleVersion.objects.create(
        module=module,
        number=1,
        title=f"Module {number}",
        details=like.details,
        change="clinical",
        sha256=canonical.sha256(str(number)),
        published_by=like.published_by,
    )
    section = SectionVersion.objects.create(
        section=Section.objects.create(module=module, slug="only"),
        number=1,
        title="Only",
        text="Text.",
        minutes=1,
        sha256=canonical.sha256(f"section {number}"),
        origin="file",
        created_by=like.published_by,
    )
    version.places.create(position=1, section_version=section)


def test_module_list_costs_the_same_for_one_and_for_many(cast, module):
    one = getting(cast.aesthetician, "training:module-list")
    for number in range(1, 5):
        another_module(module.version, number)
    assert len(getting(cast.aesthetician, "training:module-list")) == len(one)


@pytest.mark.one_engine  # as many statements on both
def test_certificate_list_costs_the_same_for_one_and_for_many(cast, module, now):
    from certificates.actions import open_renewals

    factories.make_finished(person=cast.aesthetician, course=module)
    one = getting(cast.aesthetician, "certificates:certificate-list")
    for year in (1, 2, 3):
        with clock.at(now + timedelta(days=365 * year - 30)):
            open_renewals(cast.aesthetician)
            factories.make_finished(person=cast.aesthetician, course=module, read=False)
    assert cast.aesthetician.certificates.count() == 4
    assert len(getting(cast.aesthetician, "certificates:certificate-list")) == len(one)


def learners(cast, count: int) -> list[StaffMember]:
    names = ["Ann Abel", "Bea Berg", "Cleo Cruz", "Dora Dahl"]
    return [people.make_person(cast.lakeside, name, "aesthetician", by=cast.pinpoint) for name in names[:count]]


@pytest.mark.one_engine  # as many statements on both
def test_review_queue_costs_the_same_for_one_and_for_many_waiting(cast, module):
    factories.make_finished(person=cast.aesthetician, course=module, critical_wrong=1)
    one = getting(cast.physician, "certificates:review-queue")
    for person in learners(cast, 4):
        factories.make_finished(person=person, course=module, critical_wrong=1)
    assert len(getting(cast.physician, "certificates:review-queue")) == len(one)


@pytest.mark.one_engine  # as many statements on both
def test_review_queue_costs_the_same_for_one_and_for_many_locked(cast, module, now):
    factories.make_locked(person=cast.aesthetician, course=module)
    one = getting(cast.physician, "certificates:review-queue")
    for person in learners(cast, 3):
        factories.make_locked(person=person, course=module)
    assert len(getting(cast.physician, "certificates:review-queue")) == len(one)


@pytest.mark.parametrize(
    ("who", "page"),
    [
        ("aesthetician", "certificates:enquiry-list"),
        ("physician", "certificates:enquiry-list"),
        ("author", "certificates:enquiry-list"),
        ("physician", "certificates:review-queue"),
        ("aesthetician", "compliance:home"),
        ("physician", "compliance:home"),
        ("author", "compliance:home"),
    ],
)
@pytest.mark.one_engine  # as many statements on both
def test_questions_cost_the_same_for_one_of_each_kind_and_for_many(cast, module, who, page):
    from quizzes import asking

    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=3)
    section = module.version.sections.get()

    def ask(number: int) -> None:
        item = done.attempt.items.get(position=number)
        asked = [
            asking.question_item(item=item, text="Unclear.", by=cast.aesthetician),
            asking.ask_about(section=section, clinic=cast.lakeside, text=f"Why {number}?", by=cast.aesthetician),
        ]
        for enquiry in asked:
            asking.answer(enquiry=enquiry, text="In part.", closes=False, by=cast.physician)

    ask(1)
    one = getting(getattr(cast, who), page)
    for number in (2, 3, 4):
        ask(number)
    assert len(getting(getattr(cast, who), page)) == len(one)


@pytest.mark.one_engine  # as many statements on both
def test_result_costs_the_same_for_six_and_for_fifteen_items(cast, module, now):
    from certificates.actions import submit

    done = factories.make_finished(person=cast.aesthetician, course=module, wrong=3)
    small = getting(cast.aesthetician, "certificates:attempt-result", done.attempt.public_id)
    whole = factories.make_module(by=cast.pinpoint, adopted_by=cast.physician, root=material.SHIPPED)
    attempt = factories.make_attempt(person=cast.colleague, course=whole)
    submit(attempt=attempt, by=cast.colleague)
    assert len(getting(cast.colleague, "certificates:attempt-result", attempt.public_id)) == len(small)


def test_verifying_costs_the_same_whatever_happened(cast, module):
    from certificates.actions import lift, suspend

    paper = factories.make_finished(person=cast.aesthetician, course=module).certificate
    page = reverse("certificates:verify-code", args=[paper.code])
    before = statements(lambda: Client().get(page))
    for _ in range(3):
        suspend(certificate=paper, reason_class="other", public_text="Held", private_note="", by=cast.manager)
        lift(certificate=paper, private_note="done", by=cast.manager)
    assert len(statements(lambda: Client().get(page))) == len(before)


@pytest.mark.one_engine  # as many statements on both
def test_save_costs_the_same_for_every_kind(cast, of_every_kind):
    """Right or wrong, first answer or changed, by script or by form."""
    attempt = factories.make_attempt(person=cast.aesthetician, course=of_every_kind)
    client = Client()
    client.force_login(cast.aesthetician)
    by_script, by_form = set(), set()
    for item in attempt.items.select_related("question_version__question"):
        path = reverse("quizzes:attempt-save", args=[attempt.public_id, item.position])
        right, wrong = factories.could_answer(item)
        for revision, (answer, script) in enumerate(
            [(right, True), (wrong[0], True), (right, True), (right, False), (wrong[0], False)]
        ):
            data = {"answer": answer.split(), "revision": revision, "key": f"k{revision}"}
            if script:
                data["answer"] = answer
            else:
                data |= {"flag_sent": "1", "last": "10", "go": "next"}
            headers = {"Accept": "application/json" if script else "text/html"}
            cost = statements(lambda p=path, d=data, h=headers: client.post(p, d, headers=h))
            if revision:  # the first writes the session's use
                (by_script if script else by_form).add(len(cost))
        item.refresh_from_db()
        assert item.revision == 5
    assert by_script == {5}
    assert len(by_form) == 1
    assert by_form.pop() <= 7


def practised(cast, *, items: int, people_too: int) -> None:
    rows = list(QuestionVersion.objects.filter(question__bank="practice", state="live").order_by("pk"))[:items]
    for person in [cast.aesthetician, *learners(cast, people_too)]:
        for row in rows:
            actions.practise(person=person, item=row, right=True, confidence="sure")


def test_practice_summary_costs_the_same_for_one_and_for_many(cast, module):
    practised(cast, items=1, people_too=0)
    one = getting(cast.physician, "quizzes:practice-summary", "needle-depth")
    practised(cast, items=2, people_too=4)
    assert len(getting(cast.physician, "quizzes:practice-summary", "needle-depth")) == len(one)
