"""All transactions of a worker use one client session, so another process can abort them if the worker dies."""

from contextvars import copy_context
from typing import Any

import pytest
from bson import Binary
from pymongo.errors import OperationFailure

from config.errors import ProductError
from mongodb.collections import collection, connection
from mongodb.transactions import keep_client_session, kill_client_sessions, run_in_transaction
from tests.conftest import FailCommand
from tests.mongodb.notes import NOTES, notes, write

pytestmark = pytest.mark.django_db


def _session_in_use() -> Any:
    session: Any = connection.session
    return session.session_id["id"]


def test_killed_session_gives_back_what_its_transaction_holds() -> None:
    write("a")
    with connection.connection.start_session() as dead:
        dead.start_transaction()
        connection.get_collection(NOTES).update_one({"text": "a"}, {"$set": {"text": "b"}}, session=dead)

        kill_client_sessions([dead.session_id["id"]])

        run_in_transaction(lambda: collection(NOTES).update_one({"text": "a"}, {"$set": {"text": "c"}}))
        with pytest.raises(OperationFailure):
            dead.commit_transaction()
    assert notes() == ["c"]


def test_empty_list_kills_no_session() -> None:
    with connection.connection.start_session() as alive:
        alive.start_transaction()
        connection.get_collection(NOTES).insert_one({"text": "a"}, session=alive)
        kill_client_sessions([])  # to the server, an empty list means all sessions
        alive.commit_transaction()
    assert notes() == ["a"]


def test_kept_session_is_free_again_after_a_failure() -> None:
    def failing() -> None:
        write("a")
        raise ProductError

    def fail_then_write() -> None:
        keep_client_session()
        with pytest.raises(ProductError):
            run_in_transaction(failing)
        run_in_transaction(lambda: write("b"))

    copy_context().run(fail_then_write)
    assert notes() == ["b"]


def test_server_that_kills_no_sessions_is_no_error(fail_command: FailCommand) -> None:
    fail_command("killSessions", errorCode=13)
    kill_client_sessions([Binary(b"\x00" * 16, 4)])


def test_kept_session_outlives_its_transactions_and_its_own_killing() -> None:
    def block() -> Any:
        write("a")
        return _session_in_use()

    def sessions() -> tuple[Any, list[Any]]:
        kept = keep_client_session()
        used = [run_in_transaction(block) for _ in range(2)]
        kill_client_sessions([kept])
        return kept, [*used, run_in_transaction(block)]

    kept, used = copy_context().run(sessions)  # in a copy, so that later tests do not use the kept client session

    assert (used, notes()) == ([kept] * 3, ["a", "a", "a"])
