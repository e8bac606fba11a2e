"""The rules of item writing, each met and broken by one small change."""

from dataclasses import replace

import pytest

from quizzes import lint
from quizzes.files import Ground, ItemFile, read_item
from quizzes.suggesting import Statement, suggest
from training.glossary import Word


def option(text: str, *, key: bool = False) -> dict:
    return {"text": text, "key": key, "rationale": "It is so for a good reason."}


def item(*options: dict, stem: str = "Dots join on the cheek. What do you do?", **more) -> ItemFile:
    shown = options or (
        option("Stop and press gently", key=True),
        option("Go on more slowly"),
        option("Wipe it off and go on"),
    )
    body = {"order": "shuffled", "options": [{"id": "abcd"[n], **row} for n, row in enumerate(shown)]}
    made = ItemFile("nd-17-q1", "s", "certifying", "single", "apply", ("nd-17",), (), stem, body, "", 0)
    return replace(made, **more)


def codes(found) -> list[str]:
    return [one.code for one in found]


def test_a_good_item_has_nothing_to_say():
    assert lint.of_item(item()) == []


LONG = "Stop at once, press gently, tell the physician, and write it down"


@pytest.mark.parametrize(
    ("made", "said", "error"),
    [
        (item(stem="What should not be done?"), "negative", True),
        (item(stem="What do you do"), "ending", True),
        (item(option("Stop", key=True), option("Go on"), option("None of the above")), "catch-all", True),
        (item(option("Stop", key=True), option("Wait"), option("All of them")), "catch-all", True),
        (item(option("Stop", key=True) | {"rationale": "Yes."}, option("Wait"), option("Turn")), "reason", True),
        (item(option(LONG, key=True), option("Go on"), option("Wipe it")), "longest", False),
        (item(option("Stop", key=True), option("Go on with it"), option("Wipe it off once")), "shortest", False),
        (item(option("Stop now", key=True), option("Always go on"), option("Never stop")), "absolute", False),
        (item(option("Leave the cheek alone", key=True), option("Go on with the pass"), option("Wipe it off")), "echo", False),
        (item(option("Press it gently", key=True), option("Go on"), option("Wipe it and go on")), "overlap", False),
        (item(level="recall"), "recall", False),
        (
            item(stem="Notwithstanding contraindicated administration of anticoagulants, which individualised periprocedural "
                 "optimisation methodology predominates?"),
            "hard", False,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_found(made, said, error):
    found = lint.of_item(made)
    assert said in codes(found), found
    assert next(one for one in found if one.code == said).error is error
    assert all(one.sentence.endswith((".", "?")) for one in found)


def test_a_letter_more_gives_nothing_away():
    options = (
        option("Stop and press gently here", key=True),
        option("Go on rather slowly now"),
        option("Wipe it, begin anew"),
    )
    assert lint.of_item(item(*options)) == []


def test_alike_is_found_and_its_own_earlier_wording_is_not():
    stems = {
        "nd-17-q1": "Dots join on the cheek. What do you do?",
        "nd-17-q2": "Dots join on the chin. What do you do?",
    }
    assert [one.sentence for one in lint.alike(item(), stems)] == ["nd-17-q2 asks nearly the same."]


def test_bank_tells_what_its_keys_have_in_common():
    keys_first = [item(code=f"nd-17-q{n}") for n in range(10)]
    found = lint.of_bank(keys_first)
    assert {"places"} <= {*codes(found)}
    assert "Place a holds the key in 10 of 10 items: 15 to 40 % is fair." in [one.sentence for one in found]
    longest = [
        item(option(LONG, key=True), option("Go on"), option("Wait"), code=f"q{n}", level="recall") for n in range(4)
    ]
    assert {"keys-longest", "recall"} <= {*codes(lint.of_bank(longest))}
    assert lint.of_bank([]) == []


# Drafts from the material

DEPTH = Statement("nd-12", "Set the lower of label and order. The label allows 1.5 mm on the cheek.", False, "depth")
OTHERS = [
    Statement("nd-13", "The order says 0.75 mm for fine lines, and 2 passes.", False, "depth"),
    Statement("nd-14", "A roller at home has 0.25 mm. The dermis is deeper.", False, "depth"),
    Statement("nd-30", "Collagen is made for 6 weeks.", False, "healing"),
]
WORDS = [
    Word("label", "label", ("label",), "m"), Word("roller", "roller", ("roller", "rollers"), "m"),
    Word("dermis", "dermis", ("dermis",), "m"), Word("collagen", "collagen", ("collagen",), "m"),
]  # fmt: skip


def drafts(point=DEPTH, others=OTHERS, text="", words=WORDS) -> dict:
    return {one.title: one for one in suggest(point, others, text, words)}


def test_a_number_is_asked_among_those_of_sibling_points():
    one = drafts()["Gap for 1.5 mm"]
    assert one.row["stem"] == "Which belongs in the gap? “The label allows _____ on the cheek.”"
    assert [option["text"] for option in one.row["options"]] == ["0.25 mm", "0.75 mm", "1.5 mm"]
    assert [option.get("key", False) for option in one.row["options"]] == [False, False, True]
    assert "nd-14" in one.row["options"][0]["rationale"]
    assert (one.row["order"], one.row["level"]) == ("fixed", "recall")
    assert DEPTH.text[one.span.start : one.span.end] == one.span.quote == "1.5 mm"


def test_a_number_can_be_asked_for_itself():
    row = drafts()["Number: 1.5 mm"].row
    assert (row["kind"], row["answer"], row["unit"]) == ("numeric", "1.5", "mm")
    assert row["stem"] == "Which number belongs in the gap? “The label allows _____ mm on the cheek.”"


def test_a_term_is_asked_among_those_of_sibling_points():
    one = drafts()["Gap for “label”"]
    assert one.row["stem"] == "Which belongs in the gap? “Set the lower of _____ and order.”"
    assert [option["text"] for option in one.row["options"]] == ["label", "roller", "dermis", "collagen"]
    assert one.span.quote == "label"


def test_steps_are_put_in_order():
    point = Statement("st-20", "Wash with soap and water, report at once, then go for evaluation.", False, "sharps")
    assert drafts(point)["3 steps in order"].row["steps"] == [
        "Wash with soap and water",
        "Report at once",
        "Go for evaluation",
    ]
    text = "Some prose.\n\n1. Clean it.\n2. Wrap it.\n3. Load it.\n\nMore prose.\n"
    one = drafts(DEPTH, text=text)["3 steps in order"]
    assert one.row["steps"] == ["Clean it", "Wrap it", "Load it"]
    assert text[one.span.start : one.span.end].strip() == one.span.quote


def test_a_section_is_matched_with_one_from_elsewhere():
    said = [
        Statement("st-01", "Clean means free of visible soil.", False, "words"),
        Statement("st-02", "Disinfected means that most germs are dead.", False, "words"),
        Statement("st-03", "Sterile means free of every germ.", False, "words"),
        Statement("st-09", "A needle is opened in front of the patient.", False, "single-use"),
    ]
    row = drafts(said[0], said[1:])["3 pairs across the section"].row
    assert [(pair["left"], pair["right"]) for pair in row["pairs"]] == [
        ("Clean", "free of visible soil"), ("Disinfected", "that most germs are dead"), ("Sterile", "free of every germ"),
    ]  # fmt: skip
    assert row["others"] == ["opened in front of the patient"]
    assert row["points"] == ["st-01", "st-02", "st-03"]


def test_what_is_critical_is_drafted_as_single_best_answer_only():
    assert {one.row["kind"] for one in drafts(replace(DEPTH, critical=True)).values()} == {"single"}


def test_drafts_can_be_read_as_items_and_are_the_same_each_time():
    ground = Ground("nd", "depth", {"nd-12": False, "nd-13": False}, set(), {})
    for one in drafts().values():
        wrong: list[str] = []
        assert read_item({**one.row, "code": "nd-12-q1", "bank": "practice"}, ground, wrong.append)
        assert wrong == []
    assert drafts() == drafts()
    assert suggest(Statement("nd-40", "Be kind.", False, "x"), OTHERS, "", WORDS) == []
