"""Requests that can be read whatever their headers contain."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.request import MediaType
from django.utils.functional import cached_property
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """A request whose text is UTF-8, whatever `Content-Type` says.

    Neither forms nor JSON have a charset (WHATWG URL Standard, section 5.1; RFC 8259, section 11), but Django decodes
    the query and forms with the codec that the request names. Some of Python's codecs always fail or are not for text.
    """

    @cached_property
    def accepted_types(self) -> list[MediaType]:
        """Return the media types of `Accept`, best first, without those that can't be read."""
        wishes = (_media_type(wish) for wish in self.headers.get("Accept", "*/*").split(","))
        wanted = [wish for wish in wishes if wish is not None and wish.main_type and wish.quality]
        return sorted(wanted, key=lambda wish: (wish.quality, wish.specificity), reverse=True)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Read `Content-Type` without its charset. A header that can't be parsed is treated like a missing one."""
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:  # an extended parameter (RFC 2231) with an unknown codec or a huge number
            meta["CONTENT_TYPE"] = ""
            self.content_type, self.content_params = "", {}


class Handler(WSGIHandler):
    """Django's WSGI application, with the requests of this module."""

    request_class = Request


def _media_type(text: str) -> MediaType | None:
    try:
        return MediaType(text)
    except ValueError:
        return None
