"""The tool that breaks the site must see what it looks for: each fault that is planted is found, under the right name."""

import re
import shutil
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from bench.stage import Stage
from faults import invariants
from faults.clients import GivenUp
from faults.engine import plants_of
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
                    try:
                        own.get(name, SCENES[name])(house)
                    except GivenUp as error:
                        house.history.note("gave up", said=str(error))
                    staged.hands.turn(0)
                house.history.close()
                violations = invariants.check(read(file))
                transaction.set_rollback(True)
            people.fresh, people.last = fresh, last
            return Counter(violation.invariant for violation in violations)

        yield play


@pytest.mark.one_engine  # `make proof` plants them into real servers on both
@pytest.mark.proof
def test_each_planted_fault_is_found_and_nothing_where_none_is(found_in):
    names = {name for plant in PLANTS.values() for name in plant.scenes}
    assert [name for name in names if found_in([name])] == []
    found = {name: found_in(plant.scenes, name) for name, plant in PLANTS.items()}
    assert [name for name, plant in PLANTS.items() if not found[name][plant.found_as]] == []


@pytest.mark.parametrize("name", INVARIANTS)
def test_each_invariant_has_a_fault_that_it_finds(name):
    assert name in {plant.found_as for plant in PLANTS.values()}


@pytest.mark.parametrize("name", PLANTS)
def test_each_plant_names_a_scene_and_an_invariant(name):
    plant = PLANTS[name]
    assert set(plant.scenes) <= set(SCENES)
    assert plant.found_as in INVARIANTS
    assert plant.patch.__doc__


def test_the_documentation_names_every_invariant_and_every_plant():
    told = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \*([a-z -]+)\* \|", told, re.M)) == set(INVARIANTS)
    assert set(re.findall(r"^\| `([a-z-]+)` \|", told, re.M)) == set(PLANTS)


def test_a_fault_of_that_name_must_be_there():
    with pytest.raises(SystemExit, match=r"No such fault to plant: no-such-fault\. There are start-lost, "):
        plants_of("dropped,no-such-fault")
