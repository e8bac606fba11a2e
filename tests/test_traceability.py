"""docs/traceability.md: every rule has its row, and every test that it names is there. Files are read, nothing is run."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs/traceability.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`( ¹)?")
RULES = [str(n) for n in range(1, 23)] + [f"R{n}" for n in range(1, 17)] + [f"S{n}" for n in range(1, 18)]
ROWS = {line.split("|")[1].strip(): line for line in TEXT.splitlines() if re.match(r"\| (\d+|[RS]\d+) \|", line)}


@cache
def source(path: str) -> str:
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.exists() else ""


def is_proof(path: str, name: str) -> bool:
    marked = re.search(rf"((?:^@.*\n(?:^[ )\]].*\n)*)*)^def {name}\(", source(path), re.M)
    whole = re.search(r"^pytestmark = pytest\.mark\.proof", source(path), re.M)
    return bool(whole) or bool(marked and "mark.proof" in marked.group(1))


def test_every_test_that_is_named_is_there():
    named = NAMED.findall(TEXT)
    assert len(named) > 100
    gone = [f"{path}::{name}" for path, name, _ in named if not re.search(rf"^def {name}\(", source(path), re.M)]
    assert not gone
    assert TEXT.count("::") == len(named), "a test is named as `tests/….py::test_…`"


def test_every_rule_has_its_row_and_something_that_holds_it():
    assert list(ROWS) == RULES
    for rule, line in ROWS.items():
        assert NAMED.search(line) or "make " in line or "*Not held" in line or "refused" in line, rule


def test_what_only_the_proof_runs_is_marked():
    wrong = [f"{path}::{name}" for path, name, mark in NAMED.findall(TEXT) if is_proof(path, name) != bool(mark)]
    assert not wrong


def test_nothing_claims_to_comply():
    assert "designed after" in TEXT
    assert not re.search(r"complian(t|ce)\b(?!/)", TEXT, re.I)
