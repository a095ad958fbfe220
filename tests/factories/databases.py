"""A second database, beside the test's own database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.factories.documents import connection


@contextmanager
def in_database(name: str) -> Iterator[None]:
    """Make this process use the other database inside the block."""
    former = connection.database
    connection.database = former.client[name]
    try:
        yield
    finally:
        connection.database = former


@pytest.fixture
def other_database(db: None) -> Iterator[str]:
    """The name of a database that does not exist yet."""
    name = f"{connection.database.name}-other"
    connection.database.client.drop_database(name)
    yield name
    connection.database.client.drop_database(name)
