"""One mistake in the items' files or in the quiz rules is one problem, with its file and line."""

import pytest

from quizzes import material
from tests.training.test_files import MODULE, line_of, made, problems

ITEMS = "needle-depth/questions/05-technique-and-endpoint.yaml"
PRACTICE = "- code: nd-17-q5\n  bank: practice"


def case(old: str, new: str, at: str, says: str, *, id: str, file: str = ITEMS):
    return pytest.param((file, old, new), at, says, id=id)


THIRD_OPTION = """  - text: Wait for a minute, then finish the lip in one pass
    rationale: The bleeding has been neither pressed nor reviewed.
"""
KEY_OF_PRACTICE = "  - text: Stop needling, press on the lip and have it reviewed\n    key: true\n"

ONE_MISTAKE = [
    case(
        THIRD_OPTION,
        THIRD_OPTION.replace("\n    r", "\n    key: true\n    r"),
        PRACTICE,
        "nd-17-q5: exactly one option is the key, got 2",
        id="two keys",
    ),
    case(
        KEY_OF_PRACTICE,
        KEY_OF_PRACTICE.replace("    key: true\n", ""),
        PRACTICE,
        "exactly one option is the key, got 0",
        id="no key",
    ),
    case(
        "    rationale: The bleeding has been neither pressed nor reviewed.\n",
        "",
        PRACTICE,
        "every option has a text and a rationale",
        id="no rationale",
    ),
    case(THIRD_OPTION, "", PRACTICE, "three or four options, got 2", id="two options"),
    case(
        THIRD_OPTION,
        THIRD_OPTION + "".join(f"  - text: Wait {n}\n    rationale: No.\n" for n in "ab"),
        PRACTICE,
        "three or four options, got 5",
        id="five options",
    ),
    case(
        "Wait for a minute, then finish the lip in one pass",
        "All of the above",
        PRACTICE,
        "no option may be all, none or both of the above",
        id="catch-all",
    ),
    case(
        "Add the glide product and finish with lighter strokes",
        "Stop needling, press on the lip and  have it REVIEWED",
        PRACTICE,
        "two options say the same",
        id="two options alike",
    ),
    case(
        "What do you change?",
        "What do you not change except depth?",
        "- code: nd-20-q1",
        "nd-20-q1: the stem is negative",
        id="negative stem",
    ),
    case(
        "  - nd-22\n",
        "  - nd-22\n  - nd-99\n",
        "- code: nd-22-q1",
        "tests nd-99, which is not a key point of this section",
        id="unknown point",
    ),
    case(
        "  - nd-17\n  depends: []",
        "  - nd-17\n  depends: [depth-order]",
        "- code: nd-17-q1",
        "a critical item must not depend on a protocol item",
        id="critical that depends",
    ),
    case(
        "  - nd-22\n  depends: []",
        "  - nd-22\n  depends: [moon-phase]",
        "- code: nd-22-q1",
        "depends on moon-phase, which is not in protocol.yaml",
        id="unknown protocol item",
    ),
    case(
        "- code: nd-22-q1",
        "- code: nd-21-q7",
        "- code: nd-21-q7",
        "the code must be its first key point",
        id="code of another point",
    ),
    case(
        "bank: practice", "bank: trial", "- code: nd-17-q5", "bank is trial: certifying or practice", id="unknown bank"
    ),
    case(
        "kind: single",
        "kind: riddle",
        "- code: nd-17-q1",
        "kind is riddle: single, multiple, numeric, order, match, hotspot, case",
        id="unknown kind",
    ),
    case(
        "level: analyse",
        "level: ponder",
        "- code: nd-21-q1",
        "level is ponder: recall, apply, analyse",
        id="unknown level",
    ),
    case(
        "  order: shuffled\n- code: nd-18-q1",
        "  order: upwards\n- code: nd-18-q1",
        "- code: nd-17-q1",
        "order is upwards: shuffled or fixed",
        id="unknown order",
    ),
    case(
        "- code: nd-18-q5",
        "- code: nd-18-q1",
        "- code: nd-18-q1\n  bank: practice",
        "nd-18-q1 says the same as nd-18-q1",
        id="duplicate code",
    ),
    case(
        "technique-and-endpoint: 6",
        "technique-and-endpoint: 7",
        "  cut: 5",
        "the blueprint cannot be filled: section technique-and-endpoint has 6 items for 7 places",
        file=MODULE,
        id="quota not fillable",
    ),
    case(
        "technique-and-endpoint: 6",
        "technique-and-endpoint: 6\n    too-deep: 0",
        "  cut: 5",
        "the quiz draws from section too-deep, which the module does not have",
        file=MODULE,
        id="quota of no section",
    ),
    case("cut: 5", "cut: 7", "  cut: 7", "cut must be 1 to 6, got 7", file=MODULE, id="cut too high"),
    case("cut: 5", "cut: 0", "  cut: 0", "cut must be 1 to 6, got 0", file=MODULE, id="cut of nothing"),
    case(
        "critical: all", "critical: most", "  cut: 5", "critical must be all, got most", file=MODULE, id="critical rule"
    ),
    case("  attempts: 3\n", "", "  cut: 5", "the quiz lacks attempts", file=MODULE, id="no attempts"),
]


@pytest.mark.parametrize(("edit", "at", "says"), ONE_MISTAKE)
def test_one_mistake_is_one_problem(tmp_path, edit, at, says):
    root = made(tmp_path, edit)
    found = problems(root)
    assert len(found) == 1, found
    assert says in found[0]
    assert found[0].startswith(f"{edit[0]}:{line_of(root, edit[0], at)}: ")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        pytest.param(
            (ITEMS, "  - text: Leave the cheek", "  - key: true\n    text: Leave the cheek"), "got 2", id="two keys"
        ),
        pytest.param((ITEMS, "stem: You are halfway", "stem: [You are halfway"), "not readable as YAML", id="bad YAML"),
        pytest.param((MODULE, "cut: 5", "cut: five"), "cut", id="cut in words"),
    ],
)
def test_a_mistake_in_a_certifying_item_is_one_problem_too(tmp_path, edit, says):
    """That its cell can then not be filled is not a second mistake."""
    found = problems(made(tmp_path, edit))
    assert len(found) == 1, found
    assert says in found[0]


def test_points_written_without_a_list_are_a_problem(tmp_path):
    found = problems(made(tmp_path, (ITEMS, "points:\n  - nd-22\n", "points: [22]\n")))
    assert found
    assert all(problem.startswith(ITEMS) for problem in found)


def test_items_as_read(tmp_path):
    ((_, items, quiz),) = material.read(made(tmp_path)).modules
    assert len(items) == 8
    item = items[0]
    assert (item.code, item.section, item.bank, item.level) == (
        "nd-17-q1", "technique-and-endpoint", "certifying", "apply",
    )  # fmt: skip
    assert [(o["id"], o["key"]) for o in item.body["options"]] == [
        ("a", False),
        ("b", False),
        ("c", True),
        ("d", False),
    ]
    assert item.body["stem"].startswith("You are halfway through the second pass on the left cheek. The red dots")
    assert (quiz.items, quiz.cut, quiz.attempts, quiz.open_minutes, quiz.limit_minutes) == (6, 5, 3, 1440, None)
