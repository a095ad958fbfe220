"""Make a mongod a replica set of one member, and wait until it is primary."""

import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, PyMongoError

NAME = "rs0"
QUERY = f"?replicaSet={NAME}"
PAUSE_SECONDS = 0.02


def await_primary(host: str, *, seconds: float, is_alive: Callable[[], bool]) -> bool:
    """Wait until the server accepts writes; initiate its replica set if necessary. False if it ends or time is up."""
    deadline = time.monotonic() + seconds
    with _connect(host) as client:
        while not _is_primary(client, host):
            if not is_alive() or time.monotonic() > deadline:
                return False
            time.sleep(PAUSE_SECONDS)
    return True


def rename_member(host: str) -> None:
    """Change the address of the member in the configuration of a server that runs *without* its replica set.

    A member that finds another address in its configuration tries to connect to it first. That takes half a minute if
    a program listens there that does not answer.
    """
    with _connect(host) as client:
        client.local["system.replset"].update_one({}, {"$set": {"members.0.host": host}})


def shut_down(host: str) -> None:
    """Ask the server to stop; it may need another moment."""
    with _connect(host) as client:
        try:
            client.admin.command("shutdown", force=True, timeoutSecs=0)
        except ConnectionFailure:
            return  # it closes the connection instead of answering


def _connect(host: str) -> MongoClient[dict[str, Any]]:
    """Connect to this one server, whatever state its replica set is in."""
    return MongoClient(host, directConnection=True, serverSelectionTimeoutMS=1000)


def _is_primary(client: MongoClient[dict[str, Any]], host: str) -> bool:
    try:
        hello = client.admin.command("hello")
        if hello.get("isreplicaset"):  # it has no configuration, or has not read it yet
            client.admin.command("replSetInitiate", {"_id": NAME, "members": [{"_id": 0, "host": host}]})
    except PyMongoError:  # it is still starting; the caller tries again
        return False
    return bool(hello["isWritablePrimary"])
