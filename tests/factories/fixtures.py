"""Fixtures that the tests of several packages use."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from pymongo import monitoring

from api.request_id import request_id
from config.ports import load_port
from lab.bench.chaos.mongod import Mongod
from notifications.backends import get_realtime
from notifications.backends.locmem import LocmemRealtime
from sessions_app.models import Session
from taskqueue.heartbeat import CLUSTERS
from taskqueue.messages import MESSAGES
from taskqueue.results import RESULTS
from taskqueue.schedules import SCHEDULES
from tests.factories.client import ApiClient
from tests.factories.documents import connection
from tests.factories.goals import SessionFactory
from tests.factories.moments import NOW
from tests.factories.people import UserFactory


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Stop the clock at NOW. Create API clients afterwards, because a token is not valid before its creation."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def new_indexes() -> Iterator[None]:
    """Rebuild the task queue's indexes after the test. An index stays slower once a field of a document was a list."""
    yield
    for name in (MESSAGES, CLUSTERS, SCHEDULES, RESULTS):
        collection = connection.get_collection(name)
        collection.delete_many({})
        for index, made in collection.index_information().items():
            if index != "_id_":
                collection.drop_index(index)
                options = {key: value for key, value in made.items() if key not in {"v", "key"}}
                collection.create_index(made["key"], name=index, **options)


@pytest.fixture
def mine() -> Iterator[None]:
    """Run the test in the context of a request with the id `mine`."""
    token = request_id.set("mine")
    yield
    request_id.reset(token)


@pytest.fixture
def outbox() -> Iterator[list[Any]]:
    """The events that the locmem backend has sent."""
    load_port.cache_clear()
    realtime = get_realtime()
    assert isinstance(realtime, LocmemRealtime)
    yield realtime.outbox
    load_port.cache_clear()


class Commands(monitoring.CommandListener):
    """Records the commands that are sent to MongoDB, e.g. `delete django_q_ormq`."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        # The driver hides the commands with which it signs in on a new connection.
        if event.command:
            self.names.append(f"{event.command_name} {event.command[event.command_name]}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


@pytest.fixture
def commands(db: None) -> Iterator[Commands]:
    """The commands that the test's connection sends to MongoDB."""
    listener = Commands()
    connection.close_pool()
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = options | {"event_listeners": [listener]}
    yield listener
    connection.close_pool()
    connection.settings_dict["OPTIONS"] = options


@pytest.fixture
def mongod(tmp_path: Path) -> Iterator[Mongod]:
    """A mongod that the test may kill. When it restarts, it needs its port, so put the test into the group `mongod`."""
    server = Mongod(tmp_path / "mongo")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def admin(db: None) -> Client:
    """A browser in which a superuser is signed in."""
    client = Client()
    client.force_login(User.objects.create_superuser("admin", password="secret"))
    return client


@pytest.fixture
def streamer(db: None) -> User:
    return UserFactory(username="streamer")


@pytest.fixture
def viewer(db: None) -> User:
    return UserFactory(username="viewer")


@pytest.fixture
def session(streamer: User) -> Session:
    """A live session of the streamer."""
    return SessionFactory(user=streamer)


@pytest.fixture
def streamer_client(streamer: User) -> ApiClient:
    return ApiClient(streamer)


@pytest.fixture
def viewer_client(viewer: User) -> ApiClient:
    return ApiClient(viewer)
