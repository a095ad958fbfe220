"""`GET /me`: the account of the caller."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import SIGNED_IN, caller
from api.fields import ObjectIdField
from api.views import ApiView


class MeSerializer(serializers.Serializer[object]):
    """The caller's account."""

    id = ObjectIdField(source="pk", read_only=True)
    username = serializers.CharField(read_only=True)
    is_staff = serializers.BooleanField(read_only=True)


class MeView(ApiView):
    """`GET /me`."""

    access = {"get": (SIGNED_IN,)}

    def get(self, request: Request) -> Response:
        """Get my account.

        The account that the access token belongs to.
        """
        return Response(MeSerializer(caller(request)).data)
