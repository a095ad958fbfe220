"""`GET /realtime` says how to connect. `POST /pusher/auth` authorises a socket's subscription to a channel."""

import json
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import ANYONE, SIGNED_IN, caller, caller_id
from api.parsers import StrictJSONParser
from api.views import ApiView, PublicView
from config.errors import raises
from notifications.backends import get_realtime
from notifications.backends.base import RealtimeUnconfigured
from notifications.channel_data import channel_data
from notifications.channels import check_subscription

PRESENCE = "presence-"
# The most bytes that a user's name may take in the channel data, as ASCII JSON. Together with the user's id, the data
# stays under Pusher's limit of 1,024 bytes.
NAME_BYTES = 900
SOCKET_ID = RegexValidator(
    r"\A[0-9]+\.[0-9]+\Z", _("Must be two numbers with a dot between them."), "invalid_socket_id"
)


class RealtimeView(PublicView):
    """`GET /realtime`."""

    access = {"get": (ANYONE,)}

    @raises(RealtimeUnconfigured)
    def get(self, request: Request) -> Response:
        """How do I connect?

        Returns what a client library of Pusher, such as pusher-js, needs to connect. The library posts to
        `auth_endpoint` when it subscribes to a channel.
        """
        endpoint = request.build_absolute_uri(reverse("pusher-auth"))
        return Response({**asdict(get_realtime().client_options()), "auth_endpoint": endpoint})


class PusherAuthBody(serializers.Serializer[Any]):
    """The body that pusher-js posts, form-encoded or as JSON. pusher-js may add other keys."""

    socket_id = serializers.CharField(validators=[SOCKET_ID], max_length=64, trim_whitespace=False)
    channel_name = serializers.CharField(max_length=164, trim_whitespace=False)


class PusherAuthView(ApiView):
    """Channel authorisation. A subscription is denied unless a rule allows it."""

    access = {"post": (SIGNED_IN,)}

    parser_classes = (StrictJSONParser, FormParser)

    @raises(ValidationError, check_subscription, RealtimeUnconfigured)
    def post(self, request: Request) -> Response:
        """May I subscribe?

        Takes what pusher-js posts, as a form or as JSON, and ignores other keys. Who may subscribe depends on the
        channel:
        - `private-user@{u}`: the user u.
        - `private-stream@{s}` and `presence-stream@{s}`: anyone who is signed in.
        - `presence-stream-viewer@{s}.preview.{v}`: the viewer v.
        - `presence-stream-viewer@{s}.sd.{v}`: the viewer v, if v has paid for a funding goal of s and is not excluded
        from it, the goal has not lapsed, and its show is not over.

        Payers should subscribe before the start, because Pusher drops an event to a channel that has no subscriber.
        """
        body = PusherAuthBody(data=request.data)
        body.is_valid(raise_exception=True)
        channel, socket_id = body.validated_data["channel_name"], body.validated_data["socket_id"]
        check_subscription(channel, caller_id(request))
        presence = _presence(caller(request)) if channel.startswith(PRESENCE) else None
        answer: dict[str, Any] = {**get_realtime().authenticate(channel, socket_id, presence)}
        if (data := channel_data(channel)) is not None:
            answer["data"] = data
        return Response(answer)


def _presence(user: User) -> dict[str, Any]:
    """Return what other members of the channel see: the user's id, and as much of the name as fits."""
    name = user.get_username()
    while len(json.dumps(name)) > NAME_BYTES:
        name = name[:-1]
    return {"user_id": str(user.pk), "user_info": {"name": name}}
