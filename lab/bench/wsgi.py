"""Calls the application as a WSGI server does: no network, all of Django."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler

from lab.bench.surroundings import HOST, BenchFailed


def call(
    application: WSGIHandler, method: str, path: str, *, access: str, body: bytes = b"", wanted: int = 200
) -> bytes:
    """Return the answer's body. The path may have a query. Raises BenchFailed unless the status is the wanted one."""
    path_info, _mark, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "HTTP_HOST": HOST,
        "HTTP_AUTHORIZATION": f"Bearer {access}",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
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
    """Do nothing: Django's response knows its status itself."""
    return bytes
