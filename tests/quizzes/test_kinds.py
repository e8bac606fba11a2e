"""What each kind of item says of itself. The tables of what is right are in docs/scoring.md (test_scoring.py)."""

import json
import re
from functools import cache
from itertools import permutations
from pathlib import Path

import pytest

from quizzes import drawing, kinds, material
from quizzes.files import ItemFile
from tests import factories
from tests.training.test_files import line_of, made, problems

ITEMS = "needle-depth/questions/05-technique-and-endpoint.yaml"
MODULE = "needle-depth/module.yaml"
PLAIN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 200" role="img"><path d="M0 0H9"/></svg>'
HEAD = """- code: {code}
  bank: {bank}
  kind: {kind}
  level: apply
  points: [{point}]
  depends: []
  stem: {stem}
"""
BODIES = {
    "multiple": """  options:
    - text: Log the depth
      key: true
      rationale: It is logged.
    - text: Log each pass
      key: true
      rationale: It is logged, too.
    - text: Log the weather
      rationale: It changes nothing.
    - text: Log the music
      rationale: It changes nothing either.
""",
    "numeric": """  answer: "2"
  tolerance: "0"
  unit: passes
  label: Passes
  rationale: One and one are two.
""",
    "order": """  steps:
    - Read it.
    - Set it.
    - Use it.
  rationale: In this order.
""",
    "match": """  pairs:
    - left: Forehead
      right: light pressure
      rationale: It is bony.
    - left: Chin
      right: more care
      rationale: Its skin is thick.
    - left: Eyelid
      right: no needle
      rationale: It lies inside the rim.
  others:
    - firm pressure
""",
    "hotspot": """  picture: plain
  regions:
    - name: Top
      at: [50, 20]
      key: true
      rationale: It is the top.
    - name: Middle
      at: [50, 100]
      rationale: It is the middle.
    - name: Bottom
      at: [50, 180]
      rationale: It is the bottom.
""",
    "case": """  parts:
    - stem: What first?
      options:
        - text: Stop
          key: true
          rationale: It comes first.
        - text: Go on
          rationale: It comes last.
        - text: Ask
          rationale: It comes second.
    - stem: What then?
      options:
        - text: Press
          rationale: It comes first here.
        - text: Tell
          key: true
          rationale: It is told.
        - text: Wait
          rationale: It does not wait.
""",
}
CODE = "nd-21-q9"


def written(kind: str, *, code: str = CODE, bank: str = "practice", stem: str = "What is it?") -> str:
    return HEAD.format(code=code, bank=bank, kind=kind, stem=stem, point=code[:5]) + BODIES[kind]


def folder(tmp_path: Path, text: str) -> Path:
    """The small course with one more item, and a picture that nothing is written on."""
    last = "- code: nd-18-q5\n"
    picture = "- code: plain\n  title: Plain\n  caption: Plain.\n  scale: false\n  cites: [V12.1]\n  words: Plain.\n"
    root = made(tmp_path, (ITEMS, last, text + last), (MODULE, "sections:\n- 05", f"{picture}sections:\n- 05"))
    (root / "needle-depth/pictures/plain.svg").write_text(PLAIN, encoding="utf-8")
    return root


def read(tmp_path: Path, kind: str) -> ItemFile:
    ((_, items, _),) = material.read(folder(tmp_path, written(kind))).modules
    return next(item for item in items if item.code == CODE)


@pytest.mark.parametrize("kind", BODIES)
def test_item_of_each_kind_is_read(tmp_path, kind):
    item = read(tmp_path, kind)
    assert item.kind == kind
    assert set(item.body) == {"level", "stem", *item.content}
    assert json.loads(json.dumps(item.body)) == item.body


def case(kind: str, old: str, new: str, says: str, *, id: str):
    return pytest.param(kind, old, new, says, id=f"{kind}: {id}")


MISTAKES = [
    case(
        "multiple",
        "    - text: Log the music\n      rationale: It changes nothing either.\n",
        "",
        "four to six options, got 3",
        id="three options",
    ),
    case(
        "multiple",
        "      key: true\n      rationale: It is logged.\n",
        "      rationale: It is logged.\n",
        "two to four options are keys, got 1",
        id="one key",
    ),
    case("multiple", "music\n", "music\n      key: true\n", "", id="three keys are fine"),
    case("multiple", "Log the music", "log the  weather", "two options say the same", id="two alike"),
    case(
        "multiple",
        "Log the music",
        "None of the above",
        "no option may be all, none or both of the above",
        id="catch-all",
    ),
    case(
        "multiple",
        "      rationale: It changes nothing either.\n",
        "",
        "every option has a text and a rationale",
        id="no rationale",
    ),
    case(
        "multiple",
        "  options:\n",
        "  options: []\n  others:\n",
        "an item of kind multiple needs options",
        id="no options",
    ),
    case("numeric", '"2"', "2.5", "answer must be a number in quotes", id="a float"),
    case("numeric", '"2"', "2", "", id="a whole number needs no quotes"),
    case("numeric", '"2"', "two", "answer must be a number in quotes", id="a word"),
    case("numeric", '"2"', '"2,5"', "answer must be a number in quotes", id="a comma"),
    case(
        "numeric", 'tolerance: "0"', "tolerance: 0.1", "tolerance must be a number in quotes", id="a float as tolerance"
    ),
    case(
        "numeric",
        'tolerance: "0"',
        'tolerance: "-1"',
        "tolerance must be 0 or less than the answer",
        id="negative tolerance",
    ),
    case(
        "numeric",
        'tolerance: "0"',
        'tolerance: "2"',
        "tolerance must be 0 or less than the answer",
        id="tolerance as wide as the answer",
    ),
    case("numeric", '"2"', '"1000"', "answer must be below 1000, got 1000", id="thousands"),
    case(
        "numeric", "unit: passes", "unit: passes a day", "unit must be one word, got passes a day", id="unit of words"
    ),
    case("numeric", "  unit: passes\n", "", "an item of kind numeric needs unit", id="no unit"),
    case("order", "    - Use it.\n", "", "three to six steps, got 2", id="two steps"),
    case("order", "- Use it.", "- use  it.\n    - Use it.", "two steps say the same", id="two alike"),
    case("order", "- Use it.", "- {text: Use it.}", "every step is a line of text", id="a step that is none"),
    case(
        "order",
        "  rationale: In this order.",
        "  order: fixed\n  rationale: In this order.",
        "order is for options",
        id="fixed",
    ),
    case("match", "  others:\n    - firm pressure\n", "", "the last pair follows from the rest", id="one to one"),
    case("match", "right: no needle", "right: light pressure", "", id="one that serves twice is fine"),
    case("match", "left: Chin", "left: forehead", "two left sides say the same", id="two lefts alike"),
    case("match", "- firm pressure", "- Light pressure", "two right sides say the same", id="two rights alike"),
    case(
        "match",
        "      rationale: It is bony.\n",
        "",
        "every pair has a left, a right and a rationale",
        id="no rationale",
    ),
    case(
        "match",
        "    - firm pressure\n",
        "".join(f"    - other {n}\n" for n in range(4)),
        "three to six texts on the right, got 7",
        id="too many rights",
    ),
    case(
        "hotspot",
        "picture: plain",
        "picture: fancy",
        "picture fancy is not a picture of this module",
        id="no such picture",
    ),
    case(
        "hotspot",
        "picture: plain",
        "picture: orbital-no-go-zone",
        "picture orbital-no-go-zone has words in it",
        id="words in the picture",
    ),
    case(
        "hotspot",
        "[50, 180]",
        "[50, 201]",
        "the region at [50, 201] lies outside the picture, which is 100 by 200",
        id="outside",
    ),
    case("hotspot", "[50, 180]", "[58, 105]", "are too close", id="too close"),
    case("hotspot", "[50, 180]", "[50.5, 180]", "a region's place is at: [x, y]", id="not whole"),
    case("hotspot", "      key: true\n", "", "exactly one region is the key, got 0", id="no key"),
    case(
        "hotspot",
        "    - name: Middle\n      at: [50, 100]\n      rationale: It is the middle.\n",
        "",
        "three to six regions, got 2",
        id="two regions",
    ),
    case(
        "case",
        "        - text: Wait\n          rationale: It does not wait.\n",
        "",
        "part two: three or four options, got 2",
        id="two options in a part",
    ),
    case(
        "case",
        "        - text: Tell\n          key: true\n",
        "        - text: Tell\n",
        "part two: exactly one option is the key, got 0",
        id="no key in a part",
    ),
    case("case", "stem: What then?", "stem: What is not done then?", "the stem is negative", id="negative question"),
    case("case", "What first?", "", "part one: a part has a stem and options", id="a part without a question"),
]


@pytest.mark.parametrize(("kind", "old", "new", "says"), MISTAKES)
def test_one_mistake_in_an_item_of_a_kind_is_one_problem(tmp_path, kind, old, new, says):
    text = written(kind)
    assert text.count(old) >= 1
    root = folder(tmp_path, text.replace(old, new, 1))
    found = problems(root)
    assert len(found) == bool(says), found
    if says:
        line = line_of(root, ITEMS, f"- code: {CODE}")
        assert found[0].startswith(f"{ITEMS}:{line}: {CODE}: ")
        assert says in found[0]


@pytest.mark.parametrize("kind", BODIES)
def test_critical_point_is_tested_by_a_single_best_answer_alone(tmp_path, kind):
    found = problems(folder(tmp_path, written(kind, code="nd-17-q9")))
    assert len(found) == 1, found
    assert f"an item that tests a critical key point is of kind single, got {kind}" in found[0]


def test_story_of_a_case_may_say_what_is_not(tmp_path):
    text = written("case", stem="The dots are not growing.")
    assert problems(folder(tmp_path, text)) == []


def test_options_that_are_numbers_keep_their_order(tmp_path):
    numbers = BODIES["multiple"]
    for n, name in enumerate(("Log the depth", "Log each pass", "Log the weather", "Log the music"), start=1):
        numbers = numbers.replace(name, f"{n}.5 mm")
    text = written("multiple").replace(BODIES["multiple"], numbers)
    (found,) = problems(folder(tmp_path / "one", text))
    assert "options that are numbers stand in their order: write order: fixed" in found
    assert problems(folder(tmp_path / "two", f"{text}  order: fixed\n")) == []


def test_kind_of_an_item_stays(tmp_path, db):
    from staff.models import StaffMember

    by = StaffMember.objects.pinpoint()
    material.load(material.read(folder(tmp_path / "one", written("order"))), by=by)
    with pytest.raises(material.MaterialError, match=f"{CODE} was order and is match now: an item keeps its kind"):
        material.load(material.read(folder(tmp_path / "two", written("match"))), by=by)


# What does not depend on the key


@pytest.mark.parametrize("kind", ["order", "match"])
def test_ids_are_the_same_whatever_the_key(tmp_path, kind):
    """The file is written in the right order or pair by pair: neither may show in the ids, which make the tokens."""
    if kind == "order":
        files = [written(kind).replace("Read it.", "X").replace("Use it.", "Read it.").replace("X", "Use it.")]
    else:
        files = [written(kind).replace("no needle", "X").replace("more care", "no needle").replace("X", "more care")]
    texts = []
    for n, text in enumerate([written(kind), *files]):
        ((_, items, _),) = material.read(folder(tmp_path / str(n), text)).modules
        content = next(item.content for item in items if item.code == CODE)
        shown = drawing.tokens("seed", 1, CODE, kinds.of(kind).groups(content))
        texts.append(
            ([(token, kinds.of(kind).texts(content)[name]) for token, name in shown], kinds.of(kind).key(content))
        )
    assert texts[0][0] == texts[1][0]
    assert texts[0][1] != texts[1][1]


@cache
def bank() -> dict[str, ItemFile]:
    """One shipped item of each kind."""
    return {item.kind: item for _, items, _ in factories.every_kind().modules for item in items}


def shown_of(item: ItemFile, seed: str = "seed") -> list[list[str]]:
    return drawing.tokens(seed, 1, item.code, kinds.of(item.kind).groups(item.content))


every_kind = pytest.mark.parametrize("code", list(kinds.KINDS))


def with_words(item: ItemFile, shown) -> list[list[str]]:
    texts = kinds.of(item.kind).texts(item.content)
    return [[token, name, texts[name]] for token, name in shown]


@every_kind
def test_right_answer_is_right_and_wrong_ones_are_wrong(code):
    kind, item = kinds.of(code), bank()[code]
    shown, key = shown_of(item), kinds.of(code).key(item.content)
    assert kind.is_right(key, kind.in_ids(kind.right_answer(item.content, shown), shown))
    for answer in kind.wrong_answers(item.content, shown):
        assert kind.is_complete(answer, shown)
        assert not kind.is_right(key, kind.in_ids(answer, shown))
    assert not kind.is_right(key, "")
    assert not kind.is_complete("", shown)


@every_kind
def test_order_of_pieces_leaves_no_trace(code):
    """However it was clicked together, an answer is stored in the order shown."""
    kind, item = kinds.of(code), bank()[code]
    shown = shown_of(item)
    answer = kind.right_answer(item.content, shown)
    for pieces in permutations(answer.split()):
        assert kind.read_answer(pieces, shown) == answer


@every_kind
def test_form_sends_what_can_be_read_and_shows_what_is_stored(code):
    """The values of the form are the pieces of an answer; those marked as chosen are the answer given."""
    kind, item = kinds.of(code), bank()[code]
    shown = shown_of(item)
    for answer in ["", kind.right_answer(item.content, shown), *kind.wrong_answers(item.content, shown)]:
        fields = kind.fields(item.content, shown, answer)
        chosen = [choice.value for field in fields for choice in field.choices if choice.chosen]
        chosen += [field.value for field in fields if field.value]
        assert kind.read_answer(chosen, shown) == answer
        assert [field.control for field in fields] == [field.control for field in kind.fields(item.content, shown, "")]


@every_kind
@pytest.mark.parametrize(
    "pieces",
    [["a"], ["1"], ["1a"], ["0123456789abcdef"], ["a:1"], ["1:a"], [":"], ["x:", ":y"], ["0123456789abcdef:1"]],
    ids=" ".join,
)
def test_what_is_not_of_this_attempt_is_refused(code, pieces):
    kind, item = kinds.of(code), bank()[code]
    if code == "numeric" and pieces == ["1"]:
        assert kind.read_answer(pieces, shown_of(item)) == "1"
        return
    with pytest.raises(kinds.NotAnAnswer):
        kind.read_answer(pieces, shown_of(item))


@every_kind
def test_tokens_of_another_attempt_are_refused(code):
    kind, item = kinds.of(code), bank()[code]
    answer = kind.right_answer(item.content, shown_of(item, "another"))
    if code == "numeric":
        assert kind.read_answer([answer], shown_of(item)) == answer
    else:
        with pytest.raises(kinds.NotAnAnswer):
            kind.read_answer(answer.split(), shown_of(item))
        assert kind.in_ids(answer, shown_of(item)) == ""


@every_kind
def test_two_answers_at_once_are_refused_where_one_is_asked_for(code):
    kind, item = kinds.of(code), bank()[code]
    shown = shown_of(item)
    right, wrong = kind.right_answer(item.content, shown), kind.wrong_answers(item.content, shown)[0]
    both = [*right.split(), *(piece for piece in wrong.split() if piece not in right.split())]
    if code == "multiple":
        assert kind.read_answer(both, shown)
    else:
        with pytest.raises(kinds.NotAnAnswer):
            kind.read_answer(both, shown)


@every_kind
def test_told_in_words(code):
    """The words of the answer and of the key, and a line for each with every reason that the bank has."""
    kind, item = kinds.of(code), bank()[code]
    shown, rationales = shown_of(item), kind.rationales(item.content)
    key = kind.key(item.content)
    right, wrong = kind.right_answer(item.content, shown), kind.wrong_answers(item.content, shown)[0]
    held, missed, open_ = (kind.told(key, answer, with_words(item, shown), rationales) for answer in (right, wrong, ""))
    assert sorted(held.answer.split("; ")) == sorted(held.key.split("; ")) == sorted(missed.key.split("; "))
    assert missed.answer != missed.key
    assert open_.answer == ""
    for told in (held, missed, open_):
        assert {row.rationale for row in told.rows if row.rationale} == {*rationales.values()}
        assert not re.search(r"\b[0-9a-f]{16}\b", f"{told}")
    assert not [row for row in open_.rows if row.chosen]
    assert [row for row in missed.rows if row.chosen and not row.key] or code == "multiple"
    assert [row for row in held.rows if row.chosen and row.key]
    assert not [row for row in held.rows if row.chosen and not row.key]


@every_kind
def test_key_and_what_the_seal_keeps_are_plain(code):
    kind, item = kinds.of(code), bank()[code]
    kept = [kind.key(item.content), kind.sealed(item.content)]
    assert json.loads(json.dumps(kept)) == kept
    assert not re.search(r"\d\.\d(?!\")", json.dumps(kept))


NUMBERS = [
    ("2", "2"), ("2.5", "2.5"), ("2,5", "2.5"), ("2.50", "2.5"), ("02,500", "2.5"), ("0", "0"), ("-0,0", "0"), ("000", "0"),
    ("-3", "-3"), ("−3,5", "-3.5"), ("0.000001", "0.000001"), ("999999", "999999"), ("1.0", "1"), ("100", "100"),
    ("2.5mm", "2.5"), ("2.5 mm", "2.5"), ("mm", ""), ("", ""),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "kept"), NUMBERS)
def test_number_has_one_spelling(typed, kept):
    kind, shown = kinds.of("numeric"), [["0123456789abcdef", "mm"]]
    assert kind.read_answer(typed.split(), shown) == kept
    assert kind.read_answer(kept.split(), shown) == kept


@pytest.mark.parametrize(
    "typed",
    ["two", "1.2.3", "1,2.3", "1 000", "1e3", "0x10", "٣", "½", "1.", ".5", "+1", "--1", "2 cm", "1234567", "NaN"],
)
def test_what_is_no_number_is_refused_in_words(typed):
    with pytest.raises(kinds.NotAnAnswer, match=r"is not a number such as 12 or 0\.75"):
        kinds.of("numeric").read_answer(typed.split(), [["0123456789abcdef", "mm"]])


@pytest.mark.parametrize(
    ("answer", "complete"),
    [("", False), ("t:1 u:2", False), ("t:1 u:2 v:2", False), ("t:1 u:2 v:3", True)],
    ids=["nothing", "a gap", "two in one place", "all"],
)
def test_steps_are_complete_when_each_has_a_place_of_its_own(answer, complete):
    assert kinds.of("order").is_complete(answer, [["t", "a"], ["u", "b"], ["v", "c"]]) is complete


def test_seal_of_a_number_has_its_tolerance_and_unit():
    kind = kinds.of("numeric")
    body = {"answer": "1.2", "tolerance": "0.1", "unit": "mm", "label": "", "rationale": "why"}
    assert kind.key(body) == {"answer": "1.2", "tolerance": "0.1", "unit": "mm"}
    assert kind.key_in_words(kind.key(body), {}) == "1.2 mm (right from 1.1 to 1.3 mm)"
    (given, wanted) = kind.rows(kind.key(body), "1.3", [["t", "mm", "mm"]], {"": "why"})
    assert (given.text, given.note, given.chosen, given.key) == ("1.3 mm", "right", True, True)
    assert (wanted.rationale, wanted.key) == ("why", True)


def test_a_kind_that_forgets_something_is_not_made():
    class Forgetful(kinds.Kind):
        code, name, needs = "forgetful", "Forgetful", ()

    with pytest.raises(TypeError, match="abstract methods"):
        Forgetful()
