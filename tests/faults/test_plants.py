"""The tool that breaks the site must see what it looks for: each fault that is planted is found, under the right name."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from faults.invariants import INVARIANTS
from faults.plants import PLANTS
from faults.scenes import SCENES

ROOT = Path(__file__).resolve().parent.parent.parent
# On SQLite all of them; where the engine makes the difference, on PostgreSQL as well (`make proof` plants all on both).
ON_POSTGRESQL = ("acknowledged-early", "overwritten", "never-late", "one-attempt-more", "full-disk-unsaid")


def test_each_planted_fault_is_found():
    names = list(PLANTS) if connection.vendor == "sqlite" else ON_POSTGRESQL
    command = [sys.executable, "-m", "faults", "--engine", connection.vendor, "--plant", ",".join(names)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    found = dict(re.findall(r"^  found: ([\w-]+): (\d+) violations", run.stdout, re.M))
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(found) == set(names)
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
