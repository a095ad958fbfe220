"""Responses to errors outside the API's views, and to requests that the web server refuses.

Most responses are problems (`problems.py`). The admin's errors are HTML pages, because its users are people. A browser
also gets an HTML page for a 404.
"""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.problems import CONTENT_TYPE, describe, of_product
from api.request_id import current_request_id
from config.errors import ProductError
from mongodb.failures import is_away

ADMIN = "/admin/"
# Title and text of the pages, by status.
WORDS: dict[HTTPStatus, tuple[Promise, Promise]] = {
    HTTPStatus.BAD_REQUEST: (
        _("The address or the form is not valid"),
        _("It may have been cut, or changed by hand. Go back and try again."),
    ),
    HTTPStatus.FORBIDDEN: (
        _("You may not do this"),
        _("Your account lacks a permission. Ask the person who manages the accounts of your team."),
    ),
    HTTPStatus.NOT_FOUND: (
        _("There is no such page"),
        _("The link may be old, or the address may have been cut."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        _("Something went wrong"),
        _("This is a fault of the product. Please send the number of the request to those who operate it."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        _("The database does not answer"),
        _(
            "Nothing can be shown or changed now. "
            "What was saved is safe. Shows that are due start as soon as it answers; "
            "those that are too late by then are cancelled, and can be brought back for a while."
        ),
    ),
}
FORM_EXPIRED = (
    _("The form has expired"),
    _("You have signed out or in since. Go back, reload the page and try again."),
)
SITE, HOME, AGAIN, REQUEST = _("Show goals"), _("Go to the front page of the admin"), _("Try again"), _("Request:")


class BadRequest(ProductError):
    """The request is malformed. For example, it is not HTTP, names an unknown host, or has too many parameters."""

    code = "bad_request"
    status = 400
    detail = _("The request is not valid.")


class CsrfFailed(ProductError):
    """A form was sent without a valid CSRF token."""

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
    """`Expect` has a value other than `100-continue`."""

    code = "expectation_failed"
    status = 417
    detail = _("Expect can only be 100-continue.")


class HeadersTooLarge(ProductError):
    """There are more than 100 headers, or one is longer than 8,190 bytes."""

    code = "headers_too_large"
    status = 431
    detail = _("The headers are too many or too long.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem, or the page, for a request that Django calls suspicious, e.g. with an unknown host."""
    del exception
    return _page(HTTPStatus.BAD_REQUEST) if _is_admin(request) else problem_page(BadRequest())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem, or the page, for a refusal outside the API's views."""
    return _page(HTTPStatus.FORBIDDEN) if _is_admin(request) else problem_page(exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the problem, or the page, for a form without a valid CSRF token."""
    del reason
    return _page(HTTPStatus.FORBIDDEN, FORM_EXPIRED) if _is_admin(request) else problem_page(CsrfFailed())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the problem, or the page, for a path that no view serves."""
    return not_found_page() if _is_admin(request) else problem_page(exception)


def not_found_page() -> HttpResponse:
    """Return the page for people who have followed a wrong link."""
    return _page(HTTPStatus.NOT_FOUND)


def is_browsing(request: HttpRequest) -> bool:
    """Tell whether a person opens the address in a browser. Programs do not ask for HTML by name."""
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("Accept", "")


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the problem, or the page, for an unexpected error: 503 if MongoDB is away, else 500."""
    error = sys.exc_info()[1]
    problem = problem_page(error if isinstance(error, Exception) and is_away(error) else ProductError())
    if not _is_admin(request):
        return problem
    page = _page(HTTPStatus(problem.status_code))
    if "Retry-After" in problem.headers:
        page.headers["Retry-After"] = problem.headers["Retry-After"]
    return page


def problem_page(error: Exception) -> HttpResponse:
    """Return the error as problem+json."""
    problem = describe(error) or of_product(ProductError())
    return JsonResponse(problem.body(), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE)


def _page(status: HTTPStatus, words: tuple[Promise, Promise] | None = None) -> HttpResponse:
    """Return a page. It reads nothing from the database, because the database may have failed."""
    title, text = words or WORDS[status]
    context = {
        "title": title,
        "text": text,
        "site_header": SITE,
        "site_title": SITE,
        "request_label": REQUEST,
        "request_id": current_request_id(),
        "again": AGAIN if status == HTTPStatus.SERVICE_UNAVAILABLE else "",
        "home": HOME,
        "home_url": ADMIN,
    }
    return HttpResponse(render_to_string("api/error.html", context), status=status)


def _is_admin(request: HttpRequest) -> bool:
    return request.path_info.startswith(ADMIN)
