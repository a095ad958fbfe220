"""Refusals by the web server, before Django sees the request. They are problem+json, like all other refusals."""

from email.utils import formatdate
from typing import Any

from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

from api.error_pages import BadRequest, HeadersTooLarge, RequestTimeout, UriTooLong, problem_page
from api.middleware import LanguageMiddleware, RequestIdMiddleware
from api.security import SecurityHeadersMiddleware
from config.errors import ProductError, Unavailable
from config.requests import Request
from ops.environ import Environ
from ops.metrics.requests import RequestMetricsMiddleware

# gunicorn refuses an unknown Transfer-Encoding with 501. We treat it like other bad requests.
_ERRORS = {error.status: error for error in (RequestTimeout, UriTooLong, HeadersTooLarge, ProductError, Unavailable)}


def error_of(status: int) -> ProductError:
    """Return the error that a status of gunicorn stands for."""
    return _ERRORS.get(status, BadRequest)()


def refusal(error: ProductError, environ: Environ) -> HttpResponse:
    """Return the response with the request id, language and headers that the middleware gives to every response.

    The response ends the connection.
    """

    def answer(request: HttpRequest) -> HttpResponse:
        response = problem_page(error)
        response.headers["Content-Length"] = str(len(response.content))
        response.headers["Connection"] = "close"
        response.headers["Date"] = formatdate(usegmt=True)
        # Only the second half of this middleware is called, which adds HSTS. The first half would redirect plain HTTP.
        SecurityMiddleware(answer).process_response(request, response)
        return response

    handler: Any = answer
    for middleware in (
        CorsMiddleware,
        RequestMetricsMiddleware,
        SecurityHeadersMiddleware,
        LanguageMiddleware,
        RequestIdMiddleware,
    ):
        handler = middleware(handler)
    response: HttpResponse = handler(Request(environ))
    return response


def serialized(response: HttpResponse) -> bytes:
    """Return the whole response in HTTP's form."""
    return f"HTTP/1.1 {response.status_code} {response.reason_phrase}\r\n".encode() + response.serialize()
