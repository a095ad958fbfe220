"""The embedded server is a real MongoDB server in a directory of its own."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from lab import embedded_mongo, replica_set
from lab.mongod_binary import find_mongod
from mongodb.deadlines import finish_within
from mongodb.failures import is_away
from tests.environment import ROOT

# The search for a free port begins here, below the range from which the kernel takes ports for connections, so that no
# connection gets the port of a stopped server.
PORT = 20_000 + os.getpid() % 10_000

pytestmark = pytest.mark.slow


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "mongo"
    embedded_mongo.stop(tmp_path / "mongo")


def test_start_returns_a_primary_with_short_transactions(data_dir: Path) -> None:
    uri = embedded_mongo.start(data_dir, PORT)

    with MongoClient[dict[str, object]](uri) as client:
        hello = client.admin.command("hello")
        limit = client.admin.command("getParameter", transactionLifetimeLimitSeconds=1)
    assert (data_dir / "uri").read_text() == uri
    assert (hello["isWritablePrimary"], hello["setName"], hello["hosts"]) == (True, "rs0", [_host(uri)])
    assert limit["transactionLifetimeLimitSeconds"] == 5


def test_server_answers_nobody_without_the_password(data_dir: Path) -> None:
    uri = embedded_mongo.start(data_dir, PORT)

    for login in ("", "showgoals:wrong@"):
        stranger = MongoClient[dict[str, object]](f"mongodb://{login}{_host(uri)}", directConnection=True)
        with (
            stranger as client,
            pytest.raises(OperationFailure, match=r"requires authentication|Authentication failed"),
        ):
            client.showgoals.goals.find_one()
    modes = {name: stat.S_IMODE((data_dir / name).stat().st_mode) for name in (".", "db", "uri", "password")}
    assert modes == {".": 0o700, "db": 0o700, "uri": 0o600, "password": 0o600}


def test_start_whose_first_port_was_taken_meanwhile(data_dir: Path) -> None:
    """The first server has written its files, but has not joined a replica set."""
    (data_dir / "db").mkdir(parents=True)
    options = ["--dbpath", data_dir / "db", "--logpath", data_dir / "mongod.log", "--port", str(PORT + 1)]
    command = [str(each) for each in (find_mongod(), *embedded_mongo.OPTIONS, *options)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    (data_dir / "uri").write_text(f"mongodb://127.0.0.1:{PORT + 1}/?replicaSet=rs0")
    embedded_mongo.stop(data_dir)

    uri = embedded_mongo.start(data_dir, PORT)

    _insert(uri)
    assert _count(uri) == 1


@pytest.mark.parametrize("moved", [0, 1])
def test_directory_of_an_earlier_release_gets_a_password(data_dir: Path, moved: int) -> None:
    """The earlier server had no users. The new server may get another port."""
    (data_dir / "db").mkdir(parents=True)
    earlier = replica_set.Server(f"127.0.0.1:{PORT + moved}")
    options = ["--dbpath", data_dir / "db", "--logpath", data_dir / "mongod.log", "--port", str(PORT + moved)]
    command = [str(each) for each in (find_mongod(), *embedded_mongo.OPTIONS, *options, "--replSet", replica_set.NAME)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    replica_set.await_primary(earlier, seconds=60, is_alive=lambda: True)
    _insert(f"mongodb://{earlier.host}/?replicaSet=rs0")
    (data_dir / "uri").write_text(f"mongodb://{earlier.host}/?replicaSet=rs0")
    embedded_mongo.stop(data_dir)

    uri = embedded_mongo.start(data_dir, PORT)
    assert ("@" in uri, _count(uri), embedded_mongo.start(data_dir, PORT)) == (True, 1, uri)


@pytest.mark.parametrize("follow", ["start", "stop"])
def test_start_that_was_killed_before_it_created_the_user(data_dir: Path, follow: str) -> None:
    with embedded_mongo._locked(data_dir):
        embedded_mongo._launch(data_dir, PORT, test_commands=False)

    if follow == "start":
        _insert(embedded_mongo.start(data_dir, PORT))
    assert [embedded_mongo.stop(data_dir), embedded_mongo.stop(data_dir)] == [True, False]


def test_start_again_finds_the_same_server(data_dir: Path) -> None:
    uri = embedded_mongo.start(data_dir, PORT)
    pid = _pid(data_dir)

    assert embedded_mongo.start(data_dir, PORT) == uri
    assert _pid(data_dir) == pid


def test_concurrent_starts_agree_on_one_server(data_dir: Path) -> None:
    program = (
        "import pathlib, sys; from lab import embedded_mongo;"
        "print(embedded_mongo.start(pathlib.Path(sys.argv[1]), int(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(data_dir), str(PORT)]
    starters = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    answers = [starter.communicate(timeout=60)[0].strip() for starter in starters]

    assert answers == [embedded_mongo.start(data_dir, PORT)] * 4


def test_stop_returns_whether_a_server_ran(data_dir: Path) -> None:
    embedded_mongo.start(data_dir, PORT)

    assert [embedded_mongo.stop(data_dir), embedded_mongo.stop(data_dir)] == [True, False]


def test_start_after_kill_keeps_committed_data(data_dir: Path) -> None:
    _insert(embedded_mongo.start(data_dir, PORT))
    os.kill(_pid(data_dir), signal.SIGKILL)

    assert _count(embedded_mongo.start(data_dir, PORT)) == 1


def test_start_takes_another_port_and_keeps_the_data(data_dir: Path) -> None:
    first = embedded_mongo.start(data_dir, PORT)
    _insert(first)
    embedded_mongo.stop(data_dir)
    with _silent_listener(_port(first)):
        second = embedded_mongo.start(data_dir, PORT)

    assert _port(second) > _port(first)
    assert _count(second) == 1


def test_start_finishes_an_interrupted_rename(data_dir: Path) -> None:
    uri = embedded_mongo.start(data_dir, PORT)
    _insert(uri)
    (data_dir / "uri").write_text(uri.partition("?")[0])

    assert _count(embedded_mongo.start(data_dir, PORT)) == 1


def test_server_outlives_the_interrupted_process_group(data_dir: Path) -> None:
    program = "import pathlib, sys; from lab import embedded_mongo; embedded_mongo.start(pathlib.Path(sys.argv[1]))"
    starter = subprocess.Popen(
        [sys.executable, "-c", f"{program}; input()", str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    while not (data_dir / "uri").exists():
        time.sleep(0.01)
    embedded_mongo.start(data_dir)  # waits for the lock until the other start has ended
    pid = _pid(data_dir)

    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()

    embedded_mongo.start(data_dir)
    assert _pid(data_dir) == pid


def test_start_with_a_lost_uri_names_the_process_to_end(data_dir: Path) -> None:
    uri = embedded_mongo.start(data_dir, PORT)
    (data_dir / "uri").unlink()

    with pytest.raises(embedded_mongo.EmbeddedMongoError, match=f"end mongod \\(process {_pid(data_dir)}\\)"):
        embedded_mongo.start(data_dir, PORT)
    (data_dir / "uri").write_text(uri)


def test_failed_start_names_the_log(data_dir: Path) -> None:
    embedded_mongo.start(data_dir, PORT)
    embedded_mongo.stop(data_dir)
    (data_dir / "db" / "WiredTiger.turtle").write_text("damaged")

    with pytest.raises(embedded_mongo.EmbeddedMongoError, match=r"mongod exited with .*mongod\.log"):
        embedded_mongo.start(data_dir, PORT)


def test_start_under_a_deadline_does_not_wait_longer_for_a_frozen_server(data_dir: Path) -> None:
    """The start holds the lock while it waits. If it waited longer, requests that need the lock would time out."""
    embedded_mongo.start(data_dir, PORT)
    os.kill(_pid(data_dir), signal.SIGSTOP)
    began = time.monotonic()
    with finish_within(1), pytest.raises(ServerSelectionTimeoutError) as raised:
        embedded_mongo.start(data_dir, PORT)
    seconds = time.monotonic() - began
    os.kill(_pid(data_dir), signal.SIGCONT)

    assert (is_away(raised.value), seconds < 3) == (True, True)


def _silent_listener(port: int) -> socket.socket:
    """Return a server that accepts connections, but never responds."""
    return socket.create_server(("127.0.0.1", port))


def _insert(uri: str) -> None:
    with MongoClient[dict[str, object]](uri) as client:
        client.kept.documents.insert_one({})


def _count(uri: str) -> int:
    with MongoClient[dict[str, object]](uri) as client:
        return client.kept.documents.count_documents({})


def _host(uri: str) -> str:
    return uri.rpartition("@")[2].partition("/")[0]


def _port(uri: str) -> int:
    return int(_host(uri).partition(":")[2])


def _pid(data_dir: Path) -> int:
    return int((data_dir / "db" / "mongod.lock").read_text())
