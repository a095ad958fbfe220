"""gunicorn's worker with threads; it answers problem+json instead of gunicorn's HTML pages."""

from typing import Any

from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from api.request_id import accept_or_create, request_id


class ProblemWorker(ThreadWorker):
    """Answers malformed requests (a broken header, a line that is too long) with problem+json."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Any) -> None:
        """Let gunicorn log the error and choose the status. Answer with that status and the logged request id."""
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
        # Imported here, after the worker has loaded the application, because the master does not set up Django.
        from api.error_pages import unreadable  # noqa: PLC0415

        return unreadable(status)


class _Page:
    """Receives gunicorn's HTML page in place of the client's socket."""

    def __init__(self) -> None:
        self._sent = b""

    @property
    def status(self) -> int:
        """The status in the page's first line, `HTTP/1.1 400 Bad Request`."""
        return int(self._sent.split(b" ", 2)[1])

    def gettimeout(self) -> float:
        """Behave like a socket that does not block."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Keep the bytes."""
        self._sent += data
