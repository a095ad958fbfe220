"""Every durable task is known to a qcluster from its beginning, under a name of its own."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator

from taskqueue.periodic import periodic_names
from tests.environment import ROOT

KNOWN = """
import sys
import django
django.setup()
from taskqueue.durable import BULK
print(*sorted(task.path for task in BULK.values()))
print(*sorted(sys.modules))
"""


def declared() -> Iterator[tuple[str, str, str]]:
    """Yield the decorator, module and name of each task in the code."""
    rooms = [package.parent for package in ROOT.glob("*/__init__.py") if package.parent.name != "tests"]
    for path in sorted(path for room in rooms for path in room.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                names = [ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list]
                yield from ((name, module, node.name) for name in names if name in {"durable", "bulk"})


def test_qcluster_knows_all_tasks() -> None:
    """A qcluster takes the calls of an unknown bulk task one by one, and without their rank."""
    run = subprocess.run(
        [sys.executable, "-c", KNOWN], cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True, check=True
    )
    bulk, modules = (line.split() for line in run.stdout.splitlines()[-2:])

    tasks = list(declared())
    assert bulk == sorted(f"{module}.{name}" for kind, module, name in tasks if kind == "bulk")
    assert {module for _kind, module, _name in tasks} - set(modules) == set()


def test_names_of_tasks_are_unique() -> None:
    """Messages are found, replaced and withdrawn by the name of their task."""
    names = [name for _kind, _module, name in declared()]

    assert (len(names) > 20, sorted(names)) == (True, sorted(set(names)))
    assert periodic_names() <= set(names)
