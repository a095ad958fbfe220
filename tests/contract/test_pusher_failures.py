"""Whatever Pusher or the way to it does becomes a TransportError that says whether to try again, and no secret."""

import logging
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.errors import TransportError
from notifications.backends.base import ChannelEvent
from notifications.backends.pusher import PusherRealtime
from ops.loopback.pusher import PusherLoopback
from tests.contract import keys

CHANNEL = "private-user@67ceabecc82b8fd6cf63d6d6"
DATA = '{"token": "LEAKED-TOKEN"}'

Inject = Callable[[PusherLoopback], None]


def _status(status: int) -> Inject:
    return lambda server: server.fail_next(status=status, body=b"LEAKED-ANSWER")


# name: (how it fails, permanent, what the error says)
FAILURES: dict[str, tuple[Inject, bool, str]] = {
    **{
        f"HTTP {status}": (_status(status), permanent, f"HTTP {status}")
        for status, permanent in {
            301: True,
            400: True,
            401: True,
            403: True,
            404: True,
            408: False,
            413: True,
            429: False,
            500: False,
            502: False,
            503: False,
            504: False,
        }.items()
    },
    "hang": (lambda server: server.hang_next(seconds=5), False, "ReadTimeout"),
    "reset": (lambda server: server.reset_next(), False, "ConnectionError"),
    "truncated": (lambda server: server.truncate_next(), False, "ChunkedEncodingError"),
}


@pytest.fixture(autouse=True)
def all_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("failure", FAILURES)
def test_pusher_failure_is_a_transport_error(
    failure: str, pusher: PusherRealtime, pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    inject, permanent, reason = FAILURES[failure]
    inject(pusher_server)
    with pytest.raises(TransportError) as caught:
        pusher.trigger([CHANNEL], "goal.added", DATA)
    assert caught.value.permanent is permanent
    assert str(caught.value) == f"transport_error: Pusher events: {reason}."
    assert pusher_server.events == []
    _assert_no_secret(caught.value, caplog)


@pytest.mark.parametrize("failure", FAILURES)
def test_pusher_works_again_after_a_failure(
    failure: str, pusher: PusherRealtime, pusher_server: PusherLoopback
) -> None:
    FAILURES[failure][0](pusher_server)
    with pytest.raises(TransportError):
        pusher.trigger_batch([ChannelEvent(CHANNEL, "goal.added", DATA)])
    pusher.trigger_batch([ChannelEvent(CHANNEL, "goal.added", DATA)])
    assert [event[:3] for event in pusher_server.events] == [(CHANNEL, "goal.added", DATA)]


@pytest.mark.parametrize("wrong", [{"secret": keys.WRONG_SECRET}, {"key": "wrong-key"}], ids=str)
def test_pusher_wrong_keys_are_permanent(
    wrong: dict[str, str], pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TransportError) as caught:
        keys.pusher_backend(pusher_server, **wrong).trigger([CHANNEL], "goal.added", DATA)
    assert caught.value.permanent
    assert pusher_server.seen() == {"requests": 1, "rejected": 1, "events": {}}
    _assert_no_secret(caught.value, caplog)


def test_pusher_away_is_transient(pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture) -> None:
    with PusherLoopback(app_id="1", key="k", secret="s") as gone:
        backend = keys.pusher_backend(gone)
    with pytest.raises(TransportError) as caught:
        backend.trigger([CHANNEL], "goal.added", DATA)
    assert not caught.value.permanent
    assert str(caught.value) == "transport_error: Pusher events: ConnectionError."
    _assert_no_secret(caught.value, caplog)


def test_pusher_ignores_proxy_variables(
    pusher: PusherRealtime, pusher_server: PusherLoopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    pusher.trigger([CHANNEL], "goal.added", DATA)
    assert len(pusher_server.events) == 1


def test_pusher_serves_many_threads(
    pusher: PusherRealtime, pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    channels = [f"c{number}" for number in range(200)]
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(lambda channel: pusher.trigger([channel], "goal.added", DATA), channels))
    assert sorted(event.channel for event in pusher_server.events) == sorted(channels)
    assert caplog.messages == []


def _assert_no_secret(error: TransportError, caplog: pytest.LogCaptureFixture) -> None:
    shown = caplog.text + "".join(traceback.format_exception(error)) + repr(error) + str(error)
    for secret in ("LEAKED", "auth_signature", keys.PUSHER_SECRET, keys.PUSHER_KEY, keys.WRONG_SECRET, "wrong-key"):
        assert secret not in shown
    assert error.__cause__ is None
    assert error.__context__ is None
