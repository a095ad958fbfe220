"""Problems for requests that reach no view: Django's own error pages, and what the web server refuses by itself.

Under the admin, whose users are people, Django's pages stay.
"""

import sys

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext_lazy as _
from django.views import csrf, defaults

from api.problems import CONTENT_TYPE, describe, of_product
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


class RequestTimeout(ProductError):
    """The headers did not arrive within 10 seconds, or the body did not arrive within 30 seconds."""

    code = "request_timeout"
    status = 408
    detail = _("The request did not arrive in time.")


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


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django calls suspicious: an unknown host, too many fields."""
    if _is_admin(request):
        return defaults.bad_request(request, exception)
    return problem_page(BadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal outside the API's views."""
    if _is_admin(request):
        return defaults.permission_denied(request, exception)
    return problem_page(exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a CSRF token."""
    if _is_admin(request):
        return csrf.csrf_failure(request, reason)
    return problem_page(CsrfFailed())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a path that no view serves."""
    if _is_admin(request):
        return defaults.page_not_found(request, exception)
    return problem_page(exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unexpected error: 503 if MongoDB is away, else 500."""
    error = sys.exc_info()[1]
    response = problem_page(error if isinstance(error, Exception) and is_away(error) else ProductError())
    if not _is_admin(request):
        return response
    page = defaults.server_error(request)
    page.status_code = response.status_code
    if "Retry-After" in response.headers:
        page.headers["Retry-After"] = response.headers["Retry-After"]
    return page


def problem_page(error: Exception) -> HttpResponse:
    """Return the error as problem+json."""
    problem = describe(error) or of_product(ProductError())
    return JsonResponse(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def _is_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(ADMIN)
