"""A small `bench chaos` causes faults while the product is under load."""

import re

import pytest

from lab.bench.chaos.faults import Kind
from tests.lab.benches import bench

pytestmark = [pytest.mark.crash, pytest.mark.slow]

RULES = 11
KILLS = [Kind.START_WORKER, Kind.WORK_WORKER, Kind.MAIN, Kind.TREE, Kind.WEB, Kind.MONGOD]


def check(faults: int, seconds: int, only: list[Kind]) -> None:
    """Cause this number of faults, and check that all rules held."""
    names = [kind.option for kind in only]
    done = bench("chaos", f"--faults={faults}", f"--seconds={seconds}", "--only", *names)

    assert done.returncode == 0, done.stdout + done.stderr
    survived = re.findall(r" (\d+) +\1 +[\d.]+ s +[\d.]+ s$", done.stdout, re.MULTILINE)
    assert sum(map(int, survived)) == faults
    if faults >= len(only):
        assert [kind.label for kind in only if kind.label not in done.stdout] == []
    assert len(re.findall(r" ok$", done.stdout, re.MULTILINE)) == RULES


@pytest.mark.timeout(240)
def test_kill_loses_nothing_and_repeats_nothing() -> None:
    check(1, 1, KILLS)


@pytest.mark.long
@pytest.mark.needs("gcc")
@pytest.mark.timeout(400)
def test_no_fault_loses_anything_or_repeats_anything() -> None:
    check(len(Kind), 10, list(Kind))
