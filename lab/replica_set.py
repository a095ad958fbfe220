"""Makes a mongod a replica set of one member with one user, and waits until it is primary."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from mongodb.deadlines import end_of

NAME = "rs0"
QUERY = f"?replicaSet={NAME}"
PAUSE_SECONDS = 0.02
UNAUTHORIZED = 13
AUTHENTICATION_FAILED = 18
# Unlike `root`, this role may change the configuration of the replica set in the database `local`.
ROLE = "__system"


@dataclass(frozen=True, slots=True)
class Server:
    """A mongod at `host:port`, and the user who may do everything. A server of an earlier release has no user."""

    host: str
    username: str | None = None
    password: str | None = None

    def connect(self) -> MongoClient[dict[str, Any]]:
        """Connect to this one server, whatever state its replica set is in."""
        return _connect(self.host, self.username, self.password)

    def create_user(self) -> None:
        """Create the user unless it exists. MongoDB lets a client of this host create the first user."""
        if self.username is None:
            return
        try:
            with self.connect() as client:
                client.admin.command("ping")
        except OperationFailure as error:
            if error.code != AUTHENTICATION_FAILED:
                raise
            with _connect(self.host) as client:
                client.admin.command("createUser", self.username, pwd=self.password, roles=[ROLE])


def await_primary(
    server: Server, *, seconds: float, is_alive: Callable[[], bool], waits_for_journal: bool = True
) -> bool:
    """Wait until the server accepts writes. Initiate its replica set and create its user if necessary.

    Return False if the server ends or time is up. A replica set that is initiated without `waits_for_journal`
    confirms a write before it is on the disk.
    """
    deadline = end_of(seconds)
    with _connect(server.host) as client:
        while not _is_primary(client, server, waits_for_journal=waits_for_journal):
            if not is_alive() or time.monotonic() > deadline:
                return False
            time.sleep(PAUSE_SECONDS)
    server.create_user()
    return True


def rename_member(server: Server) -> None:
    """Change the address of the member in the configuration of a server that runs *without* its replica set.

    A member that finds another address in its configuration tries to connect to that address first. This takes half a
    minute if a program at that address does not respond.
    """
    server.create_user()
    with server.connect() as client:
        client.local["system.replset"].update_one({}, {"$set": {"members.0.host": server.host}})


def shut_down(server: Server) -> None:
    """Ask the server to stop, which it does a moment later. Raises OperationFailure if its user was not created yet."""
    with server.connect() as client:
        try:
            client.admin.command("shutdown", force=True, timeoutSecs=0)
        except ConnectionFailure:
            return  # the server closes the connection instead of responding


def _connect(host: str, username: str | None = None, password: str | None = None) -> MongoClient[dict[str, Any]]:
    return MongoClient(host, directConnection=True, serverSelectionTimeoutMS=1000, username=username, password=password)


def _is_primary(client: MongoClient[dict[str, Any]], server: Server, *, waits_for_journal: bool) -> bool:
    try:
        hello = client.admin.command("hello")
        if hello.get("isreplicaset"):  # the server has no configuration, or has not read it yet
            _initiate(client, server, waits_for_journal=waits_for_journal)
    except PyMongoError:  # the server is still starting; the caller tries again
        return False
    return bool(hello["isWritablePrimary"])


def _initiate(client: MongoClient[dict[str, Any]], server: Server, *, waits_for_journal: bool) -> None:
    configuration = {
        "_id": NAME,
        "members": [{"_id": 0, "host": server.host}],
        "writeConcernMajorityJournalDefault": waits_for_journal,
    }
    try:
        client.admin.command("replSetInitiate", configuration)
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        # The user exists already: another process took the port of the first start, so the server moved to the next
        # port, and `rename_member` created the user.
        with server.connect() as user:
            user.admin.command("replSetInitiate", configuration)
