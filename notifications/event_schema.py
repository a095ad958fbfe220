"""The catalogue of events: each with its channels, and the schema of its data."""

from collections.abc import Mapping
from typing import Any

from api.openapi.examples import ACCESS_EXP, EVENT_ID, NBF, SESSION_ID, SHOW_ID, STREAMER_ID
from api.openapi.schemas import COUNT, ID, SECONDS, TEXT, an_object, or_null
from notifications.channels import streamer_channels, viewer_channel
from notifications.events import (
    GOAL_ADDED,
    GOAL_CANCELLED,
    GOAL_ENDED,
    GOAL_STARTED,
    GOAL_UPDATED,
    JITTER_SECONDS,
    PREVIEW,
    SD,
    STREAM_AUTHORIZED,
)
from showgoals.examples import SD_CREDENTIALS, SHOW
from showgoals.schema import RTC_INFO

Schema = dict[str, Any]

TO_STREAMER = streamer_channels("{streamer_id}")
TO_PREVIEW = viewer_channel("{streamer_id}", PREVIEW, "{viewer_id}")
TO_SD = viewer_channel("{streamer_id}", SD, "{viewer_id}")
AN_EVENT_ID = {**TEXT, "description": "The same for all channels and repeats of one event: pass over what you know."}
IDENTITY = {"event_id": AN_EVENT_ID, "goal_id": ID, "type": TEXT, "session_id": ID}
MOVED = {"nbf": or_null(SECONDS), "access_exp": or_null(SECONDS)}
AUTHORIZED = {
    "event_id": AN_EVENT_ID,
    "goal_id": ID,
    "session_id": ID,
    "nbf": {**SECONDS, "description": "When access begins."},
    "exp": {**SECONDS, "description": "When access ends."},
    "jitter_factor": {
        **COUNT,
        "description": "Wait a random part of this many seconds, then ask for the session token.",
    },
}
CREDENTIALS = {"token": TEXT, "byteplus_token": TEXT, "byteplus_rtc_info": RTC_INFO}

IDENTITY_EXAMPLE = {"event_id": EVENT_ID, "goal_id": SHOW_ID, "type": "show", "session_id": SESSION_ID}
MOVED_EXAMPLE = {**IDENTITY_EXAMPLE, "nbf": NBF, "access_exp": ACCESS_EXP}
AUTHORIZED_EXAMPLE = {
    "event_id": EVENT_ID,
    "goal_id": SHOW_ID,
    "session_id": SESSION_ID,
    "nbf": NBF,
    "exp": ACCESS_EXP,
    "jitter_factor": JITTER_SECONDS,
}
GOAL_EXAMPLE = {"levels": SHOW["levels"], "context": SHOW["context"]}


def webhooks(goal: Mapping[str, Schema]) -> Schema:
    """Return the events as OpenAPI webhooks; `goal` has the schemas of a goal's own parts."""
    parts = {"levels": goal["levels"], "context": goal["context"]}
    added = {**IDENTITY, "streamer_id": ID, "nbf": or_null(SECONDS), **parts}
    started = {**IDENTITY, "progress": COUNT, **parts, "access_exp": SECONDS}
    ended = {**IDENTITY, "progress": COUNT, "exp": or_null(SECONDS)}
    return {
        GOAL_ADDED: _event(
            "onGoalAdded",
            "A show or a funding goal was created.",
            TO_STREAMER,
            added,
            {**IDENTITY_EXAMPLE, "streamer_id": STREAMER_ID, "nbf": NBF, **GOAL_EXAMPLE},
        ),
        GOAL_STARTED: _event(
            "onGoalStarted",
            "A show has started.",
            TO_STREAMER,
            started,
            {**IDENTITY_EXAMPLE, "progress": 0, **GOAL_EXAMPLE, "access_exp": ACCESS_EXP},
        ),
        GOAL_UPDATED: _event(
            "onGoalUpdated",
            "A show was moved, or its streamer has really begun.",
            TO_STREAMER,
            {**IDENTITY, **MOVED},
            MOVED_EXAMPLE,
        ),
        GOAL_CANCELLED: _event(
            "onGoalCancelled",
            "A show was cancelled. Each payer hears it too.",
            (*TO_STREAMER, TO_PREVIEW),
            {**IDENTITY, **MOVED},
            MOVED_EXAMPLE,
        ),
        GOAL_ENDED: _event(
            "onGoalEnded",
            "A show is over, or a funding goal has closed.",
            TO_STREAMER,
            ended,
            {**IDENTITY_EXAMPLE, "progress": 0, "exp": ACCESS_EXP},
        ),
        f"{STREAM_AUTHORIZED} ({PREVIEW})": _event(
            "onPreviewAuthorized",
            "A show has started that this viewer paid for: ask for the session token.",
            (TO_PREVIEW,),
            AUTHORIZED,
            AUTHORIZED_EXAMPLE,
        ),
        f"{STREAM_AUTHORIZED} ({SD})": _event(
            "onStreamAuthorized",
            "A show has started: this viewer's credentials for it. `byteplus_rtc_info` is a second identity for "
            "the room, because a second join with the same user id throws the first one out.",
            (TO_SD,),
            {**AUTHORIZED, **CREDENTIALS},
            {**AUTHORIZED_EXAMPLE, **SD_CREDENTIALS},
        ),
    }


def _event(
    operation_id: str, summary: str, channels: tuple[str, ...], data: Mapping[str, Schema], example: Mapping[str, Any]
) -> Schema:
    listed = "\n".join(f"- `{channel}`" for channel in channels)
    content = {"schema": an_object(dict(data)), "examples": {"data": {"value": dict(example)}}}
    return {
        "post": {
            "operationId": operation_id,
            "tags": ["Realtime"],
            "summary": summary.partition(". ")[0].rstrip("."),
            "description": f"{summary}\n\nSent through Pusher on the channels\n{listed}",
            "x-channels": list(channels),
            "requestBody": {"description": "The event's data.", "content": {"application/json": content}},
        }
    }
