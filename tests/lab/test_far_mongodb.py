"""`manage.py far_mongodb` serves the same database with a longer round-trip."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from tests.environment import ROOT

MILLISECONDS = 40


@pytest.fixture
def far_uri(db: None, child_environment: dict[str, str]) -> Iterator[str]:
    command = [sys.executable, "manage.py", "far_mongodb", "--milliseconds", str(MILLISECONDS)]
    with subprocess.Popen(command, cwd=ROOT, env=child_environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()
    assert process.returncode == 0


def test_each_round_trip_takes_longer(far_uri: str, child_environment: dict[str, str]) -> None:
    with MongoClient[dict[str, Any]](far_uri) as client:
        database = client[child_environment["MONGODB_NAME"]]
        large = "x" * 300_000  # sent in many parts
        with client.start_session() as session, session.start_transaction():
            database["far"].insert_one({"_id": 1, "text": large}, session=session)
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            assert database["far"].find_one({"_id": 1}) == {"_id": 1, "text": large}
            seconds.append(time.monotonic() - began)
        database["far"].drop()
    assert min(seconds) >= MILLISECONDS / 1000


def test_distance_is_checked(child_environment: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "far_mongodb", "--milliseconds", "-1"]
    done = subprocess.run(command, cwd=ROOT, env=child_environment, capture_output=True, text=True, check=False)

    assert (done.returncode, "must be from 0 to 1000" in done.stderr) == (2, True)
