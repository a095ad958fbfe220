"""`manage.py backup` saves everything as of one moment in one file, and `manage.py restore` restores it."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from mongodb.collections import collection
from mongodb.pending import RESTORATIONS
from mongodb.transactions import run_in_transaction
from ops.backup.catalog import read_catalog
from ops.backup.errors import BackupFailed
from ops.backup.history import WINDOW, kept_history
from sessions_app.models import Session
from showgoals.folds import fold_into_breakdown
from taskqueue.heartbeat import CLUSTERS, beat
from taskqueue.messages import MESSAGES
from tests.conftest import FailCommand
from tests.factories.databases import in_database
from tests.factories.documents import connection, everything_stored, stored
from tests.factories.goals import ContributionFactory, ShowFundingGoalFactory, ShowGoalFactory
from tests.factories.people import UserFactory
from tests.ops.backups import back_up, restore

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAYING_THREADS = 3
PAID_BEFORE = 20


@pytest.fixture
def backup(tmp_path: Path, session: Session, viewer: User) -> Path:
    """A backup of a waiting show that a viewer has paid for."""
    ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]))
    back_up(tmp_path / "backup")
    return tmp_path / "backup"


def test_everything_is_restored(backup: Path, other_database: str) -> None:
    everything, rows, catalog = everything_stored(), stored("timeline_rows"), read_catalog()
    fixed = {name: stored(name) for name in ("django_migrations", "django_content_type", "auth_permission")}

    restore(backup, into=other_database)

    with in_database(other_database):
        (session,) = stored("sessions")
        assert session["cache_version"] > 1_000_000_000_000
        session["cache_version"] = everything["sessions"][0]["cache_version"]
        assert everything_stored() | {"sessions": [session]} == everything
        assert {name: stored(name) for name in fixed} == fixed
        assert stored("timeline_rows") == rows
        restored = read_catalog()
    assert [(each.name, each.options) for each in restored.collections] == [
        (each.name, each.options) for each in catalog.collections
    ]
    assert [each.indexes for each in restored.collections] == [each.indexes for each in catalog.collections]
    assert restored.views == catalog.views


def test_file_is_whole_and_only_its_owner_may_read_it(backup: Path) -> None:
    assert [path.name for path in backup.parent.iterdir()] == ["backup"]
    assert backup.stat().st_mode & 0o777 == 0o600


def test_command_says_what_it_has_saved(tmp_path: Path) -> None:
    line = back_up(tmp_path / "backup")

    assert re.fullmatch(r".*/backup: [0-9,]+ documents as of 20[0-9: -]+ UTC, 0\.0 MB\.\n", line)


def test_backup_during_payments_is_of_one_moment(tmp_path: Path, session: Session, other_database: str) -> None:
    goals = [ShowFundingGoalFactory(session=session) for _ in range(PAYING_THREADS)]
    viewers = [UserFactory() for _ in range(PAYING_THREADS)]
    enough, ended = Event(), Event()

    def pay(goal: Any, viewer: User) -> int:
        count = 0
        while not ended.is_set() or count <= PAID_BEFORE:
            ContributionFactory(funding_goal=goal, viewer=viewer)
            run_in_transaction(lambda: fold_into_breakdown(str(goal.pk)))
            count += 1
            if count == PAID_BEFORE:
                enough.set()
        return count

    with ThreadPoolExecutor(PAYING_THREADS) as pool:
        paying = [pool.submit(pay, goal, viewer) for goal, viewer in zip(goals, viewers, strict=True)]
        assert enough.wait(60)
        back_up(tmp_path / "backup")
        ended.set()
        paid = sum(each.result() for each in paying)
    restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert PAID_BEFORE <= len(stored("contributions")) < paid
        for goal in stored("goals"):
            contributions = stored("contributions", funding_goal_id=str(goal["_id"]), folded=True)
            total = sum(each["amount"] for each in contributions)
            assert goal["progress"] == sum(each["amount"] for each in goal["breakdown"].values()) == total


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content[:-1], "The file is damaged"),
        (lambda content: content[: len(content) // 2], "The file is damaged"),
        (lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:], "The file is damaged"),
        (lambda content: content + b"\0", "The file is damaged"),
        (lambda content: content[:60], "The file is damaged"),
        (lambda _content: b"", "The file is not a backup"),
        (lambda _content: b"PK\x03\x04 another kind of file", "The file is not a backup"),
        (lambda content: content.replace(b"backup 1", b"backup 2", 1), "The file is not a backup"),
    ],
    ids=["last byte", "half", "one bit", "longer", "first line", "empty", "another", "another format"],
)
def test_damaged_file_is_refused(change: Any, problem: str, backup: Path, other_database: str) -> None:
    backup.write_bytes(change(backup.read_bytes()))

    with pytest.raises(CommandError, match=f"^{problem}"):
        restore(backup, into=other_database)
    assert connection.database.client[other_database].list_collection_names() == []


def test_missing_file_is_refused(tmp_path: Path, other_database: str) -> None:
    with pytest.raises(CommandError, match=r"^The file can't be read: .* No such file or directory: '.*/nothing'\.$"):
        restore(tmp_path / "nothing", into=other_database)


def test_database_that_is_not_empty_is_refused(backup: Path, other_database: str) -> None:
    connection.database.client[other_database].anything.insert_one({})

    with pytest.raises(CommandError, match=rf"^The database {other_database} is not empty\. Set MONGODB_NAME"):
        restore(backup, into=other_database)
    with pytest.raises(CommandError, match=rf"^No restoration into the database {other_database} was interrupted"):
        restore(backup, "--anew", into=other_database)
    assert connection.database.client[other_database].list_collection_names() == ["anything"]


def test_interrupted_restoration_is_refused_until_it_is_begun_anew(backup: Path, other_database: str) -> None:
    database = connection.database.client[other_database]
    database[RESTORATIONS].insert_one({"_id": "restoration"})
    database.goals.insert_one({})

    with pytest.raises(CommandError, match=r"or a restoration was interrupted\. In the latter case, run the command"):
        restore(backup, into=other_database)
    restore(backup, "--anew", into=other_database)

    assert sorted(goal["_id"] for goal in database.goals.find()) == [goal["_id"] for goal in stored("goals")]
    assert RESTORATIONS not in database.list_collection_names()


def test_interrupted_restoration_is_not_backed_up(backup: Path, other_database: str) -> None:
    restore(backup, into=other_database)
    connection.database.client[other_database][RESTORATIONS].insert_one({})

    with in_database(other_database), pytest.raises(CommandError, match=r"^The database is an unfinished restoration"):
        back_up(backup.with_name("another"))


def test_backup_of_a_newer_release_is_refused(tmp_path: Path, other_database: str) -> None:
    newer = {"app": "goals", "name": "9999_newer"}
    collection("django_migrations").insert_one(newer)
    back_up(tmp_path / "backup")
    collection("django_migrations").delete_one(newer)

    with pytest.raises(CommandError, match=r"^The backup is of a newer release, .* first goals\.9999_newer\."):
        restore(tmp_path / "backup", into=other_database)
    assert connection.database.client[other_database].list_collection_names() == []


def test_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("precious")

    with pytest.raises(CommandError, match=r"backup exists\. Choose another name\.$"):
        back_up(tmp_path / "backup")
    assert (tmp_path / "backup").read_text() == "precious"


def test_file_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^The file can't be written: .* No such file or directory"):
        back_up(tmp_path / "nowhere" / "backup")


def test_full_disk_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "backup.part").symlink_to("/dev/full")

    with pytest.raises(CommandError, match=r"^The file can't be written: "):
        back_up(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_empty_database_is_not_backed_up(tmp_path: Path, other_database: str) -> None:
    with in_database(other_database), pytest.raises(CommandError, match=r"was not migrated, so there is nothing"):
        back_up(tmp_path / "backup")


def test_claims_of_the_moment_are_released(tmp_path: Path, session: Session, other_database: str) -> None:
    ShowGoalFactory(funding_goal=ShowFundingGoalFactory(session=session, closed=True))
    beat("one", started_at=datetime.now(UTC), workers={}, deaths=0)
    claimed = {"owner": "another|host|1|2", "session": None, "epoch": 1, "attempts": 1}
    collection(MESSAGES).update_many({"name": "track"}, {"$set": claimed})
    back_up(tmp_path / "backup")

    restore(tmp_path / "backup", into=other_database)

    with in_database(other_database):
        assert {key for each in stored(MESSAGES) for key in each} & {"owner", "session", "epoch"} == set()
        assert {each["attempts"] for each in stored(MESSAGES, name="track")} == {1}
        assert stored(CLUSTERS) == []


def test_history_that_is_too_short_is_prolonged_for_a_while(db: None) -> None:
    admin = connection.database.client.admin

    with kept_history(1000) as text:
        during = admin.command("getParameter", 1, **{WINDOW: 1})[WINDOW]

    assert text == "MongoDB kept its history for 300 s; until the end of the backup it keeps it for 1000 s"
    assert (during, admin.command("getParameter", 1, **{WINDOW: 1})[WINDOW]) == (1000, 300)


def test_history_that_may_not_be_prolonged_is_said_with_the_command(fail_command: FailCommand) -> None:
    fail_command("setParameter", errorCode=13)

    with pytest.raises(BackupFailed) as failed, kept_history(1000):
        pass

    command = "db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: 1000})"
    assert "keeps its history for 300 s, and the user of MONGODB_URI may not change that" in str(failed.value.detail)
    assert command in str(failed.value.detail)


def test_history_that_may_not_be_read_is_taken_for_the_default(fail_command: FailCommand) -> None:
    fail_command("getParameter", errorCode=13)

    with kept_history(300) as text:
        assert text == "MongoDB keeps its history for 300 s, which is enough"


def test_history_that_was_too_short_is_said(tmp_path: Path, fail_command: FailCommand) -> None:
    # Only `analytics_events` needs a second batch. The estimate reads the largest collection, which is `goals`.
    collection("goals").insert_one({"breakdown": {"viewer": "x" * 100_000}})
    collection("analytics_events").insert_many([{} for _ in range(200)])
    fail_command("getMore", errorCode=239)

    with pytest.raises(CommandError, match=r"^MongoDB does not keep its history for as long as this backup takes\."):
        back_up(tmp_path / "backup")
    assert list(tmp_path.iterdir()) == []


def test_index_that_is_made_meanwhile_is_noticed(tmp_path: Path) -> None:
    def create_index(text: str) -> None:
        if "keeps its history" in text:
            collection("goals").create_index("title", name="new")

    try:
        with pytest.raises(CommandError, match=r"^Collections or indexes have changed meanwhile"):
            call_command("backup", tmp_path / "backup", stderr=_Listener(create_index))
    finally:
        collection("goals").drop_index("new")
    assert list(tmp_path.iterdir()) == []


class _Listener(StringIO):
    """A file that calls a function with each text that is written."""

    def __init__(self, hear: Any) -> None:
        super().__init__()
        self._hear = hear

    def write(self, text: str) -> int:
        self._hear(text)
        return len(text)
