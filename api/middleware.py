"""Middleware for every request: its id, its language, and the deadline of its queries."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from api.request_id import META_KEY, accept_or_create, request_id
from mongodb.deadlines import REQUEST_SECONDS, finish_within

Handler = Callable[[HttpRequest], HttpResponse]

# The key in `request.META` of the monotonic time at which the server had received the whole request. The request may
# then have waited for a thread.
ARRIVED_AT = "ARRIVED_AT"


class RequestIdMiddleware:
    """Sets `X-Request-ID` on the response: the client's own id if it is harmless, else a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Keep the id in `current_request_id()` while the request is handled."""
        chosen = request.META[META_KEY] = accept_or_create(request.META.get(META_KEY, ""))
        token = request_id.set(chosen)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response.headers["X-Request-ID"] = chosen
        return response


class DeadlineMiddleware:
    """Gives all MongoDB commands of a request one deadline. After the deadline the response is 503.

    The deadline does not apply to the rows of a streamed response, because reading them may take long.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Give the request the time that is left, counted from its arrival."""
        now = time.monotonic()
        waited = now - request.META.get(ARRIVED_AT, now)
        with finish_within(REQUEST_SECONDS - waited):
            return self.get_response(request)


class LanguageMiddleware:
    """Chooses the language of texts: the query's `lang`, else Accept-Language, else English.

    Django's own LocaleMiddleware reads no query parameter, and prefers a cookie to the header.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Get the response in the chosen language and set `Content-Language`."""
        language = _chosen_language(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers["Content-Language"] = language
        patch_vary_headers(response, ["Accept-Language"])
        return response


def _chosen_language(request: HttpRequest) -> str:
    for wish in _wishes(request):
        try:
            return translation.get_supported_language_variant(wish)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE


def _wishes(request: HttpRequest) -> Iterator[str]:
    # A query with too many parameters is refused later, and the refusal also needs a language.
    with suppress(SuspiciousOperation):
        if lang := request.GET.get("lang"):
            yield lang.replace("_", "-").lower()
    for language, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if language == "*":
            return
        yield language
