"""After some errors of the server, a transaction is retried until a deadline. Other errors are raised at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError, ExecutionTimeout, OperationFailure, PyMongoError

from config.errors import Unavailable
from mongodb.collections import collection, connection
from mongodb.transactions import in_transaction, run_in_transaction
from sessions_app.models import LivestreamFeedEntry
from tests.conftest import FailCommand
from tests.mongodb.notes import NOTES, notes, write

pytestmark = pytest.mark.django_db
TRANSIENT = ["TransientTransactionError"]
UNKNOWN = ["UnknownTransactionCommitResult"]
NOT_PRIMARY = 10107
OUT_OF_TIME = 50


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
    assert len(runs) > 1  # the driver itself may have retried a read


def test_block_runs_again_when_the_orm_wraps_the_transient_error(fail_command: FailCommand) -> None:
    runs: list[int] = []

    def block() -> None:
        runs.append(1)
        LivestreamFeedEntry.objects.create(goal_id="g")

    fail_command("insert", times=1, errorCode=112, errorLabels=TRANSIENT)
    run_in_transaction(block)
    assert (len(runs), LivestreamFeedEntry.objects.count()) == (2, 1)


@pytest.mark.parametrize(
    ("command", "failure"),
    [("insert", {"closeConnection": True}), ("commitTransaction", {"errorCode": 251, "errorLabels": TRANSIENT})],
)
def test_block_runs_again_when_the_connection_is_lost_or_the_commit_fails_transiently(
    fail_command: FailCommand, command: str, failure: dict[str, Any]
) -> None:
    runs: list[int] = []

    def block() -> str:
        runs.append(1)
        return write("a")

    fail_command(command, times=1, **failure)
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


def test_retries_end_at_the_deadline_with_unavailable(
    fail_command: FailCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mongodb.transactions.DEADLINE_SECONDS", 0.3)
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


def test_kill_of_a_transaction_that_was_given_up_spares_the_others(fail_command: FailCommand) -> None:
    """The driver reuses the client session of an ended transaction, so the kill could hit the next transaction."""

    def slow() -> None:
        write("a")
        collection(NOTES).find_one({"$where": "sleep(800) || true"})

    fail_command("find", errorCode=OUT_OF_TIME)
    with connection.connection.start_session() as other:  # the kill uses this session, because it ends last
        connection.get_collection(NOTES).count_documents({}, session=other)
        with pytest.raises(ExecutionTimeout):
            run_in_transaction(lambda: collection(NOTES).find_one({}))
    fail_command("killSessions", blockConnection=True, blockTimeMS=400)

    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(run_in_transaction, lambda: None)
        time.sleep(0.1)
        run_in_transaction(slow)
        killing.result()

    assert notes() == ["a"]
