"""CACHE_URL chooses the cache. Every failure of the cache counts as a miss."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from config.cache import Circuit, circuit, missed
from config.file_cache import JsonInFiles
from tests.environment import ROOT
from tests.factories.caches import RedisServer, breakable_redis, in_redis, redis_server
from tests.factories.client import ApiClient

PROGRAM = "import django; django.setup(); from django.core.cache import cache; {}"


def run(program: str, url: str) -> str:
    environment = {**os.environ, "CACHE_URL": url}
    command = [sys.executable, "-c", PROGRAM.format(program)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_processes_share_what_the_redis_of_cache_url_holds() -> None:
    with redis_server() as url:
        run('cache.set("fan", {"id": 1}, 60)', url)

        assert run('print(cache.get("fan"))', url) == "{'id': 1}"
    assert run('print(cache.get("fan"))', "") == "None"


NOWHERE = "unix:///no/such/socket"
FAULTS: dict[str, Callable[[RedisServer], None]] = {
    "away": lambda server: server.process.kill(),
    "frozen": lambda server: server.process.send_signal(signal.SIGSTOP),
    "full": lambda server: server.tell("CONFIG", "SET", "maxmemory", "1"),
    "read-only": lambda server: server.tell("REPLICAOF", "127.0.0.1", "1"),
}


@pytest.fixture
def own_circuit() -> Iterator[None]:
    """Reset the circuit breaker of the cache after the test, so that other tests use the cache."""
    yield
    circuit.worked()


@pytest.fixture
def broken_redis(request: pytest.FixtureRequest, settings: Any, own_circuit: None) -> Iterator[RedisServer]:
    """A Redis that holds a value under "old" and then fails."""
    with breakable_redis() as server:
        settings.CACHES = in_redis(server.url)
        cache.set("old", "value")
        request.param(server)
        yield server


@pytest.mark.parametrize("broken_redis", FAULTS.values(), ids=FAULTS, indirect=True)
def test_broken_redis_is_a_miss_that_is_logged_once(
    broken_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "config.cache"):
        began = time.perf_counter()
        for _ in range(100):
            cache.set("new", 1)
            assert cache.get("new", "missing") == "missing"
        waited = time.perf_counter() - began

    assert [record.getMessage().partition("=")[0] for record in caplog.records] == ["cache away error"]
    assert waited < 10  # without the circuit breaker, each call to a frozen server would wait for 0.1 s
    assert circuit.has_failed


@pytest.mark.django_db
@pytest.mark.parametrize("broken_redis", FAULTS.values(), ids=FAULTS, indirect=True)
def test_subscriptions_are_answered_without_redis(broken_redis: RedisServer, viewer: User, session: Any) -> None:
    body = {"socket_id": "1.2", "channel_name": f"private-stream@{session.user_id}"}

    answers = [ApiClient(viewer).post("/pusher/auth", body) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert {answer.body["data"]["session"]["id"] for answer in answers} == {str(session.pk)}


@pytest.mark.slow
@pytest.mark.parametrize("broken_redis", [FAULTS["frozen"]], ids=["frozen"], indirect=True)
def test_redis_that_comes_back_is_used_again(broken_redis: RedisServer) -> None:
    assert cache.get("old") is None
    broken_redis.process.send_signal(signal.SIGCONT)
    assert cache.get("old") is None

    time.sleep(5.1)

    assert cache.get("old") == "value"


def test_each_miss_of_a_failed_cache_is_announced(settings: Any, own_circuit: None) -> None:
    settings.CACHES, counted = in_redis(NOWHERE), []
    missed.connect(listener := lambda **_signal: counted.append(1))

    found = (cache.get("a", 7), cache.get_many(["a"]), cache.set_many({"a": 1}), cache.add("a", 1), cache.delete("a"))
    missed.disconnect(listener)

    assert found == (7, {}, ["a"], False, False)
    assert (cache.touch("a"), len(counted)) == (False, 5)


def test_one_thread_at_a_time_tries_again() -> None:
    switch = Circuit(left_alone_seconds=0.05)
    assert [switch.may_try(), switch.may_try()] == [True, True]

    switch.failed(OSError())
    assert (switch.may_try(), switch.has_failed) == (False, True)
    time.sleep(0.06)
    assert [switch.may_try(), switch.may_try()] == [True, False]

    switch.worked()
    assert ([switch.may_try(), switch.may_try()], switch.has_failed) == ([True, True], False)


@pytest.mark.parametrize("text", [b"\x80\x04pickled.", b"", b"{", b"\xff", pytest.param(b"[" * 100_000, id="nested")])
def test_value_that_is_not_json_is_a_miss(settings: Any, text: bytes) -> None:
    with breakable_redis() as server:
        settings.CACHES = in_redis(server.url)
        server.tell("SET", ":1:odd", text)  # type: ignore[arg-type]

        assert cache.get("odd") is None


def test_files_hold_json_until_they_expire(tmp_path: Path) -> None:
    files = JsonInFiles(tmp_path, {})
    files.set("a", {"b": [1, "\u8868", None]}, 60)
    files.set("gone", 1, 0.01)
    time.sleep(0.02)

    texts = [path.read_text(encoding="utf-8").split("\n")[1] for path in tmp_path.iterdir()]
    assert '{"b": [1, "\\u8868", null]}' in texts
    assert (files.get("a"), files.get("gone", "missing")) == ({"b": [1, "\u8868", None]}, "missing")
    assert (files.touch("a", 60), files.touch("gone"), files.add("a", 2), files.add("gone", 3)) == (
        True,
        False,
        False,
        True,
    )
    assert (files.get("a"), files.delete("a"), files.get("a")) == ({"b": [1, "\u8868", None]}, True, None)


def test_files_that_cannot_be_written_are_a_miss(tmp_path: Path, own_circuit: None) -> None:
    (tmp_path / "file").touch()

    files = JsonInFiles(tmp_path / "file" / "cache", {})
    files.set("a", 1)

    assert (files.get("a"), circuit.has_failed) == (None, True)


@pytest.mark.parametrize("content", [b"", b"[1]\n1", b'"x"\n1'], ids=["full disk", "list", "text"])
def test_file_without_a_moment_is_a_miss(tmp_path: Path, content: bytes) -> None:
    files = JsonInFiles(tmp_path, {})
    files.set("a", 1)
    for path in tmp_path.iterdir():
        path.write_bytes(content)

    assert files.get("a", "missing") == "missing"
