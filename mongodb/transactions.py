"""Runs use cases in MongoDB transactions.

Django's own `atomic` does nothing on MongoDB, and the backend's isn't safe when the commit fails
(docs/adr/0005-transactions.md). A view, a task or a command opens the transaction, and use cases run inside it.
"""

import logging
import random
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from bson import Binary
from bson.binary import UUID_SUBTYPE
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from config import clock
from config.errors import Unavailable
from mongodb.collections import Document, collection, connection
from mongodb.deadlines import apart_from_deadline, end_of, finish_within
from mongodb.failures import is_away, is_transient

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 5.0
ABORT_SECONDS = 0.2
BACKOFF_BASE_SECONDS = 0.005
BACKOFF_CAP_SECONDS = 0.1
UUID_BYTES = 16
UNKNOWN_COMMIT_RESULT = "UnknownTransactionCommitResult"

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Pending:
    """What is written just before the commit.

    `inserts` are documents by collection. `collected` and `last_writes` map each function that writes to the values
    that it will write. The functions of `last_writes` are called last. The commit waits until `not_before`.
    """

    inserts: defaultdict[str, list[Document]] = field(default_factory=lambda: defaultdict(list))
    # The inner dictionary serves as an ordered set: its keys are the values.
    collected: dict[Callable[[list[Any]], object], dict[Any, None]] = field(default_factory=dict)
    last_writes: dict[Callable[[dict[Any, Any]], object], dict[Any, Any]] = field(default_factory=dict)
    not_before: datetime = LONG_AGO


# The client session of this thread, if the thread has called `keep_client_session`.
_kept_client_session: ContextVar[ClientSession | None] = ContextVar("kept_client_session", default=None)
# The client sessions of transactions that were given up while MongoDB did not respond. A server that hung may continue
# these transactions and hold their documents, so this process kills them before its next transaction. The client
# sessions end only after the kill. If they ended before, the driver could reuse them for another transaction, which the
# kill would abort. The kept client session needs no kill, because its next transaction ends the one before.
_abandoned: deque[ClientSession] = deque(maxlen=1000)
# What the open transaction is going to write. None outside a transaction.
_pending: ContextVar[_Pending | None] = ContextVar("pending", default=None)


class NoTransaction(RuntimeError):
    """A use case was called outside `run_in_transaction`: a programming error."""


class NestedTransaction(RuntimeError):
    """`run_in_transaction` was called inside a transaction: a programming error."""


def run_in_transaction(block: Callable[[], T]) -> T:
    """Run the block in one MongoDB transaction and return its result.

    After a write conflict or an election the block runs again, so it must have no effect outside MongoDB. `on_commit`
    hooks run once, after the commit. Any error of the block aborts the transaction. Raises Unavailable (503) if MongoDB
    is away, or if no attempt succeeds within DEADLINE_SECONDS and before the current deadline.
    """
    if connection.session is not None:
        raise NestedTransaction
    give_up_at = end_of(DEADLINE_SECONDS)
    for pause in _pauses():
        try:
            return _attempt(block, give_up_at)
        except Exception as error:
            if not is_transient(error):
                raise
            if time.monotonic() + pause >= give_up_at:
                raise Unavailable from error
        time.sleep(pause)
    raise AssertionError("the pauses never end")


def in_transaction() -> bool:
    """Tell whether this thread is inside `run_in_transaction`."""
    return _pending.get() is not None


def insert_at_commit(collection: str, *documents: Document) -> None:
    """Insert the documents just before the commit, in this order, with one insert_many for each collection.

    A use case inserts its queue messages and timeline rows this way, so all of them take only two round-trips.
    """
    _open().inserts[collection].extend(documents)


def collect_at_commit(write: Callable[[list[V]], object], value: V) -> None:
    """Call `write` once just before the commit, with all distinct (hashable) values that were collected for it.

    If a hundred goals need the same write in one transaction, one round-trip is enough.
    """
    _open().collected.setdefault(write, {})[value] = None


def write_last(write: Callable[[dict[K, V]], object], key: K, value: V) -> None:
    """Call `write` once, after all other writes, with a dictionary of its keys and their newest values.

    Use it for documents that other processes also write. From this write until the commit, those processes must wait or
    give up, so the write comes as late as possible.
    """
    values = _open().last_writes.setdefault(write, {})
    values[key] = value


def commit_not_before(moment: datetime) -> None:
    """Make the open transaction commit no earlier than the moment, so that nobody sees its effects before then."""
    pending = _open()
    pending.not_before = max(pending.not_before, moment)


def moment_of_writing() -> datetime:
    """Return when a write made now can become visible: now, or the time of `commit_not_before` if that is later."""
    now = clock.now()
    pending = _pending.get()
    return now if pending is None else max(now, pending.not_before)


def keep_client_session() -> Binary:
    """Use one client session for all later transactions of this thread. Returns its id, for `kill_client_sessions`."""
    connection.ensure_connection()
    client_session: ClientSession = connection.connection.start_session()
    _kept_client_session.set(client_session)
    return cast(Binary, client_session.session_id["id"])


def is_client_session(value: object) -> bool:
    """Tell whether the value can be a client session's id.

    Check ids before passing them to `kill_client_sessions`: if one is invalid, MongoDB kills no client session at all.
    """
    return isinstance(value, Binary) and value.subtype == UUID_SUBTYPE and len(value) == UUID_BYTES


def kill_client_sessions(ids: Sequence[Binary]) -> None:
    """Abort the open transactions of the client sessions now. MongoDB would abort them later by itself."""
    if not ids:
        return
    try:
        connection.connection.admin.command("killSessions", [{"id": each} for each in ids])
    except OperationFailure as error:
        logger.warning("could not kill client sessions error=%s", error.code)


def _open() -> _Pending:
    if (pending := _pending.get()) is None:
        raise NoTransaction
    return pending


def _pauses() -> Iterator[float]:
    """Yield random pauses in seconds (full jitter). Their upper bound grows to BACKOFF_CAP_SECONDS."""
    ceiling = BACKOFF_BASE_SECONDS
    while True:
        yield random.uniform(0, ceiling)  # noqa: S311 - jitter, not a secret
        ceiling = min(ceiling * 2, BACKOFF_CAP_SECONDS)


def _attempt(block: Callable[[], T], give_up_at: float) -> T:
    client_session = _start()
    given_up = False
    token = _pending.set(_Pending())
    try:
        result = block()
        _write_pending()
        clock.sleep_until(_open().not_before)
        _write_last()
        _commit(client_session, give_up_at)
    except BaseException as error:
        connection.run_on_commit = []
        given_up = is_away(error)
        with suppress(PyMongoError):
            apart_from_deadline(lambda: _abort(client_session))
        raise
    finally:
        _pending.reset(token)
        connection.session = None
        connection.in_atomic_block_mongo = False
        _let_go(client_session, given_up=given_up)
    _run_commit_hooks()
    return result


def _abort(client_session: ClientSession) -> None:
    """Abort the transaction, even after the deadline, so that it does not hold its documents any longer."""
    with finish_within(ABORT_SECONDS):
        if client_session.in_transaction:
            client_session.abort_transaction()


def _let_go(client_session: ClientSession, *, given_up: bool) -> None:
    """End the client session, unless it is the kept one, or its transaction must be killed first."""
    if client_session is _kept_client_session.get():
        return
    if given_up:
        _abandoned.append(client_session)
    else:
        client_session.end_session()


def _run_commit_hooks() -> None:
    """Run the hooks. Django's own runner refuses to do so inside Django's `atomic`, which the admin uses."""
    hooks: list[Any] = connection.run_on_commit
    connection.run_on_commit = []
    for _savepoints, hook, is_robust in hooks:
        try:
            hook()
        except Exception:
            if not is_robust:
                raise
            logger.exception("on_commit hook failed hook=%r", hook)


def _start() -> ClientSession:
    connection.ensure_connection()
    if _abandoned:
        _kill_abandoned()
    client_session: ClientSession = _kept_client_session.get() or connection.connection.start_session()
    client_session.start_transaction(
        read_concern=ReadConcern("snapshot"),
        write_concern=WriteConcern("majority", wtimeout=int(DEADLINE_SECONDS * 1000)),
        max_commit_time_ms=int(DEADLINE_SECONDS * 1000),
    )
    connection.session = client_session
    connection.in_atomic_block_mongo = True  # makes `on_commit` wait for the commit
    return client_session


def _kill_abandoned() -> None:
    client_sessions: list[ClientSession] = []
    with suppress(IndexError):  # another thread may empty the queue at the same time
        while True:
            client_sessions.append(_abandoned.popleft())
    try:
        kill_client_sessions([each.session_id["id"] for each in client_sessions])
    except PyMongoError:  # the new transaction will fail with the same error
        _abandoned.extend(client_sessions)
    else:
        for each in client_sessions:
            each.end_session()


def _write_pending() -> None:
    pending = _open()
    while pending.collected:  # a write may collect more values
        write = next(iter(pending.collected))
        write(list(pending.collected.pop(write)))
    for name, documents in pending.inserts.items():
        collection(name).insert_many(documents)


def _write_last() -> None:
    for write, values in _open().last_writes.items():
        write(values)


def _commit(client_session: ClientSession, give_up_at: float) -> None:
    """Commit. If the response is lost, commit again, which is idempotent; never run the block again."""
    for pause in _pauses():
        try:
            client_session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label(UNKNOWN_COMMIT_RESULT):
                raise
            if time.monotonic() + pause >= give_up_at:
                raise Unavailable from error
        else:
            return
        time.sleep(pause)
