"""Gunicorn's worker with threads, which answers problems where gunicorn has HTML pages of its own."""

from typing import Any

from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api.request_id import accept_or_create, request_id


class ProblemWorker(ThreadWorker):
    """Refuses what is no request (a broken header, a line that is too long) as problem+json."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Let gunicorn log the error and choose the status; answer with that, under the id of the log line."""
        page = _Page()
        token = request_id.set(accept_or_create(""))
        try:
            super().handle_error(req, page, addr, exc)
            response = self._answer(page.status)
        finally:
            request_id.reset(token)
        response.headers["Connection"] = "close"
        status_line = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n"
        try:
            write_nonblock(client, status_line.encode() + response.serialize())
        except OSError:
            self.log.debug("Failed to send error message.")

    def _answer(self, status: int) -> Any:
        # Imported by the worker, once its application is loaded: the master doesn't set Django up.
        from api.error_pages import unreadable  # noqa: PLC0415

        return unreadable(status)


class _Page:
    """Takes gunicorn's page in the place of the client's socket."""

    def __init__(self) -> None:
        self._sent = b""

    @property
    def status(self) -> int:
        """The status in the page's first line, `HTTP/1.1 400 Bad Request`."""
        return int(self._sent.split(b" ", 2)[1])

    def gettimeout(self) -> float:
        """Be a socket that doesn't block."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Keep what a client would be sent."""
        self._sent += data
