"""Errors as RFC 9457 problem details: `{type, title, status, code, detail, errors?}`.

Programs read `code`; `title` and `detail` are translated texts for people.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from api.authentication import CHALLENGE
from api.parsers import PayloadTooLarge
from config.errors import ProductError, Unavailable
from mongodb.failures import is_away

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
# The members of a replica set need about this long to elect another primary.
ELECTION_SECONDS = "10"
MAX_ERRORS = 100
TITLES = {
    400: _("Bad request"),
    401: _("Not authenticated"),
    403: _("Forbidden"),
    404: _("Not found"),
    405: _("Method not allowed"),
    406: _("Not acceptable"),
    408: _("Request timeout"),
    409: _("Conflict"),
    411: _("Length required"),
    412: _("Precondition failed"),
    413: _("Payload too large"),
    414: _("Address too long"),
    415: _("Unsupported media type"),
    417: _("Expectation failed"),
    422: _("Unprocessable content"),
    429: _("Too many requests"),
    431: _("Headers too large"),
    500: _("Internal server error"),
    503: _("Service unavailable"),
}
_INVALID = _("The request is not valid.")
# If all errors of a problem share one of these codes, it becomes the problem's code.
_ALL_ALIKE = {
    "unknown_field": _("The body has unknown fields."),
    "repeated_parameter": _("The query has a parameter more than once."),
}
# One code for a value of the wrong JSON type, whichever class of the framework reports it.
_CODES = {"not_a_list": "invalid_type", "not_a_dict": "invalid_type"}


@dataclass(frozen=True)
class Problem:
    """An error, ready to be sent."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the problem document."""
        title = str(TITLES.get(self.status) or HTTPStatus(self.status).phrase)
        body = {"type": "about:blank", "title": title, "status": self.status, "code": self.code, "detail": self.detail}
        return {**body, "errors": self.errors} if self.errors else body


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the response for a view's exception, or None if it is unexpected."""
    del context
    problem = describe(error)
    if problem is None:
        return None
    return Response(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


@singledispatch
def describe(error: Exception) -> Problem | None:
    """Return the problem for an exception, or None if the exception is unexpected."""
    if not is_away(error):
        return None
    unavailable = Unavailable()
    unavailable.__cause__ = error
    return of_product(unavailable)


@describe.register
def of_product(error: ProductError) -> Problem:
    """Return the problem for an error of the product."""
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = CHALLENGE
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = ELECTION_SECONDS if is_away(error) else RETRY_AFTER_SECONDS
    return Problem(error.status, error.code, str(error.detail), headers=headers)


@describe.register
def _of_framework(error: exceptions.APIException) -> Problem:
    return Problem(error.status_code, error.default_code, str(error.detail))


@describe.register(exceptions.NotAuthenticated)
@describe.register(exceptions.AuthenticationFailed)
def _not_authenticated(_error: exceptions.APIException) -> Problem:
    code = exceptions.NotAuthenticated.default_code
    detail = str(_("The access token is missing, invalid or expired."))
    return Problem(401, code, detail, headers={"WWW-Authenticate": CHALLENGE})


@describe.register
def _throttled(error: exceptions.Throttled) -> Problem:
    seconds = str(getattr(error, "wait", None) or RETRY_AFTER_SECONDS)
    # The framework's own text is never translated, because the number is put in before the translation is looked up.
    detail = _("Too many requests. Please try again in %(seconds)s s.") % {"seconds": seconds}
    return Problem(429, error.default_code, detail, headers={"Retry-After": seconds})


@describe.register(Http404)
@describe.register(exceptions.NotFound)
def _not_found(_error: Exception) -> Problem:
    return Problem(404, "not_found", str(_("Not found.")))


@describe.register(PermissionDenied)
@describe.register(exceptions.PermissionDenied)
def _forbidden(_error: Exception) -> Problem:
    return Problem(403, "permission_denied", str(_("You may not do this.")))


@describe.register(UnreadablePostError)
def _cut_off(_error: Exception) -> Problem:
    return Problem(400, "bad_request", str(_INVALID))


@describe.register
def _too_large(_error: RequestDataTooBig) -> Problem:
    return of_product(PayloadTooLarge())


@describe.register
def _invalid(error: exceptions.ValidationError) -> Problem:
    """Return the problem for the errors of a body or a query: `invalid`, or the code of _ALL_ALIKE that they share."""
    errors = list(_flatten(error.detail))
    codes = {each["code"] for each in errors}
    code = codes.pop() if len(codes) == 1 else ""
    if code in _ALL_ALIKE:
        return Problem(400, code, str(_ALL_ALIKE[code]), errors[:MAX_ERRORS])
    return Problem(400, "invalid", str(_INVALID), errors[:MAX_ERRORS])


def _flatten(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield an entry for each error, with the JSON pointer (RFC 6901) of the wrong value."""
    if isinstance(detail, exceptions.ErrorDetail):
        code = str(detail.code)
        yield {"pointer": pointer, "code": _CODES.get(code, code), "detail": str(detail)}
    elif isinstance(detail, dict):
        for name, inner in detail.items():
            about_whole = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _flatten(inner, pointer if about_whole else f"{pointer}/{_escape(str(name))}")
    else:
        for index, inner in enumerate(detail):
            about_whole = isinstance(inner, exceptions.ErrorDetail)
            yield from _flatten(inner, pointer if about_whole else f"{pointer}/{index}")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
