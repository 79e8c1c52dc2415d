"""Schedules of faults in virtual time: fixed ones, and one drawn anew each time (its seed is printed)."""

import random
import secrets
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS, schedule
from tests.chaos.run import STEPS, run_in_virtual_time

# Together they have every fault at least once.
SEEDS = (1, 2, 16)


@pytest.mark.parametrize("seed", SEEDS)
def test_faults_leave_nothing_wrong(seed: int, tmp_path: Path) -> None:
    assert run_in_virtual_time(seed, 1, tmp_path).schedules == 1


def test_new_faults_leave_nothing_wrong(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}: make chaos ARGS='--seed {seed} --schedules 1' runs it again")
    assert run_in_virtual_time(seed, 1, tmp_path).schedules == 1


def test_the_fixed_schedules_have_every_fault() -> None:
    faults = {step.fault for seed in SEEDS for step in schedule(random.Random(-seed - 1), STEPS)}
    assert faults == set(FAULTS)
