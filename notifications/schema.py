"""What this room's operations take and answer, for the OpenAPI document, and its events."""

from typing import Any

from api.openapi.examples import EVENT_ID, SHOW_ID, STREAMER_ID, VIEWER_ID
from api.openapi.operations import describe, operation
from api.openapi.schemas import BOOLEAN, COUNT, ID, MILLISECONDS, TEXT, an_object, list_of, or_null
from notifications.event_schema import webhooks
from notifications.events import PREVIEW, SD
from notifications.fanout.ledger import State
from notifications.fanout.views import RedeliverBody, RedeliverView, ViewerView
from notifications.views import PusherAuthBody, PusherAuthView

DELIVERIES, REALTIME = "Deliveries", "Realtime"
REPORT = an_object(
    {
        "viewer_id": ID,
        "goal_id": ID,
        "paid": or_null(an_object({"amount": COUNT})),
        "listed": {**BOOLEAN, "description": "`breakdown` holds the payment: this viewer gets events."},
        "events": list_of(
            an_object(
                {
                    "event_id": TEXT,
                    "preset": {"enum": [PREVIEW, SD]},
                    "state": {"enum": [state.value for state in State]},
                    "attempts": {**COUNT, "description": "Those of its chunk until then."},
                    "planned_at_ms": MILLISECONDS,
                    "sent_at_ms": or_null(MILLISECONDS),
                }
            )
        ),
        "credentials_fetched": or_null(
            an_object({"first_at_ms": MILLISECONDS, "last_at_ms": MILLISECONDS, "count": COUNT})
        ),
    }
)
CHANNEL_DATA = an_object(
    {
        "session": {"oneOf": [{"$ref": "#/components/schemas/Session"}, {"type": "null"}]},
        "goals": list_of({"$ref": "#/components/schemas/Goal"}),
    }
)
SIGNATURE = an_object(
    {
        "auth": {**TEXT, "description": "Pusher's signature, for pusher-js."},
        "channel_data": {**TEXT, "description": "Presence channels: who joins, as JSON text."},
        "data": {**CHANNEL_DATA, "description": "The three channels of a streamer: what they show now."},
    },
    optional=("channel_data", "data"),
)
SENT_AT_MS = 1745993863512
REPORT_EXAMPLE = {
    "viewer_id": VIEWER_ID,
    "goal_id": SHOW_ID,
    "paid": {"amount": 200},
    "listed": True,
    "events": [
        {
            "event_id": EVENT_ID,
            "preset": "sd",
            "state": "sent",
            "attempts": 1,
            "planned_at_ms": SENT_AT_MS - 420,
            "sent_at_ms": SENT_AT_MS,
        }
    ],
    "credentials_fetched": None,
}

describe(
    ViewerView,
    DELIVERIES,
    get=operation(
        "getViewer",
        REPORT,
        answered={"Told, but has not fetched credentials": REPORT_EXAMPLE},
        headers={"Cache-Control": "private, no-store"},
    ),
)
describe(
    RedeliverView,
    DELIVERIES,
    post=operation(
        "redeliver",
        an_object({"events": COUNT}),
        body=RedeliverBody,
        body_is_optional=True,
        sent={"To one viewer": {"viewer_id": VIEWER_ID}, "To all": {}},
        answered={"Both": {"events": 2}},
    ),
)
describe(
    PusherAuthView,
    REALTIME,
    post=operation(
        "authorizeChannel",
        SIGNATURE,
        body={"application/json": PusherAuthBody, "application/x-www-form-urlencoded": PusherAuthBody},
        sent={"A streamer's channel": {"socket_id": "123.456", "channel_name": f"private-stream@{STREAMER_ID}"}},
        answered={"A streamer who is not live": {"auth": "key:5be6f2", "data": {"session": None, "goals": []}}},
    ),
)


def add_events(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Add the events to the document as its webhooks (a hook of spectacular's)."""
    result["webhooks"] = webhooks(result["components"]["schemas"]["Goal"]["properties"])
    return result
