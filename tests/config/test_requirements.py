"""Each locked requirement has a version and hashes, and the versions are those that the `.in` files ask for."""

import re
from pathlib import Path

import pytest

from tests.environment import ROOT

LOCKED = ["requirements", "requirements-dev", "tests/generators/requirements", "lab/bench/peers/requirements"]
PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[\w,]+\])?==(?P<version>[\w.]+)")


@pytest.mark.parametrize("path", LOCKED)
def test_each_locked_requirement_has_hashes(path: str) -> None:
    entries = locked(path)

    hashed = re.compile(r"^[\w.\[\],-]+==\S+.* --hash=sha256:[0-9a-f]{64}")
    assert [entry for entry in entries if not hashed.search(entry)] == []
    assert "://" not in "".join(entries)


@pytest.mark.parametrize("path", LOCKED)
def test_lock_has_the_versions_that_are_asked_for(path: str) -> None:
    wanted = pins((ROOT / f"{path}.in").read_text(encoding="utf-8").splitlines())

    assert wanted.items() <= pins(locked(path)).items(), "run make lock"


def test_developers_have_the_versions_of_production() -> None:
    assert pins(locked("requirements")).items() <= pins(locked("requirements-dev")).items(), "run make lock"


def locked(path: str) -> list[str]:
    """Return the requirements of the file, each with its hashes on one line."""
    lines = (ROOT / Path(f"{path}.txt")).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if not line.startswith("#")]


def pins(lines: list[str]) -> dict[str, str]:
    found = [match for line in lines if (match := PIN.match(line))]
    return {re.sub(r"[-_.]+", "-", each["name"]).lower(): each["version"] for each in found}
