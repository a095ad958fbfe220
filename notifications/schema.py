"""What this room's operations are, for the OpenAPI document; the events, which nobody asks for by HTTP."""

from typing import Any

from api.openapi.described import Declared, answered, describe_view, described, sent
from api.openapi.examples import EVENT_ID, SHOW_ID, STREAMER_ID, VIEWER_ID
from api.openapi.problems import INVALID
from api.openapi.schemas import BOOLEAN, COUNT, ID, MILLISECONDS, TEXT, an_object, list_of, or_null
from goals.errors import AlreadyEnded, GoalNotFound, NotStarted
from notifications.backends.base import RealtimeUnconfigured
from notifications.channels import ChannelForbidden
from notifications.event_schema import webhooks
from notifications.events import PREVIEW, SD
from notifications.fanout.ledger import State
from notifications.fanout.redelivery import ViewerNotFound
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

describe_view(
    ViewerView,
    get=described(
        operation_id="getViewer",
        tag=DELIVERIES,
        summary="Why wasn't I let in?",
        description="What is known of one viewer and one goal, for 30 days.",
        answer=REPORT,
        examples=[answered("Told, but has not fetched credentials", REPORT_EXAMPLE)],
        declared=Declared(errors=(GoalNotFound,), headers={"Cache-Control": "private, no-store"}),
    ),
)
describe_view(
    RedeliverView,
    post=described(
        operation_id="redeliver",
        tag=DELIVERIES,
        summary="Send credentials again",
        description=(
            "`stream.authorized` of a live show: with `viewer_id` to that viewer, sent before or not; with `{}` to all "
            "who have not got it. Answers how many events go out, with the `event_id` they had."
        ),
        body=RedeliverBody,
        answer=an_object({"events": COUNT}),
        examples=[sent("To one viewer", {"viewer_id": VIEWER_ID}), sent("To all", {}), answered("Both", {"events": 2})],
        declared=Declared(errors=(GoalNotFound, ViewerNotFound, NotStarted, AlreadyEnded), body_is_optional=True),
    ),
)
describe_view(
    PusherAuthView,
    post=described(
        operation_id="authorizeChannel",
        tag=REALTIME,
        summary="May I subscribe?",
        description=(
            "As pusher-js posts it, form-encoded or JSON; other keys are passed over. `private-user@{u}`: u. "
            "`private-stream@{s}`, `presence-stream@{s}`: anyone signed in. "
            "`presence-stream-viewer@{s}.preview.{v}`: v. "
            "`presence-stream-viewer@{s}.sd.{v}`: v, if v paid for a funding goal of s whose show is not over. "
            "Payers subscribe before the start, for Pusher drops what nobody is subscribed to."
        ),
        body={"application/json": PusherAuthBody, "application/x-www-form-urlencoded": PusherAuthBody},
        answer=SIGNATURE,
        examples=[
            sent(
                "A streamer's channel",
                {"socket_id": "123.456", "channel_name": f"private-stream@{STREAMER_ID}"},
            ),
            answered(
                "A streamer who is not live",
                {"auth": "key:5be6f2", "data": {"session": None, "goals": []}},
            ),
        ],
        declared=Declared(errors=(INVALID, ChannelForbidden, RealtimeUnconfigured)),
    ),
)


def add_events(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Add the events to the document as its webhooks (a hook of spectacular's)."""
    result["webhooks"] = webhooks(result["components"]["schemas"]["Goal"]["properties"])
    return result
