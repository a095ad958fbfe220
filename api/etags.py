"""Entity tags. With a request, a client may send the tag of what it has read before.

If nothing has changed since then, a read gets 304. If something has changed, a write is refused.

Source: RFC 9110, sections 8.8.3 and 13.1.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.utils.http import parse_etags, quote_etag
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import ProductError, raises


class PreconditionFailed(ProductError):
    """What the caller wants to change has changed since the caller read it."""

    code = "precondition_failed"
    status = 412
    detail = _("The goal has changed since you read it, so nothing was written.")


def etag(*parts: object) -> str:
    """Return the strong tag that these parts make, such as `"3-0-live"`."""
    return quote_etag("-".join(str(part) for part in parts))


def answer_unless_known(request: Request, tag: str, body: Callable[[], Any]) -> Response:
    """Return a response with the body and its tag, or 304 if `If-None-Match` names the tag."""
    known = [name.removeprefix("W/") for name in parse_etags(request.headers.get("If-None-Match", ""))]
    if tag in known or known == ["*"]:
        return Response(status=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(body(), headers={"ETag": tag})


@raises(PreconditionFailed)
def check_if_match(request: Request, tag: str) -> None:
    """Raise PreconditionFailed if the request has an `If-Match` that does not name the tag."""
    wanted = request.headers.get("If-Match")
    if wanted is not None and parse_etags(wanted) != ["*"] and tag not in parse_etags(wanted):
        raise PreconditionFailed
