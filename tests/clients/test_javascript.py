"""The JavaScript client: its tests in Node.js, its types, and the table of reasons in its README."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.markdown import in_code, table_rows
from tests.environment import ROOT
from tests.generators.clients import NODE_TOOLS, run

CLIENT = "clients/js"
FOLDER = Path(__file__).parent


@pytest.mark.needs("node")
@pytest.mark.parametrize("name", sorted(file.name for file in FOLDER.glob("*.test.mjs")))
def test_node_tests_pass(name: str) -> None:
    done = subprocess.run(["node", "--test", FOLDER / name], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.needs("generators", "npm")
def test_types_are_strict() -> None:
    assert run(NODE_TOOLS / "tsc", "--project", FOLDER, folder=ROOT) == ""


@pytest.mark.needs("node")
def test_readme_explains_every_reason_code() -> None:
    script = f"import('./{CLIENT}/reasons.js').then(({{ REASONS }}) => console.log(JSON.stringify(REASONS)))"
    done = subprocess.run(["node", "--eval", script], cwd=ROOT, capture_output=True, text=True, check=True)

    reasons = [row[1] for row in table_rows(f"{CLIENT}/README.md") if len(row) == 3 and re.fullmatch("`.*`", row[1])]
    assert sorted(set(json.loads(done.stdout))) == sorted({code for cell in reasons for code in in_code(cell)})
