"""Transactions of another process that stay open."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mongodb.collections import connection
from taskqueue.messages import MESSAGES


@contextmanager
def deleted_in_open_transaction(**condition: Any) -> Iterator[None]:
    """Delete the messages in a transaction that is open during the block, and aborted after it."""
    with connection.connection.start_session() as client_session:
        client_session.start_transaction()
        deleted = connection.get_collection(MESSAGES).delete_many(condition, session=client_session)
        assert deleted.deleted_count > 0
        yield
        client_session.abort_transaction()
