"""What most tests begin with is made once a file and kept in a transaction around them; each test's own is a savepoint in it."""

from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test.utils import override_settings

from quizzes import material
from staff import clock
from tests import emptied, factories, people

TESTS = Path(__file__).parent
QUICK_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ON_THE_PEOPLE = ("module", "four", "shipped", "of_every_kind")
# The files that take longest, which begin a run: what is short fills up its end, when one worker may have nothing left. While
# the first of them has the database migrated, those that need none give the other workers something to do.
LONGEST = """
quizzes/test_oracles test_project certificates/test_drawing test_imports quizzes/test_bank quizzes/test_drawing
test_access journeys/test_kinds
compliance/test_records faults/test_plants journeys/test_sitting
journeys/test_four_modules compliance/reminders/test_sending compliance/test_authoring compliance/test_past
compliance/test_demo quizzes/test_coverage journeys/test_chain certificates/test_checking compliance/test_backups
compliance/test_programmes quizzes/test_material quizzes/test_attempt_model quizzes/test_statements journeys/test_reading
compliance/test_files_and_site certificates/test_regrading journeys/test_authoring compliance/keeping/test_deleting
compliance/test_people quizzes/test_exchange certificates/test_programmes compliance/test_matrix compliance/test_exports
certificates/test_actions training/test_glossary certificates/test_enquiries compliance/test_publishing
journeys/test_binder compliance/test_home test_admin quizzes/test_races journeys/test_asking compliance/test_renewal
journeys/test_programme journeys/test_proof journeys/test_reminders journeys/test_coverage journeys/test_bank
journeys/test_manager journeys/test_regrade journeys/test_passkeys staff/test_guards
""".split()


class Stages:
    """The people, and on top of them one of ON_THE_PEOPLE: each in a transaction of its own, so that a test that wants the
    people alone, or nothing, takes off what lies above."""

    def __init__(self, at: Any) -> None:
        self.at = at
        self.open: list[tuple[str, transaction.Atomic]] = []
        self.made: dict[str, Any] = {}

    def set(self, wanted: tuple[str, ...]) -> None:
        """Make these ready, and nothing else."""
        while tuple(name for name, _ in self.open) != wanted[: len(self.open)]:
            self.take_off()
        for name in wanted[len(self.open) :]:
            self.put_on(name)

    def copy(self) -> dict[str, Any]:
        """What is ready, as objects that the test may change."""
        return deepcopy(self.made)

    def put_on(self, name: str) -> None:
        block = transaction.atomic()
        block.__enter__()
        self.open.append((name, block))
        with override_settings(PASSWORD_HASHERS=QUICK_HASHERS), clock.at(self.at):
            self.made[name] = make(name, self.made)

    def take_off(self) -> None:
        name, block = self.open.pop()
        self.made.pop(name, None)
        transaction.set_rollback(True)
        block.__exit__(None, None, None)


def make(name: str, made: dict[str, Any]) -> Any:
    if name == "cast":
        return people.make_cast()
    by = {"by": made["cast"].pinpoint, "adopted_by": made["cast"].physician}
    if name == "four":
        return factories.make_modules(**by)
    if name == "shipped":
        return factories.make_module(**by, root=material.SHIPPED)
    return factories.make_module(**by, loaded=factories.every_kind() if name == "of_every_kind" else None)


class Committed:
    """The same for tests that commit: made once a run, and its rows put back at the beginning of each. In journeys they
    were hired by real time."""

    def __init__(self, at: Any) -> None:
        self.at = at
        self.kept: dict[tuple[bool, tuple[str, ...]], tuple[dict[str, Any], emptied.Rows]] = {}

    def begin(self, wanted: tuple[str, ...], by_real_time: bool) -> dict[str, Any]:
        if not wanted:
            return {}
        if (by_real_time, wanted) in self.kept:
            made, rows = self.kept[by_real_time, wanted]
            emptied.empty()
            emptied.put_back(rows)
        else:
            made = {}
            with (
                override_settings(PASSWORD_HASHERS=QUICK_HASHERS),
                nullcontext() if by_real_time else clock.at(self.at),
            ):
                for name in wanted:
                    made[name] = make(name, made)
            self.kept[by_real_time, wanted] = made, emptied.taken()
        return deepcopy(made)


def is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool(
        {"transactional_db", "live_server"} & set(_fixtures(item)) or (marker and marker.kwargs.get("transaction"))
    )


def wanted_by(item: pytest.Item) -> tuple[str, ...]:
    """What a test begins with."""
    asked = [name for name in ON_THE_PEOPLE if name in _fixtures(item)]
    if len(asked) > 1:
        raise ValueError(f"{item.nodeid} asks for {' and '.join(asked)}: they cannot stand on one another.")
    return ("cast", *asked) if asked or "cast" in _fixtures(item) else ()


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """File by file, the longest first, and in a file those with the same beginning together, which is then made once. Those
    that commit come first and those that begin with nothing last, since a file's own kept transaction lies around what
    follows it."""
    paths = dict.fromkeys(item.path for item in items)
    files = {path: n for n, path in enumerate(sorted(paths, key=_how_late))}
    return sorted(
        items,
        key=lambda item: (files[item.path], not is_transactional(item), not wanted_by(item), wanted_by(item)),
    )


def _how_late(path: Path) -> int:
    name = str(path.relative_to(TESTS).with_suffix("")) if path.is_relative_to(TESTS) else ""
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def _fixtures(item: pytest.Item) -> list[str]:
    return list(getattr(item, "fixturenames", ()))
