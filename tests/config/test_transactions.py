import threading
import time
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Binary
from django.db import transaction  # noqa: TID251 - only its on_commit
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from config.errors import ProductError, Unavailable
from config.transactions import (
    NestedTransaction,
    NoTransaction,
    collect_at_commit,
    collection,
    commit_not_before,
    connection,
    in_transaction,
    insert_at_commit,
    keep_session,
    kill_sessions,
    moment_of_writing,
    run_in_transaction,
)
from sessions_app.models import LivestreamFeedEntry
from tests.conftest import FailCommand

pytestmark = pytest.mark.django_db
NOTES = "livestream_feed"  # any collection that exists: creating one in a transaction is another story
TRANSIENT = ["TransientTransactionError"]
UNKNOWN = ["UnknownTransactionCommitResult"]
NOT_PRIMARY = 10107


class Refused(ProductError):
    code = "refused"


def notes() -> list[Any]:
    return [note["text"] for note in collection(NOTES).find().sort("text", 1)]


def _session_in_use() -> Any:
    session: Any = connection.session
    return session.session_id["id"]


def write(text: str) -> str:
    collection(NOTES).insert_one({"text": text})
    return text


def write_all(texts: list[str]) -> None:
    write(" ".join(texts))


def test_transaction_commits_and_returns_the_result() -> None:
    assert run_in_transaction(lambda: write("a")) == "a"
    assert notes() == ["a"]


def test_transaction_waits_with_its_commit_and_dates_what_it_writes() -> None:
    moment = datetime.now(UTC) + timedelta(milliseconds=50)

    def block() -> list[Any]:
        commit_not_before(moment)
        commit_not_before(moment - timedelta(milliseconds=20))  # another of its writes may be earlier
        write("a")
        return [moment_of_writing(), datetime.now(UTC)]

    dated, written = run_in_transaction(block)

    assert written < dated == moment <= datetime.now(UTC)
    assert moment < moment_of_writing()
    assert notes() == ["a"]


def test_killed_session_gives_back_what_its_transaction_holds() -> None:
    write("a")
    with connection.connection.start_session() as dead:
        dead.start_transaction()
        connection.get_collection(NOTES).update_one({"text": "a"}, {"$set": {"text": "b"}}, session=dead)

        kill_sessions([dead.session_id["id"]])

        run_in_transaction(lambda: collection(NOTES).update_one({"text": "a"}, {"$set": {"text": "c"}}))
        with pytest.raises(OperationFailure):
            dead.commit_transaction()
    assert notes() == ["c"]


def test_server_that_kills_no_sessions_is_no_error(fail_command: FailCommand) -> None:
    fail_command("killSessions", errorCode=13)
    kill_sessions([Binary(b"\x00" * 16, 4)])


def test_kept_session_outlives_its_transactions_and_its_own_killing() -> None:
    def block() -> Any:
        write("a")
        return _session_in_use()

    def sessions() -> tuple[Any, list[Any]]:
        kept = keep_session()
        used = [run_in_transaction(block) for _ in range(2)]
        kill_sessions([kept])
        return kept, [*used, run_in_transaction(block)]

    kept, used = copy_context().run(sessions)  # other tests keep theirs

    assert (used, notes()) == ([kept] * 3, ["a", "a", "a"])


@pytest.mark.parametrize("error", [Refused(), ValueError("x"), KeyboardInterrupt()])
def test_transaction_aborts_on_any_error_of_the_block(error: BaseException) -> None:
    def block() -> None:
        write("a")
        raise error

    with pytest.raises(type(error)):
        run_in_transaction(block)
    assert notes() == []
    assert (connection.session, in_transaction()) == (None, False)


def test_transaction_refuses_nesting() -> None:
    with pytest.raises(NestedTransaction):
        run_in_transaction(lambda: run_in_transaction(lambda: write("a")))
    assert notes() == []


def test_orm_and_raw_calls_share_the_transaction() -> None:
    def block() -> int:
        write("a")
        return LivestreamFeedEntry.objects.count()

    assert run_in_transaction(block) == 1


def test_another_thread_sees_nothing_before_the_commit() -> None:
    seen: list[Any] = []

    def block() -> None:
        write("a")
        reader = threading.Thread(target=lambda: seen.extend(notes()))
        reader.start()
        reader.join()

    run_in_transaction(block)
    assert (seen, notes()) == ([], ["a"])


def test_inserts_and_updates_wait_for_the_commit_and_are_undone_with_it() -> None:
    def block() -> list[Any]:
        insert_at_commit(NOTES, {"text": "b"})
        insert_at_commit(NOTES, {"text": "c"})
        for value in ("a", "a", "aa"):
            collect_at_commit(write_all, value)
        return notes()

    assert run_in_transaction(block) == []
    assert notes() == ["a aa", "b", "c"]

    def failing() -> None:
        insert_at_commit(NOTES, {"text": "d"})
        raise Refused

    with pytest.raises(Refused):
        run_in_transaction(failing)
    assert notes() == ["a aa", "b", "c"]


def test_deferred_writes_need_a_transaction() -> None:
    with pytest.raises(NoTransaction):
        insert_at_commit(NOTES, {"text": "a"})
    with pytest.raises(NoTransaction):
        collect_at_commit(write_all, "a")


def test_on_commit_runs_once_after_the_commit_and_never_after_an_error() -> None:
    seen: list[Any] = []

    def block() -> None:
        transaction.on_commit(lambda: seen.append(notes()))
        write("a")

    run_in_transaction(block)
    assert seen == [["a"]]

    def failing() -> None:
        transaction.on_commit(lambda: seen.append("never"))
        raise Refused

    with pytest.raises(Refused):
        run_in_transaction(failing)
    run_in_transaction(lambda: None)
    assert seen == [["a"]]


@pytest.mark.parametrize("command", ["insert", "update", "find"])
def test_block_runs_again_on_a_transient_error(fail_command: FailCommand, command: str) -> None:
    runs: list[int] = []

    def block() -> None:
        runs.append(1)
        write("a")
        collection(NOTES).update_one({"text": "a"}, {"$set": {"text": "b"}})
        collection(NOTES).find_one({})

    fail_command(command, times=2, errorCode=112, errorLabels=TRANSIENT)
    run_in_transaction(block)
    assert notes() == ["b"]
    assert len(runs) > 1  # the driver itself may have tried a read twice


def test_block_runs_again_when_the_orm_wraps_the_transient_error(fail_command: FailCommand) -> None:
    runs: list[int] = []

    def block() -> None:
        runs.append(1)
        LivestreamFeedEntry.objects.create(goal_id="g", goal_kind="k", streamer_id="s")

    fail_command("insert", times=1, errorCode=112, errorLabels=TRANSIENT)
    run_in_transaction(block)
    assert (len(runs), LivestreamFeedEntry.objects.count()) == (2, 1)


def test_block_runs_again_when_the_connection_is_lost(fail_command: FailCommand) -> None:
    runs: list[int] = []

    def block() -> str:
        runs.append(1)
        return write("a")

    fail_command("insert", times=1, closeConnection=True)
    run_in_transaction(block)
    assert (len(runs), notes()) == (2, ["a"])


@pytest.mark.parametrize(
    "failure",
    [
        {"errorCode": NOT_PRIMARY, "errorLabels": UNKNOWN},
        {"closeConnection": True},
        {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}, "errorLabels": UNKNOWN},
    ],
)
def test_commit_is_retried_alone_when_its_answer_is_unknown(fail_command: FailCommand, failure: dict[str, Any]) -> None:
    runs: list[int] = []

    def block() -> str:
        runs.append(1)
        return write("a")

    fail_command("commitTransaction", times=3, **failure)
    run_in_transaction(block)
    assert (len(runs), notes(), connection.session) == (1, ["a"], None)


def test_commit_that_fails_transiently_runs_the_block_again(fail_command: FailCommand) -> None:
    runs: list[int] = []

    def block() -> str:
        runs.append(1)
        return write("a")

    fail_command("commitTransaction", times=1, errorCode=251, errorLabels=TRANSIENT)
    run_in_transaction(block)
    assert (len(runs), notes()) == (2, ["a"])


def test_retries_end_at_the_deadline_with_unavailable(
    fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.transactions.DEADLINE_SECONDS", 0.3)
    fail_command("insert", times=10_000, errorCode=112, errorLabels=TRANSIENT)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        run_in_transaction(lambda: write("a"))
    assert time.monotonic() - began < 3
    assert connection.session is None


def test_failed_commit_leaves_no_session_behind(fail_command: FailCommand) -> None:
    fail_command("commitTransaction", times=1, errorCode=2)
    with pytest.raises(PyMongoError):
        run_in_transaction(lambda: write("a"))
    assert (connection.session, in_transaction()) == (None, False)
    run_in_transaction(lambda: write("b"))
    assert "b" in notes()


def test_duplicate_key_is_raised_and_not_retried() -> None:
    runs: list[int] = []

    def block() -> None:
        runs.append(1)
        collection(NOTES).insert_one({"_id": 1, "text": "again"})

    collection(NOTES).insert_one({"_id": 1, "text": "a"})
    with pytest.raises(DuplicateKeyError):
        run_in_transaction(block)
    assert (len(runs), notes()) == (1, ["a"])


def test_permanent_error_of_the_server_is_raised_and_not_retried(fail_command: FailCommand) -> None:
    fail_command("insert", times=1, errorCode=2)
    with pytest.raises(OperationFailure):
        run_in_transaction(lambda: write("a"))
    assert notes() == []


def test_conflicting_increments_all_count() -> None:
    collection(NOTES).insert_one({"_id": 1, "count": 0})

    def increment() -> None:
        count = collection(NOTES).find_one({"_id": 1})["count"]
        collection(NOTES).update_one({"_id": 1}, {"$set": {"count": count + 1}})

    threads = [threading.Thread(target=lambda: run_in_transaction(increment)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert collection(NOTES).find_one({"_id": 1}) == {"_id": 1, "count": 20}
