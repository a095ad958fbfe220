"""`manage.py archive` moves old rows of goals that are over into files, and can put them back."""

import fcntl
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.utils import timezone
from pymongo.errors import OperationFailure
from pytest_django import Settings

from mongodb.collections import collection
from tests.conftest import FailCommand
from tests.factories.documents import everything_stored, stored
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory
from tests.ops.backups import back_up
from tests.ops.retention import DAYS, LONG_AGO, age_rows, archive, names_in, rows_by_goal, settle, settled_show

pytestmark = pytest.mark.django_db

RECENT = timedelta(days=364)


@pytest.fixture(autouse=True)
def _days(settings: Settings) -> None:
    settings.RETENTION_DAYS = DAYS


@pytest.fixture
def over(viewer: User) -> set[str]:
    """The ids of a show and its funding goal that were over long ago, with rows of that time."""
    show = settled_show(viewer, at=timezone.now() - LONG_AGO)
    collection("analytics_events").insert_one({"event_id": "1", "name": "created", "goal_id": str(show.pk)})
    age_rows()
    return {str(show.pk), str(show.context.funding_goal_id)}


def test_rows_of_goals_that_are_over_move_into_files(tmp_path: Path, over: set[str]) -> None:
    before = everything_stored()
    assert (set(rows_by_goal("goal_timeline")), len(before["analytics_events"])) == (over, 1)

    lines = archive(tmp_path)

    assert everything_stored() == before | {"goal_timeline": [], "analytics_events": []}
    assert lines == sorted(map(str, tmp_path.iterdir()), reverse=True)
    assert names_in(tmp_path) == ["analytics_events-0001", "goal_timeline-0001"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_second_run_finds_nothing(tmp_path: Path, over: set[str]) -> None:
    archive(tmp_path)

    assert archive(tmp_path) == ["There was nothing to archive."]


def test_rows_are_put_back_as_they_were(tmp_path: Path, over: set[str]) -> None:
    before = everything_stored()
    timeline, analytics = archive(tmp_path)

    count = len(before["goal_timeline"])
    assert archive("--restore", timeline) == [f"{count} rows of goal_timeline are back; 0 were there already."]
    assert archive("--restore", timeline) == [f"0 rows of goal_timeline are back; {count} were there already."]
    archive("--restore", analytics)

    assert everything_stored() == before


@pytest.mark.parametrize("state", ["waiting", "live", "unsettled", "in question", "settled lately", "young rows"])
def test_rows_of_goals_that_are_not_over_stay(state: str, tmp_path: Path, viewer: User) -> None:
    long_ago = timezone.now() - LONG_AGO
    show = ShowGoalFactory(funding_goal=ShowFundingGoalFactory(closed=True, paid_by=[viewer]))
    is_over = {"activated_at": long_ago, "exp": long_ago, "active": False}
    changes = {"waiting": {"nbf": long_ago}, "live": {"activated_at": long_ago}}.get(state, is_over)
    collection("goals").update_one({"_id": show.pk}, {"$set": changes})
    if state in ("in question", "settled lately", "young rows"):
        decided_at = timezone.now() - RECENT if state == "settled lately" else long_ago
        settle(show, state="in_question" if state == "in question" else "earned", at=decided_at)
    if state != "young rows":
        age_rows()
    before = everything_stored()

    assert archive(tmp_path) == ["There was nothing to archive."]
    assert (everything_stored(), list(tmp_path.iterdir())) == (before, [])


def test_only_collections_with_days_are_archived(tmp_path: Path, over: set[str], settings: Settings) -> None:
    settings.RETENTION_DAYS = {"analytics_events": 365}

    archive(tmp_path)

    assert names_in(tmp_path) == ["analytics_events-0001"]
    assert stored("goal_timeline") != []


def test_deletion_that_failed_is_ended_by_the_next_run(
    tmp_path: Path, over: set[str], fail_command: FailCommand
) -> None:
    before = stored("goal_timeline")
    fail_command("delete", errorCode=8000)
    with pytest.raises(OperationFailure):
        archive(tmp_path)
    assert (names_in(tmp_path), stored("goal_timeline")) == (["goal_timeline-0001.pending"], before)

    archive(tmp_path)

    assert names_in(tmp_path) == ["analytics_events-0001", "goal_timeline-0001"]
    assert stored("goal_timeline") == []


def test_nothing_is_deleted_that_a_file_does_not_have(
    tmp_path: Path, over: set[str], fail_command: FailCommand
) -> None:
    fail_command("delete", errorCode=8000)
    with pytest.raises(OperationFailure):
        archive(tmp_path)
    (pending,) = tmp_path.iterdir()
    pending.write_bytes(pending.read_bytes()[:-1])
    before = everything_stored()

    with pytest.raises(CommandError, match=r"^The file is damaged"):
        archive(tmp_path)
    assert everything_stored() == before


def test_file_that_can_not_be_written_deletes_nothing(tmp_path: Path, over: set[str]) -> None:
    before = everything_stored()

    with pytest.raises(CommandError, match=r"^A file can't be read or written: .* No such file or directory"):
        archive(tmp_path / "nowhere")
    assert everything_stored() == before


def test_second_archive_in_a_directory_is_refused(tmp_path: Path, over: set[str]) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match=r"^Another `manage\.py archive` works in "):
            archive(tmp_path)
    finally:
        os.close(descriptor)


def test_what_is_wrong_is_said(tmp_path: Path, over: set[str], settings: Settings) -> None:
    back_up(tmp_path / "backup")
    with pytest.raises(CommandError, match=r"^The file is not an archive"):
        archive("--restore", tmp_path / "backup")
    with pytest.raises(CommandError, match=r"^A file can't be read or written: .* No such file"):
        archive("--restore", tmp_path / "nothing")
    with pytest.raises(CommandError, match=r"one of the arguments directory --restore is required"):
        archive()
    settings.RETENTION_DAYS = {}
    with pytest.raises(CommandError, match=r"^RETENTION_DAYS is not set, so everything is kept for ever\.$"):
        archive(tmp_path)
