"""Imports only look down: config, compliance, certificates, quizzes, training, staff."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("staff", "training", "quizzes", "certificates", "compliance", "config")
# Pure modules know no Django (and nothing that does).
PURE = (
    "quizzes/scoring.py",
    "quizzes/drawing.py",
    "quizzes/eligibility.py",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "quizzes/kinds").glob("*.py")),
    *sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "certificates/badges").glob("*.py") if path.stem != "issuing"
    ),
    "certificates/validity.py",
    "certificates/codes.py",
    "certificates/names.py",
    "certificates/reading.py",
    "certificates/drawing.py",
    "certificates/fonts.py",
    "training/markdown.py",
    "training/glossary.py",
    "training/numbers.py",
    "training/passages.py",
    "training/reading_level.py",
)


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import in a file, at the top and inside functions."""
    package = ".".join(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, ".".join(filter(None, (package if node.level else "", node.module or "")))


def sources(floor: str) -> list[Path]:
    return [path for path in sorted((ROOT / floor).rglob("*.py")) if "migrations" not in path.parts]


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_only_look_down(floor):
    above = FLOORS[FLOORS.index(floor) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources(floor)
        for line, module in imported(path)
        if module.split(".")[0] in above
    ]
    assert sources(floor), f"{floor} has no files"
    assert wrong == []


def test_nothing_imports_the_tests_or_the_tools():
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for floor in FLOORS
        for path in sources(floor)
        for line, module in imported(path)
        if module.split(".")[0] in ("tests", "faults", "bench", "scripts", "pytest", "hypothesis", "playwright")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_know_no_django(name):
    floors = set(FLOORS)
    wrong = [
        f"{name}:{line} imports {module}"
        for line, module in imported(ROOT / name)
        if module.split(".")[0] == "django" or (module.split(".")[0] in floors and not _is_pure(module))
    ]
    assert wrong == []


def _is_pure(module: str) -> bool:
    """The module is in the list, or is a package that only such modules are taken from."""
    pure = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in PURE}
    return module in pure or module in {name.split(".")[0] for name in pure}


def test_no_signals_hide_work():
    """The reader follows calls: the one receiver puts triggers back after a migrate."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for floor in FLOORS
        for path in sources(floor)
        for line, module in imported(path)
        if module in ("django.db.models.signals", "django.dispatch")
    ]
    assert [name.split(":")[0] for name in found] == ["staff/apps.py"]
