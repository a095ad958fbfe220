"""The planted faults (`make planted`) still fit the code."""

import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

PATCHES = sorted((ROOT / "tests/planted").glob("*.patch"))


@pytest.mark.parametrize("patch", PATCHES, ids=[patch.stem for patch in PATCHES])
def test_patch_applies(patch: Path) -> None:
    checked = subprocess.run(["git", "apply", "--check", patch], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
