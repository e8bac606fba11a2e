"""The item editor: every kind through its own form and back, what is said of it, and a proposal at the end."""

import re

import pytest
from django.http import QueryDict
from django.urls import reverse

from quizzes import importing, kinds, writing
from quizzes.models import QuestionVersion
from tests import factories
from tests.quizzes.test_statements import getting


def posted(groups) -> QueryDict:
    """What a browser sends of these inputs."""
    data = QueryDict(mutable=True)
    for group in groups:
        for one in group.inputs:
            if one.control not in ("radio", "check"):
                data[one.name] = one.value
            elif one.checked:
                data.appendlist(one.name, one.value)
    return data


def test_every_item_comes_back_from_its_form():
    _, items, _ = factories.every_kind().modules[0]
    seen = set()
    for item in items:
        row = kinds.of(item.kind).written(item.content)
        assert writing.row_in(item.kind, posted(writing.groups(item.kind, row, ["any"]))) == row, item.code
        seen.add(item.kind)
    assert seen == {*kinds.KINDS}


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_an_empty_form_is_no_item_and_no_error(kind):
    row = writing.row_in(kind, posted(writing.groups(kind, {})))
    wrong: list[str] = []
    lacking = [name for name in kinds.of(kind).needs if row.get(name) in (None, "", [])]
    assert lacking or kinds.of(kind).read(kinds.Source(row, wrong.append)) is None


GOOD = {
    "stem": "You see separate dots after a pass. What do you do?", "level": "apply", "points": "nd-19", "depends": "",
    "option1-text": "Leave this area", "option1-rationale": "Dots are the endpoint.", "option-key": "1",
    "option2-text": "Go deeper now", "option2-rationale": "Dots are the endpoint.",
    "option3-text": "Make two passes", "option3-rationale": "Extra passes are no bonus.", "order": "shuffled",
}  # fmt: skip


@pytest.mark.django_db
def test_new_item_is_looked_at_and_proposed(client, cast, module):
    client.force_login(cast.author)
    path = f"{reverse('quizzes:item-new', args=['needle-depth'])}?kind=single&point=nd-19"
    assert "New item nd-19-q2" in client.get(path).text
    wrong = client.post(path, GOOD | {"stem": "What is not right?", "act": "propose"}).text
    assert "The stem is negative: ask for what is right." in wrong
    assert "Not yet to be proposed" in wrong
    assert not QuestionVersion.objects.filter(state="draft").exists()
    looked = client.post(
        path, GOOD | {"act": "check", "option1-text": "Leave this area as it is and go to the next one"}
    )
    assert "Can be proposed" in looked.text
    assert "The key is the longest option: 47 characters, the next has 15." in looked.text
    assert "Place d holds the key in 1 of 7 items: 15 to 40 % is fair." in looked.text
    part = client.post(path, GOOD, headers={"HX-Request": "true"}).text
    assert '<p id="said-short" hx-swap-oob="innerHTML">Can be proposed.' in part
    assert "Can be proposed" in part
    assert "<html" not in part
    done = client.post(path, GOOD | {"act": "propose"}, follow=True)
    assert "nd-19-q2 v1 waits for a second person." in done.text
    row = QuestionVersion.objects.get(question__code="nd-19-q2")
    assert (row.state, row.created_by, row.content["stem"]) == ("draft", cast.author, GOOD["stem"])
    assert "source" not in row.content


@pytest.mark.django_db
def test_two_people_editing_the_second_sees_both(client, cast, module):
    client.force_login(cast.author)
    path = reverse("quizzes:item-edit", args=["needle-depth", "nd-19-q1"])
    page = client.get(path)
    began = re.search(r'name="began" value="(\w+)"', page.text)[1]
    held = QuestionVersion.objects.get(question__code="nd-19-q1")
    assert held.content["stem"].split()[0] in page.text
    send = GOOD | {"act": "propose", "began": began}
    assert client.post(path, send).status_code == 302
    late = client.post(path, send | {"stem": "Mine instead?"})
    assert "Somebody proposed another wording of this item while you wrote." in late.text
    assert "Mine instead?" in late.text
    assert [row.state for row in QuestionVersion.objects.filter(question__code="nd-19-q1")] == ["live", "draft"]
    bank = importing.bank_of(module.module)
    assert bank.held["nd-19-q1"].version.content["stem"] == GOOD["stem"]
    assert bank.live["nd-19-q1"].version == held


@pytest.mark.django_db
def test_draft_from_the_material_keeps_its_passage(client, cast):
    factories.make_module(by=cast.pinpoint, loaded=factories.every_kind())
    client.force_login(cast.author)
    page = client.get(reverse("quizzes:item-drafts", args=["needle-depth", "nd-03"]))
    number, draft, _, _ = next(row for row in page.context["drafts"] if row[2].code == "numeric")
    path = f"{reverse('quizzes:item-new', args=['needle-depth'])}?kind=numeric&point=nd-03&draft={number}"
    editor = client.get(path)
    assert f"Drafted from nd-03: <q>{draft.span.quote}</q>" in editor.text
    send = dict(posted(editor.context["page"].groups).items()) | {
        "stem": draft.row["stem"], "level": "recall", "points": "nd-03", "depends": "", "act": "propose",
    }  # fmt: skip
    assert client.post(path, send).status_code == 302
    row = QuestionVersion.objects.get(state="draft")
    assert row.content["source"] == draft.span.plain()
    assert (
        "Drafted from nd-03" in client.get(reverse("quizzes:bank-item", args=["needle-depth", row.question.code])).text
    )
    found = importing.plan(row.question.section.module, importing.read(importing_text(row), "yaml"))
    assert [one.verdict for one in found] == ["unchanged"]


def importing_text(row) -> bytes:
    from quizzes.exchange import FORMATS, Outgoing

    text: str = FORMATS["yaml"].write([Outgoing(importing.row_of(row, ["nd-03"], []))])[0]
    return text.encode()


@pytest.mark.django_db
def test_editor_pages_cost_the_same_for_one_item_and_for_many(cast, module):
    pages = [
        ("quizzes:item-new", "needle-depth"),
        ("quizzes:item-edit", "needle-depth", "nd-17-q1"),
        ("quizzes:item-drafts", "needle-depth", "nd-17"),
    ]
    many = [len(getting(cast.author, *page)) for page in pages]
    QuestionVersion.objects.exclude(question__code="nd-17-q1").update(state="retired")
    assert [len(getting(cast.author, *page)) for page in pages] == many
