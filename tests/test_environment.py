"""The basis of all tests: settings of their own, and a database that is closed to tests that do not ask for it."""

import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from pymongo.errors import AutoReconnect

from tests.conftest import FailCommand, connection
from tests.environment import ROOT, SETTINGS, known_settings

BLOCKED = "Database access not allowed"


def test_unmarked_test_cannot_reach_the_database() -> None:
    with pytest.raises(RuntimeError, match=BLOCKED):
        User.objects.count()
    with pytest.raises(RuntimeError, match=BLOCKED):
        connection.get_collection("goals")
    with pytest.raises(RuntimeError, match=BLOCKED):
        connection.database.command("ping")


@pytest.mark.django_db
@pytest.mark.parametrize("_round", [1, 2])
def test_each_test_finds_an_empty_database(_round: int) -> None:
    found = connection.get_collection("left_behind").count_documents({})
    connection.get_collection("left_behind").insert_one({})

    assert found == 0


@pytest.mark.django_db
def test_fail_command_fails_as_often_as_asked(fail_command: FailCommand) -> None:
    collection = connection.get_collection("left_behind")
    fail_command("count", "aggregate", times=2, closeConnection=True)  # the driver tries a read twice

    with pytest.raises(AutoReconnect):
        collection.count_documents({})

    assert collection.count_documents({}) == 0


@pytest.mark.xdist_group("one worker")
def test_groups_are_kept_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist recognises groups by the end of the tests' names. With pytest 9.2.0, the names have no such end."""
    is_grouped = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@one worker") or not is_grouped


def test_env_example_lists_every_variable_that_the_settings_read() -> None:
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', source)) | {"MONGODB_URI", "DATA_DIR"}

    assert read - set(known_settings()) == set()


def test_env_example_explains_every_variable() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()

    bare = [line for above, line in pairwise(lines) if _is_variable(line) and not above.startswith("# ")]

    assert bare == []


def test_environment_variables_of_the_shell_are_ignored() -> None:
    kept = SETTINGS | {"MONGODB_URI": os.environ["MONGODB_URI"], "DATA_DIR": os.environ["DATA_DIR"]}

    assert {name: os.environ[name] for name in known_settings() if os.environ[name]} == {
        name: value for name, value in kept.items() if name != "DJANGO_SETTINGS_MODULE"
    }


def test_settings_module_of_the_shell_is_ignored() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", __file__]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "nowhere.settings"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def _is_variable(line: str) -> bool:
    return re.match(r"#?[A-Z_]+=", line) is not None
