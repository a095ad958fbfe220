"""Problems for requests that reach no view: Django's own error pages, and requests that gunicorn can't read.

Under the admin, whose users are people, Django's pages stay.
"""

import sys
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.views import csrf, defaults

from api.problems import CONTENT_TYPE, describe, of_product
from api.request_id import current_request_id
from api.security import guard
from config.errors import ProductError
from mongodb.failures import is_away

ADMIN = "/admin/"


class BadRequest(ProductError):
    """The request is malformed: not HTTP, an unknown host name, too many parameters."""

    code = "bad_request"
    status = 400
    detail = _("The request is not valid.")


class CsrfFailed(ProductError):
    """A form came without Django's CSRF token."""

    code = "permission_denied"
    status = 403
    detail = _("You may not do this.")


class UriTooLong(ProductError):
    """The request line is longer than 4,094 bytes."""

    code = "uri_too_long"
    status = 414
    detail = _("The address is too long.")


class ExpectationFailed(ProductError):
    """`Expect` has another value than `100-continue`."""

    code = "expectation_failed"
    status = 417
    detail = _("Expect can only be 100-continue.")


class HeadersTooLarge(ProductError):
    """There are more than 100 headers, or one is longer than 8,190 bytes."""

    code = "headers_too_large"
    status = 431
    detail = _("The headers are too many or too long.")


_UNREADABLE = {error.status: error for error in (CsrfFailed, UriTooLong, ExpectationFailed, HeadersTooLarge)}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django calls suspicious: an unknown host, too many fields."""
    if _is_admin(request):
        return defaults.bad_request(request, exception)
    return _answer(BadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal outside the API's views."""
    if _is_admin(request):
        return defaults.permission_denied(request, exception)
    return _answer(exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a CSRF token."""
    if _is_admin(request):
        return csrf.csrf_failure(request, reason)
    return _answer(CsrfFailed())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that no view serves."""
    if _is_admin(request):
        return defaults.page_not_found(request, exception)
    return _answer(exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error: 503 if MongoDB is away, else 500."""
    error = sys.exc_info()[1]
    response = _answer(error if isinstance(error, Exception) and is_away(error) else ProductError())
    if not _is_admin(request):
        return response
    page = defaults.server_error(request)
    page.status_code = response.status_code
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    return page


def unreadable(status: int) -> HttpResponse:
    """Return the answer to something that is not a request, with all headers that the middleware would have added.

    Its id is the current one. An unknown Transfer-Encoding, 501 to gunicorn, is the client's fault to us.
    """
    error = ProductError() if status == HTTPStatus.INTERNAL_SERVER_ERROR else _UNREADABLE.get(status, BadRequest)()
    with translation.override(settings.LANGUAGE_CODE):
        response = _answer(error)
    response.headers["X-Request-ID"] = current_request_id()
    response.headers["Content-Language"] = settings.LANGUAGE_CODE
    response.headers["Content-Length"] = str(len(response.content))
    return guard(response)


def _is_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(ADMIN)


def _answer(error: Exception) -> HttpResponse:
    problem = describe(error) or of_product(ProductError())
    return JsonResponse(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)
