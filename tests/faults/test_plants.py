"""The tool that breaks the site must see what it looks for: each fault that is planted is found, under the right name."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction

from bench.stage import Stage
from faults import invariants
from faults.clients import GivenUp
from faults.history import History, read
from faults.invariants import INVARIANTS
from faults.plants import PLANTS, plant
from faults.scenes import SCENES
from tests.faults import inside

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def found_in(cast, module, tmp_path, monkeypatch):
    """Plays scenes, with a fault planted or none, and says which invariants were violated how often. Keeps nothing."""
    with inside.house(Stage(cast, module), tmp_path, monkeypatch) as house:
        own = {
            "quiet": inside.quiet,
            "kills": partial(inside.replies_lost, patch=monkeypatch),
            "full disk": inside.disk_full,
            "clock": inside.clock_turned,
        }
        staged, people = house.history, house.people

        def play(names, planted=""):
            file = tmp_path / f"history-{planted}.jsonl"
            shutil.copy(staged.file, file)
            house.history = History(file, staged.hands)
            fresh, last = people.fresh.copy(), people.last.copy()
            with monkeypatch.context() as patch, transaction.atomic():
                patch.setattr(inside.plants, "put", patch.setattr)
                plant(planted)
                for name in names:
                    with suppress(GivenUp):
                        own.get(name, SCENES[name])(house)
                    staged.hands.turn(0)
                house.history.close()
                violations = invariants.check(read(file))
                transaction.set_rollback(True)
            people.fresh, people.last = fresh, last
            return Counter(violation.invariant for violation in violations)

        yield play


def test_each_planted_fault_is_found_and_nothing_where_none_is(found_in):
    names = {name for plant in PLANTS.values() for name in plant.scenes}
    without = {name: found_in([name]) for name in names}
    assert without == dict.fromkeys(names, Counter())
    found = {name: found_in(plant.scenes, name) for name, plant in PLANTS.items()}
    assert [name for name, plant in PLANTS.items() if not found[name][plant.found_as]] == []


@pytest.mark.proof
def test_each_planted_fault_is_found_from_outside():
    command = [sys.executable, "-m", "faults", "--engine", connection.vendor, "--plant", "all"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    found = dict(re.findall(r"^  found: ([\w-]+): (\d+) violations", run.stdout, re.M))
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(found) == set(PLANTS)
    assert all(int(count) > 0 for count in found.values())


@pytest.mark.parametrize("name", INVARIANTS)
def test_each_invariant_has_a_fault_that_it_finds(name):
    assert name in {plant.found_as for plant in PLANTS.values()}


@pytest.mark.parametrize("name", PLANTS)
def test_each_plant_names_a_scene_and_an_invariant(name):
    plant = PLANTS[name]
    assert set(plant.scenes) <= set(SCENES)
    assert plant.found_as in INVARIANTS
    assert plant.patch.__doc__


def test_a_fault_of_that_name_must_be_there():
    run = subprocess.run(
        [sys.executable, "-m", "faults", "--engine", "sqlite", "--plant", "no-such-fault"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert "No such fault to plant: no-such-fault" in run.stderr
