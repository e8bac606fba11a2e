"""A form as a taker would get it, for those who answer for its items."""

import pytest
from django.urls import reverse

from quizzes.models import Attempt, AttemptItem, QuestionVersion
from staff.models import AuditEvent

URL = "quizzes:form-preview"


@pytest.fixture
def preview(client, cast, module):
    def get(**query: object) -> str:
        answer = client.get(reverse(URL, args=["needle-depth"]), query)
        assert answer.status_code == 200
        return str(answer.text).partition("<main")[2].partition("</main>")[0]

    client.force_login(cast.author)
    return get


def test_a_form_is_drawn_again_or_anew_and_nothing_is_kept(preview, module):
    events = AuditEvent.objects.count()
    first = preview()
    assert "Preview: nothing is stored and nothing is scored." in first
    assert first.count("<fieldset") == module.quiz.versions.get().items
    assert preview(form=1) == first == preview(form="x")
    others = {preview(form=number) for number in (2, 3, 4)}
    assert others - {first}
    assert "form=2" in first
    assert (Attempt.objects.count(), AttemptItem.objects.count(), AuditEvent.objects.count()) == (0, 0, events)


def test_keys_are_hidden_until_asked_for(preview, module):
    live = QuestionVersion.objects.filter(state="live", question__bank="certifying").select_related("question")
    codes = {row.question.code for row in live}
    rationales = {option["rationale"] for row in live for option in row.content.get("options", [])}
    assert rationales
    hidden, shown = preview(), preview(answers="yes")
    assert [text for text in [*codes, *rationales] if text in hidden] == []
    assert "Show the answers" in hidden
    assert [code for code in codes if code in shown]
    assert [text for text in rationales if text in shown]


def test_a_physician_sees_the_form_of_her_clinic(client, cast, module):
    client.force_login(cast.physician)
    page = reverse(URL, args=["needle-depth"])
    assert "at Lakeside Skin Clinic, by its protocol" in client.get(page).text
    assert client.get(page, {"clinic": cast.harbour.public_id}).status_code == 404
    assert client.get(reverse(URL, args=["elsewhere"])).status_code == 404


def test_what_no_form_can_be_drawn_from_is_said(preview, module):
    QuestionVersion.objects.filter(question__code__startswith="nd-17").update(state="retired")
    page = preview()
    assert "No form can be drawn: section technique-and-endpoint has" in page
    assert "<fieldset" not in page


def test_the_bank_leads_to_it(client, cast, module):
    client.force_login(cast.author)
    assert reverse(URL, args=["needle-depth"]) in client.get(reverse("quizzes:bank-module", args=["needle-depth"])).text
