"""Requests, counted by the process that handles them."""

import time
from collections.abc import Callable
from contextlib import suppress

from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Counter, Histogram

ROUTES = ("route", "method")
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
UP_TO_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

PROCESS = CollectorRegistry()
REQUESTS = Counter("showgoals_http_requests", "Answers by route.", [*ROUTES, "status"], registry=PROCESS)
SECONDS = Histogram(
    "showgoals_http_request_seconds", "Time to an answer.", ROUTES, buckets=UP_TO_SECONDS, registry=PROCESS
)


class RequestMetricsMiddleware:
    """Counts and times the responses. Clients can't choose the values of labels."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Get the response, then count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        route, method = _route(request), request.method if request.method in METHODS else "other"
        with suppress(OSError):  # if the directory of the counters is gone, the request must not fail
            REQUESTS.labels(route, method, str(response.status_code)).inc()
            SECONDS.labels(route, method).observe(time.perf_counter() - began)
        return response


def _route(request: HttpRequest) -> str:
    """Return the template of the path, or "unmatched" if no view has the path.

    Return "none" if no view was looked up, for example for a static file or an early refusal.
    """
    if request.resolver_match is None:
        return "none"
    return f"/{request.resolver_match.route}" if request.resolver_match.route else "unmatched"
