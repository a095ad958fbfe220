"""What `manage.py doctor` says about a replica set of three members while some of them are down."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.members import ReplicaSet
from tests.environment import ROOT

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.xdist_group("mongod")]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[ReplicaSet]:
    replica_set = ReplicaSet(tmp_path, members=3)
    try:
        replica_set.start()
        yield replica_set
    finally:
        replica_set.stop()


def doctor(replica_set: ReplicaSet) -> list[str]:
    """Return the doctor's lines about MongoDB and the transactions."""
    environment = os.environ | {"MONGODB_URI": replica_set.uri, "MONGODB_NAME": "doctor"}
    command = [sys.executable, "manage.py", "doctor"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return [line for line in done.stdout.splitlines() if line[9:].startswith(("mongodb", "members", "transactions"))]


def test_members_that_fail_one_after_the_other_are_reported(three: ReplicaSet) -> None:
    version = "ok       mongodb: version 6.0.5, members of the replica set: 3."
    committed = "ok       transactions: a transaction was committed on a majority."
    secondaries = [member for member in three.members if not member.hello()["isWritablePrimary"]]

    whole = doctor(three)
    secondaries[0].signal(signal.SIGKILL)
    three.wait_until(lambda: "is (not reachable/healthy)" in doctor(three)[1])
    without_one = doctor(three)
    secondaries[1].signal(signal.SIGKILL)
    three.wait_until(lambda: not any(member.hello().get("isWritablePrimary") for member in three.members))
    without_two = doctor(three)

    assert whole == [version, "ok       members: all members are up and have the newest writes.", committed]
    down = f"warning  members: {secondaries[0].host} is (not reachable/healthy): start or repair it."
    assert without_one == [version, down, committed]
    assert [line.partition(": ")[0] for line in without_two] == ["FAILED   mongodb"]
