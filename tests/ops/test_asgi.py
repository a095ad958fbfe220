"""The ASGI application answers some requests without a thread, and does not wait for a body that nobody reads."""

import asyncio
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from api.password_gate import AT_ONCE, MOST_WAITING
from ops import asgi
from ops.asgi import InThreads

THREADS = 2
Messages = list[dict[str, Any]]


@pytest.fixture
def busy() -> Iterator["Busy"]:
    """An application whose threads are busy with requests until the test lets them end."""
    wsgi = Busy()
    yield wsgi
    wsgi.may_end.set()


class Busy(WSGIHandler):
    """The product's application, in which requests to one path wait until an event is set."""

    def __init__(self, path: str = "/busy") -> None:
        super().__init__()
        self._path = path
        self.may_end = Event()
        self.paths: list[str] = []
        self.error: BaseException | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Wait if this is the path on which requests wait, and respond."""
        self.paths.append(environ["PATH_INFO"])
        if environ["PATH_INFO"] == self._path:
            self.may_end.wait(20)
        if self.error:
            raise self.error
        return super().__call__(environ, start_response)


def scope(path: str, method: str = "GET", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"testserver"), *headers],
    }


async def call(application: InThreads, scope: dict[str, Any], *received: dict[str, Any]) -> Messages:
    sent: Messages = []
    waiting = list(received) or [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(20)
        raise AssertionError("the application waits for more")

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent


def status_of(sent: Messages) -> tuple[int, bool]:
    """Return the status, and whether the response ends the connection."""
    return sent[0]["status"], (b"Connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_healthz_answers_while_all_threads_are_busy(busy: Busy, method: str) -> None:
    async def ask() -> tuple[Messages, list[Messages]]:
        application = InThreads(busy, THREADS)
        waiting = [asyncio.ensure_future(call(application, scope("/busy"))) for _ in range(THREADS + 1)]
        await asyncio.sleep(0.1)
        answer = await asyncio.wait_for(call(application, scope("/healthz", method)), 5)
        assert not any(each.done() for each in waiting)
        busy.may_end.set()
        return answer, await asyncio.gather(*waiting)

    answer, others = asyncio.run(ask())

    assert status_of(answer) == (200, False)
    assert answer[1]["body"] == (b'{"status":"ok"}' if method == "GET" else b"")
    assert [status_of(each) for each in others] == [(404, False)] * (THREADS + 1)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://testserver/goals", 401),
        ("HTTP://testserver:8000/goals", 401),
        ("http://testserver", 302),  # the redirect of `/`
        ("http://evil.example/goals", 400),
        ("http:///goals", 400),
        ("ftp://testserver/goals", 404),
    ],
)
def test_target_with_a_host_is_read_like_a_path(db: None, settings: Any, target: str, status: int) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]

    assert status_of(asyncio.run(call(InThreads(WSGIHandler(), THREADS), scope(target)))) == (status, False)


@pytest.mark.parametrize("path", ["/auth/token", "/admin/login/"])
def test_sign_ins_have_threads_of_their_own(path: str) -> None:
    wsgi = Busy(path)

    async def ask() -> list[Messages]:
        application = InThreads(wsgi, THREADS)
        signing_in = [
            asyncio.ensure_future(call(application, scope(path, "POST"))) for _ in range(AT_ONCE + MOST_WAITING)
        ]
        await asyncio.sleep(0.1)
        answer = await asyncio.wait_for(call(application, scope("/nope")), 5)
        wsgi.may_end.set()
        return [answer, *await asyncio.gather(*signing_in)]

    answer, *others = asyncio.run(ask())

    assert status_of(answer) == (404, False)
    assert {status_of(each) for each in others} == {(400 if path == "/auth/token" else 403, False)}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"content-length", b"%d" % 2**20)], (408, True)),  # the server reads the body, which does not arrive
        ([(b"content-length", b"%d" % (2**20 + 1))], (401, True)),
        ([(b"content-length", b"%d" % 2**22)], (401, True)),
        ([(b"content-length", b"%d" % (2**22 + 1))], (413, True)),
        ([(b"transfer-encoding", b"chunked")], (401, True)),
        ([(b"expect", b"200-ok")], (417, True)),
        ([(b"expect", b"100-Continue"), (b"content-length", b"0")], (401, False)),
    ],
)
def test_body_that_nobody_wants_is_not_awaited(
    db: None, headers: Any, expected: tuple[int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "BODY_WITHIN_SECONDS", 0.2)

    part: dict[str, Any] = {"type": "http.request", "body": b"{", "more_body": True}
    received = [each for each in [part] if (b"content-length", b"0") not in headers]
    answer = call(InThreads(WSGIHandler(), THREADS), scope("/goals", "POST", *headers), *received)

    assert status_of(asyncio.run(answer)) == expected


def test_client_that_leaves_in_its_body_gets_no_thread(busy: Busy) -> None:
    length = (b"content-length", b"10")
    leaves: Messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    sent = asyncio.run(call(InThreads(busy, THREADS), scope("/busy", "POST", length), *leaves))

    assert status_of(sent) == (408, True)


def test_request_whose_client_leaves_while_it_waits_for_a_thread_is_not_answered(busy: Busy) -> None:
    async def leave() -> list[str]:
        application = InThreads(busy, 1)
        first = asyncio.create_task(call(application, scope("/busy")))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(call(application, scope("/busy/second")))
        await asyncio.sleep(0.1)
        second.cancel()
        busy.may_end.set()
        await asyncio.gather(first, second, return_exceptions=True)
        await call(application, scope("/busy/third"))
        return busy.paths

    assert asyncio.run(leave()) == ["/busy", "/busy/third"]


def test_error_of_the_application_ends_the_request(busy: Busy) -> None:
    """The product handles all of its own errors, so the test raises an error that no handler catches."""
    busy.error = SystemExit("out of luck")
    busy.may_end.set()

    with pytest.raises(SystemExit, match="out of luck"):
        asyncio.run(call(InThreads(busy, THREADS), scope("/busy")))


@pytest.mark.parametrize(("proxies", "caller"), [(0, "127.0.0.1"), (1, "203.0.113.7")])
def test_log_names_the_caller(
    proxies: int, caller: str, settings: Any, caplog: pytest.LogCaptureFixture, busy: Busy
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    forwarded = b"198.51.100.9, 203.0.113.7"
    application = InThreads(busy, THREADS)

    with caplog.at_level("INFO", "gunicorn.access"):
        asyncio.run(call(application, scope("/healthz", "GET", (b"x-forwarded-for", forwarded))))
        application.refuse(408, b"GET / HTTP/1.1\r\nX-Forwarded-For: " + forwarded + b"\r\n", "127.0.0.1")

    assert [message.rpartition(" from ")[2] for message in caplog.messages] == [caller] * 2
