"""A failed call to Pusher is retried if that may help. The TransportError of the last try holds no secrets."""

import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.errors import TransportError
from config.libcurl import TRIED_AGAIN_WITHIN_SECONDS, TRIES
from lab.loopback.pusher import PusherLoopback
from notifications.backends.base import ChannelEvent, NotDelivered
from notifications.backends.pusher import PusherRealtime
from tests.contract import keys
from tests.contract.sending import batch, broadcast

CHANNEL = "private-user@67ceabecc82b8fd6cf63d6d6"
DATA = '{"token": "LEAKED-TOKEN"}'
TRANSIENT, AMBIGUOUS, PERMANENT = (NotDelivered, False), (TransportError, False), (TransportError, True)

Inject = Callable[[PusherLoopback, int], None]


def _status(status: int) -> Inject:
    return lambda server, times: server.fail_next(status=status, times=times, body=b"LEAKED-ANSWER")


# name: (how the call fails, (the class of the error, whether the error is permanent), what the error says)
FAILURES: dict[str, tuple[Inject, tuple[type[TransportError], bool], str]] = {
    **{
        f"HTTP {status}": (_status(status), verdict, f"HTTP {status}")
        for verdict, statuses in {
            PERMANENT: (301, 400, 401, 403, 404, 413),
            TRANSIENT: (408, 429),
            AMBIGUOUS: (500, 502, 503, 504),
        }.items()
        for status in statuses
    },
    "hang": (lambda server, times: server.hang_next(seconds=5, times=times), AMBIGUOUS, "OPERATION_TIMEDOUT"),
    "reset": (lambda server, times: server.reset_next(times=times), AMBIGUOUS, "RECV_ERROR"),
    "truncated": (lambda server, times: server.truncate_next(times=times), AMBIGUOUS, "PARTIAL_FILE"),
}
HEALING = [name for name, (_inject, verdict, _text) in FAILURES.items() if verdict != PERMANENT]


@pytest.mark.parametrize("failure", FAILURES)
def test_pusher_failure_is_a_transport_error(
    failure: str, impatient_pusher: PusherRealtime, pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    inject, (error, permanent), reason = FAILURES[failure]
    inject(pusher_server, TRIES)
    with pytest.raises(TransportError) as caught:
        broadcast(impatient_pusher, [CHANNEL], "goal.added", DATA)
    assert (type(caught.value), caught.value.permanent) == (error, permanent)
    assert str(caught.value) == f"transport_error: Pusher broadcast: {reason}."
    assert pusher_server.events == []
    assert pusher_server.requests == (1 if permanent else TRIES)
    _assert_no_secret(caught.value, caplog)


@pytest.mark.parametrize("failure", HEALING)
def test_pusher_call_survives_failures_that_pass(
    failure: str, impatient_pusher: PusherRealtime, pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    FAILURES[failure][0](pusher_server, TRIES - 1)
    batch(impatient_pusher, [ChannelEvent(CHANNEL, "goal.added", DATA)])
    assert [event[:3] for event in pusher_server.events] == [(CHANNEL, "goal.added", DATA)]
    assert caplog.messages == []


@pytest.mark.parametrize("failure", FAILURES)
def test_pusher_works_again_after_a_failure(
    failure: str, impatient_pusher: PusherRealtime, pusher_server: PusherLoopback
) -> None:
    inject, (_error, permanent), _reason = FAILURES[failure]
    inject(pusher_server, 1 if permanent else TRIES)
    with pytest.raises(TransportError):
        batch(impatient_pusher, [ChannelEvent(CHANNEL, "goal.added", DATA)])
    batch(impatient_pusher, [ChannelEvent(CHANNEL, "goal.added", DATA)])
    assert [event[:3] for event in pusher_server.events] == [(CHANNEL, "goal.added", DATA)]


def test_pusher_call_is_ambiguous_if_one_try_was(pusher: PusherRealtime, pusher_server: PusherLoopback) -> None:
    """The first try delivers the event, although its response is lost."""
    pusher_server.truncate_next(applied=True)
    pusher_server.fail_next(status=429, times=2)
    with pytest.raises(TransportError) as caught:
        broadcast(pusher, [CHANNEL], "goal.added", DATA)
    assert (type(caught.value), caught.value.permanent) == AMBIGUOUS
    assert len(pusher_server.events) == 1


@pytest.mark.parametrize("wrong", [{"secret": keys.WRONG_SECRET}, {"key": "wrong-key"}], ids=str)
def test_pusher_wrong_keys_are_permanent(
    wrong: dict[str, Any], pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TransportError) as caught:
        broadcast(keys.pusher_backend(pusher_server, **wrong), [CHANNEL], "goal.added", DATA)
    assert caught.value.permanent
    assert pusher_server.seen() == {"requests": 1, "rejected": 1, "events": {}}
    _assert_no_secret(caught.value, caplog)


def test_pusher_away_is_transient(pusher_server: PusherLoopback, caplog: pytest.LogCaptureFixture) -> None:
    with PusherLoopback(app_id="1", key="k", secret="s") as gone:
        backend = keys.pusher_backend(gone)
    with pytest.raises(NotDelivered) as caught:
        broadcast(backend, [CHANNEL], "goal.added", DATA)
    assert str(caught.value) == "transport_error: Pusher broadcast: COULDNT_CONNECT."
    _assert_no_secret(caught.value, caplog)


def test_pusher_waits_for_retry_after_and_signs_anew() -> None:
    with _answering((429, "1"), (200, "")) as (backend, requests):
        broadcast(backend, [CHANNEL], "goal.added", DATA)
    (first, told_to_wait), (second, taken) = requests
    assert 1 <= second - first < TRIED_AGAIN_WITHIN_SECONDS
    assert told_to_wait["auth_signature"] != taken["auth_signature"]


@pytest.mark.parametrize("retry_after", ["60", "9" * 400])
def test_pusher_leaves_a_long_wait_to_the_queue(retry_after: str) -> None:
    with _answering((429, retry_after)) as (backend, requests), pytest.raises(NotDelivered):
        broadcast(backend, [CHANNEL], "goal.added", DATA)
    assert len(requests) == 1


def test_pusher_leaves_a_call_that_has_hung_to_the_queue(pusher_server: PusherLoopback) -> None:
    """While the call hung, its event may have become outdated. Only the task can find out whether it has."""
    backend = keys.pusher_backend(pusher_server, timeout_seconds=(1.0, TRIED_AGAIN_WITHIN_SECONDS - 1.0))
    pusher_server.hang_next(seconds=TRIED_AGAIN_WITHIN_SECONDS + 1.0)
    with pytest.raises(TransportError) as caught:
        broadcast(backend, [CHANNEL], "goal.cancelled", DATA)
    assert (type(caught.value), caught.value.permanent) == AMBIGUOUS
    assert (pusher_server.requests, pusher_server.events) == (1, [])


def test_pusher_ignores_a_date_in_retry_after() -> None:
    with _answering((503, "Wed, 21 Oct 2026 07:28:00 GMT"), (202, "")) as (backend, requests):
        broadcast(backend, [CHANNEL], "goal.added", DATA)
    assert len(requests) == 2


def test_pusher_ignores_proxy_variables(
    pusher: PusherRealtime, pusher_server: PusherLoopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    broadcast(pusher, [CHANNEL], "goal.added", DATA)
    assert len(pusher_server.events) == 1


def _assert_no_secret(error: TransportError, caplog: pytest.LogCaptureFixture) -> None:
    shown = caplog.text + "".join(traceback.format_exception(error)) + repr(error) + str(error)
    for secret in ("LEAKED", "auth_signature", keys.PUSHER_SECRET, keys.PUSHER_KEY, keys.WRONG_SECRET, "wrong-key"):
        assert secret not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


@contextmanager
def _answering(*answers: tuple[int, str]) -> Iterator[tuple[PusherRealtime, list[tuple[float, dict[str, str]]]]]:
    """Yield a backend whose server sends these responses (status, Retry-After), and the requests to that server."""
    requests: list[tuple[float, dict[str, str]]] = []
    script = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            requests.append((time.monotonic(), {name: values[0] for name, values in query.items()}))
            self.rfile.read(int(self.headers["Content-Length"]))
            status, retry_after = next(script)
            self.send_response(status)
            self.send_header("Retry-After", retry_after)
            self.end_headers()

        def log_message(self, *_message: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        backend = PusherRealtime(
            app_id=keys.PUSHER_APP_ID,
            key=keys.PUSHER_KEY,
            secret="s",
            host="127.0.0.1",
            port=server.server_port,
            ssl=False,
        )
        try:
            yield backend, requests
        finally:
            server.shutdown()
            thread.join()
