"""The embedded MongoDB: a one-member replica set under `.data/`, for development, demo and tests.

A data directory holds `db/`, `mongod.log`, `uri` (written before the server starts, so it always names the
last port tried) and `lock` (held while somebody starts or stops the server). Whether a server is alive is
asked of the kernel: mongod holds a lock on `db/mongod.lock` for as long as it lives, however it dies.
"""

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from config import environment as env
from config.errors import ProductError
from ops.mongod_binary import find_mongod

DEFAULT_DATA_DIR = env.EMBEDDED_URI_FILE.parent
DEFAULT_PORT = 27117
PORTS_TRIED = 50
REPLICA_SET = "rs0"
PRIMARY_WITHIN_SECONDS = 60.0
STOPPED_WITHIN_SECONDS = 30.0
PAUSE_SECONDS = 0.02
OPTIONS = [
    *("--replSet", REPLICA_SET, "--bind_ip", "127.0.0.1", "--nounixsocket", "--fork", "--quiet"),
    *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "256"),
    # A process killed in mid-transaction blocks its documents for this long (default: 60).
    *("--setParameter", "transactionLifetimeLimitSeconds=5"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
]
EXIT_PORT_TAKEN = 48
ALREADY_INITIALIZED = 23


class EmbeddedMongoError(ProductError):
    """The embedded server can't be started or stopped; the text says what to do."""

    code = "embedded_mongo"


def ensure_database() -> None:
    """Start the embedded server, unless MONGODB_URI (environment or `.env`) names another one."""
    env.load_dotenv()
    if not env.text("MONGODB_URI"):
        start()


def start(data_dir: Path = DEFAULT_DATA_DIR, port: int = DEFAULT_PORT, *, test_commands: bool = False) -> str:
    """Start the server of the data directory if it isn't running and return its URI once it is primary.

    It outlives this process. If the port is taken the next free one is used. `test_commands` allows
    `failCommand`. Raises EmbeddedMongoError.
    """
    with _locked(data_dir):
        if not _is_alive(data_dir):
            _launch(data_dir, port, test_commands=test_commands)
        uri = _uri(data_dir)
        _await_primary(_host(uri), data_dir)
    return uri


def stop(data_dir: Path = DEFAULT_DATA_DIR) -> bool:
    """Stop the server of the data directory; False if none was running."""
    with _locked(data_dir):
        if not _is_alive(data_dir):
            return False
        with _client(_host(_uri(data_dir))) as client, suppress(ConnectionFailure):
            client.admin.command("shutdown", force=True, timeoutSecs=0)  # hangs up instead of answering
        deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
        while _is_alive(data_dir):
            if time.monotonic() > deadline:
                raise EmbeddedMongoError(f"mongod doesn't stop; its log is {data_dir / 'mongod.log'}.")
            time.sleep(PAUSE_SECONDS)
    return True


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Let one process at a time start or stop this server; the others wait."""
    (data_dir / "db").mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_alive(data_dir: Path) -> bool:
    try:
        with (data_dir / "db" / "mongod.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _launch(data_dir: Path, port: int, *, test_commands: bool) -> None:
    mongod, log = find_mongod(), data_dir / "mongod.log"
    if log.exists():
        log.replace(data_dir / "mongod.log.old")
    command = [mongod, "--dbpath", data_dir / "db", "--logpath", log, "--logappend", *OPTIONS]
    if test_commands:
        command += ["--setParameter", "enableTestCommands=1"]
    for candidate in range(port, port + PORTS_TRIED):
        if not _is_free(candidate):
            continue
        _write_uri(data_dir, f"mongodb://127.0.0.1:{candidate}/?replicaSet={REPLICA_SET}")
        done = subprocess.run([*command, "--port", str(candidate)], stdout=subprocess.DEVNULL, check=False)
        if done.returncode == 0:
            return
        if done.returncode != EXIT_PORT_TAKEN:  # somebody took it since we looked
            raise EmbeddedMongoError(f"mongod exited with {done.returncode}; its log is {log}.")
    raise EmbeddedMongoError(f"No free port from {port} to {port + PORTS_TRIED - 1}: set MONGODB_URI.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mongod does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_uri(data_dir: Path, uri: str) -> None:
    """Write the file in one step: others read it without the lock."""
    temporary = data_dir / f"uri.{os.getpid()}"
    temporary.write_text(uri, encoding="utf-8")
    temporary.replace(data_dir / "uri")


def _uri(data_dir: Path) -> str:
    try:
        return (data_dir / "uri").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        pid = (data_dir / "db" / "mongod.lock").read_text(encoding="utf-8").strip()
        raise EmbeddedMongoError(f"{data_dir / 'uri'} is gone: end mongod (process {pid}), then try again.") from error


def _host(uri: str) -> str:
    return urlsplit(uri).netloc


def _client(host: str) -> MongoClient[dict[str, Any]]:
    """Connect to the one server, whatever state its replica set is in."""
    return MongoClient(host, directConnection=True, serverSelectionTimeoutMS=1000)


def _await_primary(host: str, data_dir: Path) -> None:
    deadline = time.monotonic() + PRIMARY_WITHIN_SECONDS
    with _client(host) as client:
        while not _is_primary(client, host):
            if not _is_alive(data_dir) or time.monotonic() > deadline:
                raise EmbeddedMongoError(f"mongod doesn't become primary; its log is {data_dir / 'mongod.log'}.")
            time.sleep(PAUSE_SECONDS)


def _is_primary(client: MongoClient[dict[str, Any]], host: str) -> bool:
    """Ask the server; one without a valid replica set gets it on the way."""
    try:
        hello = client.admin.command("hello")
        if hello.get("isreplicaset"):
            _configure(client, host)
    except PyMongoError:  # still starting, or still electing: the caller asks again
        return False
    return bool(hello["isWritablePrimary"])


def _configure(client: MongoClient[dict[str, Any]], host: str) -> None:
    """Make the server a replica set of one; after a change of port it must learn its new name."""
    try:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        if error.code != ALREADY_INITIALIZED:
            raise
        config = client.admin.command("replSetGetConfig")["config"]
        member = config["members"][0]
        if member["host"] != host:
            config |= {"version": config["version"] + 1, "members": [member | {"host": host}]}
            client.admin.command("replSetReconfig", config, force=True)
