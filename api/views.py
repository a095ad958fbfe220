"""The base of every view, and the view of unknown paths."""

from http import HTTPStatus
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail, NotAcceptable, NotAuthenticated, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSetMixin

from api.access import Access
from api.error_pages import is_browsing, not_found_page
from api.parsers import PayloadTooLarge
from api.throttles import count_refused
from config.errors import ProductError

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class LengthRequired(ProductError):
    """The request has a body without `Content-Length`."""

    code = "length_required"
    status = 411
    detail = _("Please send a Content-Length.")


class JSONOnly(DefaultContentNegotiation):
    """Chooses JSON whatever `Accept` and `?format=` say, so that even a 401 is readable.

    If `Accept` excludes JSON, ApiView later returns 406.
    """

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the view's first renderer."""
        return renderers[0], renderers[0].media_type


class ApiView(GenericAPIView[Any]):
    """A view that keeps to the documented order of checks.

    The order is 401 or 429, 406, 413, 415, 400 `malformed_json`, 400 `repeated_parameter`, then the view's own checks.
    `access` says who may make which of its calls. A system check requires this attribute.
    """

    access: ClassVar[Access]
    content_negotiation_class: type[BaseContentNegotiation] = JSONOnly

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate and count the request (401, 429), then check body and query before the view reads them."""
        try:
            super().initial(request, *args, **kwargs)
        except NotAuthenticated:
            count_refused(request)
            raise
        _refuse_other_types(request)
        if request.method in WITH_BODY:
            _refuse_body_by_headers(request)
            _ = request.data  # parses the body, which can raise 415 or malformed_json
        _refuse_repeated_parameters(request)

    def page_of(self, queryset: QuerySet[Any]) -> list[Any]:
        """Return the page that the query asks for, filtered by the view's `filterset_class`."""
        return self.paginate_queryset(self.filter_queryset(queryset)) or []

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Respond only with `Allow`. DRF's own response shows docstrings and needs a serializer class."""
        return Response(status=HTTPStatus.NO_CONTENT)


class ApiViewSet(ViewSetMixin, ApiView):
    """An ApiView whose methods are actions."""


class PublicView(ApiView):
    """A view without tokens: it ignores a token that the caller sends."""

    authentication_classes = ()


class Unmatched(PublicView):
    """Responds to every unknown path, even with DEBUG, where Django would show a page of its own."""

    access = {}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Respond to a person with a page, and to a program with a problem."""
        return not_found_page() if is_browsing(request) else super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a 404 for any method."""
        raise Http404


def _refuse_other_types(request: Request) -> None:
    """Raise NotAcceptable if `Accept` excludes the renderer's media type. Parameters such as charset are ignored."""
    main, _slash, sub = request.accepted_renderer.media_type.partition("/")
    accepted = request._request.accepted_types  # noqa: SLF001 - DRF has no public name
    if request.headers.get("Accept") and not any(
        each.main_type in {"*", main} and each.sub_type in {"*", sub} for each in accepted
    ):
        raise NotAcceptable


def _refuse_body_by_headers(request: Request) -> None:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired
    if length.isdecimal() and int(length) > settings.MAX_BODY_BYTES:
        raise PayloadTooLarge


def _refuse_repeated_parameters(request: Request) -> None:
    """Raise ValidationError naming the repeated parameters. A view would read only one value of each."""
    repeated = ErrorDetail(str(_("This parameter may be given only once.")), "repeated_parameter")
    if names := [name for name, values in request.query_params.lists() if len(values) > 1]:
        raise ValidationError({name: [repeated] for name in names})
