"""`POST /pusher/webhook`: Pusher reports who has subscribed. Payers who subscribe late get the credentials again."""

import hmac
import logging
from collections import Counter
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, Throttled, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import Role
from api.parsers import MalformedJSON, parse_json
from api.throttles import count_refused
from api.views import PublicView
from config.errors import raises
from notifications.channels import SD_CHANNEL
from notifications.fanout.late_joiners import as_line, let_late_joiners_in

logger = logging.getLogger(__name__)

PUSHER = Role("Pusher", needs_token=False)
KEY_HEADER, SIGNATURE_HEADER = "X-Pusher-Key", "X-Pusher-Signature"
MEMBER_ADDED = "member_added"
# The log counts only these events.
NOTED = (MEMBER_ADDED, "member_removed", "channel_vacated")


class UnparsedJSON(BaseParser):
    """Leaves the body unparsed, because Pusher signs the bytes of the body."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the body as bytes."""
        del media_type, parser_context
        return stream.read()


class WebhookBody(serializers.Serializer[Any]):
    """The body of a webhook: a bundle of events of any kind. Other fields are ignored."""

    time_ms = serializers.IntegerField(min_value=0, max_value=2**53)
    events = serializers.ListField(child=serializers.JSONField(allow_null=True))


class PusherWebhook(PublicView):
    """Takes signed webhooks from Pusher. Pusher repeats a webhook for 5 minutes if the webhook gets no 2xx response."""

    access = {"post": (PUSHER,)}
    parser_classes = (UnparsedJSON,)
    throttle_classes = ()  # all clients may subscribe at once, so only refused webhooks count against the limit

    @raises(PermissionDenied, Throttled, MalformedJSON, ValidationError)
    def post(self, request: Request) -> Response:
        """Somebody has subscribed.

        Only Pusher calls this. A webhook that is not signed with the app's secret gets 403. A payer of a live show who
        subscribes to their own sd channel (`member_added`) is sent the credentials again, at most once in 10 seconds.
        Other events change nothing. Idempotent.
        """
        body: Any = request.data or b""  # `request.data` is an empty dict if there is no body
        if not is_genuine(request.headers, body):
            logger.warning("webhook refused")
            count_refused(request)
            raise PermissionDenied
        bundle = WebhookBody(data=parse_json(body))
        bundle.is_valid(raise_exception=True)
        events = [event for event in bundle.validated_data["events"] if isinstance(event, dict)]
        noted = Counter(event.get("name") for event in events if event.get("name") in NOTED)
        logger.info("webhook %s", " ".join(f"{name}={count}" for name, count in noted.items()))
        if members := dict.fromkeys(line for event in events if (line := _late_joiner(event))):
            let_late_joiners_in.enqueue(bundle.validated_data["time_ms"], "\n".join(members), weight=len(members))
        return Response({})


def is_genuine(headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether Pusher has signed the body. Without keys, no webhook is genuine."""
    key, secret = settings.PUSHER["key"], settings.PUSHER["secret"]
    if not key or not secret:
        return False
    given = f"{headers.get(KEY_HEADER, '')}:{headers.get(SIGNATURE_HEADER, '')}"
    return hmac.compare_digest(given.encode(), f"{key}:{signature(body, secret)}".encode())


def signature(body: bytes, secret: str) -> str:
    """Return the HMAC-SHA256 of the body in hexadecimal. Source: Pusher's docs (2025-06), Webhooks."""
    return hmac.digest(secret.encode(), body, "sha256").hex()


def _late_joiner(event: Mapping[str, Any]) -> str | None:
    """Return the line for a viewer who has subscribed to their own sd channel, or None for any other event."""
    channel = event.get("channel")
    if event.get("name") != MEMBER_ADDED or not isinstance(channel, str):
        return None
    match = SD_CHANNEL.match(channel)
    return as_line(match["streamer"], match["user"]) if match and match["user"] == event.get("user_id") else None
