"""The requests, responses and events of this app, for the OpenAPI document."""

from typing import Any

from api.openapi.operations import JSON, NO_STORE, describe, header, operation, query
from api.openapi.schemas import BOOLEAN, COUNT, ID, MILLISECONDS, TEXT, an_object, list_of, or_null
from api.openapi.shared import SCHEMAS
from notifications.event_schema import webhooks
from notifications.events import PREVIEW, SD
from notifications.fanout.explanation import Why
from notifications.fanout.ledger import State
from notifications.fanout.views import ReceivedBody, ReceivedView, RedeliverBody, RedeliverView, ViewerView
from notifications.payers.filters import CHOICES
from notifications.payers.present import COUNTED
from notifications.payers.views import DeliveriesView, PayerSerializer, PayersView
from notifications.views import PusherAuthBody, PusherAuthView, RealtimeView
from notifications.webhook import KEY_HEADER, SIGNATURE_HEADER, PusherWebhook
from showgoals.settlement.outcomes import Outcome

DELIVERIES, REALTIME = "Deliveries", "Realtime"
DELIVERY_STATE = SCHEMAS["DeliveryState"] = {**TEXT, "enum": [state.value for state in State]}
REPORT = an_object(
    {
        "viewer_id": ID,
        "goal_id": ID,
        "code": {"enum": Why.values, "description": "For programs: why this viewer was let in or was not."},
        "explanation": {**TEXT, "description": "For people: the same as a translated sentence."},
        "outcome": {"enum": [*Outcome.values, None], "description": "What becomes of the payment; null without one."},
        "paid": or_null(an_object({"amount": COUNT})),
        "listed": {**BOOLEAN, "description": "`breakdown` holds the payment: this viewer gets events."},
        "events": list_of(
            an_object(
                {
                    "event_id": TEXT,
                    "preset": {"enum": [PREVIEW, SD]},
                    "state": DELIVERY_STATE,
                    "attempts": {**COUNT, "description": "Which attempt at its chunk set this state; 0 if none did."},
                    "planned_at_ms": MILLISECONDS,
                    "sent_at_ms": or_null(MILLISECONDS),
                    "received_at_ms": or_null(MILLISECONDS),
                }
            )
        ),
        "credentials_fetched": or_null(
            an_object({"first_at_ms": MILLISECONDS, "last_at_ms": MILLISECONDS, "count": COUNT})
        ),
    },
    title="ViewerReport",
)
BY_STATE = an_object({state.value: COUNT for state in COUNTED}, title="DeliveryCounts")
DELIVERY_COUNTS = an_object(
    {
        "viewers": {**COUNT, "description": "The payers in `breakdown`."},
        "preview": BY_STATE,
        "sd": BY_STATE,
        "received": {**COUNT, "description": "Viewers whose clients have confirmed one of the two events."},
        "credentials_fetched": {**COUNT, "description": "Viewers who have fetched credentials."},
    },
    title="Deliveries",
)
OF_PAYERS = [
    query(
        "state",
        "Only payers for whom at least one of the two events is in this state. `unplanned` means that at least one of "
        "the two is not planned. `received` means that the payer's client has confirmed at least one.",
        enum=CHOICES,
    ),
    query("viewer_id", "Only this viewer.", type=ID),
]
CHANNEL_DATA = an_object(
    {
        "session": {"oneOf": [{"$ref": "#/components/schemas/Session"}, {"type": "null"}]},
        "goals": list_of({"$ref": "#/components/schemas/Goal"}),
    },
    title="ChannelData",
)
SIGNATURE = an_object(
    {
        "auth": {**TEXT, "description": "Pusher's signature, for pusher-js."},
        "channel_data": {**TEXT, "description": "Presence channels: who joins, as JSON text."},
        "data": {**CHANNEL_DATA, "description": "The three channels of a streamer: what they show now."},
    },
    optional=("channel_data", "data"),
    title="ChannelAuthorization",
)
CONNECTION = an_object(
    {
        "key": TEXT,
        "cluster": {**TEXT, "description": "Pusher's cluster. A self-hosted compatible server ignores it."},
        "host": {**TEXT, "description": "Where the WebSocket listens."},
        "port": COUNT,
        "tls": {**BOOLEAN, "description": "Whether the WebSocket is encrypted (`wss`)."},
        "auth_endpoint": {**TEXT, "format": "uri", "description": "The address of `POST /pusher/auth`."},
    },
    title="RealtimeConnection",
)
WEBHOOK = {
    JSON: an_object(
        {
            "time_ms": {**MILLISECONDS, "description": "When Pusher reports it."},
            "events": list_of({"type": "object", "description": "As Pusher documents it."}),
        }
    )
}
SIGNED = [
    header(KEY_HEADER, "The app's key."),
    header(SIGNATURE_HEADER, "The hex HMAC-SHA256 of the body, with the app's secret."),
]
FORMS = dict.fromkeys((JSON, "application/x-www-form-urlencoded"), PusherAuthBody)

describe(ViewerView, DELIVERIES, get=operation("getViewer", REPORT, headers=NO_STORE))
describe(PayersView, DELIVERIES, get=operation("listPayers", PayerSerializer(many=True), parameters=OF_PAYERS))
describe(DeliveriesView, DELIVERIES, get=operation("countDeliveries", DELIVERY_COUNTS, has_etag=True))
describe(ReceivedView, DELIVERIES, post=operation("confirmEvent", None, body=ReceivedBody, status=204))
describe(
    RedeliverView,
    DELIVERIES,
    post=operation("redeliver", an_object({"events": COUNT}), body=RedeliverBody, body_is_optional=True),
)
describe(RealtimeView, REALTIME, get=operation("getRealtime", CONNECTION, uses_database=False))
describe(PusherAuthView, REALTIME, post=operation("authorizeChannel", SIGNATURE, body=FORMS))
describe(PusherWebhook, REALTIME, post=operation("takeWebhook", an_object({}), body=WEBHOOK, parameters=SIGNED))


def add_events(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Add the events to the OpenAPI document as webhooks. This is a postprocessing hook of drf-spectacular."""
    result["webhooks"] = webhooks(result["components"]["schemas"]["Goal"]["properties"])
    return result
