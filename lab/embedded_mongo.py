"""The embedded MongoDB: a one-member replica set under `.data/`, for development, the demo and tests.

A data directory holds `db/`, `mongod.log`, `password`, `uri` and `lock`. Only the owner of the directory may enter it.

`password` has the password of the only user, which is also the key of the replica set. `uri` is written before the
server starts, so it always names the last port that was tried. A process holds `lock` while it starts or stops the
server. A server is alive as long as `db/mongod.lock` is locked, because the kernel releases this lock even if mongod is
killed.
"""

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from config import environment as env
from config.errors import ProductError
from lab import replica_set
from lab.mongod_binary import find_mongod

DEFAULT_DATA_DIR = env.DATA_DIR / "mongo"
DEFAULT_PORT = 27117
USERNAME = "showgoals"
PRIVATE = 0o700
PRIVATE_FILE = 0o600
PORTS_TRIED = 50
PRIMARY_WITHIN_SECONDS = 60.0
STOPPED_WITHIN_SECONDS = 30.0
PORT_FREE_WITHIN_SECONDS = 1.0
OPTIONS = [
    *("--bind_ip", "127.0.0.1", "--nounixsocket", "--fork", "--quiet", "--logappend"),
    *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "256"),
    # If a process is killed during a transaction, the transaction blocks its documents for this long (default: 60 s).
    *("--setParameter", "transactionLifetimeLimitSeconds=5"),
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
]


class EmbeddedMongoError(ProductError):
    """The embedded MongoDB can't be started or stopped. The text says what to do."""

    code = "embedded_mongo"


class _PortTaken(Exception):
    """Another process took the port after it seemed free."""


def start(data_dir: Path = DEFAULT_DATA_DIR, port: int = DEFAULT_PORT, *, test_commands: bool = False) -> str:
    """Start the server of the data directory if it isn't running. Return its URI once it is primary.

    The server outlives this process. If the port is taken, the next free port is used. With `test_commands`, the server
    is one for tests: it allows `failCommand`, and confirms writes before they are in the journal, so that writes take a
    third of the time. Raises EmbeddedMongoError or MongodMissing. Raises ServerSelectionTimeoutError if the server
    does not become primary in two attempts of PRIMARY_WITHIN_SECONDS each, or before the deadline of the caller
    (`mongodb/deadlines.py`).
    """
    with _locked(data_dir):
        for _attempt in range(2):  # a server that is alive may be about to end
            if not _is_serving(data_dir):
                _launch(data_dir, port, test_commands=test_commands)
            uri = _uri(data_dir)
            is_primary = replica_set.await_primary(
                _server(uri),
                seconds=PRIMARY_WITHIN_SECONDS,
                is_alive=partial(is_alive, data_dir),
                waits_for_journal=not test_commands,
            )
            if is_primary:
                return uri
    raise ServerSelectionTimeoutError(f"mongod doesn't become primary; its log is {_log(data_dir)}")


def stop(data_dir: Path = DEFAULT_DATA_DIR) -> bool:
    """Stop the server of the data directory. Return False if none was running. Raises EmbeddedMongoError."""
    with _locked(data_dir):
        if not is_alive(data_dir):
            return False
        _shut_down(data_dir)
    return True


def is_alive(data_dir: Path) -> bool:
    """Tell whether the server of the data directory runs."""
    try:
        with (data_dir / "db" / "mongod.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Let only one process at a time start or stop this server. Other processes wait."""
    (data_dir / "db").mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    data_dir.chmod(PRIVATE)
    with (data_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_serving(data_dir: Path) -> bool:
    if not is_alive(data_dir):
        return False
    if _uri(data_dir).endswith(replica_set.QUERY):
        return True
    _shut_down(data_dir)  # an earlier start was killed before the server could serve
    return False


def _launch(data_dir: Path, port: int, *, test_commands: bool) -> None:
    """Start a server on the first free port, and write its URI into the directory."""
    if _log(data_dir).exists():
        _log(data_dir).replace(data_dir / "mongod.log.old")
    command = [str(find_mongod()), "--dbpath", str(data_dir / "db"), "--logpath", str(_log(data_dir)), *OPTIONS]
    command += ["--keyFile", str(_password_file(data_dir))]
    if test_commands:
        # Tests set the clock to the past, so the TTL monitor would delete their documents.
        command += ["--setParameter", "enableTestCommands=1", "--setParameter", "ttlMonitorEnabled=false"]
    for candidate in range(port, port + PORTS_TRIED):
        if _is_free(candidate):
            try:
                return _launch_on(candidate, data_dir, command)
            except _PortTaken:
                continue
    raise EmbeddedMongoError(f"no free port from {port} to {port + PORTS_TRIED - 1}: set MONGODB_URI.")


def _launch_on(port: int, data_dir: Path, command: list[str]) -> None:
    password = _password_file(data_dir).read_text(encoding="ascii")
    address = f"mongodb://{USERNAME}:{password}@127.0.0.1:{port}/"
    command = [*command, "--port", str(port)]
    if _is_renamed(address, data_dir):
        _write_uri(address, data_dir)
        _run(command, data_dir, port)
        replica_set.rename_member(_server(address))
        _shut_down(data_dir)
    _write_uri(address + replica_set.QUERY, data_dir)
    _run([*command, "--replSet", replica_set.NAME], data_dir, port)


def _is_renamed(address: str, data_dir: Path) -> bool:
    """Tell whether the data were last served at another address, or a rename was interrupted."""
    has_data, uri = (data_dir / "db" / "WiredTiger").exists(), data_dir / "uri"
    if not has_data:
        return False
    served = _uri(data_dir) if uri.is_file() else ""
    return not (_server(served).host == _server(address).host and served.endswith(replica_set.QUERY))


def _run(command: list[str], data_dir: Path, port: int) -> None:
    """Run mongod, which returns when the server listens (--fork)."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        return
    if not _is_free(port):
        raise _PortTaken  # two processes can bind at the same time; then `listen` fails in one of them
    raise EmbeddedMongoError(f"mongod exited with {done.returncode}; its log is {_log(data_dir)}.")


def _shut_down(data_dir: Path) -> None:
    server = _server(_uri(data_dir))
    try:
        replica_set.shut_down(server)
    except OperationFailure:  # an earlier start was killed before it created the user
        os.kill(_pid(data_dir), signal.SIGTERM)
    deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
    while is_alive(data_dir):
        if time.monotonic() > deadline:
            raise EmbeddedMongoError(f"mongod doesn't stop; its log is {_log(data_dir)}.")
        time.sleep(replica_set.PAUSE_SECONDS)
    _await_free(int(server.host.rpartition(":")[2]))


def _await_free(port: int) -> None:
    """Wait a moment for the port, because the kernel may release the lock of an ended server before its port."""
    deadline = time.monotonic() + PORT_FREE_WITHIN_SECONDS
    while not _is_free(port) and time.monotonic() < deadline:
        time.sleep(replica_set.PAUSE_SECONDS)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mongod does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_uri(uri: str, data_dir: Path) -> None:
    """Replace the file in one step, because other processes read it without the lock."""
    _write_private(data_dir / "uri", uri)


def _password_file(data_dir: Path) -> Path:
    path = data_dir / "password"
    if not path.exists():
        _write_private(path, secrets.token_hex(32))
    return path


def _write_private(path: Path, text: str) -> None:
    """Write the file in one step."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.touch(mode=PRIVATE_FILE)
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)


def _uri(data_dir: Path) -> str:
    try:
        return (data_dir / "uri").read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        text = f"{data_dir / 'uri'} is gone: end mongod (process {_pid(data_dir)}), then try again."
        raise EmbeddedMongoError(text) from error


def _pid(data_dir: Path) -> int:
    return int((data_dir / "db" / "mongod.lock").read_text(encoding="ascii"))


def _server(uri: str) -> replica_set.Server:
    parts = urlsplit(uri)
    return replica_set.Server(parts.netloc.rpartition("@")[2], parts.username, parts.password)


def _log(data_dir: Path) -> Path:
    return data_dir / "mongod.log"
