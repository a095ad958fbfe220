"""The mongod of the Python package is preferred, and an error says what is missing if there is no usable mongod."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.mongod_binary import find_mongod
from tests.environment import ROOT

MISSING_LIBRARY = "error while loading shared libraries: libcurl.so.4: cannot open shared object file"


@pytest.fixture
def without_wheel(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which the package of mongod has no binary."""
    package = tmp_path / "packages" / "fiftyone" / "db"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    return {**os.environ, "PYTHONPATH": str(tmp_path / "packages"), "PATH": str(programs), "MONGODB_URI": ""}


def test_find_mongod_prefers_the_python_package() -> None:
    assert find_mongod().parts[-4:] == ("fiftyone", "db", "bin", "mongod")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (None, "no mongod on PATH, and none in the Python packages of this platform"),
        (f'echo "{MISSING_LIBRARY}" >&2; exit 127', "mongod misses libcurl.so.4: apt-get install libcurl4"),
        ("echo db version v4.4.29", "{mongod} is too old (db version v4)"),
        ("exit 132", "{mongod} exits with 132"),
    ],
)
def test_mongo_command_says_in_one_line_what_is_missing(
    without_wheel: dict[str, str], script: str | None, complaint: str
) -> None:
    mongod = Path(without_wheel["PATH"]) / "mongod"
    if script:
        mongod.write_text(f"#!/bin/sh\n{script}\n")
        mongod.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "manage.py", "mongo"], cwd=ROOT, env=without_wheel, capture_output=True, text=True, check=False
    )

    advice = "Or set MONGODB_URI to a MongoDB >= 6.0 replica set."
    assert done.stderr == f"CommandError: mongod_missing: {complaint.format(mongod=mongod)}. {advice}\n"
    assert done.returncode == 1
