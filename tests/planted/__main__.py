"""Plants each fault in a copy of the tree, and shows which random evening of tests/evenings finds it.

Usage: `python -m tests.planted [NAME ...]`. A fault is a patch in this directory. The command fails if the evenings
miss a fault.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).parent
DATA = Path(os.environ.get("TESTS_DATA_DIR") or ROOT / ".data") / "mongo-test"
MOST_EVENINGS = int(os.environ.get("EVENINGS", "1000"))
TEST = "tests/evenings/test_evenings.py"
FAILED = re.compile(r"^evening (\d+) failed", re.MULTILINE)
REASON = re.compile(r"^E +(?:AssertionError: )?(.+)", re.MULTILINE)
STEP = re.compile(r"^E +state\.(?!queue_and_token|teardown)(.+)", re.MULTILINE)


@dataclass(frozen=True)
class Found:
    """The number of the evening that has found a fault, counted from 1, what was wrong at its end, and its steps."""

    evening: int
    reason: str
    steps: list[str]


def main(names: list[str]) -> int:
    """Plant each fault in turn. Return how many were not found."""
    patches = [PATCHES / f"{name}.patch" for name in names] or sorted(PATCHES.glob("*.patch"))
    with _server_kept():
        missed = [patch.stem for patch in patches if not _report(patch)]
    _say(f"{len(patches) - len(missed)} of {len(patches)} planted faults were found.")
    return len(missed)


def _report(patch: Path) -> bool:
    """Hunt for the fault, and print the result. Return whether it was found."""
    began = time.monotonic()
    found = hunt(patch)
    seconds = f"{time.monotonic() - began:.0f} s"
    if found is None:
        _say(f"{patch.stem}: NOT FOUND in {MOST_EVENINGS} evenings, {seconds}")
        return False
    _say(f"{patch.stem}: found by evening {found.evening}, {seconds}")
    _say(f"    {found.reason[:300]}")
    _say(f"    {'; '.join(found.steps)}")
    return True


@contextmanager
def _server_kept() -> Iterator[None]:
    """Count as a user of the tests' MongoDB inside the block, so that not every fault has to start the server."""
    DATA.mkdir(parents=True, exist_ok=True)
    with (DATA / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


def hunt(patch: Path) -> Found | None:
    """Run evenings on a copy of the tree with the fault, until one of them fails. Return None if none fails."""
    with tempfile.TemporaryDirectory(prefix=f"planted-{patch.stem}-") as directory:
        copy = Path(directory)
        _copy_tree(copy)
        subprocess.run(["git", "apply", str(patch)], cwd=copy, check=True)
        environment = {
            **os.environ,
            "EVENINGS": str(MOST_EVENINGS),
            "SHRINK": "off",
            "TESTS_DATA_DIR": str(DATA.parent),
        }
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-s",
            "-x",
            "--show-capture=no",
            "-p",
            "no:cacheprovider",
            TEST,
        ]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    failed = FAILED.search(done.stdout)
    if failed is None:
        raise SystemExit(f"{patch.stem}: the evenings could not be run:\n{done.stdout[-5000:]}{done.stderr[-2000:]}")
    reason = REASON.search(done.stdout)
    return Found(int(failed[1]), reason[1] if reason else "", STEP.findall(done.stdout))


def _copy_tree(copy: Path) -> None:
    """Copy the files of the tree, except links and files that git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source, target = ROOT / name, copy / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
