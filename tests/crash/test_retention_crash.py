"""If `manage.py archive` is killed, no row is lost or written to two files, and the next run does the rest."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone

from mongodb.collections import collection
from ops.backup.archive import ArchiveReader, check
from ops.retention.archiving import PENDING, TITLE
from tests.environment import ROOT
from tests.factories.documents import stored
from tests.ops.retention import DAYS, LONG_AGO, age_rows, old_ids, settled_show

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.crash]

MANY = 110_000
KILLS = 5


@pytest.fixture
def rows(viewer: User) -> list[ObjectId]:
    """The ids of many old rows of a show that ended long ago."""
    show = settled_show(viewer, at=timezone.now() - LONG_AGO)
    age_rows()
    row = {"goal_id": str(show.pk), "kind": "task", "name": "track", "outcome": "done", "detail": "x" * 100}
    collection("goal_timeline").insert_many({"_id": each, "seq": 1, **row} for each in old_ids(MANY))
    return [each["_id"] for each in stored("goal_timeline")]


def command(environment: dict[str, str], directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "archive", str(directory)],
        cwd=ROOT,
        env=environment | {"RETENTION_DAYS": json.dumps(DAYS)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def rows_of(path: Path) -> list[Any]:
    with path.open("rb") as file:
        check(file, TITLE)
        (_collection, documents) = next(ArchiveReader(file).collections())
        return [bson.decode(document.raw)["_id"] for document in documents]


def test_killed_archive_loses_nothing(rows: list[ObjectId], tmp_path: Path, child_environment: dict[str, str]) -> None:
    pauses, killed = random.Random(19), 0
    for _ in range(KILLS):
        process = command(child_environment, tmp_path)
        began = time.monotonic()
        while process.poll() is None and not any(tmp_path.iterdir()) and time.monotonic() < began + 30:
            time.sleep(0.05)
        time.sleep(pauses.uniform(0, 1.2))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        left = {each["_id"] for each in stored("goal_timeline")}
        whole = [path for path in tmp_path.iterdir() if path.suffix in ("", PENDING)]
        assert left | {each for path in whole for each in rows_of(path)} == set(rows)
    assert killed

    with command(child_environment, tmp_path) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    files = {path.name: rows_of(path) for path in tmp_path.iterdir() if path.name.startswith("goal_timeline")}
    assert {path.suffix for path in tmp_path.iterdir()} == {""}
    assert sorted(each for ids in files.values() for each in ids) == sorted(rows)
    assert stored("goal_timeline") == []
