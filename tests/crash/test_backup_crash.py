"""Backups and restorations that are killed, and a qcluster on a restored database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.core.management import CommandError

from goals.models import Goal
from mongodb.collections import collection
from mongodb.pending import RESTORATIONS
from sessions_app.models import Session
from tests.conftest import FailCommand
from tests.environment import ROOT
from tests.factories.databases import in_database
from tests.factories.documents import connection, stored_one
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.ops.backups import back_up, restore

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.crash]

WITHIN_SECONDS = 90.0
MANY = 200_000


@pytest.fixture
def show(session: Session, viewer: User) -> Goal:
    """A show that starts soon, but after a backup, a restoration and the start of a qcluster."""
    show: Goal = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]),
        nbf=whole_second() + timedelta(seconds=50),
    )
    return show


def command(environment: dict[str, str], *words: str, database: str = "") -> subprocess.Popen[str]:
    chosen = environment | ({"MONGODB_NAME": database} if database else {})
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=chosen,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def kill_as_soon_as(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up_at
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_killed_backup_leaves_no_file_and_hinders_no_other(
    show: Goal, tmp_path: Path, child_environment: dict[str, str], other_database: str
) -> None:
    collection("analytics_events").insert_many({"_id": ObjectId(), "data": os.urandom(20)} for _ in range(MANY))
    unfinished = tmp_path / "backup.part"

    backup = command(child_environment, "backup", str(tmp_path / "backup"))
    kill_as_soon_as(lambda: unfinished.exists() and unfinished.stat().st_size > 0, backup)

    assert [path.name for path in tmp_path.iterdir()] == ["backup.part"]
    with pytest.raises(CommandError, match="The file is damaged"):
        restore(unfinished, into=other_database)
    back_up(tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_second_backup_into_one_file_is_refused(show: Goal, tmp_path: Path, child_environment: dict[str, str]) -> None:
    collection("analytics_events").insert_many({"_id": ObjectId(), "data": os.urandom(20)} for _ in range(MANY))
    unfinished = tmp_path / "backup.part"

    with command(child_environment, "backup", str(tmp_path / "backup")) as first:
        while not unfinished.exists():
            assert first.poll() is None
        first.send_signal(signal.SIGSTOP)  # so that it is not over before the second backup begins
        try:
            with pytest.raises(CommandError, match=r"^Another backup is writing .*backup\.part\.$"):
                back_up(tmp_path / "backup")
        finally:
            first.send_signal(signal.SIGCONT)
        first.communicate()

    assert first.returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_killed_restoration_is_noticed_and_begun_anew(
    show: Goal, tmp_path: Path, child_environment: dict[str, str], other_database: str, fail_command: FailCommand
) -> None:
    back_up(tmp_path / "backup")
    database = connection.database.client[other_database]

    fail_command("createIndexes", times=1000, blockConnection=True, blockTimeMS=300)  # once for each collection
    killed = command(child_environment, "restore", str(tmp_path / "backup"), database=other_database)
    kill_as_soon_as(lambda: "goals" in database.list_collection_names(), killed)
    fail_command("ping")  # instead of `createIndexes`, so that the next restoration is quick

    assert RESTORATIONS in database.list_collection_names()
    again = command(child_environment, "restore", str(tmp_path / "backup"), database=other_database)
    assert "a restoration was interrupted" in again.communicate()[1]
    waiting = command(child_environment, "qcluster", "--run-once", database=other_database)
    assert "a restoration was interrupted" in waiting.communicate()[1]
    anew = command(child_environment, "restore", str(tmp_path / "backup"), "--anew", database=other_database)
    assert (anew.communicate()[0].startswith("Restored "), anew.returncode) == (True, 0)
    with in_database(other_database):
        assert stored_one("goals", show.pk)["nbf"] == show.starts_at.replace(tzinfo=None)


def test_waiting_show_starts_on_the_restored_database(
    show: Goal, tmp_path: Path, child_environment: dict[str, str], other_database: str
) -> None:
    back_up(tmp_path / "backup")
    restore(tmp_path / "backup", into=other_database)

    cluster = command(child_environment, "qcluster", database=other_database)
    try:
        with in_database(other_database):
            give_up_at = time.monotonic() + WITHIN_SECONDS
            while not (started := stored_one("goals", show.pk)["activated_at"]):
                assert time.monotonic() < give_up_at
                time.sleep(0.1)
    finally:
        cluster.terminate()
        cluster.communicate()
    assert timedelta(0) <= started - show.starts_at.replace(tzinfo=None) < timedelta(seconds=1)
