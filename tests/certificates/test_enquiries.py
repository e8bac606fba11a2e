"""The pages of questions and answers: who sees what of them."""

import html
from datetime import timedelta

import pytest
from django.urls import reverse

from quizzes import asking, kinds
from quizzes.models import AnswerSeen, Enquiry, EnquiryAnswer
from staff import canonical, clock
from tests import factories
from tests.certificates.test_reviews import waiting
from tests.people import make_person
from training.models import ModuleVersion, SectionVersion

TEXT = "Where is this written down?"


@pytest.fixture
def section(module):
    return module.version.sections.get()


@pytest.fixture
def about(cast, section) -> Enquiry:
    """Maya's question about the section's first key point."""
    return asking.ask_about(
        section=section, point=section.points.first(), clinic=cast.lakeside, text=TEXT, by=cast.aesthetician
    )


@pytest.fixture
def questioned(cast, module) -> Enquiry:
    """Maya's question about an item of an attempt that was not passed."""
    attempt = factories.make_finished(person=cast.aesthetician, course=module, wrong=2, critical_wrong=1).attempt
    return asking.question_item(item=attempt.items.get(position=2), text="Unclear.", by=cast.aesthetician)


def page(client, person, path) -> str:
    client.force_login(person)
    response = client.get(path)
    assert response.status_code == 200
    return str(response.text).replace("\u00a0", " ").replace("&#x27;", "'")


def asking_page(section) -> str:
    return reverse("certificates:section-ask", args=[section.section.module.slug, section.section.slug])


def test_section_leads_to_asking(client, cast, section):
    reading = section.section.module.slug, section.section.slug
    assert asking_page(section) in page(client, cast.aesthetician, reverse("training:section-detail", args=reading))
    assert asking_page(section) not in page(client, cast.author, reverse("training:section-detail", args=reading))


def test_ask(client, cast, section):
    client.force_login(cast.aesthetician)
    point = section.points.first()
    form = {"version": section.number, "point": point.key_point.code, "clinic": cast.lakeside.public_id, "text": TEXT}
    response = client.post(asking_page(section), form)
    enquiry = Enquiry.objects.get()
    assert response["Location"] == enquiry.get_absolute_url()
    assert (enquiry.point_version, enquiry.text, enquiry.person) == (point, TEXT, cast.aesthetician)
    assert "Nobody has answered yet" in client.get(enquiry.get_absolute_url()).text


def test_ask_begins_with_the_key_point_in_the_address(client, cast, section):
    code = section.points.last().key_point.code
    assert f'<option value="{code}" selected>' in page(
        client, cast.aesthetician, f"{asking_page(section)}?point={code}"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": " "}, "This is still empty."),
        ({"text": "x" * 1001}, "at most 1000 characters"),
        ({"version": "99"}, "This section changed while you were writing"),
        ({"point": "nd-99"}, "Select a valid choice"),
        ({"clinic": "elsewhere"}, "Select a valid choice"),
    ],
)
def test_ask_what_cannot_be_sent(client, cast, section, change, said):
    client.force_login(cast.aesthetician)
    form = {"version": section.number, "point": "", "clinic": cast.lakeside.public_id, "text": TEXT} | change
    response = client.post(asking_page(section), form)
    assert said in response.text
    assert not Enquiry.objects.exists()
    assert f'name="version" value="{section.number}"' in response.text


def test_ask_more_than_may_wait_keeps_the_words(client, cast, section):
    for number in range(asking.MOST_WAITING):
        asking.ask_about(section=section, clinic=cast.lakeside, text=f"Question {number}", by=cast.aesthetician)
    client.force_login(cast.aesthetician)
    form = {"version": section.number, "clinic": cast.lakeside.public_id, "text": "My eleventh question"}
    response = client.post(asking_page(section), form)
    assert "no more can wait at once" in response.text
    assert "My eleventh question</textarea>" in response.text


def test_result_leads_to_questioning_and_says_what_was_questioned(client, cast, questioned):
    attempt = questioned.item.attempt
    result = page(client, cast.aesthetician, reverse("certificates:attempt-result", args=[attempt.public_id]))
    assert reverse("certificates:item-question", args=[attempt.public_id, 1]) in result
    assert reverse("certificates:item-question", args=[attempt.public_id, 2]) not in result
    assert f'href="{questioned.get_absolute_url()}"' in result
    assert "You questioned this today" in result


def test_question_an_item(client, cast, module):
    attempt = factories.make_finished(person=cast.aesthetician, course=module).attempt
    client.force_login(cast.aesthetician)
    path = reverse("certificates:item-question", args=[attempt.public_id, 3])
    assert client.post(path, {"text": ""}).status_code == 200
    assert not Enquiry.objects.exists()
    client.post(path, {"text": "Two options say the same."})
    assert Enquiry.objects.get().item == attempt.items.get(position=3)
    assert client.get(reverse("certificates:item-question", args=[attempt.public_id, 99])).status_code == 404


def test_question_an_item_of_an_open_attempt_is_not_there(client, cast, module):
    attempt = factories.make_attempt(person=cast.aesthetician, course=module)
    client.force_login(cast.aesthetician)
    for method in (client.get, client.post):
        assert method(reverse("certificates:item-question", args=[attempt.public_id, 1])).status_code == 404


# What each sees


def test_physician_sees_who_asked_and_the_whole_item(client, cast, questioned):
    seen = page(client, cast.physician, questioned.get_absolute_url())
    key = next(option for option in questioned.item.question_version.content["options"] if option["key"])
    assert "Maya Lindqvist asked about question 2" in seen
    assert "(key)" in seen
    assert key["rationale"][:30] in seen.replace("&quot;", '"')
    assert "do not name the right option" in seen
    assert reverse("certificates:review-detail", args=[questioned.item.attempt.public_id]) in seen


@pytest.mark.parametrize("which", ["about", "questioned"])
def test_author_sees_no_name_and_no_attempt(client, cast, request, which, module):
    enquiry = request.getfixturevalue(which)
    for path in ("/questions/", enquiry.get_absolute_url()):
        seen = page(client, cast.author, path)
        assert "A learner at Lakeside Skin Clinic" in seen
        assert "Maya" not in seen
        assert "Lindqvist" not in seen
        assert cast.aesthetician.email not in seen
        assert "attempt" not in seen.lower().replace("may not have passed", "")
        if enquiry.item:
            assert enquiry.item.attempt.public_id not in seen
            assert enquiry.item.question_version.question.code in seen


def test_author_sees_the_item_with_its_key(client, cast, questioned):
    assert "(key)" in page(client, cast.author, questioned.get_absolute_url())


def test_manager_of_the_clinic_sees_nothing_of_it(client, cast, about, questioned):
    seen = page(client, cast.manager, "/questions/")
    assert "You have not asked anything yet" in seen
    assert TEXT not in seen
    for enquiry in (about, questioned):
        assert client.get(enquiry.get_absolute_url()).status_code == 404
    asking.answer(enquiry=about, text="On the sheet.", closes=True, by=cast.physician)
    for path in ("/", reverse("compliance:person-detail", args=[cast.aesthetician.public_id])):
        assert "written down" not in page(client, cast.manager, path)


def test_other_clinics_physician_sees_nothing_of_it(client, cast, about):
    assert TEXT not in page(client, cast.other_physician, "/questions/")
    for method in (client.get, client.post):
        assert method(about.get_absolute_url()).status_code == 404


def published_anew(module, section, by) -> None:
    """The module's second version, with another text in its one section."""
    new = SectionVersion.objects.create(
        section=section.section, number=2, title="The new title", text="New text.", minutes=1,
        sha256=canonical.sha256("new"), origin="file", created_by=by,
    )  # fmt: skip
    version = ModuleVersion.objects.create(
        module=module.module, number=2, title=module.version.title, details=module.version.details,
        change="clinical", sha256=canonical.sha256("newer"), published_by=by,
    )  # fmt: skip
    version.places.create(position=1, section_version=new)


def test_section_as_it_read_when_it_was_asked(client, cast, module, section, about):
    assert "as it read when this was asked" not in page(client, cast.physician, about.get_absolute_url())
    published_anew(module, section, cast.pinpoint)
    seen = page(client, cast.physician, about.get_absolute_url())
    assert "as it read when this was asked (version 1)" in seen
    assert about.point_version.text[:40] in seen
    assert "The new title, as it reads now" in seen
    assert "Pinpoint bleeding is expected" in seen


# Answering


def test_answer(client, cast, about):
    client.force_login(cast.physician)
    response = client.post(about.get_absolute_url(), {"text": "On the sheet beside the sink.", "closes": "on"})
    assert response["Location"] == "/questions/"
    assert EnquiryAnswer.objects.get().closes
    seen = page(client, cast.aesthetician, about.get_absolute_url())
    assert "On the sheet beside the sink." in seen
    assert "Elena Ruiz, supervising physician" in seen
    assert "Answered" in seen


def test_answer_without_the_tick_leaves_it_open(client, cast, about):
    client.force_login(cast.physician)
    client.post(about.get_absolute_url(), {"text": "I will look it up."})
    assert not EnquiryAnswer.objects.get().closes
    assert "Answered in part" in page(client, cast.aesthetician, about.get_absolute_url())
    assert "More is to come." in page(client, cast.aesthetician, about.get_absolute_url())


def test_answer_with_nothing_is_not_sent(client, cast, about):
    client.force_login(cast.author)
    assert "This is still empty." in client.post(about.get_absolute_url(), {"text": ""}).text
    assert not EnquiryAnswer.objects.exists()


def test_asker_cannot_answer(client, cast, about):
    client.force_login(cast.aesthetician)
    assert client.post(about.get_absolute_url(), {"text": "I know."}).status_code == 403
    assert not EnquiryAnswer.objects.exists()


def test_home_tells_of_an_answer_until_it_is_opened(client, cast, about):
    asking.answer(enquiry=about, text="On the sheet.", closes=True, by=cast.physician)
    assert "Elena Ruiz answered" in page(client, cast.aesthetician, "/")
    page(client, cast.physician, about.get_absolute_url())
    assert not AnswerSeen.objects.exists()
    page(client, cast.aesthetician, about.get_absolute_url())
    assert AnswerSeen.objects.count() == 1
    assert "Elena Ruiz answered" not in page(client, cast.aesthetician, "/")


# What waits


def test_list_begins_with_what_waits_longest(client, cast, section, now):
    texts = []
    for days, text in enumerate(["Oldest, answered", "Second, waiting", "Newest, waiting"]):
        with clock.at(now - timedelta(days=5 - days)):
            enquiry = asking.ask_about(section=section, clinic=cast.lakeside, text=text, by=cast.aesthetician)
        texts.append((text, enquiry))
    asking.answer(enquiry=texts[0][1], text="Yes.", closes=True, by=cast.physician)
    seen = page(client, cast.physician, "/questions/")
    order = sorted(("Oldest, answered", "Second, waiting", "Newest, waiting"), key=seen.index)
    assert order == ["Second, waiting", "Newest, waiting", "Oldest, answered"]
    assert "2 questions wait for an answer" in seen
    assert "asked 4 days ago" in seen


def test_physician_finds_her_own_apart(client, cast, section, about):
    asking.ask_about(section=section, clinic=cast.lakeside, text="My own question", by=cast.physician)
    assert "My own question" not in page(client, cast.physician, "/questions/")
    seen = page(client, cast.physician, "/questions/?mine=1")
    assert "My own question" in seen
    assert TEXT not in seen


def test_review_queue_holds_questions_until_they_are_answered(client, cast, about):
    client.force_login(cast.physician)
    assert "Maya Lindqvist has a question" in waiting(client)
    assert "Questions to answer (1)" in waiting(client)
    asking.answer(enquiry=about, text="Part of it.", closes=False, by=cast.physician)
    assert "Questions to answer (1)" in waiting(client)
    asking.answer(enquiry=about, text="All of it.", closes=True, by=cast.author)
    assert "Nothing waits for you" in waiting(client)
    client.force_login(cast.other_physician)
    assert "Questions to answer" not in waiting(client)


def test_homes_of_who_answers_count_what_waits(client, cast, section, about):
    asking.ask_about(section=section, clinic=cast.lakeside, text="Another", by=cast.colleague)
    seen = page(client, cast.physician, "/")
    assert "Answer 2 questions from your clinic" in seen
    assert "2 unanswered" in seen
    assert "Answer 2 questions about the material" in page(client, cast.author, "/")
    assert "question" not in page(client, cast.other_physician, "/").split("<main")[1]
    assert "question" not in page(client, cast.administrator, "/").lower()
    for enquiry in Enquiry.objects.all():
        asking.answer(enquiry=enquiry, text="Yes.", closes=True, by=cast.author)
    assert "Nothing waits for you" in page(client, cast.physician, "/")
    assert "Nothing waits for you" in page(client, cast.author, "/")


def test_two_clinics_are_asked_one_at_a_time(client, cast, section):
    from staff.actions import add_member

    both = make_person(cast.lakeside, "Bea Both", "aesthetician", by=cast.pinpoint)
    add_member(
        clinic=cast.harbour, email=both.email, full_name="", job_title="Aesthetician", hired_on=clock.today("UTC"),
        roles=["aesthetician"], by=cast.pinpoint,
    )  # fmt: skip
    client.force_login(both)
    assert "For which clinic you ask" in client.get(asking_page(section)).text
    client.post(asking_page(section), {"version": section.number, "clinic": cast.harbour.public_id, "text": TEXT})
    assert TEXT in page(client, cast.other_physician, "/questions/")
    assert TEXT not in page(client, cast.physician, "/questions/")


@pytest.mark.parametrize("kind", list(kinds.KINDS))
def test_item_of_every_kind_is_told_in_words(client, cast, of_every_kind, kind):
    """To the author with its key, to the asker after a failed attempt without."""
    done = factories.make_finished(person=cast.aesthetician, course=of_every_kind, wrong=6, critical_wrong=1)
    item = done.attempt.items.filter(question_version__question__kind=kind)[0]
    enquiry = asking.question_item(item=item, text="Is this right?", by=cast.aesthetician)
    content = item.question_version.content
    told = kinds.of(kind).told_right(content)
    for_author = html.unescape(page(client, cast.author, enquiry.get_absolute_url()))
    assert all(row.text in for_author and row.rationale in for_author for row in told.rows)
    assert "(key)" in for_author
    for_asker = html.unescape(page(client, cast.aesthetician, enquiry.get_absolute_url()))
    assert not [row for row in told.rows if row.rationale and row.rationale in for_asker]
    assert "You answered:" in for_asker
