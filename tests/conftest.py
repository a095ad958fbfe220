"""Tests with the mark `django_db` or the fixture `db` use a real MongoDB, which is emptied after each of them.

Other tests cannot reach the database.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection as django_connection
from django_mongodb_backend.base import DatabaseWrapper
from hypothesis import settings as hypothesis_settings
from pymongo import MongoClient
from pymongo.database import Database
from pytest_django import DjangoDbBlocker

from config import clock
from tests.environment import MONGO_DIR

pytest_plugins = ["tests.factories.caches", "tests.factories.databases", "tests.factories.fixtures", "tests.tools"]

# The migrations, not the tests, fill these collections.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission"})

# Typed as Any because the stubs do not describe the MongoDB backend's connection.
connection: Any = django_connection
FailCommand = Callable[..., None]


def pytest_configure() -> None:
    """Make pytest-django's blocker work. It patches `ensure_connection`, which the MongoDB backend does not call."""
    wrapper: Any = DatabaseWrapper
    wrapper.database = property(_blockable_database, _set_database, _forget_database)
    # A test runs one task at a time, so waiting for another task would be useless.
    settings.ORDER_PATIENCE_SECONDS = 0.0
    hypothesis_settings.register_profile("tests", deadline=None)  # a slow machine is not a fault of the product
    hypothesis_settings.load_profile("tests")


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Replace pytest-django's fixture. Its flush runs all `post_migrate` receivers, which takes 92 ms for each test."""
    with django_db_blocker.unblock():
        yield
        leaked = connection.session
        if leaked:
            connection.rollback_mongo()
        _empty_collections()
        clock.forget()
    assert leaked is None, "the test left a transaction open"


@pytest.fixture
def fail_command(db: None) -> Iterator[FailCommand]:
    """Make the server fail commands of this process: `fail_command("insert", times=2, errorCode=91)`.

    Further arguments go into the failpoint's `data`, such as closeConnection, errorLabels or writeConcernError.
    """
    name = connection.database.client.options.pool_options.appname

    def fail(*commands: str, times: int = 1, **data: object) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the processes of a test run share the server's only failpoint
        data |= {"failCommands": list(commands), "appName": name}
        client.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=data)

    server = MongoClient[dict[str, Any]](os.environ["MONGODB_URI"])
    with server as client, (MONGO_DIR / "failpoint").open("w") as lock:
        yield fail
        fcntl.flock(lock, fcntl.LOCK_EX)
        client.admin.command("configureFailPoint", "failCommand", mode="off")
    connection.close_pool()  # otherwise the driver would treat the server as lost for several seconds


@pytest.fixture
def child_environment(db: None) -> dict[str, str]:
    """Environment variables for a child process (server, qcluster) that works on the test's database."""
    return {**os.environ, "MONGODB_NAME": connection.settings_dict["NAME"]}


def _empty_collections() -> None:
    collections = connection.database.list_collections(filter={"type": "collection", "options.capped": {"$ne": True}})
    names = (collection["name"] for collection in collections)
    for name in _filled([name for name in names if name not in KEPT and not name.startswith("system.")]):
        connection.database[name].delete_many({})


def _filled(names: list[str]) -> list[str]:
    """Return the names of the collections that are not empty, with one query for all of them."""
    pipeline: list[dict[str, Any]] = [{"$documents": []}]
    for name in names:
        first = [{"$limit": 1}, {"$project": {"_id": 0, "name": {"$literal": name}}}]
        pipeline.append({"$unionWith": {"coll": name, "pipeline": first}})
    return [document["name"] for document in connection.database.aggregate(pipeline)]


def _blockable_database(wrapper: DatabaseWrapper) -> Database[Any]:
    wrapper.ensure_connection()
    database: Database[Any] = wrapper.__dict__["database"]
    return database


def _set_database(wrapper: DatabaseWrapper, database: Database[Any]) -> None:
    wrapper.__dict__["database"] = database


def _forget_database(wrapper: DatabaseWrapper) -> None:
    wrapper.__dict__.pop("database", None)
