"""Commands end by their deadline even if the server does not respond, and leave nothing open."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo import MongoClient

from mongodb.base import DatabaseWrapper
from mongodb.collections import collection, connection
from mongodb.deadlines import apart_from_deadline, end_of, finish_within
from mongodb.failures import is_away
from mongodb.impatient import update_within
from mongodb.transactions import run_in_transaction
from tests.conftest import FailCommand
from tests.mongodb.notes import NOTES, notes, write

pytestmark = pytest.mark.django_db

HANGS: dict[str, Any] = {"times": 10_000, "blockConnection": True, "blockTimeMS": 3000}


@contextmanager
def out_of_time(*, within: float) -> Iterator[None]:
    """Expect the block to raise an error that says that MongoDB is away, after at most `within` seconds."""
    began = time.monotonic()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - the ORM and transactions have errors of their own
        yield
    assert (is_away(raised.value), time.monotonic() - began < within) == (True, True)


def find() -> None:
    collection(NOTES).find_one({})


@pytest.mark.parametrize(
    ("command", "call"),
    [
        ("find", find),
        ("insert", lambda: run_in_transaction(lambda: write("a"))),
        ("commitTransaction", lambda: run_in_transaction(lambda: write("a"))),
    ],
)
def test_command_that_hangs_ends_with_the_deadline(fail_command: FailCommand, command: str, call: Any) -> None:
    fail_command(command, **HANGS)
    with out_of_time(within=2.5), finish_within(0.3):
        call()

    assert connection.session is None


def test_server_that_closes_connections_is_asked_again_until_the_deadline(fail_command: FailCommand) -> None:
    fail_command("find", times=10_000, closeConnection=True)
    with out_of_time(within=2.5), finish_within(0.3):
        find()


def test_time_that_is_over_ends_a_call_at_once() -> None:
    with out_of_time(within=5), finish_within(-1):
        find()


def test_deadline_inside_a_deadline_can_only_be_sooner() -> None:
    with finish_within(1):
        outer = end_of(60)
        with finish_within(30):
            assert end_of(60) == outer
        with finish_within(0.1):
            assert end_of(60) < outer
        assert (end_of(60), apart_from_deadline(lambda: end_of(60)) > outer) == (outer, True)
    assert end_of(60) > outer


def test_transaction_that_is_out_of_time_holds_no_document() -> None:
    write("a")

    def block() -> None:
        collection(NOTES).update_one({}, {"$set": {"text": "b"}})
        time.sleep(0.4)
        find()

    with out_of_time(within=1), finish_within(0.3):
        run_in_transaction(block)
    assert update_within(NOTES, {}, {"$set": {"text": "c"}}, milliseconds=200) == 1
    assert notes() == ["c"]


def test_time_limit_of_a_write_holds_under_a_deadline(fail_command: FailCommand) -> None:
    write("a")
    with finish_within(5), connection.connection.start_session() as other:
        other.start_transaction()
        connection.get_collection(NOTES).update_one({}, {"$set": {"text": "b"}}, session=other)
        began = time.monotonic()
        assert update_within(NOTES, {}, {"$set": {"text": "c"}}, milliseconds=50) is None
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("query", "expected"), [("", 2000), ("?connectTimeoutMS=700&w=1", 700), ("?connecttimeoutms=700", 700)]
)
def test_uri_sets_other_time_outs(query: str, expected: int) -> None:
    mine = connection.settings_dict
    wrapper: Any = DatabaseWrapper
    params = wrapper({**mine, "HOST": f"mongodb://127.0.0.1:1/{query}"}).get_connection_params()
    with MongoClient(**params, connect=False) as client:
        options = client.options
    assert (options.pool_options.connect_timeout, options.write_concern.document) == (
        expected / 1000,
        {"w": "majority"},
    )
