"""Headers that restrict what browsers do with a response."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

Handler = Callable[[HttpRequest], HttpResponse]

# A view that needs another value sets the header itself.
FOR_ALL = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",  # most responses are private to one user, or hold credentials
}
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Inline scripts and styles are forbidden, because neither Django's admin nor /docs needs them.
PAGES_POLICY = (
    "default-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
PAGES = ("/admin", "/docs")
FILES = "/static/"  # static files get no policy, because the policy of the page that loads them applies


class SecurityHeadersMiddleware:
    """Sets the headers on every response, even on a response of other middleware. Django's middleware adds HSTS."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response with the headers that it doesn't have yet."""
        response = self.get_response(request)
        is_file = request.path_info.startswith(FILES) and response.status_code != HTTPStatus.NOT_FOUND
        is_page = request.path_info.startswith(PAGES)
        return guard(response, "" if is_file else PAGES_POLICY if is_page else API_POLICY)


def guard(response: HttpResponse, policy: str = API_POLICY) -> HttpResponse:
    """Give the response the headers that it doesn't have yet, and return it."""
    if policy:
        response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in FOR_ALL.items():
        response.headers.setdefault(name, value)
    return response
