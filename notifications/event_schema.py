"""The catalogue of events, with the channels and the data schema of each event."""

from collections.abc import Mapping

from api.openapi.operations import JSON, examples
from api.openapi.schemas import COUNT, ID, SECONDS, TEXT, Schema, an_object, or_null
from goals.payloads import CancelReason, LapseReason, UpdateReason
from notifications.channels import streamer_channels, viewer_channel
from notifications.events import (
    GOAL_ADDED,
    GOAL_CANCELLED,
    GOAL_ENDED,
    GOAL_LAPSED,
    GOAL_PROGRESSED,
    GOAL_STARTED,
    GOAL_UPDATED,
    PREVIEW,
    SD,
    STREAM_AUTHORIZED,
)
from showgoals.schema import RTC_INFO

STREAMER = streamer_channels("{streamer_id}")
VIEWER_PREVIEW = viewer_channel("{streamer_id}", PREVIEW, "{viewer_id}")
VIEWER_SD = viewer_channel("{streamer_id}", SD, "{viewer_id}")
AN_EVENT_ID = {
    **TEXT,
    "description": "The same on all channels and in repeats of the event. Ignore a pair of `event_id` and `redelivery` "
    "that you have seen.",
}
A_VERSION = {
    **COUNT,
    "description": "The goal's version. Ignore an event whose version is lower than the one you know.",
}
A_REDELIVERY = {**COUNT, "description": "How often the event was sent again on purpose; missing if never."}
JITTER = {
    **COUNT,
    "description": "If you ask for the session token, first wait for a random time of at most this many seconds.",
}
IDENTITY = {"event_id": AN_EVENT_ID, "version": A_VERSION, "goal_id": ID, "type": TEXT, "session_id": ID}
MOVED = {**IDENTITY, "nbf": or_null(SECONDS), "access_exp": or_null(SECONDS)}
CLOSES_AT = {
    **or_null(SECONDS),
    "description": "When a funding goal closes, or null if it has no end. Only for funding goals.",
}
UPDATED = {**MOVED, "reason": {"enum": [reason.value for reason in UpdateReason]}, "exp": CLOSES_AT}
CANCELLED = {**MOVED, "reason": {"enum": [reason.value for reason in CancelReason]}}
PROGRESSED = {
    "event_id": AN_EVENT_ID,
    "version": {
        **COUNT,
        "description": "The goal's version. Payments before a settlement don't raise it, so compare `progress`.",
    },
    "goal_id": ID,
    "progress": {**COUNT, "description": "Ignore an event whose progress is lower than the one you know."},
    "target": {**COUNT, "description": "The target of the last level."},
    "payers": {**COUNT, "description": "How many viewers have paid."},
}
ENDED = {**IDENTITY, "progress": COUNT, "exp": or_null(SECONDS)}
TOTAL = {**COUNT, "description": "What all payers together have paid."}
LAPSED = {
    **{name: schema for name, schema in IDENTITY.items() if name != "type"},
    "reason": {"enum": [reason.value for reason in LapseReason]},
    "total": TOTAL,
}
AUTHORIZED = {
    "event_id": AN_EVENT_ID,
    "version": A_VERSION,
    "redelivery": A_REDELIVERY,
    "goal_id": ID,
    "session_id": ID,
    "nbf": {**SECONDS, "description": "When access begins."},
    "exp": {**SECONDS, "description": "When access ends."},
    "jitter_factor": JITTER,
}
WITH_CREDENTIALS = {**AUTHORIZED, "token": TEXT, "byteplus_token": TEXT, "byteplus_rtc_info": RTC_INFO}
UPDATED_TEXT = (
    "A show was moved, changed, extended or revived, its streamer has really begun, or a funding goal closes at "
    "another time. For an extended show and for a funding goal, the reason is `changed`. The event is also sent to "
    "each payer if the reason is `moved` or `revived`."
)
LAPSED_TEXT = (
    "A funding goal is closed and can have no show any more, so its payments are due back. The event is also sent to "
    "each payer. It may arrive before the goal's `goal.ended`. Compare their versions. The reasons are `no_show` (no "
    "show was created in time), `show_cancelled` (the show was cancelled, and not revived in time) and `session_ended`."
)
AUTHORIZED_TEXT = (
    "A show has started, and the event has this viewer's credentials for it. `byteplus_rtc_info` is a second identity "
    "for the room, because a second join with the same user id throws the first one out."
)


def webhooks(goal: Mapping[str, Schema]) -> Schema:
    """Return the events as OpenAPI webhooks. `goal` maps the fields of a goal to their schemas."""
    parts = {"levels": goal["levels"], "context": goal["context"]}
    added = {**IDENTITY, "streamer_id": ID, "nbf": or_null(SECONDS), **parts}
    started = {**IDENTITY, "progress": COUNT, **parts, "access_exp": SECONDS}
    return {
        GOAL_ADDED: _event("onGoalAdded", STREAMER, "A show or a funding goal was created.", added),
        GOAL_STARTED: _event("onGoalStarted", STREAMER, "A show has started.", started),
        GOAL_UPDATED: _event("onGoalUpdated", (*STREAMER, VIEWER_PREVIEW), UPDATED_TEXT, UPDATED, optional=("exp",)),
        GOAL_CANCELLED: _event(
            "onGoalCancelled",
            (*STREAMER, VIEWER_PREVIEW),
            "A show was cancelled. The event is also sent to each payer.",
            CANCELLED,
        ),
        GOAL_PROGRESSED: _event(
            "onGoalProgressed",
            STREAMER,
            "A funding goal has collected more. Sent at most once a second. The last event has the final sum.",
            PROGRESSED,
        ),
        GOAL_ENDED: _event("onGoalEnded", STREAMER, "A show is over, or a funding goal has closed.", ENDED),
        GOAL_LAPSED: _event("onGoalLapsed", (*STREAMER, VIEWER_PREVIEW), LAPSED_TEXT, LAPSED),
        f"{STREAM_AUTHORIZED} ({PREVIEW})": _event(
            "onPreviewAuthorized",
            (VIEWER_PREVIEW,),
            "A show has started that this viewer paid for: ask for the session token.",
            AUTHORIZED,
        ),
        f"{STREAM_AUTHORIZED} ({SD})": _event("onStreamAuthorized", (VIEWER_SD,), AUTHORIZED_TEXT, WITH_CREDENTIALS),
    }


def _event(
    operation_id: str,
    channels: tuple[str, ...],
    text: str,
    data: dict[str, Schema],
    *,
    optional: tuple[str, ...] = ("redelivery",),
) -> Schema:
    listed = "\n".join(f"- `{channel}`" for channel in channels)
    example = {
        name: schema["enum"][0] if "enum" in schema else examples()["events"][name]
        for name, schema in data.items()
        if name not in optional
    }
    return {
        "post": {
            "operationId": operation_id,
            "tags": ["Events"],
            "security": [],
            "summary": text.partition(". ")[0].rstrip("."),
            "description": f"{text}\n\nSent through Pusher on the channels\n{listed}",
            "x-channels": list(channels),
            "requestBody": {
                "description": "The event's data.",
                "content": {
                    JSON: {
                        "schema": an_object(data, optional=optional),
                        "examples": {"data": {"value": example}},
                    }
                },
            },
            "responses": {"204": {"description": "Pusher's clients do not respond."}},
        }
    }
