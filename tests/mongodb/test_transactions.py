"""`run_in_transaction` writes everything or nothing, and delays some work until the commit."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction  # noqa: TID251 - only its on_commit

from config.errors import ProductError
from mongodb.collections import collection, connection
from mongodb.transactions import (
    NestedTransaction,
    NoTransaction,
    collect_at_commit,
    commit_not_before,
    in_transaction,
    insert_at_commit,
    moment_of_writing,
    run_in_transaction,
)
from sessions_app.models import LivestreamFeedEntry
from tests.mongodb.notes import NOTES, notes, write

pytestmark = pytest.mark.django_db


class Refused(ProductError):
    code = "refused"


def write_all(texts: list[str]) -> None:
    write(" ".join(texts))


def test_transaction_commits_and_returns_the_result() -> None:
    assert run_in_transaction(lambda: write("a")) == "a"
    assert notes() == ["a"]


def test_transaction_waits_with_its_commit_and_dates_what_it_writes() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=1)

    def block() -> list[Any]:
        commit_not_before(moment)
        commit_not_before(moment - timedelta(milliseconds=20))  # the later of the two moments counts
        write("a")
        return [moment_of_writing(), datetime.now(UTC)]

    dated, written = run_in_transaction(block)

    assert written < dated == moment <= datetime.now(UTC)
    assert moment < moment_of_writing()
    assert notes() == ["a"]


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
