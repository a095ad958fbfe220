"""A small `bench chaos` kills processes of the product while the product is under load."""

import re

import pytest

from tests.lab.benches import bench

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(240)]

KINDS = 6
RULES = 11


@pytest.mark.parametrize(("kills", "seconds"), [(1, 1), pytest.param(KINDS, 10, marks=pytest.mark.long)])
def test_kills_lose_nothing_and_repeat_nothing(kills: int, seconds: int) -> None:
    done = bench("chaos", f"--kills={kills}", f"--seconds={seconds}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r" +1 +1 +[\d.]+ s +[\d.]+ s$", done.stdout, re.MULTILINE)) == kills
    assert len(re.findall(r" ok$", done.stdout, re.MULTILINE)) == RULES
