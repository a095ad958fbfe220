"""Calls the application as a WSGI server would, but without a network, and records its MongoDB commands."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from pymongo import monitoring

from lab.bench.environment import HOST, BenchFailed


class RoundTrips(monitoring.CommandListener):
    """Records the commands of all clients that are created after `register`. Each command is one round-trip."""

    def __init__(self) -> None:
        self._commands: list[str] = []

    def register(self) -> None:
        """Listen to all clients that are created from now on."""
        monitoring.register(self)

    @contextmanager
    def listen(self) -> Iterator[list[str]]:
        """Yield a list of the commands that are sent in the block, e.g. `find goals`."""
        commands: list[str] = []
        self._commands = commands
        try:
            yield commands
        finally:
            self._commands = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """Record the command and its collection."""
        target = event.command.get(event.command_name)
        is_named = isinstance(target, str)
        self._commands.append(f"{event.command_name} {target}" if is_named else event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Do nothing, because the command is recorded already."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Do nothing, because the command is recorded already. A failed command counts as a round-trip, too."""


def call(
    application: WSGIHandler,
    method: str,
    path: str,
    *,
    access: str = "",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    wanted: int = 200,
) -> bytes:
    """Send a request, and return the body of the response. Raises BenchFailed unless the status is `wanted`.

    The path may have a query.
    """
    path_info, _mark, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "HTTP_HOST": HOST,
        **({"HTTP_AUTHORIZATION": f"Bearer {access}"} if access else {}),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()},
    }
    setup_testing_defaults(environ)
    response = application(environ, _start_response)
    try:
        answer = b"".join(response)
    finally:
        response.close()
    if response.status_code != wanted:
        raise BenchFailed(f"{method} {path}: {response.status_code}: {answer.decode()[:1000]}")
    return answer


def _start_response(_status: str, _headers: object, _error: object = None, /) -> Callable[[bytes], object]:
    """Do nothing, because Django's response has the status."""
    return bytes
