"""The demo reports a process that fails, and leaves no process behind."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.demo.children import Children, DemoFailed
from tests.lab.process_tree import descendants, survivors

STAYS = ["-c", "import time; time.sleep(60)"]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    with Children(os.environ, tmp_path) as running:
        yield running


def test_run_returns_the_output(children: Children) -> None:
    assert children.run("hello", ["-c", "print('hello')"]) == "hello\n"


def test_failed_run_shows_the_end_of_its_log(children: Children, tmp_path: Path) -> None:
    with pytest.raises(DemoFailed) as failure:
        children.run("broken", ["-c", "import sys; sys.exit('no such luck')"])

    assert failure.value.detail == f"broken exited with 1; its log is {tmp_path}/broken.log\n    no such luck"


def test_check_is_silent_while_all_run(children: Children) -> None:
    children.start("stays", STAYS)

    children.check()


def test_check_names_the_process_that_ended(children: Children, tmp_path: Path) -> None:
    children.start("stays", STAYS)
    children.start("leaves", ["-c", "print('bye')"])

    with pytest.raises(DemoFailed) as failure:
        _check_for(children, seconds=10)
    assert failure.value.detail == f"leaves ended with 0; its log is {tmp_path}/leaves.log\n    bye"


def test_block_ends_processes_with_their_own_children(tmp_path: Path) -> None:
    others = set(descendants(os.getpid()))
    with Children(os.environ, tmp_path) as children:
        children.start("forks", ["-c", "import os, time; os.fork(); time.sleep(60)"])
        while len(started := set(descendants(os.getpid())) - others) < 2:
            time.sleep(0.02)

    assert survivors(sorted(started)) == []


def _check_for(children: Children, *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        children.check()
        time.sleep(0.02)
