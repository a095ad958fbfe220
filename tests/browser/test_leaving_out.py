"""A machine without the tools: the browser tests are left out and it is said, or it is a failure."""

import os
import subprocess
import sys

import pytest

from tests.browser import tools
from tests.environment import ROOT

pytestmark = pytest.mark.slow


def collect(insist: str) -> tuple[int, str]:
    """Collect the browser tests where nothing is installed; return the exit code and all that was printed."""
    environment = {**os.environ, "PATH": os.devnull, tools.REQUIRED: insist}
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", "browser", "tests/browser"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_run_without_chromium_says_what_it_leaves_out() -> None:
    code, printed = collect("")

    assert code == pytest.ExitCode.NO_TESTS_COLLECTED
    (line,) = [line for line in printed.splitlines() if "LEFT OUT" in line]
    assert line.startswith("LEFT OUT: 3 browser tests; no Chromium (apt-get install chromium)")


def test_run_that_insists_fails_without_chromium() -> None:
    code, printed = collect("required")

    assert code == pytest.ExitCode.USAGE_ERROR
    assert "BROWSER_TESTS=required, but no Chromium (apt-get install chromium)" in printed
