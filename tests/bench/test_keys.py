"""The benchmark's takers read the page alone."""

from django.template.loader import render_to_string

from bench import keys
from quizzes import drawing, kinds, material
from quizzes.views.items import ask
from tests import factories


def test_answers_to_every_shipped_item_are_found_on_the_page_by_their_wording():
    items = [item for module in factories.course_of(material.SHIPPED).modules for item in module[1]]
    assert {item.kind for item in items} == set(kinds.KINDS)
    for item in items:
        kind = kinds.of(item.kind)
        shown = drawing.tokens("seed", 1, item.code, kind.groups(item.body))
        asked = ask(item.body, item.kind, shown, "", {}, "q1")
        form = render_to_string("quizzes/_fields.html", {"asked": asked, "called": 1})
        known = keys.known(item.kind, item.body)
        right = keys.as_sent(known.right, form).split()
        assert sorted(right) == sorted(kind.right_answer(item.body, shown).split()), item.code
        assert sorted(keys.as_sent(known.wrong, form).split()) != sorted(right), item.code
