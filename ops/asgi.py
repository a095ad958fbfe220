"""Serves the WSGI application over ASGI: a request is read completely before it gets a thread.

So a slow client occupies a connection, but no thread.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Any, NamedTuple

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver

from api.addresses import caller_of
from api.error_pages import BadRequest, ExpectationFailed, RequestTimeout
from api.middleware import ARRIVED_AT
from api.parsers import PayloadTooLarge
from api.password_gate import AT_ONCE, MOST_WAITING
from api.request_id import NO_REQUEST
from config.errors import ProductError
from ops.environ import RAW_PATH, Environ, environ_of_head, environ_of_scope
from ops.refusals import error_of, refusal, serialized

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Larger bodies never reach the product. The product itself refuses bodies over MAX_BODY_BYTES, after checking the
# token.
MOST_BODY_BYTES = 4 * 1024 * 1024
IN_MEMORY_BYTES = 64 * 1024  # larger bodies wait in a temporary file
BODY_WITHIN_SECONDS = 30.0
# Requests for this path are answered without a thread, so that a load balancer does not take a busy process for a dead
# one. They make no query.
PROBE = "/healthz"
# Sign-ins wait for their turn to check a password (api/password_gate.py). They wait in threads of their own: one for
# the check, one for each sign-in that may wait, and some to refuse all others immediately.
SIGN_INS = frozenset({"/auth/token", "/admin/login/"})
SIGN_IN_THREADS = AT_ONCE + MOST_WAITING + 3
CLOSE = ("Connection", "close")

access_log = logging.getLogger("gunicorn.access")


class Answer(NamedTuple):
    """A complete response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class InThreads:
    """Runs the WSGI application in a few threads."""

    def __init__(self, wsgi: WSGIHandler, threads: int) -> None:
        self._wsgi = wsgi
        self._threads = ThreadPoolExecutor(threads, "request")
        self._sign_in_threads = ThreadPoolExecutor(SIGN_IN_THREADS, "sign-in")
        _ = get_resolver().url_patterns  # imports all views, so that the first request need not wait for them

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Read the request, and send the response."""
        began, environ = time.monotonic(), environ_of_scope(scope)
        try:
            _refuse_by_headers(environ)
            if (is_read := _reads_body(environ)) and environ.get("CONTENT_LENGTH", "0") != "0":
                environ["wsgi.input"] = await _read_body(receive)
        except ProductError as error:
            answer = _refuse(error, environ, began)
        else:
            environ[ARRIVED_AT] = time.monotonic()
            answer = await self._answer_somewhere(environ, began)
            if not is_read:  # the body follows on the connection, so no further request can be read there
                answer.headers.append(CLOSE)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def refuse(self, status: int, head: bytes, peer: str) -> bytes:
        """Return the response to a request that is malformed, arrives too slowly, or is on one connection too many."""
        environ = environ_of_head(head, peer)
        response = refusal(error_of(status), environ)
        _log(environ, _whole(environ, response.status_code, list(response.items()), response.content), time.monotonic())
        return serialized(response)

    async def _answer_somewhere(self, environ: Environ, began: float) -> Answer:
        if environ["PATH_INFO"] == PROBE and environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return self._answer(environ, began)
        is_sign_in = environ["PATH_INFO"] in SIGN_INS and environ["REQUEST_METHOD"] == "POST"
        pool = self._sign_in_threads if is_sign_in else self._threads
        return await self._answer_in(pool, environ, began)

    def _answer_in(self, pool: ThreadPoolExecutor, environ: Environ, began: float) -> asyncio.Future[Answer]:
        """Run the request in a thread of the pool. Return a future of the response.

        `run_in_executor` does the same with two chained futures, and serves 5% fewer requests when the process is busy.
        """
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()

        def settle(settle_future: Callable[[Any], None], result: Answer | BaseException) -> None:
            if not answered.cancelled():
                settle_future(result)

        def work() -> None:
            if answered.cancelled():  # the client has left
                return
            try:
                answer = self._answer(environ, began)
            except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is awaited
                loop.call_soon_threadsafe(settle, answered.set_exception, error)
            else:
                loop.call_soon_threadsafe(settle, answered.set_result, answer)

        pool.submit(work)
        return answered

    def _answer(self, environ: Environ, began: float) -> Answer:
        """Call the application, as PEP 3333 says."""
        headers: list[tuple[str, str]] = []

        def start_response(_status: str, sent: list[tuple[str, str]], _error: Any = None, /) -> Callable[[bytes], None]:
            headers.extend(sent)
            return lambda _data: None  # Django never calls it

        response = self._wsgi(environ, start_response)
        try:
            body = b"".join(response)
        finally:
            response.close()
            environ["wsgi.input"].close()
        answer = _whole(environ, response.status_code, headers, body)
        _log(environ, answer, began)
        return answer


def _refuse_by_headers(environ: Environ) -> None:
    if environ["SERVER_PROTOCOL"] == "HTTP/1.1" and "HTTP_HOST" not in environ:
        raise BadRequest  # RFC 9112, section 3.2, requires a Host
    if environ.get("HTTP_EXPECT", "100-continue").lower() != "100-continue":
        raise ExpectationFailed
    if int(environ.get("CONTENT_LENGTH") or 0) > MOST_BODY_BYTES:
        raise PayloadTooLarge


def _reads_body(environ: Environ) -> bool:
    """Tell whether the server reads the body.

    It does not read a body with a `Transfer-Encoding`, nor one of more than MAX_BODY_BYTES.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return "HTTP_TRANSFER_ENCODING" not in environ and length <= settings.MAX_BODY_BYTES


async def _read_body(receive: Receive) -> IO[bytes]:
    """Return the body. Raises RequestTimeout."""
    body = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - `_answer` closes it
    try:
        async with asyncio.timeout(BODY_WITHIN_SECONDS):
            while not await _is_complete(body, receive):
                pass
    except BaseException as error:
        body.close()
        if isinstance(error, TimeoutError):
            raise RequestTimeout from error
        raise
    body.seek(0)
    return body


async def _is_complete(body: IO[bytes], receive: Receive) -> bool:
    """Add the next part to the body. Return whether it was the last one. Raises TimeoutError if the client has left."""
    message = await receive()
    if message["type"] == "http.disconnect":  # the client is gone, or gunicorn has lost patience
        raise TimeoutError
    body.write(message["body"])
    return not message["more_body"]


def _refuse(error: ProductError, environ: Environ, began: float) -> Answer:
    response = refusal(error, environ)
    answer = _whole(environ, response.status_code, list(response.items()), response.content)
    _log(environ, answer, began)
    return answer


def _whole(environ: Environ, status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    """Return the response with a Content-Length, and without its body if HTTP allows none."""
    if not any(name.lower() == "content-length" for name, _value in headers):
        headers = [*headers, ("Content-Length", str(len(body)))]
    is_empty = environ["REQUEST_METHOD"] == "HEAD" or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
    return Answer(status, headers, b"" if is_empty else body)


def _log(environ: Environ, answer: Answer, began: float) -> None:
    """Log the method, the path as it was sent, status, size, milliseconds and caller, but not the query or headers."""
    sent_headers = {name.lower(): value for name, value in answer.headers}
    access_log.info(
        "%s %s %s %sB %.0fms from %s",
        environ["REQUEST_METHOD"],
        environ[RAW_PATH],
        answer.status,
        len(answer.body),
        (time.monotonic() - began) * 1000,
        caller_of(environ) if environ["REMOTE_ADDR"] else "-",
        extra={"request_id": sent_headers.get("x-request-id", NO_REQUEST)},
    )
