"""Views that use `api` in the same way as the product's views do."""

from collections.abc import Callable
from typing import Any, NoReturn

import pymongo
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext
from pymongo import MongoClient
from pymongo.errors import AutoReconnect
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import ANYONE, SIGNED_IN
from api.fields import ObjectIdField, StrictCharField, StrictIntegerField
from api.idempotency import respond_once
from api.pagination import NewestFirst
from api.request_id import current_request_id
from api.serializers import StrictSerializer
from api.views import ApiView, PublicView
from config.errors import ProductError, Unavailable


class OrderTaken(ProductError):
    """An error like those of the product's packages."""

    code = "order_taken"
    status = 409
    detail = "Another order came first."


class LineSerializer(StrictSerializer):
    """A nested body."""

    title = StrictCharField(max_length=5)
    amount = StrictIntegerField(min_value=1, max_value=10)


class OrderSerializer(StrictSerializer):
    """A body with every type of field."""

    id = serializers.CharField(read_only=True)
    owner_id = ObjectIdField()
    lines: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=LineSerializer(), min_length=1, max_length=2
    )


class Echo(PublicView):
    """Returns the body, or a word in the language of the request and the request's id."""

    access = {"get": (ANYONE,), "post": (ANYONE,)}

    def post(self, request: Request) -> Response:
        """Return the parsed body."""
        return Response({"data": request.data})

    def get(self, request: Request) -> Response:
        """Return a word in the language of the request, and the request's id."""
        return Response({"yes": gettext("Yes"), "request_id": current_request_id()})


class Private(ApiView):
    """Answers only signed-in users."""

    access = {"get": (SIGNED_IN,), "post": (SIGNED_IN,)}

    def get(self, request: Request) -> Response:
        """Return the user's id."""
        return Response({"user_id": str(request.user.pk)})

    def post(self, request: Request) -> Response:
        """Return the body."""
        return Response({"data": request.data})


class Order(PublicView):
    """Validates its body."""

    access = {"post": (ANYONE,)}
    serializer_class = OrderSerializer

    def post(self, request: Request) -> Response:
        """Return the validated body."""
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


class NewestUsersFirst(NewestFirst):
    """Pages of users. They are sorted by `date_joined`, because users have no `created_at`."""

    orders = ("-date_joined",)


class Users(PublicView):
    """Lists users."""

    access = {"get": (ANYONE,)}

    queryset = User.objects.all()
    pagination_class = NewestUsersFirst

    def get(self, request: Request) -> Response:
        """Return a page of names."""
        page = self.page_of(self.get_queryset())
        return self.get_paginated_response([user.username for user in page])


class Once(ApiView):
    """Creates a user with the name in the body."""

    access = {"post": (SIGNED_IN,)}

    def post(self, request: Request) -> Response:
        """Create the user, once for each Idempotency-Key."""

        def create() -> dict[str, Any]:
            name = request.data["name"]
            created = User.objects.create(username=name)
            if name == "taken":
                raise OrderTaken
            return {"id": str(created.pk), "name": name}

        return respond_once(request, create)


class Raise(PublicView):
    """Raises the error that the path names."""

    access = {"get": (ANYONE,)}

    def get(self, request: Request, name: str) -> NoReturn:
        """Raise the error."""
        ERRORS[name]()
        raise AssertionError(name)


def raise_plain(_request: HttpRequest, name: str) -> HttpResponse:
    """Raise the error outside of DRF, as a view of the admin would."""
    ERRORS[name]()
    raise AssertionError(name)


def _raise(error: Exception) -> Callable[[], NoReturn]:
    def now() -> NoReturn:
        raise error

    return now


def _ask_a_server_that_is_away() -> None:
    with MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1") as away, pymongo.timeout(0.02):
        away.admin.command("ping")


def _lose_the_connection_in_the_orm() -> None:
    raise DatabaseError("") from AutoReconnect("connection closed")


ERRORS: dict[str, Callable[[], None]] = {
    "product": _raise(OrderTaken()),
    "unavailable": _raise(Unavailable()),
    "away": _ask_a_server_that_is_away,
    "orm_away": _lose_the_connection_in_the_orm,
    "missing": _raise(Http404("No User matches the given query.")),
    "forbidden": _raise(PermissionDenied()),
    "suspicious": _raise(SuspiciousOperation("secret reason")),
    "too_big": _raise(RequestDataTooBig()),
    "cut_off": _raise(UnreadablePostError()),
    "throttled": _raise(exceptions.Throttled(wait=7.2)),
    "bug": _raise(RuntimeError("secret reason")),
}
